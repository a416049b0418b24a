/**
 * Writing rows: one by one, batched, merged and in bulk, the same rows into the same table of a dialect.
 *
 * One by one is a statement a row, each awaited and committed by itself. Batched are the same statements through a `Batcher`, a transaction a batch; merged
 * are INSERTs as texts, which it joins into statements of many rows; bulk is a `BulkSink`. Rows and statements are made beforehand. How a
 * dialect's bulk load stands beside its native tool is its own measurement. Called by the suites of the dialects.
 */
import { Batcher, BulkSink } from "@sluice/batcher"
import { Database } from "@sluice/core"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Measurement } from "./Measurement.js"
import * as Rounds from "./Rounds.js"
import * as Table from "./Table.js"
import * as Visits from "./Visits.js"
import { timed, type Work } from "./Work.js"

const alone = 2_000
const many = 200_000

/** The measurement on the databases that `open` opens. */
export const writing = <A>(open: (tables: A) => Effect.Effect<Database.Database, unknown, Scope.Scope>): Measurement<A> => ({
  name: "write",
  run: (tables) =>
    Effect.gen(function*() {
      const db = yield* open(tables)
      const rows = Array.from({ length: many }, (_, i) => {
        const [id, name, , , at, , score] = Visits.row(i + 1)
        return { id, name, at, score }
      })
      const statements = rows.map((row) => db`INSERT INTO writes ${db.insert(row)}`)
      const texts = rows.map(({ at, id, name, score }) => `INSERT INTO writes (id, name, at, score) VALUES (${id}, '${name}', '${at}', ${score})`)
      const emptied = Effect.zipRight(
        db`DROP TABLE IF EXISTS writes`,
        db`CREATE TABLE writes (id BIGINT PRIMARY KEY, name VARCHAR(40), at VARCHAR(40), score DOUBLE PRECISION)`
      )
      const oneByOne: Work = (count) => Effect.forEach(statements.slice(0, count), (statement) => statement.run, { discard: true })
      const batched = (items: ReadonlyArray<Batcher.Item>, mergeInserts: boolean): Work => () =>
        Effect.scoped(Effect.flatMap(Batcher.make({ mergeInserts }), (batcher) => batcher.process(items))).pipe(Effect.provideService(Database.Database, db))
      const bulk: Work = () =>
        BulkSink.load(Stream.fromIterable(rows), { table: "writes", columns: ["id", "name", "at", "score"] }).pipe(Effect.provideService(Database.Database, db))

      const turns = {
        oneByOne: timed(oneByOne, alone, emptied),
        batched: timed(batched(statements, false), many, emptied),
        merged: timed(batched(texts, true), many, emptied),
        bulk: timed(bulk, many, emptied)
      }
      yield* Rounds.interleaved(1, turns)
      const samples = yield* Rounds.interleaved(tables.rounds, turns)
      yield* db`DROP TABLE writes`
      const line = { direct: Table.none, stock: Table.none, toDirect: Table.none, toStock: Table.none }
      const beside = (name: keyof typeof samples) => Table.faster(samples[name], samples.oneByOne)
      const name = (count: number) => count.toLocaleString("en")
      return [
        { ...line, work: `write ${name(alone)} rows, one by one`, ours: Table.rate(samples.oneByOne), aim: Table.none },
        { ...line, work: `write ${name(many)} rows, batched`, ours: Table.rate(samples.batched), aim: Table.aim(`≥ 30 × one by one, is ${Table.factor(beside("batched"))}`, beside("batched") >= 30) },
        { ...line, work: `write ${name(many)} rows, merged`, ours: Table.rate(samples.merged), aim: `is ${Table.factor(beside("merged"))} × one by one` },
        { ...line, work: `write ${name(many)} rows, bulk`, ours: Table.rate(samples.bulk), aim: `is ${Table.factor(beside("bulk"))} × one by one` }
      ]
    })
})
