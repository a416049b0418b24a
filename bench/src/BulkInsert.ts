/**
 * The bulk insert: many rows into an empty table, in one transaction.
 *
 * Direct is a prepared INSERT of one row, run for each. The stock driver's best is INSERT of many rows
 * (`sql.insert(rows)`) with its text the same for every chunk. A hundred thousand rows are made beforehand and go in again
 * and again, so that neither making them nor collecting them is measured.
 */
import Driver from "better-sqlite3"
import * as Effect from "effect/Effect"
import * as Data from "./Data.js"
import type { Measurement } from "./Measurement.js"
import * as Opened from "./Opened.js"
import * as Rounds from "./Rounds.js"
import * as Table from "./Table.js"
import { timed, type Work } from "./Work.js"

const made = 100_000

const sliced = <A>(all: ReadonlyArray<A>, size: number): ReadonlyArray<Array<A>> =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size))

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

const rowsPerWrite = 10_000
// Of 10, 100, 500, 1,000 and 4,680 rows (32,766 parameters) the fastest; see README.
const rowsPerStockInsert = 500

export const bulkInsert: Measurement = {
  name: "bulk",
  run: ({ newFile, rounds, rows }) =>
    Effect.gen(function*() {
      const all = Array.from({ length: made }, (_, i) => Data.row(i + 1))
      const records: ReadonlyArray<Record<string, unknown>> = all.map((row) => ({ ...Data.record(row) }))
      const files = { ours: newFile("ours"), direct: newFile("direct"), stock: newFile("stock") }
      for (const file of Object.values(files)) yield* emptied(file)

      const db = yield* Opened.ours(files.ours, true)
      const chunks = sliced(all, rowsPerWrite)
      const ours: Work = (count) =>
        db.withTransaction(db.withConnection((connection) =>
          Effect.scoped(Effect.gen(function*() {
            const writer = yield* connection.bulk!({ table: "visits", columns: [...Data.columns], onConflict: "error" })
            for (let i = 0; i * rowsPerWrite < count; i++) yield* writer.write(chunks[i % chunks.length]!)
            return yield* writer.finish
          }))
        ))

      const driver = yield* Opened.direct(files.direct)
      const insert = driver.prepare(Data.insertOne("visits"))
      const direct: Work = (count) =>
        Effect.sync(driver.transaction(() => {
          for (let i = 0; i < count; i++) insert.run(all[i % made]!)
        }))

      const sql = yield* Opened.stock(files.stock)
      const parts = sliced(records, rowsPerStockInsert)
      const stock: Work = (count) =>
        sql.withTransaction(Effect.gen(function*() {
          for (let i = 0; i * rowsPerStockInsert < count; i++) yield* sql`INSERT INTO visits ${sql.insert(parts[i % parts.length]!)}`
        }))

      const turns = {
        ours: timed(ours, rows, emptied(files.ours)),
        direct: timed(direct, rows, emptied(files.direct)),
        stock: timed(stock, rows, emptied(files.stock))
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
