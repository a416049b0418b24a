/**
 * The buffer of a batcher: what was added and is not yet applied, who waits, and which batch may be sent next.
 *
 * It only decides: synchronous, no clock, no effect. It sends nothing (that is `sending`); when a batch is closed is the
 * policy's matter. A statement is in exactly one of: the open batch, a closed one, one being sent, or `left`.
 * Called by `Batcher`.
 *
 * @internal
 */
import type { SqlError } from "@sluice/core/SqlError"
import type { BatchError, Item } from "../BatchError.js"
import type { BatchPolicy } from "../BatchPolicy.js"
import { type About, newRun, type Run } from "./run.js"

/** A statement that was added. It is its own unit where it is not merged with others. */
export interface Entry {
  /** Its place among all that was added; -1 until it is. */
  index: number
  readonly text: string
  readonly params: ReadonlyArray<unknown>
  readonly bytes: number
  readonly run: Run | undefined
  /** Told once: nothing when it is applied, else why not. */
  readonly settled: ((failure: Failure | undefined) => void) | undefined
  readonly entries: undefined
  /** It is a batch by itself. */
  readonly isAlone: boolean
}

/** Several that are sent as one. */
export interface Merged {
  readonly index: number
  readonly text: string
  readonly params: ReadonlyArray<unknown>
  readonly entries: ReadonlyArray<Entry>
}

/** What is sent as one statement. */
export type Unit = Entry | Merged

export const entriesOf = (unit: Unit): ReadonlyArray<Entry> => unit.entries ?? [unit]

/** Why a statement was not applied: the error of its batch, or its own where it was what failed. */
export interface Failure {
  readonly error: BatchError | SqlError
}

export interface Batch {
  readonly id: number
  readonly entries: ReadonlyArray<Entry>
  readonly bytes: number
  about: About | undefined
}

export interface Left {
  readonly entry: Entry
  readonly outcome: "not-applied" | "unknown"
}

/** A statement that was refused, and taken by the dead letter. */
export interface Dead {
  readonly entry: Entry
  readonly error: SqlError
}

/** The answers to the entries between two places: one for each; of a callback one for each call that had any of them. */
export type Answers = (from: number, to: number) => ReadonlyArray<unknown>

/** How a batch ended: each entry has one outcome. What is neither dead nor left is applied. */
export interface Sent {
  readonly retries: number
  /** What was sent as one statement each: fewer than entries where INSERTs were merged. */
  readonly units: ReadonlyArray<Unit>
  /** The answers to some of the entries, by their places in the batch. `undefined` after a failure, and where nobody wants them. */
  readonly answers: Answers | undefined
  readonly dead: ReadonlyArray<Dead>
  readonly failure: { readonly error: BatchError; readonly failed: Entry | undefined; readonly left: ReadonlyArray<Left> } | undefined
}

/** The answer to `offer`: `full` where a batch was closed. */
export type Offered = "added" | "full"

interface Producer {
  readonly entry: Entry
  readonly resume: (answer: Offered | BatchError | "closed") => void
}

interface Flusher {
  /** The last batch that it waits for. */
  readonly upTo: number
  readonly resume: (failure: BatchError | "closed" | undefined) => void
}

export class Buffer {
  readonly totals: Run = newRun()
  /** What will not be sent any more, in order. */
  readonly left: Array<Left> = []
  failure: BatchError | undefined
  isClosed = false
  /** The id that the open batch will have. */
  private openId = 0
  private open: Array<Entry> = []
  private openBytes = 0
  private about: About | undefined
  private closed: Array<Batch> = []
  private readonly sending = new Set<Batch>()
  /** What was sent and waits for its COMMIT. */
  private held: Array<{ readonly batch: Batch; readonly sent: Sent }> = []
  private uncommitted = 0
  private released = -1
  private producers: Array<Producer> = []
  private flushers: Array<Flusher> = []

  constructor(
    private readonly policy: BatchPolicy,
    private readonly inFlight: number,
    private readonly autoFlush: boolean
  ) {}

  // ---- what is there ----

  /** The oldest batch that nobody has let go yet: what lingers. */
  get lingering(): number | undefined {
    return this.closed.find((batch) => batch.id > this.released)?.id ?? (this.open.length > 0 ? this.openId : undefined)
  }

  counts(): { readonly pending: number; readonly bytes: number; readonly sending: number; readonly waiting: number } {
    let pending = this.open.length
    let bytes = this.openBytes
    for (const batch of this.closed) {
      pending += batch.entries.length
      bytes += batch.bytes
    }
    let sending = this.uncommitted
    for (const batch of this.sending) sending += batch.entries.length
    return { pending, bytes, sending, waiting: this.producers.length }
  }

  // ---- producers ----

  /** Adds an entry, or answers `undefined`: the buffer is full and its producer must wait (law B4). */
  offer(entry: Entry): Offered | undefined {
    // No newcomer passes a producer that waits.
    return this.isFull(entry) || this.producers.length > 0 ? undefined : this.accept(entry)
  }

  wait(producer: Producer): void {
    this.producers.push(producer)
  }

  /** A producer that gives up has added nothing. */
  withdraw(producer: Producer): void {
    const index = this.producers.indexOf(producer)
    if (index >= 0) this.producers.splice(index, 1)
  }

  // Who flushes by hand is told that the batch is full and never suspended: nobody else would wake it.
  private isFull(entry: Entry): boolean {
    return this.closed.length > 0 && (this.autoFlush || entry.run !== undefined)
  }

  private accept(entry: Entry): Offered {
    entry.index = this.totals.statements++
    if (entry.run !== undefined) entry.run.statements++
    const auto = this.autoFlush || entry.run !== undefined
    if (entry.isAlone && this.open.length > 0) {
      this.policy.close()
      this.shut(auto)
    }
    const decision = this.policy.add(entry.bytes, entry.params.length)
    if (decision.closesBefore) this.shut(auto)
    this.open.push(entry)
    this.openBytes += entry.bytes
    if (entry.run !== undefined) this.about = entry.run.about
    if (entry.isAlone) this.policy.close()
    if (entry.isAlone || decision.closesAfter) this.shut(auto)
    return entry.isAlone || decision.closesBefore || decision.closesAfter ? "full" : "added"
  }

  private shut(release: boolean): void {
    this.closed.push({ id: this.openId, entries: this.open, bytes: this.openBytes, about: this.about })
    this.about = undefined
    if (release) this.released = this.openId
    this.openId++
    this.open = []
    this.openBytes = 0
  }

  // ---- batches ----

  /** Closes the open batch, and lets everything that is closed be sent. What nobody has let go yet is what `about` is about. */
  release(about?: About): void {
    if (this.open.length > 0) {
      this.policy.close()
      this.shut(true)
    }
    for (const batch of this.closed) if (about !== undefined) batch.about ??= about
    this.released = this.openId - 1
  }

  /** Gives back what was added and is not being sent, and forgets it: who waits for it is told. */
  reset(why: BatchError): ReadonlyArray<Entry> {
    const entries = [...this.closed.flatMap((batch) => batch.entries), ...this.open]
    this.closed = []
    this.open = []
    this.openBytes = 0
    this.about = undefined
    this.policy.close()
    for (const entry of entries) entry.settled?.({ error: why })
    this.wake()
    this.admit()
    return entries
  }

  /** Waits until everything that was released is applied; `false` where there is nothing to wait for. */
  await(resume: Flusher["resume"]): Flusher | undefined {
    if (this.closed.length === 0 && this.sending.size === 0) return undefined
    const flusher = { upTo: this.released, resume }
    this.flushers.push(flusher)
    return flusher
  }

  forget(flusher: Flusher): void {
    this.flushers = this.flushers.filter((each) => each !== flusher)
  }

  /** The batch to be sent next, if one may be; a place that becomes free is given to the producers that wait. */
  next(): Batch | undefined {
    if (this.failure !== undefined || this.sending.size >= this.inFlight) return undefined
    const first = this.closed[0]
    if (first === undefined) return undefined
    if (first.id > this.released) {
      // A run that waits for a place would flush what nobody has let go yet at its end: it does so now.
      const run = this.producers[0]?.entry.run
      if (run === undefined) return undefined
      for (const batch of this.closed) batch.about ??= run.about
      this.released = this.openId - 1
    }
    this.closed.shift()
    this.sending.add(first)
    this.admit()
    return first
  }

  private admit(): void {
    for (let first = this.producers[0]; first !== undefined && !this.isFull(first.entry); first = this.producers[0]) {
      this.producers.shift()
      first.resume(this.accept(first.entry))
    }
  }

  /** A batch was sent, and is applied when its transaction is committed. */
  hold(batch: Batch, sent: Sent): void {
    this.sending.delete(batch)
    this.held.push({ batch, sent })
    this.uncommitted += batch.entries.length
    this.wake()
  }

  /** COMMIT has succeeded. */
  committed(): void {
    this.uncommitted = 0
    for (const { batch, sent } of this.held.splice(0)) this.finish(batch, sent)
  }

  /** The transaction is lost, and all that was sent in it. The count of what is left by it. */
  uncommit(error: BatchError, outcome: Left["outcome"]): void {
    this.uncommitted = 0
    for (const { batch, sent } of this.held.splice(0)) {
      // The dead letter keeps what it has taken.
      const left = withoutDead(batch, sent).map((entry) => ({ entry, outcome }))
      this.finish(batch, { retries: 0, units: [], answers: undefined, dead: sent.dead, failure: { error, failed: undefined, left } })
    }
  }

  /** A batch has failed in the transaction of all: it is lost, and so is what was sent there before. */
  undo(batch: Batch, sent: Sent, error: BatchError): void {
    this.uncommit(error, "not-applied")
    const left = withoutDead(batch, sent).map((entry) => ({ entry, outcome: "not-applied" as const }))
    this.finish(batch, { ...sent, failure: { error, failed: sent.failure?.failed, left } })
  }

  /** Statements that wait for their COMMIT. */
  get waitingForCommit(): ReadonlyArray<Entry> {
    return this.held.flatMap(({ batch, sent }) => withoutDead(batch, sent))
  }

  /** Takes the end of a batch: tells its statements, its flushers and, after a failure, everybody. */
  finish(batch: Batch, sent: Sent): void {
    this.sending.delete(batch)
    const { dead, failure } = sent
    const not = new Set<Entry>()
    if (failure !== undefined) this.failure ??= failure.error
    for (const { entry, error } of dead) {
      not.add(entry)
      this.totals.deadLettered++
      if (entry.run !== undefined) entry.run.deadLettered++
      entry.settled?.({ error })
    }
    for (const { entry } of failure?.left ?? []) {
      not.add(entry)
      entry.settled?.({ error: entry === failure?.failed ? failure.error.error : failure!.error })
    }
    this.left.push(...failure?.left ?? [])
    this.count(batch, sent, not)
    for (const entry of batch.entries) if (!not.has(entry)) entry.settled?.(undefined)
    this.wake()
    if (this.failure !== undefined) this.giveUp(this.failure)
  }

  /** Counts what of a batch is applied, and gives each run the answers to its own. The entries of a run follow each other, as a rule. */
  private count(batch: Batch, sent: Sent, not: ReadonlySet<Entry>): void {
    const { entries } = batch
    for (let from = 0, to = 0; from < entries.length; from = to) {
      const { run } = entries[from]!
      let statements = 0
      let bytes = 0
      for (; to < entries.length && entries[to]!.run === run; to++) {
        if (not.size > 0 && not.has(entries[to]!)) continue
        statements++
        bytes += entries[to]!.bytes
      }
      tally(this.totals, batch, statements, bytes, sent)
      if (run === undefined) continue
      tally(run, batch, statements, bytes, sent)
      if (sent.answers !== undefined) run.answers?.push({ batch: batch.id, results: sent.answers(from, to) })
    }
    if (sent.units.length >= entries.length) return
    for (const unit of sent.units) {
      const [, ...others] = entriesOf(unit).filter((entry) => !not.has(entry))
      this.totals.rowsMerged += others.length
      for (const { run } of others) if (run !== undefined) run.rowsMerged++
    }
  }

  private wake(): void {
    const unfinished = Math.min(this.closed[0]?.id ?? Number.POSITIVE_INFINITY, ...[...this.sending].map((batch) => batch.id))
    const done = this.flushers.filter((flusher) => flusher.upTo < unfinished)
    if (done.length === 0) return
    this.flushers = this.flushers.filter((flusher) => flusher.upTo >= unfinished)
    for (const flusher of done) flusher.resume(this.failure)
  }

  // ---- the end ----

  /** Nothing more is sent: whoever waits is told, and what was not sent is left. */
  giveUp(why: BatchError, told: BatchError | "closed" = why): void {
    for (const batch of this.closed) this.leave(batch.entries, why)
    this.leave(this.open, why)
    this.closed = []
    this.open = []
    this.openBytes = 0
    this.policy.close()
    for (const producer of this.producers.splice(0)) producer.resume(told)
    for (const flusher of this.flushers.splice(0)) flusher.resume(told)
  }

  /** Producers that wait have added nothing, and will not. */
  refuseProducers(): void {
    for (const producer of this.producers.splice(0)) producer.resume("closed")
  }

  private leave(entries: ReadonlyArray<Entry>, error: BatchError): void {
    for (const entry of entries) {
      this.left.push({ entry, outcome: "not-applied" })
      entry.settled?.({ error })
    }
  }
}

const withoutDead = ({ entries }: Batch, { dead }: Sent): ReadonlyArray<Entry> => {
  const letters = new Set(dead.map(({ entry }) => entry))
  return letters.size === 0 ? entries : entries.filter((entry) => !letters.has(entry))
}

const tally = (run: Run, batch: Batch, statements: number, bytes: number, sent: Sent): void => {
  run.sent += statements
  run.bytes += bytes
  if (run.lastBatch !== batch.id) {
    run.lastBatch = batch.id
    run.retries += sent.retries
  }
  if (statements === 0 || run.lastApplied === batch.id) return
  run.lastApplied = batch.id
  run.batches++
}

export const itemOf = (entry: Entry): Item => ({ index: entry.index, text: entry.text })
