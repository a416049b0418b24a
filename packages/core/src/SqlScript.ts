/**
 * A SQL text seen as tokens: what is quoted, what is comment, where a statement ends, what its verb is.
 *
 * It is a lexer, not a parser: it knows no grammar beyond where a trigger's body ends. One `Lexicon` per dialect
 * says which quotes and comments there are. Used for `:name` parameters, for routing reads, for telling which
 * statements leave something on their session, and for splitting a script.
 *
 * @since 0.1.0
 */

/**
 * Which quotes and comments a dialect has.
 *
 * @example
 * ```ts
 * import { SqlScript } from "@sluice/core"
 *
 * const lexicon: SqlScript.Lexicon = SqlScript.ansi
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Lexicon {
  /** `\'` inside a string does not end it (MySQL without NO_BACKSLASH_ESCAPES). */
  readonly backslashEscapes: boolean
  /** `` `name` `` */
  readonly backticks: boolean
  /** `[name]` */
  readonly brackets: boolean
  /** `$tag$ … $tag$` */
  readonly dollarQuotes: boolean
  /** A block comment inside a block comment. */
  readonly nestedComments: boolean
  /** `# comment` */
  readonly hashComments: boolean
  /** The body of CREATE TRIGGER holds statements of its own, until END. */
  readonly triggerBodies: boolean
}

/**
 * The lexicon of the standard: double and single quotes, `--` and flat block comments.
 *
 * @example
 * ```ts
 * import { SqlScript } from "@sluice/core"
 *
 * const mysql: SqlScript.Lexicon = { ...SqlScript.ansi, backslashEscapes: true, backticks: true, hashComments: true }
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const ansi: Lexicon = {
  backslashEscapes: false,
  backticks: false,
  brackets: false,
  dollarQuotes: false,
  nestedComments: false,
  hashComments: false,
  triggerBodies: false
}
