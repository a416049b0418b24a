/**
 * Decode: what comes out of a column, and rows made of a message by a reader that is compiled per result shape.
 *
 * Every column comes as text. int8 is a number or a bigint by the setting, never by the value; numeric, dates, times,
 * intervals, ranges, uuid, enums and composites are their exact text; timestamps text or Date, json text or parsed by the
 * setting; bytea is bytes; arrays are arrays of those. Called by `shapes`.
 *
 * @internal
 */
import type { Bytes } from "./frames.js"
import { elements, Oid } from "./oids.js"

/** How columns are read. */
export interface Reading {
  /** Types with a codec, by their numbers in this database. */
  readonly registered: ReadonlyMap<number, Registered>
  readonly bigints: boolean
  readonly dates: "string" | "date"
  readonly json: "string" | "parsed"
}

/** A type with a codec: itself, or the array of it. */
export interface Registered {
  readonly decode: (text: string) => unknown
  readonly isArray: boolean
}

/** Thrown by a decoder, and caught where the row is read. */
export class Unfit extends Error {
  constructor(readonly column: string, message: string, options?: ErrorOptions) {
    super(`column "${column}" ${message}`, options)
  }
}

/** Reads the bytes of one value, which is not NULL. */
export type Decoder = (bytes: Bytes, from: number, to: number) => unknown

/** The decoder of a type, for a column that an error can name. */
export const decoderOf = (oid: number, column: string, reading: Reading): Decoder => {
  const registered = reading.registered.get(oid)
  if (registered !== undefined) {
    const decode = custom(registered.decode, column)
    return registered.isArray ? arrayOf(decode, ",") : decode
  }
  switch (oid) {
    case Oid.bool:
      return bool
    case Oid.int2:
    case Oid.int4:
    case Oid.oid:
      return integer
    case Oid.int8:
      return reading.bigints ? (bytes, from, to) => BigInt(bytes.latin1Slice(from, to)) : (bytes, from, to) => {
        if (to - from < 16) return integer(bytes, from, to)
        const value = Number(bytes.latin1Slice(from, to))
        if (Number.isSafeInteger(value)) return value
        throw new Unfit(column, "holds an integer beyond 2^53 - 1: ask for integers as \"bigint\"")
      }
    case Oid.float4:
    case Oid.float8:
      return float
    case Oid.bytea:
      return bytea
    case Oid.numeric:
      return ascii
    case Oid.timestamp:
    case Oid.timestamptz:
      return reading.dates === "string" ? ascii : (bytes, from, to) => toDate(bytes.latin1Slice(from, to), column)
    case Oid.json:
    case Oid.jsonb:
      return reading.json === "string" ? text : (bytes, from, to) => JSON.parse(bytes.utf8Slice(from, to)) as unknown
  }
  const element = elements.get(oid)
  return element === undefined ? text : arrayOf(decoderOf(element, column, reading), element === Oid.box ? ";" : ",")
}

// What a codec throws may quote the value.
const custom = (decode: (text: string) => unknown, column: string): Decoder => (bytes, from, to) => {
  try {
    return decode(bytes.utf8Slice(from, to))
  } catch (error) {
    throw new Unfit(column, "cannot be read by the codec of its type", { cause: error })
  }
}

/** The bytes themselves: what they stand in is read into again. */
export const copy: Decoder = (bytes, from, to) => new Uint8Array(bytes.subarray(from, to))

const bool: Decoder = (bytes, from) => bytes[from] === 116

const integer = (bytes: Bytes, from: number, to: number): number => {
  let at = from
  const negative = bytes[at] === 45
  if (negative) at++
  let value = 0
  while (at < to) value = value * 10 + (bytes[at++]! - 48)
  return negative ? -value : value
}

const float: Decoder = (bytes, from, to) => Number(bytes.latin1Slice(from, to))

const ascii: Decoder = (bytes, from, to) => bytes.latin1Slice(from, to)

const text: Decoder = (bytes, from, to) => bytes.utf8Slice(from, to)

// `\x` and hexadecimal digits, or with bytea_output = escape octal ones behind a backslash.
const bytea = (bytes: Bytes, from: number, to: number): Uint8Array => {
  if (bytes[from] === 92 && bytes[from + 1] === 120) return new Uint8Array(Buffer.from(bytes.latin1Slice(from + 2, to), "hex"))
  const out: Array<number> = []
  for (let at = from; at < to; at++) {
    if (bytes[at] !== 92) out.push(bytes[at]!)
    else if (bytes[at + 1] === 92) out.push(bytes[++at]!)
    else {
      out.push(Number.parseInt(bytes.latin1Slice(at + 1, at + 4), 8))
      at += 3
    }
  }
  return Uint8Array.from(out)
}

const stamp = /^(\d{4,})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)?( BC)?$/

/** A timestamp without a zone is taken as UTC. */
const toDate = (value: string, column: string): Date => {
  const found = stamp.exec(value)
  if (found === null) throw new Unfit(column, `holds ${value.endsWith("infinity") ? value : "a time"}, which no Date can be: read it with dates "string"`)
  const [, year, month, day, hours, minutes, seconds, fraction = "", sign, zoneHours, zoneMinutes = "0", zoneSeconds = "0", era] = found
  const micros = fraction.padEnd(6, "0")
  if (micros.slice(3) !== "000") throw new Unfit(column, "holds microseconds, which a Date would lose: read it with dates \"string\"")
  const date = new Date(0)
  date.setUTCFullYear(era === undefined ? Number(year) : 1 - Number(year), Number(month) - 1, Number(day))
  date.setUTCHours(Number(hours), Number(minutes), Number(seconds), Number(micros.slice(0, 3)))
  if (sign !== undefined) {
    const offset = (Number(zoneHours) * 3600 + Number(zoneMinutes) * 60 + Number(zoneSeconds)) * 1000
    date.setTime(date.getTime() + (sign === "-" ? offset : -offset))
  }
  if (Number.isNaN(date.getTime())) throw new Unfit(column, "holds a time that no Date can be: read it with dates \"string\"")
  return date
}

// ---- arrays ----

/** Arrays of any depth, as `{1,NULL,"a b"}`; lower bounds other than 1, as in `[0:1]={1,2}`, are left out. */
const arrayOf = (decode: Decoder, delimiter: "," | ";"): Decoder => (bytes, from, to) => {
  const value = bytes.utf8Slice(from, to)
  let at = value.indexOf("{")
  const cell = (part: string): unknown => {
    const own = Buffer.from(part) as Bytes
    return decode(own, 0, own.length)
  }
  const level = (): Array<unknown> => {
    const out: Array<unknown> = []
    at++
    while (value[at] !== "}") {
      if (value[at] === "{") {
        out.push(level())
      } else if (value[at] === "\"") {
        let part = ""
        for (at++; value[at] !== "\""; at++) {
          if (value[at] === "\\") at++
          part += value[at]
        }
        at++
        out.push(cell(part))
      } else {
        const start = at
        while (value[at] !== delimiter && value[at] !== "}") at++
        const part = value.slice(start, at)
        out.push(part === "NULL" ? null : cell(part))
      }
      if (value[at] === delimiter) at++
    }
    at++
    return out
  }
  return level()
}
