/**
 * An open query: a named portal, from which each round trip fetches some rows and no more (law S1).
 *
 * Each Execute ends with Sync, so that other statements go between them (law S4); in a transaction a portal survives that.
 * Outside of one the cursor's connection begins one for it, and there the next rows are fetched while the consumer is at
 * work; in a transaction of the user's they are not, since stopping them would end that transaction. How many rows a fetch
 * takes is fitted to their size. Called by `connection`.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { DriverError } from "./driver.js"
import { type Bytes, int32 } from "./frames.js"
import { type Encoded, messages } from "./messages.js"
import { unfit } from "./result.js"
import { guard } from "./run.js"
import type { Read, Shape, Shapes } from "./shapes.js"
import type { Statement, Statements } from "./statements.js"
import { Task } from "./task.js"
import type { Wire } from "./wire.js"

/** Rows of the first fetch, whose size nobody knows yet. */
const first = 64

/** Bytes that a fetch is fitted to. */
const target = 262_144

/** What a cursor must be told of its query. */
export interface Options {
  readonly query: Connection.Query
  readonly statement: Statement
  readonly shapes: Shapes
  readonly bigints: boolean
  /** It is in a transaction of ours, for streams alone. */
  readonly isAlone: boolean
  /** Each fetch is in a savepoint of its own: the portal outlives it, and what runs between two fetches is not undone with one. */
  readonly isGuarded: boolean
  /** Rolls a failed fetch back to its savepoint, unless something has been cancelled since this count. */
  readonly undo: (cancels: number, then: () => void) => void
  readonly failure: (error: DriverError) => SqlError.SqlError
  /** Its rows have come to their end: what ends with them, ends. */
  readonly over: Effect.Effect<void, SqlError.SqlError>
}

let portals = 0

export class Cursor {
  readonly portal = `sluice_${++portals}`
  private shape: Shape | undefined = undefined
  private read: Read | undefined = undefined
  private chunk: Array<unknown> = []
  private readonly full: Array<Array<unknown>> = []
  private error: SqlError.SqlError | undefined = undefined
  private isOver = false
  private isLeft = false
  private isOpened = false
  private isFetching = false
  private bytes = 0
  private rows = 0
  private readonly most: number
  private waiter: (() => void) | undefined = undefined

  constructor(private readonly wire: Wire, readonly options: Options) {
    this.most = Math.max(1, Math.trunc(options.query.fetchSize) || 1000)
  }

  /** Sends the query, behind BEGIN where a transaction is to be begun for it; ends when its columns are known. */
  open(params: ReadonlyArray<Encoded>, begin: boolean, statements: Statements): Effect.Effect<Connection.Rows, SqlError.SqlError> {
    return Effect.suspend(() => {
      const { name, sql, types, isParsed } = this.options.statement
      statements.writeClosing()
      if (begin) messages.run("BEGIN")
      this.save()
      if (!isParsed) {
        this.options.statement.isPending = true
        messages.parse(name, sql, types).describeStatement(name)
      }
      messages.bind(this.portal, name, params)
      if (isParsed) this.shaped(this.options.statement.shape)
      this.fetch(begin ? 1 : 0, Math.min(first, this.most))
      return this.opened()
    })
  }

  private opened(): Effect.Effect<Connection.Rows, SqlError.SqlError> {
    if (this.error !== undefined && this.full.length === 0) return Exit.fail(this.error)
    if (this.isOpened) return Exit.succeed({ columns: this.shape?.columns ?? [], next: this.next })
    return this.wait(() => this.opened())
  }

  readonly next: Effect.Effect<ReadonlyArray<unknown>, SqlError.SqlError> = Effect.suspend(() => this.take())

  private take(): Effect.Effect<ReadonlyArray<unknown>, SqlError.SqlError> {
    const chunk = this.full.shift()
    if (chunk !== undefined) {
      if (this.options.isAlone && this.full.length === 0) this.more()
      return Exit.succeed(chunk)
    }
    if (this.error !== undefined) return Exit.fail(this.error)
    if (this.isOver) {
      if (this.isLeft) return Exit.succeed([])
      this.isLeft = true
      return Effect.as(this.options.over, [])
    }
    this.more()
    // Woken, it looks again: a chunk that comes after an interruption stays for the next demand.
    return this.wait(() => this.take())
  }

  private more(): void {
    if (this.isFetching || this.isOver || this.error !== undefined) return
    const size = this.rows === 0 ? this.most : Math.min(this.most, Math.max(1, Math.floor(target / (this.bytes / this.rows))))
    this.bytes = this.rows = 0
    this.save()
    this.fetch(0, size)
  }

  private save(): void {
    if (this.options.isGuarded) messages.run(`SAVEPOINT ${guard}`)
  }

  // `before` statements of ours stand before it in its round trip.
  private fetch(before: number, size: number): void {
    this.isFetching = true
    messages.execute(this.portal, size)
    if (this.options.isGuarded) messages.run(`RELEASE ${guard}`)
    messages.sync()
    this.wire.send(new Fetch(this, this.options.isGuarded ? before + 1 : before, this.wire.cancels))
  }

  private wait<A>(again: () => Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> {
    return Effect.async((resume) => {
      const wake = (): void => resume(Effect.suspend(again))
      if (!this.isFetching) return wake()
      this.waiter = wake
    })
  }

  // ---- what comes ----

  described(bytes: Bytes, from: number, to: number): void {
    const shape = this.options.shapes.of(bytes, from, to)
    this.options.statement.shape = shape
    this.shaped(shape)
  }

  private shaped(shape: Shape | undefined): void {
    const { bigints, query } = this.options
    this.shape = shape
    if (shape === undefined) return
    this.error = query.duplicates === "error" && query.rowMode === "object" ? shape.duplicate(query) : undefined
    if (this.error === undefined) this.read = shape.reader(query.rowMode, bigints)
  }

  row(bytes: Bytes, from: number): void {
    if (this.read === undefined) return
    this.bytes += int32(bytes, from - 4)
    this.rows++
    try {
      this.chunk.push(this.read(bytes, from))
    } catch (error) {
      this.read = undefined
      this.error = unfit(error, this.options.query)
    }
  }

  /** A fetch is over: with the last row, with a failure, or with more to come. */
  fetched(how: "over" | "suspended", fault: DriverError | undefined, cancels: number): void {
    if (fault !== undefined && this.options.isGuarded) return this.options.undo(cancels, () => this.told(how, fault))
    this.told(how, fault)
  }

  private told(how: "over" | "suspended", fault: DriverError | undefined): void {
    this.isFetching = false
    this.isOpened = true
    this.options.statement.isPending = false
    if (fault !== undefined) {
      this.error ??= this.options.failure(fault)
      this.isOver = true
    } else if (how === "over") {
      this.isOver = true
    }
    if (this.chunk.length > 0) {
      this.full.push(this.chunk)
      this.chunk = []
    }
    const { waiter } = this
    this.waiter = undefined
    waiter?.()
  }

  // ---- its end ----

  /** Rows are wanted no more. Who still pulls is told: the end would look like that of the rows. */
  drop(): void {
    this.read = undefined
    this.full.length = 0
    this.chunk = []
    this.error ??= SqlError.make(new Reason.CancelledError({ message: "the stream was ended before its last row", operation: "stream" }))
  }

  /** Whether the server holds rows of it still. */
  get isOpen(): boolean {
    return !this.isOver
  }

  get isUnderWay(): boolean {
    return this.isFetching
  }
}

class Fetch extends Task {
  private how: "over" | "suspended" = "over"

  /** `skipped` statements stand before it in its round trip. */
  constructor(private readonly cursor: Cursor, private skipped: number, private readonly cancels: number) {
    super()
  }

  override row(bytes: Bytes, from: number): void {
    this.cursor.row(bytes, from)
  }

  override fields(bytes: Bytes, from: number, to: number): void {
    this.cursor.described(bytes, from, to)
  }

  override parsed(): void {
    const { statement } = this.cursor.options
    if (this.skipped > 0) this.skipped--
    else if (statement.name !== "") statement.isParsed = true
  }

  override suspended(): void {
    this.how = "suspended"
  }

  override drop(): void {
    this.cursor.drop()
  }

  ready(): void {
    this.cursor.fetched(this.how, this.fault, this.cancels)
  }

  lost(error: DriverError): void {
    this.cursor.fetched("over", error, this.cancels)
  }
}
