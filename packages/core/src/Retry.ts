/**
 * Retry: the named Schedules of Sluice.
 *
 * A Schedule says when to try again, never what may be tried: `db.transaction({ retry })` and the pool decide that by
 * the error's reason and outcome. Used by users, by `Transaction` and by `Pool`.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schedule from "effect/Schedule"
import { count, millis } from "./Options.js"
import type * as Reason from "./Reason.js"
import * as SqlError from "./SqlError.js"

/**
 * Options of `exponential`. Durations are milliseconds where they are numbers.
 *
 * @example
 * ```ts
 * import type { Retry } from "@sluice/core"
 *
 * const options: Retry.ExponentialOptions = { attempts: 5, base: "50 millis", cap: "2 seconds" }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface ExponentialOptions {
  /** How often the work is done at most, the first time included. At least 1. Default 3. */
  readonly attempts?: number | undefined
  /** The wait before the second attempt, before jitter. Default 100 ms. */
  readonly base?: Duration.DurationInput | undefined
  /** What the wait is multiplied by from attempt to attempt. Default 2. */
  readonly factor?: number | undefined
  /** The longest wait, jitter included. Default 10 seconds. */
  readonly cap?: Duration.DurationInput | undefined
}

/**
 * An exponential backoff with full jitter and a cap: each wait is drawn evenly from zero to the backoff's value, as
 * the AWS architecture blog's "Exponential Backoff and Jitter" recommends.
 *
 * Attempts below 1 or a negative duration are a ConfigError that names the field.
 *
 * @example
 * ```ts
 * import { Retry } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const schedule = Effect.flatMap(Retry.exponential({ attempts: 5 }), (policy) =>
 *   Effect.retry(Effect.fail("busy"), policy))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const exponential = (
  options: ExponentialOptions = {}
): Effect.Effect<Schedule.Schedule<Duration.Duration>, SqlError.SqlError<Reason.ConfigError>> =>
  Either.gen(function*() {
    const attempts = yield* count("retry.attempts", options.attempts, 3, 1)
    const base = yield* millis("retry.base", options.base, 100)
    const cap = yield* millis("retry.cap", options.cap, 10_000)
    return backoff(attempts, base, options.factor ?? 2, cap)
  })

const backoff = (attempts: number, base: number, factor: number, cap: number): Schedule.Schedule<Duration.Duration> =>
  Schedule.exponential(base, factor).pipe(
    Schedule.modifyDelay((_, delay) => Duration.millis(Math.min(Duration.toMillis(delay), cap))),
    // Full jitter: from nothing to the whole delay.
    Schedule.jitteredWith({ min: 0, max: 1 }),
    Schedule.intersect(Schedule.recurs(attempts - 1)),
    Schedule.map(([delay]) => delay)
  )

/**
 * For work that failed in passing, such as a serialization failure: 3 attempts, 100 ms doubling, full jitter, at most
 * 10 seconds. The last error is the one that comes out.
 *
 * @example
 * ```ts
 * import { Database, Retry } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const transfer = Effect.flatMap(Database.Database, (db) =>
 *   db`UPDATE accounts SET balance = balance - 1`.run.pipe(db.transaction({ retry: Retry.transient })))
 * ```
 *
 * @category schedules
 * @since 0.1.0
 */
export const transient: Schedule.Schedule<Duration.Duration> = backoff(3, 100, 2, 10_000)

/**
 * For opening connections: 10 ms doubling, full jitter, at most 1 second, without end. The pool uses it once for all
 * waiting borrowers, each of which gives up at its own `acquireTimeout`.
 *
 * @example
 * ```ts
 * import { Retry } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const patient = Effect.retry(Effect.fail("refused"), Retry.connect)
 * ```
 *
 * @category schedules
 * @since 0.1.0
 */
export const connect: Schedule.Schedule<Duration.Duration> = backoff(Number.POSITIVE_INFINITY, 10, 2, 1_000)

/**
 * Whether a failed transaction may be run again as a whole: a serialization failure or a deadlock whose outcome is
 * known (law T4).
 *
 * @example
 * ```ts
 * import { Reason, Retry, SqlError } from "@sluice/core"
 *
 * Retry.mayRepeat(SqlError.make(new Reason.DeadlockError({ message: "deadlock" }))) // true
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const mayRepeat = (error: unknown): boolean =>
  SqlError.isSqlError(error) && error.isRetryable && error.outcome === "not-applied" && repeatable.has(error.reason._tag)

const repeatable: ReadonlySet<Reason.Tag> = new Set<Reason.Tag>(["SerializationError", "DeadlockError", "TransactionAbortedError"])
