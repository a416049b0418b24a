/**
 * Settling: stops what an interruption left under way, and hits no innocent statement by it (law S5).
 *
 * A CancelRequest stops whatever runs in a session when it arrives: so it is sent only while something of the interrupted
 * work is under way, and nothing else is sent before the victim has answered and the cancelling socket is closed.
 * (Tried: used before that, 151 of 400 innocent statements were hit, after it none.) Called by `connection`, after an
 * interruption and when a stream ends early.
 *
 * @internal
 */
import { inTime } from "@sluice/core/Bounded"
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import { cancel } from "./control.js"
import type { Settings } from "./options.js"
import type { Wire } from "./wire.js"

// Most statements are over by themselves before a CancelRequest would be there.
const patience = 1

/** Ends when the server is surely done with everything that was under way. */
export const settle = (wire: Wire, settings: Settings): Effect.Effect<void, SqlError.SqlError> =>
  Effect.gen(function*() {
    if (isDone(wire)) return
    wire.abandon()
    yield* wire.idleWithin(patience)
    // A request that arrives before its statement stops nothing: it is sent again until the victim has answered.
    for (let wait = 10; !isDone(wire); wait = Math.min(wait * 2, 320)) {
      yield* cancel(wire, settings)
      yield* wire.idleWithin(wait)
    }
  })

const isDone = (wire: Wire): boolean => wire.isIdle || wire.isClosed

// Whoever closes is told that the session is gone, and not whether what ran in it is.
const endTimeout = 2_000

/** Gives up a session; what runs in it is stopped, and whether that succeeds is not waited for long. */
export const endSession = (wire: Wire, settings: Settings): Effect.Effect<void> => {
  if (isDone(wire)) return Effect.sync(() => wire.destroy())
  return Effect.zipRight(Effect.sync(() => wire.destroy()), Effect.asVoid(inTime(cancel(wire, settings), endTimeout)))
}
