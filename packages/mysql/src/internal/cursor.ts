/**
 * An open query: its rows as the server sends them, a chunk per demand.
 *
 * The protocol has no cursor that pays: rows come as fast as they are read, so the socket is paused when two chunks wait
 * to be used (law S1: TCP holds the server back). It does not stop the statement; that is `settle`. Called by
 * `connection`.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Answer, isUnpreparable } from "./answer.js"
import type { Unfit } from "./decode.js"
import type * as Driver from "./driver.js"
import type { Fields } from "./fields.js"
import type { Text } from "./text.js"
import type { Wire } from "./wire.js"

/** Chunks that may wait. */
const window = 2

/** What a cursor must be told of its query. */
export interface Options {
  readonly size: number
  readonly failure: (error: Driver.DriverError) => SqlError.SqlError
  readonly unread: (unfit: Unfit) => SqlError.SqlError
  /** Looks at the fields before the first row: the columns, or a refusal. */
  readonly columns: (fields: Fields) => ReadonlyArray<Connection.Column> | SqlError.SqlError
}

export class Cursor extends Answer {
  private chunk: Array<unknown> = []
  private readonly ready: Array<Array<unknown>> = []
  private described: ReadonlyArray<Connection.Column> | undefined = undefined
  private error: SqlError.SqlError | undefined = undefined
  /** The server refused to prepare it; it ran nothing. */
  wasUnpreparable = false
  private isOver = false
  private isPaused = false
  private isFlushing = false
  private waiter: (() => void) | undefined = undefined
  /** Of several result sets the first one with columns is the stream's. */
  private sets = 0

  constructor(wire: Wire, text: Text, isPrepared: boolean, private readonly options: Options) {
    super(wire, text, isPrepared)
  }

  /** Sends the query; ends when its columns are known. */
  readonly open: Effect.Effect<Connection.Rows, SqlError.SqlError> = Effect.suspend(() => {
    this.wire.send(this)
    return this.opened()
  })

  private opened(): Effect.Effect<Connection.Rows, SqlError.SqlError> {
    if (this.described !== undefined) return Exit.succeed({ columns: this.described, next: this.next })
    if (this.error !== undefined) return Exit.fail(this.error)
    if (this.isOver) return Exit.succeed({ columns: [], next: this.next })
    return this.wait(() => this.opened())
  }

  readonly next: Effect.Effect<ReadonlyArray<unknown>, SqlError.SqlError> = Effect.suspend(() => this.take())

  private take(): Effect.Effect<ReadonlyArray<unknown>, SqlError.SqlError> {
    if (this.ready.length === 0 && this.isPaused) this.resume()
    const chunk = this.ready.shift() ?? this.rest()
    if (chunk !== undefined) {
      if (this.isPaused && this.ready.length === 0) this.resume()
      return Exit.succeed(chunk)
    }
    if (this.error !== undefined) return Exit.fail(this.error)
    if (this.isOver) return Exit.succeed([])
    // Woken, it looks again: a chunk that comes after an interruption stays for the next demand.
    return this.wait(() => this.take())
  }

  private rest(): Array<unknown> | undefined {
    if (this.chunk.length === 0) return undefined
    const { chunk } = this
    this.chunk = []
    return chunk
  }

  private wait<A>(again: () => Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> {
    return Effect.async((resume) => {
      this.waiter = () => resume(Effect.suspend(again))
    })
  }

  private wake(): void {
    const { waiter } = this
    this.waiter = undefined
    waiter?.()
  }

  // ---- what comes ----

  protected columns(fields: Fields): void {
    // Out parameters are no row of a stream.
    if (++this.sets > 1 || this.wire.hasOuts) {
      this.isSkipped = true
      return
    }
    const columns = this.options.columns(fields)
    if (columns instanceof SqlError.SqlError) this.refuse(columns)
    else this.described = columns
    this.wake()
  }

  protected header(): void {}

  protected unfit(unfit: Unfit): void {
    if (this.isDropped) return
    this.refuse(this.options.unread(unfit))
    this.wake()
  }

  private refuse(error: SqlError.SqlError): void {
    this.error = error
    this.isDropped = this.isSkipped = true
  }

  protected row(row: unknown): void {
    this.chunk.push(row)
    if (this.chunk.length >= this.options.size) {
      this.ready.push(this.chunk)
      this.chunk = []
      if (this.waiter !== undefined) return this.wake()
      if (this.ready.length >= window && !this.isPaused) {
        this.isPaused = true
        // The socket alone: the driver's own pause would copy each packet that was read already.
        this.wire.raw.stream.pause()
      }
    } else if (this.waiter !== undefined && !this.isFlushing) {
      // Who waits gets what this read of the socket brought: a slow query's rows are not held back for a full chunk.
      this.isFlushing = true
      queueMicrotask(() => {
        this.isFlushing = false
        this.wake()
      })
    }
  }

  protected ended(error: Driver.DriverError | undefined): void {
    if (error !== undefined) {
      this.wasUnpreparable = isUnpreparable(error) && !this.isDropped
      this.error ??= this.options.failure(this.parted(error))
    }
    this.isOver = true
    // The last packets may have been read already when the socket was paused.
    this.resume()
    this.wake()
  }

  // ---- cancelling ----

  /** Rows are wanted no more; what is on its way is read and dropped. */
  override drop(): void {
    super.drop()
    this.ready.length = 0
    this.chunk = []
    // Who still pulls is told: the end would look like that of the rows.
    this.error ??= SqlError.make(new Reason.CancelledError({ message: "the stream was ended before its last row", operation: "stream" }))
    this.resume()
  }

  get isDone(): boolean {
    return this.isOver
  }

  private resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.wire.raw.stream.resume()
  }
}
