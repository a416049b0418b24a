/**
 * How transactions and streams of MySQL end when it is not we who end them: law T7's implicit commits and rollbacks, and a
 * stream whose consumer is too slow or leaves too much behind.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Mysql from "@sluice/mysql/Mysql"
import * as LocalServer from "@sluice/testkit/LocalServer"
import { mariadb } from "@sluice/testkit/servers/mariadb"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { onServers, reasonOf } from "./each.js"

const table = (db: Database.Database) => db`CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER)`

/** A transaction in which a lock is waited for in vain, and that failure is swallowed. */
const waiting = (db: Database.Database) => Effect.gen(function*() {
  yield* db`INSERT INTO t VALUES (1, 0)`
  return yield* Effect.scoped(Effect.gen(function*() {
    const holder = yield* db.session
    yield* holder.begin()
    yield* holder`UPDATE t SET a = 1 WHERE id = 1`
    return yield* Effect.either(db.transaction(Effect.gen(function*() {
      yield* db`INSERT INTO t VALUES (2, 0)`
      assert.strictEqual((yield* reasonOf(db`UPDATE t SET a = 2 WHERE id = 1`))._tag, "LockTimeoutError")
      yield* db`INSERT INTO t VALUES (3, 0)`
    })))
  }))
})

const impatient: Mysql.Config = { initCommand: "SET SESSION innodb_lock_wait_timeout = 1" }

onServers("transactions that MySQL ends", (on, server) => {
  it.live("T7 a lock that was waited for in vain takes its statement along, and the transaction goes on", () =>
    on(impatient, (db) => Effect.gen(function*() {
      yield* table(db)
      assert.strictEqual((yield* waiting(db))._tag, "Right")
      assert.deepStrictEqual(yield* db`SELECT id FROM t ORDER BY id`.values, [[1], [2], [3]])
    })))

  it.live("T7 SET autocommit = 1 commits: every later statement of the transaction fails, none runs by itself", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* table(db)
      const reason = yield* reasonOf(db.transaction(Effect.gen(function*() {
        yield* db`INSERT INTO t VALUES (1, 0)`
        yield* db.unsafe("SET autocommit = 0")
        yield* db`INSERT INTO t VALUES (2, 0)`
        yield* db.unsafe("SET autocommit = 1")
        yield* db`INSERT INTO t VALUES (3, 0)`
      })))
      assert.strictEqual(reason._tag, "TransactionAbortedError")
      assert.deepStrictEqual(yield* db`SELECT id FROM t ORDER BY id`.values, [[1], [2]])
    })))

  it.live("P4 autocommit that a borrower turned off is on again for the next one", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* table(db)
      yield* db.unsafe("SET autocommit = 0")
      yield* db`INSERT INTO t VALUES (1, 0)`
      yield* db.withConnection((connection) => Effect.sync(() => assert.strictEqual(connection.transaction, "none")))
      yield* db.pool.clear
      assert.deepStrictEqual(yield* db`SELECT id FROM t`.values, [[1]])
    })))

  it.live("T7 a text that would commit the open transaction and begin another is refused before it is sent", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* table(db)
      const texts = [
        "BEGIN", "begin work", "/* now */ START TRANSACTION", "START TRANSACTION READ ONLY", "COMMIT AND CHAIN", "COMMIT WORK AND CHAIN", "ROLLBACK AND CHAIN",
        "-- name: begin\nSTART TRANSACTION", "# now\nBEGIN", "--\nBEGIN -- it is", "BEGIN /* it is */;", "BEGIN # it is", "START /* a */ TRANSACTION", "COMMIT -- and\n AND/**/CHAIN",
        "ROLLBACK /* what */ WORK AND CHAIN NO RELEASE", "/*!START TRANSACTION*/", "/*!40000 BEGIN */", "BEGIN;;", "SET STATEMENT max_statement_time = 5 FOR START TRANSACTION"
      ]
      for (const text of texts) {
        const failed = Effect.fail("back" as const)
        yield* Effect.flip(db.transaction(Effect.gen(function*() {
          yield* db`INSERT INTO t VALUES (1, 0)`
          assert.strictEqual((yield* reasonOf(db.unsafe(text)))._tag, "TransactionStateError", text)
          assert.strictEqual((yield* reasonOf(Stream.runDrain(db.unsafe(text).stream)))._tag, "TransactionStateError", text)
          yield* failed
        })))
        assert.deepStrictEqual(yield* db`SELECT id FROM t`.values, [], text)
      }
      // It is no statement of that kind.
      if (server.name === "mariadb") yield* db.transaction(db.unsafe("BEGIN NOT ATOMIC INSERT INTO t VALUES (2, 0); END"))
      assert.strictEqual((yield* db`SELECT id FROM t`).length, server.name === "mariadb" ? 1 : 0)
      yield* db.transaction(Effect.zipRight(db.unsafe("SAVEPOINT a"), db.unsafe("ROLLBACK /* only */ TO SAVEPOINT a")))
    })))

  it.live("T7 such a text is refused among several, too", () =>
    on({ multipleStatements: true }, (db) => Effect.gen(function*() {
      yield* table(db)
      const reason = yield* reasonOf(db.transaction(db.unsafe("INSERT INTO t VALUES (1, 0); COMMIT; BEGIN").results))
      assert.strictEqual(reason._tag, "TransactionStateError")
      assert.deepStrictEqual(yield* db`SELECT id FROM t`.values, [])
      // The body of a routine is none of them.
      yield* db.unsafe("CREATE PROCEDURE p() BEGIN START TRANSACTION; INSERT INTO t VALUES (2, 0); COMMIT; END; CALL p()")
      assert.deepStrictEqual(yield* db`SELECT id FROM t`.values, [[2]])
    })))

  it.live("P4 what a session, or one statement, leaves behind is gone: locks of every kind, tables, variables, statements, the database", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* table(db)
      yield* db`INSERT INTO t VALUES (1, 0)`
      const schema = yield* db<string>`SELECT DATABASE()`.scalar
      const lock = `left ${schema}`
      // What another client may do then, who would wait for ever.
      const left: ReadonlyArray<readonly [statements: ReadonlyArray<string>, other?: string]> = [
        [["LOCK TABLES t WRITE"], "UPDATE t SET a = a + 1"],
        [["HANDLER t OPEN", "HANDLER t READ FIRST"], "ALTER TABLE t FORCE"],
        [[`SELECT GET_LOCK('${lock}', 0)`], `SELECT 1 FROM t WHERE GET_LOCK('${lock}', 0) = 1 AND RELEASE_LOCK('${lock}') = 1`],
        [["BEGIN", "UPDATE t SET a = 100"], "UPDATE t SET a = a + 1"],
        [["SET autocommit = 0", "UPDATE t SET a = 100"], "UPDATE t SET a = a + 1"],
        [["XA START 'one'", "UPDATE t SET a = 100", "XA END 'one'"], "UPDATE t SET a = a + 1"],
        [["START TRANSACTION WITH CONSISTENT SNAPSHOT"], "ALTER TABLE t FORCE"],
        [["CREATE TEMPORARY TABLE t (id INTEGER, a INTEGER)"]],
        [["SET @left = 1"]], [["SELECT 1 INTO @left"]], [["SELECT @left := 1"]],
        [["PREPARE kept FROM 'SELECT 1'"]], [["USE mysql"]], [["SET SESSION sql_mode = 'ANSI_QUOTES'"]]
      ]
      const state = db`SELECT id, @@autocommit AS commits, @left AS var, DATABASE() AS place, @@sql_mode = @@global.sql_mode AS mode FROM t`
      const clean = yield* state
      yield* Effect.scoped(Effect.gen(function*() {
        const other = yield* Layer.build(Mysql.layer({ url: server.url, database: schema, pool: { max: 1 }, statementTimeout: "10 seconds" }))
        for (const [statements, then] of left) {
          for (const way of ["session", "statement"] as const) {
            // One statement after another is of several borrowers.
            if (way === "statement") yield* db.unsafe(statements[0]!)
            else yield* Effect.scoped(Effect.flatMap(db.session, (session) => Effect.forEach(statements, (sql) => session.unsafe(sql))))
            if (then !== undefined) yield* Context.get(other, Database.Database).unsafe(then)
            assert.deepStrictEqual(yield* state, clean, `${way}: ${statements.join("; ")}`)
            assert.strictEqual((yield* Effect.flip(db.unsafe("EXECUTE kept"))).reason._tag, "SqlSyntaxError")
          }
        }
      }))
      assert.isBelow((yield* db<number>`SELECT a FROM t`.scalar), 100)
    })), 60_000)

  it.live("P4 an XA transaction that a session leaves is gone with its connection", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* table(db)
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        yield* session.unsafe("XA START 'left'")
        yield* session`INSERT INTO t VALUES (1, 0)`
      }))
      assert.deepStrictEqual(yield* db`SELECT id FROM t`.values, [])
      yield* db.transaction(db`INSERT INTO t VALUES (2, 0)`)
      assert.deepStrictEqual(yield* db`SELECT id FROM t`.values, [[2]])
    })))
})

onServers("streams that MySQL ends", (on) => {
  it.live("S2 a stream that leaves more behind than discardLimit costs its connection, and nothing else", () =>
    on({ discardLimit: 100_000, pool: { max: 1 } }, (db) => Effect.gen(function*() {
      const rows = db`WITH RECURSIVE s AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 900) SELECT a.n, REPEAT('x', 500) AS pad FROM s AS a, s AS b`.stream
      // Half a megabyte is a chunk, and several are on their way when the consumer has paused.
      assert.strictEqual(yield* Stream.runCount(Stream.take(Stream.tap(rows, () => Effect.sleep(5)), 10)), 10)
      assert.strictEqual(yield* db<number>`SELECT 1`.scalar, 1)
      const { closed, opened } = yield* db.pool.stats
      assert.deepStrictEqual([opened, closed], [2, 1])
      yield* Effect.repeat(
        Effect.zipRight(Effect.sleep(5), db<number>`SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND COMMAND <> 'Sleep' AND ID <> CONNECTION_ID()`.scalar),
        { until: (n) => Number(n) === 0 }
      ).pipe(Effect.timeout(3_000))
    })))

  it.live("S1 a consumer that pauses for longer than streamTimeout gets what was on its way, then a failure; the process lives", () =>
    on({ streamTimeout: "1 second", pool: { max: 1 } }, (db) => Effect.gen(function*() {
      let rows = 0
      const rest = db<{ n: number }>`WITH RECURSIVE s AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 900) SELECT a.n, REPEAT('x', 500) AS pad FROM s AS a, s AS b`.stream.pipe(
        Stream.runForEach(() => ++rows === 1_500 ? Effect.sleep(3_500) : Effect.void)
      )
      const reason = yield* reasonOf(rest)
      assert.deepStrictEqual([reason._tag, reason.connection, reason.outcome], ["ConnectionError", "broken", "not-applied"])
      assert.isAbove(rows, 1_500)
      assert.isBelow(rows, 810_000)
      assert.strictEqual(yield* db<number>`SELECT 1`.scalar, 1)
    })))
})

describe.skipIf(mariadb === undefined)("a server with innodb_rollback_on_timeout", () => {
  it.scopedLive("T7 a lock that was waited for in vain takes the transaction along: nothing of it goes on in autocommit", () =>
    Effect.gen(function*() {
      if (mariadb === undefined) return
      const { serve } = mariadb
      const { host, port } = yield* LocalServer.make({
        ...mariadb,
        serve: (folder, port) => {
          const [program, args] = serve(folder, port)
          return [program, [...args, "--innodb-rollback-on-timeout=1"]]
        }
      })
      yield* Effect.gen(function*() {
        const db = yield* Database.Database
        yield* table(db)
        const result = yield* waiting(db)
        const reason = yield* reasonOf(result)
        assert.deepStrictEqual([reason._tag, reason.outcome], ["TransactionAbortedError", "not-applied"])
        assert.deepStrictEqual(yield* db`SELECT id FROM t`.values, [[1]])
      }).pipe(Effect.provide(Mysql.layer({ host, port, username: "root", database: "test", ...impatient })))
    }))
})
