/**
 * What a connection was refused for: TLS and the login, by the driver's errors, which have no number of the server.
 *
 * The driver gives every failed handshake one code; the certificate's own is beside it. What the server itself answers is
 * in the table of `errors`, which calls this.
 *
 * @internal
 */
import * as Reason from "@sluice/core/Reason"
import type { DriverError } from "./driver.js"

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
  // A connection that was lost in the handshake may come up the next time; what was said about certificates stays.
  return error.tls === "ECONNRESET" || error.tls === "EPIPE"
    ? new Reason.ConnectionError({ ...options, outcome: "not-applied" })
    : new Reason.ConnectionError({ ...fixed, code: error.tls ?? options.code, message: `TLS was refused: ${error.message}` })
}
