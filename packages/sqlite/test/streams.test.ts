/**
 * Streams, writes of many rows and whole-database verbs of a connection, over both transports.
 *
 * The pool, transactions and statements of core are not here; they have tests of their own.
 *
 * @since 0.1.0
 */
import type * as Connection from "@sluice/core/Connection"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { writeFileSync } from "node:fs"
import { type Options } from "../dist/internal/connection.js"
import { all, endless, newFile, opened, query, reason } from "./fixtures.js"

for (const threads of [true, false]) {
  const open = (options: Partial<Options> = {}) => opened({ threads, ...options })

  describe(`${threads ? "with a thread" : "without threads"}`, () => {
    describe("streams", () => {
      const drain = (rows: Connection.Rows) => Effect.gen(function*() {
        const sizes: Array<number> = []
        for (;;) {
          const chunk = yield* rows.next
          if (chunk.length === 0) return sizes
          sizes.push(chunk.length)
        }
      })
      const numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2500) SELECT i FROM n"
      it.scoped("come in chunks of fetchSize and end again and again", () => Effect.gen(function*() {
        const c = yield* open()
        const rows = yield* c.rows(query(numbers))
        assert.deepStrictEqual(rows.columns.map((x) => x.name), ["i"])
        assert.deepStrictEqual(yield* drain(rows), [1000, 1000, 500])
        assert.deepStrictEqual(yield* rows.next, [])
        const none = yield* c.rows(query("SELECT 1 AS a WHERE 0"))
        assert.deepStrictEqual(none.columns.map((x) => x.name), ["a"])
        assert.deepStrictEqual(yield* none.next, [])
        const write = yield* c.rows(query("CREATE TABLE made (a)"))
        assert.deepStrictEqual(yield* write.next, [])
      }))
      it.scoped("are lazy: an endless one gives its first rows and ends with its scope", () => Effect.gen(function*() {
        const c = yield* open()
        const first = yield* Effect.scoped(Effect.flatMap(c.rows(query(endless, [], { rowMode: "array" })), (r) => r.next))
        assert.deepStrictEqual(first[999], [1000])
        assert.deepStrictEqual(yield* all(c, "SELECT 1 AS a"), [{ a: 1 }])
      }))
      it.scoped("let other statements run beside them, writes and COMMIT too (law S4)", () => Effect.gen(function*() {
        const c = yield* open()
        yield* c.execute(query("CREATE TABLE t (a)"))
        yield* c.begin({})
        const rows = yield* c.rows(query(numbers, [], { fetchSize: 100 }))
        yield* rows.next
        yield* c.execute(query("INSERT INTO t VALUES (1)"))
        const same = yield* c.rows(query(numbers, [], { fetchSize: 100 }))
        assert.strictEqual((yield* same.next).length, 100)
        assert.strictEqual((yield* c.executeMany(query("INSERT INTO t VALUES (?)"), [[2], [3]])).length, 2)
        yield* c.commit
        assert.strictEqual((yield* drain(rows)).length, 24)
        assert.deepStrictEqual(yield* all(c, "SELECT count(*) AS n FROM t"), [{ n: 3 }])
      }))
      it.scoped("whose transaction is rolled back end or fail typed", () => Effect.gen(function*() {
        const c = yield* open()
        yield* c.execute(query("CREATE TABLE t (a)"))
        yield* c.begin({})
        yield* c.execute(query(`INSERT INTO t ${numbers}`))
        yield* c.execute(query("CREATE TABLE u (a)"))
        const rows = yield* c.rows(query("SELECT a FROM t", [], { fetchSize: 10 }))
        yield* rows.next
        yield* c.rollback
        assert.strictEqual(c.transaction, "none")
        assert.strictEqual((yield* reason(drain(rows)))._tag, "TransactionAbortedError")
        assert.deepStrictEqual(yield* all(c, "SELECT * FROM t"), [])
      }))
      it.scoped("a RETURNING that is left early has made all of its changes", () => Effect.gen(function*() {
        const c = yield* open()
        yield* c.execute(query("CREATE TABLE t (a)"))
        yield* Effect.scoped(Effect.flatMap(c.rows(query(`INSERT INTO t ${numbers} RETURNING a`, [], { fetchSize: 10 })), (r) => r.next))
        assert.deepStrictEqual(yield* all(c, "SELECT count(*) AS n FROM t"), [{ n: 2500 }])
        assert.strictEqual(c.transaction, "none")
      }))
    })

    describe("many rows", () => {
      it.scoped("executeMany is all or nothing", () => Effect.gen(function*() {
        const c = yield* open()
        yield* c.execute(query("CREATE TABLE t (a UNIQUE)"))
        assert.deepStrictEqual(yield* c.executeMany(query("INSERT INTO t VALUES (?)"), [[1], [2]]), [1, 1])
        assert.strictEqual((yield* reason(c.executeMany(query("INSERT INTO t VALUES (?)"), [[3], [1]])))._tag, "UniqueViolation")
        assert.deepStrictEqual(yield* all(c, "SELECT count(*) AS n FROM t"), [{ n: 2 }])
        assert.strictEqual(c.transaction, "none")
      }))
      it.scoped("bulk writes are atomic each and count what was applied", () => Effect.gen(function*() {
        const c = yield* open()
        yield* c.execute(query("CREATE TABLE t (id INTEGER PRIMARY KEY, b)"))
        const target = { table: "t", columns: ["id", "b"], onConflict: "error" } as const
        const rows = Array.from({ length: 1234 }, (_, i) => [i, `v${i}`])
        const w = yield* c.bulk(target)
        yield* w.write(rows)
        // A write may end before it is applied: its failure comes out of finish at the latest.
        assert.strictEqual((yield* reason(Effect.zipRight(w.write([[5000, "x"], [1, "y"]]), w.finish)))._tag, "UniqueViolation")
        const ragged = yield* reason(w.write([[5000, "x"], [1]]))
        assert.strictEqual(ragged._tag, "DataError")
        assert.match(ragged.message, /^row 1 /)
        assert.match((yield* reason(w.write([[5000, NaN]]))).message, /^row 0, value 2/)
        assert.deepStrictEqual(yield* w.finish, { rows: 1234, rejected: 0 })
        const ignore = yield* c.bulk({ ...target, onConflict: "ignore" })
        yield* ignore.write([[1, "n"], [2000, "n"]])
        assert.deepStrictEqual(yield* ignore.finish, { rows: 1, rejected: 1 })
        yield* c.begin({})
        const replace = yield* c.bulk({ ...target, onConflict: "replace" })
        yield* replace.write([[1, "r"], [2001, "r"]])
        yield* Effect.flip(Effect.zipRight(w.write([[3000, "x"], [1, "y"]]), w.finish))
        assert.strictEqual(c.transaction, "open")
        yield* c.commit
        assert.deepStrictEqual(yield* replace.finish, { rows: 2, rejected: 0 })
        assert.deepStrictEqual(yield* all(c, "SELECT count(*) AS n, max(b) FILTER (WHERE id = 1) AS b FROM t"), [{ n: 1236, b: "r" }])
      }))
    })

    it.scoped("what is under way behind a failure that rolled the transaction back is not applied by itself", () => Effect.gen(function*() {
      const c = yield* open()
      yield* c.execute(query("CREATE TABLE t (id INTEGER PRIMARY KEY, v)"))
      yield* c.execute(query("CREATE TRIGGER refuse BEFORE INSERT ON t WHEN NEW.v = 'refused' BEGIN SELECT RAISE(ROLLBACK, 'refused'); END"))
      const rows = Array.from({ length: 9_000 }, (_, i) => [i === 1_500 ? 3 : i, "v"])
      for (const begin of [c.begin({}), Effect.void]) {
        yield* begin
        assert.strictEqual((yield* reason(c.executeMany(query("INSERT OR ROLLBACK INTO t VALUES (?, ?)"), rows)))._tag, "UniqueViolation")
        assert.strictEqual(c.transaction, "none")
        assert.deepStrictEqual(yield* all(c, "SELECT count(*) AS n FROM t"), [{ n: 0 }])
      }
      yield* c.begin({})
      const w = yield* c.bulk({ table: "t", columns: ["id", "v"], onConflict: "error" })
      const writes = Effect.zipRight(w.write([[1, "v"], [2, "refused"]]), Effect.zipRight(w.write([[3, "v"]]), w.finish))
      assert.strictEqual((yield* reason(writes))._tag, "ConstraintError")
      assert.deepStrictEqual(yield* all(c, "SELECT count(*) AS n FROM t"), [{ n: 0 }])
    }))

    it.scoped("a bulk write of many requests is still all or nothing", () => Effect.gen(function*() {
      const c = yield* open()
      yield* c.execute(query("CREATE TABLE t (id INTEGER PRIMARY KEY)"))
      const w = yield* c.bulk({ table: "t", columns: ["id"], onConflict: "error" })
      const rows = Array.from({ length: 25_000 }, (_, i) => [i])
      const bad = [...rows, [3]]
      assert.strictEqual((yield* reason(w.write(bad)))._tag, "UniqueViolation")
      assert.strictEqual(c.transaction, "none")
      assert.deepStrictEqual(yield* all(c, "SELECT count(*) AS n FROM t"), [{ n: 0 }])
      yield* c.begin({})
      yield* c.execute(query("INSERT INTO t VALUES (-1)"))
      yield* Effect.flip(w.write(bad))
      assert.strictEqual(c.transaction, "open")
      yield* w.write(rows)
      yield* c.commit
      assert.deepStrictEqual(yield* all(c, "SELECT count(*) AS n FROM t"), [{ n: 25_001 }])
      assert.deepStrictEqual(yield* w.finish, { rows: 25_000, rejected: 0 })
    }))

    it.scoped("backup, serialize, ping and close", () => Effect.gen(function*() {
      const c = yield* open()
      yield* c.ping
      yield* c.execute(query("CREATE TABLE t AS SELECT 1 AS a"))
      const copy = newFile()
      yield* c.backup(copy)
      assert.deepStrictEqual(yield* all(yield* open({ filename: copy }), "SELECT * FROM t"), [{ a: 1 }])
      const bytes = newFile()
      writeFileSync(bytes, yield* c.serialize)
      assert.deepStrictEqual(yield* all(yield* open({ filename: bytes }), "SELECT * FROM t"), [{ a: 1 }])
      assert.strictEqual((yield* reason(c.backup("/no/such/place.db")))._tag, "ConfigError")
      assert.strictEqual((yield* reason(c.loadExtension("/no/such")))._tag, "ConfigError")
      yield* c.close("graceful")
      assert.isTrue(c.isClosed)
      assert.strictEqual(Exit.isFailure(yield* Effect.exit(c.execute(query("SELECT 1")))), true)
      yield* c.close("graceful")
    }))
  })
}
