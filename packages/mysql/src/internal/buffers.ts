/**
 * Buffers: what a load's parts are encoded into, again as soon as the socket has taken them.
 *
 * A buffer for every part is memory that counts as the heap's: the collector then marks all of an app's objects in the midst
 * of a load, on the core that the server works on. Called by `infile` and `bulk`.
 *
 * @internal
 */
import type { Wire } from "./wire.js"

export class Buffers {
  private readonly free: Array<Buffer> = []
  private readonly sent: Array<Buffer> = []

  constructor(private readonly wire: Wire, private readonly size: number) {}

  take(): Buffer {
    if (this.wire.hasSentAll) while (this.sent.length > 0) this.free.push(this.sent.pop()!)
    return this.free.pop() ?? Buffer.allocUnsafeSlow(this.size)
  }

  /** Its bytes are on their way, to the last. */
  give(part: Buffer): void {
    // Compressing reads them later, and says nothing when it has.
    if (part.buffer.byteLength === this.size && !this.wire.isCompressed) this.sent.push(Buffer.from(part.buffer))
  }
}
