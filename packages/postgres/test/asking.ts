/**
 * Asking: what the tests of this folder have in common.
 */
import { assert } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import type * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import type * as Postgres from "@sluice/postgres/Postgres"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { fresh } from "./server.js"

/** Runs a body on a database of its own. */
export const on = <A, E>(config: Postgres.Config, body: (db: Database.Database) => Effect.Effect<A, E>) =>
  Effect.flatMap(Database.Database, body).pipe(Effect.provide(fresh(config)))

/** The reason that an effect must fail with. */
export const reasonOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Reason.Reason, Error, R> =>
  Effect.matchEffect(effect, {
    onSuccess: (value) => Effect.fail(new Error(`expected a failure, was answered with ${JSON.stringify(value)?.slice(0, 200)}`)),
    onFailure: (error) => SqlError.isSqlError(error) ? Effect.succeed(error.reason) : Effect.fail(new Error(`expected a SqlError, was ${String(error)}`))
  })

/** Statements of this database that the server still runs. */
export const running = (db: Database.Database) =>
  db<number>`SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid() AND backend_type = 'client backend'`.scalar

/** Ends when no connection is lent. */
export const quiet = (db: Database.Database) =>
  Effect.repeat(Effect.zipRight(Effect.sleep(10), Effect.map(db.pool.stats, (stats) => stats.lent + stats.retired === 0)), { until: (is) => is })

/** A generator with a seed, so that a failure can be seen again. */
export const seeded = (seed: number) => () => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
  return seed / 2_147_483_648
}

/** Begins a thousand statements and interrupts each at a random moment. Answers with how many had not ended by then. */
export const interrupts = (db: Database.Database): Effect.Effect<number> =>
  Effect.suspend(() => {
    const random = seeded(3)
    const one = Effect.gen(function*() {
      const victim = yield* Effect.fork(db`SELECT pg_sleep(0.004)`)
      yield* Effect.sleep(random() * 8)
      const exit = yield* Fiber.interrupt(victim)
      assert.isTrue(Exit.isSuccess(exit) || Exit.isInterrupted(exit), "a victim ends by itself or is interrupted, and fails with nothing else")
      return Exit.isInterrupted(exit)
    })
    return Effect.map(Effect.all(Array.from({ length: 1_000 }, () => one), { concurrency: 3 }), (all) => all.filter((is) => is).length)
  })
