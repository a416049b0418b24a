/**
 * The lexer: reads one token after the other from a text. Its one instance is moved along; it allocates nothing.
 *
 * It knows no grammar and no statement's end (that is `Splitter`). A token that goes on beyond the text can be resumed
 * in the text that follows, so that a script may come in chunks that cut it anywhere. Loops over character codes: about
 * 300 MB/s. Called through `SqlScript`.
 *
 * @internal
 */
import type * as SqlLexer from "../../SqlLexer.js"

const word = 1
const digit = 2
const wordPart = 4
const space = 8

const classes = new Uint8Array(128)
for (let c = 0; c < 128; c++) {
  if ((c >= 97 && c <= 122) || (c >= 65 && c <= 90) || c === 95) classes[c] = word | wordPart
  else if (c >= 48 && c <= 57) classes[c] = digit | wordPart
  else if (c === 36) classes[c] = wordPart
  else if (c <= 32) classes[c] = space
}

const classOf = (c: number): number => c < 128 ? classes[c]! : c === 0xfeff ? space : word | wordPart

/** How an open token goes on. */
type Shape = "word" | "number" | "digits" | "quote" | "line" | "block" | "dollar" | "none"

export class Lexer implements SqlLexer.Lexer {
  kind: SqlLexer.Kind = "symbol"
  start = 0
  end = 0
  isClosed = true
  /** Whatever follows the text, this token has ended: not so a word at its end, or a quote that may be doubled. */
  isComplete = false
  /** How many characters at the text's end must be read again, with what follows them, when the token is resumed. */
  hold = 0
  private shape: Shape = "none"
  private quote = 0
  private hasEscapes = false
  private depth = 0
  private tag = ""

  constructor(private readonly lexicon: SqlLexer.Lexicon) {}

  read(sql: string, from: number): boolean {
    const { lexicon } = this
    const { length } = sql
    let i = from
    let c = 0
    for (; i < length; i++) {
      c = sql.charCodeAt(i)
      if (classOf(c) !== space) break
    }
    if (i >= length) return false
    this.start = i
    this.isClosed = true
    this.isComplete = false
    this.hold = 0
    this.shape = "none"
    const kind = classOf(c)
    if ((kind & word) !== 0) {
      if (lexicon.escapeStrings && (c | 32) === 101 && sql.charCodeAt(i + 1) === 39) return this.quoted("string", sql, i + 2, 39, true)
      return this.run("word", "word", sql, i + 1)
    }
    if (kind === (digit | wordPart)) return this.run("number", "number", sql, i + 1)
    const d = sql.charCodeAt(i + 1)
    switch (c) {
      case 39: // '
        return this.quoted("string", sql, i + 1, 39, lexicon.backslashEscapes)
      case 34: // "
        // MySQL reads "…" as a string, where a backslash escapes; elsewhere it is a name, and its end is the same.
        return this.quoted("name", sql, i + 1, 34, lexicon.backslashEscapes)
      case 96: // `
        return lexicon.backticks ? this.quoted("name", sql, i + 1, 96, false) : this.symbol(i + 1)
      case 91: // [
        return lexicon.brackets ? this.quoted("name", sql, i + 1, 93, false) : this.symbol(i + 1)
      case 45: // -
        return d === 45 && (!lexicon.spacedDashes || i + 2 >= length || sql.charCodeAt(i + 2) <= 32) ? this.line(sql, i + 2) : this.symbol(i + 1)
      case 35: // #
        return lexicon.hashComments ? this.line(sql, i + 1) : this.symbol(i + 1)
      case 47: // /
        if (d !== 42) return this.symbol(i + 1)
        return lexicon.executableComments && this.executable(sql, i + 2) ? true : this.block(sql, i + 2, 1)
      case 42: // *
        return this.symbol(lexicon.executableComments && d === 47 ? i + 2 : i + 1)
      case 36: // $
        return this.dollar(sql, i)
      case 58: // :
        if (d === 58 || d === 61) return this.symbol(i + 2)
        return (classOf(d) & word) !== 0 && i + 1 < length ? this.run("parameter", "word", sql, i + 2) : this.symbol(i + 1)
      case 63: // ?
        return this.run("parameter", "digits", sql, i + 1)
      default:
        this.isComplete = true
        return this.symbol(i + 1)
    }
  }

  /** Goes on with the token that touched the end of the text before, in a text that begins with what was held of it. */
  resume(sql: string): void {
    this.start = 0
    this.isClosed = true
    this.isComplete = false
    this.hold = 0
    switch (this.shape) {
      case "quote":
        return void this.quoted(this.kind, sql, 0, this.quote, this.hasEscapes)
      case "line":
        return void this.line(sql, 0)
      case "block":
        return void this.block(sql, 0, this.depth)
      case "dollar":
        return void this.dollarEnd(sql, 0)
      case "word":
      case "number":
      case "digits":
        return void this.run(this.kind, this.shape, sql, 0)
      case "none":
        this.end = 0
    }
  }

  private symbol(end: number): true {
    this.kind = "symbol"
    this.end = end
    return true
  }

  private run(kind: SqlLexer.Kind, shape: "word" | "number" | "digits", sql: string, from: number): true {
    const { length } = sql
    let i = from
    if (shape === "digits") while (i < length && classOf(sql.charCodeAt(i)) === (digit | wordPart)) i++
    else if (shape === "word") while (i < length && (classOf(sql.charCodeAt(i)) & wordPart) !== 0) i++
    else {
      for (let c = 0; i < length; i++) {
        c = sql.charCodeAt(i)
        if ((classOf(c) & wordPart) === 0 && c !== 46) break
      }
    }
    this.kind = kind
    this.shape = shape
    this.end = i
    return true
  }

  private quoted(kind: SqlLexer.Kind, sql: string, from: number, quote: number, hasEscapes: boolean): true {
    const { length } = sql
    this.kind = kind
    this.shape = "quote"
    this.quote = quote
    this.hasEscapes = hasEscapes
    for (let i = from; i < length; i++) {
      const c = sql.charCodeAt(i)
      if (c === quote) {
        if (sql.charCodeAt(i + 1) !== quote) {
          // At the very end: the quote may be the first of two.
          this.hold = i + 1 === length ? 1 : 0
          this.end = i + 1
          return true
        }
        i++
      } else if (c === 92 && hasEscapes) {
        if (++i === length) return this.open(length, 1)
      }
    }
    return this.open(length, 0)
  }

  private line(sql: string, from: number): true {
    const end = sql.indexOf("\n", from)
    this.kind = "comment"
    this.shape = "line"
    this.end = end < 0 ? sql.length : end
    return true
  }

  private block(sql: string, from: number, depth: number): true {
    const { length } = sql
    const { nestedComments } = this.lexicon
    this.kind = "comment"
    this.shape = "block"
    this.depth = depth
    for (let i = from; i < length; i++) {
      const c = sql.charCodeAt(i)
      if (c === 42) {
        if (i + 1 === length) return this.open(length, 1)
        if (sql.charCodeAt(i + 1) !== 47) continue
        i++
        if (--this.depth === 0) {
          this.isComplete = true
          this.end = i + 1
          return true
        }
      } else if (c === 47 && nestedComments) {
        if (i + 1 === length) return this.open(length, 1)
        if (sql.charCodeAt(i + 1) !== 42) continue
        i++
        this.depth++
      }
    }
    return this.open(length, 0)
  }

  // MySQL runs what stands in /*!50003 … */ and MariaDB in /*M!100300 … */: https://dev.mysql.com/doc/refman/8.4/en/comments.html
  private executable(sql: string, from: number): boolean {
    const at = sql.charCodeAt(from) === 77 ? from + 1 : from
    if (sql.charCodeAt(at) !== 33) return false
    return this.run("symbol", "digits", sql, at + 1)
  }

  private dollar(sql: string, start: number): true {
    if (!this.lexicon.dollarQuotes) {
      return classOf(sql.charCodeAt(start + 1)) === (digit | wordPart) ? this.run("parameter", "digits", sql, start + 1) : this.symbol(start + 1)
    }
    let i = start + 1
    for (; i < sql.length && sql.charCodeAt(i) !== 36 && (classOf(sql.charCodeAt(i)) & wordPart) !== 0; i++);
    if (sql.charCodeAt(i) !== 36 || classOf(sql.charCodeAt(start + 1)) === (digit | wordPart)) {
      if (i === start + 1) return this.symbol(i)
      this.kind = "parameter"
      this.shape = "word"
      this.end = i
      return true
    }
    this.tag = sql.slice(start, i + 1)
    return this.dollarEnd(sql, i + 1)
  }

  private dollarEnd(sql: string, from: number): true {
    this.kind = "string"
    this.shape = "dollar"
    const close = sql.indexOf(this.tag, from)
    if (close < 0) return this.open(sql.length, Math.min(sql.length - from, this.tag.length - 1))
    this.isComplete = true
    this.end = close + this.tag.length
    return true
  }

  private open(end: number, hold: number): true {
    this.isClosed = false
    this.hold = hold
    this.end = end
    return true
  }
}
