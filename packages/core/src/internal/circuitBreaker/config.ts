/**
 * The options of a breaker, checked and with their defaults: every duration is in milliseconds here.
 *
 * @internal
 */
import * as Either from "effect/Either"
import type { Config, Verdict } from "../../CircuitBreaker.js"
import { type Checked, count, fraction, millis, refuse } from "../../Options.js"

export interface Settings {
  readonly name: string
  readonly threshold: number | { readonly rate: number; readonly window: number; readonly minimum: number }
  readonly recovery: number
  readonly forgetAfter: number
  readonly verdict: (error: unknown) => Verdict
}

export const check = (config: Config, verdict: (error: unknown) => Verdict): Checked<Settings> =>
  Either.gen(function*() {
    return {
      name: config.name ?? "database",
      threshold: yield* threshold(config.threshold),
      recovery: yield* millis("circuitBreaker.recovery", config.recovery, 30_000),
      forgetAfter: yield* millis("circuitBreaker.forgetAfter", config.forgetAfter, 60_000),
      verdict: config.verdict ?? verdict
    }
  })

const threshold = (given: Config["threshold"]): Checked<Settings["threshold"]> =>
  typeof given !== "object" || given === null
    ? count("circuitBreaker.threshold", given, 5, 1)
    : Either.gen(function*() {
      const rate = yield* fraction("circuitBreaker.threshold.rate", given.rate, 0)
      if (rate === 0) return yield* refuse("circuitBreaker.threshold.rate", "must be above 0")
      const window = yield* millis("circuitBreaker.threshold.window", given.window, 0)
      if (window === 0 || window === Number.POSITIVE_INFINITY) {
        return yield* refuse("circuitBreaker.threshold.window", "must be longer than zero, and end")
      }
      return { rate, window, minimum: yield* count("circuitBreaker.threshold.minimum", given.minimum, 10, 1) }
    })
