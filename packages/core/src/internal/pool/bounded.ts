/**
 * Bounded: a limit for work that an interruption must not reach behind a mask, as COMMIT, a ping of a connection that is
 * being lent, or the end of a pool.
 *
 * `Effect.timeout` runs its effect in a child, and an interruption reaches the children of a fiber even where the fiber
 * itself is masked (tried: streams that were interrupted while they closed lost their connections; statements with a timeout
 * stopped inside of a mask). Called by the pool, by `Held`, by statements and transactions with a timeout, by `Hosts`,
 * and where a client of `Generic` closes.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

/**
 * The effect's own answer, or that of `late` after so many milliseconds; the effect is interrupted then. It is interrupted
 * with who waits for it where that one can be. What it sets in FiberRefs is kept, as of a child that is joined.
 */
export const bounded = <A, E, R = never>(
  effect: Effect.Effect<A, E, R>,
  milliseconds: number | undefined,
  late: () => E
): Effect.Effect<A, E, R> =>
  milliseconds === undefined || !Number.isFinite(milliseconds) || Exit.isExit(effect) ? effect : Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const answer = yield* Deferred.make<A, E>()
      const work = yield* Effect.forkDaemon(Effect.intoDeferred(Effect.interruptible(effect), answer))
      const timer = yield* Effect.forkDaemon(Effect.zipRight(
        Effect.interruptible(Effect.sleep(milliseconds)),
        Effect.zipRight(Deferred.failSync(answer, late), Fiber.interruptFork(work))
      ))
      return yield* Effect.onExit(restore(Deferred.await(answer)), (exit) =>
        Effect.zipRight(Fiber.interruptFork(timer), Exit.isInterrupted(exit) ? Fiber.interrupt(work) : Fiber.inheritAll(work)))
    }))
