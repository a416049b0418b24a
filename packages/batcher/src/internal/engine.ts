/**
 * The engine of a batcher: the effects around its buffer.
 *
 * Batches are sent by fibers of its own, in the context in which the batcher was made: never in a producer's
 * transaction, and not stopped with the producer. Made by `Batcher`.
 *
 * @internal
 */
import type { Database } from "@sluice/core/Database"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import type * as Chunk from "effect/Chunk"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { Batcher, Item, Left, Report, State } from "../Batcher.js"
import { BatchError } from "../BatchError.js"
import type { BatchPolicy } from "../BatchPolicy.js"
import { type Buffer, type Entry, type Failure, newRun, type Offered, type Run } from "./buffer.js"
import { ofParameter } from "./bytes.js"
import * as Sending from "./sending.js"

export interface Settings extends Sending.Options {
  readonly autoFlush: boolean
  /** Milliseconds; Infinity is never. */
  readonly linger: number
  readonly closeTimeout: number
  readonly onLeft: ((left: Left) => Effect.Effect<void>) | undefined
}

type Problem = BatchError | SqlError.SqlError

export class Engine implements Batcher {
  private readonly fork: <A>(effect: Effect.Effect<A>) => Fiber.RuntimeFiber<A>
  private readonly started: number
  private readonly fibers = new Set<Fiber.RuntimeFiber<void>>()
  private timer: Fiber.RuntimeFiber<void> | undefined
  private openedAt = 0
  private openedId = -1
  private isPumping = false

  constructor(
    private readonly db: Database,
    private readonly buffer: Buffer,
    private readonly policy: BatchPolicy,
    private readonly settings: Settings,
    runtime: Runtime.Runtime<never>,
    private readonly clock: Clock.Clock
  ) {
    this.fork = Runtime.runFork(runtime)
    this.started = this.now()
  }

  // ---- the verbs ----

  readonly add = (statement: Item): Effect.Effect<boolean, Problem> =>
    Effect.suspend(() => {
      const entry = this.entryOf(statement, undefined, undefined)
      if (Either.isLeft(entry)) return Effect.fail(entry.left)
      return Effect.map(this.offer(entry.right), (answer) => answer === "full")
    })

  readonly addAwait = (statement: Item): Effect.Effect<void, Problem> =>
    Effect.suspend(() => {
      let outcome: { readonly failure: Failure | undefined } | undefined
      let wake: (() => void) | undefined
      const entry = this.entryOf(statement, undefined, (failure) => {
        outcome = { failure }
        wake?.()
      })
      if (Either.isLeft(entry)) return Effect.fail(entry.left)
      const result = (failure: Failure | undefined): Effect.Effect<void, Problem> =>
        failure === undefined ? Effect.void : Effect.fail(failure.isOwn ? failure.error.error : failure.error)
      const applied = Effect.async<void, Problem>((resume) => {
        wake = () => resume(result(outcome?.failure))
        if (outcome !== undefined) wake()
      })
      return Effect.flatMap(this.offer(entry.right), () => {
        if (this.settings.autoFlush && this.settings.linger === Number.POSITIVE_INFINITY && this.buffer.lingering !== undefined) this.arm(0)
        return applied
      })
    })

  readonly flush = Effect.fn("Batcher.flush")((): Effect.Effect<number, Problem> => this.flushed)

  readonly process: Batcher["process"] = <E = never, R = never>(
    statements: Stream.Stream<Item, E, R> | Iterable<Item>
  ): Effect.Effect<Report, E | Problem, R> =>
    Effect.withSpan(
      isStream(statements)
        ? Stream.run(statements, this.sink)
        : typeof statements === "string"
        // A text is an iterable too, of its characters.
        ? Effect.fail(notAList)
        : Stream.run(Stream.fromIterable(statements), this.sink),
      "Batcher.process"
    )

  readonly sink: Sink.Sink<Report, Item, never, Problem> = Sink.unwrap(Effect.sync(() => {
    const run = newRun()
    const since = this.now()
    return Sink.forEachChunk((chunk: Chunk.Chunk<Item>) => this.addAll(chunk, run)).pipe(
      Sink.mapEffect(() => Effect.map(this.flushed, () => this.reportOf(run, since)))
    )
  }))

  readonly state: Effect.Effect<State> = Effect.sync(() => ({
    ...this.buffer.counts(),
    left: this.buffer.left.length,
    failure: this.buffer.failure,
    isClosed: this.buffer.isClosed
  }))

  readonly report: Effect.Effect<Report> = Effect.sync(() => this.reportOf(this.buffer.totals, this.started))

  // ---- adding ----

  private entryOf(statement: Item, run: Run | undefined, settled: Entry["settled"]): Either.Either<Entry, Problem> {
    const refusal = this.refusal()
    if (refusal !== undefined) return Either.left(refusal)
    return Either.flatMap(this.compiled(statement), ([sql, params]) => {
      const text = this.policy.sizeOf(sql)
      const { limits, name } = this.db.dialect
      if (text > limits.maxStatementBytes) return Either.left(tooLarge(name, sql, "maxStatementBytes", limits.maxStatementBytes, text))
      if (params.length > limits.maxParameters) return Either.left(tooLarge(name, sql, "maxParameters", limits.maxParameters, params.length))
      let bytes = text
      for (const param of params) bytes += ofParameter(param)
      return Either.right({ index: -1, sql, params, bytes, run, settled })
    })
  }

  // A fragment becomes a statement of this database, so that its names and placeholders are this dialect's (law Q4).
  private compiled(statement: Item): Either.Either<readonly [string, ReadonlyArray<unknown>], SqlError.SqlError> {
    const { db } = this
    const compiled: ReturnType<typeof this.compiled> = typeof statement === "string"
      ? Either.right([statement, []])
      : Either.try({ try: () => db`${statement}`.compile(), catch: SqlError.refine })
    return Either.flatMap(compiled, (each) => each[0].trim().length === 0 ? Either.left(empty) : Either.right(each))
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
      return Effect.sync(() => this.buffer.withdraw(producer))
    })
  }

  private addAll(chunk: Chunk.Chunk<Item>, run: Run): Effect.Effect<void, Problem> {
    const items = chunk[Symbol.iterator]()
    const next: Effect.Effect<void, Problem> = Effect.suspend(() => {
      for (let item = items.next(); item.done !== true; item = items.next()) {
        const entry = this.entryOf(item.value, run, undefined)
        if (Either.isLeft(entry)) return Effect.fail(entry.left)
        const answer = this.buffer.offer(entry.right)
        if (answer === undefined) return Effect.zipRight(this.offer(entry.right), next)
        this.added(answer)
      }
      return Effect.void
    })
    return next
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
    for (let batch = this.buffer.next(); batch !== undefined; batch = this.buffer.next()) {
      const current = batch
      let hasEnded = false
      const fiber = this.fork(Sending.send(this.db, this.settings, current, (sent) => {
        hasEnded = true
        this.buffer.finish(current, sent)
      }))
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

  private readonly flushed: Effect.Effect<number, Problem> = Effect.suspend(() => {
    const refusal = this.refusal()
    return refusal === undefined ? this.drained : Effect.fail(refusal)
  })

  private readonly drained: Effect.Effect<number, Problem> = Effect.suspend(() => {
    const { pending, sending } = this.buffer.counts()
    this.buffer.release()
    return Effect.as(
      Effect.async<void, Problem>((resume) => {
        const flusher = this.buffer.await((answer) =>
          resume(answer === undefined ? Effect.void : Effect.fail(answer === "closed" ? closed() : answer)))
        this.pump()
        if (flusher === undefined) return resume(Effect.void)
        return Effect.sync(() => this.buffer.forget(flusher))
      }),
      pending + sending
    )
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
    return Effect.suspend(() => {
      const { buffer } = this
      buffer.isClosed = true
      const why = closing()
      // Producers that wait have added nothing; they are told, and so are flushers of what will not be sent.
      if (!flushes) buffer.giveUp(why, "closed")
      else buffer.refuseProducers()
      const ended = Effect.zipRight(Effect.ignore(this.drained), Effect.asVoid(Effect.suspend(() => Fiber.awaitAll([...this.fibers]))))
      const stop = Effect.suspend(() => {
        buffer.failure ??= why
        const timer = this.timer
        return Effect.zipRight(
          Fiber.interruptAll(timer === undefined ? [...this.fibers] : [...this.fibers, timer]),
          Effect.sync(() => buffer.giveUp(why, "closed"))
        )
      })
      const bounded = this.settings.closeTimeout === Number.POSITIVE_INFINITY
        ? ended
        : Effect.asVoid(Effect.timeoutOption(Effect.interruptible(ended), this.settings.closeTimeout))
      const failure = Effect.sync(() => buffer.failure)
      return Effect.zipRight(bounded, Effect.flatMap(failure, (error) => Effect.zipRight(stop, this.handOver(error))))
    })
  }

  private handOver(error: BatchError | undefined): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.buffer.left.length === 0) return Effect.void
      const statements = this.buffer.left.toSorted((a, b) => a.entry.index - b.entry.index).map(({ entry, outcome }) => ({
        index: entry.index,
        text: entry.sql,
        params: entry.params,
        outcome
      }))
      const { onLeft } = this.settings
      return onLeft === undefined
        ? Effect.logError(`a batcher was closed with ${statements.length} statements that were not applied, and no onLeft to take them`)
        : onLeft({ statements, error })
    })
  }

  private now(): number {
    return this.clock.unsafeCurrentTimeMillis()
  }

  private reportOf(run: Run, since: number): Report {
    const { batches, bytes, retries, sent, statements } = run
    return { statements, sent, batches, bytes, retries, milliseconds: this.now() - since }
  }
}

const isStream = <E, R>(u: Stream.Stream<Item, E, R> | Iterable<Item>): u is Stream.Stream<Item, E, R> =>
  typeof u === "object" && Stream.StreamTypeId in u

const closed = (): SqlError.SqlError =>
  SqlError.make(new Reason.ClosedError({ message: "the batcher is closed: its scope has ended", operation: "batch" }))

const closing = (): BatchError =>
  new BatchError({
    error: SqlError.make(new Reason.ClosedError({ message: "the batcher was closed before this was sent", operation: "batch" })),
    unit: "statements",
    counts: { applied: 0, notApplied: 0, unknown: 0 }
  })

const empty = SqlError.make(new Reason.ConfigError({ message: "statement is empty", field: "statement" }))

const notAList = SqlError.make(new Reason.ConfigError({ message: "statements must be an iterable of statements or a stream, was one text", field: "statements" }))

const tooLarge = (dialect: string, statement: string, limit: string, maximum: number, actual: number): SqlError.SqlError =>
  SqlError.make(new Reason.LimitError({ message: `${dialect} takes at most ${maximum} (${limit}) in one statement, this has ${actual}`, limit, maximum, actual, statement: statement.slice(0, 1_000) }))

