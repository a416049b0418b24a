/**
 * A frame: some records of a spool as the bytes that one write puts into its file, and how they are found again.
 *
 * A header of 28 bytes, big-endian, with a checksum of its own: a mark, the payload's length, the number of records, the payload's
 * checksum, the place of the first record (a double: exact up to 2^53), and the checksum of those 24 bytes. So a damaged payload is passed
 * over by its length, and its header still tells which records it held; after a damaged header the next mark that has a right
 * checksum is looked for. Pure: it reads no file. Called by `segment`.
 *
 * @internal
 */
import { crc32 } from "node:zlib"

/** Bytes before the payload. */
export const headerLength = 28

const mark = 0x5b_53_50_4c

/** What a header says. */
export interface Header {
  /** The place of the first record among all that the spool ever took. */
  readonly first: number
  readonly count: number
  /** Bytes of the payload. */
  readonly length: number
  readonly checksum: number
}

/** A frame of `count` records, the first of them at this place. */
export const encode = (first: number, count: number, payload: Uint8Array): Uint8Array => {
  const frame = Buffer.allocUnsafe(headerLength + payload.length)
  frame.writeUInt32BE(mark, 0)
  frame.writeUInt32BE(payload.length, 4)
  frame.writeUInt32BE(count, 8)
  frame.writeUInt32BE(crc32(payload), 12)
  frame.writeDoubleBE(first, 16)
  frame.writeUInt32BE(crc32(frame.subarray(0, 24)), 24)
  frame.set(payload, headerLength)
  return frame
}

/** The header at this place, where there is one: its mark and its checksum are right. */
export const headerAt = (bytes: Buffer, at: number): Header | undefined => {
  if (at + headerLength > bytes.length || bytes.readUInt32BE(at) !== mark) return undefined
  if (crc32(bytes.subarray(at, at + 24)) !== bytes.readUInt32BE(at + 24)) return undefined
  return { length: bytes.readUInt32BE(at + 4), count: bytes.readUInt32BE(at + 8), checksum: bytes.readUInt32BE(at + 12), first: bytes.readDoubleBE(at + 16) }
}

/** Whether a payload is the one that its header was written for. */
export const isWhole = (header: Header, payload: Uint8Array): boolean => payload.length === header.length && crc32(payload) === header.checksum

const marked = Buffer.from([mark >>> 24, (mark >>> 16) & 0xff, (mark >>> 8) & 0xff, mark & 0xff])

/** Where the next header begins, at this place or behind it; -1 where there is none. */
export const nextHeader = (bytes: Buffer, from: number): number => {
  for (let at = bytes.indexOf(marked, from); at !== -1; at = bytes.indexOf(marked, at + 1)) if (headerAt(bytes, at) !== undefined) return at
  return -1
}
