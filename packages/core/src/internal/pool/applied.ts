/**
 * Applied: a function of a connection, called at once. What it throws is a defect of the effect and not of the caller's
 * books, so that the lease or the turn still comes back.
 *
 * As Effect.suspend, without the step, which the path of every query would pay. Called by `Pool`, `held` and `run`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"

export const applied = <C, A, E, R>(f: (connection: C) => Effect.Effect<A, E, R>, connection: C): Effect.Effect<A, E, R> => {
  try {
    return f(connection)
  } catch (defect) {
    return Effect.die(defect)
  }
}
