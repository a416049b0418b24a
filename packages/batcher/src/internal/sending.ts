/**
 * Sending: one batch to the database, and what became of each of its statements.
 *
 * It never fails: whatever ends it, interruption too, is an answer. It holds no queue (that is `buffer`). A batch goes
 * one statement at a time, in order. Called by `Batcher`.
 *
 * @internal
 */
import type { Database } from "@sluice/core/Database"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import { BatchError } from "../BatchError.js"
import { Atomic } from "./atomic.js"
import { type Batch, type Entry, itemOf, type Left, type Sent } from "./buffer.js"

export interface Options {
  readonly transaction: "none" | "batch"
  readonly retry: Schedule.Schedule<unknown> | undefined
}

/** Sends a batch. Interruptible; the answer is given to `settle` whatever happens. */
export const send = (db: Database, options: Options, batch: Batch, settle: (sent: Sent) => void): Effect.Effect<void> =>
  Effect.uninterruptibleMask((restore) => {
    const progress = new Progress(batch)
    const all = progress.run(db)
    const atomic = options.transaction === "batch" ? new Atomic(db, options.retry) : undefined
    return Effect.matchCause(restore(atomic === undefined ? all : atomic.run(all)), {
      onSuccess: () => settle({ retries: retries(atomic), failure: undefined }),
      onFailure: (cause) => settle({ retries: retries(atomic), failure: progress.failure(cause, atomic) })
    })
  })

const retries = (atomic: Atomic | undefined): number => Math.max(0, (atomic?.attempts ?? 0) - 1)

class Progress {
  private done = 0
  private started = 0

  constructor(private readonly batch: Batch) {}

  run(db: Database): Effect.Effect<void, SqlError.SqlError> {
    const { entries } = this.batch
    const step: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() => {
      const entry = entries[this.started]
      if (entry === undefined) return Effect.void
      this.started++
      return Effect.flatMap(db.unsafe(entry.sql, entry.params).run, () => {
        this.done++
        return step
      })
    })
    return Effect.suspend(() => {
      this.done = 0
      this.started = 0
      return step
    })
  }

  failure(cause: Cause.Cause<SqlError.SqlError>, atomic: Atomic | undefined): Sent["failure"] {
    const { entries } = this.batch
    const known = Cause.failureOption(cause)
    const error = known._tag === "Some" ? known.value : interruptedOrDied(cause)
    const failed = known._tag === "Some" && this.started > this.done ? entries[this.done] : undefined
    const outcomes = atomic === undefined ? this.alone(known._tag === "Some" ? error : undefined) : this.together(atomic, error, known._tag === "Some")
    if (outcomes.left.length === 0) return undefined
    const items = (outcome: Left["outcome"]) => outcomes.left.filter((each) => each.outcome === outcome).map((each) => itemOf(each.entry))
    const notApplied = items("not-applied")
    const unknown = items("unknown")
    const batchError = new BatchError({
      error,
      unit: "statements",
      counts: { applied: outcomes.applied.length, notApplied: notApplied.length, unknown: unknown.length },
      failed: failed === undefined ? undefined : itemOf(failed),
      applied: outcomes.applied.map(itemOf),
      notApplied,
      unknown
    })
    return { error: batchError, failed, left: outcomes.left }
  }

  /** In one transaction all have one outcome. */
  private together(atomic: Atomic, error: SqlError.SqlError, isKnown: boolean): Outcomes {
    const outcome = atomic.outcome(isKnown ? error : undefined)
    const { entries } = this.batch
    return outcome === "applied" ? { applied: entries, left: [] } : { applied: [], left: entries.map((entry) => ({ entry, outcome })) }
  }

  /** Without one each has its own: those before are applied, those after were never sent. */
  private alone(error: SqlError.SqlError | undefined): Outcomes {
    const { entries } = this.batch
    const applied = entries.slice(0, this.done)
    const left: Array<Left> = []
    for (let i = this.done; i < entries.length; i++) {
      const entry = entries[i]
      if (entry === undefined) continue
      const outcome = i >= this.started ? "not-applied" : error === undefined ? "unknown" : error.outcome
      if (outcome === "applied") applied.push(entry)
      else left.push({ entry, outcome })
    }
    return { applied, left }
  }
}

interface Outcomes {
  readonly applied: ReadonlyArray<Entry>
  readonly left: ReadonlyArray<Left>
}

const interruptedOrDied = (cause: Cause.Cause<SqlError.SqlError>): SqlError.SqlError =>
  Cause.isInterruptedOnly(cause)
    ? SqlError.make(new Reason.CancelledError({ message: "the batch was interrupted while it was being sent", operation: "batch" }))
    : SqlError.make(new Reason.UnknownError({ message: "the batch died of a defect", operation: "batch", cause: Cause.squash(cause) }))
