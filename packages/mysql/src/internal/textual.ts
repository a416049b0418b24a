/**
 * Textual: columns of the text protocol, in which a statement that is not prepared answers: each value is its text.
 *
 * What each type becomes is `decode`'s to say, for the binary protocol too; a test compares the two. Called by `rows`.
 *
 * @internal
 */
import { beyond, type Field, type Reading, Type } from "./decode.js"
import type { Place } from "./place.js"
import { type Read, stringOf } from "./strings.js"

/** What reads a column before any fix. */
export const textualOf = (field: Field, reading: Reading): Read => {
  switch (field.columnType) {
    case Type.tiny:
    case Type.short:
    case Type.year:
    case Type.long:
    case Type.int24:
      return integer
    case Type.longlong:
      return reading.bigints ? (p) => BigInt(p.ascii()) : (p) => safe(p, field.name)
    case Type.float:
    case Type.double:
      return (p) => Number(p.ascii())
    case Type.null:
    case Type.date:
    case Type.newdate:
    case Type.datetime:
    case Type.timestamp:
    case Type.time:
      return (p) => p.ascii()
    default:
      return stringOf(field)
  }
}

const minus = 45
const zero = 48

/** Digits and a sign, as long as a double adds them up exactly. */
const digits = (bytes: Uint8Array, start: number, end: number): number => {
  const isNegative = bytes[start] === minus
  let value = 0
  for (let i = isNegative ? start + 1 : start; i < end; i++) value = value * 10 + (bytes[i]! - zero)
  return isNegative ? -value : value
}

const integer = (place: Place): number => {
  const length = place.length()
  const start = place.offset
  return digits(place.buffer, start, place.offset = start + length)
}

const safe = (place: Place, column: string): number => {
  const value = integer(place)
  if (Number.isSafeInteger(value)) return value
  throw beyond(column)
}
