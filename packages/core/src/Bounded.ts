/**
 * Bounded: a limit for work that an interruption must not reach behind a mask, as COMMIT, a ping of a connection that is
 * being lent, or the end of a pool.
 *
 * `Effect.timeout` runs its effect in a child, and an interruption reaches the children of a fiber even where the fiber
 * itself is masked (tried: streams that were interrupted while they closed lost their connections; statements with a timeout
 * stopped inside of a mask; a batcher's last flush was cut). Here the work has a fiber of its own. Called by the pool, by
 * statements and transactions with a timeout, by whatever ends something, and by who writes a dialect.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

/**
 * The effect's own answer, or that of `late` after so many milliseconds; the effect is interrupted then. It is interrupted
 * with who waits for it where that one can be. What it sets in FiberRefs is kept, as of a child that is joined. Without a
 * limit, `undefined` or Infinity, it is the effect itself.
 *
 * @example
 * ```ts
 * import { Bounded } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const commit = (sent: Effect.Effect<void, Error>) => Effect.uninterruptible(Bounded.bounded(sent, 5_000, () => new Error("no answer to COMMIT")))
 * ```
 *
 * @category limits
 * @since 0.1.0
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

/**
 * Whether the work of whoever ends something succeeded within so many milliseconds; who waits cannot be interrupted. What has
 * not ended by then is interrupted, and not waited for. With Infinity it is waited for until it ends.
 *
 * @example
 * ```ts
 * import { Bounded } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const ended = (quit: Effect.Effect<void>) => Effect.map(Bounded.inTime(quit, 1_000), (isEnded) => isEnded ? "in good order" : "given up")
 * ```
 *
 * @category limits
 * @since 0.1.0
 */
export const inTime = <A, E, R>(work: Effect.Effect<A, E, R>, milliseconds: number): Effect.Effect<boolean, never, R> =>
  Effect.uninterruptible(Effect.gen(function*() {
    const isEnded = yield* Deferred.make<boolean>()
    const told = (after: Effect.Effect<boolean, never, R>) => Effect.forkDaemon(Effect.interruptible(Effect.flatMap(after, (is) => Deferred.succeed(isEnded, is))))
    const fibers = [yield* told(Effect.map(Effect.exit(work), Exit.isSuccess))]
    if (Number.isFinite(milliseconds)) fibers.push(yield* told(Effect.as(Effect.sleep(milliseconds), false)))
    const is = yield* Deferred.await(isEnded)
    for (const fiber of fibers) yield* Fiber.interruptFork(fiber)
    return is
  }))
