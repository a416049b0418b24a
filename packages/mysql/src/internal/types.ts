/**
 * Types: how a value becomes a parameter, and how it is written into a text.
 *
 * What MySQL would store as something else is refused here, before anything is sent: NaN and the infinities, half a
 * surrogate pair, an invalid Date, objects. A whole number goes in as a 64-bit integer, so that DECIMAL arithmetic
 * stays exact; another as a double; a Date as its wall clock in the session's time zone, with milliseconds. Called
 * by `text`, `many`, `bulk` and `infile`.
 *
 * @since 0.1.0
 */
/// <reference lib="es2024.string" />
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as BigDecimal from "effect/BigDecimal"
import * as SqlScript from "@sluice/core/SqlScript"
import { lexiconOf } from "./dialect.js"
import { Decimal, type Value } from "./packet.js"

const least = -(2n ** 63n)
const most = 2n ** 64n - 1n

/** Encodes parameters for the driver, or names the first that does not fit. `row` is said where there are many. */
export const encode = (
  params: ReadonlyArray<unknown>,
  statement: string,
  offset: number,
  row?: number
): Array<Value> | SqlError.SqlError => {
  const out = new Array<Value>(params.length)
  for (let i = 0; i < params.length; i++) {
    const value = encodeOne(params[i], offset)
    if (value === undefined) return refuse(params[i], row === undefined ? `parameter ${i + 1}` : `row ${row}, value ${i + 1}`, statement)
    out[i] = value
  }
  return out
}

const encodeOne = (value: unknown, offset: number): Value | undefined => {
  switch (typeof value) {
    case "string":
      return value.isWellFormed() ? value : undefined
    case "number":
      return Number.isFinite(value) ? value : undefined
    case "bigint":
      return value < least || value > most ? undefined : value
    case "boolean":
      return value ? 1 : 0
    case "undefined":
      return null
    default:
      return value === null ? null : bytesOf(value) ?? dateOf(value, offset) ?? decimalParameter(value)
  }
}

/** A value as a literal of a statement's text; `undefined` where it does not fit. */
export const literal = (value: unknown, offset: number, backslashes: boolean): string | undefined => {
  switch (typeof value) {
    case "string":
      return value.isWellFormed() ? quote(value, backslashes) : undefined
    case "number":
      // A literal with an exponent is a double; without one it would be a decimal.
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : Number.isFinite(value) ? exponential(value) : undefined
    case "bigint":
      return value < least || value > most ? undefined : String(value)
    case "boolean":
      return value ? "1" : "0"
    case "undefined":
      return "NULL"
    default: {
      if (value === null) return "NULL"
      const bytes = bytesOf(value)
      // Without the word MySQL takes it for a number where a number is wanted: x'3132' is 12594 then, and not 12.
      if (bytes !== undefined) return `_binary x'${bytes.toString("hex")}'`
      const date = dateOf(value, offset)
      return date === undefined ? decimalOf(value) : `'${date}'`
    }
  }
}

/** The digits of a whole number; `undefined` for what is none. */
export const integerOf = (value: unknown): string | undefined => {
  if (typeof value === "number") return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : undefined
  if (typeof value === "bigint") return value < least || value > most ? undefined : String(value)
  return typeof value === "boolean" ? value ? "1" : "0" : undefined
}

const exponential = (value: number): string => {
  const text = Object.is(value, -0) ? "-0" : String(value)
  return text.includes("e") ? text : `${text}e0`
}

const escapes: Readonly<Record<string, string>> = { "\0": "\\0", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z", "\\": "\\\\", "'": "\\'", "\"": "\\\"" }

const quote = (text: string, backslashes: boolean): string =>
  // oxlint-disable-next-line no-control-regex
  backslashes ? `'${text.replace(/[\0\n\r\x1a\\'"]/g, (c) => escapes[c] ?? c)}'` : `'${text.replaceAll("'", "''")}'`

/** A value's bytes; `undefined` for what is no bytes. */
export const bytesOf = (value: unknown): Buffer | undefined => {
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return value instanceof ArrayBuffer || value instanceof SharedArrayBuffer ? Buffer.from(value) : undefined
}

/** A Date's wall clock at an offset of minutes from UTC: `2024-02-29 12:34:56.789`. */
export const dateOf = (value: unknown, offset: number): string | undefined => {
  if (!(value instanceof Date)) return undefined
  const time = value.getTime()
  if (Number.isNaN(time)) return undefined
  const shifted = new Date(time + offset * 60_000).toISOString()
  // Years before 0 and after 9999 have a sign and six digits in ISO 8601; MySQL has neither.
  return shifted.length === 24 ? `${shifted.slice(0, 10)} ${shifted.slice(11, 23)}` : undefined
}

// A DECIMAL has at most 65 digits, MariaDB's 38 of them behind the point: beyond them it would be rounded.
const mostDigits = 65
const mostScale = 38

/** A BigDecimal as digits and a point: with an exponent it would be a double. */
export const decimalOf = (decimal: unknown): string | undefined => {
  if (!BigDecimal.isBigDecimal(decimal)) return undefined
  const { scale, value } = BigDecimal.normalize(decimal)
  if (scale > mostScale || scale < -mostDigits) return undefined
  if (scale <= 0) return `${value}${value === 0n ? "" : "0".repeat(-scale)}`
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, "0")
  return digits.length > mostDigits ? undefined : `${value < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

const decimalParameter = (value: unknown): Decimal | undefined => {
  const text = decimalOf(value)
  return text === undefined ? undefined : new Decimal(text)
}

/** A DataError that says why a value does not fit, without the value. */
export const refuse = (value: unknown, where: string, statement: string): SqlError.SqlError =>
  SqlError.make(new Reason.DataError({ message: `${where} ${why(value)}`, operation: "encode", statement }))

const why = (value: unknown): string => {
  if (typeof value === "string") return "is not well-formed text: it holds half of a surrogate pair"
  if (typeof value === "number") return `is ${value}, which MySQL cannot store`
  if (typeof value === "bigint") return "is beyond 64 bits"
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "is an invalid Date" : "is a Date beyond the years 0 to 9999"
  if (BigDecimal.isBigDecimal(value)) return `is a BigDecimal of more than ${mostDigits} digits, or ${mostScale} of them behind the point`
  if (Array.isArray(value)) return "is an array, which MySQL cannot store: encode it as JSON"
  return typeof value === "object" ? "is an object, which MySQL cannot store: encode it as JSON" : `is a ${typeof value}, which MySQL cannot store`
}

// ---- texts ----

interface Cut {
  readonly parts: ReadonlyArray<string>
  readonly isWhole: boolean
}

const escaped = new Map<string, Cut | undefined>()
const unescaped = new Map<string, Cut | undefined>()
// Of longer texts the last one alone is kept: they are rarely the same again, and a thousand of them are many bytes.
const longest = 10_000
let long: { readonly sql: string; readonly backslashes: boolean; readonly cut: Cut | undefined } | undefined

/**
 * A text cut at its placeholders; `undefined` where only the server can tell them: in a comment that it executes.
 * Kept by text: a point query does not read its text twice.
 */
export const pieces = (sql: string, backslashes: boolean): ReadonlyArray<string> | undefined => cutOf(sql, backslashes)?.parts

/** Whether nothing that is open at a text's end, a string or a quoted name, would take in what stands behind it. */
export const isWhole = (sql: string, backslashes: boolean): boolean => cutOf(sql, backslashes)?.isWhole === true

const cutOf = (sql: string, backslashes: boolean): Cut | undefined => {
  if (sql.length > longest) {
    if (long?.sql !== sql || long.backslashes !== backslashes) long = { sql, backslashes, cut: cutAt(sql, backslashes) }
    return long.cut
  }
  const cache = backslashes ? escaped : unescaped
  const known = cache.get(sql)
  if (known !== undefined || cache.has(sql)) return known
  if (cache.size >= 1_000) cache.clear()
  const cut = cutAt(sql, backslashes)
  cache.set(sql, cut)
  return cut
}

const cutAt = (sql: string, backslashes: boolean): Cut | undefined => {
  if (sql.includes("/*!") || sql.includes("/*M!")) return undefined
  const parts: Array<string> = []
  let at = 0
  let isWhole = true
  for (const token of SqlScript.tokens(sql, lexiconOf(backslashes))) {
    isWhole = token.isClosed
    if (token.kind !== "parameter" || sql[token.start] !== "?") continue
    parts.push(sql.slice(at, token.start))
    at = token.start + 1
  }
  parts.push(sql.slice(at))
  return { parts, isWhole }
}

/** A text with its parameters written into it. */
export const inline = (sql: string, params: ReadonlyArray<unknown>, offset: number, backslashes: boolean): string | SqlError.SqlError => {
  const parts = pieces(sql, backslashes)
  if (params.length === 0) return sql
  if (parts === undefined) {
    return SqlError.make(new Reason.UnsupportedError({
      message: "a text with a comment that the server executes takes no parameters where it is not prepared",
      capability: "unprepared",
      statement: sql
    }))
  }
  let out = parts[0] ?? ""
  for (let i = 0; i < params.length; i++) {
    const text = literal(params[i], offset, backslashes)
    if (text === undefined) return refuse(params[i], `parameter ${i + 1}`, sql)
    out += text + (parts[i + 1] ?? "")
  }
  return out
}

/** A DataError where the number of parameters is not that of the placeholders. */
export const miscounted = (sql: string, count: number, backslashes: boolean): SqlError.SqlError | undefined => {
  const parts = pieces(sql, backslashes)
  return parts === undefined || parts.length - 1 === count ? undefined : SqlError.make(new Reason.DataError({
    message: `the statement has ${parts.length - 1} placeholders, and ${count} parameters were given`,
    operation: "encode",
    statement: sql
  }))
}
