/**
 * Several statements in one text: for the length of one call of our own, and never for a text of the user's (law Q2).
 *
 * A session begins without CLIENT_MULTI_STATEMENTS; COM_SET_OPTION switches it on and off again. What is interrupted
 * between leaves it on, and `Connection.settle` switches it off before anything else is sent. Called by `many` and
 * `connection`.
 *
 * @internal
 */
import * as SqlError from "@sluice/core/SqlError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { toSqlError } from "./errors.js"
import * as Packet from "./packet.js"
import type { Wire } from "./wire.js"

/** Lets texts hold several statements while an effect runs. */
export const during = <A>(wire: Wire, use: Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> =>
  Effect.matchCauseEffect(Effect.zipRight(set(wire, true), use), {
    onSuccess: (value) => Effect.as(forbid(wire), value),
    // An interrupted one is still under way, and this would wait for it.
    onFailure: (cause) => Cause.isInterrupted(cause) ? Effect.failCause(cause) : Effect.zipRight(forbid(wire), Effect.failCause(cause))
  })

/** One statement per text again. A connection that does not hear it is not used again. */
export const forbid = (wire: Wire): Effect.Effect<void> =>
  Effect.suspend(() => !wire.takesSeveral || wire.isClosed ? Effect.void : Effect.catchAll(set(wire, false), () => Effect.sync(() => wire.destroy())))

/** MYSQL_OPTION_MULTI_STATEMENTS_ON is 0, _OFF is 1. */
const setOption = (isOn: boolean): Buffer => Packet.command(0x1b, isOn ? 0 : 1, 0)

const set = (wire: Wire, isOn: boolean): Effect.Effect<void, SqlError.SqlError> =>
  Effect.async((resume) => {
    if (isOn) wire.takesSeveral = true
    wire.command(setOption(isOn), (error) => {
      if (error !== undefined) return resume(Exit.fail(toSqlError(error, { operation: "execute", harmless: true })))
      wire.takesSeveral = isOn
      resume(Exit.void)
    })
  })
