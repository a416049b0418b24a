/**
 * Asking: what the tests of this folder have in common.
 */
import * as Database from "@sluice/core/Database"
import type * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import type * as Postgres from "@sluice/postgres/Postgres"
import * as Effect from "effect/Effect"
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
