/**
 * Database: the service that users see. It *is* a stock `SqlClient` of @effect/sql, with narrower errors and more verbs.
 *
 * It puts the parts together and holds no logic of its own: statements are in `Statement`, connections come from
 * `Pool`, transactions from `Transaction`. Made by a dialect's layer.
 *
 * @since 0.1.0
 */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as StockClient from "@effect/sql/SqlClient"
import type * as StockConnection from "@effect/sql/SqlConnection"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { BeginOptions, Column, Connection, Result } from "./Connection.js"
import type { Dialect } from "./Dialect.js"
import type * as Doctor from "./Doctor.js"
import type { Examination } from "./Examination.js"
import type { Pools } from "./internal/client.js"
import * as Internal from "./internal/database.js"
import { onPrimary as primaryOnly } from "./internal/replicas.js"
import type * as Pool from "./Pool.js"
import type * as Session from "./Session.js"
import type * as SqlError from "./SqlError.js"
import type { Constructor, Run, Statement } from "./Statement.js"
import type * as Transaction from "./Transaction.js"

/**
 * The pool of a database, as its users see it. Where a dialect keeps several, the counts are their sums.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const waiting = Effect.flatMap(Database.Database, (db) => Effect.map(db.pool.stats, (stats) => stats.waiting))
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface PoolView {
  /** The counts now. */
  readonly stats: Effect.Effect<Pool.Stats>
  /** The stats now, and again after every `interval` (default 1 second). */
  readonly watch: (interval?: Duration.DurationInput) => Stream.Stream<Pool.Stats>
  /** Closes idle connections, and those in use when they come back. */
  readonly clear: Effect.Effect<void>
}

/**
 * A database.
 *
 * @example
 * ```ts
 * import { Database, Retry, SqlError } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const register = (email: string) =>
 *   Effect.gen(function*() {
 *     const db = yield* Database.Database
 *     return yield* db`INSERT INTO users ${db.insert({ email })}`.run.pipe(
 *       db.transaction({ isolation: "serializable", retry: Retry.transient }),
 *       SqlError.catchReason("UniqueViolation", () => Effect.succeed("taken"))
 *     )
 *   })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Database extends Constructor {
  readonly [StockClient.TypeId]: StockClient.TypeId
  /** The same, under the name that SafeQL looks for. */
  readonly safe: this
  /** The same, without the transforms of names; in the same transaction. */
  readonly withoutTransforms: () => this
  /** One connection in its stock form until the scope closes; it is reset afterwards. */
  readonly reserve: Effect.Effect<StockConnection.Connection, SqlError.SqlError, Scope.Scope>
  /** As `transaction`, without options. */
  readonly withTransaction: <R, E, A>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SqlError.SqlError, R>
  /** A query that runs again when one of its keys is invalidated, as a Stream. */
  readonly reactive: StockClient.SqlClient["reactive"]
  /** The same, as a mailbox. */
  readonly reactiveMailbox: StockClient.SqlClient["reactiveMailbox"]

  /** How this database writes SQL, and what it can do. */
  readonly dialect: Dialect
  /** The pool's counts and verbs. */
  readonly pool: PoolView
  /** Runs an effect in a transaction; in a savepoint where it is in one already. */
  readonly transaction: Transaction.Run
  /** The transaction that the fiber is in; TransactionStateError where it is in none. */
  readonly currentTransaction: Effect.Effect<Transaction.Transaction, SqlError.SqlError>
  /** The same where there may be none. One transaction or savepoint is one value. */
  readonly transactionOption: Effect.Effect<Option.Option<Transaction.Transaction>>
  /** Runs an effect as the last part of the fiber's transaction or savepoint, before COMMIT; TransactionStateError in none. */
  readonly beforeCommit: (effect: Effect.Effect<void, SqlError.SqlError>) => Effect.Effect<void, SqlError.SqlError>
  /** Runs an effect after the outermost COMMIT; at once where the fiber is in no transaction. */
  readonly afterCommit: (effect: Effect.Effect<void>) => Effect.Effect<void>
  /** One connection until the scope closes, with BEGIN and COMMIT in your own hands. */
  readonly session: Effect.Effect<Session.Session, SqlError.SqlError, Scope.Scope>
  /**
   * One statement for many rows of parameters, atomically, in few round trips: the total of affected rows. Rows are
   * arrays for the dialect's placeholders, or records for `:name`. No row sends nothing; a ragged row is a ConfigError
   * with its index, before anything is sent. `onRow` is told what each row affected; after a failure, where the server tells
   * which row it was, that of those before it. What it throws is a defect, behind which nothing is kept.
   *
   * Each row is a statement, and the limits of time of all of them are one, their sum.
   *
   * Inside of a transaction it is a savepoint. With `atomic: false` it is none there: a failure is then the transaction's to undo.
   */
  readonly executeMany: (
    sql: string,
    rows: ReadonlyArray<ReadonlyArray<unknown>> | ReadonlyArray<Readonly<Record<string, unknown>>>,
    options?: { readonly atomic?: boolean | undefined; readonly onRow?: ((rowsAffected: number, index: number) => void) | undefined }
  ) => Effect.Effect<Run, SqlError.SqlError>
  /**
   * Several statements, a result each, in one transaction unless `atomic: false`, and in as few round trips as the
   * connection allows. After a failure nothing later takes effect; `onResult` was told the results before it; what
   * it throws is a defect. The limits of time of the statements are one for all, their sum.
   */
  readonly batch: (
    statements: ReadonlyArray<Statement<unknown>>,
    options?: { readonly atomic?: boolean | undefined; readonly onResult?: ((result: Result, index: number) => void) | undefined }
  ) => Effect.Effect<ReadonlyArray<Result>, SqlError.SqlError>
  /**
   * A script's statements one after the other on one connection, a result each. It stops at the first failure, whose
   * reason tells the statement's `index` and `line`. It is no transaction unless the script says BEGIN.
   *
   * A text is split before anything is sent. A Stream, of texts or of a file's UTF-8 bytes, is read as its statements are
   * run and the results as they come, so that it may be larger than memory; it holds its connection until its end.
   */
  readonly script: {
    (text: string): Effect.Effect<ReadonlyArray<Result>, SqlError.SqlError>
    <E, R>(script: Stream.Stream<string | Uint8Array, E, R>): Stream.Stream<Result, E | SqlError.SqlError, R>
  }
  /** The columns of a statement, without running it. */
  readonly describe: (statement: Statement<unknown>) => Effect.Effect<ReadonlyArray<Column>, SqlError.SqlError>
  /** The driver's own handle of a session's connection, for what no verb of ours does. ClosedError after its scope. */
  readonly native: (session: Session.Session) => Effect.Effect<unknown, SqlError.SqlError>
  /** Runs an effect with one connection of ours: the bulk path, and what else is a dialect's own. */
  readonly withConnection: <A, E, R>(use: (connection: Connection) => Effect.Effect<A, E, R>) => Effect.Effect<A, E | SqlError.SqlError, R>
  /** A round trip to the server on a borrowed connection. */
  readonly ping: Effect.Effect<void, SqlError.SqlError>
  /** Examines the way to the server, step by step, and the pool. It never fails: what does is a step of the report. */
  readonly doctor: Effect.Effect<Doctor.Report>
}

/**
 * The identity of the `Database` tag. A stock client provides no `Database`, and the types say so.
 *
 * @example
 * ```ts
 * import type { Database } from "@sluice/core"
 * import type { Effect } from "effect"
 *
 * type Program = Effect.Effect<void, never, Database.DatabaseId>
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface DatabaseId {
  /** What no other tag has. */
  readonly _: unique symbol
}

/**
 * The tag of the database.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const one = Effect.flatMap(Database.Database, (db) => db<number>`SELECT 1`.scalar)
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export const Database: Context.Tag<DatabaseId, Database> = Context.GenericTag<DatabaseId, Database>("@sluice/core/Database")

/**
 * The settings of a database that do not depend on its dialect.
 *
 * @example
 * ```ts
 * import type { Database } from "@sluice/core"
 *
 * const config: Database.Config = { statementTimeout: "30 seconds", integers: "bigint", pool: { max: 20 } }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Config {
  /** The pool's options. */
  readonly pool?: Pool.Config | undefined
  /**
   * Every statement is cancelled on the server when it runs longer; COMMIT is one of them, and fails with an unknown
   * outcome. Default: none. Without it, an answer that a silent network swallows is waited for until TCP gives up: see
   * `Transaction.Options`.
   */
  readonly statementTimeout?: Duration.DurationInput | undefined
  /** The type of 64-bit integers, one for the whole database. Default is the dialect's: `number`. */
  readonly integers?: "number" | "bigint" | undefined
  /** Two columns of one name in an object row: the last one wins (default), or ResultError. */
  readonly duplicates?: "last" | "error" | undefined
  /** Rows per chunk of a stream. Default 1,000. */
  readonly fetchSize?: number | undefined
  /** Applied to every identifier that a helper quotes: camelCase to snake_case, say. */
  readonly transformQueryNames?: ((name: string) => string) | undefined
  /** Applied to every column name of an object row. */
  readonly transformResultNames?: ((name: string) => string) | undefined
  /** Attributes for every span, beside the conventions' own. */
  readonly spanAttributes?: Readonly<Record<string, unknown>> | undefined
}

/**
 * What a dialect gives to `make`.
 *
 * @example
 * ```ts
 * import { Database, type Dialect, type Pool } from "@sluice/core"
 *
 * const from = (dialect: Dialect.Dialect, pool: Pool.Pool) =>
 *   Database.make({ dialect, pools: { write: pool, read: undefined, session: undefined }, attributes: {}, raw: (result) => result.rows })
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends Config {
  /** The dialect. */
  readonly dialect: Dialect
  /** `write` serves everything that `read` and `session` do not. */
  readonly pools: Pools
  /** `db.namespace`, `server.address`, `server.port` for the spans. */
  readonly attributes: Readonly<Record<string, unknown>>
  /** The form in which the stock driver answers `.raw`: what Kysely's and Drizzle's adapters read. */
  readonly raw: (result: Result) => unknown
  /** What `db.doctor` examines beside the pool. Default: a round trip. */
  readonly examination?: Examination | undefined
  /** How `withTransaction`, which takes no options itself, begins an outermost transaction. Default: as `transaction`. */
  readonly withTransaction?: BeginOptions | undefined
}

/**
 * Makes a database of a dialect and its pools. Fails with ConfigError where a setting cannot work.
 *
 * @example
 * ```ts
 * import { Database, type Dialect, type Pool } from "@sluice/core"
 *
 * const from = (dialect: Dialect.Dialect, write: Pool.Pool, read: Pool.Pool) =>
 *   Database.make({ dialect, pools: { write, read, session: undefined }, attributes: {}, raw: (result) => result.rows, fetchSize: 500 })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Database, SqlError.SqlError, Reactivity.Reactivity> => Internal.make(options)

export type { ReplicaOptions } from "./internal/database.js"

/**
 * A database that reads from replicas: a statement that by its words only reads (`SqlScript.classify`) goes to a replica
 * that is well. Everything in a transaction or a session goes to the primary, and so does what a fiber reads after it has
 * written, what takes locks (`FOR UPDATE`, `FOR SHARE`, lock functions), and everything when no replica can be reached.
 *
 * A function that writes cannot be told by its name: `onPrimary` is for what calls one. How far a replica is behind is
 * not looked at. A replica that may be dead when the app starts is made with `pool: { lazy: true }`. Pools stay those of
 * the databases that were given; a transaction of the primary is one of this database as well.
 *
 * @example
 * ```ts
 * import { Database, type SqlError } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const both = <R>(primary: Effect.Effect<Database.Database, SqlError.SqlError, R>, replica: typeof primary) =>
 *   Effect.gen(function*() {
 *     return yield* Database.withReplicas({ primary: yield* primary, replicas: [yield* replica] })
 *   })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const withReplicas = (options: Internal.ReplicaOptions): Effect.Effect<Database, SqlError.SqlError> => Internal.withReplicas(options)

/**
 * Runs an effect whose reads go to the primary, of every database with replicas.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const next = Effect.flatMap(Database.Database, (db) => db<number>`SELECT nextval('orders')`.scalar.pipe(Database.onPrimary))
 * ```
 *
 * @category operators
 * @since 0.1.0
 */
export const onPrimary = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => Effect.locally(self, primaryOnly, true)

/**
 * The same database as one transaction on one connection, which is rolled back when the scope closes: for tests, see the
 * testkit's `TestDatabase`. `transaction` is a savepoint of it, `afterCommit` runs when that is released, and `session` shares its
 * connection. What is asked of a transaction that the whole was not begun with (isolation, readOnly) is a
 * TransactionStateError.
 *
 * Where a statement commits by itself, as DDL does on MySQL, later ones fail with TransactionAbortedError and the closing
 * scope dies of one: what was committed stays. On PostgreSQL a statement that fails dooms all of it, unless the database was made
 * with `statementSavepoints`.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const dryRun = Effect.scoped(Effect.gen(function*() {
 *   const db = yield* Database.rolledBack(yield* Database.Database, { isolation: "serializable" })
 *   return yield* db`DELETE FROM sessions WHERE seen < ${new Date(0)}`.run
 * }))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const rolledBack = (self: Database, options: BeginOptions = {}): Effect.Effect<Database, SqlError.SqlError, Scope.Scope> =>
  Internal.rolledBack(self, options)

export { isDatabase } from "./internal/database.js"

/**
 * A layer that provides a database under its own tag and under the stock one, one object, with the reactivity it needs.
 *
 * @example
 * ```ts
 * import { Database, type SqlError } from "@sluice/core"
 * import type { Reactivity } from "@effect/experimental/Reactivity"
 * import type { Effect, Scope } from "effect"
 *
 * const layer = (make: Effect.Effect<Database.Database, SqlError.SqlError, Scope.Scope | Reactivity>) => Database.layer(make)
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E>(make: Effect.Effect<Database, E, Scope.Scope | Reactivity.Reactivity>): Layer.Layer<DatabaseId | StockClient.SqlClient, E> =>
  Layer.scopedContext(Effect.map(make, (database) => Context.make(Database, database).pipe(Context.add(StockClient.SqlClient, database)))).pipe(
    Layer.provide(Reactivity.layer)
  )

/**
 * A layer that provides a database under a tag of the user's only: several databases in one app.
 *
 * @example
 * ```ts
 * import { Database, type SqlError } from "@sluice/core"
 * import type { Reactivity } from "@effect/experimental/Reactivity"
 * import { Context, type Effect, type Scope } from "effect"
 *
 * class Archive extends Context.Tag("Archive")<Archive, Database.Database>() {}
 * const layer = (make: Effect.Effect<Database.Database, SqlError.SqlError, Scope.Scope | Reactivity>) =>
 *   Database.layerAs(Archive, make)
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerAs = <I, S, D extends S, E>(tag: Context.Tag<I, S>, make: Effect.Effect<D, E, Scope.Scope | Reactivity.Reactivity>): Layer.Layer<I, E> =>
  Layer.scoped(tag, make).pipe(Layer.provide(Reactivity.layer))

/**
 * A dialect's `layerAs`, of its `make`: the tag may be of any service that a database is.
 *
 * @internal
 */
export const layerAsOf = <C, E>(make: (config: C) => Effect.Effect<Database, E, Scope.Scope | Reactivity.Reactivity>) =>
<I, S extends StockClient.SqlClient>(tag: Context.Tag<I, S>, config: Database extends S ? C : never): Layer.Layer<I, E> =>
  // The conditional type lets no other S through, and TypeScript cannot see through it.
  layerAs(tag, Effect.map(make(config), (database) => database as Database & S))
