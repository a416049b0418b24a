/**
 * The buffer of a batcher: what was added and is not yet applied, who waits, and which batch may be sent next.
 *
 * It only decides: synchronous, no clock, no effect. It sends nothing (that is `sending`); when a batch is closed is the
 * policy's matter. A statement is in exactly one of: the open batch, a closed one, one being sent, or `left`.
 * Called by `Batcher`.
 *
 * @internal
 */
import type { BatchError, Item } from "../BatchError.js"
import type { BatchPolicy } from "../BatchPolicy.js"

/** What one `process` has done so far. */
export interface Run {
  statements: number
  sent: number
  batches: number
  bytes: number
  retries: number
  lastBatch: number
}

export const newRun = (): Run => ({ statements: 0, sent: 0, batches: 0, bytes: 0, retries: 0, lastBatch: -1 })

export interface Entry {
  /** Its place among all that was added; -1 until it is. */
  index: number
  readonly sql: string
  readonly params: ReadonlyArray<unknown>
  readonly bytes: number
  readonly run: Run | undefined
  /** Told once: nothing when it is applied, else why not. */
  readonly settled: ((failure: Failure | undefined) => void) | undefined
}

/** Why a statement was not applied: the error of its batch, and whether the statement itself was what failed. */
export interface Failure {
  readonly error: BatchError
  readonly isOwn: boolean
}

export interface Batch {
  readonly id: number
  readonly entries: ReadonlyArray<Entry>
  readonly bytes: number
}

export interface Left {
  readonly entry: Entry
  readonly outcome: "not-applied" | "unknown"
}

/** How a batch ended: each entry has one outcome. */
export interface Sent {
  readonly retries: number
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
  private closed: Array<Batch> = []
  private readonly sending = new Set<Batch>()
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
    let sending = 0
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
    const decision = this.policy.add(entry.bytes)
    const auto = this.autoFlush || entry.run !== undefined
    if (decision.closesBefore) this.shut(auto)
    this.open.push(entry)
    this.openBytes += entry.bytes
    if (decision.closesAfter) this.shut(auto)
    return decision.closesBefore || decision.closesAfter ? "full" : "added"
  }

  private shut(release: boolean): void {
    this.closed.push({ id: this.openId, entries: this.open, bytes: this.openBytes })
    if (release) this.released = this.openId
    this.openId++
    this.open = []
    this.openBytes = 0
  }

  // ---- batches ----

  /** Closes the open batch, and lets everything that is closed be sent. */
  release(): void {
    if (this.open.length > 0) {
      this.policy.close()
      this.shut(true)
    }
    this.released = this.openId - 1
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
    if (first === undefined || first.id > this.released) return undefined
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

  /** Takes the end of a batch: tells its statements, its flushers and, after a failure, everybody. */
  finish(batch: Batch, sent: Sent): void {
    this.sending.delete(batch)
    const { failure } = sent
    if (failure === undefined) {
      for (const entry of batch.entries) {
        if (entry.run !== undefined) tally(entry.run, batch, entry, sent)
        tally(this.totals, batch, entry, sent)
        entry.settled?.(undefined)
      }
    } else {
      this.failure ??= failure.error
      const left = new Set(failure.left.map((each) => each.entry))
      for (const entry of batch.entries) {
        if (!left.has(entry)) tally(this.totals, batch, entry, sent)
        entry.settled?.(left.has(entry) ? { error: failure.error, isOwn: entry === failure.failed } : undefined)
      }
      this.left.push(...failure.left)
    }
    this.wake()
    if (this.failure !== undefined) this.giveUp(this.failure)
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
      entry.settled?.({ error, isOwn: false })
    }
  }
}

const tally = (run: Run, batch: Batch, entry: Entry, sent: Sent): void => {
  run.sent++
  run.bytes += entry.bytes
  if (run.lastBatch === batch.id) return
  run.lastBatch = batch.id
  run.batches++
  run.retries += sent.retries
}

export const itemOf = (entry: Entry): Item => ({ index: entry.index, text: entry.sql })
