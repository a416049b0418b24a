/**
 * JSON as it was written: a number keeps the digits that a double would lose.
 *
 * Called by `Csv` and `Ndjson`, and by the reader and the writer of Parquet files.
 *
 * @internal
 */
import { isInteger, isSafeNumber, parse, stringify } from "lossless-json"
import { plain } from "./text.js"

// Where no number is that long, the runtime's own parser is right, and ten times as fast.
const mayBeLong = /\d{16}|\d[.\d]{16}/

/** The value of a text: an integer past 2^53 is a bigint, and a number with more digits than a double holds is its text. Throws where it is no JSON. */
export const valueOf = (text: string): unknown => mayBeLong.test(text) ? parse(text, undefined, numberOf) : JSON.parse(text)

/** The text of a value, a bigint digit by digit; `undefined` of what JSON has no word for. Throws, as the runtime's own, where a value holds itself. */
export const textOf = (value: unknown): string | undefined => stringify(value, (_, inner) => plain(inner))

const numberOf = (digits: string): number | bigint | string =>
  isSafeNumber(digits) ? Number(digits) : isInteger(digits) ? BigInt(digits) : digits
