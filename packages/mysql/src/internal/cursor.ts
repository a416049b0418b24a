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
import { prepareFields } from "./decode.js"
import type * as Driver from "./driver.js"
import { isFatal } from "./errors.js"
import { closedError, isWaiting, type Task, unsent, type Wire } from "./wire.js"

/** Chunks that may wait. */
const window = 2

/** What a cursor must be told of its query. */
export interface Options {
  readonly size: number
  readonly prepared: boolean
  readonly failure: (error: Driver.DriverError) => SqlError.SqlError
  /** Looks at the fields before the first row: the columns and what must be done to each chunk, or a refusal. */
  readonly shape: (fields: ReadonlyArray<Driver.Field>) => Shape | SqlError.SqlError
}

export interface Shape {
  readonly columns: ReadonlyArray<Connection.Column>
  readonly fix: (rows: Array<unknown>) => SqlError.SqlError | undefined
}

export class Cursor implements Task {
  command: Driver.Command | undefined = undefined
  private chunk: Array<unknown> = []
  private readonly ready: Array<Array<unknown>> = []
  private shape: Shape | undefined = undefined
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
  open(text: Driver.Text): Effect.Effect<Connection.Rows, SqlError.SqlError> {
    return Effect.suspend(() => {
      this.wire.begin(this)
      if (this.wire.isClosed) this.fail(closedError())
      else try {
        const { raw } = this.wire
        this.command = this.options.prepared ? raw.execute(text) : raw.query(text)
        this.command.on("fields", this.onFields).on("result", this.onRow).on("error", this.fail).on("end", this.onEnd)
      } catch (error) {
        this.fail(error as Driver.DriverError)
      }
      return this.opened()
    })
  }

  private opened(): Effect.Effect<Connection.Rows, SqlError.SqlError> {
    if (this.shape !== undefined) return Exit.succeed({ columns: this.shape.columns, next: this.next })
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
      const error = this.shape?.fix(chunk)
      return error === undefined ? Exit.succeed(chunk) : Exit.fail(error)
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

  private readonly onFields = (fields: Array<Driver.Field> | undefined): void => {
    if (fields === undefined) {
      this.isHeaderNext = true
      return
    }
    prepareFields(fields)
    if (++this.sets > 1) return
    const shape = this.options.shape(fields)
    if ("columns" in shape) this.shape = shape
    else {
      this.error = shape
      this.isDropping = true
    }
    this.wake()
  }

  private readonly onRow = (row: unknown): void => {
    if (this.isHeaderNext) return this.onHeader(row as Driver.Header)
    if (this.isDropping || this.sets !== 1) {
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
    this.isDropping = true
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
