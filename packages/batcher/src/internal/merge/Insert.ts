/**
 * A reader of INSERT: whether a statement is one whose rows may stand in one VALUES with others, and where they stand.
 *
 * One instance is moved from statement to statement. It holds no rows together (that is `Merger`). What it is not sure
 * of it leaves alone: a RETURNING, a subquery, a parameter, a function that may answer otherwise in company.
 *
 * @internal
 */
import * as SqlScript from "@sluice/core/SqlScript"
import { Alike } from "../alike.js"
import { calls, clocks, curious, plain } from "./words.js"

export interface Settings {
  readonly lexicon: SqlScript.Lexicon
  /** More functions of their arguments alone, in capitals. */
  readonly functions: ReadonlySet<string>
  /** IGNORE and ON DUPLICATE KEY UPDATE, too. */
  readonly upserts: boolean
  /** The placeholder of parameter `index`, from 1. */
  readonly placeholder: (index: number) => string
}

export class Insert {
  /** The words up to VALUES, written alike: two statements with one key insert into the same columns in the same way. */
  key = ""
  /** Where its text begins. */
  start = 0
  /** Where its first row begins. */
  rowsStart = 0
  /** Where its last row has ended. */
  rowsEnd = 0
  rows = 0
  /** Values of each row. */
  width = 0
  /** What follows the rows. */
  suffix = ""
  /** A string, a name or a comment in it never ends; it begins here. */
  openAt = -1
  /** Its rows are known to be ASCII. */
  isAscii = false
  /** It may ask what the INSERT before it did. */
  isCurious = false
  /** Where the placeholders of its rows begin and end, one after the other. */
  readonly places: Array<number> = []
  private readonly lexer: SqlScript.Lexer
  private readonly alike = new Alike()
  /** Values of the rows that it knows. */
  private plainWidth = 0
  /** The text of the last one up to its first parenthesis of VALUES: most have it in common. */
  private prefix = ""
  private prefixStart = 0
  private prefixRows = 0
  /** The one with parameters that was read last: the next is mostly the same, with others. */
  private known: string | undefined
  private parameters = 0

  constructor(private readonly settings: Settings) {
    this.lexer = SqlScript.lexer(settings.lexicon)
  }

  /** Reads a statement that is sent with so many parameters: `true` where it may be merged. */
  read(sql: string, parameters: number): boolean {
    if (parameters > 0 && sql === this.known && parameters === this.parameters) return true
    this.known = undefined
    this.parameters = parameters
    this.places.length = 0
    const answer = this.reread(sql) && this.places.length === 2 * parameters
    if (answer && parameters > 0) this.known = sql
    return answer
  }

  private reread(sql: string): boolean {
    this.openAt = -1
    this.isCurious = false
    this.isAscii = this.alike.matches(sql)
    if (this.isAscii) {
      this.start = this.prefixStart
      this.rowsStart = this.prefixRows
      this.rowsEnd = sql.length
      this.rows = 1
      this.width = this.plainWidth
      this.suffix = ""
      return true
    }
    if (this.prefix !== "" && sql.startsWith(this.prefix)) {
      this.start = this.prefixStart
      this.rowsStart = this.prefixRows
    } else if (!this.head(sql)) return this.leave(sql, 0)
    if (!this.values(sql)) return this.leave(sql, this.rowsStart)
    // The next with this beginning, and one row of plain literals as wide as this, need not be taken apart.
    if (this.width > 0 && this.width <= widest) {
      this.plainWidth = this.width
      this.alike.learn(this.prefix, plainRows[this.width] ??= plainRow(this.width))
    }
    return true
  }

  private leave(sql: string, from: number): false {
    const { lexer } = this
    for (let at = from; lexer.read(sql, at); at = lexer.end) {
      if (!lexer.isClosed) this.openAt = lexer.start
      else if (lexer.kind === "word" && curious.has(wordOf(sql, lexer))) this.isCurious = true
    }
    return false
  }

  // ---- INSERT INTO name (columns) VALUES ----

  private head(sql: string): boolean {
    this.prefix = ""
    this.alike.forget()
    if (!this.step(sql, 0)) return false
    this.start = this.lexer.start
    let word = this.word(sql)
    let key = word
    if (word === "INSERT") {
      word = this.after(sql)
      if (word === "OR" || (word === "IGNORE" && this.settings.upserts)) {
        key += ` ${word}`
        word = this.after(sql)
        if (key.endsWith("OR")) {
          key += ` ${word}`
          word = this.after(sql)
        }
      }
    } else if (word === "REPLACE") word = this.after(sql)
    else return false
    if (word === "INTO") this.after(sql)
    const target = this.name(sql)
    if (target === undefined) return false
    key += ` INTO ${target}`
    if (this.word(sql) === "AS") {
      this.after(sql)
      const alias = this.name(sql)
      if (alias === undefined) return false
      key += ` AS ${alias}`
    }
    if (this.isSymbol(sql, 40)) {
      const columns = this.columns(sql)
      if (columns === undefined) return false
      key += ` (${columns})`
    }
    if (this.word(sql) === "OVERRIDING") {
      key += ` OVERRIDING ${this.after(sql)}`
      if (this.after(sql) !== "VALUE") return false
      this.after(sql)
    }
    word = this.word(sql)
    if (word !== "VALUES" && word !== "VALUE") return false
    this.after(sql)
    if (!this.isSymbol(sql, 40)) return false
    this.key = key
    this.rowsStart = this.lexer.start
    this.prefix = sql.slice(0, this.lexer.end)
    this.prefixStart = this.start
    this.prefixRows = this.rowsStart
    return true
  }

  /** A name with its qualifiers, and moves behind it. */
  private name(sql: string): string | undefined {
    const { lexer } = this
    let name = ""
    for (;;) {
      if (lexer.kind !== "name" && (lexer.kind !== "word" || this.word(sql) === "VALUES")) return undefined
      name += sql.slice(lexer.start, lexer.end)
      if (!this.step(sql, lexer.end) || !this.isSymbol(sql, 46)) return name
      name += "."
      if (!this.step(sql, lexer.end)) return undefined
    }
  }

  private columns(sql: string): string | undefined {
    const { lexer } = this
    let columns = ""
    while (this.step(sql, lexer.end)) {
      if (this.isSymbol(sql, 41)) {
        this.step(sql, lexer.end)
        return columns
      }
      // A subscript or a field of a column is an assignment of its own.
      if (lexer.kind !== "word" && lexer.kind !== "name" && !this.isSymbol(sql, 44)) return undefined
      columns += sql.slice(lexer.start, lexer.end)
    }
    return undefined
  }

  // ---- (1, 'a'), (2, 'b') … ----

  private values(sql: string): boolean {
    const { lexer } = this
    this.rows = 0
    this.width = -1
    let at = this.rowsStart + 1
    for (;;) {
      const width = this.row(sql, at)
      if (width < 0 || (this.width >= 0 && width !== this.width)) return false
      this.width = width
      this.rows++
      this.rowsEnd = lexer.end
      if (!this.step(sql, lexer.end)) {
        this.suffix = ""
        return lexer.isClosed
      }
      if (!this.isSymbol(sql, 44)) return this.tail(sql)
      if (!this.step(sql, lexer.end) || !this.isSymbol(sql, 40)) return false
      at = lexer.end
    }
  }

  /** Reads from behind a row's parenthesis to the one that closes it: how many values it has, or -1 to leave it alone. */
  private row(sql: string, from: number): number {
    const { lexer } = this
    let depth = 1
    let width = 0
    // A word or a quoted name, which is a call if a parenthesis follows.
    let pending: string | undefined
    for (let at = from; lexer.read(sql, at); at = lexer.end) {
      const { kind, start } = lexer
      if (kind === "symbol") {
        const c = sql.charCodeAt(start)
        if (c === 40) {
          if (pending !== undefined && !this.isCall(pending)) return -1
          depth++
        } else {
          if (pending !== undefined && !isPlain(pending)) return -1
          if (c === 41) {
            if (--depth === 0) return width
          } else if (c === 44) {
            if (depth === 1) width++
          } else if (!isOperator(c, lexer.end - start)) return -1
        }
        pending = undefined
        if (width === 0) width = 1
        continue
      }
      if (kind === "comment") {
        if (!lexer.isClosed) return -1
        continue
      }
      if (pending !== undefined && !isPlain(pending)) return -1
      pending = undefined
      if (width === 0) width = 1
      if (kind === "number") continue
      if (kind === "parameter") {
        if (!this.isNext(sql)) return -1
        continue
      }
      if (!lexer.isClosed) return -1
      // PostgreSQL reads 'now' as the time of its transaction.
      if (kind === "string") {
        if (lexer.end - start === 5 && /^'now'$/i.test(sql.slice(start, lexer.end))) return -1
      } else pending = kind === "word" ? wordOf(sql, lexer) : sql[start]!
    }
    return -1
  }

  // A text without parameters has no placeholders, whatever this looks like; and numbers must count up as they stand.
  private isNext(sql: string): boolean {
    const { lexer, places } = this
    const index = places.length / 2 + 1
    if (index > this.parameters || sql.slice(lexer.start, lexer.end) !== this.settings.placeholder(index)) return false
    places.push(lexer.start, lexer.end)
    return true
  }

  private isCall(word: string): boolean {
    return calls.has(word) || this.settings.functions.has(word)
  }

  // ---- what follows the rows ----

  private tail(sql: string): boolean {
    const { lexer } = this
    const { start } = lexer
    let end = start
    let words = ""
    let isCall = false
    for (let more = true; more; more = this.step(sql, lexer.end)) {
      if (!lexer.isClosed || lexer.kind === "parameter") return false
      if (this.isSymbol(sql, 59)) {
        // A second statement behind it is none of ours.
        if (this.step(sql, lexer.end)) return false
        break
      }
      const word = lexer.kind === "word" ? this.word(sql) : lexer.kind === "symbol" ? sql.slice(lexer.start, lexer.end) : "?"
      if (word === "RETURNING" || word === "SELECT" || word === "@" || word === ":=" || clocks.has(word)) return false
      if (word === "(" && isCall && words.includes(" UPDATE ")) return false
      isCall = lexer.kind === "name" || (lexer.kind === "word" && !this.isCall(word))
      words += `${word} `
      end = lexer.end
    }
    this.suffix = sql.slice(start, end)
    return words === "" || (words.startsWith("ON CONFLICT ") && words.endsWith(" DO NOTHING "))
      || (this.settings.upserts && words.startsWith("ON DUPLICATE KEY UPDATE "))
  }

  // ---- tokens ----

  private step(sql: string, from: number): boolean {
    const { lexer } = this
    let at = from
    while (lexer.read(sql, at)) {
      if (lexer.kind !== "comment" || !lexer.isClosed) return true
      at = lexer.end
    }
    return false
  }

  private after(sql: string): string {
    return this.step(sql, this.lexer.end) ? this.word(sql) : ""
  }

  private word(sql: string): string {
    return this.lexer.kind === "word" ? wordOf(sql, this.lexer) : ""
  }

  private isSymbol(sql: string, code: number): boolean {
    return this.lexer.kind === "symbol" && sql.charCodeAt(this.lexer.start) === code
  }
}

const widest = 100

// In any dialect: numbers, and strings without a backslash. PostgreSQL reads 'now' as the time of its transaction.
const literal = `(?:'(?![nN][oO][wW]')[^'\\\\\\x80-\\uffff]*'|-?\\d+(?:\\.\\d+)?|NULL|null)`

const plainRows: Array<string | undefined> = []

/** What follows the parenthesis of a row. */
const plainRow = (width: number): string => `${literal}(?:, ?${literal}){${width - 1}}\\)`

const wordOf = (sql: string, { end, start }: SqlScript.Token): string => sql.slice(start, end).toUpperCase()

// A text in double quotes is a string to MySQL; other quotes are a column's.
const isPlain = (word: string): boolean => word === '"' || plain.has(word)

// + - * / % | < > = ! & ^ ~ . [ ] and ::
const operators = new Set([43, 45, 42, 47, 37, 124, 60, 62, 61, 33, 38, 94, 126, 46, 91, 93])

const isOperator = (c: number, length: number): boolean => length === 1 ? operators.has(c) : c === 58 && length === 2
