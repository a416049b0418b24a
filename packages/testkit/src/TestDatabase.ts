/**
 * TestDatabase: databases for tests of an app. One whose work is undone after each test, and one of its own where that is
 * not enough.
 *
 * It knows no dialect and no server: layers of the app's own say where to connect. Called by the tests of whoever uses
 * Sluice, and by the suite.
 *
 * @since 0.1.0
 */
import type { BeginOptions } from "@sluice/core/Connection"
import * as Database from "@sluice/core/Database"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

/**
 * The same layer, whose databases are a transaction that is rolled back when the layer is given up: provided to each test,
 * none sees what another did. Every tag under which the layer provides a database (`Database`, the stock `SqlClient`, tags of
 * your own) gets the one that is rolled back. What is built on a database (services, repositories) stands above this layer.
 *
 * What runs inside is the app as it is: `db.transaction` is a savepoint, `afterCommit` runs when it is released, streams, sessions
 * and fibers share the one connection. On PostgreSQL make the layer with `statementSavepoints: true`, or the first
 * failure ends the test's transaction. A statement that commits by itself (DDL on MySQL) fails the test: see `fresh`.
 *
 * @example
 * ```ts
 * import { assert, it } from "@effect/vitest"
 * import { Database } from "@sluice/core"
 * import { Sqlite } from "@sluice/sqlite"
 * import { TestDatabase } from "@sluice/testkit"
 * import { Effect } from "effect"
 *
 * const App = Sqlite.layer({ filename: "app.test.db" })
 *
 * it.effect("a new user is in the list", () =>
 *   Effect.gen(function*() {
 *     const db = yield* Database.Database
 *     yield* db.transaction(db`INSERT INTO users (name) VALUES ('Ada')`)
 *     assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM users`.scalar, 1)
 *   }).pipe(Effect.provide(TestDatabase.rollback(App))))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const rollback = <A, E, R>(layer: Layer.Layer<A, E, R>, options: BeginOptions = {}): Layer.Layer<A, E | SqlError.SqlError, R> =>
  Layer.scopedContext(Effect.flatMap(Layer.build(layer), (context) => replaced(context, options)))

/**
 * Runs an effect as `rollback` does, over the databases that its context has: the pool is the suite's, and nothing connects
 * anew for each test.
 *
 * @example
 * ```ts
 * import { assert, layer } from "@effect/vitest"
 * import { Database } from "@sluice/core"
 * import { Sqlite } from "@sluice/sqlite"
 * import { TestDatabase } from "@sluice/testkit"
 * import { Effect } from "effect"
 *
 * layer(Sqlite.layer({ filename: "app.test.db" }))("users", (it) => {
 *   it.effect("there is none at first", () =>
 *     Effect.gen(function*() {
 *       const db = yield* Database.Database
 *       assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM users`.scalar, 0)
 *     }).pipe(TestDatabase.rolledBack))
 * })
 * ```
 *
 * @category operators
 * @since 0.1.0
 */
export const rolledBack = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError.SqlError, R> =>
  Effect.contextWithEffect((context: Context.Context<R>) =>
    Effect.acquireUseRelease(
      Scope.make(),
      (scope) => Effect.flatMap(Scope.extend(replaced(context, {}), scope), (context) => Effect.provide(self, context)),
      (scope, exit) => Scope.close(scope, exit)
    ))

// One service under several tags stays one.
const replaced = <R>(context: Context.Context<R>, options: BeginOptions): Effect.Effect<Context.Context<R>, SqlError.SqlError, Scope.Scope> =>
  Effect.gen(function*() {
    const made = new Map<unknown, Database.Database>()
    const services = new Map(context.unsafeMap)
    for (const [key, service] of services) {
      if (!Database.isDatabase(service)) continue
      const own = made.get(service) ?? (yield* Database.rolledBack(service, options))
      made.set(service, own)
      services.set(key, own)
    }
    if (made.size === 0) {
      return yield* SqlError.fail(new Reason.ConfigError({ message: "there is no database of Sluice in this layer or context to be rolled back", field: "layer" }))
    }
    return Context.unsafeMake<R>(services)
  })

/**
 * How `fresh` makes a database, and reaches it.
 *
 * @example
 * ```ts
 * import type { Database, SqlError } from "@sluice/core"
 * import { Postgres } from "@sluice/postgres"
 * import type { TestDatabase } from "@sluice/testkit"
 * import { Redacted } from "effect"
 *
 * const url = Redacted.make("postgres://postgres@localhost/postgres")
 * const options: TestDatabase.FreshOptions<Database.DatabaseId, SqlError.SqlError, never, SqlError.SqlError, never> = {
 *   admin: Postgres.layer({ url, pool: { max: 1 } }),
 *   layer: (database) => Postgres.layer({ url, database }),
 *   words: "TEMPLATE app_template"
 * }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface FreshOptions<A, E, R, E2, R2> {
  /** Whose user may CREATE and DROP DATABASE. It is connected to for either, and not in between. */
  readonly admin: Layer.Layer<Database.DatabaseId, E2, R2>
  /** The app's layer, with this database's name. */
  readonly layer: (database: string) => Layer.Layer<A, E, R>
  /**
   * What stands behind `CREATE DATABASE name`, as it is: a template that has your tables already, say. Default: on PostgreSQL
   * `TEMPLATE template0`, which others may use at the same time, on MySQL `CHARACTER SET utf8mb4`.
   */
  readonly words?: string | undefined
}

/**
 * A database of its own on a server: it is made with a random name (`sluice_test_…`) when the layer is built, and dropped when it
 * is given up, after everything in it is closed. For tests that need several connections, COMMIT, or DDL that commits. A
 * process that is killed leaves its database behind.
 *
 * @example
 * ```ts
 * import { Mysql } from "@sluice/mysql"
 * import { TestDatabase } from "@sluice/testkit"
 *
 * const App = TestDatabase.fresh({
 *   admin: Mysql.layer({ username: "root", pool: { max: 1 } }),
 *   layer: (database) => Mysql.layer({ username: "root", database })
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const fresh = <A, E, R, E2, R2>(options: FreshOptions<A, E, R, E2, R2>): Layer.Layer<A, E | E2 | SqlError.SqlError, R | R2> =>
  Layer.unwrapScoped(Effect.gen(function*() {
    const name = `sluice_test_${randomUUID().replaceAll("-", "")}`
    const asAdmin = (sql: (db: Database.Database) => string) =>
      // A pool that is made where interruption is masked has work in the background that nothing can end.
      Effect.interruptible(Effect.scoped(Effect.flatMap(Layer.build(Layer.fresh(options.admin)), (context) => {
        const db = Context.get(context, Database.Database)
        return db.unsafe(sql(db)).run
      })))
    const quoted = (db: Database.Database) => db.dialect.quoteIdentifier(name)
    yield* Effect.acquireRelease(
      asAdmin((db) => `CREATE DATABASE ${quoted(db)} ${options.words ?? words[db.dialect.stock ?? ""] ?? ""}`),
      // Sessions that are closing count for PostgreSQL as some that use it.
      () => Effect.orDie(asAdmin((db) => `DROP DATABASE IF EXISTS ${quoted(db)}${db.dialect.stock === "pg" ? " WITH (FORCE)" : ""}`))
    )
    return options.layer(name)
  }))

const words: Readonly<Record<string, string>> = { pg: "TEMPLATE template0", mysql: "CHARACTER SET utf8mb4" }

/**
 * A database of its own in a file: in a temporary folder, which is removed when the layer is given up. For dialects
 * whose database is a file.
 *
 * @example
 * ```ts
 * import { Sqlite } from "@sluice/sqlite"
 * import { TestDatabase } from "@sluice/testkit"
 *
 * const App = TestDatabase.freshFile((filename) => Sqlite.layer({ filename }))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const freshFile = <A, E, R>(layer: (filename: string) => Layer.Layer<A, E, R>): Layer.Layer<A, E, R> =>
  Layer.unwrapScoped(Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "sluice-test-"))),
      (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
    ),
    (folder) => layer(join(folder, "test.db"))
  ))
