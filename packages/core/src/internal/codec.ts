/**
 * Codec: how a column's value becomes a parameter, and what comes back becomes the value again (law Q1).
 *
 * Servers send one kind of value in several forms: a boolean as 1, an instant as a text, a 64-bit integer as a number. Each form
 * is read here, and what cannot be that kind is a `Misfit`. Dialects bring what only they know into one of these
 * forms (`Dialect.Tables.read`). Called by expressions and by the queries of a table.
 *
 * @internal
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import type * as Schema from "effect/Schema"
import type { ColumnType, Dialect } from "../Dialect.js"
import * as Reason from "../Reason.js"
import * as Sql from "../Sql.js"
import type * as Stock from "@effect/sql/Statement"
import { Misfit, misfitOf } from "./decoded.js"

type Convert = (value: unknown) => unknown

/** What a column holds, and the Schema over it, if there is one. */
export interface Held {
  readonly type: ColumnType
  readonly schema: Schema.Schema.All | undefined
  /** The Schema reads NULL, too: `OptionFromNullOr`. */
  readonly schemaTakesNull: boolean
}

/** Reads a value that the server sent for a column. */
export const reader = (held: Held, nullable: boolean, dialect: Dialect): Convert => {
  const { schema, schemaTakesNull, type } = held
  const base = readersOf(type)
  const read = dialect.tables?.read
  const decode = schema === undefined ? undefined : ParseResult.decodeUnknownEither(schema as Schema.Schema<unknown>)
  const refine: Convert = decode === undefined ? (value) => value : (value) => Either.getOrElse(decode(value), misfitOf)
  return (raw) => {
    if (raw === null || raw === undefined) {
      if (schemaTakesNull) return refine(null)
      return nullable ? null : new Misfit(undefined, "is NULL, and the table says it is never")
    }
    const value = base(read === undefined ? raw : read(type, raw))
    return value instanceof Misfit ? value : refine(value)
  }
}

/** Writes a value as what the driver binds; null is null. */
export const writer = ({ schema, schemaTakesNull, type }: Held): Convert => {
  const base = writers(type)
  const encode = schema === undefined ? undefined : ParseResult.encodeUnknownEither(schema as Schema.Schema<unknown>)
  return (value) => {
    if ((value === null || value === undefined) && !schemaTakesNull) return null
    if (encode === undefined) return base(value)
    const encoded = Either.getOrElse(encode(value), misfitOf)
    return encoded instanceof Misfit || encoded === null || encoded === undefined ? encoded ?? null : base(encoded)
  }
}

/** A value of a column as a parameter: cast where the dialect would compare it otherwise. */
export const bound = (held: Held, label: string, value: unknown, use: "compare" | "store"): Stock.Segment =>
  Sql.byDialect((dialect) => {
    const encoded = writer(held)(value)
    if (encoded instanceof Misfit) return Either.left(refused(label, encoded))
    const parameter: Stock.Segment = { _tag: "Parameter", value: encoded }
    const type = use === "compare" ? dialect.tables?.cast(held.type) : undefined
    return Either.right(type === undefined ? [parameter] : [literal("CAST("), parameter, literal(` AS ${type})`)])
  })

/** A DataError of a value that is not what its column holds, without the value (law E4). */
export const refused = (label: string, { cause, why }: Misfit): Reason.DataError =>
  new Reason.DataError({ message: `the value for ${label} ${why}`, operation: "encode", column: label.slice(label.lastIndexOf(".") + 1), cause })

/** Text as it is. */
export const literal = (value: string): Stock.Literal => ({ _tag: "Literal", value })

const not = (what: string) => new Misfit(undefined, `is not ${what}`)

const instant = (value: unknown): unknown => {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? not("an instant") : value
  const parts = typeof value === "string" ? /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(\.\d+)?\s*(Z|[+-]\d\d(?::?\d\d)?)?$/i.exec(value) : null
  if (parts === null) return not("an instant")
  const [, day, time, fraction = "", zone = "Z"] = parts
  if (/[1-9]/.test(fraction.slice(4))) return new Misfit(undefined, "holds less than milliseconds, which a Date would lose")
  const offset = /^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone
  const date = new Date(`${day}T${time}${fraction === "" ? "" : fraction.slice(0, 4).padEnd(4, "0")}${offset}`)
  return Number.isNaN(date.getTime()) ? not("an instant") : date
}

const parsed = (value: unknown): unknown => {
  if (typeof value !== "string") return value
  try {
    return JSON.parse(value)
  } catch {
    return not("JSON")
  }
}

// A driver may have been told to answer with a BigDecimal: here it is its text again, with the digits of its column.
const readersOf = (type: ColumnType): Convert =>
  type.kind === "decimal" ? (value) => BigDecimal.isBigDecimal(value) ? fixed(value, type.scale) : readers.decimal(value) : readers[type.kind]

const readers: Readonly<Record<ColumnType["kind"], Convert>> = {
  integer: (value) => {
    const number = typeof value === "bigint" ? Number(value) : value
    return Number.isSafeInteger(number) ? number : not("a whole number within 2^53")
  },
  bigint: (value) => {
    if (typeof value === "bigint") return value
    if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value)
    return typeof value === "string" && /^-?\d+$/.test(value) ? BigInt(value) : not("a whole number")
  },
  double: (value) => typeof value === "number" ? value : typeof value === "bigint" ? Number(value) : not("a number"),
  decimal: (value) => typeof value === "string" ? value : typeof value === "number" || typeof value === "bigint" ? String(value) : not("a decimal"),
  text: (value) => typeof value === "string" ? value : not("a text"),
  boolean: (value) => {
    if (typeof value === "boolean") return value
    const number = typeof value === "bigint" ? Number(value) : value
    return number === 1 ? true : number === 0 ? false : not("a boolean")
  },
  timestamp: instant,
  date: (value) => typeof value === "string" && isDay(value) ? value : not("a date"),
  uuid: (value) => typeof value === "string" && uuid.test(value) ? value.toLowerCase() : not("a UUID"),
  bytes: (value) => value instanceof Uint8Array ? value : not("bytes"),
  json: parsed,
  unknown: (value) => value
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

const isDay = (text: string): boolean =>
  /^\d{4}-\d\d-\d\d$/.test(text) && new Date(`${text}T00:00:00Z`).getTime() === new Date(`${text}T00:00:00Z`).getTime() &&
  new Date(`${text}T00:00:00Z`).toISOString().startsWith(text)

const writers = (type: ColumnType): Convert => {
  switch (type.kind) {
    case "integer":
      return (value) => Number.isSafeInteger(value) ? value : not("a whole number within 2^53")
    case "bigint":
      return (value) => typeof value === "bigint" ? value : not("a bigint")
    case "double":
      return (value) => typeof value === "number" ? value : not("a number")
    case "decimal":
      return (value) => decimal(value, type)
    case "text":
      return (value) => {
        if (typeof value !== "string") return not("a text")
        const { length } = type
        return length === undefined || value.length <= length || [...value].length <= length ? value : new Misfit(undefined, `is longer than ${length} characters`)
      }
    case "boolean":
      return (value) => typeof value === "boolean" ? value : not("a boolean")
    case "timestamp":
      return (value) => {
        if (!(value instanceof Date)) return not("a Date")
        const year = value.getUTCFullYear()
        // What no text of four digits says, no dialect reads back.
        return year >= 1 && year <= 9999 ? value : new Misfit(undefined, Number.isNaN(year) ? "is an invalid Date" : "is not within the years 1 to 9999")
      }
    case "json":
      return (value) => {
        const text = JSON.stringify(value) as string | undefined
        return text ?? not("JSON")
      }
    default:
      return readers[type.kind]
  }
}

/** With as many digits after the point as the column has: then one decimal has one text, in every dialect. */
const decimal = (value: unknown, { precision, scale }: ColumnType): unknown => {
  const number = typeof value === "string" && value !== "" ? BigDecimal.fromString(value) : Option.none()
  if (Option.isNone(number)) return not("a decimal")
  const { scale: digits, value: whole } = BigDecimal.normalize(number.value)
  if (scale !== undefined && digits > scale) return new Misfit(undefined, `has more than ${scale} digits after the point`)
  const text = fixed(number.value, scale)
  return precision !== undefined && whole !== 0n && text.replace(/^-?0*\.?0*|\./g, "").length > precision ? new Misfit(undefined, `has more than ${precision} digits`) : text
}

/** Its digits without an exponent, so many of them after the point; as many as it has where none is said. */
const fixed = (number: BigDecimal.BigDecimal, digits: number | undefined): string => {
  const normal = BigDecimal.normalize(number)
  const scale = Math.max(digits ?? 0, normal.scale)
  const whole = normal.value * 10n ** BigInt(scale - normal.scale)
  const text = (whole < 0n ? -whole : whole).toString().padStart(scale + 1, "0")
  const point = text.length - scale
  return `${whole < 0n ? "-" : ""}${text.slice(0, point)}${scale === 0 ? "" : `.${text.slice(point)}`}`
}
