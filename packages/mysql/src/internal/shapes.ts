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

/** What MySQL tells apart: whole numbers, doubles, what travels as text or bytes, and decimals. NULL fits them all. */
type Kind = 0 | 1 | 2 | 3 | 4

const any = 0

const kindOf = (value: unknown): Kind => {
  switch (typeof value) {
    case "number":
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? 1 : 2
    case "bigint":
    case "boolean":
      return 1
    case "undefined":
      return any
    default:
      return value === null ? any : BigDecimal.isBigDecimal(value) ? 4 : 3
  }
}

/** Texts whose shapes are remembered, and shapes of one text: the driver keeps fewer statements than that. */
const mostTexts = 1_000
const mostShapes = 64

interface Shape {
  readonly kinds: Array<Kind>
  readonly text: string
}

export class Shapes {
  private readonly known = new Map<string, Array<Shape>>()
  private marks = 0
  private hasForgotten = false
  private charset: unknown = undefined

  /**
   * The text under which a statement of this shape is prepared: the first shape's is the text itself. It keeps the
   * session's character set as well.
   */
  of(sql: string, params: ReadonlyArray<unknown>, charset: unknown): string {
    if (params.length === 0) return sql
    if (charset !== this.charset) this.forget(charset)
    const shapes = this.known.get(sql) ?? this.remember(sql)
    for (let i = 0; i < shapes.length; i++) if (fits(shapes[i]!.kinds, params)) return shapes[i]!.text
    // A comment at the end changes no meaning, and none of the server's digests. No mark is used twice: what was
    // prepared under a text that is forgotten is not taken for something else.
    const text = shapes.length === 0 && !this.hasForgotten ? sql : `${sql} /*${++this.marks}*/`
    if (shapes.length >= mostShapes) {
      shapes.shift()
      this.hasForgotten = true
    }
    shapes.push({ kinds: params.map(kindOf), text })
    return text
  }

  private forget(charset: unknown): void {
    this.hasForgotten = this.known.size > 0 || this.hasForgotten
    this.known.clear()
    this.charset = charset
  }

  private remember(sql: string): Array<Shape> {
    if (this.known.size >= mostTexts) this.forget(this.charset)
    const shapes: Array<Shape> = []
    this.known.set(sql, shapes)
    return shapes
  }
}

/** Whether the parameters are of this shape; where only NULL was seen yet, the first value decides. */
const fits = (shape: Array<Kind>, params: ReadonlyArray<unknown>): boolean => {
  let isOpen = false
  for (let i = 0; i < params.length; i++) {
    const kind = kindOf(params[i])
    if (kind === any || kind === shape[i]) continue
    if (shape[i] !== any) return false
    isOpen = true
  }
  if (isOpen) for (let i = 0; i < params.length; i++) if (shape[i] === any) shape[i] = kindOf(params[i])
  return true
}
