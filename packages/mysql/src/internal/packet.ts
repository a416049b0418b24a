/**
 * The packet that executes a prepared statement: COM_STMT_EXECUTE, as the server documents it
 * (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_execute.html).
 *
 * The driver writes the same; it takes an integer of 64 bits through six BigInts, which is 2.6 µs for each of them.
 * Texts are UTF-8 here: on another character set the driver's own packet is used. Called by `execution`.
 *
 * @internal
 */

/** A parameter as it is sent: whole numbers as 64-bit integers, other numbers as doubles. */
export type Value = string | number | bigint | Uint8Array | Decimal | null

/** A number by its digits: beside a text it would compare as a double. */
export class Decimal {
  constructor(readonly text: string) {}
}

/** What the driver writes to its socket: it sets the header, which is the length and the sequence number. */
export interface Packet {
  readonly buffer: Buffer
  readonly length: () => number
  readonly writeHeader: (sequence: number) => void
}

const Type = { double: 5, null: 6, longlong: 8, blob: 252, newdecimal: 246, varString: 253 } as const

const command = 0x17
const parameterCountAvailable = 8
const unsigned = 0x80

/** Whether a number is sent as an integer; -0 is a double, since an integer has no such zero. */
export const isInteger = (value: number): boolean => Number.isSafeInteger(value) && !Object.is(value, -0)

/** `attributes`: whether the connection was opened with CLIENT_QUERY_ATTRIBUTES, which changes the form. */
export const execution = (statement: number, values: ReadonlyArray<Value>, attributes: boolean): Packet => {
  const count = values.length
  let size = 14
  if (count > 0) size += ((count + 7) >> 3) + 1 + count * (attributes ? 3 : 2)
  if (attributes) size += lengthSize(count)
  for (let i = 0; i < count; i++) size += sizeOf(values[i]!)
  const buffer = Buffer.allocUnsafe(size)
  buffer[4] = command
  buffer.writeUInt32LE(statement, 5)
  buffer[9] = attributes ? parameterCountAvailable : 0
  buffer.writeUInt32LE(1, 10)
  let at = attributes ? writeLength(buffer, count, 14) : 14
  if (count > 0) {
    const nulls = at
    at += (count + 7) >> 3
    buffer.fill(0, nulls, at)
    buffer[at++] = 1
    for (let i = 0; i < count; i++) {
      const value = values[i]!
      if (value === null) buffer[nulls + (i >> 3)]! |= 1 << (i & 7)
      buffer[at++] = typeOf(value)
      buffer[at++] = typeof value === "bigint" && value > signed ? unsigned : 0
      // The attribute's name, which a parameter has not.
      if (attributes) buffer[at++] = 0
    }
    for (let i = 0; i < count; i++) at = write(buffer, values[i]!, at)
  }
  return new Outgoing(buffer)
}

class Outgoing implements Packet {
  constructor(readonly buffer: Buffer) {}

  length(): number {
    return this.buffer.length
  }

  writeHeader(sequence: number): void {
    this.buffer.writeUIntLE(this.buffer.length - 4, 0, 3)
    this.buffer[3] = sequence
  }
}

const signed = 2n ** 63n - 1n

const typeOf = (value: Value): number => {
  switch (typeof value) {
    case "number":
      return isInteger(value) ? Type.longlong : Type.double
    case "bigint":
      return Type.longlong
    case "string":
      return Type.varString
    default:
      return value === null ? Type.null : value instanceof Decimal ? Type.newdecimal : Type.blob
  }
}

const sizeOf = (value: Value): number => {
  switch (typeof value) {
    case "number":
    case "bigint":
      return 8
    case "string": {
      const bytes = Buffer.byteLength(value)
      return lengthSize(bytes) + bytes
    }
    default:
      if (value === null) return 0
      return value instanceof Decimal ? sizeOf(value.text) : lengthSize(value.length) + value.length
  }
}

const write = (buffer: Buffer, value: Value, at: number): number => {
  switch (typeof value) {
    case "number":
      if (!isInteger(value)) return buffer.writeDoubleLE(value, at)
      buffer.writeInt32LE(value | 0, at)
      return buffer.writeInt32LE(Math.floor(value / 2 ** 32) | 0, at + 4)
    case "bigint":
      return buffer.writeBigUInt64LE(BigInt.asUintN(64, value), at)
    case "string": {
      // As many bytes as were counted: the length comes first and has up to nine.
      const start = writeLength(buffer, Buffer.byteLength(value), at)
      return start + buffer.write(value, start)
    }
    default:
      if (value === null) return at
      if (value instanceof Decimal) return write(buffer, value.text, at)
      at = writeLength(buffer, value.length, at)
      buffer.set(value, at)
      return at + value.length
  }
}

// ---- length-encoded integers ----

const lengthSize = (length: number): number => length < 251 ? 1 : length < 0x1_0000 ? 3 : length < 0x100_0000 ? 4 : 9

const writeLength = (buffer: Buffer, length: number, at: number): number => {
  const size = lengthSize(length)
  if (size === 1) {
    buffer[at] = length
    return at + 1
  }
  buffer[at] = size === 3 ? 0xfc : size === 4 ? 0xfd : 0xfe
  if (size < 9) return buffer.writeUIntLE(length, at + 1, size - 1)
  return buffer.writeBigUInt64LE(BigInt(length), at + 1)
}
