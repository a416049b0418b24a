/**
 * Checks of the batcher's options, over core's: a limit that may be infinite, and one of a few words.
 *
 * @internal
 */
import * as Options from "@sluice/core/Options"
import * as Either from "effect/Either"

/** A whole number of at least 1. Where the fallback is Infinity, Infinity may be given too. */
export const limit = (field: string, value: number | undefined, fallback: number): Options.Checked<number> =>
  value === Number.POSITIVE_INFINITY && value === fallback ? Either.right(fallback) : Options.count(field, value, fallback, 1)

/**
 * What stands after each statement. One of letters, as GO, is a line by itself: beside a statement it would be a part of
 * the word there.
 */
export const delimiter = (given: string | undefined): Options.Checked<string> => {
  if (given === undefined) return Either.right(";")
  if (given.trim().length === 0) return Options.refuse("delimiter", "must not be empty")
  return Either.right(/^\w|\w$/.test(given) ? `\n${given}\n` : given)
}

/** One of a few words, for callers whom the types did not stop. */
export const oneOf = <A extends string>(field: string, value: A | undefined, words: ReadonlyArray<A>, fallback: A): Options.Checked<A> => {
  if (value === undefined) return Either.right(fallback)
  return words.includes(value) ? Either.right(value) : Options.refuse(field, `must be one of ${words.join(", ")}, was ${String(value)}`)
}
