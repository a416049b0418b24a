/**
 * A line of JSON of any value: what JSON has no word for is a text, at any depth.
 *
 * A bigint is written digit by digit, bytes in base 64, a decimal with all of its digits. Called by `DeadLetter` and
 * `QueryCollector`, whose metadata and parameters are whatever a user has given.
 *
 * @internal
 */
import * as BigDecimal from "effect/BigDecimal"
import { digitsOf } from "./decimal.js"

/** The value as JSON, without a line feed. Throws where the value holds itself. */
export const lineOf = (value: unknown): string => JSON.stringify(value, replaced)

// What a Buffer and a decimal make of themselves by toJSON is no text: the value as it was is under its key.
function replaced(this: Readonly<Record<string, unknown>>, key: string, made: unknown): unknown {
  const value = this[key]
  if (typeof value === "bigint") return String(value)
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64")
  return BigDecimal.isBigDecimal(value) ? digitsOf(value) : made
}
