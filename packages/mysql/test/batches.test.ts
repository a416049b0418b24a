/**
 * Batches with what commits by itself on MySQL: DDL, and what a procedure does inside.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Batcher from "@sluice/batcher/Batcher"
import * as BatchError from "@sluice/batcher/BatchError"
import * as Database from "@sluice/core/Database"
import * as Effect from "effect/Effect"
import { onServers, reasonOf } from "./each.js"

onServers("Batches", (on) => {
  const made = (db: Database.Database, options: Batcher.Options = {}) =>
    Effect.provideService(Batcher.make({ onLeft: () => Effect.void, ...options }), Database.Database, db)

  describe("B1 nothing that is there is told as not applied", () => {
    it.live("DDL is a batch by itself, in its order", () =>
      on({}, (db) => Effect.gen(function*() {
        const batch = yield* made(db)
        const ddl = ["CREATE TABLE t (id INT PRIMARY KEY)", "/*!40101 ALTER TABLE t ADD COLUMN name TEXT */", "# c\nTRUNCATE TABLE t", "-- d\nRENAME TABLE t TO u"]
        const report = yield* batch.process([ddl[0]!, "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)", ddl[1]!, ddl[2]!, "INSERT INTO t VALUES (3, 'n')", ddl[3]!, "INSERT INTO u (id) VALUES (4)"])
        assert.deepStrictEqual([report.sent, report.batches], [8, 7])
        assert.deepStrictEqual(yield* db`SELECT id FROM u ORDER BY id`.values, [[3], [4]])
        // A temporary table commits nothing, and is there for the rest of its batch.
        const temporary = ["CREATE TEMPORARY TABLE passing (id INT)", "INSERT INTO passing VALUES (1)", "INSERT INTO u (id) SELECT 5 FROM passing", "DROP TEMPORARY TABLE passing"]
        assert.strictEqual((yield* batch.process(temporary)).batches, 1)
        assert.deepStrictEqual(yield* db`SELECT COUNT(*) FROM u`.values, [[3]])
      }).pipe(Effect.scoped)))

    it.live("DDL in a transaction of several batches, or of the user's, is refused when it is added", () =>
      on({}, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (id INT PRIMARY KEY)`
        const all = yield* made(db, { transaction: "all" })
        assert.strictEqual((yield* reasonOf(Effect.scoped(all.add("DROP TABLE t"))))._tag, "TransactionStateError")
        yield* db.transaction(Effect.scoped(Effect.gen(function*() {
          const inside = yield* made(db)
          yield* inside.add("INSERT INTO t VALUES (1)")
          assert.strictEqual((yield* reasonOf(inside.add("DROP TABLE t")))._tag, "TransactionStateError")
          yield* inside.flush()
        })))
        assert.deepStrictEqual(yield* db`SELECT id FROM t`.values, [[1]])
      }).pipe(Effect.scoped)))

    it.live("after a procedure that commits, the outcome of its batch is unknown", () =>
      on({}, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (id INT PRIMARY KEY)`
        yield* db.unsafe("CREATE PROCEDURE keep() BEGIN INSERT INTO t VALUES (2); COMMIT; END")
        const batch = yield* made(db)
        const error = yield* Effect.flip(batch.process(["INSERT INTO t VALUES (1)", "CALL keep()"]))
        assert.isTrue(BatchError.isBatchError(error))
        if (BatchError.isBatchError(error)) assert.deepStrictEqual(error.counts, { applied: 0, notApplied: 0, unknown: 2 })
        assert.deepStrictEqual(yield* db`SELECT id FROM t`.values, [[1], [2]])
      }).pipe(Effect.scoped)))
  })
})
