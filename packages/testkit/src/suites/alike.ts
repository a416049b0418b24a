/**
 * Cases of B1 over statements of one text: sent as the rows of one, each is what it would be by itself.
 */
import { assert } from "@effect/vitest"
import * as Batcher from "@sluice/batcher/Batcher"
import * as Database from "@sluice/core/Database"
import * as Effect from "effect/Effect"
import type { Case } from "../Case.js"

const batched = (db: Database.Database, statements: ReadonlyArray<Batcher.Item>, options: Batcher.Options = {}) =>
  Effect.scoped(Effect.flatMap(Batcher.make(options), (batch) => batch.process(statements))).pipe(Effect.provideService(Database.Database, db))

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n)

// PostgreSQL has other types for them, and takes them all for a text; each goes beside each other kind.
const kinds: ReadonlyArray<unknown> = [true, 1, "1.5", 2.5, null, "x", -0, 9_007_199_254_740_993n, false, 3]

export const alike: ReadonlyArray<Case> = [
  {
    law: "B1",
    title: "what becomes of a value does not depend on those of its neighbours in the batch",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db`CREATE TABLE mixed (id INTEGER PRIMARY KEY, what VARCHAR(40), part INTEGER)`
      const inserts = range(0, 39).map((n) => db`INSERT INTO mixed (id, what) VALUES (${n}, ${kinds[n % kinds.length]})`)
      const parts = range(0, 39).map((n) => db`UPDATE mixed SET part = 7 / ${n % 3 === 0 ? 1.5 : 2} WHERE id = ${n}`)
      const rows = db`SELECT id, what, part FROM mixed ORDER BY id`.values
      yield* Effect.forEach([...inserts, ...parts], (statement) => statement.run)
      const alone = yield* rows
      for (const mergeInserts of [false, true]) {
        yield* db`DELETE FROM mixed`
        yield* batched(db, [...inserts, ...parts], { mergeInserts })
        assert.deepStrictEqual(yield* rows, alone)
      }
    })
  },
  {
    law: "B1",
    title: "a statement that asks for the key of the last INSERT gets it behind many of one text, too, and in the next batch of a transaction",
    needs: ["sessions"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const named = (from: number) => range(from, from + 11).map((n) => db`INSERT INTO things (name) VALUES (${`n${n}`})`)
      const asks = `UPDATE things SET amount = ${bench.profile.sql.lastId} WHERE amount IS NULL`
      for (const mergeInserts of [false, true]) {
        for (const [way, options] of [["a batch", {}], ["two batches", { maxStatements: 12, transaction: "all" }]] satisfies ReadonlyArray<readonly [string, Batcher.Options]>) {
          yield* db`DELETE FROM things`
          yield* batched(db, [...named(1), asks], { ...options, mergeInserts })
          const [amounts, last] = [yield* db`SELECT DISTINCT amount FROM things`.values, yield* db`SELECT MAX(id) FROM things`.values]
          assert.deepStrictEqual(amounts, last, `${way}, ${mergeInserts ? "merged" : "as they are"}`)
        }
      }
      yield* db`DELETE FROM things`
      yield* db.transaction(Effect.zipRight(batched(db, named(1), { mergeInserts: true }), db.unsafe(asks).run))
      assert.deepStrictEqual(yield* db`SELECT DISTINCT amount FROM things`.values, yield* db`SELECT MAX(id) FROM things`.values)
    })
  }
]
