/**
 * Rounds: every contender once per round, one after the other, so that a slow minute of the machine is shared by all.
 *
 * It knows neither what is measured nor how it is printed. A round begins with another contender than the last one did,
 * and garbage is collected before each turn, so that nobody pays for who came before. Called by the measurements.
 */
import * as Effect from "effect/Effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")
const collectGarbage = runInNewContext("gc") as () => void

/** What takes turns, by name. */
type Contenders = { readonly [name: string]: Effect.Effect<unknown, unknown> }

/** The samples of each contender, one per round. */
export type Samples<C extends Contenders> = { readonly [K in keyof C]: ReadonlyArray<Effect.Effect.Success<C[K]>> }

/** Takes turns for some rounds. What is no part of a sample (a warm-up) is done before. */
export const interleaved = <const C extends Contenders>(rounds: number, contenders: C): Effect.Effect<Samples<C>, Effect.Effect.Error<C[keyof C]>> =>
  Effect.gen(function*() {
    const names = Object.keys(contenders)
    const samples: Record<string, Array<unknown>> = Object.fromEntries(names.map((name) => [name, []]))
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < names.length; turn++) {
        const name = names[(turn + round) % names.length]!
        collectGarbage()
        samples[name]!.push(yield* contenders[name]!)
      }
    }
    return samples as Samples<C>
  }) as Effect.Effect<Samples<C>, Effect.Effect.Error<C[keyof C]>>

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The median of what `f` makes of two contenders' samples of one round: ratios within a round, not of medians. */
export const paired = <S>(a: ReadonlyArray<S>, b: ReadonlyArray<S>, f: (a: S, b: S) => number): number =>
  median(a.map((sample, round) => f(sample, b[round]!)))
