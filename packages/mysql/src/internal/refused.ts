/**
 * What a connection was refused for: TLS and the login, by the driver's errors, which have no number of the server.
 *
 * The driver gives every failed handshake one code; the certificate's own is told again here, from OpenSSL's words. What
 * the server itself answers is in the table of `errors`, which calls this.
 *
 * @internal
 */
import * as Reason from "@sluice/core/Reason"
import type { DriverError } from "./driver.js"

// Page x509_verify_cert_error_string of OpenSSL, and Node's own check of names.
const verifications: ReadonlyArray<readonly [words: RegExp, code: string]> = [
  [/does not match certificate's altnames|Cert does not contain a DNS name|is not in the cert's list/i, "ERR_TLS_CERT_ALTNAME_INVALID"],
  [/self[- ]signed certificate in certificate chain/i, "SELF_SIGNED_CERT_IN_CHAIN"],
  [/self[- ]signed certificate/i, "DEPTH_ZERO_SELF_SIGNED_CERT"],
  [/unable to verify the first certificate/i, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  [/unable to get (?:local )?issuer certificate/i, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"],
  [/certificate has expired/i, "CERT_HAS_EXPIRED"],
  [/certificate is not yet valid/i, "CERT_NOT_YET_VALID"],
  [/certificate revoked/i, "CERT_REVOKED"]
]

/** The reason, where it is one of these; the connection was never open, and nothing was applied. */
export const refusal = (error: DriverError, options: Reason.ReasonOptions): Reason.Reason | undefined => {
  const fixed = { ...options, isRetryable: false, outcome: "not-applied", connection: "broken" } as const
  switch (error.code) {
    case "HANDSHAKE_NO_SSL_SUPPORT":
      return new Reason.ConnectionError({ ...fixed, message: "the server offers no TLS, and tls is wanted" })
    case "HANDSHAKE_SSL_ERROR":
      return handshake(error, options, fixed)
    case "MYSQL_CLEAR_PASSWORD_NOT_ENABLED":
      return new Reason.AuthenticationError({
        ...fixed,
        message: "the server asks for the password in clear text (mysql_clear_password) without TLS: it was not sent"
      })
    case "AUTH_SWITCH_PLUGIN_ERROR": {
      const plugin = /unknown plugin ([\w-]+)/.exec(error.message)?.[1]
      return new Reason.AuthenticationError({
        ...fixed,
        message: plugin === undefined ? `logging in failed: ${error.message}`
          : `the server asks for the authentication plugin ${plugin}, which the driver does not have`
      })
    }
    default:
      return undefined
  }
}

const handshake = (error: DriverError, options: Reason.ReasonOptions, fixed: Reason.ReasonOptions): Reason.Reason => {
  const found = verifications.find(([words]) => words.test(error.message))
  // A connection that was lost in the handshake may come up the next time; what was said about certificates stays.
  return found === undefined && /ECONNRESET|EPIPE|socket disconnected/.test(error.message)
    ? new Reason.ConnectionError({ ...options, outcome: "not-applied" })
    : new Reason.ConnectionError({ ...fixed, code: found?.[1] ?? options.code, message: `TLS was refused: ${error.message}` })
}
