/**
 * A script: SQL of several statements, split into them, however large it is.
 *
 * What a token is, is `SqlLexer`'s, whose words are here too; running a script is `db.script`. Used by `Database`, by the batcher, and by programs.
 *
 * @since 0.1.0
 */
import type * as Either from "effect/Either"
import type * as Stream from "effect/Stream"
import { splitText, streamed } from "./internal/sqlScript/splitting.js"
import type * as SqlError from "./SqlError.js"
import type { Lexicon } from "./SqlLexer.js"

export * from "./SqlLexer.js"

/**
 * One statement of a script: its text without the delimiter, and the line where it begins, from 1.
 *
 * @example
 * ```ts
 * import { SqlScript } from "@sluice/core"
 * import { Either } from "effect"
 *
 * const lines = Either.map(SqlScript.split("SELECT 1;\nSELECT 2", SqlScript.ansi), (pieces) => pieces.map((piece) => piece.line)) // [1, 2]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Piece {
  /** The statement. */
  readonly text: string
  /** Where it begins, from 1. */
  readonly line: number
}

/**
 * How a script is split.
 *
 * @example
 * ```ts
 * import type { SqlScript } from "@sluice/core"
 *
 * const options: SqlScript.SplitOptions = { maxLength: 16_000_000 }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface SplitOptions {
  /**
   * Characters of one statement. Beyond it the splitting of a stream fails with LimitError, so that a quote which is
   * never closed does not bring the rest of a file into memory. At least 1, else ConfigError. Default 2^28; a text is not
   * checked.
   */
  readonly maxLength?: number | undefined
}

/**
 * Splits a script into its statements: a text at once, a Stream of texts or of UTF-8 bytes as it comes, cut anywhere, and
 * with no more of it in memory than one statement.
 *
 * A semicolon inside quotes, comments or a routine's body splits nothing. A piece that holds only comments is left out. A
 * quote or a comment that never ends is a SqlSyntaxError with the line where it begins, and so is what only psql
 * understands: its commands (`\connect`) and COPY … FROM stdin with its data. Of a stream, the statements before it come
 * first. Bytes that are no UTF-8 are a DataError.
 *
 * @example
 * ```ts
 * import { Database, SqlScript } from "@sluice/core"
 * import { Effect, Either, Stream } from "effect"
 *
 * const pieces = Either.map(SqlScript.split("INSERT INTO t VALUES ('a;b'); SELECT 1;", SqlScript.ansi), (pieces) => pieces.length) // 2
 *
 * const count = (file: Stream.Stream<Uint8Array>) =>
 *   Effect.flatMap(Database.Database, (db) => Stream.runCount(SqlScript.split(file, db.dialect.lexicon)))
 * ```
 *
 * @category lexing
 * @since 0.1.0
 */
export const split: {
  (text: string, lexicon: Lexicon): Either.Either<ReadonlyArray<Piece>, SqlError.SqlError>
  <E, R>(
    script: Stream.Stream<string | Uint8Array, E, R>,
    lexicon: Lexicon,
    options?: SplitOptions
  ): Stream.Stream<Piece, E | SqlError.SqlError, R>
} = ((script: string | Stream.Stream<string | Uint8Array>, lexicon: Lexicon, options: SplitOptions = {}): unknown =>
  typeof script === "string" ? splitText(script, lexicon) : streamed(script, lexicon, options.maxLength)) as typeof split
