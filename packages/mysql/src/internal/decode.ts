/**
 * Decode: what comes out of a column, and how a result's columns are described.
 *
 * Each type has one form, prepared or not: BIGINT is a number or a bigint by the setting, never by the value; DECIMAL is
 * its exact text, or a BigDecimal by the setting; TIME, DATE and JSON are their exact text; DATETIME and TIMESTAMP text or
 * Date by the setting; binary strings, BIT, geometry and vectors are bytes. How a value is read from a packet is in
 * `binary` and `textual`; here is what it needs beyond that. Called by those, `fields` and `connection`.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import * as BigDecimal from "effect/BigDecimal"

/** The protocol's types of columns. */
export const Type = {
  decimal: 0, tiny: 1, short: 2, long: 3, float: 4, double: 5, null: 6, timestamp: 7, longlong: 8, int24: 9, date: 10,
  time: 11, datetime: 12, year: 13, newdate: 14, varchar: 15, bit: 16, vector: 242, json: 245, newdecimal: 246, enum: 247,
  set: 248, tinyBlob: 249, mediumBlob: 250, longBlob: 251, blob: 252, varString: 253, string: 254, geometry: 255
} as const

/** Bits of a column's flags. */
export const Flag = { notNull: 1, unsigned: 32, binary: 128, enum: 256, set: 2048 } as const

/** The character set of what is no text. */
export const binary = 63

/** A column's definition. */
export interface Field {
  readonly name: string
  readonly orgTable: string
  readonly table: string
  readonly flags: number
  readonly decimals: number
  readonly columnLength: number
  /** As the server said it; `columnType` is what it is read as. */
  readonly type: number
  readonly columnType: number
  readonly characterSet: number
  /** What its texts are encoded in. */
  readonly encoding: string
  /** `json` where MariaDB says so. */
  readonly format: string | undefined
}

/** How columns are read. */
export interface Reading {
  readonly rowMode: Connection.Query["rowMode"]
  readonly bigints: boolean
  readonly dates: "string" | "date"
  readonly decimals: "string" | "BigDecimal"
  /** The user's own, by the names that columns have. */
  readonly decoders: Decoders | undefined
  /** Minutes from UTC of the session's wall clock. */
  readonly offset: number
}

/** Decoders by the types' names; each is for the values of its type alone. */
export type Decoders = Readonly<Record<string, ((value: never) => unknown) | undefined>>

/** Thrown by a fix; the column is named by whoever knows the row. */
export class Unfit extends Error {
  constructor(readonly column: string, message: string, cause?: unknown) {
    super(message, { cause })
  }
}

/** An integer that a number would round. */
export const beyond = (column: string): Unfit => new Unfit(column, `column "${column}" holds an integer beyond 2^53 - 1: ask for integers as "bigint"`)

type Fix = (value: unknown) => unknown

/** What a value needs after it was read; `isBinary`: by `binary`. */
export const fixOf = (field: Field, reading: Reading, isBinary: boolean): Fix | undefined => {
  const decoder = decoderOf(field, reading)
  if (decoder === undefined) return plainFixOf(field, reading, isBinary)
  const fix = plainFixOf(field, exactly(reading), isBinary)
  return (value) => {
    const exact = fix === undefined ? value : fix(value)
    try {
      return decoder(exact as never)
    } catch (cause) {
      // What it throws may quote the value.
      throw new Unfit(field.name, `the decoder of ${typeOf(field)} failed on column "${field.name}"`, cause)
    }
  }
}

/** How a column is read before a decoder of the user's: without a setting. */
export const exactly = (reading: Reading): Reading => ({ ...reading, bigints: true, dates: "string", decimals: "string", decoders: undefined })

/** The user's decoder of a column. */
export const decoderOf = (field: Field, { decoders }: Reading): ((value: never) => unknown) | undefined => {
  if (decoders === undefined) return undefined
  const type = typeOf(field) ?? ""
  return decoders[type] ?? decoders[type.replace(/ UNSIGNED$/, "")]
}

const plainFixOf = (field: Field, reading: Reading, isBinary: boolean): Fix | undefined => {
  const { name } = field
  switch (field.columnType) {
    case Type.decimal:
    case Type.newdecimal:
      return reading.decimals === "BigDecimal" ? (value) => BigDecimal.unsafeFromString(value as string) : undefined
    case Type.float:
      return isBinary ? shortest : undefined
    case Type.time:
      return field.decimals > 0 && field.decimals <= 6 ? (value) => fraction(value as string, field.decimals) : undefined
    case Type.datetime:
    case Type.timestamp: {
      const fractional = field.decimals > 0 && field.decimals <= 6
      if (reading.dates === "date") return (value) => toDate(value as string, name, reading.offset)
      return fractional ? (value) => fraction(value as string, field.decimals) : undefined
    }
    default:
      return undefined
  }
}

// MySQL sends a procedure's out parameters without their character set; whether they are binary is in the flag alone.
export const isText = (field: Field): boolean => field.format === "json" || texts[field.type] !== undefined && (field.flags & Flag.binary) === 0

/**
 * A text that is not what its bytes are has U+FFFD in it; one that has it may be right. It takes nothing where the text is
 * of one byte a character, as most are.
 */
export const checked = (text: string, bytes: Buffer, from: number, to: number, column: string): string => {
  if (!text.includes("\ufffd") || Buffer.from(text).equals(bytes.subarray(from, to))) return text
  throw new Unfit(column, `column "${column}" holds text that is not UTF-8`)
}

/** The same of another encoding, where somebody has set `character_set_results`. */
export const legible = (text: string, encoding: string, column: string): string => {
  if (!text.includes("\ufffd")) return text
  throw new Unfit(column, `column "${column}" holds text that cannot be read as ${encoding}`)
}

// The binary protocol leaves a fraction of zero out, the text protocol does not.
const fraction = (text: string, decimals: number): string => {
  const dot = text.indexOf(".")
  return dot === -1 ? `${text}.${"0".repeat(decimals)}` : text.padEnd(dot + 1 + decimals, "0")
}

/** The shortest decimal that is the same single-precision number: 0.1 and not 0.10000000149011612. */
const shortest: Fix = (value) => {
  const number = value as number
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(number.toPrecision(digits))
    if (Math.fround(short) === number) return short
  }
  return number
}

const toDate = (text: string, column: string, offset: number): Date => {
  const micros = text.slice(20).padEnd(6, "0")
  const time = Date.parse(`${text.slice(0, 10)}T${text.slice(11, 19)}.${micros.slice(0, 3)}Z`)
  if (Number.isNaN(time)) throw new Unfit(column, `column "${column}" holds a date that no Date can be: read it with dates "string"`)
  if (micros.slice(3) !== "000") throw new Unfit(column, `column "${column}" holds microseconds, which a Date would lose: read it with dates "string"`)
  return new Date(time - offset * 60_000)
}

// ---- columns ----

const names: Readonly<Record<number, string>> = {
  [Type.decimal]: "DECIMAL", [Type.tiny]: "TINYINT", [Type.short]: "SMALLINT", [Type.long]: "INT", [Type.float]: "FLOAT",
  [Type.double]: "DOUBLE", [Type.null]: "NULL", [Type.timestamp]: "TIMESTAMP", [Type.longlong]: "BIGINT", [Type.int24]: "MEDIUMINT",
  [Type.date]: "DATE", [Type.time]: "TIME", [Type.datetime]: "DATETIME", [Type.year]: "YEAR", [Type.newdate]: "DATE", [Type.bit]: "BIT",
  [Type.vector]: "VECTOR", [Type.json]: "JSON", [Type.newdecimal]: "DECIMAL", [Type.enum]: "ENUM", [Type.set]: "SET", [Type.geometry]: "GEOMETRY"
}

const texts: Readonly<Record<number, readonly [text: string, bytes: string]>> = {
  [Type.varchar]: ["VARCHAR", "VARBINARY"], [Type.varString]: ["VARCHAR", "VARBINARY"], [Type.string]: ["CHAR", "BINARY"],
  [Type.tinyBlob]: ["TINYTEXT", "TINYBLOB"], [Type.mediumBlob]: ["MEDIUMTEXT", "MEDIUMBLOB"], [Type.longBlob]: ["LONGTEXT", "LONGBLOB"],
  [Type.blob]: ["TEXT", "BLOB"]
}

/** A description of columns. */
export const columnsOf = (fields: ReadonlyArray<Field>): ReadonlyArray<Connection.Column> =>
  fields.map((field) => {
    const isDecimal = field.type === Type.newdecimal || field.type === Type.decimal
    const isUnsigned = (field.flags & Flag.unsigned) !== 0
    return {
      name: field.name,
      type: typeOf(field),
      nullable: (field.flags & Flag.notNull) === 0,
      // The length of a DECIMAL counts its sign and its point.
      precision: isDecimal ? field.columnLength - (field.decimals > 0 ? 1 : 0) - (isUnsigned ? 0 : 1) : undefined,
      scale: isDecimal ? field.decimals : undefined,
      table: field.orgTable || field.table || undefined
    }
  })

/** The names that a column's type may have, but for UNSIGNED. */
export const typeNames: ReadonlySet<string> = new Set([...Object.values(names), ...Object.values(texts).flat()])

// A year has the flag as well, and a timestamp of MariaDB.
const signable: ReadonlySet<number> = new Set([
  Type.decimal, Type.newdecimal, Type.tiny, Type.short, Type.int24, Type.long, Type.longlong, Type.float, Type.double
])

const typeOf = (field: Field): string | undefined => {
  if ((field.flags & Flag.enum) !== 0) return "ENUM"
  if ((field.flags & Flag.set) !== 0) return "SET"
  const text = texts[field.type]
  if (text !== undefined) return text[field.characterSet === binary && !isText(field) ? 1 : 0]
  const name = names[field.type]
  return name !== undefined && (field.flags & Flag.unsigned) !== 0 && signable.has(field.type) ? `${name} UNSIGNED` : name
}
