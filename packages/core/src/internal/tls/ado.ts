/**
 * What ADO's keywords say of TLS, as SqlClient, Connector/NET and Npgsql have them.
 *
 * `Encrypt=false` and `optional` leave all but the login unencrypted, which the protocol of SQL Server does by itself: that is
 * `disable` here. https://learn.microsoft.com/sql/connect/ado-net/encryption-and-certificate-validation
 *
 * @internal
 */
import * as Either from "effect/Either"
import { type Checked, refuse } from "../../Options.js"
import type { Mode } from "../../Tls.js"

interface Said {
  readonly mode?: Mode
  /** The path of a file. */
  readonly ca?: string
  readonly servername?: string
}

const words: ReadonlyMap<string, boolean> = new Map([
  ["true", true], ["yes", true], ["mandatory", true], ["strict", true], ["false", false], ["no", false], ["optional", false]
])

// Connector/NET's and Npgsql's words.
const sslModes: ReadonlyMap<string, Mode> = new Map([
  ["none", "disable"], ["disabled", "disable"], ["disable", "disable"], ["preferred", "prefer"], ["prefer", "prefer"], ["required", "require"],
  ["require", "require"], ["verifyca", "verify-ca"], ["verifyidentity", "verify-full"], ["verifyfull", "verify-full"]
])

export const ofAdo = (options: Readonly<Record<string, string>>): Checked<Said | undefined> => {
  const { encrypt, hostNameInCertificate: servername, sslMode, trustServerCertificate, trustServerCertificateCA: ca } = options
  if ((encrypt ?? servername ?? sslMode ?? trustServerCertificate ?? ca) === undefined) return Either.right(undefined)
  const named = { ...(ca === undefined ? {} : { ca }), ...(servername === undefined ? {} : { servername }) }
  if (sslMode !== undefined) {
    const mode = sslModes.get(sslMode.toLowerCase().replace(/[-_\s]/g, ""))
    if (mode === undefined) return refuse("keyword SSL Mode", "must be None, Preferred, Required, VerifyCA, or VerifyFull")
    return (encrypt ?? trustServerCertificate) === undefined ? Either.right({ ...named, mode }) : refuse("keyword SSL Mode", "says what Encrypt says: give one of them")
  }
  const isStrict = encrypt?.toLowerCase() === "strict"
  const encrypts = encrypt === undefined ? true : words.get(encrypt.toLowerCase())
  if (encrypts === undefined) return refuse("keyword Encrypt", "must be true, mandatory, strict, false or optional")
  const trusts = trustServerCertificate === undefined ? false : words.get(trustServerCertificate.toLowerCase())
  if (trusts === undefined) return refuse("keyword TrustServerCertificate", "must be true or false")
  if (!encrypts) return Either.right({ mode: "disable" })
  if (trusts && (ca !== undefined || isStrict)) return refuse("keyword TrustServerCertificate", `trusts whoever answers, and ${ca === undefined ? "Encrypt=strict" : "TrustServerCertificateCA"} is there to check it`)
  return Either.right({ ...named, mode: trusts ? "require" : "verify-full" })
}
