/**
 * The pool's options, checked and with their defaults: every duration is in milliseconds here.
 *
 * @internal
 */
import * as Either from "effect/Either"
import type { Options } from "../../Pool.js"
import { type Checked, count, fraction, millis, refuse } from "../../Options.js"

export interface Settings {
  readonly max: number
  readonly min: number
  readonly minIdle: number
  readonly acquireTimeout: number
  readonly idleTimeout: number
  readonly maxLifetime: number
  readonly jitter: number
  readonly keepAlive: number
  readonly validateAfter: number
  readonly leakAfter: number
  readonly closeTimeout: number
  readonly cancelTimeout: number
  readonly reset: "tracked" | "always"
  readonly lazy: boolean
  readonly lanes: number
}

export const check = (config: Omit<Options, "connect" | "isCurrent">): Checked<Settings> =>
  Either.gen(function*() {
    const max = yield* count("pool.max", config.max, 10, 1)
    const min = yield* count("pool.min", config.min, 0, 0)
    const minIdle = yield* count("pool.minIdle", config.minIdle, 0, 0)
    if (min > max) return yield* refuse("pool.min", `must not be above pool.max (${max}), was ${min}`)
    if (minIdle > max) return yield* refuse("pool.minIdle", `must not be above pool.max (${max}), was ${minIdle}`)
    const reset = config.reset ?? "tracked"
    if (reset !== "tracked" && reset !== "always") {
      return yield* refuse("pool.reset", `must be "tracked" or "always", was ${JSON.stringify(reset)}`)
    }
    const lanes = config.lanes ?? 0
    if (lanes > max) return yield* refuse("pool.max", `must not be below the number of lanes (${lanes}), was ${max}`)
    // Statements that share a lease have one session, and no reset between them.
    if (lanes > 0 && reset === "always") return yield* refuse("pool.reset", "must be \"tracked\" where statements share lanes")
    return {
      max,
      min,
      minIdle,
      acquireTimeout: yield* millis("pool.acquireTimeout", config.acquireTimeout, 30_000),
      idleTimeout: yield* millis("pool.idleTimeout", config.idleTimeout, 600_000),
      maxLifetime: yield* millis("pool.maxLifetime", config.maxLifetime, 1_800_000),
      jitter: yield* fraction("pool.jitter", config.jitter, 0.025),
      keepAlive: yield* millis("pool.keepAlive", config.keepAlive, 120_000),
      validateAfter: yield* millis("pool.validateAfter", config.validateAfter, 1_000, "zero"),
      leakAfter: yield* millis("pool.leakAfter", config.leakAfter, Number.POSITIVE_INFINITY),
      closeTimeout: yield* millis("pool.closeTimeout", config.closeTimeout, 10_000, "zero"),
      cancelTimeout: yield* millis("pool.cancelTimeout", config.cancelTimeout, 5_000),
      reset,
      lazy: config.lazy ?? false,
      lanes
    }
  })
