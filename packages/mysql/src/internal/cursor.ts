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
import { prepareFields, type Reader, type Unfit } from "./decode.js"
import type * as Driver from "./driver.js"
import { isFatal } from "./errors.js"
import type { Execution, Sink } from "./execution.js"
import { Fields } from "./fields.js"
import type { Text } from "./text.js"
import { closedError, isWaiting, type Task, unsent, type Wire } from "./wire.js"

/** Chunks that may wait. */
const window = 2

/** What a cursor must be told of its query. */
export interface Options {
  readonly size: number
  readonly prepared: boolean
  readonly failure: (error: Driver.DriverError) => SqlError.SqlError
  readonly unread: (unfit: Unfit) => SqlError.SqlError
  /** Looks at the fields before the first row: the columns, or a refusal. */
  readonly columns: (fields: Fields) => ReadonlyArray<Connection.Column> | SqlError.SqlError
}

export class Cursor implements Task, Sink {
  command: Driver.Command | undefined = undefined
  private execution: Execution | undefined = undefined
  private chunk: Array<unknown> = []
  private readonly ready: Array<Array<unknown>> = []
  private columns: ReadonlyArray<Connection.Column> | undefined = undefined
  /** What makes a row of what the driver parsed. */
  private read: Reader | undefined = undefined
  private error: SqlError.SqlError | undefined = undefined
  private isOver = false
  private isDropping = false
  private isPaused = false
  private isFlushing = false
  private waiter: (() => void) | undefined = undefined
  /** Of several result sets the first one with columns is the stream's. */
  private sets = 0
  private isHeaderNext = false

  constructor(private readonly wire: Wire, private readonly options: Options) {}

  /** Sends the query; ends when its columns are known. */
  open(text: Text): Effect.Effect<Connection.Rows, SqlError.SqlError> {
    return Effect.suspend(() => {
      this.wire.begin(this)
      if (this.wire.isClosed) this.fail(closedError())
      else try {
        if (this.options.prepared) this.command = this.execution = this.wire.execute(text, this, this.fail)
        else this.command = this.wire.raw.query(text)
        this.command.on("fields", (list) => this.onFields(list, text)).on("result", this.onResult).on("error", this.fail).on("end", this.onEnd)
      } catch (error) {
        this.fail(error as Driver.DriverError)
      }
      return this.opened()
    })
  }

  private opened(): Effect.Effect<Connection.Rows, SqlError.SqlError> {
    if (this.columns !== undefined) return Exit.succeed({ columns: this.columns, next: this.next })
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

  // ---- the driver's events ----

  private onFields(list: Array<Driver.Field> | undefined, { reading }: Text): void {
    if (list === undefined) {
      this.isHeaderNext = true
      return
    }
    prepareFields(list)
    if (++this.sets > 1) return
    const fields = new Fields(list)
    const columns = this.options.columns(fields)
    if (columns instanceof SqlError.SqlError) this.refuse(columns)
    else this.columns = columns
    if (this.execution === undefined && reading !== undefined) this.read = fields.text(reading)
    this.wake()
  }

  private readonly onResult = (result: unknown): void => {
    if (this.isHeaderNext) return this.onHeader(result as Driver.Header)
    try {
      this.row(this.isDropping || this.read === undefined ? result : this.read(result as Array<unknown>))
    } catch (error) {
      this.unfit(error as Unfit)
    }
  }

  unfit(error: Unfit): void {
    if (this.isDropping || this.sets !== 1) return
    this.refuse(this.options.unread(error))
    this.wake()
  }

  private refuse(error: SqlError.SqlError): void {
    this.error = error
    this.dropRows()
  }

  private dropRows(): void {
    this.isDropping = true
    if (this.execution !== undefined) this.execution.isDropped = true
  }

  row(row: unknown): void {
    // Out parameters are no row of a stream.
    if (this.isDropping || this.sets !== 1 || this.wire.hasOuts) {
      this.wire.isSkipping = true
      return
    }
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

  private onHeader(header: Driver.Header): void {
    this.isHeaderNext = false
    this.wire.status = header.serverStatus
    this.wire.warnings = header.warningStatus
  }

  readonly fail = (error: Driver.DriverError): void => {
    if (!this.wire.finish(this)) return
    this.error ??= this.options.failure(isWaiting(this) && isFatal(error) ? unsent(error) : error)
    // Only an answer of the server ends the statement in order; after anything else the connection is gone.
    if (isFatal(error)) this.wire.lost(error)
    this.over()
  }

  private readonly onEnd = (): void => {
    if (this.wire.finish(this)) this.over()
  }

  private over(): void {
    this.isOver = true
    // The last packets may have been read already when the socket was paused.
    this.resume()
    this.wake()
    this.wire.settleIdle()
  }

  // ---- cancelling ----

  /** Rows are wanted no more; what is on its way is read and dropped. */
  drop(): void {
    this.dropRows()
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
