/**
 * The session's settings: what is sent when a session is new, and again after every reset, which drops all of it.
 *
 * It sends nothing itself. Called by `options` when a database is made, and by `wire` for each session.
 *
 * @internal
 */
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import { assignments, type Charset } from "./charset.js"

export interface Wanted {
  readonly charset: Charset
  /** Minutes from UTC. */
  readonly offset: number
  /** Milliseconds for which a stream's consumer may pause. */
  readonly writeTimeout: number
  /** Names of modes and commas: nothing that ends a string. */
  readonly sqlMode: string | undefined
  readonly initCommand: string | ReadonlyArray<string> | undefined
}

/** The statements: one that sets everything, and then the user's own. */
export const statementsOf = ({ charset, initCommand, offset, sqlMode, writeTimeout }: Wanted): ReadonlyArray<string> => {
  const seconds = Math.min(31_536_000, Math.max(1, Math.ceil(writeTimeout / 1000)))
  const settings = [
    assignments(charset),
    `SESSION time_zone = '${zoneOf(offset)}'`,
    `SESSION net_write_timeout = ${seconds}`,
    ...(sqlMode === undefined ? [] : [`SESSION sql_mode = '${sqlMode}'`])
  ]
  return [`SET ${settings.join(", ")}`, ...(initCommand === undefined ? [] : typeof initCommand === "string" ? [initCommand] : initCommand)]
}

const zoneOf = (offset: number): string => {
  const minutes = Math.abs(offset)
  return `${offset < 0 ? "-" : "+"}${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`
}

const fields: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  // Unknown character set, unknown collation, a collation of another character set; wrong value; unknown time zone.
  [1115, "charset"], [1273, "collation"], [1253, "collation"], [1231, "sqlMode"], [1298, "timezone"]
])

/** A setting of ours that the server does not have is a ConfigError that names the config's field. */
export const refusedSetting = (error: SqlError.SqlError): SqlError.SqlError => {
  const field = fields.get(error.reason.code)
  if (field === undefined) return error
  const { cause, code, message, sqlState } = error.reason
  return SqlError.make(new Reason.ConfigError({ message: `${field} is refused by the server: ${message}`, field, operation: "connect", connection: "broken", code, sqlState, cause }))
}

/** A command of the user's that fails keeps its reason, and says whose it was. */
export const failedCommand = (error: SqlError.SqlError, field: string): SqlError.SqlError => SqlError.make(Reason.prefixed(error.reason, `${field}: `))
