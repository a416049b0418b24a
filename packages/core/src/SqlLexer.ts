/**
 * A SQL text seen as tokens: what is quoted, what is comment, where a statement ends, what its verb is.
 *
 * It is a lexer, not a parser: it knows no grammar beyond where the body of a routine ends. One `Lexicon` per dialect
 * says which quotes and comments there are. Used for `:name` parameters, for routing reads, for telling which
 * statements leave something on their session, for splitting a script and for merging INSERTs: one tokenizer for all.
 * Exported by `SqlScript` too, which splits. Alone it needs nothing of effect: SQLite's threads, which load it, start
 * in a sixth of the time.
 *
 * @since 0.1.0
 */
import { harmless } from "./internal/sqlLexer/functions.js"
import { Lexer as Reader } from "./internal/sqlScript/Lexer.js"

/**
 * What a dialect's routines may hold between their first semicolon and their last.
 *
 * `none`: their bodies are strings. `trigger`: the statements of CREATE TRIGGER, until `; END` (SQLite). `routine`: blocks
 * of BEGIN, IF, CASE, LOOP, WHILE and REPEAT, nested (MySQL). `atomic`: BEGIN ATOMIC … END, and the commands of a rule in
 * their parentheses (PostgreSQL).
 *
 * @example
 * ```ts
 * import type { SqlScript } from "@sluice/core"
 *
 * const bodies: SqlScript.Bodies = "atomic"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Bodies = "none" | "trigger" | "routine" | "atomic"

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
  /** `E'…'`, where a backslash escapes (PostgreSQL). */
  readonly escapeStrings: boolean
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
  /** `--` begins a comment before white space only: `5--3` is 8 (MySQL). */
  readonly spacedDashes: boolean
  /** What stands in `/*! … *\/` is run; its two ends are symbols, and what is between them is no comment (MySQL). */
  readonly executableComments: boolean
  /** `DELIMITER //` in a script is for whoever splits it: the delimiter from the next line on (MySQL). */
  readonly delimiterCommand: boolean
  /**
   * `\connect` and the data behind COPY … FROM stdin are for psql, and no SQL: what splits a script refuses them, but for the
   * `\restrict` with which pg_dump begins (PostgreSQL).
   */
  readonly psqlCommands: boolean
  /** What a routine's body holds: semicolons there end no statement. */
  readonly bodies: Bodies
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
  escapeStrings: false,
  backticks: false,
  brackets: false,
  dollarQuotes: false,
  nestedComments: false,
  hashComments: false,
  spacedDashes: false,
  executableComments: false,
  delimiterCommand: false,
  psqlCommands: false,
  bodies: "none"
}

/**
 * What a token is; `name` is a quoted identifier.
 *
 * @example
 * ```ts
 * import type { SqlScript } from "@sluice/core"
 *
 * const isText = (kind: SqlScript.Kind) => kind === "string" || kind === "name"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = "word" | "string" | "name" | "comment" | "number" | "parameter" | "symbol"

/**
 * One token of a SQL text, by its place there. White space is left out.
 *
 * @example
 * ```ts
 * import { SqlScript } from "@sluice/core"
 *
 * const words = SqlScript.tokens("SELECT 'a;b'", SqlScript.ansi).filter((token) => token.kind === "word")
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Token {
  /** What it is. */
  readonly kind: Kind
  /** Where it begins, from 0. */
  readonly start: number
  /** Where it has ended: the index after its last character. */
  readonly end: number
  /** `false`: the text ended inside this string, name or comment. */
  readonly isClosed: boolean
}

/**
 * A reader of tokens for loops over much text: one token that is moved along, and nothing is allocated.
 *
 * @example
 * ```ts
 * import { SqlScript } from "@sluice/core"
 *
 * const count = (sql: string, lexer: SqlScript.Lexer) => {
 *   let tokens = 0
 *   for (let at = 0; lexer.read(sql, at); at = lexer.end) tokens++
 *   return tokens
 * }
 * ```
 *
 * @category lexing
 * @since 0.1.0
 */
export interface Lexer extends Token {
  /** Moves to the next token at or after `from`; `false` at the end of the text, and then it has not moved. */
  readonly read: (sql: string, from: number) => boolean
}

/**
 * Makes a reader of tokens.
 *
 * @example
 * ```ts
 * import { SqlScript } from "@sluice/core"
 *
 * const lexer = SqlScript.lexer(SqlScript.ansi)
 * const kind = lexer.read("  /* hint *\/ SELECT 1", 0) ? lexer.kind : undefined // "comment"
 * ```
 *
 * @category lexing
 * @since 0.1.0
 */
export const lexer = (lexicon: Lexicon): Lexer => new Reader(lexicon)

/**
 * All tokens of a text.
 *
 * @example
 * ```ts
 * import { SqlScript } from "@sluice/core"
 *
 * SqlScript.tokens("SELECT 1", SqlScript.ansi).length // 2
 * ```
 *
 * @category lexing
 * @since 0.1.0
 */
export const tokens = (sql: string, lexicon: Lexicon): ReadonlyArray<Token> => {
  const out: Array<Token> = []
  const reader = new Reader(lexicon)
  for (let at = 0; reader.read(sql, at); at = reader.end) out.push({ kind: reader.kind, start: reader.start, end: reader.end, isClosed: reader.isClosed })
  return out
}

/**
 * What a statement's words say about it, without asking a server.
 *
 * @example
 * ```ts
 * import { SqlScript } from "@sluice/core"
 *
 * SqlScript.classify("WITH x AS (SELECT 1) DELETE FROM t", SqlScript.ansi).readOnly // false
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Classification {
  /** The leading word in capitals; behind WITH the verb that follows its list. */
  readonly verb: string
  /** It writes and locks nothing: SELECT, VALUES and EXPLAIN without FOR UPDATE, FOR SHARE, INTO or a writing WITH. */
  readonly readOnly: boolean
  /** It calls what is no known function of the servers' own, and may write, whatever its verb is. */
  readonly callsUnknown: boolean
  /** It may answer with rows. */
  readonly returnsRows: boolean
  /** It may leave something behind on its session: the leading word is none of the plain ones, or it holds `:=`. */
  readonly leavesState: boolean
}

const plainVerbs = new Set(["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "WITH"])
const readVerbs = new Set(["SELECT", "VALUES", "EXPLAIN"])
const mainVerbs = new Set(["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "REPLACE"])
const writeWords = new Set(["INSERT", "UPDATE", "DELETE", "MERGE", "INTO"])

/**
 * Classifies one statement by its words.
 *
 * @example
 * ```ts
 * import { SqlScript } from "@sluice/core"
 *
 * SqlScript.classify("PRAGMA foreign_keys = OFF", SqlScript.ansi).leavesState // true
 * ```
 *
 * @category lexing
 * @since 0.1.0
 */
export const classify = (sql: string, lexicon: Lexicon): Classification => {
  let first = ""
  let verb = ""
  let depth = 0
  let writes = false
  let returning = false
  let assigns = false
  let callsUnknown = false
  let previous = ""
  // What stands before the word before: `AS t(a, b)` and `::numeric(10, 2)` call nothing, and `app.count(a)` is no count.
  let before = ""
  const token = new Reader(lexicon)
  for (let at = 0; token.read(sql, at); at = token.end) {
    if (token.kind === "symbol") {
      const symbol = sql[token.start]
      if (symbol === "(") {
        const isNamed = before === "AS" || before === "::" || (first === "WITH" && verb === "WITH" && depth === 0)
        if (previous !== "" && !isNamed && (before === "." || !harmless.has(previous))) callsUnknown = true
        depth++
      } else if (symbol === ")") depth--
      else if (token.end - token.start === 2 && sql[token.start + 1] === "=") assigns = true
      before = sql.slice(token.start, token.end)
      previous = ""
    } else if (token.kind === "word") {
      const word = sql.slice(token.start, token.end).toUpperCase()
      if (first === "") {
        first = word
        verb = word
      } else {
        if (first === "WITH" && verb === "WITH" && depth === 0 && mainVerbs.has(word)) verb = word
        // UPDATE also stands in SELECT … FOR UPDATE, which locks rows and so belongs on the primary.
        if (writeWords.has(word)) writes = true
        // FOR SHARE, FOR KEY SHARE and LOCK IN SHARE MODE lock rows as well.
        if (word === "SHARE" && (previous === "FOR" || previous === "KEY" || previous === "IN")) writes = true
        if (word === "RETURNING" || word === "OUTPUT") returning = true
      }
      before = previous === "" ? before : previous
      previous = word
    } else if (token.kind !== "comment") {
      before = previous === "" ? before : previous
      previous = token.kind === "name" ? "\"" : ""
    }
  }
  const readOnly = readVerbs.has(verb) && !writes
  return {
    verb,
    readOnly,
    callsUnknown,
    returnsRows: readVerbs.has(verb) || returning || !plainVerbs.has(first),
    leavesState: !plainVerbs.has(first) || assigns
  }
}
