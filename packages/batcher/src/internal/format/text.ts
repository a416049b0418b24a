/**
 * Values of rows as text: what CSV and NDJSON have in common.
 *
 * @internal
 */
import * as BigDecimal from "effect/BigDecimal"
import { digitsOf } from "./decimal.js"

/** A value that JSON and CSV have no word for, as one that they have: an instant in ISO 8601, bytes in base 64, a decimal digit by digit. */
export const plain = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64")
  return BigDecimal.isBigDecimal(value) ? digitsOf(value) : value
}
