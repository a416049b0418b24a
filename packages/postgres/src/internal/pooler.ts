/**
 * Pooler: what cannot be kept where each transaction may run in another session of the server, as behind PgBouncer in
 * transaction mode. It would be left behind for strangers, or would be asked of a session that has never heard of it.
 *
 * Pure judgements by a text; nothing is sent. What is lent with a session (`db.session`, `db.reserve`) core refuses by the
 * capabilities. Called by `connection` and `options`. https://www.pgbouncer.org/features.html
 *
 * @internal
 */
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"

const start = String.raw`^(?:[\s(]|--[^\n]*\n|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/)*`

// A statement of the session: its leading words tell it.
const leading = new RegExp(
  `${start}(${[
    String.raw`SET\b(?!\s+(?:LOCAL|TRANSACTION|CONSTRAINTS)\b)`,
    String.raw`(?:RESET|LISTEN|UNLISTEN|EXECUTE|DEALLOCATE|DISCARD|LOAD)\b`,
    String.raw`PREPARE\b(?!\s+TRANSACTION\b)`,
    String.raw`DECLARE\b(?=[^]*\bWITH\s+HOLD\b)`,
    String.raw`CREATE\s+(?:(?:LOCAL|GLOBAL)\s+)?TEMP(?:ORARY)?\b(?![^]*\bON\s+COMMIT\s+DROP\b)`
  ].join("|")})`,
  "i"
)

// A function that works on the session wherever it stands. `set_config(…, true)` is a SET LOCAL.
const calls = /\b(pg_(?:try_)?advisory_(?:lock|unlock)\w*(?=\s*\()|set_config(?=\s*\()(?!\s*\([^()]*,\s*true\s*\))|setseed(?=\s*\()|INTO\s+(?:LOCAL\s+|GLOBAL\s+)?TEMP(?:ORARY)?)\b/i

/** Why a statement may not go through a pooler in transaction mode. */
export const keepsSession = (sql: string): SqlError.SqlError | undefined => {
  const found = (leading.exec(sql) ?? calls.exec(sql))?.[1]
  return found === undefined ? undefined : SqlError.make(new Reason.UnsupportedError({
    message: `${found} is about the session, and behind a pooler in transaction mode the next transaction may have another one`,
    capability: "sessionState",
    operation: "execute",
    statement: sql
  }))
}

/** The settings that PgBouncer brings along to whatever session it takes; the rest it refuses, or loses. */
export const carried: ReadonlySet<string> = new Set(["application_name", "timezone", "standard_conforming_strings"])
