/**
 * Lending: acts on what the pool's `State` decides. It opens, hands out, takes back, settles, resets and closes.
 *
 * It decides nothing about who comes next (that is `State`). An idle hit (`take`) and a clean hand-back (`release`) are
 * synchronous. Called by `Pool`, and by the path of every query.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { Connection } from "../../Connection.js"
import type { Options, Stats } from "../../Pool.js"
import * as Reason from "../../Reason.js"
import * as Retry from "../../Retry.js"
import * as SqlError from "../../SqlError.js"
import type { Settings } from "./config.js"
import { housekeeping } from "./housekeeping.js"
import { type Entry, State, Waiter } from "./State.js"

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export class Lending<C extends Connection> {
  readonly state: State<C>
  readonly counters = {
    acquired: 0,
    waited: 0,
    timeouts: 0,
    opened: 0,
    closed: 0,
    connectFailures: 0,
    closeFailures: 0,
    resets: 0,
    rolledBack: 0,
    settled: 0,
    leaks: 0
  }
  private readonly background = new Set<Fiber.RuntimeFiber<unknown, unknown>>()
  private readonly failures = new WeakMap<Waiter<C>, SqlError.SqlError>()
  private lastConnectFailure: SqlError.SqlError | undefined = undefined
  private backingOff = false
  private backoff: Schedule.ScheduleDriver<unknown> | undefined = undefined
  private watchingDeadlines = false
  private stuckSince: number | undefined = undefined
  private drained: Deferred.Deferred<void> | undefined = undefined

  constructor(
    readonly options: Options<C>,
    readonly settings: Settings,
    private readonly runtime: Runtime.Runtime<never>,
    readonly clock: Clock.Clock
  ) {
    this.state = new State<C>(settings, (connection) => !connection.isClosed)
  }

  get now(): number {
    return this.clock.unsafeCurrentTimeMillis()
  }

  stats(): Stats {
    return { ...this.counts(), max: this.settings.max, ...this.counters }
  }

  counts(): Reason.PoolCounts {
    const { connecting, idle, lent, retired, size, waiting } = this.state
    return { size, idle: idle.length, lent: lent.size, connecting, waiting, retired }
  }

  // ---- borrowing ----

  /** An idle connection that needs no ping, at once; `undefined` where the borrower must go the long way. */
  take(): Entry<C> | undefined {
    const idle = this.state.idle
    const candidate = idle[idle.length - 1]
    if (candidate === undefined || this.state.closed) return undefined
    const now = this.now
    if (now - candidate.checkedAt > this.settings.validateAfter || !this.state.isCurrent(candidate, now)) return undefined
    const entry = this.state.take(now)
    if (entry !== undefined) this.counters.acquired++
    return entry
  }

  /** The long way: validate, open, or queue. To be called where interruption is masked; only the waiting is restored. */
  acquire(restore: Restore): Effect.Effect<Entry<C>, SqlError.SqlError> {
    return Effect.suspend(() => this.attempt(restore, this.now + this.settings.acquireTimeout, false))
  }

  private attempt(restore: Restore, deadline: number, ahead: boolean): Effect.Effect<Entry<C>, SqlError.SqlError> {
    if (this.state.closed) return SqlError.fail(this.closedReason())
    if (this.stuckSince !== undefined) return SqlError.fail(this.stuckReason())
    const now = this.now
    for (let entry = this.state.take(now); entry !== undefined; entry = this.state.take(now)) {
      if (!this.state.isCurrent(entry, now)) this.discard(entry, "graceful")
      else if (now - entry.checkedAt > this.settings.validateAfter) return this.validate(restore, entry, deadline)
      else {
        this.counters.acquired++
        return Effect.succeed(entry)
      }
    }
    return this.queue(restore, deadline, ahead)
  }

  // A dead connection costs the borrower its ping, not its place in the queue.
  private validate(restore: Restore, entry: Entry<C>, deadline: number): Effect.Effect<Entry<C>, SqlError.SqlError> {
    const again = (): Effect.Effect<Entry<C>, SqlError.SqlError> => {
      this.discard(entry, "destroy")
      return this.now >= deadline ? SqlError.fail(this.timeoutReason()) : this.attempt(restore, deadline, true)
    }
    return restore(Effect.timeoutOption(Effect.interruptible(entry.connection.ping), Math.max(1, deadline - this.now))).pipe(
      Effect.matchCauseEffect({
        onSuccess: Option.match({
          onNone: again,
          onSome: () => {
            this.counters.acquired++
            return Effect.succeed(entry)
          }
        }),
        onFailure: (cause) => {
          if (!Cause.isInterrupted(cause)) return again()
          this.abandon(entry)
          return Effect.failCause(cause as Cause.Cause<never>)
        }
      })
    )
  }

  private queue(restore: Restore, deadline: number, ahead: boolean): Effect.Effect<Entry<C>, SqlError.SqlError> {
    return Effect.suspend(() => {
      let resume: (effect: Effect.Effect<Entry<C>, SqlError.SqlError>) => void = () => {}
      const waiter = new Waiter<C>(deadline, () =>
        resume(
          waiter.entry === undefined
            ? Effect.fail(this.failures.get(waiter) ?? SqlError.make(this.closedReason()))
            : Effect.succeed(waiter.entry)
        ))
      const wait = Effect.async<Entry<C>, SqlError.SqlError>((callback) => {
        resume = callback
        this.state.wait(waiter, ahead)
        this.watchDeadlines()
        this.connectOnDemand()
      })
      return Effect.catchAllCause(restore(wait), (cause) => {
        // Woken and interrupted at once: the connection was ours already.
        if (waiter.entry === undefined) this.state.leave(waiter)
        else this.release(waiter.entry)
        return Effect.failCause(cause)
      })
    })
  }

  private wake(waiter: Waiter<C>): void {
    this.counters.acquired++
    this.counters.waited++
    waiter.wake()
  }

  private refuse(waiters: ReadonlyArray<Waiter<C>>, reason: () => Reason.Reason): void {
    for (const waiter of waiters) {
      this.failures.set(waiter, SqlError.make(reason()))
      waiter.wake()
    }
  }

  // One timer for the whole queue, armed when a borrower queues: deadlines are in the order of the queue.
  private watchDeadlines(): void {
    if (this.watchingDeadlines || !Number.isFinite(this.settings.acquireTimeout)) return
    this.watchingDeadlines = true
    const watch: Effect.Effect<void> = Effect.suspend(() => {
      const overdue = this.state.overdue(this.now)
      this.counters.timeouts += overdue.length
      this.refuse(overdue, () => this.timeoutReason())
      const next = this.state.nextDeadline()
      if (next === undefined) {
        this.watchingDeadlines = false
        return Effect.void
      }
      return Effect.zipRight(Effect.sleep(Math.max(1, next - this.now)), watch)
    })
    this.fork(watch)
  }

  // ---- opening ----

  /** Opens what is waited for and what `min` lacks. While connecting fails, one backoff serves all borrowers (law P8). */
  connectOnDemand(): void {
    if (this.backingOff) return
    for (let n = this.state.demand(); n > 0; n--) {
      this.state.opening()
      this.fork(this.openOne)
    }
  }

  private get openOne(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const generation = this.state.generation
      return Effect.matchCauseEffect(this.connect, {
        onSuccess: (connection) => Effect.sync(() => this.opened(connection, generation)),
        onFailure: (cause) => Effect.suspend(() => this.openFailed(failureOf(cause)))
      })
    })
  }

  private get connect(): Effect.Effect<C, SqlError.SqlError> {
    const { acquireTimeout } = this.settings
    return Number.isFinite(acquireTimeout)
      ? Effect.timeoutFail(this.options.connect, {
        duration: acquireTimeout,
        onTimeout: () =>
          SqlError.make(
            new Reason.ConnectionError({
              message: `${this.options.name}: connecting took longer than ${acquireTimeout} ms`,
              operation: "connect",
              outcome: "not-applied"
            })
          )
      })
      : this.options.connect
  }

  private opened(connection: C, generation: number): void {
    const { jitter, maxLifetime } = this.settings
    const now = this.now
    const lifetime = Number.isFinite(maxLifetime) ? maxLifetime * (1 - jitter * Math.random()) : maxLifetime
    const entry = this.state.opened(connection, now, now + lifetime, generation)
    this.counters.opened++
    this.backoff = undefined
    this.lastConnectFailure = undefined
    this.release(entry)
    this.connectOnDemand()
  }

  private openFailed(error: SqlError.SqlError): Effect.Effect<void> {
    this.state.openFailed()
    this.counters.connectFailures++
    this.lastConnectFailure = error
    // What a second attempt cannot mend (a wrong password) is told to those who wait, when nothing else can serve them.
    if (!error.isRetryable && this.state.size === this.state.connecting) {
      for (const waiter of this.state.dismiss()) {
        this.failures.set(waiter, error)
        waiter.wake()
      }
      return Effect.void
    }
    if (this.backingOff || this.state.closed) return Effect.void
    this.backingOff = true
    return Effect.flatMap(
      this.backoff === undefined ? Schedule.driver(Retry.connect) : Effect.succeed(this.backoff),
      (driver) => {
        this.backoff = driver
        return Effect.ensuring(
          Effect.ignore(driver.next(error)),
          Effect.sync(() => {
            this.backingOff = false
            this.connectOnDemand()
          })
        )
      }
    )
  }

  // ---- handing back ----

  /** Takes a connection back. Synchronous when it is clean; else it is cleaned in the background first (law P4). */
  release(entry: Entry<C>): void {
    if (entry.status !== "lent") return
    const connection = entry.connection
    entry.place = undefined
    if (entry.reported) this.returnedLate(entry)
    if (connection.isClosed) this.discard(entry, "destroy")
    else if (connection.transaction !== "none" || entry.dirty) this.fork(this.recycle(entry))
    else this.handOver(entry)
  }

  private handOver(entry: Entry<C>): void {
    const now = this.now
    if (this.state.closed || !this.state.isCurrent(entry, now)) return this.discard(entry, "graceful")
    if (this.settings.reset === "always") entry.dirty = true
    const waiter = this.state.give(entry, now)
    if (waiter !== undefined) this.wake(waiter)
  }

  private recycle(entry: Entry<C>): Effect.Effect<void> {
    const connection = entry.connection
    return Effect.gen(this, function*() {
      if (connection.transaction !== "none") {
        this.counters.rolledBack++
        yield* connection.rollback
      }
      if (entry.dirty) {
        this.counters.resets++
        yield* connection.reset
        entry.dirty = false
      }
    }).pipe(
      Effect.timeout(this.settings.cancelTimeout),
      Effect.matchCause({
        onSuccess: () => this.handOver(entry),
        onFailure: () => this.discard(entry, "destroy")
      })
    )
  }

  /** Takes back a connection whose statement was interrupted: it is settled first, in the background (law S5). */
  abandon(entry: Entry<C>, before: Effect.Effect<void> = Effect.void): void {
    this.fork(Effect.flatMap(this.settle(entry), (usable) =>
      usable ? Effect.ensuring(before, Effect.sync(() => this.release(entry))) : Effect.void))
  }

  /** Waits until the server is surely done with an interrupted statement. `false`: the connection was destroyed. */
  settle(entry: Entry<C>): Effect.Effect<boolean> {
    const usable = Effect.matchCause(entry.connection.settle, { onSuccess: () => true, onFailure: () => false })
    return Effect.gen(this, function*() {
      this.counters.settled++
      const fiber = yield* Effect.forkDaemon(usable)
      let settled = yield* Effect.timeoutOption(Fiber.join(fiber), this.settings.cancelTimeout)
      if (Option.isNone(settled) && this.options.irreplaceable !== undefined) {
        this.stuckSince = this.now - this.settings.cancelTimeout
        this.refuse(this.state.dismiss(), () => this.stuckReason())
        settled = Option.some(yield* Fiber.join(fiber))
        this.stuckSince = undefined
      }
      if (Option.getOrElse(settled, () => false)) return true
      this.discard(entry, "destroy")
      return false
    })
  }

  /** Takes a connection out of the pool for good and opens another where one is waited for. */
  discard(entry: Entry<C>, how: "graceful" | "destroy"): void {
    if (entry.status === "gone") return
    this.state.remove(entry)
    this.fork(Effect.ensuring(
      Effect.catchAllCause(entry.connection.close(how), (cause) =>
        Effect.sync(() => {
          this.counters.closeFailures++
        }).pipe(Effect.zipRight(Effect.logDebug(`${this.options.name}: closing a connection failed`, cause)))),
      Effect.sync(() => {
        this.counters.closed++
        this.state.ended()
        this.checkDrained()
        this.connectOnDemand()
      })
    ))
    this.connectOnDemand()
  }

  // ---- verbs of the public pool ----

  use<A, E, R>(f: (connection: C) => Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError.SqlError, R> {
    return Effect.uninterruptibleMask((restore) => {
      const entry = this.take()
      return entry === undefined
        ? Effect.flatMap(this.acquire(restore), (entry) => this.lend(entry, restore, f))
        : this.lend(entry, restore, f)
    })
  }

  private lend<A, E, R>(entry: Entry<C>, restore: Restore, f: (connection: C) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    this.track(entry)
    return Effect.matchCauseEffect(restore(Effect.suspend(() => f(entry.connection))), {
      onSuccess: (value) => {
        this.release(entry)
        return Effect.succeed(value)
      },
      onFailure: (cause) => {
        if (Cause.isInterrupted(cause)) this.abandon(entry)
        else this.release(entry)
        return Effect.failCause(cause)
      }
    })
  }

  get get(): Effect.Effect<C, SqlError.SqlError, Scope.Scope> {
    return Effect.map(this.scoped(), (entry) => entry.connection)
  }

  /** A lease until the scope closes, to be reset afterwards. */
  scoped(): Effect.Effect<Entry<C>, SqlError.SqlError, Scope.Scope> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const entry = this.take()
        return Effect.tap(entry === undefined ? this.acquire(restore) : Effect.succeed(entry), (entry) => {
          this.track(entry)
          entry.dirty = true
          return Effect.addFinalizer((exit) =>
            Effect.sync(() => Exit.isInterrupted(exit) ? this.abandon(entry) : this.release(entry))
          )
        })
      })
    )
  }

  get clear(): Effect.Effect<void> {
    return Effect.sync(() => {
      this.state.nextGeneration()
      for (const entry of [...this.state.idle]) this.discard(entry, "graceful")
    })
  }

  // ---- leaks ----

  /** Notes where a lease is taken, when leaks are looked for. A stack costs microseconds, so never otherwise. */
  track(entry: Entry<C>, place?: string): void {
    if (!Number.isFinite(this.settings.leakAfter)) return
    entry.place = place ?? new Error().stack?.split("\n").slice(2).join("\n")
  }

  reportLeaks(now: number): void {
    for (const entry of this.state.lent) {
      if (entry.reported || entry.place === undefined || now - entry.lentAt < this.settings.leakAfter) continue
      entry.reported = true
      this.counters.leaks++
      this.fork(Effect.logWarning(
        `${this.options.name}: a connection is held for ${now - entry.lentAt} ms, longer than leakAfter; it was taken\n${entry.place}`
      ))
    }
  }

  private returnedLate(entry: Entry<C>): void {
    entry.reported = false
    this.fork(Effect.logInfo(`${this.options.name}: the connection that was held for too long came back after ${this.now - entry.lentAt} ms`))
  }

  // ---- opening and closing the pool ----

  get open(): Effect.Effect<void, SqlError.SqlError> {
    return Effect.suspend(() => {
      this.fork(housekeeping(this))
      if (this.settings.lazy) return Effect.void
      this.connectOnDemand()
      return Effect.uninterruptibleMask((restore) => Effect.map(this.acquire(restore), (entry) => this.release(entry))).pipe(
        // Who builds the layer wants to read why connecting failed, not that it failed for thirty seconds.
        Effect.mapError((error) => error.reason._tag === "PoolTimeoutError" ? this.lastConnectFailure ?? error : error)
      )
    })
  }

  get close(): Effect.Effect<void> {
    return Effect.gen(this, function*() {
      const { state } = this
      state.closed = true
      this.refuse(state.dismiss(), () => this.closedReason())
      for (const entry of [...state.idle]) this.discard(entry, "graceful")
      const drained = yield* Deferred.make<void>()
      this.drained = drained
      this.checkDrained()
      // A finalizer is not interruptible, and a timeout only ends what is.
      const end = Effect.interruptible(Deferred.await(drained))
      yield* Effect.timeoutOption(end, this.settings.closeTimeout)
      for (const entry of [...state.lent]) this.discard(entry, "destroy")
      yield* Effect.timeoutOption(end, this.settings.cancelTimeout)
      yield* Fiber.interruptAll([...this.background])
    })
  }

  private checkDrained(): void {
    const { connecting, lent, retired } = this.state
    if (this.drained !== undefined && lent.size + retired + connecting === 0) Deferred.unsafeDone(this.drained, Exit.void)
  }

  /** Runs pool work beside its borrowers; what is left of it ends with the pool. */
  fork(effect: Effect.Effect<unknown>): void {
    const fiber = Runtime.runFork(this.runtime)(effect)
    if (fiber.unsafePoll() !== null) return
    this.background.add(fiber)
    fiber.addObserver(() => this.background.delete(fiber))
  }

  // ---- reasons ----

  private closedReason(): Reason.ClosedError {
    return new Reason.ClosedError({ message: `${this.options.name} is closed`, operation: "acquire" })
  }

  private timeoutReason(): Reason.PoolTimeoutError {
    const counts = this.counts()
    const last = this.lastConnectFailure
    return new Reason.PoolTimeoutError({
      message: `${this.options.name}: no connection within ${this.settings.acquireTimeout} ms ` +
        `(max ${this.settings.max}, lent ${counts.lent}, idle ${counts.idle}, connecting ${counts.connecting}, waiting ${counts.waiting})` +
        (last === undefined ? "" : `; the last connecting failed with ${last.message}`),
      operation: "acquire",
      counts,
      lastConnectFailure: last?.message,
      cause: last
    })
  }

  private stuckReason(): Reason.StatementTimeoutError {
    return new Reason.StatementTimeoutError({
      message: `${this.options.name}: an interrupted statement has been running for ${this.now - (this.stuckSince ?? this.now)} ms ` +
        `and cannot be stopped within its step; ${this.options.irreplaceable ?? ""}`,
      operation: "acquire",
      timeout: "worker",
      outcome: "not-applied"
    })
  }
}

const failureOf = (cause: Cause.Cause<SqlError.SqlError>): SqlError.SqlError =>
  Option.getOrElse(Cause.failureOption(cause), () => SqlError.refine(Cause.squash(cause)))
