/**
 * Checks of options: a number or a duration that cannot work is a ConfigError that names its field.
 *
 * The same rules as core's, whose own file is internal to it. Called where an option is taken.
 *
 * @internal
 */
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"

export type Checked<A> = Either.Either<A, SqlError.SqlError<Reason.ConfigError>>

export const refuse = (field: string, message: string): Checked<never> =>
  Either.left(SqlError.make(new Reason.ConfigError({ message: `${field} ${message}`, field })))

/** A whole number of at least 1. Where the fallback is Infinity, Infinity may be given too. */
export const count = (field: string, value: number | undefined, fallback: number): Checked<number> => {
  if (value === undefined || (value === Number.POSITIVE_INFINITY && value === fallback)) return Either.right(fallback)
  if (!Number.isInteger(value)) return refuse(field, `must be a whole number, was ${String(value)}`)
  return value < 1 ? refuse(field, `must be at least 1, was ${value}`) : Either.right(value)
}

/** A duration in milliseconds, longer than zero. `Infinity` means never. */
export const millis = (field: string, value: Duration.DurationInput | undefined, fallback: number): Checked<number> => {
  if (value === undefined) return Either.right(fallback)
  // Duration.decode turns a negative number into zero without a word, and throws on a text that is none.
  if (typeof value === "number" && !(value >= 0)) return refuse(field, `must not be negative, was ${value}`)
  if (typeof value === "bigint" && value < 0n) return refuse(field, `must not be negative, was ${value}`)
  if (typeof value === "string" && value.trim().startsWith("-")) return refuse(field, `must not be negative, was "${value}"`)
  const decoded = Duration.decodeUnknown(value)
  if (decoded._tag === "None") return refuse(field, `is no duration: ${JSON.stringify(value)}`)
  const ms = Duration.toMillis(decoded.value)
  return ms === 0 ? refuse(field, "must be longer than zero") : Either.right(ms)
}

/** One of a few words, for callers whom the types did not stop. */
export const oneOf = <A extends string>(field: string, value: A | undefined, words: ReadonlyArray<A>, fallback: A): Checked<A> => {
  if (value === undefined) return Either.right(fallback)
  return words.includes(value) ? Either.right(value) : refuse(field, `must be one of ${words.join(", ")}, was ${String(value)}`)
}
