/**
 * A record of a spool as bytes: exactly what went in comes out.
 *
 * V8's own serialization, which keeps integers past 2^53, dates, bytes and what JSON has no word for. It would make a plain object of an
 * instance of a class without a word: a BigDecimal is therefore written as text in a Map, which no value is, and every other
 * class, a Redacted too, is refused. Called by `log` and `reader`.
 *
 * @internal
 */
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as BigDecimal from "effect/BigDecimal"
import * as Either from "effect/Either"
import { deserialize, serialize } from "node:v8"

/** The bytes of some records; or which one holds what cannot be kept, by its index among these. */
export const bytesOf = (records: ReadonlyArray<unknown>): Either.Either<Uint8Array, SqlError.SqlError> => {
  const replaced: { any: boolean } = { any: false }
  const plain: Array<unknown> = []
  for (let i = 0; i < records.length; i++) {
    try {
      plain.push(kept(records[i], `records[${i}]`, replaced, 0))
    } catch (refusal) {
      return Either.left(SqlError.refine(refusal))
    }
  }
  return Either.right(serialize([replaced.any, plain]))
}

/** The records of bytes that a checksum has vouched for. */
export const recordsOf = (bytes: Uint8Array): ReadonlyArray<unknown> => {
  const [any, records] = deserialize(bytes) as [boolean, ReadonlyArray<unknown>]
  return any ? records.map(revived) : records
}

const deepest = 100

const kept = (value: unknown, path: string, replaced: { any: boolean }, depth: number): unknown => {
  if (typeof value === "function" || typeof value === "symbol") throw refused(path, `a ${typeof value}`)
  if (typeof value !== "object" || value === null || value instanceof Date || value instanceof Uint8Array) return value
  if (depth > deepest) throw refused(path, "a value nested more than a hundred deep, or in itself")
  if (BigDecimal.isBigDecimal(value)) {
    replaced.any = true
    return new Map([["BigDecimal", BigDecimal.format(value)]])
  }
  if (Array.isArray(value)) return each(value, path, replaced, depth)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw refused(path, `an instance of ${value.constructor.name}`)
  const entries = Object.entries(value)
  const values = entries.map(([key, inner]) => kept(inner, `${path}.${key}`, replaced, depth + 1))
  return values.every((inner, i) => inner === entries[i]![1]) ? value : Object.fromEntries(entries.map(([key], i) => [key, values[i]]))
}

// The array itself where nothing in it had to be replaced: a row of plain values costs no copy.
const each = (values: ReadonlyArray<unknown>, path: string, replaced: { any: boolean }, depth: number): ReadonlyArray<unknown> => {
  let copy: Array<unknown> | undefined
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (value === null || typeof value === "string" || typeof value === "number") continue
    const inner = kept(value, `${path}[${i}]`, replaced, depth + 1)
    if (inner !== value) (copy ??= [...values])[i] = inner
  }
  return copy ?? values
}

const revived = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null || value instanceof Date || value instanceof Uint8Array) return value
  if (value instanceof Map) return BigDecimal.unsafeFromString(String(value.get("BigDecimal")))
  if (Array.isArray(value)) return value.map(revived)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revived(inner)]))
}

const refused = (path: string, what: string): SqlError.SqlError =>
  SqlError.make(new Reason.DataError({ message: `${path} is ${what}, which a spool cannot keep`, operation: "spool" }))
