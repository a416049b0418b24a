/**
 * A segment: one file of a spool, its name and its beginning, and what is found in it.
 *
 * It begins with a mark, the spool's id, the place of its first record and a checksum; frames follow. Reading knows no file: it is
 * given the bytes. Called by `log` and `reader`.
 *
 * @internal
 */
import { crc32 } from "node:zlib"
import type { Damage } from "../../SpoolError.js"
import { type Header, headerAt, headerLength, isWhole, nextHeader } from "./frame.js"

/** Bytes before the first frame. */
export const beginning = 36

const mark = Buffer.from("sluice\0\u0001", "latin1")

const suffix = ".spool"

/** The file that begins with this record: names in the order of the records. */
export const nameOf = (first: number): string => `${String(first).padStart(16, "0")}${suffix}`

/** The first record of a file, by its name; `undefined` for what is no segment. */
export const firstOf = (name: string): number | undefined => /^\d{16}\.spool$/.test(name) ? Number(name.slice(0, 16)) : undefined

/** The bytes that a segment begins with. */
export const begin = (id: string, first: number): Uint8Array => {
  const bytes = Buffer.alloc(beginning)
  mark.copy(bytes, 0)
  Buffer.from(id.replaceAll("-", ""), "hex").copy(bytes, 8)
  bytes.writeDoubleBE(first, 24)
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 32)), 32)
  return bytes
}

/** The id of the spool that a segment is of; `undefined` where its beginning is not whole. */
export const idOf = (bytes: Buffer): string | undefined => {
  if (bytes.length < beginning || !bytes.subarray(0, 8).equals(mark) || bytes.readUInt32BE(32) !== crc32(bytes.subarray(0, 32))) return undefined
  const hex = bytes.toString("hex", 8, 24)
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")
}

/** A frame that is whole. */
export interface Found extends Header {
  readonly payload: Buffer
}

/** What is in a segment. */
export interface Contents {
  readonly frames: ReadonlyArray<Found>
  readonly damages: ReadonlyArray<Damage>
  /** The place of the record that would come next. */
  readonly next: number
  /** Where the last whole frame ends: what is behind is torn. */
  readonly end: number
}

/**
 * Reads the frames from `from` on, the first of which should begin with the record `expected`.
 *
 * A last frame that is cut short was never acknowledged: it is `torn`, and nothing of value. All else that does not fit is `damaged`:
 * the frames behind it are found by their marks, and what is missing between two that are whole is told by their places.
 */
export const read = (file: string, bytes: Buffer, from: number, expected: number): Contents => {
  const frames: Array<Found> = []
  const damages: Array<Damage> = []
  let [at, next] = [from, expected]
  const lost = (offset: number, length: number, count: number | undefined): void => {
    // Between two records that follow each other nothing is missing: a write that failed, and could not be undone.
    damages.push({ kind: count === 0 ? "torn" : "damaged", file, offset, bytes: length, first: next, count })
  }
  while (at < bytes.length) {
    const header = headerAt(bytes, at)
    if (header === undefined) {
      const found = nextHeader(bytes, at + 1)
      if (found === -1) {
        const rest = bytes.subarray(at)
        if (rest.length < headerLength || rest.every((byte) => byte === 0)) damages.push(torn(file, at, rest.length, next))
        else lost(at, rest.length, undefined)
        return { frames, damages, next, end: at }
      }
      const first = headerAt(bytes, found)!.first
      lost(at, found - at, first - next)
      at = found
      next = first
      continue
    }
    const end = at + headerLength + header.length
    if (end > bytes.length) {
      damages.push(torn(file, at, bytes.length - at, next))
      return { frames, damages, next, end: at }
    }
    if (header.first > next) lost(at, 0, header.first - next)
    next = header.first
    const payload = bytes.subarray(at + headerLength, end)
    if (isWhole(header, payload)) frames.push({ ...header, payload })
    else lost(at, end - at, header.count)
    next = header.first + header.count
    at = end
  }
  return { frames, damages, next, end: at }
}

const torn = (file: string, offset: number, bytes: number, first: number): Damage => ({ kind: "torn", file, offset, bytes, first, count: undefined })
