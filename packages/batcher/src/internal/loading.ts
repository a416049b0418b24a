/**
 * Loading: rows gathered into chunks by the one who brings them, and written behind by a fiber of its own.
 *
 * One chunk is written while the next is ready and the one after that is gathered; then the stream is suspended, so that
 * memory holds three chunks. Nothing is done per row but the loop in `rows`. Called by `BulkSink`.
 *
 * @internal
 */
import type * as Bulk from "@sluice/core/Bulk"
import type { Database } from "@sluice/core/Database"
import type { Outcome } from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Mailbox from "effect/Mailbox"
import type * as Scope from "effect/Scope"
import { BatchError } from "../BatchError.js"
import type { Report } from "../BulkSink.js"
import { Atomic } from "./atomic.js"
import { type Values, valuesOf } from "./rows.js"
import { type Way, way, type Write } from "./writing.js"

export interface Settings {
  readonly target: Bulk.Target
  /** A row's values; without it, rows are records or lists of exactly the columns. */
  readonly encode: ((row: object, index: number) => Values | SqlError.SqlError) | undefined
  readonly chunkSize: number
  /** `none` where the dialect has no transactions. */
  readonly transaction: "chunk" | "all" | "none"
  readonly onProgress: ((rows: number) => Effect.Effect<void>) | undefined
}

type Problem = BatchError | SqlError.SqlError

/** Why the writing ended before its time: the chunk that failed, or all of them in one transaction. */
interface Failed {
  readonly error: SqlError.SqlError
  readonly outcome: Outcome
  readonly rows: number
}

/** A load for a scope: closing it before the end stops the writing, and rolls the open transaction back. */
export const open = (db: Database, settings: Settings): Effect.Effect<Loading, SqlError.SqlError, Scope.Scope> =>
  Effect.gen(function*() {
    const how = yield* way(db, settings.target)
    const ready = yield* Mailbox.make<ReadonlyArray<Values>>({ capacity: 1 })
    const writing = new Writing(db, settings, how, ready, yield* Effect.context<never>())
    const clock = yield* Effect.clock
    // Whoever waits to hand a chunk over is woken by the end of the writing, and then learns why it ended.
    const fiber = yield* Effect.forkScoped(Effect.ensuring(writing.run, ready.shutdown))
    return new Loading(settings, ready, writing, fiber, clock)
  })

/** The side that writes. */
class Writing {
  chunks = 0
  rows = 0
  rejected = 0
  /** Rows of the chunks that were written, whether kept or rejected. */
  written = 0

  constructor(
    private readonly db: Database,
    private readonly settings: Settings,
    private readonly way: Way,
    private readonly ready: Mailbox.ReadonlyMailbox<ReadonlyArray<Values>>,
    private readonly context: Context.Context<never>
  ) {}

  get run(): Effect.Effect<void, Failed> {
    return Effect.flatMap(this.next, (first) =>
      first === undefined ? Effect.void : this.settings.transaction === "all" ? this.together(first) : this.apart(first))
  }

  /** What of the rows is in the database, after all. */
  get applied(): number {
    return this.settings.transaction === "all" ? 0 : this.written
  }

  // A take from a mailbox that has ended fails.
  private readonly next = Effect.suspend(() => Effect.orElseSucceed(this.ready.take, () => undefined))

  private together(first: ReadonlyArray<Values>): Effect.Effect<void, Failed> {
    const atomic = new Atomic(this.db)
    const each = (write: Write, rows: ReadonlyArray<Values>): Effect.Effect<void, SqlError.SqlError> =>
      Effect.flatMap(write(rows), () => {
        this.count(rows)
        return Effect.flatMap(Effect.zipRight(this.progress, this.next), (rows) => rows === undefined ? Effect.void : each(write, rows))
      })
    const all = Effect.map(this.way.chunks((write) => each(write, first)), (summary) => this.sum(summary))
    return Effect.mapError(atomic.run(all), (error) => ({ error, outcome: atomic.outcome(error), rows: this.written }))
  }

  private apart(rows: ReadonlyArray<Values>): Effect.Effect<void, Failed> {
    const atomic = this.settings.transaction === "chunk" ? new Atomic(this.db) : undefined
    const write = this.way.chunk(rows)
    return Effect.matchEffect(atomic === undefined ? write : atomic.run(write), {
      onFailure: (error) => Effect.fail({ error, outcome: atomic === undefined ? error.outcome : atomic.outcome(error), rows: rows.length }),
      onSuccess: (summary) => {
        this.count(rows)
        this.sum(summary)
        return Effect.flatMap(Effect.zipRight(this.progress, this.next), (rows) => rows === undefined ? Effect.void : this.apart(rows))
      }
    })
  }

  private count(rows: ReadonlyArray<Values>): void {
    this.chunks++
    this.written += rows.length
  }

  private sum(summary: Bulk.Summary): void {
    this.rows += summary.rows
    this.rejected += summary.rejected
  }

  // What the user does on the way is not part of the transaction.
  private get progress(): Effect.Effect<void> {
    const { onProgress } = this.settings
    return onProgress === undefined ? Effect.void : Effect.locally(onProgress(this.written), FiberRef.currentContext, this.context)
  }
}

/** The side that gathers. */
export class Loading {
  private gathered: Array<Values> = []
  private taken = 0
  private readonly started: number

  constructor(
    private readonly settings: Settings,
    private readonly ready: Mailbox.Mailbox<ReadonlyArray<Values>>,
    private readonly writing: Writing,
    private readonly fiber: Fiber.RuntimeFiber<void, Failed>,
    private readonly clock: Clock.Clock
  ) {
    this.started = clock.unsafeCurrentTimeMillis()
  }

  readonly push = (rows: Chunk.Chunk<object>): Effect.Effect<void, Problem> => this.gather(Chunk.toReadonlyArray(rows), 0)

  readonly finish: Effect.Effect<Report, Problem> = Effect.suspend(() =>
    Effect.map(Effect.zipRight(this.gathered.length > 0 ? this.handOver : Effect.void, this.ended), (): Report => ({
      rows: this.writing.rows,
      rejected: this.writing.rejected,
      chunks: this.writing.chunks,
      milliseconds: this.clock.unsafeCurrentTimeMillis() - this.started
    }))
  )

  private gather(rows: ReadonlyArray<object>, from: number): Effect.Effect<void, Problem> {
    return Effect.suspend(() => {
      // The writing may have failed long before the next chunk is full.
      if (this.fiber.unsafePoll() !== null) return this.ended
      const { chunkSize, encode, target } = this.settings
      for (let i = from; i < rows.length; i++) {
        const values = encode === undefined ? valuesOf(rows[i], target.columns, this.taken) : encode(rows[i]!, this.taken)
        if (values instanceof SqlError.SqlError) return this.refuse(values)
        this.gathered.push(values)
        this.taken++
        if (this.gathered.length >= chunkSize) return Effect.zipRight(this.handOver, this.gather(rows, i + 1))
      }
      return Effect.void
    })
  }

  private readonly handOver: Effect.Effect<void, Problem> = Effect.suspend(() => {
    const rows = this.gathered
    this.gathered = []
    return Effect.flatMap(this.ready.offer(rows), (isTaken) => isTaken ? Effect.void : this.ended)
  })

  /** Nothing more is handed over: waits for the writing to end, and fails as it did. */
  private readonly ended: Effect.Effect<void, Problem> = Effect.suspend(() =>
    Effect.flatMap(Effect.zipRight(this.ready.end, Fiber.await(this.fiber)), Exit.match({
      onSuccess: () => Effect.void,
      onFailure: (cause) => {
        const failed = Cause.failureOrCause(cause)
        if (Either.isRight(failed)) return Effect.failCause(failed.right)
        const { error, outcome, rows } = failed.left
        return Effect.fail(this.failure(error, outcome === "unknown" ? rows : 0, outcome === "applied" ? rows : 0))
      }
    }))
  )

  /** A row that is none: the chunks before it are applied, or all is rolled back; its own chunk is not sent. */
  private refuse(error: SqlError.SqlError): Effect.Effect<never, Problem> {
    if (this.taken === this.gathered.length) return Effect.fail(error)
    const before = this.settings.transaction === "all" ? Fiber.interrupt(this.fiber) : this.ended
    this.taken++
    return Effect.zipRight(before, Effect.suspend(() => Effect.fail(this.failure(error, 0, 0))))
  }

  private failure(error: SqlError.SqlError, unknown: number, more: number): BatchError {
    const applied = this.writing.applied + more
    return new BatchError({ error, unit: "rows", counts: { applied, unknown, notApplied: this.taken - applied - unknown } })
  }
}
