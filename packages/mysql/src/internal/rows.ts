/**
 * Rows: packets read at once as what the user gets, by a function that is compiled per shape.
 *
 * A general parser makes a list or an empty record that grows, and asks each column's type again for every row. How one
 * column is read is in `binary` and `textual`. Called by `fields`.
 *
 * @internal
 */
import { binaryOf } from "./binary.js"
import { decoderOf, exactly, type Field, fixOf, type Reading, Type } from "./decode.js"
import type { Place } from "./place.js"
import type { Read } from "./strings.js"
import { textualOf } from "./textual.js"

/** Reads a row. Throws `Unfit` where a value cannot be what was asked for. */
export type RowReader = (place: Place) => unknown

/** How a row is written: a text's, a prepared statement's, or a procedure's out parameters, of which only those of a prepared one come. */
export type Form = "text" | "binary" | "outs"

/** The reader of rows of these fields. */
export const readerOf = (fields: ReadonlyArray<Field>, reading: Reading, form: Form): RowReader => {
  const isBinary = form !== "text"
  const reads = fields.map((field) => readOf(field, reading, form))
  return compile(fields, reads, reading, isBinary) ?? loop(fields, reads, reading, isBinary)
}

const bytes: Read = (place) => place.bytes()

const readOf = (field: Field, reading: Reading, form: Form): Read => {
  if (reading.rowMode === "bytes") return bytes
  const isBinary = form !== "text"
  const plain = decoderOf(field, reading) === undefined ? reading : exactly(reading)
  const read = !isBinary ? textualOf(field, plain) : form === "outs" && field.type === Type.bit ? bitsOf(field) : binaryOf(field, plain)
  const fix = fixOf(field, reading, isBinary)
  return fix === undefined ? read : (place) => fix(read(place))
}

// The bits of a column come as they are, those of an out parameter as the digits of a number, which MySQL takes for signed.
const bitsOf = ({ columnLength }: Field): Read => (place) => {
  const bits = Buffer.alloc(8)
  bits.writeBigUInt64BE(BigInt.asUintN(64, BigInt(place.ascii())))
  return new Uint8Array(bits.subarray(8 - Math.ceil(columnLength / 8)))
}

// Of the binary protocol: the first byte is 0, and the bits of the NULLs begin at the third one.
const bitmap = (count: number): number => (count + 9) >> 3

/** A NULL of the text protocol, in the place of a length. */
const nothing = 0xfb

// `undefined` where code generation from strings is disallowed.
const compile = (fields: ReadonlyArray<Field>, reads: ReadonlyArray<Read>, { rowMode }: Reading, isBinary: boolean): RowReader | undefined => {
  const values = fields.map(({ name }, i) => {
    const value = isBinary ? `(b[s+${(i + 2) >> 3}]&${1 << ((i + 2) & 7)})!==0?null:r${i}(p)` : `b[p.offset]===${nothing}?(p.offset++,null):r${i}(p)`
    return rowMode !== "object" ? value : `${propertyOf(name)}:${value}`
  })
  const [open, close] = rowMode === "object" ? "{}" : "[]"
  const start = isBinary ? `const b=p.buffer,s=p.offset+1;p.offset=s+${bitmap(fields.length)};` : "const b=p.buffer;"
  try {
    return new Function("r", `${reads.map((_, i) => `const r${i}=r[${i}]`).join(";")}
      return (p)=>{${start}return ${open}${values.join(",")}${close}}`)(reads) as RowReader
  } catch {
    return undefined
  }
}

/** A key in a literal's text. A plain `__proto__` would set the prototype; a computed one is a property like any other. */
const propertyOf = (name: string): string => name === "__proto__" ? "[\"__proto__\"]" : JSON.stringify(name)

const loop = (fields: ReadonlyArray<Field>, reads: ReadonlyArray<Read>, { rowMode }: Reading, isBinary: boolean): RowReader => (place) => {
  const { buffer } = place
  const start = place.offset + 1
  if (isBinary) place.offset = start + bitmap(fields.length)
  const row = reads.map((read, i) => {
    if (isBinary) return (buffer[start + ((i + 2) >> 3)]! & 1 << ((i + 2) & 7)) !== 0 ? null : read(place)
    if (buffer[place.offset] !== nothing) return read(place)
    place.offset++
    return null
  })
  return rowMode !== "object" ? row : Object.fromEntries(row.map((value, i) => [fields[i]!.name, value]))
}
