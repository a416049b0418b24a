/**
 * TLS options, checked before anything is sent: each certificate and key is read here, so that one that is no PEM is a
 * ConfigError that names its field and not a handshake that fails.
 *
 * It speaks no TLS; what a failed handshake means is in `refused`. Called by `options`.
 *
 * @internal
 */
import * as Options from "@sluice/core/Options"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { ConnectionOptions } from "mysql2"
import { createPrivateKey, X509Certificate } from "node:crypto"
import { createSecureContext } from "node:tls"
import type { Tls } from "../Config.js"

type Ssl = NonNullable<Exclude<ConnectionOptions["ssl"], string>>

/** What the driver is given; `undefined` where TLS is not asked for. */
export const tlsOf = (tls: boolean | Tls | undefined): Options.Checked<Ssl | undefined> =>
  Either.gen(function*() {
    if (tls === undefined || tls === false) return undefined
    const { ca, cert, key, passphrase, rejectUnauthorized = true, verifyIdentity = rejectUnauthorized } = tls === true ? {} : tls
    if (ca !== undefined) yield* certificates("tls.ca", ca)
    if (cert !== undefined) yield* certificates("tls.cert", cert)
    if (key !== undefined) yield* privateKey(key, passphrase)
    if ((cert === undefined) !== (key === undefined)) {
      yield* Options.refuse(cert === undefined ? "tls.cert" : "tls.key", "is missing: a client's certificate and its key go together")
    }
    const own = {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key: Redacted.value(key) }),
      ...(passphrase === undefined ? {} : { passphrase: Redacted.value(passphrase) })
    }
    try {
      createSecureContext(own)
    } catch (error) {
      const words = codeOf(error) === "ERR_OSSL_X509_KEY_VALUES_MISMATCH" ? "is not the key of tls.cert" : `cannot be used (${codeOf(error)})`
      yield* Options.refuse("tls.key", words)
    }
    return { ...own, rejectUnauthorized, verifyIdentity }
  })

const begin = "-----BEGIN CERTIFICATE-----"

// Node takes any text for `ca`, and trusts nobody by it.
const certificates = (field: string, text: string): Options.Checked<void> => {
  const [, ...each] = text.split(begin)
  if (each.length === 0) return Options.refuse(field, "holds no certificate in PEM: it is the text, not the path of a file")
  try {
    each.map((one) => new X509Certificate(begin + one))
    return Either.void
  } catch (error) {
    return Options.refuse(field, `holds a certificate that cannot be read (${codeOf(error)})`)
  }
}

const privateKey = (key: Redacted.Redacted, passphrase: Redacted.Redacted | undefined): Options.Checked<void> => {
  try {
    createPrivateKey({ key: Redacted.value(key), ...(passphrase === undefined ? {} : { passphrase: Redacted.value(passphrase) }) })
    return Either.void
  } catch (error) {
    switch (codeOf(error)) {
      case "ERR_MISSING_PASSPHRASE":
      case "ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED":
        return Options.refuse("tls.passphrase", "is missing: the key is encrypted")
      case "ERR_OSSL_BAD_DECRYPT":
        return Options.refuse("tls.passphrase", "does not open the key")
      default:
        return Options.refuse("tls.key", "holds no private key in PEM: it is the text, not the path of a file")
    }
  }
}

// OpenSSL's words may quote the text.
const codeOf = (error: unknown): string => error instanceof Error && "code" in error ? String(error.code) : "no code"
