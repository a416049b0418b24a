/**
 * Strings: columns whose values are a length and bytes in both of the protocols: texts, bytes, decimals, JSON.
 *
 * Called by `binary` and `textual`.
 *
 * @internal
 */
import { binary, checked, type Field, isText, legible, Type } from "./decode.js"
import type { Place } from "./place.js"

/** Reads one column, which is not NULL, and moves on. */
export type Read = (place: Place) => unknown

/** What reads a column of a length and bytes. */
export const stringOf = (field: Field): Read => {
  const { columnType, encoding, name } = field
  if (columnType === Type.decimal || columnType === Type.newdecimal) return (p) => p.ascii()
  const isBinary = field.characterSet === binary && columnType !== Type.json
  if (isBinary && !isText(field)) return (p) => p.bytes()
  if (encoding !== "utf8" && !isBinary && columnType !== Type.json) return (p) => legible(p.text(encoding), encoding, name)
  return (p) => {
    const { buffer } = p
    const length = p.length()
    const start = p.offset
    const end = p.offset = start + length
    return checked(buffer.utf8Slice(start, end), buffer, start, end, name)
  }
}
