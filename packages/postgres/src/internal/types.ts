/**
 * Types: how a value becomes a parameter, and which type it is declared with.
 *
 * A number means what the same literal in the text would: a whole one is int4 or int8, another numeric, so that nothing of
 * it is rounded and an index is used; NaN, the infinities and -0, which numeric has not, are float8. A bigint is int8, or
 * numeric beyond it; a BigDecimal is numeric, a boolean bool, bytes are bytea. Text, Date, DateTime, arrays and plain
 * objects (as JSON) are left to the server, which takes the type of the place where the parameter stands. What PostgreSQL
 * would store as something else is refused before anything is sent. Called by `statements`, `many`, `bulk` and `copy`.
 *
 * @internal
 */
/// <reference lib="es2024.string" />
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as BigDecimal from "effect/BigDecimal"
import * as DateTime from "effect/DateTime"
import type { Encoded } from "./messages.js"
import { Oid } from "./oids.js"

const least = -(2n ** 63n)
const most = 2n ** 63n - 1n

/** The type that a value is declared with; 0 leaves it to the server, as NULL does. */
export const typeOf = (value: unknown): number => {
  switch (typeof value) {
    case "number":
      if (Number.isInteger(value) && !Object.is(value, -0)) {
        if (value >= -2_147_483_648 && value <= 2_147_483_647) return Oid.int4
        return Number.isSafeInteger(value) ? Oid.int8 : Oid.numeric
      }
      return Number.isFinite(value) && value !== 0 ? Oid.numeric : Oid.float8
    case "bigint":
      return value < least || value > most ? Oid.numeric : Oid.int8
    case "boolean":
      return Oid.bool
    case "object":
      return isBytes(value) ? Oid.bytea : BigDecimal.isBigDecimal(value) ? Oid.numeric : Oid.unspecified
    default:
      return Oid.unspecified
  }
}

/** One type for the values of a column in many rows: the one that holds all of them. */
export const common = (a: number, b: number): number => {
  if (a === b || b === -1) return a
  if (a === -1) return b
  const [first, second] = [ranks.indexOf(a), ranks.indexOf(b)]
  return first === -1 || second === -1 ? Oid.unspecified : ranks[Math.max(first, second)]!
}

// What is float8 but not numeric is -0 and the infinities: with them, text is what keeps every value.
const ranks: ReadonlyArray<number> = [Oid.int4, Oid.int8, Oid.numeric]

/** Encodes parameters, or names the first that does not fit. */
export const encode = (params: ReadonlyArray<unknown>, statement: string, row?: number): Array<Encoded> | SqlError.SqlError => {
  const out = new Array<Encoded>(params.length)
  for (let i = 0; i < params.length; i++) {
    const value = encodeOne(params[i])
    if (value === undefined) return refuse(params[i], row === undefined ? `parameter ${i + 1}` : `row ${row}, value ${i + 1}`, statement)
    out[i] = value
  }
  return out
}

const encodeOne = (value: unknown): Encoded | undefined => {
  switch (typeof value) {
    case "string":
      return isText(value) ? value : undefined
    case "number":
      return Object.is(value, -0) ? "-0" : String(value)
    case "bigint":
      return String(value)
    case "boolean":
      return value ? "t" : "f"
    case "undefined":
      return null
    case "object":
      return value === null ? null : isBytes(value) ? bytesOf(value) : structured(value)
    default:
      return undefined
  }
}

/** A value as text, as COPY and arrays have it; NULL is null, and `undefined` does not fit. */
export const textOf = (value: unknown): string | null | undefined => {
  const encoded = encodeOne(value)
  return encoded instanceof Uint8Array ? `\\x${Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength).toString("hex")}` : encoded
}

// A NUL is in no text of PostgreSQL's; half a surrogate pair has no UTF-8.
const isText = (value: string): boolean => !value.includes("\0") && value.isWellFormed()

const isBytes = (value: unknown): value is ArrayBufferView | ArrayBufferLike =>
  ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer

const bytesOf = (value: ArrayBufferView | ArrayBufferLike): Uint8Array =>
  ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value)

const structured = (value: object): string | undefined => {
  if (value instanceof Date) return dateOf(value)
  if (BigDecimal.isBigDecimal(value)) return BigDecimal.format(value)
  if (DateTime.isDateTime(value)) return dateOf(DateTime.toDateUtc(value))
  try {
    // An array that holds itself has no end.
    if (Array.isArray(value)) return arrayOf(value)
    // What a class means, its own properties do not tell: a Redacted would go in as its mask.
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) return undefined
    const json: unknown = JSON.stringify(value)
    return typeof json === "string" && isText(json) ? json : undefined
  } catch {
    return undefined
  }
}

/** ISO 8601 in UTC, to milliseconds; years before 1 as PostgreSQL writes them. */
const dateOf = (value: Date): string | undefined => {
  if (Number.isNaN(value.getTime())) return undefined
  const iso = value.toISOString()
  if (iso.length === 24) return iso.startsWith("0000") ? `0001${iso.slice(4)} BC` : iso
  const year = value.getUTCFullYear()
  return year > 0 ? iso.slice(1) : `${String(1 - year).padStart(4, "0")}${iso.slice(7)} BC`
}

const arrayOf = (value: ReadonlyArray<unknown>): string | undefined => {
  let out = "{"
  for (let i = 0; i < value.length; i++) {
    const one: unknown = value[i]
    const text = Array.isArray(one) ? arrayOf(one) : textOf(one)
    if (text === undefined) return undefined
    const cell = text === null ? "NULL" : Array.isArray(one) || isPlain(one) ? text : `"${text.replace(/["\\]/g, "\\$&")}"`
    out += i === 0 ? cell : `,${cell}`
  }
  return `${out}}`
}

const isPlain = (value: unknown): boolean => typeof value === "number" || typeof value === "bigint" || typeof value === "boolean"

/** A DataError that says why a value does not fit, without the value. */
export const refuse = (value: unknown, where: string, statement: string): SqlError.SqlError =>
  SqlError.make(new Reason.DataError({ message: `${where} ${why(value)}`, operation: "encode", statement }))

const why = (value: unknown): string => {
  if (typeof value === "string") {
    return value.includes("\0") ? "holds a NUL, which no text of PostgreSQL's can" : "is not well-formed text: it holds half of a surrogate pair"
  }
  if (value instanceof Date) return "is an invalid Date"
  if (Array.isArray(value)) return "is an array with an element that PostgreSQL cannot store"
  if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) !== Object.prototype) return "is an object of a class: encode it as text"
  return typeof value === "object" ? "is an object that JSON cannot hold" : `is a ${typeof value}, which PostgreSQL cannot store`
}
