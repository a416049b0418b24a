/**
 * Cleaning: what makes a connection fit to be lent again. An open transaction is rolled back, a session reset (law P4), an
 * interrupted statement settled (law S5); what cannot be cleaned in time is destroyed.
 *
 * Whether a connection needs it is not decided here. Called by `Lending`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Connection } from "../../Connection.js"
import * as SqlError from "../../SqlError.js"
import { bounded } from "../../Bounded.js"
import type { Lending } from "./Lending.js"
import { unanswered } from "./refusals.js"
import type { Entry } from "./State.js"

const late = "late" as const

/** Rolls back and resets a connection that came back, and hands it over. */
export const recycle = <C extends Connection>(lending: Lending<C>, entry: Entry<C>): Effect.Effect<void> => {
  const { connection } = entry
  const { counters, settings } = lending
  const cleaned = Effect.gen(function*() {
    if (connection.transaction !== "none") {
      counters.rolledBack++
      yield* connection.rollback
    }
    if (entry.dirty) {
      counters.resets++
      yield* connection.reset
      entry.dirty = false
    }
  })
  const late = (): SqlError.SqlError => SqlError.make(unanswered("reset", settings.cancelTimeout))
  return Effect.matchCause(bounded(cleaned, settings.cancelTimeout, late), {
    onSuccess: () => lending.handOver(entry),
    onFailure: (cause) => {
      lending.hooks?.failed(cause, { phase: "reset", connection })
      return connection.transaction === "none" ? lending.distrust(entry) : lending.discard(entry, "destroy")
    }
  })
}

/** Waits until the server is surely done with an interrupted statement. `false`: the connection was destroyed. */
export const settle = <C extends Connection>(lending: Lending<C>, entry: Entry<C>): Effect.Effect<boolean> =>
  Effect.gen(function*() {
    const { counters, options, settings, state } = lending
    counters.settled++
    const fiber = yield* Effect.forkDaemon(Effect.matchCause(entry.connection.settle, {
      onSuccess: () => true,
      onFailure: (cause) => {
        lending.hooks?.failed(cause, { phase: "cancel", connection: entry.connection })
        return false
      }
    }))
    let settled = yield* Effect.merge(bounded<boolean, typeof late>(Fiber.join(fiber), settings.cancelTimeout, () => late))
    if (settled === late && options.irreplaceable !== undefined) {
      lending.stuckSince = lending.now - settings.cancelTimeout
      lending.refuse(state.dismiss(), () => lending.stuckError())
      settled = yield* Fiber.join(fiber)
      lending.stuckSince = undefined
    }
    if (settled === true) return true
    // Nothing waits for an answer any more that did not come in time.
    yield* Fiber.interruptFork(fiber)
    lending.discard(entry, "destroy")
    return false
  })
