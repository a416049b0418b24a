/**
 * Previews: a text with a mask in the place of each of its placeholders.
 *
 * No value is ever written into the text: what a mask says of it is its type and its size. What stands in quotes and in
 * comments is no placeholder, by the dialect's lexicon. Called by `Sql.preview`.
 *
 * @internal
 */
import * as BigDecimal from "effect/BigDecimal"
import * as DateTime from "effect/DateTime"
import * as Redacted from "effect/Redacted"
import type { Dialect } from "../../Dialect.js"
import * as SqlScript from "../../SqlScript.js"

type Mask = (value: unknown, position: number) => string

/** The text, each placeholder of the dialect's own kind masked. One without a parameter stays as it is. */
export const preview = (sql: string, params: ReadonlyArray<unknown>, { lexicon, placeholder }: Dialect, mask: Mask | undefined): string => {
  if (params.length === 0) return sql
  const first = placeholder(1)
  const isNumbered = first !== placeholder(2)
  // SQLite counts on from `?3`; for the others a number behind a question mark is none of theirs.
  const pattern = new RegExp(isNumbered ? `${escaped(first.slice(0, -1))}(\\d+)` : `${escaped(first)}(\\d*)`, "y")
  let out = ""
  let at = 0
  let last = 0
  const lexer = SqlScript.lexer(lexicon)
  for (let end = 0; lexer.read(sql, end);) {
    end = lexer.end
    if (lexer.kind !== "string" && lexer.kind !== "name" && lexer.kind !== "comment") {
      pattern.lastIndex = lexer.start
      const digits = pattern.exec(sql)?.[1]
      const position = digits === undefined ? 0 : digits === "" ? last + 1 : Number(digits)
      if (position >= 1 && position <= params.length) {
        last = Math.max(last, position)
        out += sql.slice(at, lexer.start) + masked(params[position - 1], position, mask)
        at = end = Math.max(end, pattern.lastIndex)
      }
    }
  }
  return out + sql.slice(at)
}

const escaped = (text: string): string => text.replaceAll(/[^\w]/g, "\\$&")

// A secret is shown to nobody's mask.
const masked = (value: unknown, position: number, mask: Mask | undefined): string =>
  Redacted.isRedacted(value) ? "<redacted>" : mask === undefined ? typed(value) : mask(value, position)

const typed = (value: unknown): string => {
  switch (typeof value) {
    case "string":
      return `<text ${value.length}>`
    case "number":
      return Number.isInteger(value) ? "<int>" : "<float>"
    case "bigint":
      return "<int>"
    case "object":
      return value === null ? "NULL" : object(value)
    case "undefined":
      return "NULL"
    default:
      return `<${typeof value}>`
  }
}

const object = (value: object): string => {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `<bytes ${value.byteLength}>`
  if (Array.isArray(value)) return `<array ${value.length}>`
  if (value instanceof Date || DateTime.isDateTime(value)) return "<date>"
  return BigDecimal.isBigDecimal(value) ? "<decimal>" : "<object>"
}
