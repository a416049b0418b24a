/**
 * The bulk insert: many rows into an empty table, in one transaction.
 *
 * Ours is a stream into a BulkSink. Direct is a prepared INSERT of one row, run for each. The stock driver's best is an
 * INSERT of as many rows as its parameters allow (`sql.insert(rows)`), the same text each time. A hundred thousand rows are made beforehand and go in again
 * and again, so that neither making them nor collecting them is measured.
 */
import { BulkSink } from "@sluice/batcher"
import { Database } from "@sluice/core"
import Driver from "better-sqlite3"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Data from "./Data.js"
import type { Measurement } from "../Measurement.js"
import * as Opened from "./Opened.js"
import * as Rounds from "../Rounds.js"
import * as Table from "../Table.js"
import * as Visits from "../Visits.js"
import { loading, type Work } from "../Work.js"

const made = 100_000

/** The table anew, by a handle that nobody measures. */
const emptied = (filename: string): Effect.Effect<void> =>
  Effect.sync(() => {
    const db = new Driver(filename)
    db.pragma("journal_mode = WAL")
    db.exec("DROP TABLE IF EXISTS visits")
    db.exec(Data.table("visits", ""))
    db.pragma("wal_checkpoint(TRUNCATE)")
    db.close()
  })

const rowsPerChunk = 1_000
// The fastest of 10, 50, 100, 500, 1,000 and 4,680 rows: the last is all that 32,766 parameters hold.
const rowsPerStockInsert = 4_680

export const bulkInsert: Measurement<Data.Files> = {
  name: "bulk",
  run: ({ newFile, rounds, rows }) =>
    Effect.gen(function*() {
      const all = Array.from({ length: made }, (_, i) => Visits.row(i + 1))
      const records: ReadonlyArray<Record<string, unknown>> = all.map((row) => ({ ...Visits.record(row) }))
      const files = { ours: newFile("ours"), direct: newFile("direct"), stock: newFile("stock") }
      for (const file of Object.values(files)) yield* emptied(file)

      const db = yield* Opened.ours(files.ours, true)
      const chunks = Visits.sliced(all, rowsPerChunk).map((rows) => Chunk.unsafeFromArray(rows))
      const ours: Work = (count) =>
        BulkSink.load(
          Stream.unfoldChunk(0, (i) => i * rowsPerChunk < count ? Option.some([chunks[i % chunks.length]!, i + 1]) : Option.none()),
          { table: "visits", columns: Visits.columns, transaction: "all" }
        ).pipe(Effect.provideService(Database.Database, db))

      const driver = yield* Opened.direct(files.direct)
      const insert = driver.prepare(Data.insertOne("visits"))
      const direct: Work = (count) =>
        Effect.sync(driver.transaction(() => {
          for (let i = 0; i < count; i++) insert.run(all[i % made]!)
        }))

      const sql = yield* Opened.stock(files.stock)
      const parts = Visits.sliced(records, rowsPerStockInsert)
      const stock: Work = (count) =>
        sql.withTransaction(Effect.gen(function*() {
          for (let i = 0; i * rowsPerStockInsert < count; i++) yield* sql`INSERT INTO visits ${sql.insert(parts[i % parts.length]!)}`
        }))

      const turns = {
        ours: loading(ours, rows, emptied(files.ours)),
        direct: loading(direct, rows, emptied(files.direct)),
        stock: loading(stock, rows, emptied(files.stock))
      }
      yield* Rounds.interleaved(1, turns)
      const samples = yield* Rounds.interleaved(rounds, turns)
      const toDirect = Table.faster(samples.ours, samples.direct)
      return [{
        work: `bulk insert of ${rows.toLocaleString("en")} rows`,
        ours: Table.rate(samples.ours),
        direct: Table.rate(samples.direct),
        stock: Table.rate(samples.stock),
        toDirect: Table.factor(toDirect),
        toStock: Table.factor(Table.faster(samples.ours, samples.stock)),
        aim: Table.aim("≥ 0.7 of direct", toDirect >= 0.7)
      }]
    })
}
