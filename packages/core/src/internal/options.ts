/**
 * Checks of options: a number or a duration that cannot work is a ConfigError that names its field.
 *
 * It knows no option by name. Called where a config is taken: pool, database, dialects, batcher.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Reason from "../Reason.js"
import * as SqlError from "../SqlError.js"

export type Checked<A> = Either.Either<A, SqlError.SqlError<Reason.ConfigError>>

export const refuse = (field: string, message: string): Checked<never> =>
  Either.left(SqlError.make(new Reason.ConfigError({ message: `${field} ${message}`, field })))

/** A whole number of at least `least`. */
export const count = (field: string, value: number | undefined, fallback: number, least: number): Checked<number> => {
  if (value === undefined) return Either.right(fallback)
  if (!Number.isInteger(value)) return refuse(field, `must be a whole number, was ${String(value)}`)
  return value < least ? refuse(field, `must be at least ${least}, was ${value}`) : Either.right(value)
}

/** A duration in milliseconds; zero only where `zero` allows it. `Infinity` means never. */
export const millis = (
  field: string,
  value: Duration.DurationInput | undefined,
  fallback: number,
  zero: "zero" | "positive" = "positive"
): Checked<number> => {
  if (value === undefined) return Either.right(fallback)
  // Duration.decode turns a negative number into zero without a word, and throws on a text that is none.
  if (typeof value === "number" && !(value >= 0)) return refuse(field, `must not be negative, was ${value}`)
  if (typeof value === "bigint" && value < 0n) return refuse(field, `must not be negative, was ${value}`)
  if (typeof value === "string" && value.trim().startsWith("-")) return refuse(field, `must not be negative, was "${value}"`)
  const decoded = Duration.decodeUnknown(value)
  if (decoded._tag === "None") return refuse(field, `is no duration: ${JSON.stringify(value)}`)
  const ms = Duration.toMillis(decoded.value)
  return ms === 0 && zero === "positive" ? refuse(field, "must be longer than zero") : Either.right(ms)
}

/** A number between two bounds, both allowed. */
export const fraction = (field: string, value: number | undefined, fallback: number): Checked<number> => {
  if (value === undefined) return Either.right(fallback)
  return value >= 0 && value <= 1 ? Either.right(value) : refuse(field, `must be between 0 and 1, was ${value}`)
}
