/**
 * A format error: what is wrong with a file of rows, and where.
 *
 * Made by `Csv`, `Ndjson` and `Parquet`. What a database says of the rows is a SqlError or a BatchError as everywhere.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * A file of rows cannot be read or written.
 *
 * @example
 * ```ts
 * import { Csv } from "@sluice/batcher"
 * import { Effect, Stream } from "effect"
 *
 * const count = Stream.runCount(Csv.read("flights.csv")).pipe(
 *   Effect.catchTag("FormatError", (e) => Effect.logError(`${e.path} at line ${e.line}: ${e.message}`))
 * )
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class FormatError extends Data.TaggedError("FormatError")<{
  /** Of what kind the file is. */
  readonly format: "csv" | "ndjson" | "parquet"
  /** What is wrong; it quotes nothing of the rows. */
  readonly message: string
  /** The file, where it is one. */
  readonly path?: string | undefined
  /** The line, from 1, where there are lines. */
  readonly line?: number | undefined
  /** What the parser or the file system said. */
  readonly cause?: unknown
}> {}
