/**
 * Sluice: a database for code without Effect. Promises for effects, `for await` for streams, `AbortSignal` for
 * interruption, `await using` for scopes.
 *
 * It adds no behaviour: each verb runs the one of the same name of a `Database`, and what rejects is the `SqlError` itself.
 * Called by users only; what makes promises is in `internal/sluice`.
 *
 * @since 0.1.0
 */
/// <reference lib="esnext.disposable" preserve="true" />
import type * as SqlClient from "@effect/sql/SqlClient"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as ManagedRuntime from "effect/ManagedRuntime"
import type { Result } from "./Connection.js"
import type * as Database from "./Database.js"
import * as Internal from "./internal/sluice/opened.js"
import type * as Statement from "./Statement.js"
import type { Options as Beginning } from "./Transaction.js"

/**
 * What cancels a call.
 *
 * @example
 * ```ts
 * import type { Sluice } from "@sluice/core"
 *
 * const options: Sluice.Options = { signal: AbortSignal.timeout(1_000) }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  /** Aborted, the call rejects at once with the signal's reason, and what it runs is cancelled on the server. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Options of one query or stream.
 *
 * @example
 * ```ts
 * import type { Sluice } from "@sluice/core"
 *
 * const options: Sluice.QueryOptions = { integers: "bigint", timeout: "5 seconds" }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface QueryOptions extends Options, Statement.Options {}

/**
 * Options of a transaction.
 *
 * @example
 * ```ts
 * import { Retry, type Sluice } from "@sluice/core"
 *
 * const options: Sluice.TransactionOptions = { isolation: "serializable", retry: Retry.transient }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface TransactionOptions extends Options, Beginning {}

/**
 * A query: a Promise of its rows. It is sent when it is first awaited (or `then`, `catch` or `finally` is called), and once; one that
 * nobody awaits is never sent. The other verbs send it at once, each call anew.
 *
 * @example
 * ```ts
 * import type { Sluice } from "@sluice/core"
 *
 * const names = async (db: Sluice.Executor) => {
 *   const users = await db.query<{ name: string }>`SELECT name FROM users WHERE active = ${true}`
 *   const count = await db.query<number>`SELECT COUNT(*) FROM users`.scalar()
 *   return { users, count }
 * }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Query<A, V = unknown> extends Promise<ReadonlyArray<A>> {
  /** The first row, or `undefined`. The whole result is read: say LIMIT where it is large. */
  readonly first: () => Promise<A | undefined>
  /** The only row; rejects with ResultError where there is none, or more than one. */
  readonly one: () => Promise<A>
  /** The first column of the first row; rejects with ResultError where there is no row. */
  readonly scalar: () => Promise<V>
  /** One column of every row. */
  readonly column: <K extends keyof A & string>(name: K) => Promise<ReadonlyArray<A[K]>>
  /** What it changed, without its rows. */
  readonly run: () => Promise<Statement.Run>
  /** Everything that the server answered: rows, columns, rows affected, messages. */
  readonly result: () => Promise<Result<A>>
  /** The rows as arrays, in the order of the columns. */
  readonly values: () => Promise<ReadonlyArray<ReadonlyArray<unknown>>>
  /** The same query with other options; it is sent by itself. */
  readonly with: (options: QueryOptions) => Query<A, V>
}

/**
 * Rows on demand, a chunk of `fetchSize` at a time: memory does not grow with the result. Each `for await` sends the query anew.
 *
 * Leaving the loop by `break`, `return` or an exception ends the server's work and gives the connection back before the
 * program goes on. Rows that are iterated by hand hold a connection until `return()` is called.
 *
 * @example
 * ```ts
 * import type { Sluice } from "@sluice/core"
 *
 * const firstOf = async (db: Sluice.Executor, kind: string) => {
 *   for await (const event of db.stream<{ id: number; kind: string }>`SELECT id, kind FROM events`) {
 *     if (event.kind === kind) return event.id
 *   }
 *   return undefined
 * }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Rows<A> extends AsyncIterable<A, undefined, undefined> {
  /** The same rows as they were fetched, up to `fetchSize` at a time: for what writes many at once. */
  readonly chunks: () => AsyncIterable<ReadonlyArray<A>, undefined, undefined>
  /** The same rows with other options. */
  readonly with: (options: QueryOptions) => Rows<A>
}

/**
 * What runs statements: a `Sluice`, or a `Transaction` of it. A function that takes one works in both.
 *
 * @example
 * ```ts
 * import type { Sluice } from "@sluice/core"
 *
 * const rename = (db: Sluice.Executor, id: number, name: string) => db.query`UPDATE users SET name = ${name} WHERE id = ${id}`.run()
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Executor {
  /** The database: its `sql.in`, `sql.insert` and other helpers, fragments as `` sql`…` ``, and tables take it. */
  readonly sql: Database.Database
  /** A query of a template, or of a statement that something else made (a table, `sql.unsafe`). The type argument is a row's, or that of `.scalar()`. */
  readonly query: {
    <A extends object = Statement.Row>(strings: TemplateStringsArray, ...args: ReadonlyArray<unknown>): Query<A, A[keyof A]>
    <V extends Statement.Scalar>(strings: TemplateStringsArray, ...args: ReadonlyArray<unknown>): Query<Statement.Row, V>
    <A, V>(statement: Statement.Statement<A, V>): Query<A, V>
  }
  /** The rows of a query, for `for await`. */
  readonly stream: {
    <A extends object = Statement.Row>(strings: TemplateStringsArray, ...args: ReadonlyArray<unknown>): Rows<A>
    <A, V>(statement: Statement.Statement<A, V>): Rows<A>
  }
  /**
   * Runs a function in a transaction; in a savepoint where this is a transaction already. It commits what the function
   * answered and rolls back when it throws, whose error it rejects with. What runs in it goes through the function's
   * argument, and through the innermost one where they are nested: a statement of an outer one waits for the inner one's end.
   * With `retry` the function is called again.
   */
  readonly transaction: <A>(work: (transaction: Transaction) => PromiseLike<A> | A, options?: TransactionOptions) => Promise<A>
  /** Runs an effect here, in this transaction: everything of a `Database` that has no verb of its own. */
  readonly run: <A, E>(effect: Effect.Effect<A, E, Database.DatabaseId | SqlClient.SqlClient>, options?: Options) => Promise<A>
}

/**
 * A transaction, for as long as the function runs that was given it. A statement after that rejects with TransactionStateError.
 *
 * @example
 * ```ts
 * import type { Sluice } from "@sluice/core"
 *
 * const transfer = (db: Sluice.Executor, from: number, to: number, amount: number) =>
 *   db.transaction(async (tx) => {
 *     await tx.query`UPDATE accounts SET balance = balance - ${amount} WHERE id = ${from}`.run()
 *     await tx.query`UPDATE accounts SET balance = balance + ${amount} WHERE id = ${to}`.run()
 *   }, { isolation: "serializable", signal: AbortSignal.timeout(5_000) })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Transaction extends Executor {}

/**
 * An open database.
 *
 * Each call counts as a fiber of its own: with replicas, a read that must see an earlier write belongs into its transaction,
 * or runs through `Database.onPrimary`.
 *
 * @example
 * ```ts
 * import type { Sluice } from "@sluice/core"
 *
 * const closing = (db: Sluice.Sluice) => process.once("SIGTERM", () => db.close())
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Sluice extends Executor, AsyncDisposable {
  /**
   * Ends what is streamed, waits for what else runs as long as the pool's `closeTimeout`, and closes every connection. Later
   * calls reject with ClosedError; closing twice is closing once.
   */
  readonly close: () => Promise<void>
}

/**
 * Opens a database. Rejects with the layer's error, a `SqlError`. A signal ends the opening, and nothing after it.
 *
 * @example
 * ```ts
 * import { type Database, Sluice, type SqlError } from "@sluice/core"
 * import type { SqlClient } from "@effect/sql/SqlClient"
 * import type { Layer } from "effect"
 *
 * // layer: Sqlite.layer({ filename: "app.db" }), say
 * const main = async (layer: Layer.Layer<Database.DatabaseId | SqlClient, SqlError.SqlError>) => {
 *   await using db = await Sluice.open(layer)
 *   return db.query<{ id: number }>`SELECT id FROM users`
 * }
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = <E>(layer: Layer.Layer<Database.DatabaseId | SqlClient.SqlClient, E>, options?: Options): Promise<Sluice> =>
  Internal.open(layer, options?.signal)

/**
 * The database of a runtime that the rest of the app runs on, which stays open when this is closed.
 *
 * @example
 * ```ts
 * import { type Database, Sluice, type SqlError } from "@sluice/core"
 * import type { SqlClient } from "@effect/sql/SqlClient"
 * import type { ManagedRuntime } from "effect"
 *
 * const beside = (runtime: ManagedRuntime.ManagedRuntime<Database.DatabaseId | SqlClient, SqlError.SqlError>) => Sluice.fromRuntime(runtime)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromRuntime = <E>(
  runtime: ManagedRuntime.ManagedRuntime<Database.DatabaseId | SqlClient.SqlClient, E>,
  options?: Options
): Promise<Sluice> => Internal.fromRuntime(runtime, options?.signal)
