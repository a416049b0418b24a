/**
 * Texts: what of a statement's text is sent, how many bytes it is, and what is wrong with it.
 *
 * It parses nothing, and splits nothing: a delimiter inside of a string is a part of it. Called where a statement is
 * added.
 *
 * @internal
 */
import * as SqlScript from "@sluice/core/SqlScript"
import { Alike } from "./alike.js"
import { utf8 } from "./bytes.js"

export type Problem = "empty" | "open"

// What nearly every text is, in any dialect: ASCII that begins with a word, strings without a backslash, and no other quote, comment
// or semicolon. It takes half of the time of the loop below; a long text would need a long stack.
const rest = `[^'"\`$#[;\\-/\\x80-\\uffff]*(?:'[^'\\\\\\x80-\\uffff]*'[^'"\`$#[;\\-/\\x80-\\uffff]*)*`
const ordinary = new RegExp(`^[A-Za-z(]${rest}$`)
const shortest = 4_096

export class Texts {
  /** UTF-8 bytes of what `read` has answered with. */
  bytes = 0
  /** Why it has answered with nothing. */
  problem: Problem = "empty"
  private readonly alike = new Alike()
  private readonly special = new Uint8Array(128)
  private readonly lexer: SqlScript.Lexer

  constructor(private readonly lexicon: SqlScript.Lexicon, private readonly delimiter: string) {
    this.lexer = SqlScript.lexer(lexicon)
    const marks = `'"/-${delimiter === ";" ? ";" : ""}${lexicon.backticks ? "`" : ""}${lexicon.brackets ? "[" : ""}${lexicon.dollarQuotes ? "$" : ""}${lexicon.hashComments ? "#" : ""}`
    for (const mark of marks) this.special[mark.charCodeAt(0)] = 1
  }

  /** The text without the delimiter at its end; or nothing, and `problem` says why. */
  read(given: string): string | undefined {
    const { length: all } = given
    if (all <= shortest && this.delimiter === ";") {
      const isEnded = given.charCodeAt(all - 1) === 59
      const plain = isEnded ? given.slice(0, -1) : given
      if (this.alike.matches(plain) || this.isOrdinary(plain)) {
        this.bytes = plain.length
        return plain
      }
    }
    return this.scanned(given)
  }

  // Of an INSERT behind its like only what stands in its last parentheses is new.
  private isOrdinary(text: string): boolean {
    if (!ordinary.test(text)) return false
    const string = text.indexOf("'")
    const head = text.lastIndexOf("(", string < 0 ? text.length : string) + 1
    if (head > 1) this.alike.learn(text.slice(0, head), rest)
    return true
  }

  private scanned(given: string): string | undefined {
    const { lexer, special } = this
    const text = this.delimiter === ";" ? given : this.undelimited(given)
    const { length } = text
    let isEmpty = true
    // Where the first semicolon stands behind which no more of the statement comes.
    let cut = -1
    let endsInLine = false
    let extra = 0
    for (let i = 0; i < length;) {
      const c = text.charCodeAt(i)
      if (c <= 32 || c === 0xfeff) {
        i++
        if (c === 0xfeff) extra += 2
        continue
      }
      if (c > 127) {
        if (c < 0x800) extra++
        // A pair is two units and four bytes.
        else if (c >= 0xd800 && c < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
          extra += 2
          i++
        } else extra += 2
      } else if (special[c] === 1) {
        if (!lexer.read(text, this.beginning(text, i, c))) break
        if (!lexer.isClosed) return this.refuse("open")
        const { end } = lexer
        if (end <= i) {
          i++
          continue
        }
        for (let at = i; at < end; at++) if (text.charCodeAt(at) > 127) extra += beyond(text, at)
        if (lexer.kind === "comment") {
          endsInLine = end === length && text[i] !== "/"
          i = end
          continue
        }
        if (c === 59) {
          if (cut < 0) cut = i
          i++
          continue
        }
        i = end
        cut = -1
        isEmpty = false
        continue
      }
      i++
      cut = -1
      isEmpty = false
    }
    if (isEmpty) return this.refuse("empty")
    if (cut >= 0) {
      const whole = text.slice(0, cut)
      this.bytes = extra === 0 ? cut : utf8(whole)
      return whole
    }
    this.bytes = length + extra + (endsInLine ? 1 : 0)
    // What is joined behind it would be a part of the comment.
    return endsInLine ? `${text}\n` : text
  }

  // `E'it\'s'` begins with its letter, and a `$` inside of a word begins nothing.
  private beginning(text: string, at: number, c: number): number {
    if (at === 0 || (c !== 39 && c !== 36)) return at
    let from = at
    while (from > 0 && isWordPart(text.charCodeAt(from - 1))) from--
    return c === 36 || (this.lexicon.escapeStrings && at - from === 1 && (text.charCodeAt(from) | 32) === 101) ? from : at
  }

  private refuse(problem: Problem): undefined {
    this.problem = problem
    return undefined
  }

  private undelimited(text: string): string {
    const whole = text.trimEnd()
    const mark = this.delimiter.trim()
    const end = whole.length - mark.length
    // CARGO ends with GO, and is no delimiter's.
    const isPart = end > 0 && isWordPart(mark.charCodeAt(0)) && isWordPart(whole.charCodeAt(end - 1))
    return whole.endsWith(mark) && !isPart ? whole.slice(0, end) : text
  }
}

const isWordPart = (c: number): boolean => (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || (c >= 48 && c <= 57) || c === 95 || c === 36 || c > 127

/** What a unit adds to the count of units: of a pair, both together two. */
const beyond = (text: string, at: number): number => {
  const c = text.charCodeAt(at)
  if (c < 0x800) return 1
  if (c < 0xd800 || c > 0xdfff) return 2
  const isPaired = c < 0xdc00 ? (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00 : at > 0 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800
  return isPaired ? 1 : 2
}
