/**
 * A task: one round trip that is under way, and what it does with each message of the answer.
 *
 * The base does nothing with any of them, so that a task names only those that it waits for. `ready` or `lost` is its
 * end, one of the two and once. Driven by `wire`; extended by `run`, `cursor`, `many` and `copy`.
 *
 * @internal
 */
import type { Message } from "@sluice/core/Connection"
import type { DriverError } from "./driver.js"
import { type Bytes, int16, int32 } from "./frames.js"

export abstract class Task {
  /** The first failure that the server answered with. */
  fault: DriverError | undefined = undefined
  /** Notices and warnings. */
  messages: Array<Message> | undefined = undefined

  /** ReadyForQuery: the round trip is over. */
  abstract ready(): void
  /** The connection has ended before. */
  abstract lost(error: DriverError): void

  row(_bytes: Bytes, _from: number): void {}
  fields(_bytes: Bytes, _from: number, _to: number): void {}
  described(_bytes: Bytes, _from: number): void {}
  parsed(): void {}
  bound(): void {}
  completed(_tag: string): void {}
  suspended(): void {}
  /** Whether the data of a COPY is its own. */
  readonly takesCopy: boolean = false
  /** The server waits for the data of a COPY. */
  copyBegun(): void {}
  /** Data of a COPY. */
  copied(_bytes: Bytes, _from: number, _to: number): void {}
  /** Its answer is wanted no more. */
  drop(): void {}
}

/** A simple query, which takes no Sync: the tag and the first row of its last statement. */
export class Simple extends Task {
  tag = ""
  first: ReadonlyArray<string | null> = []
  private isFirst = true

  constructor(private readonly done: (error: DriverError | undefined, task: Simple) => void) {
    super()
  }

  override fields(): void {
    this.isFirst = true
  }

  override row(bytes: Bytes, from: number): void {
    if (!this.isFirst) return
    this.isFirst = false
    const cells: Array<string | null> = []
    let at = from + 2
    for (let count = int16(bytes, from); count > 0; count--) {
      const length = int32(bytes, at)
      at += 4
      cells.push(length < 0 ? null : bytes.utf8Slice(at, at + length))
      if (length > 0) at += length
    }
    this.first = cells
  }

  override completed(tag: string): void {
    this.tag = tag
  }

  ready(): void {
    this.done(this.fault, this)
  }

  lost(error: DriverError): void {
    this.done(error, this)
  }
}
