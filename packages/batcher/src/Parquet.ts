/**
 * Parquet: rows out of files, a row group at a time, and into them.
 *
 * Values come out as they are in the file: a decimal is its text, a 64-bit integer a bigint, an instant a Date where that can be it. Read by hyparquet, written by
 * hyparquet-writer. Used by programs beside `BulkSink`.
 *
 * @since 0.1.0
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { FormatError } from "./FormatError.js"
import type * as FileSink from "./internal/format/sink.js"

// Loaded by the first file that is read or written: a tenth of what it cost to import this package was the format.
const loaded = <A>(path: string, load: () => Promise<A>): Effect.Effect<A, FormatError> =>
  Effect.tryPromise({ try: load, catch: (cause) => new FormatError({ format: "parquet", path, message: "the Parquet libraries cannot be loaded", cause }) })

const reading = (path: string) => loaded(path, () => import("./internal/parquet/reading.js"))
const writing = (path: string) => loaded(path, () => import("./internal/parquet/writing.js"))

/**
 * A row: its values by the names of the columns.
 *
 * @example
 * ```ts
 * import type { Parquet } from "@sluice/batcher"
 *
 * const delay = (row: Parquet.Row) => Number(row["delay"])
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Row = Readonly<Record<string, unknown>>

/**
 * What a column of a file holds, in the words of `Column`: `integer` 32 bits, `bigint` 64, `timestamp` an instant in microseconds, `date` a day as text or Date,
 * `json` any value, `uuid` a text; a decimal by its precision (up to 38) and scale, of texts, bigints or numbers. Every column may be null.
 *
 * @example
 * ```ts
 * import type { Parquet } from "@sluice/batcher"
 *
 * const price: Parquet.Type = { decimal: [12, 2] }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Type =
  | "boolean"
  | "integer"
  | "bigint"
  | "double"
  | "text"
  | "bytes"
  | "timestamp"
  | "date"
  | "json"
  | "uuid"
  | { readonly decimal: readonly [precision: number, scale: number] }

/**
 * How a Parquet file is read.
 *
 * @example
 * ```ts
 * import type { Parquet } from "@sluice/batcher"
 *
 * const options: Parquet.ReadOptions = { columns: ["origin", "delay"], instants: "string" }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface ReadOptions {
  /** The columns that are read; of the others no byte is. Default: all. */
  readonly columns?: ReadonlyArray<string> | undefined
  /** `date` (default): instants are Dates, and one with microseconds, which a Date would lose, is a FormatError. `string`: `2026-11-21T10:20:30.123456Z`. */
  readonly instants?: "date" | "string" | undefined
}

/**
 * How a Parquet file is written.
 *
 * @example
 * ```ts
 * import type { Parquet } from "@sluice/batcher"
 *
 * const options: Parquet.WriteOptions = { columns: { id: "bigint", name: "text", price: { decimal: [12, 2] } } }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface WriteOptions {
  /** The columns, in their order, and what they hold. */
  readonly columns: Readonly<Record<string, Type>>
  /** Rows per row group; memory holds one. Default 100,000. */
  readonly rowGroupSize?: number | undefined
}

/**
 * What a file says of itself.
 *
 * @example
 * ```ts
 * import type { Parquet } from "@sluice/batcher"
 *
 * const perGroup = ({ rowGroups, rows }: Parquet.Description) => rows / rowGroups
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Description {
  /** How many rows it has. */
  readonly rows: number
  /** In how many parts they are: one is what memory holds. */
  readonly rowGroups: number
  /** The names of its columns. */
  readonly columns: ReadonlyArray<string>
}

/**
 * How many rows a Parquet file has, and of which columns: the end of the file is read, and no row.
 *
 * @example
 * ```ts
 * import { Parquet } from "@sluice/batcher"
 * import { Effect } from "effect"
 *
 * const total = Effect.map(Parquet.describe("flights.parquet"), ({ rows }) => rows)
 * ```
 *
 * @category sources
 * @since 0.1.0
 */
export const describe = (path: string): Effect.Effect<Description, FormatError, FileSystem.FileSystem> =>
  Effect.flatMap(reading(path), ({ describe }) => describe(path))

/**
 * The rows of a Parquet file. Memory holds one of its row groups.
 *
 * Compressed by Snappy, gzip, Brotli, Zstandard or LZ4, or not at all; a file that is none is a FormatError.
 *
 * @example
 * ```ts
 * import { BulkSink, Parquet } from "@sluice/batcher"
 *
 * const load = BulkSink.load(Parquet.read("flights.parquet"), { table: "flights", columns: ["origin", "destination", "delay"] })
 * ```
 *
 * @category sources
 * @since 0.1.0
 */
export const read = (path: string, options: ReadOptions = {}): Stream.Stream<Row, FormatError, FileSystem.FileSystem> =>
  Stream.unwrap(Effect.map(reading(path), ({ read }) => read(path, options.columns, options.instants ?? "date")))

/**
 * Writes records to a Parquet file, compressed by Snappy; the file is there, whole, when the sink ends well.
 *
 * A value that does not fit its column is a FormatError that names it.
 *
 * @example
 * ```ts
 * import { Parquet } from "@sluice/batcher"
 * import { Database } from "@sluice/core"
 * import { Effect, Stream } from "effect"
 *
 * const dump = Effect.flatMap(Database.Database, (db) =>
 *   Stream.run(db`SELECT id, name FROM users`.stream, Parquet.write("users.parquet", { columns: { id: "bigint", name: "text" } })))
 * ```
 *
 * @category sinks
 * @since 0.1.0
 */
export const write = (path: string, options: WriteOptions): Sink.Sink<FileSink.Written, object, never, FormatError, FileSystem.FileSystem> =>
  Sink.unwrap(Effect.map(writing(path), ({ write }) => write(path, options.columns, options.rowGroupSize ?? 100_000)))
