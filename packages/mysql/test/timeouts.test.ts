/**
 * A statement's time: ours, which says whose it was, and behind it the server's own, for when nobody is left to cancel.
 */
import { assert, it } from "@effect/vitest"
import type * as Connection from "@sluice/core/Connection"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { onServers, reasonOf } from "./each.js"

const long = "SELECT COUNT(*) FROM information_schema.COLUMNS a CROSS JOIN information_schema.COLUMNS b CROSS JOIN information_schema.COLUMNS c WHERE a.COLUMN_NAME <> ?"

const query = (sql: string, params: ReadonlyArray<unknown>, timeout: number, prepare: boolean): Connection.Query => ({
  sql, params, timeout, prepare, rowMode: "object", readOnly: true, returnsRows: true, integers: undefined, duplicates: "last", fetchSize: 100
})

onServers("a statement's time", (on, server) => {
  it.live("ours ends it first, by KILL, and the connection goes on", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      const start = Date.now()
      const reason = yield* reasonOf(db.unsafe(long, ["x"]).timeout(300))
      assert.deepStrictEqual(reason._tag === "StatementTimeoutError" ? reason.timeout : reason._tag, "statement")
      assert.strictEqual(yield* db<number>`SELECT 1`.scalar, 1)
      assert.isBelow(Date.now() - start, 1_800)
    })), 20_000)

  for (const prepare of [true, false]) {
    it.live(`where ours is not kept the server's is, a second later (${prepare ? "prepared" : "unprepared"})`, () =>
      on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
        const start = Date.now()
        // What core does not time: as if this process stood still.
        const reason = yield* reasonOf(db.withConnection((connection) => connection.execute(query(long, ["x"], 300, prepare))))
        assert.deepStrictEqual(reason._tag === "StatementTimeoutError" ? reason.timeout : reason._tag, "server")
        assert.deepStrictEqual([reason.code, reason.connection, reason.outcome], [server.name === "mysql" ? 3024 : 1969, "usable", "not-applied"])
        assert.isAbove(Date.now() - start, 1_700)
        assert.strictEqual((yield* db.pool.stats).closed, 0)
      })), 30_000)
  }

  it.live("a limit changes no answer, and a statement that has none of the server's runs as ever", () =>
    on({ statementTimeout: "20 seconds", pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY AUTO_INCREMENT, a INTEGER)`
      assert.deepStrictEqual(yield* db`INSERT INTO t (a) VALUES (${1}), (${2})`.run, { rowsAffected: 2, lastInsertId: 1 })
      assert.deepStrictEqual(yield* db`UPDATE t SET a = a + ${1}`.run, { rowsAffected: 2, lastInsertId: undefined })
      assert.deepStrictEqual(yield* db`  select /* mine */ a FROM t WHERE id = ${1}`, [{ a: 2 }])
      assert.deepStrictEqual(yield* db`SELECT/*+ NO_INDEX_MERGE(t) */ a FROM t WHERE id = ${2}`, [{ a: 3 }])
      assert.deepStrictEqual(yield* db`WITH x AS (SELECT ${7} AS a) SELECT a + 0 AS a FROM x`, [{ a: 7 }])
      assert.deepStrictEqual(yield* db`(SELECT 1 AS a) UNION (SELECT ${2})`, [{ a: 1 }, { a: 2 }])
      assert.deepStrictEqual(yield* db`SELECT a FROM t WHERE id = ${1} FOR UPDATE`.unprepared, [{ a: 2 }])
      yield* db.unsafe("CREATE PROCEDURE p() SELECT 1 AS a")
      assert.deepStrictEqual(yield* db`CALL p()`, [{ a: 1 }])
      assert.strictEqual((yield* db.executeMany("INSERT INTO t (a) VALUES (?)", [[1], [2]])).rowsAffected, 2)
      const wrong = yield* reasonOf(db`SELECT none FROM t`)
      assert.deepStrictEqual([wrong._tag, wrong.statement], ["SqlSyntaxError", "SELECT none FROM t"])
    })))

  it.live("a stream whose consumer takes its time is not limited by it", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY AUTO_INCREMENT, pad VARCHAR(4000))`
      yield* db.executeMany("INSERT INTO t (pad) VALUES (?)", Array.from({ length: 3_000 }, () => ["x".repeat(4_000)]))
      const rows = db`SELECT * FROM t`.timeout(300).with({ fetchSize: 500 }).stream
      let count = 0
      yield* Stream.runForEachChunk(rows, (chunk) => {
        count += chunk.length
        return Effect.sleep(400)
      })
      assert.strictEqual(count, 3_000)
    })), 30_000)
})
