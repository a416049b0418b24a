/**
 * Frames: the bytes that come from the server, cut into messages; and how the fields of one are read.
 *
 * It knows the form of messages, not what they are good for: that is `wire`. A message that comes in many pieces is put
 * together once. Called by `wire` and `decode`.
 *
 * @internal
 */
import { type DriverError, serverError } from "./driver.js"

/** Buffers have had these since the first Node, and they skip the choice of an encoding. */
export interface Bytes extends Buffer {
  utf8Slice(start: number, end: number): string
  latin1Slice(start: number, end: number): string
}

/** Type codes of messages that come from the server. */
export const Code = {
  parseComplete: 49, bindComplete: 50, closeComplete: 51, copyData: 100, notification: 65, commandComplete: 67, dataRow: 68, error: 69, copyIn: 71,
  copyOut: 72, emptyQuery: 73, notice: 78, parameterStatus: 83, rowDescription: 84, ready: 90, noData: 110, suspended: 115, parameters: 116
} as const

/** Gets each message: its type, and where its content begins and ends. */
export type OnFrame = (code: number, bytes: Bytes, from: number, to: number) => void

export class Frames {
  private pieces: Array<Buffer> = []
  private held = 0
  private needed = 5

  constructor(private readonly onFrame: OnFrame) {}

  push(chunk: Buffer): void {
    let buffer = chunk
    if (this.held > 0) {
      this.pieces.push(chunk)
      this.held += chunk.length
      if (this.held < this.needed) return
      buffer = Buffer.concat(this.pieces, this.held)
      this.pieces = []
      this.held = 0
    }
    const bytes = buffer as Bytes
    const end = bytes.length
    let at = 0
    this.needed = 5
    while (end - at >= 5) {
      const length = int32(bytes, at + 1) + 1
      if (at + length > end) {
        this.needed = length
        break
      }
      this.onFrame(bytes[at]!, bytes, at + 5, at + length)
      at += length
    }
    if (at === end) return
    this.held = end - at
    this.pieces.push(at === 0 ? buffer : buffer.subarray(at))
  }
}

export const int32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!

export const int16 = (bytes: Uint8Array, at: number): number => ((bytes[at]! << 24) >> 16) | bytes[at + 1]!

/** Where the text that begins here ends. */
export const textEnd = (bytes: Uint8Array, at: number): number => bytes.indexOf(0, at)

const letters: Readonly<Record<string, string>> = {
  V: "severity", C: "code", D: "detail", H: "hint", P: "position", s: "schema", t: "table", c: "column", d: "dataType", n: "constraint", R: "routine", W: "where"
}

/** An ErrorResponse or a NoticeResponse, as an error of the driver's class. */
export const errorOf = (bytes: Bytes, from: number, to: number): DriverError => {
  const fields: Record<string, string> = {}
  let message = ""
  for (let at = from; at < to && bytes[at] !== 0;) {
    const letter = String.fromCharCode(bytes[at]!)
    const end = textEnd(bytes, at + 1)
    const text = bytes.utf8Slice(at + 1, end)
    const name = letters[letter]
    if (letter === "M") message = text
    else if (name !== undefined) fields[name] = text
    at = end + 1
  }
  return serverError(message, to - from, fields)
}
