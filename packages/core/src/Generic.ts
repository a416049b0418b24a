/**
 * Generic: a database of any async functions. Whoever has a client that runs SQL and answers with a promise has, with it,
 * typed failures, interruption, timeouts, transactions where the client has them, and what the batcher sends to.
 *
 * It is no driver and knows no server: what the client does not say it can, is UnsupportedError. Used by programs.
 *
 * @since 0.1.0
 */
import type * as Reactivity from "@effect/experimental/Reactivity"
import type * as SqlClient from "@effect/sql/SqlClient"
import * as Cause from "effect/Cause"
import type { Tag } from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Connection } from "./Connection.js"
import * as Database from "./Database.js"
import * as Dialect from "./Dialect.js"
import { GenericConnection } from "./internal/generic/connection.js"
import { bounded } from "./Bounded.js"
import { count, refuse } from "./Options.js"
import * as Pool from "./Pool.js"
import type * as Reason from "./Reason.js"
import type * as SqlError from "./SqlError.js"
import * as SqlScript from "./SqlScript.js"

/**
 * What a client's function is given beside its arguments.
 *
 * @example
 * ```ts
 * import type { Generic } from "@sluice/core"
 *
 * const post = (sql: string, { signal }: Generic.Context) => fetch("https://db.example/sql", { method: "POST", body: sql, signal })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Context {
  /**
   * Aborted when nobody waits any more: the fiber was interrupted, or a timeout has passed. The connection is used again when
   * the promise has ended.
   */
  readonly signal: AbortSignal
  /** As what the statement wants 64-bit integers; `undefined` where it does not say. A client may leave it unread. */
  readonly integers?: "number" | "bigint" | undefined
}

/**
 * What a statement answered. Where there are no `columns`, they are the keys of the first row.
 *
 * @example
 * ```ts
 * import type { Generic } from "@sluice/core"
 *
 * const answer: Generic.Answer = { rows: [{ id: 1 }], rowsAffected: 0 }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  /** The rows, as records, or as arrays in the order of `columns`. */
  readonly rows?: ReadonlyArray<Readonly<Record<string, unknown>>> | ReadonlyArray<ReadonlyArray<unknown>> | undefined
  /** The names of the columns. */
  readonly columns?: ReadonlyArray<string> | undefined
  /** Rows that the statement changed. Default 0. */
  readonly rowsAffected?: number | undefined
  /** The key that an INSERT generated. */
  readonly lastInsertId?: number | bigint | undefined
}

/**
 * The functions of a client.
 *
 * @example
 * ```ts
 * import type { Generic } from "@sluice/core"
 *
 * declare const duck: { all: (sql: string, params: ReadonlyArray<unknown>) => Promise<Array<Record<string, unknown>>>; end: () => Promise<void> }
 *
 * const client: Generic.Client = { execute: (sql, params) => duck.all(sql, params), close: () => duck.end() }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Client {
  /**
   * Runs one statement: its text, its parameters in the order of the placeholders. Answers with its rows, or with an
   * `Answer`, or with nothing. A rejection is an UnknownError, unless `reason` says better; a SqlError stays what it is.
   */
  readonly execute: (
    sql: string,
    params: ReadonlyArray<unknown>,
    context: Context
  ) => PromiseLike<ReadonlyArray<Readonly<Record<string, unknown>>> | Answer | undefined | void>
  /** Closes the client. It is run once, when the layer's scope closes and nothing runs any more. */
  readonly close?: (() => PromiseLike<unknown> | void) | undefined
  /** Begins a transaction. Without all three, transactions are UnsupportedError. */
  readonly begin?: ((context: Context) => PromiseLike<unknown>) | undefined
  /** Commits. */
  readonly commit?: ((context: Context) => PromiseLike<unknown>) | undefined
  /** Rolls back. */
  readonly rollback?: ((context: Context) => PromiseLike<unknown>) | undefined
  /** What a rejection means: UniqueViolation, DeadlockError, … `undefined` where it does not know, as where it throws. */
  readonly reason?: ((cause: unknown, sql: string | undefined) => Reason.Reason | undefined) | undefined
}

/**
 * A client, and how its database is used.
 *
 * @example
 * ```ts
 * import { Generic } from "@sluice/core"
 *
 * const config = (client: Generic.Client): Generic.Config => ({ ...client, dialect: { name: "duckdb", placeholder: (n) => `$${n}` }, maxBytes: 100_000 })
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Config extends Client, Database.Config {
  /**
   * What the client's SQL is like; what is left out is as in `Generic.ansi`. Its capabilities are taken for `savepoints`
   * and `returning` alone, as the rest is what the functions can do.
   */
  readonly dialect?: Partial<Dialect.Dialect> | undefined
  /** UTF-8 bytes of one statement, at least 1, else ConfigError; a longer one is LimitError. Default 500,000, or the dialect's. */
  readonly maxBytes?: number | undefined
}

/**
 * The dialect of a client that says nothing of its own: the standard's quotes, `?` for a parameter.
 *
 * @example
 * ```ts
 * import { Generic } from "@sluice/core"
 *
 * Generic.ansi.quoteIdentifier("order") // "order", in double quotes
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const ansi: Dialect.Dialect = {
  name: "generic",
  stock: undefined,
  system: "other_sql",
  quoteIdentifier: Dialect.quoteWith("\""),
  placeholder: () => "?",
  defaultKeyword: "DEFAULT",
  returning: "suffix",
  updateValues: undefined,
  lexicon: SqlScript.ansi,
  limits: { maxParameters: Number.POSITIVE_INFINITY, maxStatementBytes: 500_000, maxInsertRows: Number.POSITIVE_INFINITY },
  capabilities: {
    transactions: false,
    savepoints: false,
    isolation: [],
    readOnlyTransactions: false,
    deferrable: false,
    access: [],
    sessions: false,
    cancel: "detached",
    streaming: false,
    statementsBesideStream: true,
    returning: false,
    multipleResultSets: false,
    describe: false,
    lastInsertId: false,
    bulk: false,
    unprepared: false,
    bytes: false
  },
  leavesState: undefined
}

/**
 * A database of a client, until the scope closes.
 *
 * A client with `begin` is one session: one statement of it is under way at a time, and `pool.max` can be nothing but 1.
 * Another one is called as often at a time as `pool.max` says (default 10). Idle ones are not pinged unless the pool is
 * told to: `db.ping` is a `SELECT 1`.
 *
 * @example
 * ```ts
 * import { Generic } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const one = (client: Generic.Client) => Effect.scoped(Effect.flatMap(Generic.make(client), (db) => db<number>`SELECT 1 AS one`.scalar))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (config: Config): Effect.Effect<Database.Database, SqlError.SqlError, Scope.Scope | Reactivity.Reactivity> =>
  Effect.gen(function*() {
    const dialect = yield* dialectOf(config)
    const { transactions } = dialect.capabilities
    if (transactions && (config.pool?.max ?? 1) !== 1) yield* refuse("pool.max", "must be 1 where there is begin: it is of one session")
    // Before the pool, and so closed after it.
    yield* Effect.addFinalizer(() => closing(config))
    const write = yield* Pool.make<Connection>({
      max: transactions ? 1 : 10,
      idleTimeout: Number.POSITIVE_INFINITY,
      maxLifetime: Number.POSITIVE_INFINITY,
      keepAlive: Number.POSITIVE_INFINITY,
      validateAfter: Number.POSITIVE_INFINITY,
      ...config.pool,
      name: dialect.name,
      dialect,
      connect: Effect.sync(() => new GenericConnection(config, dialect)),
      irreplaceable: transactions ? "the client is one session, and still busy with it" : undefined
    })
    return yield* Database.make({
      ...config,
      dialect,
      pools: { write, read: undefined, session: undefined },
      attributes: {},
      raw: (result) => result.columns.length > 0 ? result.rows : { rowsAffected: result.rowsAffected, lastInsertId: result.lastInsertId }
    })
  })

/**
 * A layer that provides the database of a client under `Database` and under the stock `SqlClient`, one object.
 *
 * @example
 * ```ts
 * import { Database, Generic } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.flatMap(Database.Database, (db) => db`SELECT 1`).pipe(
 *   Effect.provide(Generic.layer({
 *     execute: async (sql, params, { signal }) => {
 *       const answer = await fetch("https://db.example/sql", { method: "POST", body: JSON.stringify({ sql, params }), signal })
 *       return (await answer.json()) as Array<Record<string, unknown>>
 *     }
 *   }))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (config: Config): Layer.Layer<Database.DatabaseId | SqlClient.SqlClient, SqlError.SqlError> =>
  Database.layer(make(config))

/**
 * As `layer`, under a tag of your own only: several databases in one app.
 *
 * @example
 * ```ts
 * import { type Database, Generic } from "@sluice/core"
 * import { Context } from "effect"
 *
 * class Lake extends Context.Tag("Lake")<Lake, Database.Database>() {}
 *
 * const layer = (client: Generic.Client) => Generic.layerAs(Lake, client)
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerAs: <I, S extends SqlClient.SqlClient>(
  tag: Tag<I, S>,
  config: Database.Database extends S ? Config : never
) => Layer.Layer<I, SqlError.SqlError> = Database.layerAsOf(make)

const dialectOf = ({ begin, commit, dialect = {}, maxBytes, rollback }: Config): Effect.Effect<Dialect.Dialect, SqlError.SqlError> =>
  Effect.gen(function*() {
    const verbs = Object.entries({ begin, commit, rollback })
    const missing = verbs.find(([, verb]) => verb === undefined)
    const transactions = verbs.some(([, verb]) => verb !== undefined)
    if (transactions && missing !== undefined) yield* refuse(missing[0], "must be given where one of begin, commit and rollback is")
    const limits = dialect.limits ?? ansi.limits
    return {
      ...ansi,
      ...dialect,
      limits: { ...limits, maxStatementBytes: yield* count("maxBytes", maxBytes, limits.maxStatementBytes, 1) },
      capabilities: {
        ...ansi.capabilities,
        transactions,
        savepoints: transactions && dialect.capabilities?.savepoints === true,
        returning: dialect.capabilities?.returning === true
      }
    }
  })

/** How long a client may take to close, in milliseconds. */
const patience = 10_000

const closing = ({ close }: Client): Effect.Effect<void> => {
  if (close === undefined) return Effect.void
  const closed = Effect.tryPromise(async () => {
    await close()
  })
  return Effect.catchAllCause(
    bounded(closed, patience, () => new Cause.UnknownException(undefined, `it took longer than ${patience} ms`)),
    (cause) => Effect.logWarning("a client could not be closed", cause)
  )
}
