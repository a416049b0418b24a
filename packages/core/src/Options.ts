/**
 * Checks of options: a number or a duration that cannot work is a ConfigError that names its field.
 *
 * It knows no option by name. Called where a config is taken: pool, database, dialects, batcher.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Reason from "./Reason.js"
import * as SqlError from "./SqlError.js"

/**
 * A checked value, or the ConfigError that names its field. It is an Effect too.
 *
 * @example
 * ```ts
 * import { Options } from "@sluice/core"
 *
 * const max: Options.Checked<number> = Options.count("pool.max", 10, 1, 1)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Checked<A> = Either.Either<A, SqlError.SqlError<Reason.ConfigError>>

/**
 * Refuses a field; its name is put before the words.
 *
 * @example
 * ```ts
 * import { Options } from "@sluice/core"
 *
 * const refused = Options.refuse("readers", "must be 0 for an in-memory database")
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const refuse = (field: string, words: string): Checked<never> =>
  Either.left(SqlError.make(new Reason.ConfigError({ message: `${field} ${words}`, field })))

/**
 * A whole number of at least `least`, or the fallback where there is none.
 *
 * @example
 * ```ts
 * import { Options } from "@sluice/core"
 *
 * const refused = Options.count("pool.max", 0, 10, 1) // Left: pool.max must be at least 1, was 0
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const count = (field: string, value: number | undefined, fallback: number, least: number): Checked<number> => {
  if (value === undefined) return Either.right(fallback)
  if (!Number.isInteger(value)) return refuse(field, `must be a whole number, was ${String(value)}`)
  return value < least ? refuse(field, `must be at least ${least}, was ${value}`) : Either.right(value)
}

/**
 * A duration in milliseconds, or the fallback where there is none; zero only where `zero` allows it. `Infinity` means
 * never.
 *
 * @example
 * ```ts
 * import { Options } from "@sluice/core"
 *
 * const linger = Options.millis("linger", "50 millis", 10) // Right: 50
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const millis = (
  field: string,
  value: Duration.DurationInput | undefined,
  fallback: number,
  zero: "zero" | "positive" = "positive"
): Checked<number> => {
  if (value === undefined) return Either.right(fallback)
  // Duration turns a negative number into zero without a word.
  const negative = typeof value === "number" || typeof value === "bigint" ? !(value >= 0) : typeof value === "string" && value.trim().startsWith("-")
  if (negative) return refuse(field, `must not be negative, was ${String(value)}`)
  const decoded = Duration.decodeUnknown(value)
  if (decoded._tag === "None") return refuse(field, `is no duration: ${JSON.stringify(value)}`)
  const ms = Duration.toMillis(decoded.value)
  return ms === 0 && zero === "positive" ? refuse(field, "must be longer than zero") : Either.right(ms)
}

/**
 * A number from 0 to 1, both allowed, or the fallback where there is none.
 *
 * @example
 * ```ts
 * import { Options } from "@sluice/core"
 *
 * const jitter = Options.fraction("pool.jitter", 0.1, 0.025)
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const fraction = (field: string, value: number | undefined, fallback: number): Checked<number> => {
  if (value === undefined) return Either.right(fallback)
  return value >= 0 && value <= 1 ? Either.right(value) : refuse(field, `must be between 0 and 1, was ${value}`)
}
