/**
 * Transactions, locks and reset of a connection, over both transports.
 *
 * The pool, transactions and statements of core are not here; they have tests of their own.
 *
 * @since 0.1.0
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type Options } from "../dist/internal/connection.js"
import { all, newFile, opened, query, reason, setupFile } from "./fixtures.js"

for (const threads of [true, false]) {
  const open = (options: Partial<Options> = {}) => opened({ threads, ...options })

  describe(`${threads ? "with a thread" : "without threads"}`, () => {
    describe("sessions and transactions", () => {
      it.scoped("tell their status after every answer", () => Effect.gen(function*() {
        const c = yield* open()
        assert.strictEqual(c.transaction, "none")
        yield* c.begin({ isolation: "serializable" })
        assert.strictEqual(c.transaction, "open")
        yield* c.execute(query("CREATE TABLE t (a)"))
        yield* c.savepoint("a \"b\"")
        yield* c.execute(query("INSERT INTO t VALUES (1)"))
        yield* c.rollbackTo("a \"b\"")
        yield* c.release("a \"b\"")
        assert.strictEqual((yield* reason(c.release("unknown")))._tag, "TransactionStateError")
        assert.strictEqual((yield* reason(c.begin({})))._tag, "TransactionStateError")
        yield* c.commit
        assert.strictEqual(c.transaction, "none")
        assert.strictEqual((yield* reason(c.commit))._tag, "TransactionStateError")
        assert.strictEqual((yield* reason(c.rollback))._tag, "TransactionStateError")
        assert.deepStrictEqual(yield* all(c, "SELECT * FROM t"), [])
        yield* c.execute(query("CREATE TABLE u (a UNIQUE)"))
        yield* c.begin({})
        yield* c.execute(query("INSERT INTO u VALUES (1)"))
        yield* Effect.flip(c.execute(query("INSERT OR ROLLBACK INTO u VALUES (1)")))
        assert.strictEqual(c.transaction, "none")
      }))
      it.scoped("refuse what SQLite lacks, and writes of a read-only one", () => Effect.gen(function*() {
        const c = yield* open()
        yield* c.execute(query("CREATE TABLE t (a)"))
        assert.strictEqual((yield* reason(c.begin({ isolation: "snapshot" })))._tag, "UnsupportedError")
        assert.strictEqual((yield* reason(c.begin({ deferrable: true })))._tag, "UnsupportedError")
        for (const end of [c.commit, c.rollback, Effect.suspend(() => c.execute(query("ROLLBACK")))]) {
          yield* c.begin({ readOnly: true })
          assert.strictEqual((yield* reason(c.execute(query("INSERT INTO t VALUES (1)"))))._tag, "AuthorizationError")
          yield* end
          assert.strictEqual(c.transaction, "none")
          yield* c.execute(query("INSERT INTO t VALUES (1)"))
        }
        assert.deepStrictEqual(yield* all(c, "SELECT count(*) AS n FROM t"), [{ n: 3 }])
      }))
      it.scoped("reset leaves nothing of the borrower", () => Effect.gen(function*() {
        for (const filename of [":memory:", newFile()]) {
          const c = yield* open({ filename, pragmas: { cache_size: 500 }, setup: setupFile("export default (db) => { db.function('one', () => 1) }") })
          yield* c.execute(query("CREATE TABLE kept (a)"))
          yield* c.execute(query("SELECT 'before' AS b"))
          yield* c.execute(query("CREATE TEMP TABLE tmp (a)"))
          yield* c.execute(query("CREATE TEMP VIEW v AS SELECT 1"))
          yield* c.execute(query("ATTACH ':memory:' AS other"))
          for (const p of ["foreign_keys = OFF", "cache_size = 7", "query_only = ON", "case_sensitive_like = ON"]) yield* c.execute(query(`PRAGMA ${p}`))
          yield* c.execute(query("BEGIN"))
          yield* c.reset
          assert.strictEqual(c.transaction, "none")
          assert.deepStrictEqual(yield* all(c, "SELECT name FROM sqlite_temp_schema"), [])
          assert.deepStrictEqual((yield* all(c, "SELECT name FROM pragma_database_list WHERE name <> 'temp'")).length, 1)
          assert.deepStrictEqual(yield* all(c, "PRAGMA foreign_keys"), [{ foreign_keys: 1 }])
          assert.deepStrictEqual(yield* all(c, "PRAGMA cache_size"), [{ cache_size: 500 }])
          assert.deepStrictEqual(yield* all(c, "SELECT 'a' LIKE 'A' AS l, one() AS o"), [{ l: 1, o: 1 }])
          yield* c.execute(query("INSERT INTO kept VALUES (1)"))
        }
      }))
      it.scoped("apply the pragmas of a file", () => Effect.gen(function*() {
        const c = yield* open({ filename: newFile() })
        assert.deepStrictEqual(yield* all(c, "PRAGMA journal_mode"), [{ journal_mode: "wal" }])
        assert.deepStrictEqual(yield* all(c, "PRAGMA synchronous"), [{ synchronous: 1 }])
        assert.deepStrictEqual(yield* all(c, "PRAGMA foreign_keys"), [{ foreign_keys: 1 }])
        const d = yield* open({ filename: newFile(), wal: false, pragmas: { user_version: 7 } })
        assert.deepStrictEqual(yield* all(d, "PRAGMA journal_mode"), [{ journal_mode: "delete" }])
        yield* d.execute(query("CREATE TABLE t (a)"))
        const r = yield* open({ filename: d.endpoint, readOnly: true })
        assert.strictEqual((yield* reason(r.execute(query("INSERT INTO t VALUES (1)"))))._tag, "AuthorizationError")
        assert.deepStrictEqual(yield* all(r, "PRAGMA user_version"), [{ user_version: 7 }])
      }))
      it.scoped("wait for a lock until busyTimeout, and tell a stale snapshot at once", () => Effect.gen(function*() {
        const filename = newFile()
        const a = yield* open({ filename })
        const b = yield* open({ filename, busyTimeout: 60 })
        yield* a.execute(query("CREATE TABLE t (a)"))
        yield* a.begin({})
        for (const work of [b.begin({}), b.execute(query("INSERT INTO t VALUES (1)"))]) {
          const r = yield* reason(work)
          assert.strictEqual(r._tag, "LockTimeoutError")
          assert.isTrue(r.isRetryable)
        }
        yield* a.commit
        yield* b.begin({ access: "deferred" })
        yield* b.execute(query("SELECT * FROM t"))
        yield* a.execute(query("INSERT INTO t VALUES (1)"))
        const stale = yield* reason(b.execute(query("INSERT INTO t VALUES (2)")))
        assert.strictEqual(stale._tag, "SerializationError")
        assert.strictEqual(stale.code, "SQLITE_BUSY_SNAPSHOT")
        yield* b.rollback
      }))
    })
  })
}
