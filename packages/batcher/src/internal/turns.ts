/**
 * Turns: how much is taken in at once, and how others come to theirs.
 *
 * A receiver's answers are read by the event loop, to which `Effect.yieldNow` seldom goes back. By 4,096 statements a batch of rows
 * into PostgreSQL took 1.15 of the time. Called by the engine.
 *
 * @internal
 */
import * as Effect from "effect/Effect"

/** Statements of a turn. */
export const turn = 512

/** Goes on when the event loop has looked at what has come. */
export const breath: Effect.Effect<void> = Effect.async((resume) => {
  setImmediate(() => resume(Effect.void))
})
