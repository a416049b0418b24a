/**
 * NDJSON: rows out of files and streams of bytes, and into them, one JSON object a line.
 *
 * Numbers come out as they went in: an integer past 2^53 is a bigint, and a number with more digits than a double holds is its text. Parsed by the
 * runtime, and by lossless-json where a line has such a number. Used by programs beside `BulkSink`.
 *
 * @since 0.1.0
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { FormatError } from "./FormatError.js"
import * as Files from "./internal/format/files.js"
import { textOf, valueOf } from "./internal/format/json.js"
import { Lines, type Taken } from "./internal/format/lines.js"
import * as FileSink from "./internal/format/sink.js"
import { plain } from "./internal/format/text.js"

/**
 * A row: what a line holds, by its names.
 *
 * @example
 * ```ts
 * import type { Ndjson } from "@sluice/batcher"
 *
 * const origin = (row: Ndjson.Row) => String(row["origin"])
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Row = Readonly<Record<string, unknown>>

/**
 * The rows of an NDJSON file; empty lines are none.
 *
 * A file that cannot be read and a line that is no JSON object fail with FormatError, which names the line; the rows before it were given.
 *
 * @example
 * ```ts
 * import { BulkSink, Ndjson } from "@sluice/batcher"
 *
 * const load = BulkSink.load(Ndjson.read("flights.ndjson"), { table: "flights", columns: ["origin", "destination", "delay"] })
 * ```
 *
 * @category sources
 * @since 0.1.0
 */
export const read = (path: string): Stream.Stream<Row, FormatError, FileSystem.FileSystem> =>
  Stream.mapError(decode(Files.bytes("ndjson", path)), Files.named(path))

/**
 * The rows of a stream of bytes or of text, however it is cut.
 *
 * @example
 * ```ts
 * import { Ndjson } from "@sluice/batcher"
 * import { Stream } from "effect"
 *
 * const rows = Ndjson.decode(Stream.make(`{"id":1}\n{"id":90071992`, `54740993}\n`))
 * ```
 *
 * @category sources
 * @since 0.1.0
 */
export const decode = <E, R>(bytes: Stream.Stream<Uint8Array | string, E, R>): Stream.Stream<Row, E | FormatError, R> =>
  Stream.suspend(() => {
    const gathered = new Lines([10])
    let lines = 0
    let failure: FormatError | undefined
    const rowsOf = ({ badAt, bytes }: Taken): Chunk.Chunk<Row> => {
      const rows: Array<Row> = []
      const all = bytes.toString("utf8").split("\n")
      // Behind the last end of a line there is none.
      if (all.at(-1) === "") all.pop()
      for (const given of all) {
        const line = lines === 0 && given.startsWith("\ufeff") ? given.slice(1) : given
        lines++
        if (line.trim().length === 0) continue
        const row = rowOf(line, lines)
        if (row instanceof FormatError) {
          failure = row
          break
        }
        rows.push(row)
      }
      if (badAt !== undefined) failure ??= wrong(badAt, "bytes that are not UTF-8", undefined)
      return Chunk.unsafeFromArray(rows)
    }
    // The rows before a line that is none are given first.
    const told = (rows: () => Chunk.Chunk<Row>): Effect.Effect<Chunk.Chunk<Row>, FormatError> =>
      Effect.suspend(() => failure === undefined ? Effect.succeed(rows()) : Effect.fail(failure))
    const before = Stream.mapChunksEffect(bytes, (chunk) =>
      told(() => Chunk.flatMap(chunk, (part) => failure === undefined ? rowsOf(gathered.take(part)) : Chunk.empty())))
    const last = Stream.unwrap(Effect.map(told(() => rowsOf(gathered.rest)), Stream.fromChunk))
    return Stream.concat(Stream.concat(before, last), Stream.unwrap(Effect.map(told(Chunk.empty), Stream.fromChunk)))
  })

/**
 * Writes records to an NDJSON file, one a line; the file is there, whole, when the sink ends well.
 *
 * A bigint is written digit by digit, an instant in ISO 8601, bytes in base 64.
 *
 * @example
 * ```ts
 * import { Ndjson } from "@sluice/batcher"
 * import { Database } from "@sluice/core"
 * import { Effect, Stream } from "effect"
 *
 * const dump = Effect.flatMap(Database.Database, (db) => Stream.run(db`SELECT * FROM flights`.stream, Ndjson.write("flights.ndjson")))
 * ```
 *
 * @category sinks
 * @since 0.1.0
 */
export const write = (path: string): Sink.Sink<FileSink.Written, object, never, FormatError, FileSystem.FileSystem> =>
  FileSink.make("ndjson", path, Effect.succeed({
    rows: (rows: ReadonlyArray<object>) => Effect.try({
      try: () => new TextEncoder().encode(rows.map((row) => `${lineOf(row)}\n`).join("")),
      catch: (cause) => new FormatError({ format: "ndjson", path, message: "a row holds a value that JSON has no word for", cause })
    }),
    end: Effect.succeed(new Uint8Array())
  }))

const rowOf = (line: string, at: number): Row | FormatError => {
  try {
    const row = valueOf(line)
    return isRow(row) ? row : wrong(at, "it is no JSON object", undefined)
  } catch (cause) {
    return wrong(at, "it is no JSON", cause)
  }
}

const isRow = (u: unknown): u is Row => typeof u === "object" && u !== null && !Array.isArray(u)

const lineOf = (row: object): string => {
  const values = Object.entries(row).map(([key, value]): [string, unknown] => [key, plain(value)])
  // The runtime writes a flat row five times as fast, and would make something else of a decimal or of bytes further in.
  if (values.every(([, value]) => value === null || (typeof value !== "object" && typeof value !== "bigint"))) return JSON.stringify(Object.fromEntries(values))
  return textOf(Object.fromEntries(values)) ?? "{}"
}

const wrong = (line: number, what: string, cause: unknown): FormatError => new FormatError({ format: "ndjson", line, message: `line ${line}: ${what}`, cause })
