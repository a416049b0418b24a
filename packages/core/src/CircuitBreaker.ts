/**
 * A circuit breaker: stops asking a server that does not answer, and lets one probe through to see whether it is back.
 *
 * It counts failures of the server and the network, and nothing that a healthy server says (see `verdict`). It does not
 * retry and has no timer: time is read when a call comes. A retry stands outside of it. Used by users, around their
 * calls, and by whoever opens connections.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { Breaker, type Change } from "./internal/circuitBreaker/Breaker.js"
import { check } from "./internal/circuitBreaker/config.js"
import type * as Reason from "./Reason.js"
import * as SqlError from "./SqlError.js"

/**
 * A threshold by rate: opens when, of the calls that ended within `window`, at least `rate` failed.
 *
 * @example
 * ```ts
 * import type { CircuitBreaker } from "@sluice/core"
 *
 * const half: CircuitBreaker.RateThreshold = { rate: 0.5, window: "10 seconds", minimum: 20 }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface RateThreshold {
  /** The share of failed calls that opens the breaker, above 0 and at most 1. */
  readonly rate: number
  /** How far back calls are counted. Kept in ten slices, so that a call is forgotten after 90 to 100 % of it. */
  readonly window: Duration.DurationInput
  /** Fewer calls than this within the window never open it, at least 1. Default 10. */
  readonly minimum?: number | undefined
}

/**
 * Options of a breaker. Durations are milliseconds where they are numbers. A value that cannot work is a ConfigError
 * that names its field.
 *
 * @example
 * ```ts
 * import type { CircuitBreaker } from "@sluice/core"
 *
 * const config: CircuitBreaker.Config = { name: "orders", threshold: 3, recovery: "10 seconds" }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Config {
  /** Names the breaker in its errors. Default `database`. */
  readonly name?: string | undefined
  /** So many failures without a success between them open it, at least 1; or a rate in a window. Default 5. */
  readonly threshold?: number | RateThreshold | undefined
  /** How long it stays open before it lets a probe through. Default 30 seconds. */
  readonly recovery?: Duration.DurationInput | undefined
  /** A closed breaker forgets its failures when the last one is this long ago. Not for rates. Default 60 seconds. */
  readonly forgetAfter?: Duration.DurationInput | undefined
  /** What a failure says about the server, instead of `verdict`. It gets what is in the error channel. */
  readonly verdict?: ((error: unknown) => Verdict) | undefined
}

/**
 * What the end of a call says about the server: it failed, it answered (if only with a refusal), or nothing at all.
 *
 * @example
 * ```ts
 * import type { CircuitBreaker } from "@sluice/core"
 *
 * const verdict: CircuitBreaker.Verdict = "answered"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Verdict = "failed" | "answered" | "silent"

/**
 * A breaker's state at one moment.
 *
 * @example
 * ```ts
 * import type { CircuitBreaker } from "@sluice/core"
 *
 * const isClosed = (state: CircuitBreaker.State) => state._tag === "Closed"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type State = Closed | Open | HalfOpen

/**
 * Calls go through.
 *
 * @example
 * ```ts
 * import type { CircuitBreaker } from "@sluice/core"
 *
 * const closed: CircuitBreaker.Closed = { _tag: "Closed", failures: 0 }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Closed {
  /** Tells it from the other states. */
  readonly _tag: "Closed"
  /** Failures that count towards the threshold now. */
  readonly failures: number
}

/**
 * Calls are refused with CircuitOpenError.
 *
 * @example
 * ```ts
 * import type { CircuitBreaker } from "@sluice/core"
 *
 * const open: CircuitBreaker.Open = { _tag: "Open", retryAfter: 30_000 }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Open {
  /** Tells it from the other states. */
  readonly _tag: "Open"
  /** Milliseconds until the next call goes through as the probe; 0 when it would go now. */
  readonly retryAfter: number
}

/**
 * One call is let through to probe the server; the others are refused with CircuitOpenError.
 *
 * @example
 * ```ts
 * import type { CircuitBreaker } from "@sluice/core"
 *
 * const halfOpen: CircuitBreaker.HalfOpen = { _tag: "HalfOpen", probing: true }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface HalfOpen {
  /** Tells it from the other states. */
  readonly _tag: "HalfOpen"
  /** Whether the probe is running. If not, the last one said nothing, and the next call is the probe. */
  readonly probing: boolean
}

/**
 * A circuit breaker.
 *
 * @example
 * ```ts
 * import { type CircuitBreaker, Database } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const users = (breaker: CircuitBreaker.CircuitBreaker) =>
 *   Effect.flatMap(Database.Database, (db) => db`SELECT name FROM users`).pipe(breaker.protect)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface CircuitBreaker {
  /** Its name in errors. */
  readonly name: string
  /**
   * Runs an effect if the breaker lets it through, and counts how it ends; fails with CircuitOpenError if not.
   *
   * An interruption counts as nothing, and an interrupted probe lets the next call be the probe. A call that began
   * before the state last changed counts as nothing either. Inside of a probe the same breaker lets everything
   * through. A breaker inside of itself counts one failure twice: protect one layer.
   */
  readonly protect: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SqlError.SqlError<Reason.CircuitOpenError>, R>
  /** The state now. */
  readonly state: Effect.Effect<State>
  /** The state now, and then each state that it changes to. Failures that do not open it are no change. */
  readonly changes: Stream.Stream<State>
  /** Closes it and forgets its failures: for an operator who knows that the server is back. */
  readonly reset: Effect.Effect<void>
}

/**
 * The identity of the `CircuitBreaker` tag in an environment.
 *
 * @example
 * ```ts
 * import type { CircuitBreaker } from "@sluice/core"
 * import type { Effect } from "effect"
 *
 * type Program = Effect.Effect<void, never, CircuitBreaker.CircuitBreakerId>
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface CircuitBreakerId {
  /** What no other tag has. */
  readonly _: unique symbol
}

/**
 * The tag of a breaker, for apps that have one. Several have a tag each, made with `Layer.scoped(tag, scoped(config))`.
 *
 * @example
 * ```ts
 * import { CircuitBreaker } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const state = Effect.flatMap(CircuitBreaker.CircuitBreaker, (breaker) => breaker.state)
 * ```
 *
 * @category tags
 * @since 0.1.0
 */
export const CircuitBreaker: Context.Tag<CircuitBreakerId, CircuitBreaker> =
  Context.GenericTag<CircuitBreakerId, CircuitBreaker>("@sluice/core/CircuitBreaker")

/**
 * Makes a breaker. It holds nothing that must be closed. A config that cannot work is a ConfigError.
 *
 * @example
 * ```ts
 * import { CircuitBreaker, Retry } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * // The retry stands outside, and CircuitOpenError.isRetryable is false: an open breaker is not tried again.
 * const program = Effect.flatMap(CircuitBreaker.make({ threshold: 3 }), (breaker) =>
 *   Effect.succeed("the call").pipe(
 *     breaker.protect,
 *     Effect.retry({ schedule: Retry.transient, while: (error) => error.isRetryable })
 *   ))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (config: Config = {}): Effect.Effect<CircuitBreaker, SqlError.SqlError<Reason.ConfigError>> =>
  Effect.flatMap(check(config, verdict), (settings) => Effect.map(PubSub.unbounded<Change>(), (hub) => new Breaker(settings, hub)))

/**
 * As `make`; its `changes` end with the scope. What is protected after that still is.
 *
 * @example
 * ```ts
 * import { CircuitBreaker } from "@sluice/core"
 * import { Effect, Stream } from "effect"
 *
 * const logged = Effect.flatMap(CircuitBreaker.scoped({ name: "orders" }), (breaker) =>
 *   Effect.forkScoped(Stream.runForEach(breaker.changes, (state) => Effect.log(state._tag))))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const scoped = (config: Config = {}): Effect.Effect<CircuitBreaker, SqlError.SqlError<Reason.ConfigError>, Scope.Scope> =>
  Effect.flatMap(check(config, verdict), (settings) =>
    Effect.map(Effect.acquireRelease(PubSub.unbounded<Change>(), PubSub.shutdown), (hub) => new Breaker(settings, hub)))

/**
 * A layer that provides the `CircuitBreaker` tag.
 *
 * @example
 * ```ts
 * import { CircuitBreaker } from "@sluice/core"
 *
 * const layer = CircuitBreaker.layer({ threshold: { rate: 0.5, window: "10 seconds" } })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (config: Config = {}): Layer.Layer<CircuitBreakerId, SqlError.SqlError<Reason.ConfigError>> =>
  Layer.scoped(CircuitBreaker, scoped(config))

/**
 * What a failure says about the server.
 *
 * `failed`: ConnectionError; PoolTimeoutError when connecting was what failed; StatementTimeoutError of the server's
 * own limit; any other timeout or UnknownError that broke the connection. `answered`: what only a server that is well
 * can say, such as UniqueViolation, SqlSyntaxError, DeadlockError, AuthenticationError. `silent`: what was refused before
 * anything was sent, limits of the caller, and every error that is not a `SqlError` of ours.
 *
 * @example
 * ```ts
 * import { CircuitBreaker, Reason, SqlError } from "@sluice/core"
 *
 * CircuitBreaker.verdict(SqlError.make(new Reason.UniqueViolation({ message: "duplicate key" }))) // "answered"
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const verdict = (error: unknown): Verdict => {
  if (!SqlError.isSqlError(error)) return "silent"
  const { reason } = error
  switch (reason._tag) {
    case "ConnectionError":
      return "failed"
    case "PoolTimeoutError":
      // A pool that is merely too small is not the server's fault.
      return reason.lastConnectFailure === undefined ? "silent" : "failed"
    case "StatementTimeoutError":
      // A short `.timeout` says nothing, unless the statement could not even be cancelled.
      return reason.timeout === "server" || reason.connection !== "usable" ? "failed" : "silent"
    case "UnknownError":
      return reason.connection === "broken" ? "failed" : "silent"
    default:
      return answers.has(reason._tag) ? "answered" : "silent"
  }
}

const answers: ReadonlySet<Reason.Tag> = new Set<Reason.Tag>([
  "AuthenticationError", "AuthorizationError", "SqlSyntaxError", "UniqueViolation", "ConstraintError", "DeadlockError", "SerializationError",
  "LockTimeoutError", "TransactionAbortedError", "CancelledError", "ResultError", "DecodeError"
])
