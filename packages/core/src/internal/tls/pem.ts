/**
 * Certificates, lists and keys: read where they are files, and looked at before a handshake would fail for them.
 *
 * No message quotes a text, nor OpenSSL's words, which may.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Redacted from "effect/Redacted"
import { type Checked, refuse } from "../../Options.js"
import * as Reason from "../../Reason.js"
import * as SqlError from "../../SqlError.js"
import type { File, Platform } from "../../Tls.js"

/** A text in PEM, and what it came by. */
export interface Pem {
  readonly text: string
  readonly field: string
}

type Node = Pick<Platform<unknown, never>, "crypto" | "fs">

type Found = Effect.Effect<Pem | undefined, SqlError.SqlError<Reason.ConfigError>>

export const certificates = (field: string, given: string | File | undefined, node: Node): Found =>
  Effect.tap(found(field, given, "CERTIFICATE", node), (pem) => pem === undefined ? Either.void : readable(pem, node))

export const lists = (field: string, given: string | File | undefined, node: Node): Found =>
  Effect.filterOrElse(found(field, given, "X509 CRL", node), (pem) => pem === undefined || pem.text.includes("-----BEGIN X509 CRL-----"), () =>
    refuse(nameOf(field, given), `holds no list of revoked certificates in PEM${hint(given)}`))

export const privateKey = (
  field: string,
  given: Redacted.Redacted | File | undefined,
  passphrase: Redacted.Redacted | undefined,
  node: Node
): Found =>
  Redacted.isRedacted(given)
    ? Effect.as(openable({ text: Redacted.value(given), field }, passphrase, node), { text: Redacted.value(given), field })
    : Effect.tap(found(field, given, "PRIVATE KEY", node), (pem) => pem === undefined ? Either.void : openable(pem, passphrase, node))

const nameOf = (field: string, given: string | File | undefined): string => typeof given === "object" ? given.field ?? field : field

const hint = (given: string | File | undefined): string => typeof given === "string" ? ": it is the text; a path goes in Tls.file" : ""

const found = (field: string, given: string | File | undefined, label: string, { fs }: Node): Found => {
  if (given === undefined) return Effect.succeed(undefined)
  if (typeof given === "string") return Effect.succeed({ text: given, field })
  const name = nameOf(field, given)
  return Effect.tryPromise({
    try: () => fs.readFile(given.path),
    catch: (error) => {
      const code = codeOf(error)
      const words = code === "ENOENT" ? "names a file that is not there" : `names a file that cannot be read (${code})`
      return SqlError.make(new Reason.ConfigError({ message: `${name} ${words}: ${given.path}`, field: name }))
    }
  }).pipe(Effect.map((bytes) => ({ text: textOf(bytes, label), field: name })))
}

// DER begins with the tag of a sequence, which no text in PEM does.
const textOf = (bytes: Uint8Array, label: string): string =>
  bytes[0] === 0x30 ? `-----BEGIN ${label}-----\n${Encoding.encodeBase64(bytes).replace(/.{64}/g, "$&\n")}\n-----END ${label}-----\n` : new TextDecoder().decode(bytes)

const begin = "-----BEGIN CERTIFICATE-----"

// Node takes any text for an authority, and trusts nobody by it.
const readable = ({ field, text }: Pem, { crypto }: Node): Checked<void> => {
  const [, ...each] = text.split(begin)
  if (each.length === 0) return refuse(field, "holds no certificate in PEM: it is the text; a path goes in Tls.file")
  try {
    each.map((one) => new crypto.X509Certificate(begin + one))
    return Either.void
  } catch (error) {
    return refuse(field, `holds a certificate that cannot be read (${codeOf(error)})`)
  }
}

const openable = ({ field, text }: Pem, passphrase: Redacted.Redacted | undefined, { crypto }: Node): Checked<void> => {
  try {
    crypto.createPrivateKey({ key: text, ...(passphrase === undefined ? {} : { passphrase: Redacted.value(passphrase) }) })
    return Either.void
  } catch (error) {
    switch (codeOf(error)) {
      case "ERR_MISSING_PASSPHRASE":
      case "ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED":
        return refuse("tls.passphrase", `is missing: the key of ${field} is encrypted`)
      case "ERR_OSSL_BAD_DECRYPT":
        return refuse("tls.passphrase", `does not open the key of ${field}`)
      default:
        return refuse(field, "holds no private key in PEM: it is the text; a path goes in Tls.file")
    }
  }
}

export const codeOf = (error: unknown): string => error instanceof Error && "code" in error ? String(error.code) : "no code"
