/**
 * Types: what goes into SQLite as a parameter. What comes out of it is in `values`.
 *
 * A value that SQLite would change silently is refused with DataError before anything is sent (law Q1). A number goes
 * in as REAL, as every driver of SQLite for JavaScript has it, and the column's affinity makes it an INTEGER again;
 * a bigint or a boolean goes in as INTEGER; a Date as its ISO 8601 text in UTC. Called by `connection` and
 * `bulk`.
 *
 * @since 0.1.0
 */
/// <reference lib="es2024.string" />
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import type { Value } from "./values.js"

const least = -(2n ** 63n)
const most = 2n ** 63n - 1n

/** Encodes parameters, or names the first that does not fit. `row` is said in the message where there are many. */
export const encode = (
  params: ReadonlyArray<unknown>,
  statement: string,
  row?: number
): Array<Value> | SqlError.SqlError => {
  const out = new Array<Value>(params.length)
  for (let i = 0; i < params.length; i++) {
    const value = encodeOne(params[i])
    if (value === undefined) return refuse(params[i], row === undefined ? `parameter ${i + 1}` : `row ${row}, value ${i + 1}`, statement)
    out[i] = value
  }
  return out
}

/** The encoded value; `undefined` where it does not fit. */
export const encodeOne = (value: unknown): Value | undefined => {
  switch (typeof value) {
    case "string":
      return value.isWellFormed() ? value : undefined
    case "number":
      return value === value ? value : undefined
    case "bigint":
      return value >= least && value <= most ? value : undefined
    case "boolean":
      return value ? 1n : 0n
    case "undefined":
      return null
    case "object":
      if (value === null) return null
      if (ArrayBuffer.isView(value)) return bytes(value)
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.toISOString()
      if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return new Uint8Array(value).slice()
      return undefined
    default:
      return undefined
  }
}

/** A DataError that says why a value does not fit, without the value. */
export const refuse = (value: unknown, where: string, statement: string): SqlError.SqlError =>
  SqlError.make(new Reason.DataError({ message: `${where} ${why(value)}`, operation: "encode", statement }))

// A part of a larger buffer (Node pools small ones) is copied: cloning it would send the whole of it.
const bytes = (view: ArrayBufferView): Uint8Array => {
  const whole = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  return view.byteLength === view.buffer.byteLength && view.buffer instanceof ArrayBuffer ? whole : whole.slice()
}

const why = (value: unknown): string => {
  if (typeof value === "string") return "is not well-formed text: it holds half of a surrogate pair"
  if (typeof value === "number") return "is NaN, which SQLite would store as NULL"
  if (typeof value === "bigint") return "is beyond 64 bits"
  if (value instanceof Date) return "is an invalid Date"
  if (Array.isArray(value)) return "is an array, which SQLite cannot store: encode it as JSON"
  return typeof value === "object" ? "is an object, which SQLite cannot store: encode it as JSON" : `is a ${typeof value}, which SQLite cannot store`
}
