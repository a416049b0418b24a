/**
 * A shipment: one batch on its way, and what became of each of its statements.
 *
 * It knows three ways: each statement by itself, all in a transaction, all in the one transaction of the batcher. Where a
 * statement is refused and there is a dead letter, the batch is split around it until what fails is that statement alone
 * (law B3). It holds no queue (that is `buffer`) and tells nobody (that is `sending`). Called by `sending`.
 *
 * @internal
 */
import type { CircuitBreaker } from "@sluice/core/CircuitBreaker"
import type { Database } from "@sluice/core/Database"
import type { Outcome } from "@sluice/core/Reason"
import type * as SqlError from "@sluice/core/SqlError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import { Atomic } from "./atomic.js"
import { type Dead, entriesOf, type Entry, type Left, type Unit } from "./buffer.js"
import type { Outgoing } from "./outgoing.js"
import type { Target } from "./target.js"
import { isRefusal, isTimeout, saysTransactionIsOver } from "./verdicts.js"
import type { Whole } from "./whole.js"

export interface Way {
  readonly target: Target
  /** `undefined` where there is none, or no use for one: then each statement is by itself. */
  readonly db: Database | undefined
  readonly transaction: "none" | "batch" | "all"
  readonly whole: Whole | undefined
  /** The batcher's transaction is one in another's, which alone may be run again. */
  readonly isInside: boolean
  readonly retry: Schedule.Schedule<unknown> | undefined
  readonly breaker: CircuitBreaker | undefined
  /** What the database refuses is set aside. */
  readonly setsAside: boolean
  /** What took too long is sent again in halves. */
  readonly halves: boolean
}

interface Call {
  readonly result: unknown
  readonly from: number
  readonly to: number
}

type Work = Effect.Effect<void, SqlError.SqlError>
type Units = ReadonlyArray<Unit>

export class Shipment {
  retries = 0
  /** The answer to each entry, where they are wanted. */
  readonly results: Array<unknown> = []
  /** The answers of a callback, and to which entries each of them is one, by their places in the batch. */
  readonly calls: Array<Call> | undefined
  dead: Array<Dead> = []
  /** The statement that ended it. */
  failed: Entry | undefined
  isTimedOut = false
  /** What is known of an entry beside which others are not applied. Only a failure asks. */
  private readonly outcomes = new Map<Entry, "applied" | "unknown">()
  private isSent = false
  /** Something is with the receiver, and its answer is not here. */
  private isUnderWay = false
  /** No handler of an effect runs when its fiber is interrupted: what is known then is asked for by this. */
  private recall: () => void = () => {}

  constructor(private readonly way: Way, private readonly units: Units, private readonly batch: Outgoing, private readonly wantsResults: boolean) {
    this.calls = way.target.isWhole ? [] : undefined
  }

  /** Sends everything. What it has done is known afterwards, however it ends. */
  get run(): Work {
    switch (this.way.transaction) {
      case "none":
        return this.alone(this.units, (units, index) => this.scattered(units, index))
      case "batch":
        // A statement by itself is a transaction by itself, unless it is to be undone with others.
        return this.units.length > 1 || this.way.isInside
          ? this.together(this.units, (units, index) => this.asunder(units, index))
          : this.alone(this.units, (units, index) => this.asunder(units, index))
      case "all":
        return this.inOne
    }
  }

  /** To be called when `run` was interrupted, before anything is asked. */
  interrupted(): void {
    this.recall()
  }

  /** What is not applied, after a failure. */
  left(entries: ReadonlyArray<Entry>): ReadonlyArray<Left> {
    const dead = new Set(this.dead.map((each) => each.entry))
    const left: Array<Left> = []
    for (const entry of entries) {
      const outcome = this.outcomes.get(entry) ?? "not-applied"
      if (outcome !== "applied" && !dead.has(entry)) left.push({ entry, outcome })
    }
    return left
  }

  // ---- outside of a transaction ----

  /** Each by itself: what was answered is applied, and is not sent again. */
  private alone(units: Units, again: (units: Units, index: number) => Work): Work {
    return Effect.suspend(() => {
      let from = 0
      this.recall = () => {
        this.settle(units.slice(0, from), "applied")
        // What was sent, and how much of it was done, nobody can tell.
        if (this.isUnderWay) this.settle(units.slice(from), "unknown")
      }
      const attempt = Effect.suspend(() => this.send(from === 0 ? units : units.slice(from), (count) => {
        from += count
      }))
      const guarded = this.retried(attempt, (error) => error.outcome)
      return Effect.catchAllCause(guarded, (cause) => {
        this.settle(units.slice(0, from), "applied")
        const rest = units.slice(from)
        const outcome = knownOf(cause)?.outcome ?? (this.isSent ? "unknown" : "not-applied")
        return this.ended(cause, rest, outcome, this.isSent ? 0 : rest.length, again)
      })
    })
  }

  /** Each part by itself. */
  private scattered(units: Units, index: number): Work {
    return this.applied(split(units, index), (part) => this.alone(part, (units, index) => this.scattered(units, index)))
  }

  // ---- in a transaction ----

  /** What was refused is looked for in the batch's one transaction, where it can be. */
  private asunder(units: Units, index: number): Work {
    return this.way.db!.dialect.capabilities.savepoints && index >= 0 && index < units.length ? this.sifted(units, index) : this.apart(units, index)
  }

  private together(units: Units, again: (units: Units, index: number) => Work): Work {
    return Effect.suspend(() => {
      const atomic = this.atomic
      const { done, work } = this.progress(units)
      this.recall = () => this.settle(units, atomic.outcome(undefined))
      return Effect.catchAllCause(this.retried(atomic.run(work), (error) => atomic.outcome(error)), (cause) =>
        this.ended(cause, units, atomic.outcome(knownOf(cause)), done(), again))
    })
  }

  /** Each part in a transaction of its own. */
  private apart(units: Units, index: number): Work {
    return this.applied(split(units, index), (part) => this.together(part, (units, index) => this.apart(units, index)))
  }

  /** In one transaction, each part in a savepoint: what is refused is undone by itself. */
  private sifted(units: Units, index: number): Work {
    return Effect.suspend(() => {
      const before = this.dead
      const atomic = this.atomic
      this.recall = () => {
        const outcome = atomic.outcome(undefined)
        if (outcome !== "applied") this.dead = before
        this.settle(units, outcome)
      }
      const all = Effect.suspend(() => {
        this.dead = [...before]
        return this.each(split(units, index), (part) => this.saved(part))
      })
      return Effect.catchAllCause(this.retried(atomic.run(all), (error) => atomic.outcome(error)), (cause) => {
        this.dead = before
        const error = knownOf(cause)
        const outcome = atomic.outcome(error)
        // The error has ended the transaction with its savepoints, or COMMIT was refused.
        if (error !== undefined && outcome === "not-applied" && !this.way.isInside && (isRefusal(error) || saysTransactionIsOver(error))) return this.apart(units, index)
        return this.ended(cause, units, outcome, units.length, (units, index) => this.apart(units, index))
      })
    })
  }

  private saved(units: Units): Work {
    return Effect.suspend(() => {
      const { done, work } = this.progress(units)
      return Effect.catchAll(this.way.db!.transaction(work), (error) =>
        isRefusal(error) ? this.setAside(units, error) ?? this.each(split(units, done()), (part) => this.saved(part)) : Effect.fail(error))
    })
  }

  /** In the one transaction of the batcher. What is sent there waits for its COMMIT: the buffer knows. */
  private get inOne(): Work {
    return Effect.suspend(() => {
      const { setsAside, whole } = this.way
      const { done, work } = this.progress(this.units)
      const all = this.guarded(whole!.run(setsAside ? this.saved(this.units) : work))
      return Effect.catchAllCause(all, (cause) => {
        this.blame(this.units, done())
        return Effect.failCause(cause)
      })
    })
  }

  // ---- what they have in common ----

  private send(units: Units, each: (count: number) => void): Work {
    return Effect.suspend(() => {
      this.isSent = true
      this.isUnderWay = true
      let at = 0
      const how = { isAtomic: this.way.transaction !== "none", wantsResults: this.wantsResults }
      const sent = this.way.target.send(units, this.batch, how, (result, count) => {
        if (this.wantsResults) this.keep(result, units.slice(at, at + count))
        at += count
        each(count)
      })
      return Effect.mapBoth(sent, {
        onFailure: (error) => {
          this.isUnderWay = error.outcome === "unknown"
          return error
        },
        onSuccess: () => {
          this.isUnderWay = false
        }
      })
    })
  }

  private keep(result: unknown, units: Units): void {
    const places = units.flatMap(entriesOf).map((entry) => entry.index - this.units[0]!.index)
    if (this.calls === undefined) for (const place of places) this.results[place] = result
    else this.calls.push({ result, from: places[0]!, to: places.at(-1)! + 1 })
  }

  private progress(units: Units): { readonly work: Work; readonly done: () => number } {
    let done = 0
    const work = Effect.suspend(() => {
      done = 0
      return this.send(units, (count) => {
        done += count
      })
    })
    return { work, done: () => done }
  }

  private each(parts: ReadonlyArray<Units>, send: (part: Units) => Work): Work {
    return Effect.forEach(parts, send, { discard: true })
  }

  /** Each part is applied by itself, whatever becomes of the next one. */
  private applied(parts: ReadonlyArray<Units>, send: (part: Units) => Work): Work {
    return this.each(parts, (part) => Effect.flatMap(send(part), () => Effect.sync(() => this.settle(part, "applied"))))
  }

  private get atomic(): Atomic {
    return new Atomic(this.way.db!)
  }

  private guarded(work: Work): Work {
    const { breaker } = this.way
    return breaker === undefined ? work : breaker.protect(work)
  }

  /** Sends again what is surely not applied. */
  private retried(attempt: Work, outcomeOf: (error: SqlError.SqlError) => Outcome): Work {
    const { isInside, retry } = this.way
    if (retry === undefined || isInside) return this.guarded(attempt)
    let attempts = 0
    const counted = Effect.suspend(() => {
      if (attempts++ > 0) this.retries++
      return attempt
    })
    return Effect.retry(this.guarded(counted), { schedule: retry, while: (error) => error.isRetryable && outcomeOf(error) === "not-applied" })
  }

  /** A part has failed at a unit: it is split and goes on without what is refused, or it is the end. */
  private ended(
    cause: Cause.Cause<SqlError.SqlError>,
    units: Units,
    outcome: Outcome,
    index: number,
    again: (units: Units, index: number) => Work
  ): Work {
    const { halves, setsAside } = this.way
    const error = knownOf(cause)
    if (error !== undefined && outcome === "not-applied") {
      if (setsAside && isRefusal(error) && units.length > 0) return this.setAside(units, error) ?? again(units, this.way.target.isWhole ? -1 : index)
      if (isTimeout(error)) this.isTimedOut = true
      if (halves && isTimeout(error) && units.length > 1) return again(units, -1)
    }
    if (error !== undefined) this.blame(units, index)
    this.settle(units, outcome)
    return Effect.failCause(cause)
  }

  /** A statement that is refused all alone is set aside. */
  private setAside(units: Units, error: SqlError.SqlError): Work | undefined {
    const [entry, other] = units.length === 1 ? entriesOf(units[0]!) : []
    return entry === undefined || other !== undefined ? undefined : Effect.sync(() => {
      this.dead.push({ entry, error })
      // It may have been answered in an attempt whose COMMIT was refused.
      delete this.results[entry.index - this.units[0]!.index]
    })
  }

  private blame(units: Units, index: number): void {
    const unit = this.way.target.isWhole && units.length > 1 ? undefined : units[index]
    const entries = unit === undefined ? [] : entriesOf(unit)
    this.failed = entries.length === 1 ? entries[0] : undefined
  }

  private settle(units: Units, outcome: Outcome): void {
    if (outcome === "not-applied") return
    for (const unit of units) for (const entry of entriesOf(unit)) if (!this.outcomes.has(entry)) this.outcomes.set(entry, outcome)
  }
}

const knownOf = (cause: Cause.Cause<SqlError.SqlError>): SqlError.SqlError | undefined => {
  const known = Cause.failureOption(cause)
  return known._tag === "Some" ? known.value : undefined
}

/** Around a statement that is known to have failed, in three; else in two; what was merged is taken apart again. */
const split = (units: Units, index: number): ReadonlyArray<Units> => {
  if (units.length === 1) {
    const entries = entriesOf(units[0]!)
    return entries.length === 1 ? [entries] : split(entries, -1)
  }
  const cuts = index < 0 || index >= units.length ? [0, units.length >> 1, units.length] : [0, index, index + 1, units.length]
  return cuts.slice(1).map((to, i) => units.slice(cuts[i], to)).filter((part) => part.length > 0)
}
