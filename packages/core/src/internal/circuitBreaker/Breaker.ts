/**
 * The breaker's doing: lets calls through, watches how they end, moves from state to state.
 *
 * A closed breaker costs one integer test when a call begins and, for failures in a row, one when it ends well; all
 * else happens when a call fails or the breaker is not closed. Every decision is made in one synchronous step, so that
 * no two calls become the probe. Made by `CircuitBreaker.make`.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import type { CircuitBreaker, State, Verdict } from "../../CircuitBreaker.js"
import * as Reason from "../../Reason.js"
import * as SqlError from "../../SqlError.js"
import type { Settings } from "./config.js"
import { makeTally, type Tally } from "./Tally.js"

/** A state and which one it was, so that a new watcher sees none twice. */
export interface Change {
  readonly period: number
  readonly state: State
}

/** A probe that this fiber runs inside of. */
interface Within {
  readonly breaker: Breaker
  readonly probe: number
  readonly outer: Within | undefined
}

const within = globalValue("@sluice/core/CircuitBreaker/within", () => FiberRef.unsafeMake<Within | undefined>(undefined))

/** What watches the calls of one closed period: how a call ends that began in another one says nothing about this one. */
interface Watch {
  readonly onFailure: <E>(cause: Cause.Cause<E>) => Effect.Effect<never, E>
  readonly onSuccess: <A>(value: A) => Effect.Effect<A>
}

type Refusal = SqlError.SqlError<Reason.CircuitOpenError>

/** While a probe is out nobody can say when it ends: those that are refused are told to come back after this, in ms. */
const whileProbing = 1_000

// The time that cannot be set back: a breaker that waits for the wall clock to catch up would stay open.
const millisOf = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos() / 1_000n) / 1_000

export class Breaker implements CircuitBreaker {
  readonly name: string
  readonly state: Effect.Effect<State>
  readonly changes: Stream.Stream<State>
  readonly reset: Effect.Effect<void>

  /** 0 closed, 1 open, 2 half-open. */
  private phase: 0 | 1 | 2 = 0
  private period = 0
  /** When it lets a probe through. */
  private until = 0
  /** The probe that is running, or 0. */
  private probe = 0
  private probes = 0
  private last: Reason.Tag | undefined
  private readonly tally: Tally
  private watch: Watch

  constructor(private readonly settings: Settings, private readonly hub: PubSub.PubSub<Change>) {
    this.name = settings.name
    this.tally = makeTally(settings)
    this.watch = this.watcher()
    this.state = Effect.clockWith((clock) => Effect.succeed(this.snapshot(millisOf(clock))))
    this.reset = Effect.clockWith((clock) => Effect.sync(() => this.close(millisOf(clock))))
    const now = Effect.clockWith((clock) => Effect.succeed<Change>({ period: this.period, state: this.snapshot(millisOf(clock)) }))
    const open = Effect.flatMap(PubSub.subscribe(hub), (queue) =>
      Effect.map(now, (first) =>
        Stream.concat(Stream.make(first), Stream.filter(Stream.fromQueue(queue), (change) => change.period > first.period))))
    this.changes = Stream.map(
      Stream.unwrapScoped(Effect.flatMap(PubSub.isShutdown(hub), (ended) => ended ? Effect.map(now, (first) => Stream.make(first)) : open)),
      (change) => change.state
    )
  }

  readonly protect = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | Refusal, R> =>
    Effect.suspend((): Effect.Effect<A, E | Refusal, R> => this.phase === 0 ? this.watched(effect) : this.admit(effect))

  private watched<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.matchCauseEffect<A, E, R, never, E, never, A, never, never>(effect, this.watch)
  }

  /** The way through a breaker that is not closed. */
  private admit<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | Refusal, R> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(FiberRef.get(within), (outer) =>
        Effect.clockWith((clock): Effect.Effect<A, E | Refusal, R> => {
          const now = millisOf(clock)
          if (this.phase === 0) return restore(this.watched(effect))
          if (this.isInside(outer)) return restore(effect)
          if (this.probe !== 0) return this.refuse(Math.min(whileProbing, this.settings.recovery), "a probe is on its way")
          if (this.phase === 1 && now < this.until) {
            return this.refuse(Math.ceil(this.until - now), `the last failure was ${this.last ?? "one of yours"}`)
          }
          const probe = ++this.probes
          this.probe = probe
          if (this.phase === 1) this.move(2, now)
          return restore(effect).pipe(
            Effect.locally(within, { breaker: this, probe, outer }),
            Effect.onExit((exit) =>
              Effect.clockWith((clock) => Effect.sync(() => this.settle(probe, Exit.isSuccess(exit) ? "answered" : this.weigh(exit.cause), millisOf(clock))))
            )
          )
        }))
    )
  }

  private refuse(retryAfter: number, words: string): Effect.Effect<never, Refusal> {
    return SqlError.fail(
      new Reason.CircuitOpenError({
        message: `the circuit of ${this.name} is open (${words}): nothing was sent, come back in ${retryAfter} ms`,
        retryAfter
      })
    )
  }

  private isInside(at: Within | undefined): boolean {
    for (let each = at; each !== undefined; each = each.outer) {
      // A fiber that outlives its probe still carries the mark.
      if (each.breaker === this && each.probe === this.probe) return true
    }
    return false
  }

  private settle(probe: number, verdict: Verdict, now: number): void {
    // `reset` may have closed it while the probe was out.
    if (this.probe !== probe) return
    this.probe = 0
    if (verdict === "answered") this.close(now)
    else if (verdict === "failed") this.open(now)
  }

  private watcher(): Watch {
    const period = this.period
    const { tally } = this
    const succeeded = (clock: Clock.Clock): Effect.Effect<void> => {
      if (this.period === period) tally.succeeded(millisOf(clock))
      return Effect.void
    }
    return {
      onSuccess: tally.isTimed
        ? (value) => Effect.as(Effect.clockWith(succeeded), value)
        : (value) => {
          if (tally.failures !== 0 && this.period === period) tally.failures = 0
          return Effect.succeed(value)
        },
      onFailure: (cause) => {
        if (this.period !== period) return Effect.failCause(cause)
        const verdict = this.weigh(cause)
        if (verdict === "silent") return Effect.failCause(cause)
        return Effect.clockWith((clock) => {
          const now = millisOf(clock)
          if (verdict === "answered") tally.succeeded(now)
          else if (tally.failed(now)) this.open(now)
          return Effect.failCause(cause)
        })
      }
    }
  }

  /** The gravest word of a cause's failures. A defect says nothing about the server, and an interruption neither. */
  private weigh(cause: Cause.Cause<unknown>): Verdict {
    let gravest: Verdict = "silent"
    for (const error of Cause.failures(cause)) {
      const verdict = this.ask(error)
      if (verdict === "failed") {
        this.last = SqlError.isSqlError(error) ? error.reason._tag : undefined
        return "failed"
      }
      if (verdict === "answered") gravest = "answered"
    }
    // What was interrupted had more to say.
    return gravest === "answered" && Cause.isInterrupted(cause) ? "silent" : gravest
  }

  /** A verdict of the user's that throws says nothing: a probe must never be left without its end. */
  private ask(error: unknown): Verdict {
    try {
      return this.settings.verdict(error)
    } catch {
      return "silent"
    }
  }

  private open(now: number): void {
    this.until = now + this.settings.recovery
    this.move(1, now)
  }

  private close(now: number): void {
    this.tally.clear()
    this.probe = 0
    if (this.phase !== 0) this.move(0, now)
  }

  private move(phase: 0 | 1 | 2, now: number): void {
    this.phase = phase
    this.period += 1
    this.tally.clear()
    if (phase === 0) this.watch = this.watcher()
    this.hub.unsafeOffer({ period: this.period, state: this.snapshot(now) })
  }

  private snapshot(now: number): State {
    switch (this.phase) {
      case 0:
        return { _tag: "Closed", failures: this.tally.current(now) }
      case 1:
        return { _tag: "Open", retryAfter: Math.max(0, Math.ceil(this.until - now)) }
      case 2:
        return { _tag: "HalfOpen", probing: this.probe !== 0 }
    }
  }
}
