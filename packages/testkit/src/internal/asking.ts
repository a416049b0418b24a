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
import v8 from "node:v8"
import { runInNewContext } from "node:vm"

/** The error that an effect must fail with. A defect stays a defect, so that it fails the case. */
export const failure = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<SqlError.SqlError, Error, R> =>
  Effect.matchEffect(effect, {
    onSuccess: (value) => Effect.fail(new Error(`expected a failure, was answered with ${JSON.stringify(value)?.slice(0, 200)}`)),
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

/** Inserts one row. */
export const add = (db: Statement.Constructor, id: number, name = `thing ${id}`): Effect.Effect<Statement.Run, SqlError.SqlError> =>
  db`INSERT INTO things (id, name) VALUES (${id}, ${name})`.run

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

/** Fails where an effect takes longer. It is interrupted then, but not waited for. */
export const within = <A, E, R>(effect: Effect.Effect<A, E, R>, ms: number, what: string): Effect.Effect<A, E | Error, R> =>
  Effect.disconnect(effect).pipe(Effect.timeoutFail({ duration: ms, onTimeout: () => new Error(`${what} took longer than ${ms} ms`) }))

/** Interrupts a fiber and tells how long that took, in milliseconds. */
export const interrupted = <A, E>(fiber: Fiber.RuntimeFiber<A, E>): Effect.Effect<number> =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(Fiber.interrupt(fiber), (exit) => {
      assert.isTrue(Exit.isFailure(exit), "the fiber had ended before it was interrupted")
      return performance.now() - start
    })
  })

/** Waits until a condition holds. */
export const eventually = <E = never>(condition: Effect.Effect<boolean, E>, what: string): Effect.Effect<void, E | Error> =>
  within(Effect.repeat(Effect.zipLeft(condition, Effect.sleep(5)), { until: (is) => is }), 5_000, what)

// Node has it behind a flag, which may be set while it runs.
v8.setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

/** Bytes of the heap that are held, and not merely not collected yet. */
export const held: Effect.Effect<number> = Effect.sync(() => {
  collect()
  return process.memoryUsage().heapUsed
})
