/**
 * A task: one command that is under way, and what it does with each packet of the answer.
 *
 * `packet` gets every packet until `wire` is told that the task is finished; `lost` is the other end. Driven by `wire`;
 * extended by `answer` and `describe`.
 *
 * @internal
 */
import * as Driver from "./driver.js"
import { Code } from "./header.js"
import type { Bytes } from "./place.js"
import type { Wire } from "./wire.js"

export abstract class Task {
  /** Bytes of it have left. What has not is withdrawn when it is not wanted any more. */
  isSent = false

  constructor(protected readonly wire: Wire) {}

  /** Its turn: to write the first packet. */
  abstract begin(): void
  /** Reads a packet; answers with where it has read to. */
  abstract packet(bytes: Bytes, from: number, to: number): number
  /** It ends with a failure: the server's, or that of the connection. */
  lost(error: Driver.DriverError): void {
    if (this.wire.finish(this)) this.wire.failed(error, () => this.failed(error))
  }

  /** To be told of it, once. */
  protected abstract failed(error: Driver.DriverError): void

  /** Its answer is wanted no more. */
  drop(): void {}
}

/** A command whose answer is one packet that says yes or no: a ping, a reset. */
export class Plain extends Task {
  constructor(wire: Wire, private readonly command: Buffer, private readonly done: (error: Driver.DriverError | undefined) => void) {
    super(wire)
  }

  begin(): void {
    this.isSent = true
    this.wire.write(this.command)
  }

  packet(bytes: Bytes, from: number, to: number): number {
    if (bytes[from] === Code.error) {
      this.lost(Driver.errorOf(bytes, from, to))
      return to
    }
    if (bytes[from] === Code.ok) this.wire.header(bytes, from, to)
    if (this.wire.finish(this)) this.done(undefined)
    this.wire.settleIdle()
    return to
  }

  protected failed(error: Driver.DriverError): void {
    this.done(error)
  }
}

/** A command of the driver's own, which reads the packets of its answer itself. */
export class Foreign extends Task {
  constructor(wire: Wire, private readonly run: (callback: (error: Driver.DriverError | null) => void) => void, private readonly done: (error: Driver.DriverError | undefined) => void) {
    super(wire)
  }

  begin(): void {
    this.isSent = true
    try {
      this.run((error) => error === null || error === undefined ? this.over() : this.lost(error))
    } catch (error) {
      this.lost(error as Driver.DriverError)
    }
  }

  packet(bytes: Bytes, from: number, to: number): number {
    this.wire.forward(bytes, from, to)
    return to
  }

  private over(): void {
    if (this.wire.finish(this)) this.done(undefined)
    this.wire.settleIdle()
  }

  protected failed(error: Driver.DriverError): void {
    this.done(error)
  }
}
