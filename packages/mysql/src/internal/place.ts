/**
 * A place in a packet, and how the values of the protocol are read from there on.
 *
 * It knows lengths, numbers, texts and bytes; what a column is, it does not know. One place serves a connection, since a
 * packet is read in one go. Called by `binary`, `textual`, `header` and `columns`.
 *
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_data_types.html
 *
 * @internal
 */
import { decode } from "./encodings.js"

/** Buffers have had these since the first Node, and they skip the choice of an encoding. */
export interface Bytes extends Buffer {
  utf8Slice(start: number, end: number): string
  latin1Slice(start: number, end: number): string
}

export class Place {
  constructor(public buffer: Bytes, public offset: number) {}

  /** An integer of a length that it begins with. */
  length(): number {
    const { buffer, offset } = this
    const first = buffer[offset]!
    if (first < 0xfb) {
      this.offset = offset + 1
      return first
    }
    if (first === 0xfc) {
      this.offset = offset + 3
      return buffer[offset + 1]! | buffer[offset + 2]! << 8
    }
    if (first === 0xfd) {
      this.offset = offset + 4
      return buffer[offset + 1]! | buffer[offset + 2]! << 8 | buffer[offset + 3]! << 16
    }
    this.offset = offset + 9
    return buffer.readUInt32LE(offset + 1) + buffer.readUInt32LE(offset + 5) * 2 ** 32
  }

  /** The same, exact: a number where it is one, with a sign where that is small, else a bigint without. */
  integer(): number | bigint {
    const { buffer, offset } = this
    if (buffer[offset] !== 0xfe) return this.length()
    this.offset = offset + 9
    const value = buffer.readBigInt64LE(offset + 1)
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : BigInt.asUintN(64, value)
  }

  /** A text of an encoding. */
  text(encoding: string): string {
    const length = this.length()
    const start = this.offset
    const end = this.offset = start + length
    return encoding === "utf8" ? this.buffer.utf8Slice(start, end) : decode(this.buffer, start, end, encoding)
  }

  /** A text of ASCII: digits, dates. */
  ascii(): string {
    const length = this.length()
    const start = this.offset
    return this.buffer.latin1Slice(start, this.offset = start + length)
  }

  /** A copy: a window into what was read from the socket would keep all of it. */
  bytes(): Uint8Array {
    const length = this.length()
    const start = this.offset
    return new Uint8Array(this.buffer.subarray(start, this.offset = start + length))
  }
}
