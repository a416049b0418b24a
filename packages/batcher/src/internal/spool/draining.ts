/**
 * Draining: a spool's records into a database, some per transaction, and up to where they are applied.
 *
 * Where the dialect has transactions the ledger moves with the records; a failure leaves both where they were. Where it has none the place is kept
 * beside the log, after the records: what is killed between the two is applied again. Called by `Spool`.
 *
 * @internal
 */
import type { Database } from "@sluice/core/Database"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type { Report } from "../../Spool.js"
import { SpoolError } from "../../SpoolError.js"
import { Atomic } from "../atomic.js"
import * as Ledger from "./ledger.js"
import type { Log } from "./log.js"
import * as Place from "./place.js"
import { Reader } from "./reader.js"

export interface Settings {
  readonly maxRecords: number
  readonly table: string
  readonly retry: Schedule.Schedule<unknown> | undefined
  /** It never ends: what is appended later is waited for. */
  readonly follows: boolean
}

type Apply<E, R> = (records: ReadonlyArray<unknown>) => Effect.Effect<unknown, E, R>

/** Applies what there is. The log's records are the caller's, one drain at a time. */
export const drain = <E, R>(db: Database, log: Log, apply: Apply<E, R>, settings: Settings): Effect.Effect<Report, E | SqlError.SqlError | SpoolError, R> =>
  Effect.gen(function*() {
    const clock = yield* Effect.clock
    const start = clock.unsafeCurrentTimeMillis()
    const isExact = db.dialect.capabilities.transactions
    const ledger = isExact ? yield* Ledger.open(db, settings.table, log.id) : undefined
    const from = ledger === undefined ? yield* Place.read(log) : yield* ledger.applied
    yield* known(log, from)
    const reader = new Reader(log, from)
    let [applied, batches, records] = [from, 0, 0]
    while (true) {
      const { growth } = log
      const taken = yield* reader.take(settings.maxRecords)
      if (taken === undefined) {
        if (!settings.follows) break
        yield* growth
        continue
      }
      const before = applied
      const work = apply(taken.records)
      // What is applied may be given up only when the outermost COMMIT was answered.
      const over = Effect.ignoreLogged(log.trim(taken.next))
      if (ledger === undefined) yield* Effect.zipRight(work, Effect.zipRight(Place.write(log, taken.next), over))
      else yield* together(db, settings.retry, ledger, work, before, taken.next, over)
      applied = taken.next
      batches++
      records += taken.records.length
    }
    return { records, batches, guarantee: isExact ? "exactly once" : "at least once", milliseconds: clock.unsafeCurrentTimeMillis() - start }
  })

const together = <E, R>(
  db: Database,
  retry: Schedule.Schedule<unknown> | undefined,
  ledger: Ledger.Ledger,
  work: Effect.Effect<unknown, E, R>,
  from: number,
  to: number,
  over: Effect.Effect<void>
): Effect.Effect<void, E | SqlError.SqlError, R> => {
  const atomic = new Atomic(db, retry)
  // The ledger first: where another has applied these records, nothing of them is sent.
  const all = Effect.zipRight(Effect.zipRight(db.afterCommit(over), ledger.advance(from, to)), work)
  return Effect.catchAll(Effect.asVoid(atomic.run(all)), (error) =>
    // COMMIT's answer was lost: the ledger knows it. Where it cannot be asked either, the next drain does so.
    SqlError.isSqlError(error) && atomic.outcome(error) === "unknown"
      ? Effect.flatMap(Effect.orElseFail(ledger.applied, () => error), (applied) => applied === to ? over : Effect.fail(error))
      : Effect.fail(error))
}

const known = (log: Log, applied: number): Effect.Effect<void, SpoolError> => {
  const oldest = log.files[0]?.first ?? log.next
  if (applied >= oldest && applied <= log.next) return Effect.void
  return Effect.fail(new SpoolError({
    reason: "Foreign",
    message: applied < oldest
      ? `the target has ${applied} of the spool's records, and those up to ${oldest} were given up: they were applied to another database`
      : `the target has ${applied} of the spool's records, which has taken ${log.next}: its folder is an older copy, or has lost its end`
  }))
}
