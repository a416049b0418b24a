/**
 * The values that every dialect must give back as they went in (law Q1), by the names that it has for their types.
 *
 * What only one dialect has is in its own profile, beside these. Called by the profiles.
 *
 * @since 0.1.0
 */
import type * as Profile from "../Profile.js"

/**
 * A dialect's names of types.
 *
 * @example
 * ```ts
 * import type { Types } from "@sluice/testkit/profiles/values"
 *
 * const types: Types = { bigint: "BIGINT", double: "DOUBLE PRECISION", text: "TEXT", short: "VARCHAR(20)", bytes: "BYTEA", blob: "BYTEA" }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Types {
  /** An integer of 64 bits. */
  readonly bigint: string
  /** A float of 64 bits. */
  readonly double: string
  /** A text of any length. */
  readonly text: string
  /** A text of twenty characters. */
  readonly short: string
  /** Bytes, 256 of them. */
  readonly bytes: string
  /** Bytes, a million of them. */
  readonly blob: string
}

/**
 * The values of every dialect.
 *
 * @example
 * ```ts
 * import type { Profile } from "@sluice/testkit"
 * import { everywhere } from "@sluice/testkit/profiles/values"
 *
 * const values: ReadonlyArray<Profile.RoundTrip> = [
 *   ...everywhere({ bigint: "BIGINT", double: "FLOAT(53)", text: "NVARCHAR(MAX)", short: "NVARCHAR(20)", bytes: "VARBINARY(256)", blob: "VARBINARY(MAX)" }),
 *   { title: "money", type: "MONEY", value: "1234.5600" }
 * ]
 * ```
 *
 * @category tables
 * @since 0.1.0
 */
export const everywhere = ({ bigint, blob, bytes, double, short, text }: Types): ReadonlyArray<Profile.RoundTrip> => [
  { title: "zero", type: "INTEGER", value: 0 },
  { title: "the largest safe integer", type: bigint, value: Number.MAX_SAFE_INTEGER },
  { title: "the smallest safe integer", type: bigint, value: Number.MIN_SAFE_INTEGER },
  { title: "2^53 + 1 as bigint", type: bigint, value: 9007199254740993n, integers: "bigint" },
  { title: "the largest 64-bit integer", type: bigint, value: 9223372036854775807n, integers: "bigint" },
  { title: "the smallest 64-bit integer", type: bigint, value: -9223372036854775808n, integers: "bigint" },
  { title: "a fraction", type: double, value: 0.1 },
  { title: "the largest float", type: double, value: Number.MAX_VALUE },
  { title: "a float without a fraction", type: double, value: 1e300 },
  { title: "an empty text", type: text, value: "" },
  { title: "text of many scripts", type: text, value: "Grüße 日本語 עברית 😀 👩‍👩‍👧" },
  { title: "quotes and backslashes", type: text, value: "it's \"a\" \\ `test`; -- %_ {,} $1" },
  { title: "line ends", type: text, value: "a\r\nb\n\tc" },
  { title: "a text like a number", type: short, value: "007" },
  { title: "no byte", type: bytes, value: new Uint8Array(0) },
  { title: "every byte", type: bytes, value: Uint8Array.from({ length: 256 }, (_, i) => i) },
  { title: "a megabyte", type: blob, value: new Uint8Array(1_000_000).fill(7) }
]
