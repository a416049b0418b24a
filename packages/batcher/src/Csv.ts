/**
 * CSV: rows out of files and streams of bytes, and into them (RFC 4180).
 *
 * Every value is text or null: what a column holds, the table it goes to knows. Parsed by csv-parse. Used by programs beside `BulkSink`.
 *
 * @since 0.1.0
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import { CsvError, parse } from "csv-parse/stream"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { FormatError } from "./FormatError.js"
import * as Files from "./internal/format/files.js"
import { textOf } from "./internal/format/json.js"
import { Lines, type Taken } from "./internal/format/lines.js"
import * as FileSink from "./internal/format/sink.js"
import { plain } from "./internal/format/text.js"

/**
 * A row: its texts by the names of the columns.
 *
 * @example
 * ```ts
 * import type { Csv } from "@sluice/batcher"
 *
 * const origin = (row: Csv.Row) => row["origin"] ?? "unknown"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Row = Readonly<Record<string, string | null>>

/**
 * How a CSV file is written.
 *
 * @example
 * ```ts
 * import type { Csv } from "@sluice/batcher"
 *
 * const options: Csv.Options = { delimiter: ";", columns: ["origin", "destination"] }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  /** What separates two values: one character, neither a quote nor the end of a line, else FormatError. Default `,`. */
  readonly delimiter?: string | undefined
  /**
   * The names of the columns, where the file has no line of names. Default: its first line is one. When writing: what is written of each
   * record, in this order; default the keys of the first.
   */
  readonly columns?: ReadonlyArray<string> | undefined
  /** What stands for null. Default: nothing at all, where `""` is the empty text. */
  readonly null?: string | undefined
}

/**
 * The rows of a CSV file.
 *
 * A file that cannot be read and a line that is none (other values than names, a quote that does not end, bytes that are not UTF-8, two columns of one name) fail with
 * FormatError, which names the line; the rows before it were given. Empty lines are none, but in a file of one column.
 *
 * @example
 * ```ts
 * import { BulkSink, Csv } from "@sluice/batcher"
 *
 * const load = BulkSink.load(Csv.read("flights.csv"), { table: "flights", columns: ["origin", "destination", "delay"] })
 * ```
 *
 * @category sources
 * @since 0.1.0
 */
export const read = (path: string, options: Options = {}): Stream.Stream<Row, FormatError, FileSystem.FileSystem> =>
  Stream.mapError(decode(Files.bytes("csv", path), options), Files.named(path))

/**
 * The rows of a stream of bytes or of text, however it is cut.
 *
 * @example
 * ```ts
 * import { Csv } from "@sluice/batcher"
 * import { Stream } from "effect"
 *
 * const rows = Csv.decode(Stream.make("id,name\n1,Ada\n2,", "Grace\n"))
 * ```
 *
 * @category sources
 * @since 0.1.0
 */
export const decode = <E, R>(bytes: Stream.Stream<Uint8Array | string, E, R>, options: Options = {}): Stream.Stream<Row, E | FormatError, R> =>
  Stream.unwrap(Effect.map(delimiterOf(options), (delimiter) => {
    const lines = new Lines([10, 13])
    let rows: Array<Row> = []
    let names = options.columns
    // The rows before a line that is none are given first.
    let failure: FormatError | undefined
    const none = options.null ?? ""
    // Of one column an empty line is a value; else it is no row.
    const isBlank = (values: ReadonlyArray<string | null>): boolean => values.length === 1 && names?.length !== 1 && (values[0] === "" || values[0] === null)
    const taken = (values: ReadonlyArray<string | null>, line: number, isQuoted: boolean): void => {
      if (failure !== undefined || (!isQuoted && isBlank(values))) return
      if (names === undefined) {
        names = values.map((name) => name ?? "")
        if (new Set(names).size < names.length) failure = wrong(line, "two columns have one name", undefined)
      } else if (values.length !== names.length) failure = wrong(line, `${values.length} values, and ${names.length} columns`, undefined)
      else rows.push(Object.fromEntries(names.map((name, i) => [name, values[i] ?? null])))
    }
    let isQuoted = false
    const parser = parse({
      bom: true,
      delimiter,
      // Left to itself it takes the end of the first line for that of all, and what differs for a part of a value.
      record_delimiter: ["\r\n", "\n", "\r"],
      relax_column_count: true,
      cast: (value, { quoting }) => {
        isQuoted ||= quoting
        return value === none && !quoting ? null : value
      },
      // Gathered and not handed on: a promise for each row would cost more than the row.
      on_record: (values: ReadonlyArray<string | null>, { lines }) => {
        taken(values, lines, isQuoted)
        isQuoted = false
        return null
      }
    })
    const writer = parser.writable.getWriter()
    const given = (): Chunk.Chunk<Row> => {
      const all = rows
      rows = []
      return Chunk.unsafeFromArray(all)
    }
    const told = (step: () => Promise<void>): Effect.Effect<Chunk.Chunk<Row>> => Effect.suspend(() => {
      if (failure !== undefined) return Effect.succeed(Chunk.empty<Row>())
      const caught = Effect.catchAll(Effect.tryPromise({ try: step, catch: toError }), (error) => Effect.sync(() => {
        failure ??= error
      }))
      return Effect.map(caught, given)
    })
    const put = async ({ badAt, bytes }: Taken): Promise<void> => {
      if (bytes.length > 0) await writer.write(bytes)
      if (badAt === undefined) return
      // The parser keeps the last row until it knows what follows.
      await writer.close().catch(() => undefined)
      failure ??= wrong(badAt, "bytes that are not UTF-8", undefined)
    }
    const before = Stream.mapChunksEffect(bytes, (chunk): Effect.Effect<Chunk.Chunk<Row>, FormatError> =>
      failure !== undefined ? Effect.fail(failure) : Effect.map(Effect.forEach(chunk, (part) => told(() => put(lines.take(part)))), (parts) =>
        Chunk.flatten(Chunk.unsafeFromArray(parts))))
    // Closing one that has failed says only that it has; `closed` says why.
    const last = Stream.unwrap(Effect.map(
      Effect.zipWith(told(() => put(lines.rest)), told(() => writer.close().catch(() => writer.closed)), (rest, end) => Chunk.appendAll(rest, end)),
      Stream.fromChunk
    ))
    return Stream.concat(Stream.concat(before, last), Stream.unwrap(Effect.sync(() => failure === undefined ? Stream.empty : Stream.fail(failure))))
  }))

/**
 * Writes records to a CSV file, with a line of names first; the file is there, whole, when the sink ends well.
 *
 * Instants are written in ISO 8601, bytes in base 64, lists and records as JSON.
 *
 * @example
 * ```ts
 * import { Csv } from "@sluice/batcher"
 * import { Database } from "@sluice/core"
 * import { Effect, Stream } from "effect"
 *
 * const dump = Effect.flatMap(Database.Database, (db) => Stream.run(db`SELECT * FROM flights`.stream, Csv.write("flights.csv")))
 * ```
 *
 * @category sinks
 * @since 0.1.0
 */
export const write = (path: string, options: Options = {}): Sink.Sink<FileSink.Written, object, never, FormatError, FileSystem.FileSystem> =>
  FileSink.make("csv", path, Effect.map(delimiterOf(options), (delimiter) => {
    const none = options.null ?? ""
    let columns = options.columns
    let isBegun = false
    const cell = (value: unknown): string => {
      const each = plain(value)
      if (each === null || each === undefined) return none
      const text = typeof each === "object" ? textOf(each) ?? none : String(each)
      return text === none || text.includes(delimiter) || /["\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll("\"", "\"\"")}"` : text
    }
    const line = (values: ReadonlyArray<unknown>): string => `${values.map(cell).join(delimiter)}\n`
    return {
      rows: (rows: ReadonlyArray<object>) => Effect.try({
        try: () => {
          let text = ""
          if (columns === undefined && rows[0] !== undefined) columns = Object.keys(rows[0])
          if (!isBegun && columns !== undefined) {
            text += line(columns)
            isBegun = true
          }
          for (const row of rows) {
            const entries = new Map(Object.entries(row))
            text += line((columns ?? []).map((column) => entries.get(column)))
          }
          return new TextEncoder().encode(text)
        },
        catch: (cause) => new FormatError({ format: "csv", path, message: "a row holds a value that CSV has no word for", cause })
      }),
      end: Effect.sync(() => new TextEncoder().encode(isBegun || columns === undefined ? "" : line(columns)))
    }
  }))

const delimiterOf = ({ delimiter = "," }: Options): Either.Either<string, FormatError> =>
  /^[^"\r\n]+$/.test(delimiter) ? Either.right(delimiter) : Either.left(new FormatError({ format: "csv", message: "delimiter must be a character, and neither a quote nor the end of a line" }))

const toError = (cause: unknown): FormatError => {
  const line = cause instanceof CsvError && typeof cause["lines"] === "number" ? cause["lines"] : undefined
  return wrong(line, cause instanceof CsvError ? sentences[cause.code] ?? cause.code : "it is no CSV", cause)
}

const wrong = (line: number | undefined, message: string, cause: unknown): FormatError =>
  new FormatError({ format: "csv", message: line === undefined ? message : `line ${line}: ${message}`, line, cause })

// In our own words: the parser's quote what the file holds.
const sentences: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: "a quote that does not end",
  CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE: "text behind a quote that has ended",
  CSV_INVALID_CLOSING_QUOTE: "text behind a quote that has ended",
  INVALID_OPENING_QUOTE: "a quote inside of a value that has none around it"
}
