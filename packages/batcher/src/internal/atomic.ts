/**
 * Atomic: work in one transaction, and afterwards what became of it, whatever ended it.
 *
 * A failure of the work is a transaction rolled back: nothing applied, even where the connection was lost, because
 * COMMIT was never sent. A failure of COMMIT has the outcome that its error says. Called by `sending` and `loading`.
 *
 * @internal
 */
import type { Database } from "@sluice/core/Database"
import type { Outcome } from "@sluice/core/Reason"
import type { SqlError } from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"

export class Atomic {
  /** The work has ended well; what may follow is COMMIT. */
  isDone = false
  private isCommitted = false

  constructor(private readonly db: Database, private readonly retry: Schedule.Schedule<unknown> | undefined = undefined) {}

  /** Runs work in a transaction; in a savepoint inside another, whose COMMIT then decides. */
  run<A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError, R> {
    const { db } = this
    const body = Effect.suspend(() => {
      this.isDone = false
      return Effect.zipLeft(
        Effect.zipRight(db.afterCommit(Effect.sync(() => {
          this.isCommitted = true
        })), work),
        Effect.sync(() => {
          this.isDone = true
        })
      )
    })
    return db.transaction({ retry: this.retry })(body)
  }

  /** What became of the work, to be asked when `run` has failed or was interrupted (then there is no error). */
  outcome(error: SqlError | undefined): Outcome {
    if (this.isCommitted) return "applied"
    // A statement of it has committed by itself, as a procedure may: what was before it is there, what is behind it may be.
    if (error?.reason._tag === "TransactionAbortedError" && error.reason.cause === undefined) return "unknown"
    if (!this.isDone) return "not-applied"
    // Interrupted between the end of the work and COMMIT's answer, inside a transaction that is not ours to end.
    return error === undefined ? "unknown" : error.outcome
  }
}
