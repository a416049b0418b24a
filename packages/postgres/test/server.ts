/**
 * The server of these tests: SLUICE_POSTGRES_URL, which `npm test` sets to an instance of its own.
 *
 * Each test gets a database of its own on it. Without a server the suites are skipped with a loud line, but not under CI.
 */
import type { SqlClient } from "@effect/sql/SqlClient"
import * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import * as Postgres from "@sluice/postgres/Postgres"
import * as TestDatabase from "@sluice/testkit/TestDatabase"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { afterAll } from "vitest"

export const url = process.env["SLUICE_POSTGRES_URL"]

/** Whether the tests cannot run. */
export const isMissing = url === undefined && process.env["CI"] !== "true"

if (url === undefined) {
  process.stderr.write("\n!!! SLUICE_POSTGRES_URL is not set: no PostgreSQL server, its suites are SKIPPED (npm test starts one)\n\n")
}

const server: Postgres.Config = { url: url ?? "postgres://127.0.0.1:1/none" }

const scope = Effect.runSync(Scope.make())
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

// A session is a process of PostgreSQL's, and there are hundreds of tests: who makes and drops their databases connects once.
const admin = Layer.effectContext(Effect.runSync(Effect.cached(Layer.buildWithScope(Postgres.layer({ ...server, pool: { max: 1 } }), scope))))

/** One administrator for every database of this file. */
export const asRoot = <A>(use: (db: Database.Database) => Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> =>
  // A pool that is made where interruption is masked has housekeeping that nothing can end.
  Effect.interruptible(Effect.flatMap(Database.Database, use).pipe(Effect.provide(admin)))

/** A layer of the test's own on a database that is new each time the layer is built, and dropped with it. */
export const freshAs = <I>(layer: (config: Postgres.Config) => Layer.Layer<I, SqlError.SqlError>): Layer.Layer<I, SqlError.SqlError> =>
  TestDatabase.fresh({ admin, layer: (database) => layer({ ...server, database }) })

/** The same under our own tag. */
export const fresh = (config: Postgres.Config = {}): Layer.Layer<Database.DatabaseId | SqlClient, SqlError.SqlError> =>
  freshAs((at) => Postgres.layer({ ...at, ...config }))

/** Another process on a database of these tests, as the server sees it. */
export const alongside = (database: string): Layer.Layer<Database.DatabaseId | SqlClient, SqlError.SqlError> =>
  Layer.fresh(Postgres.layer({ ...server, database, pool: { max: 1 } }))
