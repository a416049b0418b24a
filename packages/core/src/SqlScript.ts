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
  /** What it is; `name` is a quoted identifier. */
  readonly kind: "word" | "string" | "name" | "comment" | "number" | "parameter" | "symbol"
  /** Where it begins, from 0. */
  readonly start: number
  /** Where it has ended: the index after its last character. */
  readonly end: number
  /** `false`: the text ended inside this string, name or comment. */
  readonly closed: boolean
}

const isWordStart = (c: number): boolean => (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || c === 95 || c > 127
const isDigit = (c: number): boolean => c >= 48 && c <= 57
const isWordPart = (c: number): boolean => isWordStart(c) || isDigit(c) || c === 36

/**
 * The next token at or after `from`; `undefined` at the end of the text.
 *
 * @example
 * ```ts
 * import { SqlScript } from "@sluice/core"
 *
 * SqlScript.next("  /* hint *\/ SELECT 1", SqlScript.ansi, 0)?.kind // "comment"
 * ```
 *
 * @category lexing
 * @since 0.1.0
 */
export const next = (sql: string, lexicon: Lexicon, from: number): Token | undefined => {
  let i = from
  while (i < sql.length && (sql.charCodeAt(i) <= 32 || sql.charCodeAt(i) === 0xfeff)) i++
  if (i >= sql.length) return undefined
  const c = sql.charCodeAt(i)
  const d = sql.charCodeAt(i + 1)
  if (isWordStart(c)) return plain("word", i, whileAt(sql, i + 1, isWordPart))
  if (isDigit(c)) return plain("number", i, whileAt(sql, i + 1, (x) => isWordPart(x) || x === 46))
  switch (sql[i]) {
    case "'":
      return quoted("string", sql, i, i + 1, "'", lexicon.backslashEscapes)
    case '"':
      // MySQL reads "…" as a string, where a backslash escapes; elsewhere it is a name, and its end is the same.
      return quoted("name", sql, i, i + 1, '"', lexicon.backslashEscapes)
    case "`":
      return lexicon.backticks ? quoted("name", sql, i, i + 1, "`", false) : plain("symbol", i, i + 1)
    case "[":
      return lexicon.brackets ? quoted("name", sql, i, i + 1, "]", false) : plain("symbol", i, i + 1)
    case "-":
      return d === 45 ? lineComment(sql, i) : plain("symbol", i, i + 1)
    case "#":
      return lexicon.hashComments ? lineComment(sql, i) : plain("symbol", i, i + 1)
    case "/":
      return d === 42 ? blockComment(sql, i, lexicon.nestedComments) : plain("symbol", i, i + 1)
    case "$":
      return lexicon.dollarQuotes ? dollar(sql, i) : isDigit(d) ? plain("parameter", i, whileAt(sql, i + 1, isDigit)) : plain("symbol", i, i + 1)
    case ":":
      if (d === 58 || d === 61) return plain("symbol", i, i + 2)
      return isWordStart(d) ? plain("parameter", i, whileAt(sql, i + 1, isWordPart)) : plain("symbol", i, i + 1)
    case "?":
      return plain("parameter", i, whileAt(sql, i + 1, isDigit))
    default:
      return plain("symbol", i, i + 1)
  }
}

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
  for (let token = next(sql, lexicon, 0); token !== undefined; token = next(sql, lexicon, token.end)) out.push(token)
  return out
}

/**
 * One statement of a script: its text without the closing semicolon, and the line where it begins, from 1.
 *
 * @example
 * ```ts
 * import { SqlScript } from "@sluice/core"
 *
 * const lines = SqlScript.split("SELECT 1;\nSELECT 2", SqlScript.ansi).map((piece) => piece.line) // [1, 2]
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
  /** `false`: a string, a quoted name or a comment in it never ends. */
  readonly closed: boolean
}

/**
 * Splits a script into its statements. A semicolon inside quotes, comments or a trigger's body splits nothing; a
 * piece that holds only comments is left out.
 *
 * @example
 * ```ts
 * import { SqlScript } from "@sluice/core"
 *
 * SqlScript.split("INSERT INTO t VALUES ('a;b'); SELECT 1;", SqlScript.ansi).length // 2
 * ```
 *
 * @category lexing
 * @since 0.1.0
 */
export const split = (sql: string, lexicon: Lexicon): ReadonlyArray<Piece> => {
  const pieces: Array<Piece> = []
  let start = -1
  let closed = true
  let line = 1
  let counted = 0
  const words: Array<string> = []
  const flush = (end: number): void => {
    if (start < 0) return
    for (; counted < start; counted++) if (sql.charCodeAt(counted) === 10) line++
    pieces.push({ text: sql.slice(start, end).trimEnd(), line, closed })
    start = -1
    closed = true
    words.length = 0
  }
  for (let token = next(sql, lexicon, 0); token !== undefined; token = next(sql, lexicon, token.end)) {
    if (token.kind === "symbol" && sql[token.start] === ";" && !(lexicon.triggerBodies && insideTrigger(words))) {
      flush(token.start)
      continue
    }
    if (!token.closed) closed = false
    if (token.kind !== "comment" && start < 0) start = token.start
    if (token.kind === "word") words.push(sql.slice(token.start, token.end).toUpperCase())
    else if (token.kind === "symbol" && sql[token.start] === ";") words.push(";")
  }
  flush(sql.length)
  return pieces
}

// As sqlite3_complete() has it: CREATE [TEMP|TEMPORARY] TRIGGER ends at "; END ;".
const insideTrigger = (words: ReadonlyArray<string>): boolean => {
  if (words[0] !== "CREATE") return false
  const second = words[1] === "TEMP" || words[1] === "TEMPORARY" ? words[2] : words[1]
  return second === "TRIGGER" && !(words.at(-1) === "END" && words.at(-2) === ";")
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
  let previous = ""
  for (let token = next(sql, lexicon, 0); token !== undefined; token = next(sql, lexicon, token.end)) {
    if (token.kind === "symbol") {
      const symbol = sql[token.start]
      if (symbol === "(") depth++
      else if (symbol === ")") depth--
      else if (token.end - token.start === 2 && sql[token.start + 1] === "=") assigns = true
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
      previous = word
    }
  }
  const readOnly = readVerbs.has(verb) && !writes
  return {
    verb,
    readOnly,
    returnsRows: readVerbs.has(verb) || returning || !plainVerbs.has(first),
    leavesState: !plainVerbs.has(first) || assigns
  }
}

const plain = (kind: Token["kind"], start: number, end: number): Token => ({ kind, start, end, closed: true })

const whileAt = (sql: string, from: number, test: (c: number) => boolean): number => {
  let i = from
  while (i < sql.length && test(sql.charCodeAt(i))) i++
  return i
}

const quoted = (
  kind: Token["kind"],
  sql: string,
  start: number,
  from: number,
  close: string,
  backslash: boolean
): Token => {
  for (let i = from; i < sql.length; i++) {
    if (backslash && sql[i] === "\\") i++
    else if (sql[i] === close) {
      if (sql[i + 1] !== close) return plain(kind, start, i + 1)
      i++
    }
  }
  return { kind, start, end: sql.length, closed: false }
}

const lineComment = (sql: string, start: number): Token => {
  const end = sql.indexOf("\n", start)
  return plain("comment", start, end < 0 ? sql.length : end)
}

const blockComment = (sql: string, start: number, nested: boolean): Token => {
  let depth = 1
  for (let i = start + 2; i < sql.length; i++) {
    if (sql[i] === "*" && sql[i + 1] === "/") {
      depth--
      i++
      if (depth === 0) return plain("comment", start, i + 1)
    } else if (nested && sql[i] === "/" && sql[i + 1] === "*") {
      depth++
      i++
    }
  }
  return { kind: "comment", start, end: sql.length, closed: false }
}

const dollar = (sql: string, start: number): Token => {
  const tagEnd = whileAt(sql, start + 1, (c) => isWordPart(c) && c !== 36)
  if (sql[tagEnd] !== "$" || isDigit(sql.charCodeAt(start + 1))) {
    return tagEnd > start + 1 ? plain("parameter", start, tagEnd) : plain("symbol", start, start + 1)
  }
  const tag = sql.slice(start, tagEnd + 1)
  const close = sql.indexOf(tag, tagEnd + 1)
  return close < 0
    ? { kind: "string", start, end: sql.length, closed: false }
    : plain("string", start, close + tag.length)
}
