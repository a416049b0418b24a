/**
 * A bulk sink: the rows of a stream into one table, by the fastest way that the connection has.
 *
 * It gathers rows into chunks and writes one while the next is gathered; the way itself is the dialect's (`Bulk` of
 * core). It makes no table and converts no value. Used by programs.
 *
 * @since 0.1.0
 */
import { Database, type DatabaseId } from "@sluice/core/Database"
import { type Checked, refuse } from "@sluice/core/Options"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { BatchError } from "./BatchError.js"
import * as Loading from "./internal/loading.js"
import { limit, oneOf } from "./internal/options.js"

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
export interface Options {
  /** The table's name; a dot separates schema and table. ConfigError where it is empty. */
  readonly table: string
  /** The columns that are filled. ConfigError where there is none, or one twice. */
  readonly columns: ReadonlyArray<string>
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
export const make = (options: Options): Sink.Sink<Report, Row, never, BatchError | SqlError.SqlError, DatabaseId> =>
  Sink.unwrapScoped(Effect.gen(function*() {
    const db = yield* Database
    const settings = yield* settingsOf(options)
    const has = db.dialect.capabilities.transactions
    if (!has && settings.transaction === "all") {
      return yield* SqlError.fail(
        new Reason.UnsupportedError({ message: `${db.dialect.name} has no transactions: transaction must be "chunk"`, capability: "transactions" })
      )
    }
    const loading = yield* Loading.open(db, has ? settings : { ...settings, transaction: "none" })
    return Sink.mapEffect(Sink.forEachChunk(loading.push), () => loading.finish)
  }))

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
export const load = <A extends Row, E, R>(
  rows: Stream.Stream<A, E, R>,
  options: Options
): Effect.Effect<Report, E | BatchError | SqlError.SqlError, R | DatabaseId> => Stream.run(rows, make(options))

const settingsOf = (options: Options): Checked<Loading.Settings> =>
  Either.gen(function*() {
    const { columns, table } = options
    if (typeof table !== "string" || table.trim().length === 0) yield* refuse("table", "must be a table's name")
    if (columns.length === 0) yield* refuse("columns", "must name at least one column")
    const index = columns.findIndex((column, i) => column.length === 0 || columns.indexOf(column) !== i)
    if (index >= 0) yield* refuse(`columns[${index}]`, columns[index] === "" ? "is empty" : `is there already: ${columns[index]}`)
    return {
      target: {
        table,
        columns: [...columns],
        onConflict: yield* oneOf("onConflict", options.onConflict, ["error", "ignore", "replace"], "error")
      },
      transaction: yield* oneOf("transaction", options.transaction, ["chunk", "all"], "chunk"),
      chunkSize: yield* limit("chunkSize", options.chunkSize, 10_000),
      onProgress: options.onProgress
    }
  })
