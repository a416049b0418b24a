/**
 * Failures: what a batcher itself says no with, and what it says of a transaction of several batches.
 *
 * @internal
 */
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import { BatchError } from "../BatchError.js"
import { type Entry, itemOf } from "./buffer.js"

export type Problem = BatchError | SqlError.SqlError

const none = { applied: 0, notApplied: 0, unknown: 0 }

/** The error of a batch and of those that were sent before it in the same transaction: none of them is applied. */
export const withThose = (error: BatchError, held: ReadonlyArray<Entry>, outcome: "not-applied" | "unknown"): BatchError => {
  const items = held.map(itemOf)
  const notApplied = [...outcome === "unknown" ? [] : items, ...error.notApplied, ...error.applied].toSorted((a, b) => a.index - b.index)
  const unknown = [...outcome === "unknown" ? items : [], ...error.unknown]
  return new BatchError({
    error: error.error,
    unit: "statements",
    counts: { applied: 0, notApplied: notApplied.length, unknown: unknown.length },
    failed: error.failed,
    notApplied,
    unknown
  })
}

/** A batch of nothing failed so: what was sent before it is what is told. */
export const ofCommit = (error: SqlError.SqlError): BatchError => new BatchError({ error, unit: "statements", counts: none })

export const closed = (): SqlError.SqlError =>
  SqlError.make(new Reason.ClosedError({ message: "the batcher is closed: its scope has ended", operation: "batch" }))

export const ended = (message: string): BatchError =>
  new BatchError({ error: SqlError.make(new Reason.ClosedError({ message, operation: "batch" })), unit: "statements", counts: none })

export const elsewhere = (isInside: boolean): SqlError.SqlError =>
  SqlError.make(new Reason.TransactionStateError({
    message: `the fiber is in a transaction of which the batcher is none: it was made ${isInside ? "in another" : "outside"}, and would send the statement there. Make one inside, or say detached: true`,
    operation: "batch"
  }))

export const notAList = SqlError.make(new Reason.ConfigError({ message: "statements must be an iterable of statements or a stream, was one text", field: "statements" }))
