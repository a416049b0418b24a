/**
 * Asking: what cases have in common. How a failure is expected, and how the database is asked what really happened.
 *
 * @internal
 */
import { assert } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import type * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import type * as Statement from "@sluice/core/Statement"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { inspect } from "node:util"

export { add, eventually, held, within } from "./waiting.js"

/** The error that an effect must fail with. A defect stays a defect, so that it fails the case. */
export const failure = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<SqlError.SqlError, Error, R> =>
  Effect.matchEffect(effect, {
    onSuccess: (value) => Effect.fail(new Error(`expected a failure, was answered with ${inspect(value).slice(0, 200)}`)),
    onFailure: (error) =>
      SqlError.isSqlError(error) ? Effect.succeed(error) : Effect.fail(new Error(`expected a SqlError, was ${String(error)}`))
  })

/** The reason, of the given tag, that an effect must fail with. */
export const fails = <T extends Reason.Tag, A, E, R>(effect: Effect.Effect<A, E, R>, tag: T): Effect.Effect<Reason.WithTag<T>, Error, R> =>
  Effect.flatMap(failure(effect), ({ reason }) =>
    reason._tag === tag
      ? Effect.succeed(reason as Reason.WithTag<T>)
      : Effect.fail(new Error(`expected ${tag}, was ${reason._tag}: ${reason.message}`)))

/** A reason of misuse: not to be tried again, and nothing was done. */
export const misuse = <T extends Reason.Tag, A, E, R>(effect: Effect.Effect<A, E, R>, tag: T): Effect.Effect<Reason.WithTag<T>, Error, R> =>
  Effect.tap(fails(effect, tag), (reason) => {
    assert.deepStrictEqual([reason.isRetryable, reason.outcome, reason.connection], [false, "not-applied", "usable"])
  })

/** The ids in `things`, in order. */
export const ids = (db: Statement.Constructor): Effect.Effect<ReadonlyArray<number>, SqlError.SqlError> =>
  db<{ id: number }>`SELECT id FROM things ORDER BY id`.column("id")

/** Waits until nothing is lent and nobody waits, and asks whether the counts add up. */
export const accounted = (db: Database.Database, patience = 5_000): Effect.Effect<void> =>
  Effect.gen(function*() {
    const until = Date.now() + patience
    let stats = yield* db.pool.stats
    while (stats.lent + stats.waiting + stats.connecting + stats.retired > 0 && Date.now() < until) {
      yield* Effect.sleep(10)
      stats = yield* db.pool.stats
    }
    assert.deepStrictEqual(
      { lent: stats.lent, waiting: stats.waiting, connecting: stats.connecting, retired: stats.retired },
      { lent: 0, waiting: 0, connecting: 0, retired: 0 },
      "the pool's counts"
    )
    assert.strictEqual(stats.size, stats.idle)
    assert.strictEqual(stats.opened - stats.closed, stats.size, "opened and closed connections")
    assert.isAtMost(stats.size, stats.max)
  })

/** Interrupts a fiber and tells how long that took, in milliseconds. */
export const interrupted = <A, E>(fiber: Fiber.RuntimeFiber<A, E>): Effect.Effect<number> =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(Fiber.interrupt(fiber), (exit) => {
      assert.isTrue(Exit.isFailure(exit), "the fiber had ended before it was interrupted")
      return performance.now() - start
    })
  })
