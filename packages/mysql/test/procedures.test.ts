/**
 * Procedures, several result sets, what a statement did, and sessions: what cymysql documents as CY-9 to CY-14.
 */
import { assert, it } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import * as SqlError from "@sluice/core/SqlError"
import * as Mysql from "@sluice/mysql/Mysql"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { onServers, reasonOf } from "./each.js"

const create = (db: Database.Database) => Effect.gen(function*() {
  yield* db`CREATE TABLE log (id INTEGER PRIMARY KEY AUTO_INCREMENT, what VARCHAR(20) UNIQUE)`
  yield* db.unsafe(`CREATE PROCEDURE total(IN n INTEGER, OUT total DECIMAL(10, 2), INOUT note VARCHAR(40)) BEGIN
    INSERT INTO log (what) VALUES (note);
    SELECT n AS asked;
    SELECT n * 2 AS twice, n * 3 AS thrice;
    SET total = n * 1.25, note = CONCAT(note, ' – 日本');
  END`)
})

onServers("callProcedure (CY-13)", (on) => {
  it.live("answers with its result sets and its out parameters, by their names", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* create(db)
      const called = yield* Mysql.callProcedure(db, "total", [2, null, "it's"])
      assert.deepStrictEqual(called.results.map(({ rows }) => rows), [[{ asked: 2 }], [{ twice: 4, thrice: 6 }]])
      assert.deepStrictEqual(called.results[1]?.columns.map(({ name }) => name), ["twice", "thrice"])
      assert.deepStrictEqual(called.outParameters, { total: "2.50", note: "it's – 日本" })
      assert.deepStrictEqual(yield* db`SELECT what FROM log`.values, [["it's"]])
      // The same connection serves what comes next.
      assert.strictEqual(yield* db<number>`SELECT 1`.scalar, 1)
      assert.strictEqual((yield* db.pool.stats).opened, 1)
    })))

  it.live("out parameters have their declared types", () =>
    on({ integers: "bigint" }, (db) => Effect.gen(function*() {
      yield* db.unsafe(`CREATE PROCEDURE kinds(OUT big BIGINT UNSIGNED, OUT at DATETIME(3), OUT ratio DOUBLE, OUT raw VARBINARY(4), OUT text TEXT, OUT kind ENUM('a', 'b'), OUT none DATE)
        SELECT 18446744073709551615, '2024-02-29 12:34:56.5', 0.1, x'00ff', 'é', 'b', NULL INTO big, at, ratio, raw, text, kind, none`)
      const { outParameters, results } = yield* Mysql.callProcedure(db, "kinds", Array.from({ length: 7 }, () => null))
      assert.deepStrictEqual(outParameters, {
        big: 18_446_744_073_709_551_615n, at: "2024-02-29 12:34:56.500", ratio: 0.1, raw: new Uint8Array([0, 255]), text: "é", kind: "b", none: null
      })
      assert.deepStrictEqual(results, [])
    })))

  it.live("out parameters of BIT are the bytes that its columns are", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db.unsafe(`CREATE PROCEDURE bits(OUT one BIT(1), OUT ten BIT(10), OUT least BIT(64), OUT most BIT(64), OUT none BIT(9))
        SELECT 1, 513, 0, 18446744073709551615, NULL INTO one, ten, least, most, none`)
      const { outParameters } = yield* Mysql.callProcedure(db, "bits", Array.from({ length: 5 }, () => null))
      yield* db`CREATE TABLE bits (one BIT(1), ten BIT(10), least BIT(64), most BIT(64), none BIT(9))`
      yield* db`INSERT INTO bits VALUES (1, 513, 0, 18446744073709551615, NULL)`
      assert.deepStrictEqual(outParameters, (yield* db<Record<string, unknown>>`SELECT * FROM bits`.one))
      assert.deepStrictEqual(outParameters["ten"], new Uint8Array([2, 1]))
    })))

  it.live("one without parameters, result sets or anything tells what it changed", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* create(db)
      yield* db.unsafe("CREATE PROCEDURE fill() INSERT INTO log (what) VALUES ('a'), ('b')")
      const called = yield* Mysql.callProcedure("fill")(db)
      assert.deepStrictEqual([called.results, called.outParameters, called.rowsAffected], [[], {}, 2])
    })))

  it.live("runs inside the transaction, and inside the session that is provided", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* create(db)
      yield* Effect.ignore(db.transaction(Effect.zipRight(Mysql.callProcedure(db, "total", [1, null, "undone"]), Effect.fail("no"))))
      assert.deepStrictEqual(yield* db`SELECT COUNT(*) AS n FROM log`, [{ n: 0 }])
      yield* db.unsafe("CREATE PROCEDURE own(OUT id BIGINT) SET id = CONNECTION_ID()")
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        const id = yield* session<number>`SELECT CONNECTION_ID()`.scalar
        const { outParameters } = yield* session.provide(Mysql.callProcedure(db, "own", [null]))
        assert.deepStrictEqual(outParameters, { id })
      }))
    })))

  it.live("its name is quoted, part by part, and what is wrong with a call is typed", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* create(db)
      yield* db.unsafe("CREATE PROCEDURE `odd``; name`(OUT a INTEGER) SET a = 7")
      assert.deepStrictEqual((yield* Mysql.callProcedure(db, "odd`; name", [null])).outParameters, { a: 7 })
      const schema = yield* db<string>`SELECT DATABASE()`.scalar
      assert.deepStrictEqual((yield* Mysql.callProcedure(db, `${schema}.total`, [1, null, "x"])).outParameters["total"], "1.25")
      assert.strictEqual((yield* reasonOf(Mysql.callProcedure(db, "none")))._tag, "SqlSyntaxError")
      assert.strictEqual((yield* reasonOf(Mysql.callProcedure(db, "total", [1])))._tag, "SqlSyntaxError")
      assert.strictEqual((yield* reasonOf(Mysql.callProcedure(db, "total", [1, null, "x"])))._tag, "UniqueViolation")
      assert.strictEqual((yield* reasonOf(Mysql.callProcedure(db, "total", [1, null, "a\ud800"])))._tag, "DataError")
      const name = yield* reasonOf(Mysql.callProcedure(db, "shop."))
      assert.strictEqual(name._tag === "ConfigError" ? name.field : name._tag, "name")
      assert.strictEqual((yield* db.pool.stats).closed, 0)
    })))

  it.live("out parameters are in `.result` of a CALL of one's own, too, and no row of it", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* create(db)
      const result = yield* db`CALL total(${2}, ${null}, ${"a"})`.result
      assert.deepStrictEqual([result.rows, result.outParameters], [[{ asked: 2 }], { total: "2.50", note: "a – 日本" }])
      yield* db.unsafe("CREATE PROCEDURE outs(OUT a INTEGER) SET a = 7")
      assert.deepStrictEqual(yield* db`CALL outs(${null})`, [])
      assert.deepStrictEqual(yield* db`CALL total(${2}, ${null}, ${"b"})`.values, [[2]])
      const streamed = yield* Stream.runCollect(db`CALL total(${2}, ${null}, ${"c"})`.stream)
      assert.deepStrictEqual([...streamed], [{ asked: 2 }])
      assert.deepStrictEqual([...yield* Stream.runCollect(db`CALL outs(${null})`.stream)], [])
      assert.deepStrictEqual(yield* db`SELECT COUNT(*) AS n FROM log`, [{ n: 3 }])
    })))

  it.live("is interrupted as a statement is", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* db.unsafe("CREATE PROCEDURE slow(OUT a INTEGER) BEGIN DO SLEEP(20); SET a = 1; END")
      const start = Date.now()
      yield* Effect.ignore(Effect.timeout(Mysql.callProcedure(db, "slow", [null]), 100))
      assert.strictEqual(yield* db<number>`SELECT 1`.scalar, 1)
      assert.isBelow(Date.now() - start, 5_000)
    })))

  it.live("E2 one that fails may have done a part for good, and says so; in a transaction it has not", () =>
    on({ multipleStatements: true }, (db) => Effect.gen(function*() {
      yield* create(db)
      yield* db.unsafe("CREATE PROCEDURE half() BEGIN INSERT INTO log (what) VALUES ('half'); SIGNAL SQLSTATE '45000'; END")
      const several = db.unsafe("INSERT INTO log (what) VALUES ('one'); INSERT INTO log (what) VALUES ('one')")
      const outcomes = [reasonOf(db`CALL half()`), reasonOf(Mysql.callProcedure(db, "half")), reasonOf(Stream.runDrain(db`CALL half()`.stream)), reasonOf(several)]
      for (const failing of outcomes) {
        const before = yield* db<number>`SELECT COUNT(*) FROM log`.scalar
        const inside = yield* reasonOf(db.transaction(failing.pipe(Effect.flatMap((reason) => Effect.fail(SqlError.make(reason))))))
        assert.deepStrictEqual([inside.outcome, inside.connection], ["not-applied", "usable"])
        assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM log`.scalar, before)
        const alone = yield* failing
        assert.deepStrictEqual([alone.outcome, alone.connection, alone.isRetryable], ["unknown", "usable", false])
        assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM log`.scalar, before + 1)
        yield* db`DELETE FROM log`
      }
      assert.strictEqual((yield* reasonOf(db.unsafe("INSERT INTO nowhere VALUES (1); SELECT 1"))).outcome, "not-applied")
    })))

  it.live("a database of another dialect is refused before anything is sent", () =>
    on({}, (db) => Effect.gen(function*() {
      const other: Database.Database = Object.create(db, { dialect: { value: { ...db.dialect, name: "sqlite" } } })
      assert.strictEqual((yield* reasonOf(Mysql.callProcedure(other, "total")))._tag, "UnsupportedError")
      assert.strictEqual((yield* reasonOf(Mysql.kill(other, 1, "query")))._tag, "UnsupportedError")
    })))
})

onServers("kill (CY-14)", (on) => {
  it.live("`query` stops another session's statement, `connection` ends it, and who is gone is told", () =>
    on({ pool: { max: 3 } }, (db) => Effect.scoped(Effect.gen(function*() {
      const session = yield* db.session
      const id = yield* session<number>`SELECT CONNECTION_ID()`.scalar
      const runs = Effect.repeat(db<number>`SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = ${id} AND INFO LIKE 'SELECT COUNT%CROSS%'`.scalar, { until: (n) => n === 1 })
      const slow = session.unsafe("SELECT COUNT(*) FROM information_schema.COLUMNS a CROSS JOIN information_schema.COLUMNS b CROSS JOIN information_schema.COLUMNS c")
      const victim = yield* Effect.fork(slow)
      yield* runs
      assert.isTrue(yield* Mysql.kill(db, id, "query"))
      assert.strictEqual((yield* reasonOf(Fiber.join(victim)))._tag, "CancelledError")
      assert.strictEqual(yield* session<number>`SELECT CONNECTION_ID()`.scalar, id)
      assert.isTrue(yield* Mysql.kill(id, "connection")(db))
      assert.strictEqual((yield* reasonOf(Effect.repeat(session`SELECT 1`, { times: 50 }))).connection, "broken")
      yield* Effect.repeat(Mysql.kill(db, BigInt(id), "query"), { until: (was) => !was })
      assert.strictEqual((yield* reasonOf(Mysql.kill(db, -1, "query")))._tag, "ConfigError")
      assert.strictEqual((yield* reasonOf(Mysql.kill(db, 1.5, "query")))._tag, "ConfigError")
    }))), 30_000)
})

onServers("statements (CY-9 to CY-13)", (on) => {
  it.live("CY-9 a statement tells its affected rows, found or changed as the config says", () =>
    Effect.forEach([["found", 2], ["changed", 1]] as const, ([affectedRows, expected]) =>
      on({ affectedRows }, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (a INTEGER)`
        assert.strictEqual((yield* db`INSERT INTO t VALUES (1), (2)`.run).rowsAffected, 2)
        assert.strictEqual((yield* db`UPDATE t SET a = 1`.run).rowsAffected, expected)
        assert.strictEqual((yield* db`DELETE FROM t WHERE a > ${9}`.run).rowsAffected, 0)
      }))))

  it.live("CY-9 a literal percent sign, a list for IN, and an empty list mean what they say", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (a INTEGER)`
      yield* db`INSERT INTO t VALUES (1), (2), (3)`
      assert.deepStrictEqual(yield* db`SELECT a % ${2} AS b, '%s' AS c FROM t WHERE a IN ${db.in([1, 2])} ORDER BY a`, [{ b: 1, c: "%s" }, { b: 0, c: "%s" }])
      assert.deepStrictEqual(yield* db`SELECT a FROM t WHERE a IN ${db.in([])}`, [])
    })))

  it.live("CY-10 executeMany sums its rows, in a few round trips", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (a INTEGER PRIMARY KEY, b VARCHAR(10))`
      const rows = Array.from({ length: 5_000 }, (_, n) => [n, `r${n}`])
      const questions = Effect.map(db<{ Value: string }>`SHOW SESSION STATUS LIKE 'Questions'`.column("Value"), ([value]) => Number(value))
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        yield* session.provide(Effect.gen(function*() {
          const before = yield* questions
          assert.strictEqual((yield* db.executeMany("INSERT INTO t VALUES (?, ?)", rows)).rowsAffected, 5_000)
          assert.isBelow((yield* questions) - before, 12)
        }))
      }))
      assert.strictEqual((yield* db.executeMany("UPDATE t SET b = ? WHERE a < ?", [["x", 10], ["y", 5]])).rowsAffected, 15)
    })))

  it.live("CY-11, CY-12 a cursor fetches one, many and all, as objects; values as arrays", () =>
    on({}, (db) => Effect.scoped(Effect.gen(function*() {
      yield* db`CREATE TABLE t (a INTEGER)`
      yield* db`INSERT INTO t VALUES (1), (2), (3), (4), (5)`
      const cursor = yield* db<{ a: number }>`SELECT a FROM t ORDER BY a`.cursor
      assert.deepStrictEqual(yield* Effect.map(cursor.fetchOne, (row) => row._tag === "Some" ? row.value : undefined), { a: 1 })
      assert.deepStrictEqual(yield* cursor.fetchMany(2), [{ a: 2 }, { a: 3 }])
      assert.deepStrictEqual(yield* cursor.fetchAll, [{ a: 4 }, { a: 5 }])
      assert.strictEqual((yield* cursor.fetchOne)._tag, "None")
      assert.deepStrictEqual(yield* db`SELECT a, a FROM t WHERE a = 1`.values, [[1, 1]])
    }))))

  it.live("CY-13 last insert id, also beyond 2^53, and none where nothing was generated", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE keyed (id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, a INTEGER)`
      assert.strictEqual((yield* db`INSERT INTO keyed (a) VALUES (1)`.run).lastInsertId, 1)
      for (const id of [9_007_199_254_740_993n, 18_000_000_000_000_000_000n]) {
        yield* db.unsafe(`ALTER TABLE keyed AUTO_INCREMENT = ${id}`)
        assert.strictEqual((yield* db`INSERT INTO keyed (a) VALUES (2)`.run).lastInsertId, id)
      }
      assert.isUndefined((yield* db`UPDATE keyed SET a = 3`.run).lastInsertId)
    })))

  it.live("CY-13 warnings are data: level, code and text", () =>
    on({ sqlMode: "" }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (small TINYINT, short CHAR(2))`
      const { messages } = yield* db`INSERT INTO t VALUES (999, 'long')`.result
      assert.deepStrictEqual(messages.map(({ code, severity }) => [code, severity]), [[1264, "warning"], [1265, "warning"]])
      assert.include(messages[0]?.text, "small")
      assert.deepStrictEqual((yield* db`DROP TABLE IF EXISTS none`.result).messages.map(({ severity }) => severity), ["notice"])
      yield* db.unsafe("CREATE PROCEDURE warns() BEGIN SELECT 1 AS a; INSERT INTO t VALUES (999, 'a'); END")
      assert.deepStrictEqual((yield* Mysql.callProcedure(db, "warns")).messages.map(({ code }) => code), [1264])
      // What has none says none, after one that had some.
      assert.deepStrictEqual((yield* db`SELECT 1`.result).messages, [])
    })))

  it.live("CY-13 every result set is in `.results`, with its columns for no row, too", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db.unsafe("CREATE PROCEDURE sets() BEGIN SELECT 1 AS a; SELECT 2 AS b FROM DUAL WHERE FALSE; SELECT 3 AS c, 4 AS d; END")
      const results = yield* db`CALL sets()`.results
      assert.deepStrictEqual(results.map(({ columns, rows }) => [columns.map(({ name }) => name), rows]), [
        [["a"], [{ a: 1 }]], [["b"], []], [["c", "d"], [{ c: 3, d: 4 }]]
      ])
      assert.deepStrictEqual((yield* db`SELECT 5 AS e`.results).map(({ rows }) => rows), [[{ e: 5 }]])
    })))
})

onServers("sessions (CY-14)", (on) => {
  it.live("user variables are seen in the session and gone when it is released", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      const id = yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        yield* session`SET @mine = ${"日本"}, @count = 2`
        yield* session`SELECT @count := @count + 1`
        assert.deepStrictEqual(yield* session`SELECT @mine AS mine, @count AS count`, [{ mine: "日本", count: 3 }])
        return yield* session<number>`SELECT CONNECTION_ID()`.scalar
      }))
      // The same connection, as if it were new.
      assert.deepStrictEqual(yield* db`SELECT CONNECTION_ID() AS id, @mine AS mine`, [{ id, mine: null }])
      yield* db`SELECT 1 INTO @left`
      assert.deepStrictEqual(yield* db`SELECT CONNECTION_ID() AS id, @left AS mine`, [{ id, mine: null }])
    })))

  it.live("autocommit off begins a transaction with the first statement, and the server agrees", () =>
    on({ pool: { max: 2 } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (a INTEGER)`
      const seen = db<number>`SELECT COUNT(*) FROM t`.scalar
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        yield* session.autocommit(false)
        assert.isFalse(yield* session.inTransaction)
        yield* session`INSERT INTO t VALUES (1)`
        assert.isTrue(yield* session.inTransaction)
        assert.strictEqual(yield* seen, 0)
        yield* session.commit
        assert.strictEqual(yield* seen, 1)
        yield* session`INSERT INTO t VALUES (2)`
        yield* session.rollback
        yield* session`INSERT INTO t VALUES (3)`
        yield* session.autocommit(true)
        assert.strictEqual(yield* seen, 2)
        yield* session`INSERT INTO t VALUES (4)`
      }))
      assert.deepStrictEqual(yield* db`SELECT a FROM t ORDER BY a`.values, [[1], [3], [4]])
    })))

  it.live("ping answers on a session and on the pool, and fails on a connection that is gone", () =>
    on({ pool: { max: 2 } }, (db) => Effect.scoped(Effect.gen(function*() {
      yield* db.ping
      const session = yield* db.session
      yield* session.ping
      yield* Mysql.kill(db, yield* session<number>`SELECT CONNECTION_ID()`.scalar, "connection")
      const reason = yield* reasonOf(Effect.repeat(session.ping, { times: 50 }))
      assert.deepStrictEqual([reason._tag, reason.connection], ["ConnectionError", "broken"])
      yield* db.ping
    }))))
})
