/**
 * Shapes: one prepared statement for each kind of parameters that a text is given, where the server is MySQL.
 *
 * MySQL prepares a statement for the types of its first parameters and keeps them: after a double a text is read as a
 * double, so that '007' is stored as '7' and '12345678901234567.125' is rounded (tried on 9.7; MariaDB looks at each
 * execution's own types). It knows no server: a connection to MariaDB has none. Called by `text`.
 *
 * @internal
 */
import * as BigDecimal from "effect/BigDecimal"
import { bytesOf, pieces } from "./types.js"

/** What MySQL tells apart: whole numbers, doubles, what travels as text, decimals, and bytes. NULL fits them all. */
type Kind = 0 | 1 | 2 | 3 | 4 | 5

const any = 0
const bytes = 5

const kindOf = (value: unknown): Kind => {
  switch (typeof value) {
    case "number":
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? 1 : 2
    case "bigint":
    case "boolean":
      return 1
    case "undefined":
      return any
    case "string":
      return 3
    default:
      return value === null ? any : BigDecimal.isBigDecimal(value) ? 4 : bytesOf(value) === undefined ? 3 : bytes
  }
}

/** Texts whose shapes are remembered, and shapes of one text: the driver keeps fewer statements than that. */
const mostTexts = 1_000
const mostShapes = 64
// Of longer texts the last one alone, as in `statements`.
const longest = 10_000

interface Shape {
  readonly kinds: Array<Kind>
  readonly text: string
}

export class Shapes {
  private readonly known = new Map<string, Array<Shape>>()
  private long: { readonly sql: string; readonly shapes: Array<Shape> } | undefined = undefined
  private marks = 0
  private hasForgotten = false
  private charset: unknown = undefined

  /**
   * The text under which a statement of this shape is prepared: the first shape's is the text itself. It keeps the
   * session's character set as well.
   */
  of(sql: string, params: ReadonlyArray<unknown>, charset: unknown, backslashes: boolean): string {
    if (params.length === 0) return sql
    if (charset !== this.charset) this.forget(charset)
    const shapes = sql.length > longest ? this.rememberLong(sql) : this.known.get(sql) ?? this.remember(sql)
    for (let i = 0; i < shapes.length; i++) if (fits(shapes[i]!.kinds, params)) return shapes[i]!.text
    // A comment at the end changes no meaning, and none of the server's digests. No mark is used twice: what was
    // prepared under a text that is forgotten is not taken for something else.
    const kinds = params.map(kindOf)
    const cast = asBytes(sql, kinds, backslashes)
    const text = shapes.length === 0 && !this.hasForgotten ? cast : `${cast} /*${++this.marks}*/`
    if (shapes.length >= mostShapes) {
      shapes.shift()
      this.hasForgotten = true
    }
    shapes.push({ kinds, text })
    return text
  }

  private forget(charset: unknown): void {
    this.hasForgotten = this.known.size > 0 || this.long !== undefined || this.hasForgotten
    this.known.clear()
    this.long = undefined
    this.charset = charset
  }

  private rememberLong(sql: string): Array<Shape> {
    if (this.long?.sql === sql) return this.long.shapes
    this.hasForgotten = this.long !== undefined || this.hasForgotten
    const shapes: Array<Shape> = []
    this.long = { sql, shapes }
    return shapes
  }

  private remember(sql: string): Array<Shape> {
    if (this.known.size >= mostTexts) this.forget(this.charset)
    const shapes: Array<Shape> = []
    this.known.set(sql, shapes)
    return shapes
  }
}

// The arguments of a procedure may be those in which it answers: nothing but a placeholder stands there.
const call = /^\s*(?:\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/\s*)*CALL\b/i

/**
 * To MySQL a placeholder is a text of the session's character set, whatever type is bound to it: `SELECT ?` answered with
 * bytes under the name of a text. A cast says what x'00ff' does, and MariaDB takes a bound blob for.
 */
const asBytes = (sql: string, kinds: ReadonlyArray<Kind>, backslashes: boolean): string => {
  const parts = kinds.includes(bytes) && !call.test(sql) ? pieces(sql, backslashes) : undefined
  return parts === undefined ? sql : parts.map((part, i) => i === 0 ? part : `${kinds[i - 1] === bytes ? "CAST(? AS BINARY)" : "?"}${part}`).join("")
}

/** Whether the parameters are of this shape; where only NULL was seen yet, the first value decides. */
const fits = (shape: Array<Kind>, params: ReadonlyArray<unknown>): boolean => {
  let isOpen = false
  for (let i = 0; i < params.length; i++) {
    const kind = kindOf(params[i])
    if (kind === any || kind === shape[i]) continue
    // A placeholder that bytes stand for is written in another way.
    if (shape[i] !== any || kind === bytes) return false
    isOpen = true
  }
  if (isOpen) for (let i = 0; i < params.length; i++) if (shape[i] === any) shape[i] = kindOf(params[i])
  return true
}
