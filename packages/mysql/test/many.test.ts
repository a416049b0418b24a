/**
 * executeMany of MySQL and MariaDB: many statements in one text, their counts, the row that failed, and that no text of a
 * user's is ever two statements by it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Batcher from "@sluice/batcher/Batcher"
import * as BulkSink from "@sluice/batcher/BulkSink"
import * as Database from "@sluice/core/Database"
import * as SqlError from "@sluice/core/SqlError"
import type * as Mysql from "@sluice/mysql/Mysql"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { isMissing, servers } from "./server.js"

const failure = <A>(effect: Effect.Effect<A, SqlError.SqlError>): Effect.Effect<SqlError.SqlError, Error> =>
  Effect.matchEffect(effect, {
    onSuccess: (value) => Effect.fail(new Error(`expected a failure, was ${JSON.stringify(value)}`)),
    onFailure: (error) => Effect.succeed(error)
  })

const range = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, n) => n)

describe.skipIf(isMissing)("executeMany", () => {
  for (const server of servers) {
    const on = <A, E>(config: Mysql.Config, body: (db: Database.Database) => Effect.Effect<A, E>) =>
      Effect.flatMap(Database.Database, body).pipe(Effect.provide(server.fresh({ ...config, pool: { max: 1 } })))

    const table = (db: Database.Database) => db<{ id: number; name: string }>`CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(20), n INT)`

    /** The affected rows of each row, as the contract has them. */
    const many = (db: Database.Database, sql: string, rows: ReadonlyArray<ReadonlyArray<unknown>>) =>
      db.transaction(db.withConnection((connection) =>
        connection.executeMany({
          sql, params: [], rowMode: "array", prepare: true, readOnly: false, returnsRows: false, integers: undefined, duplicates: "last", fetchSize: 1, timeout: undefined
        }, rows)
      ))

    /** A text of two statements is a syntax error, as it was before. */
    const oneOnly = (db: Database.Database) =>
      Effect.map(failure(db.unsafe("DO 1; DO 2").unprepared), ({ reason }) => assert.strictEqual(reason._tag, "SqlSyntaxError"))

    describe(`${server.name} ${server.version}`, () => {
      it.live("V2 two thousand updates are a few round trips, and each has its own count", () =>
        on({}, (db) => Effect.gen(function*() {
          yield* table(db)
          yield* db.executeMany("INSERT INTO t VALUES (?, ?, ?)", range(2_000).map((n) => [n, `it's "${n}" \\`, n]))
          const status = (name: string) => Effect.map(db.unsafe<{ Value: string }>(`SHOW SESSION STATUS LIKE '${name}'`).one, ({ Value }) => Number(Value))
          const asked = yield* db.transaction(Effect.gen(function*() {
            const before = yield* status("Com_stmt_execute")
            const run = yield* db.executeMany("UPDATE t SET name = ? WHERE id <= ? AND id > ? -- and no more", range(2_000).map((n) => [`new\n'${n}';`, n, n - 3]))
            assert.strictEqual(run.rowsAffected, 3 * 2_000 - 3)
            return [yield* status("Com_update"), (yield* status("Com_stmt_execute")) - before < 10]
          }))
          assert.deepStrictEqual(asked, [2_000, true])
          assert.strictEqual(yield* db<string>`SELECT name FROM t WHERE id = 1998`.scalar, "new\n'1999';")
          yield* oneOnly(db)
        })))

      it.live("V2 upserts, INSERT IGNORE, REPLACE, INSERT … SELECT and DELETE keep their meaning, row by row", () =>
        on({}, (db) => Effect.gen(function*() {
          yield* table(db)
          yield* db`INSERT INTO t VALUES (1, 'one', 0)`
          assert.deepStrictEqual(yield* many(db, "INSERT INTO t VALUES (?, ?, 1) ON DUPLICATE KEY UPDATE n = n + 1", [[1, "x"], [2, "two"], [1, "y"]]), [2, 1, 2])
          assert.deepStrictEqual(yield* many(db, "INSERT IGNORE INTO t (id, name) VALUES (?, ?)", [[2, "x"], [3, "three"]]), [0, 1])
          assert.deepStrictEqual(yield* many(db, "REPLACE INTO t (id, name) VALUES (?, ?);", [[3, "drei"], [4, "vier"]]), [2, 1])
          assert.deepStrictEqual(yield* many(db, "INSERT INTO t (id, name) SELECT id + ?, name FROM t WHERE id = ?", [[100, 1], [200, 99], [300, 2]]), [1, 0, 1])
          assert.deepStrictEqual(yield* many(db, "DELETE FROM t WHERE id > ? LIMIT ?", [[100, 1], [2, 9], [0, 0]]), [1, 3, 0])
          assert.deepStrictEqual(yield* db`SELECT id, n FROM t ORDER BY id`, [{ id: 1, n: 2 }, { id: 2, n: 1 }])
        })))

      it.live("E2 the row that failed is named, nothing stays, and the next text is one statement", () =>
        on({}, (db) => Effect.gen(function*() {
          yield* table(db)
          yield* db.executeMany("INSERT INTO t VALUES (?, ?, ?)", range(1_500).map((n) => [n, "x", n]))
          const bad = (n: number) => range(1_500).map((i) => i === n ? [i, "far too long for its column"] : [i, "new"])
          for (const n of [0, 499, 500, 1_499]) {
            const error = yield* failure(db.executeMany("UPDATE t SET name = ? WHERE id = ?", bad(n).map(([id, name]) => [name, id])))
            assert.deepInclude(error.reason, { _tag: "DataError", column: "name", table: "t", outcome: "not-applied" })
            assert.include(error.message, `row ${n}: `)
          }
          for (const n of [1, 1_200]) {
            const error = yield* failure(db.executeMany("INSERT INTO t VALUES (?, ?, ?)", range(1_500).map((i) => [i === n ? 7 : 10_000 + i, "x", i])))
            assert.deepInclude(error.reason, { _tag: "UniqueViolation", table: "t", constraint: "PRIMARY" })
            assert.include(error.message, `row ${n}: `)
          }
          assert.include((yield* failure(db.executeMany("UPDATE t SET name = ? WHERE id = ?", [["a", 1], ["b", Number.NaN]]))).message, "row 1")
          assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t WHERE name = 'x'`.scalar, 1_500)
          yield* oneOnly(db)
        })))

      it.live("Q2 a text with a semicolon in it is not made several: what was one statement stays one", () =>
        on({}, (db) => Effect.gen(function*() {
          yield* table(db)
          yield* db`ALTER TABLE t MODIFY name VARCHAR(60)`
          yield* db`INSERT INTO t VALUES (1, 'a', 0), (2, 'b', 0)`
          const error = yield* failure(db.executeMany("UPDATE t SET n = ? WHERE id = 1; DELETE FROM t WHERE id < ?", [[1, 100], [2, 100]]))
          assert.strictEqual(error.reason._tag, "SqlSyntaxError")
          assert.strictEqual((yield* db.executeMany("UPDATE t SET name = CONCAT('; DELETE FROM t; -- ', ?) WHERE id = ? /* ; */", [["a", 1], ["b", 2]])).rowsAffected, 2)
          assert.strictEqual((yield* db.executeMany("UPDATE t SET name = ? WHERE id = ? # the end", [["'; DELETE FROM t; #", 1], ["\\'; DROP T", 2]])).rowsAffected, 2)
          assert.deepStrictEqual(yield* db`SELECT name FROM t ORDER BY id`.column("name"), ["'; DELETE FROM t; #", "\\'; DROP T"])
        })))

      it.live("Q2 a text whose string has no end takes in none of the others, and fails with its first row", () =>
        on({}, (db) => Effect.gen(function*() {
          yield* table(db)
          yield* db`INSERT INTO t VALUES (1, 'a', 0), (2, 'b', 0)`
          for (const quote of ["'", "\"", "`"]) {
            const error = yield* failure(db.executeMany(`DELETE FROM t WHERE id = ? OR name = ${quote}`, [[1], [2]]))
            assert.strictEqual(error.reason._tag, "SqlSyntaxError")
            assert.include(error.message, "row 0: ")
          }
          assert.strictEqual((yield* db`SELECT id FROM t`).length, 2)
        })))

      it.live("Q1 bytes are bytes in every way to send them, and no number where a number is wanted", () =>
        on({}, (db) => Effect.gen(function*() {
          yield* db`CREATE TABLE sent (id INT PRIMARY KEY, n BIGINT, d DECIMAL(20, 2), f DOUBLE, y YEAR, s VARCHAR(10), raw VARBINARY(10), bits BIT(32))`
          const insert = "INSERT INTO sent VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
          const row = (id: number) => [id, ...Array.from({ length: 7 }, () => Buffer.from("12"))]
          yield* db.unsafe(insert, row(1))
          yield* db.unsafe(insert, row(2)).unprepared
          yield* db.executeMany(insert, [row(3), row(4)])
          yield* db.executeMany(`${insert} ON DUPLICATE KEY UPDATE n = 0`, [row(5), row(6)])
          const stored = yield* db.unsafe("SELECT n, d, f, y, s, raw, bits FROM sent ORDER BY id").values
          for (const values of stored) assert.deepStrictEqual(values, [12, "12.00", 12, 2012, "12", Uint8Array.of(0x31, 0x32), Uint8Array.of(0, 0, 0x31, 0x32)])
          assert.strictEqual(stored.length, 6)
          assert.strictEqual((yield* failure(db.executeMany(insert, [[7, Uint8Array.of(0)], [8, Uint8Array.of(0)]].map((row) => [...row, 1, 1, 2000, "", "", 0])))).reason._tag, "DataError")
        })))

      it.live("S5 interrupted in the middle nothing stays, and the session takes one statement per text again", () =>
        on({}, (db) => Effect.gen(function*() {
          yield* table(db)
          yield* db.executeMany("INSERT INTO t VALUES (?, 'x', 0)", range(1_000).map((n) => [n]))
          for (const wait of [0, 1, 2, 5, 10, 20, 40]) {
            const fiber = yield* Effect.fork(db.executeMany("UPDATE t SET n = n + ? WHERE id <= ?", range(5_000).map((n) => [1, n % 1_000])))
            yield* Effect.sleep(wait)
            yield* Fiber.interrupt(fiber)
            yield* oneOnly(db)
          }
          assert.strictEqual(yield* db<string>`SELECT SUM(n) FROM t`.scalar, "0")
        })), 30_000)

      it.live("Q1 a value that is refused alone is refused among many, whatever the table's engine and the session's sql_mode", () =>
        Effect.forEach([["", "InnoDB"], ["STRICT_TRANS_TABLES", "MyISAM"], ["STRICT_ALL_TABLES", "MyISAM"]] as const, ([sqlMode, engine]) =>
          on({ sqlMode }, (db) => Effect.gen(function*() {
            yield* db.unsafe(`CREATE TABLE t (id INT, n TINYINT NOT NULL) ENGINE = ${engine}`)
            const insert = "INSERT INTO t VALUES (?, ?)"
            for (const value of sqlMode === "" ? [null] : [null, 300]) {
              const alone = (yield* failure(db.unsafe(insert, [1, value]))).reason._tag
              const rows = range(20).map((n) => ({ id: n, n: n === 12 ? value : 1 }))
              const batch = Effect.scoped(Effect.flatMap(Batcher.make({ onLeft: () => Effect.void }), (batch) => batch.process(rows.map(({ id, n }) => db.unsafe(insert, [id, n])))))
              const bulk = BulkSink.load(Stream.fromIterable(rows), { table: "t", columns: ["id", "n"] })
              for (const way of [Effect.asVoid(db.executeMany(insert, rows.map(({ id, n }) => [id, n]))), Effect.asVoid(batch), Effect.asVoid(bulk)]) {
                const error = yield* Effect.flip(way).pipe(Effect.provideService(Database.Database, db))
                assert.strictEqual((SqlError.isSqlError(error) ? error : error.error).reason._tag, alone, `${value} in ${engine} with ${sqlMode}`)
              }
              // What a table without transactions has taken stays.
              assert.deepStrictEqual(yield* db`SELECT DISTINCT id FROM t ORDER BY id`.column("id"), engine === "InnoDB" ? [] : range(12))
              yield* db`DELETE FROM t`
            }
          })), { discard: true }))

      it.live("what the server does not prepare is sent as a text, once; a session keeps what it set", () =>
        on({}, (db) => Effect.gen(function*() {
          yield* table(db)
          yield* Effect.scoped(Effect.flatMap(db.session, (session) => session.provide(Effect.gen(function*() {
            yield* db`PREPARE own FROM 'INSERT INTO t VALUES (@id, NULL, NULL)'`
            yield* db`SET @id = ${7}`
            yield* db`EXECUTE own`
            assert.strictEqual(yield* db<number>`SELECT @id`.scalar, 7)
            yield* db`DEALLOCATE PREPARE own`
          }))))
          assert.deepStrictEqual(yield* db`SELECT id FROM t`.column("id"), [7])
        })))

      it.live("multipleStatements stays what the config says", () =>
        on({ multipleStatements: true }, (db) => Effect.gen(function*() {
          yield* table(db)
          assert.strictEqual((yield* db.executeMany("INSERT INTO t VALUES (?, ?, 0) ON DUPLICATE KEY UPDATE n = 1", [[1, "a"], [2, "b"]])).rowsAffected, 2)
          yield* db.unsafe("DO 1; DO 2").unprepared
        })))
    })
  }
})
