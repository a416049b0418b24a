/**
 * Bulk: rows into one table, a write at a time: by LOAD DATA LOCAL where that is exact, else by INSERTs of many rows.
 *
 * It gathers nothing (that is the batcher), and how a load is made is in `loading`. Each write is all or nothing, in a
 * savepoint or in a transaction of its own. One write is under way while the next is encoded: the failure of one comes
 * out of it, of the next one or of `finish`. Called by `connection`.
 *
 * @since 0.1.0
 */
import type * as Bulk from "@sluice/core/Bulk"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"
import type { Buffers } from "./buffers.js"
import type { Mysql } from "./connection.js"
import { dialect } from "./dialect.js"
import type { Header } from "./header.js"
import { buffers, type Encoder } from "./infile.js"
import * as Loading from "./loading.js"
import { literals, oversized, type Part, statements } from "./many.js"
import { besideStream } from "./settle.js"

type Rows = ReadonlyArray<ReadonlyArray<unknown>>

/** A writer on an open connection. Closing its scope undoes a write that is still under way. */
export const writer = (connection: Mysql, target: Bulk.Target): Effect.Effect<Bulk.Writer, SqlError.SqlError, Scope.Scope> =>
  Effect.suspend(() => {
    if (target.columns.length === 0) {
      return SqlError.fail(new Reason.ConfigError({ message: "a bulk load needs at least one column", field: "columns", operation: "bulk" }))
    }
    if (!connection.wire.isIdle) return Exit.fail(besideStream())
    const opened = Effect.map(Loading.plan(connection, target), (plan) => new Writer(connection, target, plan))
    return Effect.acquireRelease(opened, (writer) => writer.close)
  })

class Writer implements Bulk.Writer {
  private readonly head: string
  private readonly tail: string
  private readonly isNested: boolean
  private readonly buffers: Buffers
  private ahead: Fiber.Fiber<void, SqlError.SqlError> | undefined = undefined
  private applied = 0
  private rejected = 0
  /** INSERTs may have many rows. It is asked before the first of them. */
  private isStrict: boolean | undefined = undefined

  constructor(private readonly connection: Mysql, private readonly target: Bulk.Target, private plan: Loading.Plan | undefined) {
    const columns = target.columns.map((name) => `\`${name.replaceAll("`", "``")}\``)
    this.head = `${target.onConflict === "replace" ? "REPLACE" : "INSERT"} INTO ${dialect.quoteIdentifier(target.table)} (${columns.join(", ")}) VALUES `
    // INSERT IGNORE would ignore what does not fit a column, too; a key that is set to itself ignores the key alone.
    this.tail = target.onConflict === "ignore" ? ` ON DUPLICATE KEY UPDATE ${columns[0]} = ${columns[0]}` : ""
    this.isNested = connection.transaction !== "none"
    this.cleanup = plan?.cleanup
    this.buffers = buffers(connection.wire)
  }

  // ---- the contract ----

  /** Between two loads the server waits for a millisecond: 200k rows by 70,000 values take 1.04 of the time by 280,000, and by 500,000 as long. */
  readonly valuesPerWrite = 280_000

  readonly write = (rows: Rows): Effect.Effect<void, SqlError.SqlError> =>
    Effect.suspend(() => {
      if (rows.length === 0) return Effect.void
      const { length } = this.target.columns
      const ragged = rows.findIndex((row) => row.length !== length)
      if (ragged !== -1) return Effect.zipRight(this.drained, Exit.fail(uneven(ragged, rows[ragged]?.length ?? 0, length, this.head)))
      const encoder = this.plan === undefined ? undefined : Loading.encoder(this.connection, this.plan, rows, this.buffers, this.ahead !== undefined)
      const isLoad = encoder !== undefined && !encoder.isUnfit
      const texts = isLoad ? undefined : this.texts(rows)
      if (texts instanceof SqlError.SqlError) return Effect.zipRight(this.drained, Exit.fail(texts))
      const taken = Deferred.unsafeMake<void>(FiberId.none)
      const work = Effect.suspend(() => {
        const source = isLoad && this.plan !== undefined ? encoder : undefined
        source?.whenTaken(() => Deferred.unsafeDone(taken, Exit.void))
        return this.work(rows, source, texts)
      })
      // What comes next is encoded when the server has enough to do: sooner, it would wait for that and not for us.
      return Effect.uninterruptibleMask((restore) =>
        restore(this.drained).pipe(
          Effect.zipRight(Effect.forkDaemon(Effect.ensuring(Effect.interruptible(work), Deferred.succeed(taken, undefined)))),
          Effect.flatMap((fiber) => {
            this.ahead = fiber
            return isLoad ? restore(Deferred.await(taken)) : Effect.void
          })
        ))
    })

  readonly finish: Effect.Effect<Bulk.Summary, SqlError.SqlError> = Effect.suspend(() =>
    Effect.map(this.drained, () => ({ rows: this.applied, rejected: this.rejected })))

  /** Ends what is under way. The session keeps no value of a row. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const stopped = this.ahead === undefined ? Effect.void : Fiber.interrupt(this.ahead)
      const { cleanup, connection } = this
      return Effect.zipRight(stopped, Effect.suspend(() =>
        cleanup === undefined || connection.isClosed ? Effect.void : Effect.ignore(connection.command(cleanup, "bulk"))))
    })
  }

  private readonly cleanup: string | undefined

  // Who is interrupted while waiting leaves the write to `close`.
  private readonly drained: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() =>
    this.ahead === undefined ? Effect.void : Effect.flatMap(Fiber.await(this.ahead), (exit) => {
      this.ahead = undefined
      return exit
    }))

  // ---- one write ----

  private work(rows: Rows, encoder: Encoder | undefined, encoded: ReadonlyArray<string> | undefined): Effect.Effect<void, SqlError.SqlError> {
    // Law T7: what belongs to a transaction that the server ended is not sent outside of it.
    if (this.isNested && this.connection.transaction === "none") {
      return Exit.fail(SqlError.make(new Reason.TransactionAbortedError({ message: "the transaction is over: the server ended it", operation: "bulk" })))
    }
    const counted = (ignored: number): void => {
      this.applied += rows.length - ignored
      this.rejected += ignored
    }
    if (encoder === undefined || this.plan === undefined) {
      const texts = encoded ?? this.texts(rows)
      return texts instanceof SqlError.SqlError ? Exit.fail(texts) : Effect.map(Effect.flatMap(this.parts(texts), (parts) => this.insert(parts)), counted)
    }
    return Effect.flatMap(this.load(this.plan, rows, encoder), (loaded) =>
      loaded !== undefined ? Effect.sync(() => counted(loaded.skipped)) : Effect.map(this.work(rows, undefined, undefined), () => {
        // What a load warns of and an INSERT takes, the next rows will have too.
        this.plan = undefined
      }))
  }

  /** `undefined`: nothing is applied, and INSERTs have the last word. */
  private load(plan: Loading.Plan, rows: Rows, encoder: Encoder): Effect.Effect<Loading.Loaded, SqlError.SqlError> {
    const { cancels } = this.connection.wire
    const loaded = Effect.flatMap(Loading.load(this.connection, plan, rows.length, encoder, this.head), (loaded) => loaded === undefined ? Effect.fail("inexact" as const) : Effect.succeed(loaded))
    return Effect.catchAll(this.whole(loaded), (error) => {
      if (error === "inexact") return Exit.succeed(undefined)
      if (cancels !== this.connection.wire.cancels || !ofRows.has(error.reason._tag)) return Exit.fail(error)
      if (error.reason._tag === "UnsupportedError") this.connection.refusesInfile = true
      return Exit.succeed(undefined)
    })
  }

  private texts(rows: Rows): ReadonlyArray<string> | SqlError.SqlError {
    const texts = literals(this.connection, rows, this.head)
    return texts instanceof SqlError.SqlError ? texts : oversized(this.connection, this.head, texts) ?? texts
  }

  private parts(texts: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Part>, SqlError.SqlError> {
    const { connection, head, tail, target } = this
    const asked = this.isStrict === undefined ? Loading.isStrict(connection, target.table) : Exit.succeed(this.isStrict)
    return Effect.map(asked, (isStrict) => {
      this.isStrict = isStrict
      return isStrict ? [...statements(head, texts, connection.maxPacket, tail)] : texts.map((text, i) => ({ sql: head + text + tail, from: i, to: i + 1 }))
    })
  }

  /** The number of duplicates that were ignored. */
  private insert(parts: ReadonlyArray<Part>): Effect.Effect<number, SqlError.SqlError> {
    const all = Effect.reduce(parts, 0, (sum, part) => Effect.map(this.one(part), (ignored) => sum + ignored))
    return parts.length === 1 ? all : this.whole(all)
  }

  private one({ from, sql, to }: Part): Effect.Effect<number, SqlError.SqlError> {
    const { connection, tail } = this
    const send = (sql: string) => connection.write({ sql }, { operation: "bulk", statement: `${this.head}…` })
    if (tail === "") return Effect.as(send(sql), 0)
    if (to - from > 1) return Effect.map(send(sql), ([header]) => ignoredOf(header, to - from, connection.wire.countsFound))
    // Of a single row the server says the same whether it was there or not: at first it is sent as one that is not.
    return Effect.catchIf(Effect.as(send(sql.slice(0, -tail.length)), 0), (error) => error.reason._tag === "UniqueViolation", () => Effect.as(send(sql), 1))
  }

  /** In a savepoint, or in a transaction of its own. */
  private whole<A, E>(work: Effect.Effect<A, E>): Effect.Effect<A, E | SqlError.SqlError> {
    const { connection, isNested } = this
    const undo = Effect.suspend(() => {
      // A failure may have rolled everything back already.
      if (connection.transaction === "none") return Effect.void
      return isNested ? Effect.zipRight(connection.rollbackTo(savepoint), connection.release(savepoint)) : connection.rollback
    })
    return Effect.uninterruptibleMask((restore) =>
      (isNested ? connection.savepoint(savepoint) : connection.begin({})).pipe(
        Effect.zipRight(restore(work)),
        // The next write's savepoint takes the place of this one, and COMMIT that of the last: releasing it is a round trip for nothing.
        Effect.tap(() => isNested ? Effect.void : connection.commit),
        // After an interruption nothing is sent before the connection is settled; what cannot be undone goes with it.
        Effect.onError(() => Effect.catchAll(Effect.zipRight(connection.settle, undo), () => Effect.sync(() => connection.wire.destroy())))
      )
    )
  }
}

const savepoint = "sluice bulk"

/**
 * The rows of an upsert that were there already. Where rows that are found are counted, the answer's second number says it,
 * in whatever language; else that is of rows that a trigger has changed, which are affected twice.
 */
const ignoredOf = (header: Header | undefined, rows: number, countsFound: boolean): number => {
  const [, duplicates] = (header?.info.match(/\d+/g) ?? []).map(Number)
  return countsFound ? duplicates ?? 0 : rows - Number(header?.affectedRows ?? rows) + 2 * (duplicates ?? 0)
}

/** Failures that the rows or the way have, and which are told best by an INSERT: it names what is wrong. */
const ofRows: ReadonlySet<string> = new Set<Reason.Reason["_tag"]>([
  "UniqueViolation", "ConstraintError", "DataError", "SqlSyntaxError", "AuthorizationError", "UnsupportedError", "LimitError", "UnknownError"
])

const uneven = (row: number, found: number, expected: number, statement: string): SqlError.SqlError =>
  SqlError.make(new Reason.DataError({ message: `row ${row} has ${found} values for ${expected} columns`, operation: "bulk", statement }))
