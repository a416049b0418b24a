/**
 * Loading: how much memory a load takes. Rows that are made as they are taken go through a BulkSink into an empty table, by a
 * process that does nothing else.
 *
 * Called by the suites, and by the process of its own (`load`) in which each of them is measured.
 */
import { BulkSink } from "@sluice/batcher"
import { Database } from "@sluice/core"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Growth from "./Growth.js"
import type { Measurement } from "./Measurement.js"
import type { Tables } from "./Served.js"
import * as Rounds from "./Rounds.js"
import * as Table from "./Table.js"
import * as Visits from "./Visits.js"
import type { Work } from "./Work.js"

const times = 3

/**
 * Lines of the growth of the peak memory of a process that loads all rows, and one that loads ten times as many: medians, as
 * two runs of one length are up to 15 MB apart. `prepared` empties the table, and tells the process where that is.
 */
export const loading = <Data>(program: URL, prepared: (data: Data) => Effect.Effect<string>): Measurement<Data> => ({
  name: "loading",
  run: (settings) =>
    Effect.gen(function*() {
      const lengths = [settings.rows, settings.rows * 10]
      const runs = yield* Effect.replicateEffect(
        Effect.forEach(lengths, (length) => Effect.flatMap(prepared(settings), (place) => Growth.measure(program, place, length))),
        times
      )
      const grown = lengths.map((_, i) => Rounds.median(runs.map((run) => run[i]!)))
      const between = (grown[1]! - grown[0]!) / 1e6
      return lengths.map((length, i) => ({
        work: `peak memory of a load, ${length.toLocaleString("en")} rows (${times} runs)`,
        ours: Growth.megabytes(grown[i]!),
        direct: Table.none,
        stock: Table.none,
        toDirect: Table.none,
        toStock: Table.none,
        aim: i === 0 ? Table.none : `${Table.aim("< 10 MB more than before", between < 10)} (${between.toFixed(0)})`
      }))
    })
})

/** The same on a server. */
export const served = (program: URL): Measurement<Tables> => loading(program, ({ emptied, place }) => Effect.as(emptied, JSON.stringify(place)))

const rowsPerChunk = 1_000

const loader = (db: Database.Database, rowOf: (id: number) => ReadonlyArray<unknown>): Work => {
  let last = 0
  return (count) => {
    const end = last + count
    const rows = Stream.unfoldChunk(last, (from) => {
      const size = Math.min(rowsPerChunk, end - from)
      return size === 0 ? Option.none() : Option.some([Chunk.unsafeFromArray(Array.from({ length: size }, (_, i) => rowOf(from + i + 1))), from + size])
    })
    last = end
    return BulkSink.load(rows, { table: "arrivals", columns: Visits.columns }).pipe(Effect.provideService(Database.Database, db))
  }
}

/** The process whose memory is measured. Arguments: where the database is, the rows to load. */
export const load = (
  opened: (place: string) => Effect.Effect<Database.Database, unknown, Scope.Scope>,
  rowOf: (id: number) => ReadonlyArray<unknown>
): Promise<void> => {
  const [place, rows] = process.argv.slice(2)
  if (place === undefined || rows === undefined) throw new Error("load.js place rows")
  return Growth.report(Effect.map(opened(place), (db) => loader(db, rowOf)), Number(rows))
}
