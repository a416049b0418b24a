/**
 * Lines: bytes that come however they were cut, as whole lines that are known to be UTF-8.
 *
 * A decoder that is not asked puts U+FFFD where bytes are none, and nobody is told. Lines are only gathered here, and never looked
 * through twice: a value may be as long as it is. Called by `Csv` and `Ndjson`.
 *
 * @internal
 */
import { isUtf8 } from "node:buffer"

/** Some whole lines. */
export interface Taken {
  readonly bytes: Buffer
  /** The number of the line that is no UTF-8, from 1; those before it are in `bytes`. */
  readonly badAt: number | undefined
}

const none: Taken = { bytes: Buffer.alloc(0), badAt: undefined }

export class Lines {
  /** The beginning of a line whose end has not come. */
  private held: Array<Buffer> = []
  private count = 0

  /** `ends` are what a line may end with: 10, and in old files 13. */
  constructor(private readonly ends: ReadonlyArray<number>) {}

  /** The lines that end in these bytes. */
  take(given: Uint8Array | string): Taken {
    const part = typeof given === "string" ? Buffer.from(given) : Buffer.from(given.buffer, given.byteOffset, given.byteLength)
    let end = 0
    for (const mark of this.ends) if (end === 0) end = part.lastIndexOf(mark) + 1
    if (end === 0) {
      this.held.push(part)
      return none
    }
    const whole = this.held.length === 0 ? part.subarray(0, end) : Buffer.concat([...this.held, part.subarray(0, end)])
    this.held = end === part.length ? [] : [part.subarray(end)]
    return this.checked(whole)
  }

  /** What has no end of a line behind it. */
  get rest(): Taken {
    const whole = Buffer.concat(this.held)
    this.held = []
    return this.checked(whole)
  }

  private checked(bytes: Buffer): Taken {
    const isText = isUtf8(bytes)
    let from = 0
    for (let to = bytes.indexOf(10) + 1; to > 0; to = bytes.indexOf(10, from) + 1) {
      if (!isText && !isUtf8(bytes.subarray(from, to))) break
      from = to
      this.count++
    }
    return isText ? { bytes, badAt: undefined } : { bytes: bytes.subarray(0, from), badAt: this.count + 1 }
  }
}
