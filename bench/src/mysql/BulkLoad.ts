/**
 * The bulk load: 200,000 rows into an empty table with a primary key.
 *
 * Ours is a stream into a BulkSink. Direct and stock are INSERTs of a thousand rows in one transaction, the text made of
 * the rows each time. The native client sends a file that was written before (`LOAD DATA LOCAL INFILE`). The rows are
 * made beforehand.
 */
import { BulkSink } from "@sluice/batcher"
import { Database } from "@sluice/core"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Measurement } from "../Measurement.js"
import * as Rounds from "../Rounds.js"
import { row, type Tables } from "../Served.js"
import * as Table from "../Table.js"
import * as Visits from "../Visits.js"
import { loading, type Work } from "../Work.js"
import * as Native from "./Native.js"
import * as Opened from "./Opened.js"

const most = 200_000
const perInsert = 1_000

export const bulkLoad: Measurement<Tables> = {
  name: "bulk",
  run: ({ emptied, folder, place, rounds, rows }) =>
    Effect.gen(function*() {
      const count = Math.min(rows, most)
      const all = Array.from({ length: count }, (_, i) => row(i + 1))
      const parts = Visits.sliced(all, perInsert)

      const db = yield* Opened.ours(place)
      const chunks = Chunk.fromIterable(parts.map((part) => Chunk.unsafeFromArray(part)))
      const ours: Work = (rows) =>
        BulkSink.load(Stream.fromChunks(...Chunk.take(chunks, rows / perInsert)), { table: "arrivals", columns: Visits.columns, transaction: "all" })
          .pipe(Effect.provideService(Database.Database, db))

      const pool = (yield* Opened.direct(place)).promise()
      const values = parts.map((part) => part.map((row) => [...row]))
      const direct: Work = (rows) =>
        Effect.promise(async () => {
          const connection = await pool.getConnection()
          await connection.beginTransaction()
          for (const part of values.slice(0, rows / perInsert)) await connection.query("INSERT INTO arrivals VALUES ?", [part])
          await connection.commit()
          connection.release()
        })

      const sql = yield* Opened.stock(place)
      const records = parts.map((part) => part.map((row): Record<string, unknown> => Object.fromEntries(Visits.columns.map((name, i) => [name, row[i]]))))
      const stock: Work = (rows) =>
        sql.withTransaction(Effect.forEach(records.slice(0, rows / perInsert), (part) => sql`INSERT INTO arrivals ${sql.insert(part)}`, { discard: true }))

      // Written when it is first asked for, which is in the warm-up.
      const file = (rows: number): string => {
        const path = join(folder, `arrivals-${rows}.tsv`)
        if (!existsSync(path)) writeFileSync(path, all.slice(0, rows).map((row) => `${row.map((value) => typeof value === "boolean" ? Number(value) : value).join("\t")}\n`).join(""))
        return path
      }
      const native: Work = (rows) =>
        Native.run(place, `LOAD DATA LOCAL INFILE '${file(rows)}' INTO TABLE arrivals CHARACTER SET utf8mb4`, "--local-infile=1")

      const turns = {
        ours: loading(ours, count, emptied),
        direct: loading(direct, count, emptied),
        stock: loading(stock, count, emptied),
        native: Native.isHere ? loading(native, count, emptied) : Effect.succeed(undefined)
      }
      yield* Rounds.interleaved(1, turns)
      const samples = yield* Rounds.interleaved(rounds, turns)
      const natives = samples.native.filter((sample) => sample !== undefined)
      const toNative = natives.length === 0 ? undefined : Table.faster(samples.ours, natives)
      return [{
        work: `bulk load of ${count.toLocaleString("en")} rows`,
        ours: Table.rate(samples.ours),
        direct: `${Table.rate(samples.direct)} (INSERTs)`,
        stock: `${Table.rate(samples.stock)} (INSERTs)`,
        toDirect: Table.factor(Table.faster(samples.ours, samples.direct)),
        toStock: Table.factor(Table.faster(samples.ours, samples.stock)),
        ...(toNative === undefined ? {} : { native: Table.speed(natives), toNative: Table.factor(toNative) }),
        aim: toNative === undefined ? Table.none : Table.aim("≥ native", toNative >= 1)
      }]
    })
}
