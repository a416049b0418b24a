/**
 * Cases of bulk loading: exact values, refusals, a failing write inside a transaction, and interruption.
 *
 * They ask the writer of a connection itself, and the batcher's sink over it. A dialect without one has nothing to show.
 */
import { assert } from "@effect/vitest"
import * as BulkSink from "@sluice/batcher/BulkSink"
import type * as Bulk from "@sluice/core/Bulk"
import * as Database from "@sluice/core/Database"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Case } from "../Case.js"
import { add, failure, fails, ids, within } from "../internal/asking.js"

type Rows = ReadonlyArray<ReadonlyArray<unknown>>

/** Writes, each handed over when the one before it may be, and the end. */
const written = (db: Database.Database, target: Partial<Bulk.Target>, writes: ReadonlyArray<Rows>): Effect.Effect<Bulk.Summary, SqlError.SqlError> =>
  db.withConnection((connection) =>
    Effect.scoped(Effect.gen(function*() {
      const { bulk } = connection
      assert.isDefined(bulk, "the dialect claims a bulk path")
      const writer = yield* connection.bulk!({ table: "things", columns: ["id", "name"], onConflict: "error", ...target })
      for (const rows of writes) yield* writer.write(rows)
      return yield* writer.finish
    }))
  )

const load = (db: Database.Database, rows: Iterable<BulkSink.Row>, options: BulkSink.Options) =>
  BulkSink.load(Stream.fromIterable(rows), options).pipe(Effect.provideService(Database.Database, db))

const things = (from: number, to: number): Array<[number, string]> => Array.from({ length: to - from + 1 }, (_, n) => [from + n, `thing ${from + n}`])

const cases: ReadonlyArray<Case> = [
  {
    law: "Q1",
    title: "every value of the profile's table, and null, comes back as it went in when it is loaded in bulk",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      let n = 0
      for (const { expected, integers, title, type, value } of bench.profile.values) {
        const table = `loaded_${++n}`
        yield* db.unsafe(`CREATE TABLE ${table} (n INTEGER, v ${type})`)
        assert.strictEqual((yield* load(db, [[1, value], [2, null], [3, value]], { table, columns: ["n", "v"] })).rows, 3, title)
        const options = integers === undefined ? {} : { integers }
        const out = expected ?? value
        assert.deepStrictEqual(yield* db`SELECT v FROM ${db(table)} ORDER BY n`.with(options).column("v"), [out, null, out], title)
      }
    })
  },
  {
    law: "Q1",
    title: "a value that nothing can hold fails its bulk write as it fails a statement, and none of its rows is there",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      for (const { title, value } of bench.profile.refused) {
        const error = yield* failure(written(db, { columns: ["id", "name", "amount"] }, [[[1, "one", 1], [2, "two", value]]]))
        assert.strictEqual(error.reason._tag, "DataError", title)
        assert.include(error.message, "row 1", title)
      }
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "B1",
    title: "a ragged row is refused with its index, and its write is not applied",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      assert.include((yield* fails(written(db, {}, [things(1, 5), [[6, "six"], [7]]]), "DataError")).message, "row 1")
      assert.deepStrictEqual(yield* ids(db), [1, 2, 3, 4, 5])
      yield* fails(written(db, { columns: [] }, [[[]]]), "ConfigError")
    })
  },
  {
    law: "B1",
    title: "in bulk a column that must have a value and is given none is refused, as it is in a statement",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db`CREATE TABLE needy (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL, kind VARCHAR(20) DEFAULT 'x' NOT NULL)`
      yield* fails(written(db, { table: "needy", columns: ["id"] }, [[[1], [2]]]), "ConstraintError")
      yield* fails(written(db, { table: "needy", columns: ["id", "kind"], onConflict: "ignore" }, [[[1, "a"], [2, "b"]]]), "ConstraintError")
      yield* fails(written(db, { table: "needy", onConflict: "ignore" }, [[[1, "a"], [2, null]]]), "ConstraintError")
      assert.deepStrictEqual(yield* db`SELECT id FROM needy`, [])
      yield* written(db, { table: "needy" }, [things(1, 2)])
      assert.deepStrictEqual(yield* db`SELECT kind FROM needy ORDER BY id`.column("kind"), ["x", "x"])
    })
  },
  {
    law: "B1",
    title: "a failing bulk write inside a transaction is undone by itself, and the transaction goes on",
    needs: ["failedStatement"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db.transaction(Effect.gen(function*() {
        yield* add(db, 1)
        const reason = yield* fails(written(db, {}, [things(2, 500), [...things(501, 600), [1, "again"]]]), "UniqueViolation")
        assert.strictEqual(reason.connection, "usable")
        yield* add(db, 1000)
      }))
      assert.deepStrictEqual(yield* ids(db), [...things(1, 500).map(([id]) => id), 1000])
    })
  },
  {
    law: "B1",
    title: "in bulk a duplicate is refused, left out and counted, or put in the old one's place; no other failure is left out",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 3, "old")
      yield* fails(written(db, {}, [things(1, 10)]), "UniqueViolation")
      assert.deepStrictEqual(yield* ids(db), [3])
      assert.deepStrictEqual(yield* written(db, { onConflict: "ignore" }, [things(1, 10), things(8, 12)]), { rows: 11, rejected: 4 })
      assert.strictEqual(yield* db<string>`SELECT name FROM things WHERE id = 3`.scalar, "old")
      assert.deepStrictEqual(yield* written(db, { onConflict: "replace" }, [[[3, "new"], [13, "more"]]]), { rows: 2, rejected: 0 })
      assert.strictEqual(yield* db<string>`SELECT name FROM things WHERE id = 3`.scalar, "new")
      assert.strictEqual((yield* ids(db)).length, 13)
      // A write of one row is counted as any other.
      assert.deepStrictEqual(yield* written(db, { onConflict: "ignore" }, [[[3, "again"]], [[14, "first"]], [[14, "second"]]]), { rows: 1, rejected: 2 })
    })
  },
  {
    law: "B1",
    title: "a load in one transaction fails by its last chunk as by its first: all of it is reported back, and none of it is there",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 1_000, "old")
      for (const [from, to] of [[1, 1_000], [1_000, 1_999], [501, 1_500]] as const) {
        const failed = yield* Effect.flip(load(db, things(from, to), { table: "things", columns: ["id", "name"], transaction: "all", chunkSize: 100 }))
        assert.strictEqual(failed._tag, "BatchError")
        if (failed._tag !== "BatchError") return
        assert.strictEqual(failed.error.reason._tag, "UniqueViolation")
        assert.deepInclude(failed.counts, { applied: 0, unknown: 0 })
        assert.deepStrictEqual(yield* ids(db), [1_000])
      }
      assert.deepInclude(yield* load(db, things(1, 999), { table: "things", columns: ["id", "name"], transaction: "all", chunkSize: 100 }), { rows: 999, rejected: 0, chunks: 10 })
      const ignoring = { table: "things", columns: ["id", "name"], transaction: "all", chunkSize: 100, onConflict: "ignore" } as const
      assert.deepInclude(yield* load(db, things(901, 1_100), ignoring), { rows: 100, rejected: 100, chunks: 2 })
    })
  },
  {
    law: "B1",
    title: "a load whose stream fails keeps the chunks that it has told of, whole, and no part of another",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      let told = 0
      const broken = Stream.concat(Stream.rechunk(Stream.fromIterable(things(1, 1_050)), 50), Stream.fail("the source broke"))
      const into = (transaction: "chunk" | "all") =>
        BulkSink.load(broken, {
          table: "things", columns: ["id", "name"], chunkSize: 100, transaction,
          onProgress: (rows) => Effect.sync(() => {
            told = rows
          })
        }).pipe(Effect.provideService(Database.Database, db), Effect.flip)
      assert.strictEqual(yield* into("all"), "the source broke")
      assert.deepStrictEqual(yield* ids(db), [])
      assert.strictEqual(yield* into("chunk"), "the source broke")
      const kept = yield* ids(db)
      assert.isAtLeast(told, 700, "rows that were told of: two chunks may wait, and one may be under way")
      assert.include([told, told + 100], kept.length)
      assert.deepStrictEqual(kept, things(1, kept.length).map(([id]) => id))
    })
  },
  {
    law: "P9",
    title: "a bulk load that is interrupted leaves nothing of it, and its connection works on",
    needs: ["interruption"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { max: 1 } })
      for (const wait of [0, 1, 3, 10, 30, 60]) {
        const fiber = yield* Effect.fork(load(db, things(1, 100_000), { table: "things", columns: ["id", "name"], transaction: "all", chunkSize: 20_000 }))
        yield* Effect.sleep(wait)
        yield* within(Fiber.interrupt(fiber), 5_000, "the interruption")
        assert.deepStrictEqual(yield* ids(db), [], `after ${wait} ms`)
      }
      assert.strictEqual((yield* load(db, things(1, 101), { table: "things", columns: ["id", "name"] })).rows, 101)
    })
  },
  {
    law: "P9",
    title: "a bulk write that is interrupted inside a transaction which goes on is undone alone",
    needs: ["interruption", "failedStatement"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db.transaction(Effect.gen(function*() {
        yield* add(db, 1)
        const fiber = yield* Effect.fork(written(db, {}, [things(2, 100), things(101, 60_000)]))
        yield* Effect.sleep(20)
        yield* within(Fiber.interrupt(fiber), 5_000, "the interruption")
        yield* add(db, 100_000)
      }))
      const left = yield* ids(db)
      assert.include([2, 101, 60_001], left.length)
      assert.deepStrictEqual([left[0], left[left.length - 1]], [1, 100_000])
    })
  }
]

/** A dialect that claims no bulk path is asked nothing here. */
export const bulk: ReadonlyArray<Case> = cases.map((one): Case => ({
  ...one,
  run: (bench) => Effect.flatMap(bench.open(), (db) => db.dialect.capabilities.bulk ? one.run(bench) : Effect.void)
}))
