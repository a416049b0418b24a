/**
 * Run: one statement in one round trip, its rows gathered.
 *
 * Parse and Describe go with it where the server does not know it yet. A result is one only after ReadyForQuery: what is
 * deferred to the end of an autocommitted statement fails behind its CommandComplete. Called by `connection`.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import type * as SqlError from "@sluice/core/SqlError"
import type { DriverError } from "./driver.js"
import type { Bytes } from "./frames.js"
import type { Limit } from "./limit.js"
import { type Encoded, messages } from "./messages.js"
import type { Read, Shape, Shapes } from "./shapes.js"
import type { Statement } from "./statements.js"
import { Task } from "./task.js"

/** Names of the savepoint around a statement whose failure shall not be that of its transaction. */
export const guard = "sluice_statement"

/** How a run ended. `unfit` is what a decoder threw. */
export type Done = (run: Run, error: DriverError | undefined) => void

export class Run extends Task {
  rows: Array<unknown> = []
  shape: Shape | undefined
  unfit: unknown = undefined
  refusal: SqlError.SqlError | undefined = undefined
  affected = 0
  private read: Read | undefined
  private skipped: number
  /** Statements of ours that are bound before it. */
  private before: number

  constructor(
    readonly query: Connection.Query,
    readonly statement: Statement,
    private readonly shapes: Shapes,
    private readonly bigints: boolean,
    readonly isGuarded: boolean,
    private readonly done: Done,
    /** A task before this one, which is under way, has it parsed, and this one fails with it: its shape is known when that is answered. */
    private readonly follows = false,
    private readonly limit?: Limit
  ) {
    super()
    this.before = (isGuarded ? 1 : 0) + (limit === undefined ? 0 : 1)
    this.skipped = (isGuarded ? 1 : 0) + (limit?.isParsedHere === true ? 1 : 0)
    // A limit answers with a row of its own.
    if (statement.isParsed && limit === undefined) this.shaped(statement.shape)
  }

  /** Writes its messages. */
  write(params: ReadonlyArray<Encoded>): void {
    const { name, sql, types } = this.statement
    if (this.isGuarded) messages.run(`SAVEPOINT ${guard}`)
    this.limit?.writeBegin()
    if (!this.statement.isParsed && !this.follows) {
      this.statement.isPending = true
      messages.parse(name, sql, types).describeStatement(name)
    }
    messages.bind("", name, params).execute("", 0)
    this.limit?.writeEnd()
    if (this.isGuarded) messages.run(`RELEASE ${guard}`)
    messages.sync()
  }

  private shaped(shape: Shape | undefined): void {
    this.shape = shape
    if (shape === undefined) return
    this.refusal = this.query.duplicates === "error" && this.query.rowMode === "object" ? shape.duplicate(this.query) : undefined
    this.read = this.refusal === undefined ? shape.reader(this.query.rowMode, this.bigints) : undefined
  }

  override fields(bytes: Bytes, from: number, to: number): void {
    const shape = this.shapes.of(bytes, from, to)
    this.statement.shape = shape
    this.shaped(shape)
  }

  override parsed(): void {
    if (this.skipped > 0) {
      if (--this.skipped === 0 && this.limit?.isParsedHere === true) this.limit.parsed()
    } else if (this.statement.name !== "") this.statement.isParsed = true
  }

  override bound(): void {
    if (!this.follows && this.limit === undefined) return
    const before = this.before--
    if (before === 0) this.shaped(this.statement.shape)
    else if (before < 0) this.read = undefined
  }

  override row(bytes: Bytes, from: number): void {
    if (this.read === undefined) return
    try {
      this.rows.push(this.read(bytes, from))
    } catch (error) {
      this.unfit = error
      this.drop()
    }
  }

  override completed(tag: string): void {
    // SAVEPOINT and RELEASE end with no number.
    const count = affectedOf(tag)
    if (count > 0) this.affected = count
    else if (defining.test(tag)) {
      this.shapes.forget()
      if (tag.startsWith("ALTER")) this.shapes.changes++
    }
  }

  override drop(): void {
    this.read = undefined
    this.rows = []
  }

  ready(): void {
    this.statement.isPending = false
    this.limit?.over()
    this.done(this, this.fault)
  }

  lost(error: DriverError): void {
    this.done(this, error)
  }
}

// What a procedure or a block does, no tag tells.
const defining = /^(?:ALTER|CREATE|DROP|DO|CALL|COMMENT)\b/

/** `INSERT 0 5` changed five rows, `SELECT 5` none. */
export const affectedOf = (tag: string): number => {
  const first = tag.charCodeAt(0)
  if ((first === 83 && tag.startsWith("SELECT")) || (first === 70 && tag.startsWith("FETCH")) || tag.startsWith("MOVE")) return 0
  const count = Number(tag.slice(tag.lastIndexOf(" ") + 1))
  return Number.isNaN(count) ? 0 : count
}
