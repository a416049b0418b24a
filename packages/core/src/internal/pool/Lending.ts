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
import * as Runtime from "effect/Runtime"
import type { Connection } from "../../Connection.js"
import type { Options, Stats } from "../../Pool.js"
import type * as Reason from "../../Reason.js"
import * as SqlError from "../../SqlError.js"
import { Hooks } from "../errorHook/Hooks.js"
import { bounded } from "../../Bounded.js"
import { recycle, settle } from "./cleaning.js"
import type { Settings } from "./config.js"
import { housekeeping } from "./housekeeping.js"
import { Lanes } from "./Lanes.js"
import { Leaks } from "./Leaks.js"
import type { Observer } from "./Observer.js"
import { Opening } from "./Opening.js"
import * as refusals from "./refusals.js"
import { type Entry, State, Waiter } from "./State.js"

export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export class Lending<C extends Connection> {
  readonly state: State<C>
  readonly counters = {
    acquired: 0,
    pipelined: 0,
    waited: 0,
    timeouts: 0,
    opened: 0,
    closed: 0,
    closeFailures: 0,
    resets: 0,
    rolledBack: 0,
    settled: 0
  }
  private readonly background = new Set<Fiber.RuntimeFiber<unknown, unknown>>()
  private readonly opening: Opening<C>
  readonly leaks: Leaks<C>
  /** Leases that single statements share; `undefined` where they share none. */
  readonly lanes: Lanes<C> | undefined
  /** Who is told of errors; `undefined` where nobody is. */
  readonly hooks: Hooks | undefined
  private watchingDeadlines = false
  /** Since when a statement does not end whose connection cannot be replaced. */
  stuckSince: number | undefined = undefined
  private drained: Deferred.Deferred<void> | undefined = undefined

  constructor(
    readonly options: Options<C>,
    readonly settings: Settings,
    private readonly runtime: Runtime.Runtime<never>,
    readonly clock: Clock.Clock,
    readonly observer: Observer | undefined
  ) {
    this.state = new State<C>(settings, (connection) => !connection.isClosed)
    this.lanes = settings.lanes > 0 ? new Lanes(this, settings.lanes) : undefined
    this.hooks = Hooks.of({ name: options.name, counts: () => this.counts() }, options.dialect, runtime)
    this.leaks = new Leaks(options.name, settings.leakAfter, (effect) => this.fork(effect))
    this.opening = new Opening(options, settings, this.state, {
      fork: (effect) => this.fork(effect),
      opened: (connection, generation, milliseconds) => this.opened(connection, generation, milliseconds),
      left: (connection) => {
        this.counters.opened++
        this.state.openedInVain()
        this.end(connection, "destroy")
      },
      failed: (error, attempt) => this.hooks?.tell(error, { phase: "connect", attempt }),
      refuse: (error, whom) => this.refuse(whom === "all" ? this.state.dismiss() : this.state.dismissImpatient(), () => error)
    })
  }

  get now(): number {
    return this.clock.unsafeCurrentTimeMillis()
  }

  stats(): Stats {
    return { ...this.counts(), max: this.settings.max, connectFailures: this.opening.failures, leaks: this.leaks.count, ...this.counters }
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
    this.observe()
    return entry
  }

  private observe(): void {
    this.observer?.counts(this.state.idle.length, this.state.lent.size, this.state.waiting)
  }

  /** The long way: validate, open, or queue. To be called as it is run, where interruption is masked; only the waiting is restored. */
  acquire(restore: Restore, deadline = this.now + this.settings.acquireTimeout, kind: Waiter<C>["kind"] = "plain"): Effect.Effect<Entry<C>, SqlError.SqlError> {
    const { hooks, observer } = this
    const start = this.now
    const attempted = this.attempt(restore, deadline, false, kind)
    const lease = hooks === undefined ? attempted : Effect.tapErrorCause(attempted, (cause) => Effect.sync(() => hooks.failed(cause, { phase: "acquire" })))
    return observer === undefined ? lease : Effect.tap(lease, () => Effect.sync(() => observer.waited(this.now - start)))
  }

  private attempt(restore: Restore, deadline: number, ahead: boolean, kind: Waiter<C>["kind"]): Effect.Effect<Entry<C>, SqlError.SqlError> {
    if (this.state.closed) return Effect.fail(this.closedError())
    if (this.stuckSince !== undefined) return Effect.fail(this.stuckError())
    const now = this.now
    for (let entry = this.state.take(now); entry !== undefined; entry = this.state.take(now)) {
      if (!this.state.isCurrent(entry, now)) this.discard(entry, "graceful")
      else if (now - entry.checkedAt > this.settings.validateAfter) return this.validate(restore, entry, deadline, kind)
      else {
        this.counters.acquired++
        return Effect.succeed(entry)
      }
    }
    return this.queue(restore, deadline, ahead, kind)
  }

  // A dead connection costs the borrower its ping, not its place in the queue; one that is mute, no more than a cancelling.
  private validate(restore: Restore, entry: Entry<C>, deadline: number, kind: Waiter<C>["kind"]): Effect.Effect<Entry<C>, SqlError.SqlError> {
    const again = (): Effect.Effect<Entry<C>, SqlError.SqlError> => {
      this.discard(entry, "destroy")
      return this.now >= deadline ? Effect.fail(this.lateError()) : this.attempt(restore, deadline, true, kind)
    }
    const limit = Math.max(1, Math.min(deadline - this.now, this.settings.cancelTimeout))
    return restore(bounded(entry.connection.ping, limit, () => SqlError.make(refusals.unanswered("ping", limit)))).pipe(
      Effect.matchCauseEffect({
        onSuccess: () => {
          this.counters.acquired++
          return Effect.succeed(entry)
        },
        onFailure: (cause) => {
          this.hooks?.failed(cause, { phase: "ping", connection: entry.connection })
          if (!Cause.isInterrupted(cause)) return again()
          this.abandon(entry)
          return Effect.failCause(cause as Cause.Cause<never>)
        }
      })
    )
  }

  private queue(restore: Restore, deadline: number, ahead: boolean, kind: Waiter<C>["kind"]): Effect.Effect<Entry<C>, SqlError.SqlError> {
    const waiter = new Waiter<C>(deadline, noWake, kind)
    const wait = Effect.async<Entry<C>, SqlError.SqlError>((resume) => {
      waiter.wake = () => {
        if (waiter.entry === undefined) return resume(Exit.fail(waiter.failure ?? this.closedError()))
        this.counters.acquired++
        this.counters.waited++
        resume(Exit.succeed(waiter.entry))
      }
      this.state.wait(waiter, ahead)
      this.watchDeadlines()
      this.opening.onDemand()
    })
    return Effect.catchAllCause(restore(wait), (cause) => {
      // Woken and interrupted at once: the connection was ours already.
      if (waiter.entry === undefined) this.state.leave(waiter)
      else if (waiter.entry.riders > 0) this.lanes?.release(waiter.entry)
      else this.release(waiter.entry)
      return Effect.failCause(cause)
    })
  }

  refuse(waiters: ReadonlyArray<Waiter<C>>, error: () => SqlError.SqlError): void {
    for (const waiter of waiters) {
      waiter.failure = error()
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
      for (const _ of overdue) this.observer?.timedOut()
      this.refuse(overdue, () => this.lateError())
      const next = this.state.nextDeadline()
      if (next === undefined) {
        this.watchingDeadlines = false
        return Effect.void
      }
      return Effect.zipRight(Effect.sleep(Math.max(1, next - this.now)), watch)
    })
    this.fork(watch)
  }

  // ---- handing back ----

  private opened(connection: C, generation: number, milliseconds: number): void {
    const { jitter, maxLifetime } = this.settings
    const now = this.now
    const ages = Number.isFinite(maxLifetime) && this.options.pinned !== true
    const lifetime = ages ? maxLifetime * (1 - jitter * Math.random()) : Number.POSITIVE_INFINITY
    this.counters.opened++
    this.observer?.created(milliseconds)
    const entry = this.state.opened(connection, now, now + lifetime, generation)
    if (this.options.isCurrent?.(connection) === false) this.state.outdate(entry)
    this.release(entry)
  }

  /** Takes a connection back. Synchronous when it is clean; else it is cleaned in the background first (law P4). */
  release(entry: Entry<C>): void {
    if (entry.status !== "lent") return
    const connection = entry.connection
    if (entry.place !== undefined) this.leaks.returned(entry, this.now)
    this.observer?.used(this.now - entry.lentAt)
    if (connection.isClosed) this.discard(entry, "destroy")
    else if (connection.transaction !== "none" || entry.dirty) this.fork(recycle(this, entry))
    else this.handOver(entry)
  }

  /** Gives a clean connection to who is next. */
  handOver(entry: Entry<C>): void {
    const now = this.now
    if (this.state.closed || !this.state.isCurrent(entry, now)) return this.discard(entry, "graceful")
    if (this.settings.reset === "always") entry.dirty = true
    const waiter = this.state.give(entry, now)
    waiter?.wake()
    this.observe()
  }

  /** Destroys a connection that is not to be trusted, unless the data lives in it: then it is lent again. */
  distrust(entry: Entry<C>): void {
    if (this.options.pinned === true && !entry.connection.isClosed) this.handOver(entry)
    else this.discard(entry, "destroy")
  }

  /** Takes back a connection whose statement was interrupted: it is settled first, in the background (law S5). */
  abandon(entry: Entry<C>, before: Effect.Effect<void> = Effect.void): void {
    this.fork(Effect.flatMap(this.settle(entry), (usable) =>
      usable ? Effect.ensuring(before, Effect.sync(() => this.release(entry))) : Effect.void))
  }

  /** Waits until the server is surely done with an interrupted statement. `false`: the connection was destroyed. */
  settle(entry: Entry<C>): Effect.Effect<boolean> {
    return settle(this, entry)
  }

  /** Opens what is lacking: for those who wait, for `min` and for `minIdle`. */
  restock(): void {
    this.opening.onDemand()
  }

  /** Takes a connection out of the pool for good and opens another where one is waited for. */
  discard(entry: Entry<C>, how: "graceful" | "destroy"): void {
    if (entry.status === "gone") return
    this.state.remove(entry)
    this.end(entry.connection, how)
    this.opening.onDemand()
  }

  // The connection is retired; it is closed in the background.
  private end(connection: C, how: "graceful" | "destroy"): void {
    this.fork(Effect.ensuring(
      Effect.catchAllCause(connection.close(how), (cause) =>
        Effect.sync(() => {
          this.counters.closeFailures++
          if (!Cause.isInterrupted(cause)) this.hooks?.tell(SqlError.refine(Cause.squash(cause)), { phase: "close", connection })
        }).pipe(Effect.zipRight(Effect.logDebug(`${this.options.name}: closing a connection failed`, cause)))),
      Effect.sync(() => {
        this.counters.closed++
        this.state.ended()
        this.checkDrained()
        this.opening.onDemand()
      })
    ))
  }

  // ---- verbs of the public pool ----

  get clear(): Effect.Effect<void> {
    return Effect.sync(() => {
      if (this.options.pinned === true) return
      this.state.nextGeneration()
      for (const entry of [...this.state.idle]) this.discard(entry, "graceful")
    })
  }

  /** Closes what is not current any more: idle connections now, lent ones when they come back. */
  sweep(why: string): void {
    const { isCurrent } = this.options
    if (isCurrent === undefined || this.state.closed) return
    const isOutdated = (entry: Entry<C>) => !isCurrent(entry.connection)
    const [idle, lent] = [this.state.idle.filter(isOutdated), [...this.state.lent].filter(isOutdated)]
    for (const entry of lent) this.state.outdate(entry)
    for (const entry of idle) this.discard(entry, "graceful")
    const closed = idle.length + lent.length === 0 ? "" : `; ${idle.length} idle connections are closed, ${lent.length} in use when they come back`
    this.fork(Effect.logWarning(`${this.options.name}: ${why}${closed}`))
  }

  // ---- opening and closing the pool ----

  get open(): Effect.Effect<void, SqlError.SqlError> {
    return Effect.suspend(() => {
      this.fork(housekeeping(this))
      if (this.settings.lazy) return Effect.void
      return this.first.pipe(
        // Who builds the layer wants to read why connecting failed, not that it failed for thirty seconds.
        Effect.mapError((error) => error.reason._tag === "PoolTimeoutError" ? this.opening.lastFailure ?? error : error)
      )
    })
  }

  // Waits for the first connection without borrowing it: a borrowed one would be missing among the idle ones.
  private get first(): Effect.Effect<void, SqlError.SqlError> {
    return Effect.async((resume) => {
      const waiter = new Waiter<C>(this.now + this.settings.acquireTimeout, () => {
        if (waiter.entry !== undefined) this.release(waiter.entry)
        resume(waiter.entry === undefined ? Effect.fail(waiter.failure ?? this.closedError()) : Effect.void)
      })
      this.state.wait(waiter, false)
      this.watchDeadlines()
      this.opening.onDemand()
      return Effect.sync(() => this.state.leave(waiter))
    })
  }

  get close(): Effect.Effect<void> {
    return Effect.gen(this, function*() {
      const { state } = this
      state.closed = true
      this.refuse(state.dismiss(), () => this.closedError())
      this.opening.stop()
      for (const entry of [...state.idle]) this.discard(entry, "graceful")
      const drained = yield* Deferred.make<void>()
      this.drained = drained
      this.checkDrained()
      const end = (milliseconds: number) => Effect.ignore(bounded(Deferred.await(drained), milliseconds, () => this.closedError()))
      yield* end(this.settings.closeTimeout)
      for (const entry of [...state.lent]) this.discard(entry, "destroy")
      yield* end(this.settings.cancelTimeout)
      yield* Fiber.interruptAll([...this.background])
    })
  }

  private checkDrained(): void {
    const { connecting, lent, retired } = this.state
    if (this.drained !== undefined && lent.size + retired + connecting === 0) Deferred.unsafeDone(this.drained, Exit.void)
  }

  /** Pool work beside its borrowers; what is left of it ends with the pool. */
  fork(effect: Effect.Effect<unknown>): Fiber.RuntimeFiber<unknown, unknown> {
    // A pool may be made where nothing is interruptible, and the runtime is as its maker was.
    const fiber = Runtime.runFork(this.runtime)(Effect.interruptible(effect))
    this.background.add(fiber)
    // It may have ended already; a failed connecting may be the last that closing waits for.
    fiber.addObserver(() => this.background.delete(fiber) && this.checkDrained())
    return fiber
  }

  private closedError(): SqlError.SqlError {
    return SqlError.make(refusals.closed(this.options.name))
  }

  private lateError(): SqlError.SqlError {
    return SqlError.make(refusals.late(this.options.name, this.settings, this.counts(), this.opening.lastFailure))
  }

  stuckError(): SqlError.SqlError {
    const milliseconds = this.now - (this.stuckSince ?? this.now)
    return SqlError.make(refusals.stuck(this.options.name, milliseconds, this.options.irreplaceable ?? ""))
  }
}

const noWake = (): void => {}
