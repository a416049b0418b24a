/**
 * A bulk sink: the rows of a stream into one table, by the fastest way that the connection has.
 *
 * It gathers rows into chunks and writes one while the next is gathered; the way itself is the dialect's (`Bulk` of
 * core). It makes no table and converts no value. Used by programs.
 *
 * @since 0.1.0
 */
import { Database, type DatabaseId } from "@sluice/core/Database"
import { refuse } from "@sluice/core/Options"
import type * as SqlError from "@sluice/core/SqlError"
import * as Table from "@sluice/core/Table"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Mailbox from "effect/Mailbox"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { BatchError } from "./BatchError.js"
import { sink as sinkInto } from "./internal/sink.js"

/**
 * A row: its values in the order of the columns, or a record (any object) with exactly the columns as its keys.
 *
 * @example
 * ```ts
 * import type { BulkSink } from "@sluice/batcher"
 *
 * const rows: ReadonlyArray<BulkSink.Row> = [["JFK", "LAX", 12], { origin: "JFK", destination: "LAX", delay: 12 }]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Row = ReadonlyArray<unknown> | object

/**
 * Where rows go, and how.
 *
 * @example
 * ```ts
 * import type { BulkSink } from "@sluice/batcher"
 * import { Effect } from "effect"
 *
 * const options: BulkSink.Options = {
 *   table: "flights",
 *   columns: ["origin", "destination", "delay"],
 *   onProgress: (rows) => Effect.log(`${rows} rows`)
 * }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends Settings {
  /** The table's name; a dot separates schema and table. ConfigError where it is empty. */
  readonly table: string
  /** The columns that are filled. ConfigError where there is none, or one twice. */
  readonly columns: ReadonlyArray<string>
}

/**
 * Where rows of a described table go, and how.
 *
 * @example
 * ```ts
 * import type { BulkSink } from "@sluice/batcher"
 * import { Column, Table } from "@sluice/core"
 *
 * const users = Table.make("users", { id: Column.integer().primaryKey(), name: Column.text() })
 * const options: BulkSink.TableOptions<typeof users> = { table: users, transaction: "all" }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface TableOptions<T extends Table.Any> extends Settings {
  /** The table, as it was described or reflected. */
  readonly table: T
  /** The columns that are filled, by their names in rows; what a row lacks of them is NULL. Default: all. */
  readonly columns?: ReadonlyArray<keyof Table.Row<T> & string> | undefined
}

/**
 * What every load may be told.
 *
 * @example
 * ```ts
 * import type { BulkSink } from "@sluice/batcher"
 *
 * const settings: BulkSink.Settings = { onConflict: "ignore", chunkSize: 5_000 }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Settings {
  /**
   * A row whose key is there already: `error` (default) fails its chunk, `ignore` leaves it out and counts it as rejected,
   * `replace` puts it in the old one's place. Where the connection has no bulk path, all but `error` is UnsupportedError.
   */
  readonly onConflict?: "error" | "ignore" | "replace" | undefined
  /**
   * `chunk` (default): each chunk in one transaction, so that a failure leaves those before it applied. `all`: the whole
   * load in one transaction, everything or nothing; UnsupportedError where the dialect has no transactions.
   */
  readonly transaction?: "chunk" | "all" | undefined
  /** Rows per chunk, at least 1, else ConfigError. Memory holds up to three chunks. Default 10,000. */
  readonly chunkSize?: number | undefined
  /**
   * Run after each chunk with the rows written so far; the next chunk waits for it. With `transaction: "all"` they are
   * handed to the server and not committed, and the last of them may be under way. It runs outside of the load's
   * transaction.
   */
  readonly onProgress?: ((rows: number) => Effect.Effect<void>) | undefined
}

/**
 * What a load did.
 *
 * @example
 * ```ts
 * import type { BulkSink } from "@sluice/batcher"
 *
 * const perSecond = (report: BulkSink.Report) => report.rows / (report.milliseconds / 1000)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  /** Rows that are in the table by this load. */
  readonly rows: number
  /** Rows that were left out because of `onConflict: "ignore"`. */
  readonly rejected: number
  /** Chunks in which they were written. */
  readonly chunks: number
  /** From the start of the load to its end. */
  readonly milliseconds: number
}

/**
 * A sink of rows into a table.
 *
 * Rows are gathered while the chunk before is written; the stream is suspended when two chunks are ready. A row with
 * other columns than `columns` is a ConfigError that tells its index, the expected and the found columns, and its chunk
 * is not sent. It fails with SqlError where nothing was sent, and else with BatchError, which counts the rows applied.
 * Where the stream itself fails, or the load is interrupted, the chunks that were written stay, unless `transaction` is
 * `all`, and nothing is left of the one under way; `onProgress` has told of all of them but the last chunk, perhaps.
 *
 * @example
 * ```ts
 * import { BulkSink } from "@sluice/batcher"
 * import { Stream } from "effect"
 *
 * const rows = Stream.range(1, 1_000_000).pipe(Stream.map((id) => [id, `name ${id}`]))
 * const load = Stream.run(rows, BulkSink.make({ table: "users", columns: ["id", "name"] }))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  (options: Options): Sink.Sink<Report, Row, never, BatchError | SqlError.SqlError, DatabaseId>
  <T extends Table.Any>(options: TableOptions<T>): Sink.Sink<Report, Table.NewRow<T>, never, BatchError | SqlError.SqlError, DatabaseId>
} = (options: Options | TableOptions<Table.Any>) => sink(options)

/**
 * Loads a stream of rows into a table: `make`, run.
 *
 * @example
 * ```ts
 * import { BulkSink } from "@sluice/batcher"
 * import { Sqlite } from "@sluice/sqlite"
 * import { Effect, Stream } from "effect"
 *
 * const flights = Stream.range(1, 3_000_000).pipe(Stream.map((id) => ({ id, origin: "JFK", delay: id % 90 })))
 *
 * const program = BulkSink.load(flights, {
 *   table: "flights",
 *   columns: ["id", "origin", "delay"],
 *   onProgress: (rows) => Effect.log(`${rows} of 3000000`)
 * }).pipe(Effect.provide(Sqlite.layer({ filename: "flights.db" })))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const load: {
  <A extends Row, E, R>(rows: Stream.Stream<A, E, R>, options: Options): Effect.Effect<Report, E | BatchError | SqlError.SqlError, R | DatabaseId>
  <T extends Table.Any, E, R>(
    rows: Stream.Stream<Table.NewRow<T>, E, R>,
    options: TableOptions<T>
  ): Effect.Effect<Report, E | BatchError | SqlError.SqlError, R | DatabaseId>
} = <E, R>(rows: Stream.Stream<object, E, R>, options: Options | TableOptions<Table.Any>) => Stream.run(rows, sink(options))

/**
 * How far a load is.
 *
 * @example
 * ```ts
 * import type { BulkSink } from "@sluice/batcher"
 *
 * const line = ({ report, rows }: BulkSink.Progress) => report === undefined ? `${rows} rows` : `done in ${report.milliseconds} ms`
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Progress {
  /** Rows written so far; with `transaction: "all"` they are not committed yet. */
  readonly rows: number
  /** What the load did, in the last element only. */
  readonly report: Report | undefined
}

/**
 * Loads a stream of rows as `load` does, and tells how far it is: after each chunk, and with the report at the end.
 *
 * The load runs while the stream is read, and is stopped with it. A reader that is slow holds nothing up: it hears the latest.
 *
 * @example
 * ```ts
 * import { BulkSink } from "@sluice/batcher"
 * import { Console, Stream } from "effect"
 *
 * const rows = Stream.range(1, 1_000_000).pipe(Stream.map((id) => [id, `name ${id}`]))
 * const shown = BulkSink.progress(rows, { table: "users", columns: ["id", "name"] }).pipe(
 *   Stream.runForEach(({ rows }) => Console.log(`${rows} rows`))
 * )
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const progress: {
  <A extends Row, E, R>(rows: Stream.Stream<A, E, R>, options: Options): Stream.Stream<Progress, E | BatchError | SqlError.SqlError, R | DatabaseId>
  <T extends Table.Any, E, R>(
    rows: Stream.Stream<Table.NewRow<T>, E, R>,
    options: TableOptions<T>
  ): Stream.Stream<Progress, E | BatchError | SqlError.SqlError, R | DatabaseId>
} = <E, R>(rows: Stream.Stream<object, E, R>, options: Options | TableOptions<Table.Any>) =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const told = yield* Mailbox.make<Progress, E | BatchError | SqlError.SqlError>({ capacity: 1, strategy: "sliding" })
    const onProgress = (rows: number) => Effect.zipRight(told.offer({ rows, report: undefined }), options.onProgress?.(rows) ?? Effect.void)
    const all = Effect.flatMap(Stream.run(rows, sink({ ...options, onProgress })), (report) => told.offer({ rows: report.rows, report }))
    yield* Effect.forkScoped(Mailbox.into(all, told))
    return Mailbox.toStream(told)
  }))

const sink = (options: Options | TableOptions<Table.Any>): Sink.Sink<Report, object, never, BatchError | SqlError.SqlError, DatabaseId> =>
  Sink.unwrap(Effect.gen(function*() {
    const db = yield* Database
    return sinkInto(db, options, isNamed(options) ? yield* namedOf(options) : yield* Table.encoder(db, options.table, options.columns))
  }))

const isNamed = (options: Options | TableOptions<Table.Any>): options is Options => typeof options.table === "string"

const namedOf = ({ columns, table }: Options) =>
  Either.gen(function*() {
    if (table.trim().length === 0) yield* refuse("table", "must be a table's name")
    if (columns.length === 0) yield* refuse("columns", "must name at least one column")
    return { table, columns: [...columns], encode: undefined }
  })
