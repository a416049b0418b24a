/**
 * Reading: what the readers of every server have in common, and how much memory they take. Each reads a table as often as it must be
 * for so many rows.
 *
 * Called by their `Readers` and `Streaming`, and by the process of its own in which `growth` measures one of them.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Growth from "./Growth.js"
import type { Place } from "./Served.js"
import * as Table from "./Table.js"
import type { Work } from "./Work.js"

/** Opens a contender's way to read. */
export type Reader = (place: Place, inTable: number) => Effect.Effect<Work, unknown, Scope.Scope>

/** The parameters: the last key, and how often. */
export const parts = (rows: number, inTable: number): [last: number, times: number] => rows <= inTable ? [rows, 1] : [inTable, Math.round(rows / inTable)]

/**
 * Adds up one column. A fold and no effect per chunk: an effect that holds its chunk is kept by what Effect's channels keep of the
 * one before.
 */
export const summed = <E>(stream: Stream.Stream<{ readonly score: number }, E>): Effect.Effect<number, E> =>
  Stream.runFold(stream, 0, (sum, { score }) => sum + score)

/**
 * Lines of the growth of the peak memory of a process that reads all rows, and one that reads ten times as many: one run per
 * contender and length.
 */
export const memory = (program: URL, place: Place, rows: number, other?: string): Effect.Effect<ReadonlyArray<Table.Line>> =>
  Effect.gen(function*() {
    const lengths = [rows, rows * 10]
    const grown = (name: string) => Effect.forEach(lengths, (length) => Growth.measure(program, name, JSON.stringify(place), rows, length))
    const ours = yield* grown("ours")
    const direct = yield* grown("direct")
    const stock = yield* grown("stock")
    const others = other === undefined ? undefined : yield* grown(other)
    const between = (ours[1]! - ours[0]!) / 1e6
    return lengths.map((length, i) => ({
      work: `peak memory, ${length.toLocaleString("en")} rows (one run each)`,
      ours: Growth.megabytes(ours[i]!),
      direct: Growth.megabytes(direct[i]!),
      stock: Growth.megabytes(stock[i]!),
      ...(others === undefined ? {} : { other: `${Growth.megabytes(others[i]!)} (${other})` }),
      toDirect: Table.none,
      toStock: Table.factor(ours[i]! / stock[i]!),
      aim: i === 0 ? Table.none : `${Table.aim("< 10 MB more than before", between < 10)} (${between.toFixed(0)})`
    }))
  })

/** The process whose memory is measured. Arguments: the contender, where the database is, its rows, the rows to read. */
export const growth = (readers: Readonly<Record<string, Reader>>): Promise<void> => {
  const [name = "", place, inTable, rows] = process.argv.slice(2)
  const reader = readers[name]
  if (reader === undefined || place === undefined || rows === undefined) throw new Error("growth.js contender place rows-in-table rows")
  return Growth.report(reader(JSON.parse(place) as Place, Number(inTable)), Number(rows))
}
