/**
 * Describe: a statement that is prepared and not run, for the columns that its rows would have.
 *
 * Called by `connection`.
 *
 * @internal
 */
import type { DriverError } from "./driver.js"
import type { Fields } from "./fields.js"
import * as Packet from "./packet.js"
import type { Bytes } from "./place.js"
import { Preparing } from "./statements.js"
import { Task } from "./task.js"
import type { Wire } from "./wire.js"

export class Describe extends Task {
  private readonly preparing = new Preparing()

  constructor(wire: Wire, private readonly sql: string, private readonly done: (error: DriverError | undefined, fields?: Fields) => void) {
    super(wire)
  }

  begin(): void {
    this.isSent = true
    this.wire.write(Packet.prepare(this.sql, this.wire))
  }

  packet(bytes: Bytes, from: number, to: number): number {
    const { preparing, wire } = this
    if (!preparing.packet(bytes, from, to)) return to
    if (preparing.prepared === undefined) {
      this.lost(preparing.error ?? new Error("nothing was prepared"))
      return to
    }
    wire.keep(this.sql, preparing.prepared)
    if (wire.finish(this)) this.done(undefined, wire.described(preparing.definitions))
    wire.settleIdle()
    return to
  }

  protected failed(error: DriverError): void {
    this.done(error)
  }
}
