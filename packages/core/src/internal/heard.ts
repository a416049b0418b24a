/**
 * Heard: a function of the user's that is called while a server's answers come in, as `onRow` and `onResult` are.
 *
 * A driver calls it from a socket's or a thread's event, where what it throws would end the process. It is called no more
 * once it has thrown, and the work dies of that, inside of its transaction. Called by the verbs of more than one statement.
 *
 * @internal
 */
import * as Effect from "effect/Effect"

/** Runs work that calls a function as answers come; what the function throws is a defect of the work. */
export const heard = <Args extends ReadonlyArray<unknown>, A, E>(
  listener: (...args: Args) => void,
  work: (told: (...args: Args) => void) => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const thrown: Array<unknown> = []
    const told = (...args: Args): void => {
      if (thrown.length > 0) return
      try {
        listener(...args)
      } catch (error) {
        thrown.push(error)
      }
    }
    return Effect.flatMap(work(told), (answer) => thrown.length === 0 ? Effect.succeed(answer) : Effect.die(thrown[0]))
  })
