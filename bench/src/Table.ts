/**
 * The table: one line per measurement, in Markdown, so that it can be pasted as it is.
 *
 * It measures nothing. Called by `main`; the measurements make its lines.
 */
import * as Rounds from "./Rounds.js"
import type { Sample } from "./Work.js"

export interface Line {
  readonly work: string
  readonly ours: string
  readonly direct: string
  readonly stock: string
  /** Ours divided by theirs. */
  readonly toDirect: string
  readonly toStock: string
  readonly aim: string
}

const head: Line = {
  work: "work",
  ours: "ours",
  direct: "direct better-sqlite3",
  stock: "@effect/sql-sqlite-node",
  toDirect: "÷ direct",
  toStock: "÷ stock",
  aim: "aim"
}

export const none = "–"

const columns = Object.keys(head) as Array<keyof Line>

export const print = (lines: ReadonlyArray<Line>): string => {
  const width = (column: keyof Line) => Math.max(...[head, ...lines].map((line) => line[column].length))
  const row = (line: Line) => `| ${columns.map((column) => line[column].padEnd(width(column))).join(" | ")} |`
  return [row(head), `|${columns.map((column) => "-".repeat(width(column) + 2)).join("|")}|`, ...lines.map(row)].join("\n")
}

// ---- cells ----

const short = (value: number): string =>
  value >= 999_500 ? `${(value / 1_000_000).toFixed(2)}M` : value >= 10_000 ? `${(value / 1_000).toFixed(0)}k` : value >= 1_000 ? `${(value / 1_000).toFixed(1)}k` : value.toFixed(0)

export const microseconds = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} µs`

/** Items per second, and the CPU that one of them costs. */
export const rate = (samples: ReadonlyArray<Sample>): string =>
  `${short(Rounds.median(samples.map((sample) => sample.rate)))}/s, ${microseconds(Rounds.median(samples.map((sample) => sample.cpu)))}`

/** How much faster the first one is. */
export const faster = (ours: ReadonlyArray<Sample>, theirs: ReadonlyArray<Sample>): number =>
  Rounds.paired(ours, theirs, (a, b) => a.rate / b.rate)

export const factor = (value: number): string => value.toFixed(value < 10 ? 2 : 1)

/** An aim, with what came of it. */
export const aim = (text: string, met: boolean): string => `${text}: ${met ? "met" : "MISSED"}`
