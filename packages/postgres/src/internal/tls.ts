/**
 * TLS: what `sslmode` and `tls` say, with libpq's meanings, and certificates that are checked before anything is sent.
 *
 * `disable` and `allow` begin without TLS, `prefer` with it, and neither `allow` nor `prefer` checks anybody; `require` checks
 * nobody either, unless an authority is given: then it is `verify-ca`, as in libpq. Called by `options`.
 * https://www.postgresql.org/docs/17/libpq-ssl.html
 *
 * @internal
 */
import * as Options from "@sluice/core/Options"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { Stats } from "node:fs"
import { createPrivateKey, X509Certificate } from "node:crypto"
import * as NodeTls from "node:tls"
import type { Config } from "../Config.js"
import { failure, type Failure, found, own, read } from "./files.js"
import { type File, type Said, sslmodes } from "./keywords.js"

/** How a server is spoken to, in the order in which it is tried. */
export type Ways = ReadonlyArray<false | NodeTls.ConnectionOptions>

type Mode = NonNullable<Config["sslmode"]>

/** The ways of a config. With `isHomeRead` certificates are looked for in the user's own folder, as libpq does. */
export const waysOf = (config: Pick<Config, "tls" | "sslmode">, said: Said, isHomeRead: boolean): Effect.Effect<Ways, Failure> =>
  Effect.gen(function*() {
    const tls = typeof config.tls === "object" ? config.tls : {}
    const mode = yield* modeOf(config, said)
    if (mode === "disable") return [false]
    const home = (name: string) => isHomeRead ? found(own(`.postgresql/${name}`, name), "environment") : Effect.succeed(undefined)
    const files = said.files ?? {}
    const ca = tls.ca === undefined ? yield* textOf(files.sslrootcert ?? (yield* home("root.crt"))) : { text: tls.ca, field: "tls.ca" }
    const crl = tls.crl === undefined ? yield* textOf(files.sslcrl ?? (ca === undefined ? undefined : yield* home("root.crl"))) : { text: tls.crl, field: "tls.crl" }
    const ownCert = tls.cert === undefined && files.sslcert === undefined ? yield* home("postgresql.crt") : undefined
    const cert = tls.cert === undefined ? yield* textOf(files.sslcert ?? ownCert) : { text: tls.cert, field: "tls.cert" }
    const key = tls.key === undefined ? yield* keyOf(files.sslkey ?? (ownCert === undefined ? undefined : yield* home("postgresql.key"))) : { text: Redacted.value(tls.key), field: "tls.key" }
    const passphrase = tls.passphrase ?? said.sslpassword
    const isSystem = ca?.text === "system"
    if (isSystem && mode !== "verify-full" && config.tls === undefined) yield* Options.refuse("sslmode", "must be verify-full where the system's authorities are trusted: anybody has a certificate of theirs")
    if (ca !== undefined && !isSystem) yield* certificates(ca)
    if (cert !== undefined) yield* certificates(cert)
    if (key !== undefined) yield* privateKey(key, passphrase)
    if (cert === undefined && key !== undefined) yield* Options.refuse("tls.cert", `is missing: ${key.field} is the key of none`)
    if (key === undefined && cert !== undefined) yield* Options.refuse("tls.key", `is missing: a key goes with ${cert.field}`)
    const secureContext = yield* contextOf({
      ...(ca === undefined ? {} : isSystem ? systemAuthorities() : { ca: ca.text }),
      ...(crl === undefined ? {} : { crl: crl.text }),
      ...(cert === undefined ? {} : { cert: cert.text }),
      ...(key === undefined ? {} : { key: key.text }),
      ...(passphrase === undefined ? {} : { passphrase: Redacted.value(passphrase) }),
      ...(said.minVersion === undefined ? {} : { minVersion: said.minVersion }),
      ...(said.maxVersion === undefined ? {} : { maxVersion: said.maxVersion })
    }, key?.field ?? crl?.field ?? "tls")
    const isChecked = mode.startsWith("verify") || (mode === "require" && ca !== undefined && tls.rejectUnauthorized !== false)
    const options = {
      secureContext,
      rejectUnauthorized: isChecked,
      ...(mode === "verify-full" ? {} : { checkServerIdentity: () => undefined })
    }
    return mode === "allow" ? [false, options] : mode === "prefer" ? [options, false] : [options]
  })

/** Fields win; without a mode anything that is said of TLS means `verify-full`. */
const modeOf = ({ sslmode, tls }: Pick<Config, "tls" | "sslmode">, said: Said): Options.Checked<Mode> => {
  const isStrict = typeof tls === "object" ? tls.rejectUnauthorized !== undefined || tls.verifyIdentity !== undefined : tls !== undefined
  if (sslmode !== undefined && isStrict) return Options.refuse("sslmode", "is said by tls already: give one of them")
  if (sslmode !== undefined && !sslmodes.includes(sslmode)) return Options.refuse("sslmode", `must be one of ${sslmodes.join(", ")}`)
  if (tls === false) return Either.right("disable")
  if (tls === true) return Either.right("verify-full")
  if (isStrict) return Either.right(tls?.rejectUnauthorized === false ? "require" : tls?.verifyIdentity === false ? "verify-ca" : "verify-full")
  const { sslcert, sslcrl, sslkey, sslrootcert } = said.files ?? {}
  return Either.right(sslmode ?? said.sslmode ?? (tls ?? sslcert ?? sslcrl ?? sslkey ?? sslrootcert ? "verify-full" : "disable"))
}

/** A text in PEM, and the field that it came by. */
interface Pem {
  readonly text: string
  readonly field: string
}

const textOf = (file: File | undefined): Effect.Effect<Pem | undefined, Failure> =>
  file === undefined ? Effect.succeed(undefined)
    : file.path === "system" ? Effect.succeed({ text: "system", field: file.field })
    : Effect.map(read(file), ({ text }) => ({ text, field: file.field }))

/** As libpq: a key that others may read is no secret. One of root's may be read by its group. */
const keyOf = (file: File | undefined): Effect.Effect<Pem | undefined, Failure> =>
  file === undefined ? Effect.succeed(undefined)
    : Effect.flatMap(read(file), ({ stats, text }) =>
      isOpen(stats) ? Effect.fail(failure(file, "names a key that others may read: its mode should be 0600 or less, or 0640 where it is root's"))
        : Effect.succeed({ text, field: file.field }))

const isOpen = ({ mode, uid }: Stats): boolean => process.platform !== "win32" && (mode & (uid === 0 ? 0o037 : 0o077)) !== 0

/** Node knows the operating system's from 22.15 on; before that, its own. */
const systemAuthorities = (): { readonly ca?: Array<string> } => {
  const { getCACertificates } = NodeTls as { readonly getCACertificates?: (type: "system") => Array<string> }
  return getCACertificates === undefined ? {} : { ca: getCACertificates("system") }
}

const contextOf = (options: NodeTls.SecureContextOptions, field: string): Options.Checked<NodeTls.SecureContext> => {
  try {
    return Either.right(NodeTls.createSecureContext(options))
  } catch (error) {
    return Options.refuse(field, codeOf(error) === "ERR_OSSL_X509_KEY_VALUES_MISMATCH" ? "is not the key of the certificate" : `cannot be used (${codeOf(error)})`)
  }
}

const begin = "-----BEGIN CERTIFICATE-----"

// Node takes any text for `ca`, and trusts nobody by it.
const certificates = ({ field, text }: Pem): Options.Checked<void> => {
  const [, ...each] = text.split(begin)
  if (each.length === 0) return Options.refuse(field, "holds no certificate in PEM")
  try {
    each.map((one) => new X509Certificate(begin + one))
    return Either.void
  } catch (error) {
    return Options.refuse(field, `holds a certificate that cannot be read (${codeOf(error)})`)
  }
}

const privateKey = ({ field, text }: Pem, passphrase: Redacted.Redacted | undefined): Options.Checked<void> => {
  try {
    createPrivateKey({ key: text, ...(passphrase === undefined ? {} : { passphrase: Redacted.value(passphrase) }) })
    return Either.void
  } catch (error) {
    switch (codeOf(error)) {
      case "ERR_MISSING_PASSPHRASE":
      case "ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED":
        return Options.refuse("tls.passphrase", `is missing: the key of ${field} is encrypted`)
      case "ERR_OSSL_BAD_DECRYPT":
        return Options.refuse("tls.passphrase", `does not open the key of ${field}`)
      default:
        return Options.refuse(field, "holds no private key in PEM")
    }
  }
}

// OpenSSL's words may quote the text.
const codeOf = (error: unknown): string => error instanceof Error && "code" in error ? String(error.code) : "no code"
