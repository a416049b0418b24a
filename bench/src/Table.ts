/**
 * The table of a suite: one line per measurement, in Markdown, so that it can be pasted as it is.
 *
 * It measures nothing. Called by `main`; the measurements make its lines.
 */
import * as Rounds from "./Rounds.js"
import type { Sample } from "./Work.js"

/** Whom ours is compared with. */
export interface Head {
  /** The driver itself. */
  readonly direct: string
  /** The stock driver of Effect. */
  readonly stock: string
  /** Another driver. */
  readonly other?: string
  /** A program of the database's own. */
  readonly native?: string
}

export interface Line {
  readonly work: string
  readonly ours: string
  readonly direct: string
  readonly stock: string
  readonly other?: string
  readonly native?: string
  /** Ours divided by theirs. */
  readonly toDirect: string
  readonly toStock: string
  readonly toOther?: string
  readonly toNative?: string
  readonly aim: string
}

export const none = "–"

/** What is in the table only where its head names whom it is of. */
const optional = (named: string | undefined, cell: string | undefined): ReadonlyArray<string> => named === undefined ? [] : [cell ?? none]

export const print = ({ direct, native, other, stock }: Head, lines: ReadonlyArray<Line>): string => {
  const rows = [
    [
      "work", "ours", direct, stock, ...optional(other, other), ...optional(native, native),
      "÷ direct", "÷ stock", ...optional(other, `÷ ${other}`), ...optional(native, "÷ native"), "aim"
    ],
    ...lines.map((line) => [
      line.work, line.ours, line.direct, line.stock, ...optional(other, line.other), ...optional(native, line.native),
      line.toDirect, line.toStock, ...optional(other, line.toOther), ...optional(native, line.toNative), line.aim
    ])
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const [head, ...rest] = rows.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`)
  return [head, `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rest].join("\n")
}

// ---- cells ----

const short = (value: number): string =>
  value >= 999_500 ? `${(value / 1_000_000).toFixed(2)}M` : value >= 10_000 ? `${(value / 1_000).toFixed(0)}k` : value >= 1_000 ? `${(value / 1_000).toFixed(1)}k` : value.toFixed(0)

export const microseconds = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} µs`

/** Items per second, and the CPU that one of them costs. */
export const rate = (samples: ReadonlyArray<Sample>): string =>
  `${short(Rounds.median(samples.map((sample) => sample.rate)))}/s, ${microseconds(Rounds.median(samples.map((sample) => sample.cpu)))}`

/** Items per second, where the CPU is another process's. */
export const speed = (samples: ReadonlyArray<Sample>): string => `${short(Rounds.median(samples.map((sample) => sample.rate)))}/s`

/** How much more CPU the first one takes. */
export const costlier = (ours: ReadonlyArray<Sample>, theirs: ReadonlyArray<Sample>): number =>
  Rounds.paired(ours, theirs, (a, b) => a.cpu / b.cpu)

/** How much faster the first one is. */
export const faster = (ours: ReadonlyArray<Sample>, theirs: ReadonlyArray<Sample>): number =>
  Rounds.paired(ours, theirs, (a, b) => a.rate / b.rate)

export const factor = (value: number): string => value.toFixed(value < 10 ? 2 : 1)

/** An aim, with what came of it. */
export const aim = (text: string, met: boolean): string => `${text}: ${met ? "met" : "MISSED"}`
