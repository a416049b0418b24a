/**
 * Values: what comes out of SQLite in a row.
 *
 * It encodes nothing (that is `types`) and imports nothing of Effect: a worker thread loads it, and Effect would cost
 * each thread 200 ms and its memory. Called by `handle`.
 *
 * @since 0.1.0
 */
import { Refusal } from "./fault.js"

/** A value as the driver binds and returns it. */
export type Value = null | number | bigint | string | Uint8Array

/** Names of a row's columns, for messages. */
export interface Named {
  readonly name: string
}

/**
 * Appends one row of the driver to a flat list of values.
 *
 * The driver is always asked for bigints and an INTEGER becomes a number here: its own conversion would round beyond
 * 2^53 without a word, and a REAL such as 1e300 could not be told from such an INTEGER afterwards. It costs 11 % of
 * reading a million rows with two INTEGER columns.
 */
export const append = (
  out: Array<Value>,
  row: ReadonlyArray<Value>,
  bigints: boolean,
  columns: ReadonlyArray<Named>,
  index: number,
  applied: boolean
): void => {
  for (let i = 0; i < row.length; i++) {
    const value = row[i]
    if (typeof value === "bigint" && !bigints) {
      const number = Number(value)
      if (number > Number.MAX_SAFE_INTEGER || number < Number.MIN_SAFE_INTEGER) {
        const name = columns[i]?.name ?? String(i + 1)
        throw new Refusal(
          "data",
          `column "${name}" of row ${index} holds an integer beyond 2^53 - 1: ask for integers as "bigint"`,
          name,
          applied
        )
      }
      out.push(number)
    } else if (typeof value === "object" && value !== null) {
      out.push(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
    } else {
      out.push(value ?? null)
    }
  }
}
