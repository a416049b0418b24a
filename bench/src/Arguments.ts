/**
 * The arguments of a run: which measurements, how many rounds, how many rows.
 *
 * It runs nothing. Called by `main`.
 */
import { parseArgs } from "node:util"

export interface Arguments {
  /** Names of measurements; all of them where it is empty. */
  readonly only: ReadonlyArray<string>
  /** Rounds of every measurement, beside the warm-up. Default 5. */
  readonly rounds: number
  /** Rows of the stream and of the bulk insert. Default 1,000,000. */
  readonly rows: number
}

export const usage = (names: ReadonlyArray<string>): string =>
  `npm run bench -- [--only name]… [--rounds N] [--rows N]\nnames: ${names.join(", ")}`

/** Reads the arguments; throws with a sentence where one cannot be read. */
export const parse = (argv: ReadonlyArray<string>, names: ReadonlyArray<string>): Arguments => {
  const { values } = parseArgs({
    args: [...argv],
    options: { only: { type: "string", multiple: true }, rounds: { type: "string" }, rows: { type: "string" } }
  })
  const only = (values.only ?? []).flatMap((names) => names.split(","))
  const unknown = only.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new Error(`--only ${unknown}: there is no such measurement`)
  return { only, rounds: count("rounds", values.rounds, 5, 1), rows: count("rows", values.rows, 1_000_000, 10_000) }
}

const count = (name: string, text: string | undefined, fallback: number, least: number): number => {
  const value = text === undefined ? fallback : Number(text)
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new Error(`--${name} ${text}: must be an integer of at least ${least}`)
}
