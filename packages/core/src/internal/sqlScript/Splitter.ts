/**
 * The splitter: takes a script in chunks, cut anywhere, and gives its statements.
 *
 * Synchronous, with no effect inside: the property tests drive the object that `SqlLexer.split` drives. It keeps what
 * it has of one statement and of one token, and of a long token only the characters that may belong to its end.
 *
 * @internal
 */
import type * as SqlLexer from "../../SqlLexer.js"
import type { Piece } from "../../SqlScript.js"
import { Body } from "./Body.js"
import { Copy } from "./Copy.js"
import { Lexer } from "./Lexer.js"

/** A token that is cut is read again from its start, unless it is longer than this: then it is resumed. */
const longToken = 1024

/** Why a script cannot be split. */
export interface Problem {
  readonly statement: number
  readonly line: number
  readonly what: "string" | "quoted name" | "comment" | "statement" | "command of psql" | "COPY from stdin"
  /** Where it is only too long. */
  readonly limit?: { readonly maximum: number; readonly actual: number }
}

export class Splitter {
  /** Set when a token never ends, or a statement is too long: nothing more is taken. */
  problem: Problem | undefined
  /** The line that was reached. */
  line = 1
  private readonly lexer: Lexer
  private readonly body: Body
  private readonly copy = new Copy()
  private readonly parts: Array<string> = []
  private length = 0
  private held = ""
  private isResuming = false
  private hasBegun = false
  private isExecuting = false
  private delimiter = ";"
  private startLine = 1
  private tokenLine = 1
  private pieces = 0

  constructor(private readonly lexicon: SqlLexer.Lexicon, private readonly maxLength: number) {
    this.lexer = new Lexer(lexicon)
    this.body = new Body(lexicon.bodies)
  }

  /** Takes the next chunk; `isLast` where nothing follows. */
  push(chunk: string, isLast: boolean): ReadonlyArray<Piece> {
    const out: Array<Piece> = []
    if (this.problem !== undefined) return out
    const { body, lexer, lexicon } = this
    const text = this.held === "" ? chunk : this.held + chunk
    const { length } = text
    let at = 0
    let from = 0
    let newline = text.indexOf("\n")
    const count = (to: number) => {
      for (; newline >= 0 && newline < to; newline = text.indexOf("\n", newline + 1)) this.line++
    }
    const begin = () => {
      if (this.hasBegun) return
      count(lexer.start)
      this.startLine = this.line
      this.hasBegun = true
      from = lexer.start
    }
    const finish = (end: number) => {
      if (this.hasBegun) {
        let whole = text.slice(from, end)
        if (this.parts.length > 0) {
          whole = this.parts.join("") + whole
          this.parts.length = 0
        }
        this.pieces++
        out.push({ text: whole.trimEnd(), line: this.startLine })
      }
      this.length = 0
      this.hasBegun = false
      body.reset()
      this.copy.reset()
    }
    for (;;) {
      const isResumed = this.isResuming
      if (isResumed) {
        this.isResuming = false
        lexer.resume(text)
      } else if (!lexer.read(text, at)) {
        at = length
        break
      }
      const { kind, start } = lexer
      if (!isLast && lexer.end === length && !lexer.isComplete) {
        // It may go on. Where the delimiter may stand inside of a word, the word is read as a whole.
        const isQuoted = kind === "string" || kind === "name" || kind === "comment"
        if (isResumed || (length - start >= longToken && (isQuoted || this.delimiter === ";"))) {
          if (!isResumed) {
            if (kind !== "comment") begin()
            count(start)
            this.tokenLine = this.line
          }
          this.isResuming = true
          at = length - lexer.hold
        } else at = start
        break
      }
      if (!lexer.isClosed) {
        if (!isResumed) {
          count(start)
          this.tokenLine = this.line
        }
        return this.stop(out, kind === "comment" ? "comment" : kind === "name" ? "quoted name" : "string", this.tokenLine)
      }
      at = lexer.end
      if (kind === "comment") continue
      if (kind === "string" || kind === "name") {
        begin()
        if (!body.isPlain) body.feed("")
        this.copy.feed("")
        continue
      }
      if (this.delimiter !== ";") {
        // END$$ is one word to the server, and to the client of MySQL a word and a delimiter.
        const reach = at + this.delimiter.length - 1
        const found = text.slice(start, reach).indexOf(this.delimiter)
        if (found >= 0) {
          if (found > 0) begin()
          finish(start + found)
          at = start + found + this.delimiter.length
          continue
        }
        if (!isLast && reach > length) {
          at = start
          break
        }
      } else if (kind === "symbol" && text.charCodeAt(start) === 59 && !this.isExecuting && !body.isInside()) {
        finish(start)
        continue
      }
      if (!this.hasBegun && lexicon.delimiterCommand && kind === "word" && isDelimiterCommand(text, start, lexer.end)) {
        const eol = text.indexOf("\n", at)
        if (eol < 0 && !isLast) {
          at = start
          break
        }
        const chosen = text.slice(at, eol < 0 ? length : eol).trim().split(/\s/)[0]
        if (chosen !== undefined && chosen !== "") {
          this.delimiter = chosen
          at = eol < 0 ? length : eol
          continue
        }
      }
      if (lexicon.psqlCommands) {
        if (kind === "symbol" && text.charCodeAt(start) === 92) {
          const eol = text.indexOf("\n", at)
          if (eol < 0 && !isLast) {
            at = start
            break
          }
          if (!this.hasBegun && restriction.test(text.slice(start, eol < 0 ? length : eol))) {
            at = eol < 0 ? length : eol
            continue
          }
          count(start)
          return this.stop(out, "command of psql", this.line)
        }
        // A token so long that it is read in parts is no word of COPY's, and stands where one would.
        if (this.copy.feed(isResumed ? "" : text.slice(start, at))) {
          begin()
          return this.stop(out, "COPY from stdin", this.startLine)
        }
      }
      begin()
      if (lexicon.executableComments && kind === "symbol" && at - start > 1) this.executing(text, start)
      if (!body.isPlain) body.feed(isResumed ? "" : kind === "word" ? text.slice(start, at).toUpperCase() : kind === "symbol" ? text.slice(start, at) : "")
    }
    if (this.hasBegun) {
      this.parts.push(text.slice(from, at))
      this.length += at - from
    }
    count(at)
    this.held = at === length ? "" : text.slice(at)
    const actual = this.length + this.held.length
    if (actual > this.maxLength) return this.stop(out, "statement", this.startLine, { maximum: this.maxLength, actual })
    if (isLast) {
      if (this.isExecuting) return this.stop(out, "comment", this.startLine)
      from = at
      finish(at)
    }
    return out
  }

  private executing(text: string, start: number): void {
    if (text.charCodeAt(start) === 47) this.isExecuting = true
    else if (text.charCodeAt(start) === 42) this.isExecuting = false
  }

  private stop(out: ReadonlyArray<Piece>, what: Problem["what"], line: number, limit?: Problem["limit"]): ReadonlyArray<Piece> {
    this.problem = { statement: this.pieces + 1, line, what, ...(limit === undefined ? {} : { limit }) }
    return out
  }
}

// pg_dump begins and ends so, since it was found that a dump could hold commands: https://www.postgresql.org/docs/current/app-psql.html
const restriction = /^\\(?:un)?restrict(?:\s|$)/

const isDelimiterCommand = (text: string, start: number, end: number): boolean =>
  end - start === 9 && text.slice(start, end).toUpperCase() === "DELIMITER"
