/**
 * Frames: the bytes that come from the server, cut into packets.
 *
 * It knows the form of packets, not what they are good for: that is `answer`. One that comes in pieces is put together
 * once, and so is one of more than 16 megabytes, which travels as several. Called by `wire`.
 *
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html
 *
 * @internal
 */
import type { Bytes } from "./place.js"

/** The length of a packet that another one continues. */
export const longest = 0xff_ffff

/** Of a packet's length and its number. */
export const headerSize = 4

/**
 * Gets each packet: where its content begins and ends, and its header is before that. Answers with where it has read to,
 * which is further where it took packets behind this one.
 */
export type OnPacket = (bytes: Bytes, from: number, to: number) => number

export class Frames {
  /** Of a packet that has not come as a whole. */
  private pieces: Array<Buffer> = []
  private held = 0
  private needed = headerSize
  /** Of a packet that goes on in the next one. */
  private parts: Array<Buffer> = []

  constructor(private readonly onPacket: OnPacket) {}

  push(chunk: Buffer): void {
    const bytes = chunk as Bytes
    const end = bytes.length
    let at = this.held === 0 ? 0 : this.complete(bytes)
    while (end - at >= headerSize) {
      const length = lengthAt(bytes, at)
      const to = at + headerSize + length
      if (to > end) {
        this.needed = headerSize + length
        break
      }
      if (length === longest || this.parts.length > 0) {
        this.part(bytes, at, to)
        at = to
      } else at = this.onPacket(bytes, at + headerSize, to)
    }
    if (at < end) this.hold(bytes, at, end)
  }

  // A copy: the bytes are the socket's buffer, into which the next ones are read.
  private hold(bytes: Buffer, at: number, end: number): void {
    this.pieces.push(Buffer.from(bytes.subarray(at, end)))
    this.held += end - at
  }

  /** Puts the packet that is held together with what has come; where that has been read to. */
  private complete(bytes: Bytes): number {
    let at = 0
    for (;;) {
      const end = Math.min(bytes.length, at + this.needed - this.held)
      if (end > at) this.hold(bytes, at, end)
      at = end
      if (this.held < this.needed) return at
      const whole = Buffer.concat(this.pieces, this.held) as Bytes
      // First the header, and then what it says.
      const needed = headerSize + lengthAt(whole, 0)
      if (this.needed === needed) {
        this.reset()
        if (needed - headerSize === longest || this.parts.length > 0) this.part(whole, 0, needed)
        else this.onPacket(whole, headerSize, needed)
        return at
      }
      this.needed = needed
      this.pieces = [whole]
    }
  }

  private reset(): void {
    this.pieces = []
    this.held = 0
    this.needed = headerSize
  }

  // All but the last one are larger than the socket's buffer, and are copies already.
  private part(bytes: Bytes, at: number, to: number): void {
    this.parts.push(bytes.subarray(at + headerSize, to))
    if (to - at - headerSize === longest) return
    const whole = Buffer.concat(this.parts) as Bytes
    this.parts = []
    this.onPacket(whole, 0, whole.length)
  }
}

const lengthAt = (bytes: Buffer, at: number): number => bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16
