/**
 * The context that a handshake is made with, and the check of whom it was made with.
 *
 * @internal
 */
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import { type Checked, refuse } from "../../Options.js"
import type { Mode, Platform, Secured, ServerCertificate, Tls } from "../../Tls.js"
import { codeOf, type Pem } from "./pem.js"

interface Texts {
  readonly ca: Pem | undefined
  readonly crl: Pem | undefined
  readonly cert: Pem | undefined
  readonly key: Pem | undefined
  readonly isSystem: boolean
}

export const contextOf = <C>(
  { ciphers, maxVersion, minVersion, passphrase }: Tls,
  { ca, cert, crl, isSystem, key }: Texts,
  { tls }: Pick<Platform<C, never>, "tls">
): Checked<C> => {
  if (cert === undefined && key !== undefined) return refuse("tls.cert", `is missing: ${key.field} is the key of none`)
  if (key === undefined && cert !== undefined) return refuse("tls.key", `is missing: a key goes with ${cert.field}`)
  try {
    return Either.right(tls.createSecureContext({
      ...(ca === undefined ? {} : { ca: ca.text }),
      ...(isSystem && tls.getCACertificates !== undefined ? { ca: tls.getCACertificates("system") } : {}),
      ...(crl === undefined ? {} : { crl: crl.text }),
      ...(cert === undefined ? {} : { cert: cert.text }),
      ...(key === undefined ? {} : { key: key.text }),
      ...(passphrase === undefined ? {} : { passphrase: Redacted.value(passphrase) }),
      ...(ciphers === undefined ? {} : { ciphers }),
      ...(minVersion === undefined ? {} : { minVersion }),
      ...(maxVersion === undefined ? {} : { maxVersion })
    }))
  } catch (error) {
    const code = codeOf(error)
    if (code === "ERR_SSL_NO_CIPHER_MATCH") return refuse("tls.ciphers", "names no cipher that is known")
    if (code.startsWith("ERR_TLS_INVALID_PROTOCOL")) return refuse("tls.minVersion", "and tls.maxVersion must be TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3")
    return refuse(key?.field ?? crl?.field ?? "tls", code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH" ? "is not the key of the certificate" : `cannot be used (${code})`)
  }
}

/** Whom the server must prove to be. */
export const checkOf = <P extends ServerCertificate>(
  { checkServerIdentity: own, servername }: Tls,
  mode: Mode,
  { tls }: Pick<Platform<unknown, P>, "tls">
): Checked<Pick<Secured<unknown, P>["options"], "checkServerIdentity" | "servername">> => {
  if (own !== undefined && !mode.startsWith("verify")) return refuse("tls.checkServerIdentity", `is not asked where tls.mode is ${mode}, which checks nobody`)
  if (servername === "") return refuse("tls.servername", "must not be empty")
  return Either.right({
    // An address is no name to ask for (RFC 6066, 3), but the certificate may have it.
    ...(servername === undefined || /^[\d.]+$|:/.test(servername) ? {} : { servername }),
    checkServerIdentity: (host, certificate) => {
      const name = servername ?? host
      const refused = mode === "verify-full" ? tls.checkServerIdentity(name, certificate) : undefined
      return refused ?? (own === undefined ? undefined : asked(own, name, certificate))
    }
  })
}

const asked = (own: NonNullable<Tls["checkServerIdentity"]>, name: string, certificate: ServerCertificate): Error | undefined => {
  let words: string
  try {
    const refused = own(name, certificate)
    if (refused === undefined) return undefined
    words = refused.message
  } catch (error) {
    words = error instanceof Error ? error.message : "it threw"
  }
  return Object.assign(new Error(`tls.checkServerIdentity refuses the server: ${words}`), { code: "ERR_TLS_IDENTITY_REFUSED" })
}
