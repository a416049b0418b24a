/**
 * Which role a server has: a primary or a standby, one that may be written to or not.
 *
 * A server from 14 on says so by itself when a session begins, and again when it changes; an older one, and one behind a
 * pooler that keeps it to itself, is asked. Called by the public module for several hosts, and by `connection`.
 *
 * @internal
 */
import type * as Hosts from "@sluice/core/Hosts"
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Wire } from "./wire.js"

/** The role of a session's server. */
export const roleOf = (wire: Wire): Effect.Effect<Hosts.Role, SqlError.SqlError> => {
  const standby = wire.parameters.get("in_hot_standby")
  const readOnly = wire.parameters.get("default_transaction_read_only")
  return standby !== undefined && readOnly !== undefined
    ? Exit.succeed(role(standby === "on", readOnly === "on"))
    : Effect.map(wire.text("SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')", "connect"), ([recovers, setting]) =>
      role(recovers === "t", setting === "on"))
}

const role = (isStandby: boolean, isReadOnly: boolean): Hosts.Role => ({ isStandby, isReadOnly: isStandby || isReadOnly })

/**
 * Whether a refusal to write (25006) is the server's, and not that of a transaction which was begun to be read-only: both
 * have one code. Where the server does not say what it is, a statement on its own shows it.
 */
export const isDemoted = (wire: Wire, inTransaction: boolean): boolean => {
  const standby = wire.parameters.get("in_hot_standby")
  const readOnly = wire.parameters.get("default_transaction_read_only")
  return standby === "on" || readOnly === "on" || (standby === undefined && !inTransaction)
}
