/**
 * The engine of a batcher: the effects around its buffer.
 *
 * Batches are sent by fibers of its own, in the context in which the batcher was made: never in a producer's
 * transaction, and not stopped with the producer. Made by `Batcher`.
 *
 * @internal
 */
import { inTime } from "@sluice/core/Bounded"
import type * as SqlError from "@sluice/core/SqlError"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { Item, LeftStatement, Metadata } from "../Batch.js"
import type { QueryCollector } from "../QueryCollector.js"
import type { Batcher, FlushOptions, Report, State } from "../Batcher.js"
import type { BatchError } from "../BatchError.js"
import { Buffer, type Entry, type Failure, type Offered } from "./buffer.js"
import { columnsOf, factorOf } from "./columns.js"
import { closed, elsewhere, ended, notAList, ofCommit, type Problem, withThose } from "./failures.js"
import { type Given, isArray, isStream } from "./given.js"
import { handOver } from "./handing.js"
import { Intake } from "./intake.js"
import { type About, newRun, type Run } from "./run.js"
import * as Sending from "./sending.js"
import type { Settings } from "./settings.js"
import { breath, turn } from "./turns.js"

export class Engine<A> implements Batcher<A> {
  private readonly fork: <B>(effect: Effect.Effect<B>) => Fiber.RuntimeFiber<B>
  private readonly started: number
  private readonly buffer: Buffer
  private readonly intake: Intake
  private readonly fibers = new Set<Fiber.RuntimeFiber<void>>()
  private timer: Fiber.RuntimeFiber<void> | undefined
  private openedAt = 0
  private openedId = -1
  private isPumping = false
  /** Of the first INSERT since the last flush. */
  private columns: number | undefined

  constructor(private readonly settings: Settings, runtime: Runtime.Runtime<never>) {
    this.fork = Runtime.runFork(runtime)
    this.started = this.now()
    this.buffer = new Buffer(settings.policy, settings.inFlight, settings.autoFlush)
    this.intake = new Intake(settings.way, settings.delimiter)
    this.rescale()
  }

  // ---- the verbs ----

  readonly add = (statement: Item): Effect.Effect<boolean, Problem> =>
    this.belonging(Effect.suspend(() => {
      const entry = this.entryOf(statement, undefined, undefined)
      return entry === undefined ? Effect.fail(this.why) : Effect.map(this.offer(entry), (answer) => answer === "full")
    }))

  readonly addAwait = (statement: Item): Effect.Effect<void, Problem> =>
    this.belonging(Effect.suspend(() => {
      let outcome: { readonly failure: Failure | undefined } | undefined
      let wake: (() => void) | undefined
      const entry = this.entryOf(statement, undefined, (failure) => {
        outcome = { failure }
        wake?.()
      })
      if (entry === undefined) return Effect.fail(this.why)
      const result = (failure: Failure | undefined): Effect.Effect<void, Problem> => failure === undefined ? Effect.void : Effect.fail(failure.error)
      const applied = Effect.async<void, Problem>((resume) => {
        wake = () => resume(result(outcome?.failure))
        if (outcome !== undefined) wake()
      })
      return Effect.flatMap(this.offer(entry), () => {
        const { autoFlush, linger, way } = this.settings
        if (autoFlush && linger === Number.POSITIVE_INFINITY && (this.buffer.lingering !== undefined || way.whole !== undefined)) this.arm(0)
        return applied
      })
    }))

  readonly flush = Effect.fn("Batcher.flush")((options?: FlushOptions): Effect.Effect<number, Problem> => this.flushed(options))

  readonly process: Batcher<A>["process"] = <E = never, R = never>(
    statements: Given<E, R>,
    metadata?: Metadata,
    collector?: QueryCollector
  ): Effect.Effect<Report, E | Problem, R> =>
    Effect.withSpan(
      Effect.suspend(() => {
        const run = newRun({ metadata, collector })
        const since = this.now()
        return Effect.map(this.ran(statements, run), () => this.reportOf(run, since))
      }),
      "Batcher.process"
    )

  readonly processBatch: Batcher<A>["processBatch"] = <E = never, R = never>(
    statements: Given<E, R>,
    metadata?: Metadata,
    collector?: QueryCollector
  ): Effect.Effect<ReadonlyArray<A>, E | Problem, R> =>
    Effect.withSpan(
      Effect.suspend(() => {
        const answers: NonNullable<Run["answers"]> = []
        const run = newRun({ metadata, collector }, answers)
        // Batches that overtook each other come back in the order of their statements. What a callback answers has its type.
        return Effect.map(this.ran(statements, run), () => answers.toSorted((a, b) => a.batch - b.batch).flatMap((each) => each.results) as Array<A>)
      }),
      "Batcher.processBatch"
    )

  readonly processStream: Batcher<A>["processStream"] = (statements, metadata, collector) => this.processBatch(statements, metadata, collector)

  readonly sink: Sink.Sink<Report, Item, never, Problem> = Sink.unwrap(Effect.sync(() => {
    const run = newRun()
    const since = this.now()
    return Sink.mapEffect(this.into(run), () => Effect.map(this.flushed(undefined), () => this.reportOf(run, since)))
  }))

  readonly state: Effect.Effect<State> = Effect.sync(() => ({
    ...this.buffer.counts(),
    left: this.buffer.left.length,
    columns: this.columns,
    factor: this.settings.policy.factor,
    limit: this.settings.policy.limit,
    failure: this.buffer.failure,
    isClosed: this.buffer.isClosed
  }))

  readonly report: Effect.Effect<Report> = Effect.sync(() => this.reportOf(this.buffer.totals, this.started))

  readonly reset: Effect.Effect<ReadonlyArray<LeftStatement>> = Effect.sync(() => {
    const entries = this.buffer.reset(ended("the statement was discarded by reset before it was sent"))
    this.forget()
    return entries.map(({ index, params, text }) => ({ index, text, params, outcome: "not-applied" as const }))
  })

  // What was added has values of users in it, and is nobody's business who prints a batcher (law E4).
  toJSON(): unknown {
    return { _id: "@sluice/batcher/Batcher", ...this.buffer.counts(), isClosed: this.buffer.isClosed }
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  // ---- adding ----

  /** A statement that is added in a transaction must be one of it: it would be sent on another connection. */
  private belonging<B, E>(effect: Effect.Effect<B, E>): Effect.Effect<B, E | SqlError.SqlError> {
    const { db, isDetached, own } = this.settings
    return db === undefined || isDetached ? effect : Effect.flatMap(db.transactionOption, (current): Effect.Effect<B, E | SqlError.SqlError> =>
      Option.isNone(current) || current.value === own ? effect : Effect.fail(elsewhere(own !== undefined)))
  }

  /** The entry of a statement; or nothing, and `why` says why. */
  private entryOf(statement: Item, run: Run | undefined, settled: Entry["settled"]): Entry | undefined {
    if (this.buffer.isClosed || this.buffer.failure !== undefined) return undefined
    const entry = this.intake.entry(statement, run, settled)
    if (entry !== undefined && this.settings.adjustment !== undefined && this.columns === undefined) this.adjust(entry.text)
    return entry
  }

  private get why(): Problem {
    return this.refusal() ?? this.intake.refusal
  }

  private adjust(text: string): void {
    this.columns = columnsOf(text, this.intake.dialect.lexicon)
    if (this.columns !== undefined) this.rescale()
  }

  private rescale(): void {
    const { adapting, adjustment, policy } = this.settings
    const factor = this.columns === undefined || adjustment === undefined ? 1 : factorOf(this.columns, adjustment.reference, adjustment.least, adjustment.most)
    policy.scale(factor * (adapting?.share ?? 1))
  }

  private forget(): void {
    if (this.columns === undefined) return
    this.columns = undefined
    this.rescale()
  }

  private offer(entry: Entry): Effect.Effect<Offered, Problem> {
    const answer = this.buffer.offer(entry)
    if (answer !== undefined) {
      this.added(answer)
      return Effect.succeed(answer)
    }
    return Effect.async<Offered, Problem>((resume) => {
      const producer = {
        entry,
        resume: (answer: Offered | BatchError | "closed") =>
          resume(answer === "added" || answer === "full" ? Effect.succeed(answer) : Effect.fail(answer === "closed" ? closed() : answer))
      }
      this.buffer.wait(producer)
      if (entry.run !== undefined) this.pump()
      return Effect.sync(() => this.buffer.withdraw(producer))
    })
  }

  private ran<E, R>(statements: Given<E, R>, run: Run): Effect.Effect<unknown, E | Problem, R> {
    // A text is an iterable too, of its characters.
    if (typeof statements === "string") return Effect.fail(notAList)
    const added: Effect.Effect<void, E | Problem, R> = isStream(statements)
      ? Stream.run(statements, this.into(run))
      : this.belonging(isArray(statements) ? this.addAll(statements, run) : this.addEach(statements[Symbol.iterator](), run))
    return Effect.zipRight(added, this.flushed(run.about))
  }

  private into(run: Run): Sink.Sink<void, Item, never, Problem> {
    return Sink.unwrap(Effect.as(this.belonging(Effect.void), Sink.forEachChunk((chunk: Chunk.Chunk<Item>) => this.addAll(Chunk.toReadonlyArray(chunk), run))))
  }

  /** No Effect per statement: the loop is left only where the buffer is full, and where others had no turn for long. */
  private addAll(items: ReadonlyArray<Item>, run: Run): Effect.Effect<void, Problem> {
    let at = 0
    const next: Effect.Effect<void, Problem> = Effect.suspend(() => {
      for (const end = Math.min(at + turn, items.length); at < end;) {
        const entry = this.entryOf(items[at++]!, run, undefined)
        if (entry === undefined) return Effect.fail(this.why)
        const answer = this.buffer.offer(entry)
        if (answer === undefined) return Effect.zipRight(this.offer(entry), next)
        this.added(answer)
      }
      return at === items.length ? Effect.void : Effect.zipRight(breath, next)
    })
    return next
  }

  /** What is no array is taken from its iterator turn by turn. */
  private addEach(items: Iterator<Item>, run: Run): Effect.Effect<void, Problem> {
    return Effect.suspend(() => {
      const part: Array<Item> = []
      for (let item = items.next(); item.done !== true; item = items.next()) {
        part.push(item.value)
        if (part.length === turn) break
      }
      return part.length < turn ? this.addAll(part, run) : Effect.zipRight(this.addAll(part, run), this.addEach(items, run))
    })
  }

  private added(answer: Offered): void {
    if (answer === "full") this.pump()
    if (this.settings.linger < Number.POSITIVE_INFINITY) this.linger()
  }

  private refusal(): Problem | undefined {
    return this.buffer.isClosed ? closed() : this.buffer.failure
  }

  // ---- sending ----

  private pump(): void {
    // A database that answers at once ends a batch inside of this loop, which then goes on by itself.
    if (this.isPumping) return
    this.isPumping = true
    const { adapting, policy, way: { whole } } = this.settings
    for (let batch = this.buffer.next(); batch !== undefined; batch = this.buffer.next()) {
      const current = batch
      let hasEnded = false
      const settle: Sending.Settle = (sent, pace) => {
        hasEnded = true
        if (adapting?.observe(current.bytes, policy.limit, pace) === true) this.rescale()
        if (whole === undefined) this.buffer.finish(current, sent)
        else if (sent.failure === undefined) this.buffer.hold(current, sent)
        else {
          this.buffer.failure ??= withThose(sent.failure.error, this.buffer.waitingForCommit, "not-applied")
          this.buffer.undo(current, sent, this.buffer.failure)
        }
      }
      const fiber = this.fork(whole === undefined
        ? Effect.uninterruptibleMask((restore) => Sending.send(this.settings, current, settle, restore))
        // Where a dead letter failed, and no statement, the transaction is still open: nobody may commit it.
        : whole.turn((restore) => Effect.zipRight(Sending.send(this.settings, current, settle, restore), Effect.suspend(() => this.buffer.failure === undefined ? Effect.void : whole.dropped))))
      if (hasEnded) continue
      this.fibers.add(fiber)
      fiber.addObserver(() => {
        this.fibers.delete(fiber)
        this.pump()
      })
    }
    this.isPumping = false
    if (this.settings.linger < Number.POSITIVE_INFINITY) this.linger()
  }

  private flushed(about: About | undefined): Effect.Effect<number, Problem> {
    return Effect.suspend(() => {
      const refusal = this.refusal()
      return refusal === undefined ? this.drained(about) : Effect.fail(refusal)
    })
  }

  private drained(about: About | undefined): Effect.Effect<number, Problem> {
    return Effect.suspend(() => {
      const { pending, sending } = this.buffer.counts()
      this.buffer.release(about)
      this.forget()
      const sent = Effect.async<void, Problem>((resume) => {
        const flusher = this.buffer.await((answer) => resume(answer === undefined ? Effect.void : Effect.fail(answer === "closed" ? closed() : answer)))
        this.pump()
        if (flusher === undefined) return resume(Effect.void)
        return Effect.sync(() => this.buffer.forget(flusher))
      })
      return Effect.as(this.settings.way.whole === undefined ? sent : Effect.zipRight(sent, this.committed), pending + sending)
    })
  }

  /** For the transaction in which it was made: what was added belongs to it. */
  readonly flushedBeforeCommit: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() =>
    this.buffer.isClosed ? Effect.void : Effect.asVoid(Effect.mapError(this.flushed(undefined), (error) => error._tag === "BatchError" ? error.error : error)))

  /** Commits what was sent in the one transaction, and tells those who wait for it. */
  private readonly committed: Effect.Effect<void, Problem> = Effect.suspend(() => {
    const { whole } = this.settings.way
    if (whole === undefined) return Effect.void
    let failure: BatchError | undefined
    const told = (error: SqlError.SqlError | undefined): void => {
      if (error === undefined) return this.buffer.committed()
      const outcome = error.outcome === "unknown" ? "unknown" : "not-applied"
      failure = withThose(ofCommit(error), this.buffer.waitingForCommit, outcome)
      this.buffer.failure ??= failure
      this.buffer.uncommit(failure, outcome)
    }
    return Effect.mapError(whole.commit(told), (error) => failure ?? ofCommit(error))
  })

  // ---- the linger ----

  private linger(): void {
    const id = this.buffer.lingering
    if (id === undefined || id === this.openedId) return
    this.openedId = id
    this.openedAt = this.now()
    // One timer at a time: one that wakes for a batch that is gone sleeps again for the one that is there.
    if (this.timer === undefined) this.arm(this.settings.linger)
  }

  private arm(delay: number): void {
    if (this.timer !== undefined) return
    // Without a delay it wakes after everything that is ready to run now, and may be added.
    const sleep = delay === 0 ? Effect.yieldNow({ priority: 10 }) : Effect.sleep(delay)
    this.timer = this.fork(Effect.map(sleep, () => {
      this.timer = undefined
      if (delay === 0 && this.settings.way.whole !== undefined) return void this.fork(Effect.ignore(this.drained(undefined)))
      if (this.buffer.lingering === undefined || this.buffer.isClosed) return
      const rest = delay === 0 ? 0 : this.openedAt + this.settings.linger - this.now()
      if (rest > 0) return this.arm(rest)
      this.buffer.release()
      this.pump()
    }))
  }

  // ---- the end ----

  /** Ends the batcher: uninterruptible, within `closeTimeout`, and with every statement applied or handed over. */
  close(flushes: boolean): Effect.Effect<void> {
    const { buffer, settings } = this
    return Effect.suspend(() => {
      const why = ended("the batcher was closed before this was sent")
      buffer.isClosed = true
      // Producers that wait have added nothing; they are told, and so are flushers of what will not be sent.
      if (flushes) buffer.refuseProducers()
      else buffer.giveUp(why, "closed")
      const sent = flushes ? Effect.ignore(this.drained(undefined)) : Effect.void
      const done = Effect.zipRight(sent, Effect.asVoid(Effect.suspend(() => Fiber.awaitAll([...this.fibers]))))
      return Effect.zipRight(inTime(done, settings.closeTimeout), Effect.suspend(() => {
        const error = buffer.failure
        return Effect.zipRight(this.stopped(why), handOver(settings, buffer.left, error))
      }))
    })
  }

  private stopped(why: BatchError): Effect.Effect<void> {
    const { buffer, settings } = this
    buffer.failure ??= why
    const fibers = this.timer === undefined ? [...this.fibers] : [...this.fibers, this.timer]
    return Fiber.interruptAll(fibers).pipe(
      Effect.zipRight(settings.way.whole?.rollback ?? Effect.void),
      Effect.zipRight(Effect.sync(() => {
        buffer.uncommit(why, "not-applied")
        buffer.giveUp(why, "closed")
      }))
    )
  }

  private now(): number {
    return this.settings.clock.unsafeCurrentTimeMillis()
  }

  private reportOf(run: Run, since: number): Report {
    const { batches, bytes, deadLettered, retries, rowsMerged, sent, statements } = run
    return { statements, sent, batches, bytes, rowsMerged, deadLettered, retries, milliseconds: this.now() - since }
  }
}
