/**
 * The arguments of a run: which suites, which measurements, how many rounds, how many rows.
 *
 * It runs nothing. Called by `main`.
 */
import { parseArgs } from "node:util"

export interface Arguments {
  /** Names of suites; all of them where it is empty. */
  readonly suites: ReadonlyArray<string>
  /** Names of measurements, in whatever suite; all of them where it is empty. */
  readonly only: ReadonlyArray<string>
  /** Rounds of every measurement, beside the warm-up. Default 5. */
  readonly rounds: number
  /** Rows of the table: those of the streams. Default 1,000,000. */
  readonly rows: number
}

/** Suites with the names of their measurements. */
export type Names = ReadonlyArray<{ readonly name: string; readonly measurements: ReadonlyArray<string> }>

export const usage = (names: Names): string =>
  [
    "npm run bench -- [--suite name]… [--only name]… [--rounds N] [--rows N]",
    ...names.map(({ measurements, name }) => `${name}: ${measurements.join(", ")}`)
  ].join("\n")

/** Reads the arguments; throws with a sentence where one cannot be read. */
export const parse = (argv: ReadonlyArray<string>, names: Names): Arguments => {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      suite: { type: "string", multiple: true },
      only: { type: "string", multiple: true },
      rounds: { type: "string" },
      rows: { type: "string" }
    }
  })
  return {
    suites: known("suite", values.suite, names.map(({ name }) => name)),
    only: known("only", values.only, names.flatMap(({ measurements }) => measurements)),
    rounds: count("rounds", values.rounds, 5, 1),
    rows: count("rows", values.rows, 1_000_000, 10_000)
  }
}

const known = (option: string, given: ReadonlyArray<string> = [], names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const all = given.flatMap((text) => text.split(","))
  const unknown = all.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new Error(`--${option} ${unknown}: there is no such ${option === "only" ? "measurement" : option}`)
  return all
}

const count = (name: string, text: string | undefined, fallback: number, least: number): number => {
  const value = text === undefined ? fallback : Number(text)
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new Error(`--${name} ${text}: must be an integer of at least ${least}`)
}
