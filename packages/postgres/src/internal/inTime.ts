/**
 * In time: work of whoever ends something, with a limit, which an interruption of who waits does not reach.
 *
 * On fibers of its own: the one that ends a stream or a connection may be an interrupted one. `Effect.timeout` would run the work
 * in a child, which that interruption reaches behind every mask, and in a mask it would wait for work that never ends. Called by
 * `transactions` and `settle`.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

/** Whether the work succeeded within so many milliseconds. What has not ended by then is interrupted, and not waited for. */
export const inTime = <A, E>(work: Effect.Effect<A, E>, milliseconds: number): Effect.Effect<boolean> =>
  Effect.uninterruptible(Effect.gen(function*() {
    const isEnded = yield* Deferred.make<boolean>()
    const told = (after: Effect.Effect<boolean>) => Effect.forkDaemon(Effect.interruptible(Effect.flatMap(after, (is) => Deferred.succeed(isEnded, is))))
    const fibers = [yield* told(Effect.map(Effect.exit(work), Exit.isSuccess)), yield* told(Effect.as(Effect.sleep(milliseconds), false))]
    const is = yield* Deferred.await(isEnded)
    for (const fiber of fibers) yield* Fiber.interruptFork(fiber)
    return is
  }))
