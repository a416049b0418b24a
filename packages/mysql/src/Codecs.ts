/**
 * Codecs: decoders and encoders of the user's own, as a table per type.
 *
 * It holds their types, and nothing is decoded here: that is `internal/decode` and `internal/types`. Written into
 * `Mysql.Config`, read by every connection.
 *
 * @since 0.1.0
 */
import type * as BigDecimal from "effect/BigDecimal"

type Small = "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT"
type Real = "FLOAT" | "DOUBLE"
type Text =
  | "DATE" | "TIME" | "DATETIME" | "TIMESTAMP" | "JSON" | "ENUM" | "SET" | "CHAR" | "VARCHAR"
  | "TINYTEXT" | "TEXT" | "MEDIUMTEXT" | "LONGTEXT"
type Bytes = "BIT" | "BINARY" | "VARBINARY" | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" | "GEOMETRY" | "VECTOR"

type Of<Names extends string, Value> = { readonly [Name in Names]?: ((value: Value) => unknown) | undefined }

/**
 * What becomes of a column's values, by the type's name as `.result` shows it in `columns[].type`. A decoder gets the
 * exact value whatever the other settings say: integers as number, BIGINT as bigint, FLOAT and DOUBLE as number, DECIMAL,
 * dates, times and texts as text, everything binary as bytes. NULL is null and reaches no decoder.
 *
 * One for `BIGINT` is one for `BIGINT UNSIGNED` too, unless that has its own. The server says TEXT and BLOB for every size of
 * them, and MariaDB says TEXT for JSON. A decoder that throws is a DataError that names the column. It holds for rows in
 * every form: effects, streams, cursors, values, several result sets, out parameters.
 *
 * @example
 * ```ts
 * import type { Mysql } from "@sluice/mysql"
 * import { DateTime, Duration } from "effect"
 *
 * const decoders: Mysql.Decoders = {
 *   DATE: (text) => DateTime.unsafeMake(text),
 *   JSON: (text) => JSON.parse(text),
 *   "INT UNSIGNED": (value) => value > 0,
 *   YEAR: (year) => Duration.days(365 * year)
 * }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export type Decoders =
  & Of<Small | `${Small} UNSIGNED` | Real | `${Real} UNSIGNED` | "YEAR", number>
  & Of<"BIGINT" | "BIGINT UNSIGNED", bigint>
  & Of<"DECIMAL" | "DECIMAL UNSIGNED" | Text, string>
  & Of<Bytes, Uint8Array>

/**
 * What a parameter may be without an encoder.
 *
 * @example
 * ```ts
 * import type { Mysql } from "@sluice/mysql"
 *
 * const parameter: Mysql.Parameter = 12n
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Parameter = string | number | bigint | boolean | Date | ArrayBufferView | ArrayBuffer | BigDecimal.BigDecimal | null | undefined

/**
 * A rule for parameters of one kind. Made by `encoder`.
 *
 * @example
 * ```ts
 * import type { Mysql } from "@sluice/mysql"
 *
 * const isMine = (encoder: Mysql.Encoder, value: unknown) => encoder.is(value)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Encoder {
  /** Whether a parameter is of this kind. */
  readonly is: (value: unknown) => boolean
  /** What is sent in its place; only for what `is` says yes to. */
  readonly encode: (value: unknown) => Parameter
}

/**
 * An encoder: values of a kind, told by a guard, and what is sent in their place. In a config the first one whose guard
 * says yes is used, before anything of our own; NULL reaches none. One that throws is a DataError that names the parameter.
 *
 * @example
 * ```ts
 * import { Mysql } from "@sluice/mysql"
 * import { Duration } from "effect"
 *
 * class Money { constructor(readonly cents: bigint) {} }
 *
 * const encoders: Mysql.Config["encoders"] = [
 *   Mysql.encoder((u) => u instanceof Money, (money) => `${money.cents / 100n}.${String(money.cents % 100n).padStart(2, "0")}`),
 *   Mysql.encoder(Duration.isDuration, (duration) => Duration.toSeconds(duration))
 * ]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const encoder = <A>(is: (value: unknown) => value is A, encode: (value: A) => Parameter): Encoder => ({
  is,
  encode: (value) => {
    if (is(value)) return encode(value)
    // Whoever calls it has asked `is` before, as ours does: this is for who has not, and a DataError where a query has come to it.
    throw new TypeError("the value is not of the encoder's kind")
  }
})
