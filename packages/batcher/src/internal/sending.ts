/**
 * Sending: one batch with what stands around it: the hooks, the dead letter and the collector.
 *
 * It never fails: whatever ends a batch, interruption too, is an answer. How the batch itself goes is in `shipment`.
 * Called by the engine.
 *
 * @internal
 */
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Batches from "../Batch.js"
import { BatchError } from "../BatchError.js"
import type { DeadLetter, Letter } from "../DeadLetter.js"
import type { Outcome, QueryCollector, Record } from "../QueryCollector.js"
import type { Pace } from "./adapting.js"
import { type Answers, type Batch, type Dead, itemOf, type Left, type Sent, type Unit } from "./buffer.js"
import { Outgoing } from "./outgoing.js"
import { Shipment, type Way } from "./shipment.js"
import type { Restore } from "./whole.js"

export interface Settings {
  readonly way: Way
  readonly delimiter: string
  readonly isDry: boolean
  readonly deadLetter: DeadLetter | undefined
  readonly collector: QueryCollector | undefined
  readonly beforeBatch: ((batch: Batches.Batch) => Effect.Effect<void>) | undefined
  readonly afterBatch: ((record: Record) => Effect.Effect<void>) | undefined
  /** What goes as one statement. */
  readonly units: (batch: Batch) => ReadonlyArray<Unit>
  readonly clock: Clock.Clock
}

/** Takes the end of a batch. */
export type Settle = (sent: Sent, pace: Pace) => void

/** Sends a batch: to be run uninterruptibly, as the answer is given to `settle` whatever happens. What may be interrupted is restored. */
export const send = (settings: Settings, batch: Batch, settle: Settle, restore: Restore): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { about } = batch
    const { beforeBatch, clock, way } = settings
    const since = clock.unsafeCurrentTimeMillis()
    const units = settings.units(batch)
    const outgoing = new Outgoing(batch.id, units, batch.bytes, about?.metadata, settings.delimiter)
    const wantsResults = !settings.isDry && batch.entries.some((entry) => entry.run?.answers !== undefined)
    const shipment = new Shipment(way, units, outgoing, wantsResults)
    const work = settings.isDry ? Effect.void : shipment.run
    const end = (cause: Cause.Cause<SqlError.SqlError> | undefined): Effect.Effect<void> => {
      const sent = (letters: Cause.Cause<unknown> | undefined): Sent => ended(batch, units, shipment, wantsResults, cause, letters)
      const milliseconds = clock.unsafeCurrentTimeMillis() - since
      const pace = { milliseconds, isTimedOut: shipment.isTimedOut }
      const told = (sent: Sent): Effect.Effect<void> => {
        const collector = about?.collector ?? settings.collector
        if (collector === undefined && settings.afterBatch === undefined) {
          settle(sent, pace)
          return Effect.void
        }
        const record = outgoing.record(batch.entries.length, settings.isDry ? "dry-run" : outcomeOf(batch, sent), milliseconds)
        return Effect.map(Effect.zipRight(collected(collector, record, restore), hooked(settings.afterBatch, record, restore)), () => settle(sent, pace))
      }
      const { deadLetter } = settings
      if (shipment.dead.length === 0 || deadLetter === undefined) return told(sent(undefined))
      // Closing is bounded: who never takes a letter is not waited for.
      return Effect.matchCauseEffect(restore(Effect.suspend(() => deadLetter(shipment.dead.map((dead) => letterOf(dead, about?.metadata))))), {
        onSuccess: () => told(sent(undefined)),
        onFailure: (letters) => told(sent(letters))
      })
    }
    return Effect.matchCauseEffect(restore(beforeBatch === undefined ? work : Effect.zipRight(Effect.suspend(() => beforeBatch(outgoing)), work)), {
      onSuccess: () => end(undefined),
      onFailure: (cause) => {
        if (Cause.isInterrupted(cause)) shipment.interrupted()
        return end(cause)
      }
    })
  })

const letterOf = ({ entry, error }: Dead, metadata: Batches.Metadata | undefined): Letter =>
  ({ index: entry.index, text: entry.text, params: entry.params, outcome: "not-applied", error, metadata })

// The batch has ended as it has: what looks on cannot change that any more.
const collected = (collector: QueryCollector | undefined, record: Record, restore: Restore): Effect.Effect<void> =>
  collector === undefined ? Effect.void : Effect.catchAllCause(restore(Effect.suspend(() => collector.collect(record))), (cause) => Effect.logError("a batch was not collected", cause))

const hooked = (hook: Settings["afterBatch"], record: Record, restore: Restore): Effect.Effect<void> =>
  hook === undefined ? Effect.void : Effect.catchAllCause(restore(Effect.suspend(() => hook(record))), (cause) => Effect.logError("afterBatch did not end well", cause))

const outcomeOf = (batch: Batch, { dead, failure }: Sent): Outcome => {
  const left = failure?.left ?? []
  if (left.length + dead.length === 0) return "applied"
  if (left.some((each) => each.outcome === "unknown")) return "unknown"
  return left.length + dead.length < batch.entries.length ? "partial" : "not-applied"
}

const ended = (
  batch: Batch,
  units: ReadonlyArray<Unit>,
  shipment: Shipment,
  wantsResults: boolean,
  cause: Cause.Cause<SqlError.SqlError> | undefined,
  letters: Cause.Cause<unknown> | undefined
): Sent => {
  const isLost = letters !== undefined
  const all = { retries: shipment.retries, units, dead: isLost ? [] : shipment.dead, answers: wantsResults ? answersOf(shipment) : undefined }
  if (cause === undefined && !isLost) return { ...all, failure: undefined }
  const left: Array<Left> = cause === undefined ? [] : [...shipment.left(batch.entries)]
  // What the dead letter did not take is left, as it would be without one.
  if (isLost) left.push(...shipment.dead.map(({ entry }) => ({ entry, outcome: "not-applied" as const })))
  if (left.length === 0) return { ...all, failure: undefined }
  const failed = isLost ? undefined : shipment.failed
  const error = isLost ? undelivered(letters) : reasonOf(cause!)
  return { ...all, answers: undefined, failure: { error: failureOf(batch, error, failed, left, all.dead), failed, left } }
}

const answersOf = ({ calls, results }: Shipment): Answers => (from, to) =>
  calls === undefined ? Array.from({ length: to - from }, (_, i) => results[from + i]) : calls.filter((call) => call.from < to && from < call.to).map((call) => call.result)

const failureOf = (batch: Batch, error: SqlError.SqlError, failed: Sent["dead"][number]["entry"] | undefined, left: ReadonlyArray<Left>, dead: ReadonlyArray<Dead>): BatchError => {
  const not = new Set([...left, ...dead].map((each) => each.entry))
  const applied = batch.entries.filter((entry) => !not.has(entry))
  const unknown = left.filter((each) => each.outcome === "unknown").map((each) => each.entry)
  const notApplied = [...left.filter((each) => each.outcome !== "unknown"), ...dead].map((each) => each.entry).toSorted((a, b) => a.index - b.index)
  return new BatchError({
    error,
    unit: "statements",
    counts: { applied: applied.length, notApplied: notApplied.length, unknown: unknown.length },
    failed: failed === undefined ? undefined : itemOf(failed),
    applied: applied.map(itemOf),
    notApplied: notApplied.map(itemOf),
    unknown: unknown.map(itemOf)
  })
}

const reasonOf = (cause: Cause.Cause<SqlError.SqlError>): SqlError.SqlError => {
  const known = Cause.failureOption(cause)
  if (known._tag === "Some") return known.value
  return Cause.isInterruptedOnly(cause)
    ? SqlError.make(new Reason.CancelledError({ message: "the batch was interrupted while it was being sent", operation: "batch" }))
    : SqlError.make(new Reason.UnknownError({ message: "the batch died of a defect", operation: "batch", cause: Cause.squash(cause) }))
}

const undelivered = (cause: Cause.Cause<unknown>): SqlError.SqlError => {
  const failure = Cause.squash(cause)
  return SqlError.isSqlError(failure) ? failure : SqlError.make(
    new Reason.UnknownError({ message: `the dead letter did not take what was refused: ${failure instanceof Error ? failure.message : String(failure)}`, operation: "batch", cause: failure })
  )
}
