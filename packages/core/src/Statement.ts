/**
 * A statement: a fragment with a way to run it. It is an Effect of its rows, and runs in other ways too.
 *
 * It is immutable and holds no connection: run twice, it is sent twice. Made by a `Database`, a `Session` or their
 * `unsafe`. It restates all of the stock statement of @effect/sql, with narrower errors.
 *
 * @since 0.1.0
 */
import type * as StockStatement from "@effect/sql/Statement"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Result } from "./Connection.js"
import type { Cursor } from "./Cursor.js"
import type { RowDecoder } from "./RowDecoder.js"
import type { PreviewOptions } from "./Sql.js"
import type { SqlError } from "./SqlError.js"

/**
 * A row: a record by column names.
 *
 * @example
 * ```ts
 * import type { Statement } from "@sluice/core"
 *
 * const row: Statement.Row = { id: 1, name: "Ada" }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Row {
  readonly [column: string]: unknown
}

/**
 * What one value of a row may be as a scalar's type.
 *
 * @example
 * ```ts
 * import type { Statement } from "@sluice/core"
 *
 * const value: Statement.Scalar = 42n
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Scalar = string | number | bigint | boolean | null

/**
 * What a statement changed.
 *
 * @example
 * ```ts
 * import type { Statement } from "@sluice/core"
 *
 * const isNew = (run: Statement.Run) => run.rowsAffected === 1
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Run {
  /** Rows that were changed; 0 for a query. */
  readonly rowsAffected: number
  /** The key that the INSERT generated, where the server tells. */
  readonly lastInsertId: number | bigint | undefined
}

/**
 * Options of one statement. What is left out is the database's setting.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const exact = Effect.flatMap(Database.Database, (db) => db`SELECT id FROM big`.with({ integers: "bigint" }))
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  /** The type of 64-bit integers. As `number`, one past 2^53 fails with DataError. */
  readonly integers?: "number" | "bigint" | undefined
  /** Two columns of one name in an object row: the last one wins (default), or ResultError. `.values` keeps both. */
  readonly duplicates?: "last" | "error" | undefined
  /** Rows per chunk of a stream or a cursor's fetch, at least 1. Default 1,000. */
  readonly fetchSize?: number | undefined
  /** As `.timeout`. */
  readonly timeout?: Duration.DurationInput | undefined
  /** Names the statement in logs (`Telemetry.logStatements`), in spans (`db.query.summary`) and to `ErrorHook`. */
  readonly label?: string | undefined
}

/**
 * A statement. As an Effect it answers with its rows.
 *
 * Every way to run it fails with `SqlError`; interrupting one stops the statement on the server, as far as the dialect
 * can (`dialect.capabilities.cancel`).
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   const users = yield* db<{ id: number; name: string }>`SELECT id, name FROM users WHERE active = ${true}`
 *   const count = yield* db<number>`SELECT COUNT(*) FROM users`.scalar
 *   yield* db`SELECT * FROM events`.stream.pipe(Stream.runForEach((event) => Effect.log(event)))
 *   return { users, count }
 * })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Statement<A, V = unknown> extends StockStatement.Fragment, Effect.Effect<ReadonlyArray<A>, SqlError>, Pipeable {
  /** The rows, fetched on demand: memory does not grow with the result. */
  readonly stream: Stream.Stream<A, SqlError>
  /** The first row, if there is one. The whole result is read: say LIMIT where it is large. */
  readonly first: Effect.Effect<Option.Option<A>, SqlError>
  /** The only row; ResultError where there is none, or more than one. */
  readonly one: Effect.Effect<A, SqlError>
  /** The first column of the first row; ResultError where there is no row. */
  readonly scalar: Effect.Effect<V, SqlError>
  /** The first column of the first row, if there is one. */
  readonly scalarOption: Effect.Effect<Option.Option<V>, SqlError>
  /** One column of every row; ResultError where the result has no such column. */
  readonly column: <K extends keyof A & string>(name: K) => Effect.Effect<ReadonlyArray<A[K]>, SqlError>
  /** What it changed, without its rows. */
  readonly run: Effect.Effect<Run, SqlError>
  /** Everything that the server answered: rows, columns (for zero rows too), rows affected, messages. */
  readonly result: Effect.Effect<Result<A>, SqlError>
  /** Every result set of the statement. */
  readonly results: Effect.Effect<ReadonlyArray<Result<A>>, SqlError>
  /** An open cursor, closed with its scope. */
  readonly cursor: Effect.Effect<Cursor<A>, SqlError, Scope.Scope>
  /**
   * The same, cancelled on the server when it runs longer; then it fails with StatementTimeoutError. For a stream or a
   * cursor it is how long the server may take to open it, and for each chunk; the consumer's own time is not counted.
   */
  readonly timeout: (duration: Duration.DurationInput) => Statement<A, V>
  /** The same, with other options. */
  readonly with: (options: Options) => Statement<A, V>
  /**
   * The same, its rows decoded by a Schema: in every way to run it but `.values`, `.raw` and `.run`. A row that does not
   * fit fails with DecodeError, which names its column and its index. `.scalar` is then the first field of the decoded row.
   */
  readonly decode: <B, I>(schema: Schema.Schema<B, I>) => Statement<B, B[keyof B]>
  /**
   * The same, its rows made by a decoder instead of the one that is provided, or the dialect's: in every way to run it but
   * `.values`, `.raw`, `.run` and `.scalar`. A row that the decoder throws at fails with DecodeError, which names its index.
   */
  readonly decodeWith: <B>(decoder: RowDecoder<B>) => Statement<B>
  /**
   * The same, undecoded: each row is an array of its fields as the server sent them, in the text format of its protocol, NULL as
   * null. It goes through no decoder but that of `.decodeWith`. UnsupportedError, before anything is sent, where the dialect
   * has no bytes (`dialect.capabilities.bytes`).
   */
  readonly bytes: Statement<ReadonlyArray<Uint8Array | null>, Uint8Array | null>
  /** The rows as arrays, in the order of the columns. */
  readonly values: Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, SqlError>
  /** The answer in the form in which the stock driver of this dialect gives it. */
  readonly raw: Effect.Effect<unknown, SqlError>
  /** The rows, without preparing the statement. */
  readonly unprepared: Effect.Effect<ReadonlyArray<A>, SqlError>
  /** The rows, without the transform of names. */
  readonly withoutTransform: Effect.Effect<ReadonlyArray<A>, SqlError>
  /**
   * The text and its parameters. What cannot be compiled (an insert of no row) throws its SqlError here, because the
   * stock signature has no other way to say it; the effects fail with it.
   */
  readonly compile: (withoutTransform?: boolean | undefined) => readonly [sql: string, params: ReadonlyArray<unknown>]
  /**
   * The text to look at, with masks in the place of its parameters (`Sql.preview`). What cannot be compiled is shown by the
   * reason, in angle brackets.
   */
  readonly preview: (options?: PreviewOptions) => string
}

/**
 * The callable that makes statements, with the helpers of @effect/sql: `in`, `and`, `or`, `insert`, `update`,
 * `updateValues`, `csv`, `join`, `literal`, `onDialect`, `onDialectOrElse`. A `Database` and a `Session` are one.
 *
 * The type argument is the row's type, or a scalar's for `.scalar`.
 *
 * @example
 * ```ts
 * import type { Statement } from "@sluice/core"
 *
 * const find = (sql: Statement.Constructor, ids: ReadonlyArray<number>) =>
 *   sql<{ id: number }>`SELECT id FROM users WHERE ${sql.in("id", ids)}`
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Constructor extends StockStatement.Constructor {
  // The stock signature takes `any` arguments, and ours must stay assignable to it.
  // oxlint-disable-next-line typescript/no-explicit-any
  <A extends object = Row>(strings: TemplateStringsArray, ...args: Array<any>): Statement<A, A[keyof A]>
  // oxlint-disable-next-line typescript/no-explicit-any
  <V extends Scalar>(strings: TemplateStringsArray, ...args: Array<any>): Statement<Row, V>
  /** A name, quoted as the dialect does. */
  (value: string): StockStatement.Identifier
  /**
   * A statement of a text as it is. An array binds the dialect's own placeholders in order, a record binds `:name` in
   * every dialect; a name that the record lacks is a ConfigError.
   */
  readonly unsafe: <A extends object = Row>(
    sql: string,
    params?: ReadonlyArray<unknown> | Readonly<Record<string, unknown>> | undefined
  ) => Statement<A, A[keyof A]>
}
