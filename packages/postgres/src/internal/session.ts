/**
 * Session: how a connection begins, and how it is brought back to that.
 *
 * What the config sets goes in the startup packet, so that RESET ALL comes back to it. Called by `connection`.
 *
 * @internal
 */
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import { login } from "./login.js"
import { numbers } from "./oids.js"
import type { Settings } from "./options.js"
import { Wire } from "./wire.js"

/** Connects and makes the session what the settings say. Interrupted, it leaves no socket behind. */
export const open = (settings: Settings): Effect.Effect<Wire, SqlError.SqlError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(restore(connect(settings)), (wire) =>
      Effect.onError(restore(Effect.as(within(Effect.zipRight(prepare(wire, settings), register(wire, settings)), settings), wire)), () => Effect.sync(() => wire.destroy())))
  )

// The driver bounds the login, and this what comes after it.
const within = <A>(self: Effect.Effect<A, SqlError.SqlError>, settings: Settings): Effect.Effect<A, SqlError.SqlError> => {
  const milliseconds = settings.driver.connectionTimeoutMillis
  return milliseconds === 0 ? self : Effect.timeoutFail(self, {
    duration: milliseconds,
    onTimeout: () =>
      SqlError.make(new Reason.ConnectionError({
        message: `preparing the session took longer than connectTimeout, ${milliseconds} ms`, operation: "connect", outcome: "not-applied"
      }))
  })
}

const connect = (settings: Settings): Effect.Effect<Wire, SqlError.SqlError> =>
  login(settings, (raw, parameters) => new Wire(raw, parameters))

/** The numbers of the types that have a codec, which differ from database to database. */
const register = (wire: Wire, { shapes, types }: Settings): Effect.Effect<void, SqlError.SqlError> =>
  Effect.forEach(Object.entries(types), ([name, { decode }]) =>
    Effect.flatMap(numbersOf(wire, name), ([oid, array]) => {
      if (oid === undefined) {
        return SqlError.fail(new Reason.ConfigError({ message: `the database has no type ${name}`, field: `types.${name}`, operation: "connect", connection: "broken" }))
      }
      shapes.register(Number(oid), { decode, isArray: false })
      shapes.register(Number(array), { decode, isArray: true })
      return Effect.void
    }), { discard: true })

// A name that is none, as one with spaces outside of quotes, is a type that is not there.
const numbersOf = (wire: Wire, name: string): Effect.Effect<ReadonlyArray<string | number | null>, SqlError.SqlError> => {
  // What PostgreSQL is built with has the same numbers everywhere: nobody is asked.
  const known = numbers.get(name)
  return known !== undefined ? Effect.succeed(known) : Effect.catchIf(
    wire.text(`SELECT oid, typarray FROM pg_type WHERE oid = to_regtype('${name.replaceAll("'", "''")}')`, "connect"),
    (error) => error.reason._tag === "SqlSyntaxError",
    () => Effect.succeed([])
  )
}

const prepare = (wire: Wire, settings: Settings): Effect.Effect<void, SqlError.SqlError> =>
  Effect.forEach(settings.session, (sql) => wire.text(sql, "connect"), { discard: true })

/**
 * What DISCARD ALL does, but for the prepared statements, whose names the connection knows: one round trip.
 * https://www.postgresql.org/docs/15/sql-discard.html
 */
export const reset = (wire: Wire, settings: Settings): Effect.Effect<void, SqlError.SqlError> => {
  // What it would reset is the session of whoever is next. Nothing of ours is left in one but a transaction.
  if (settings.isPooled) return wire.inTransaction ? Effect.asVoid(wire.text("ROLLBACK", "reset")) : Effect.void
  const texts = [
    ...(wire.inTransaction ? ["ROLLBACK"] : []),
    "CLOSE ALL",
    "SET SESSION AUTHORIZATION DEFAULT",
    "RESET ALL",
    "UNLISTEN *",
    "SELECT pg_advisory_unlock_all()",
    "DISCARD SEQUENCES",
    "DISCARD TEMP",
    // A text of the user's has prepared one: it is known by no list of ours.
    ...(wire.hasForeignNames ? ["DEALLOCATE ALL"] : [])
  ]
  return Effect.zipRight(wire.text(texts.join("; "), "reset"), Effect.suspend(() => {
    wire.hasForeignNames = false
    return prepare(wire, settings)
  }))
}
