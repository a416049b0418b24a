/**
 * The bulk load: 200,000 rows into an empty table with a primary key.
 *
 * Ours is a stream into a BulkSink. Direct is pg-copy-streams, the text made of the rows each time; postgres.js likewise by
 * its `writable`. The stock one has no COPY: INSERTs of a thousand rows in one transaction. The native client copies a file
 * that was written before. The rows are made beforehand.
 */
import { BulkSink } from "@sluice/batcher"
import { Database } from "@sluice/core"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { from as copyFrom } from "pg-copy-streams"
import type { Measurement } from "../Measurement.js"
import * as Rounds from "../Rounds.js"
import { row, type Tables } from "../Served.js"
import * as Table from "../Table.js"
import * as Visits from "../Visits.js"
import { loading, type Work } from "../Work.js"
import { text } from "./Data.js"
import * as Native from "./Native.js"
import * as Opened from "./Opened.js"

const most = 200_000
const perInsert = 1_000
const command = "COPY arrivals FROM STDIN"

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

      const texts = function*(rows: number) {
        for (const part of parts.slice(0, rows / perInsert)) yield text(part)
      }
      const pool = yield* Opened.direct(place)
      const direct: Work = (rows) =>
        Effect.promise(async () => {
          const client = await pool.connect()
          await pipeline(Readable.from(texts(rows)), client.query(copyFrom(command)))
          client.release()
        })
      const other = yield* Opened.other(place)
      const onOther: Work = (rows) => Effect.promise(async () => pipeline(Readable.from(texts(rows)), await other.unsafe(command).writable()))

      const sql = yield* Opened.stock(place)
      const records = parts.map((part) => part.map((row): Record<string, unknown> => Object.fromEntries(Visits.columns.map((name, i) => [name, row[i]]))))
      const stock: Work = (rows) =>
        sql.withTransaction(Effect.forEach(records.slice(0, rows / perInsert), (part) => sql`INSERT INTO arrivals ${sql.insert(part)}`, { discard: true }))

      // Written when it is first asked for, which is in the warm-up.
      const file = (rows: number): string => {
        const path = join(folder, `arrivals-${rows}.tsv`)
        if (!existsSync(path)) writeFileSync(path, text(all.slice(0, rows)))
        return path
      }
      const native: Work = (rows) => Native.run(place, `\\copy arrivals FROM '${file(rows)}'`)

      const turns = {
        ours: loading(ours, count, emptied),
        direct: loading(direct, count, emptied),
        stock: loading(stock, count, emptied),
        other: loading(onOther, count, emptied),
        native: Native.isHere ? loading(native, count, emptied) : Effect.succeed(undefined)
      }
      yield* Rounds.interleaved(1, turns)
      const samples = yield* Rounds.interleaved(rounds, turns)
      const loaded = samples.native.filter((sample) => sample !== undefined)
      const toNative = loaded.length === 0 ? undefined : Table.faster(samples.ours, loaded)
      return [{
        work: `bulk load of ${count.toLocaleString("en")} rows`,
        ours: Table.rate(samples.ours),
        direct: `${Table.rate(samples.direct)} (pg-copy-streams)`,
        stock: `${Table.rate(samples.stock)} (INSERTs)`,
        other: Table.rate(samples.other),
        toDirect: Table.factor(Table.faster(samples.ours, samples.direct)),
        toStock: Table.factor(Table.faster(samples.ours, samples.stock)),
        toOther: Table.factor(Table.faster(samples.ours, samples.other)),
        ...(toNative === undefined ? {} : { native: Table.speed(loaded), toNative: Table.factor(toNative) }),
        aim: toNative === undefined ? Table.none : Table.aim("≥ native", toNative >= 1)
      }]
    })
}
