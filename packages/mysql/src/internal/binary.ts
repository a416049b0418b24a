/**
 * Binary: rows of the binary protocol, read at once as what the user gets, by a function that is compiled per shape.
 *
 * The driver's parser makes a list or an empty record that grows, and pieces a date together from six texts; a stream
 * of dates takes 2.1 µs a row by it, and 0.9 by this. What each type becomes is `decode`'s to say, for the text protocol
 * too; a test compares the two. Called by `execution`.
 *
 * @internal
 */
import { beyond, binary, decoderOf, exactly, fixOf, Flag, type Reading, Type } from "./decode.js"
import type { Field, Packet } from "./driver.js"
import { propertyOf } from "./objects.js"

/** Reads one column, which is not NULL, and moves on. */
type Read = (packet: Packet) => unknown

/** Reads a row. Throws `Unfit` where a value cannot be what was asked for. */
export type RowReader = (packet: Packet) => unknown

/** The reader of rows of these fields. */
export const readerOf = (fields: ReadonlyArray<Field>, reading: Reading): RowReader => {
  const reads = fields.map((field) => readOf(field, reading))
  return compile(fields, reads, reading) ?? loop(fields, reads, reading)
}

// The first byte is 0; the bits of the NULLs begin at the third one.
const bitmap = (count: number): number => (count + 9) >> 3

// `undefined` where code generation from strings is disallowed.
const compile = (fields: ReadonlyArray<Field>, reads: ReadonlyArray<Read>, { rowMode }: Reading): RowReader | undefined => {
  const values = fields.map(({ name }, i) => {
    const value = `(b[s+${(i + 2) >> 3}]&${1 << ((i + 2) & 7)})!==0?null:r${i}(p)`
    return rowMode === "array" ? value : `${propertyOf(name)}:${value}`
  })
  const [open, close] = rowMode === "array" ? "[]" : "{}"
  try {
    return new Function("r", `${reads.map((_, i) => `const r${i}=r[${i}]`).join(";")}
      return (p)=>{const b=p.buffer,s=p.offset+1;p.offset=s+${bitmap(fields.length)};return ${open}${values.join(",")}${close}}`)(reads) as RowReader
  } catch {
    return undefined
  }
}

const loop = (fields: ReadonlyArray<Field>, reads: ReadonlyArray<Read>, { rowMode }: Reading): RowReader => (packet) => {
  const { buffer } = packet
  const start = packet.offset + 1
  packet.offset = start + bitmap(fields.length)
  const row = reads.map((read, i) => (buffer[start + ((i + 2) >> 3)]! & 1 << ((i + 2) & 7)) !== 0 ? null : read(packet))
  return rowMode === "array" ? row : Object.fromEntries(row.map((value, i) => [fields[i]!.name, value]))
}

const readOf = (field: Field, reading: Reading): Read => {
  const read = plainOf(field, decoderOf(field, reading) === undefined ? reading : exactly(reading))
  const fix = fixOf(field, reading, true)
  return fix === undefined ? read : (packet) => fix(read(packet))
}

const plainOf = (field: Field, reading: Reading): Read => {
  const isUnsigned = (field.flags & Flag.unsigned) !== 0
  switch (field.columnType) {
    case Type.tiny:
      return isUnsigned ? (p) => p.buffer[p.offset++] : (p) => p.buffer[p.offset++]! << 24 >> 24
    case Type.short:
      return isUnsigned ? short : (p) => short(p) << 16 >> 16
    case Type.year:
      return short
    case Type.long:
    case Type.int24:
      return isUnsigned ? (p) => long(p) >>> 0 : long
    case Type.longlong:
      if (!reading.bigints) return (p) => safe(p, isUnsigned, field.name)
      return isUnsigned ? (p) => p.buffer.readBigUInt64LE((p.offset += 8) - 8) : (p) => p.buffer.readBigInt64LE((p.offset += 8) - 8)
    case Type.float:
      return (p) => p.buffer.readFloatLE((p.offset += 4) - 4)
    case Type.double:
      return (p) => p.buffer.readDoubleLE((p.offset += 8) - 8)
    case Type.null:
      return () => null
    case Type.date:
    case Type.newdate:
      return (p) => dateOf(p, false, 0)
    case Type.datetime:
    case Type.timestamp:
      return (p) => dateOf(p, true, field.decimals)
    case Type.time:
      return (p) => p.readTimeString()
    case Type.decimal:
    case Type.newdecimal:
      return (p) => p.readLengthCodedString("ascii")
    case Type.json:
      return (p) => p.readLengthCodedString("utf8")
    default: {
      if (field.characterSet === binary && field.extendedFormat !== "json") return (p) => p.readLengthCodedBuffer()
      const { encoding } = field
      return (p) => p.readLengthCodedString(encoding)
    }
  }
}

// ---- numbers ----

const short = (packet: Packet): number => {
  const { buffer, offset } = packet
  packet.offset = offset + 2
  return buffer[offset]! | buffer[offset + 1]! << 8
}

const long = (packet: Packet): number => {
  const { buffer, offset } = packet
  packet.offset = offset + 4
  return buffer[offset]! | buffer[offset + 1]! << 8 | buffer[offset + 2]! << 16 | buffer[offset + 3]! << 24
}

const safe = (packet: Packet, isUnsigned: boolean, column: string): number => {
  const low = long(packet) >>> 0
  const high = long(packet)
  const value = low + (isUnsigned ? high >>> 0 : high) * 2 ** 32
  if (Number.isSafeInteger(value)) return value
  throw beyond(column)
}

// ---- dates ----

const zero = 48

/** As the text protocol has it, but for a fraction of zero, which is not sent. */
const dateOf = (packet: Packet, hasTime: boolean, decimals: number): string => {
  const { buffer, offset } = packet
  const length = buffer[offset]!
  packet.offset = offset + 1 + length
  if (length < 4) return hasTime ? "0000-00-00 00:00:00" : "0000-00-00"
  const year = buffer[offset + 1]! | buffer[offset + 2]! << 8
  const month = buffer[offset + 3]!
  const day = buffer[offset + 4]!
  const y1 = zero + (year / 1000 | 0), y2 = zero + (year / 100 | 0) % 10, y3 = zero + (year / 10 | 0) % 10, y4 = zero + year % 10
  const m1 = zero + (month / 10 | 0), m2 = zero + month % 10
  const d1 = zero + (day / 10 | 0), d2 = zero + day % 10
  // One call: a text of pieces would be a tree of them, larger than its characters and 2 times as slow.
  if (!hasTime) return String.fromCharCode(y1, y2, y3, y4, 45, m1, m2, 45, d1, d2)
  const hour = length < 7 ? 0 : buffer[offset + 5]!
  const minute = length < 7 ? 0 : buffer[offset + 6]!
  const second = length < 7 ? 0 : buffer[offset + 7]!
  const text = String.fromCharCode(
    y1, y2, y3, y4, 45, m1, m2, 45, d1, d2, 32,
    zero + (hour / 10 | 0), zero + hour % 10, 58, zero + (minute / 10 | 0), zero + minute % 10, 58, zero + (second / 10 | 0), zero + second % 10
  )
  return length < 11 ? text : `${text}.${String(buffer.readUInt32LE(offset + 8)).padStart(6, "0").slice(0, decimals || 6)}`
}
