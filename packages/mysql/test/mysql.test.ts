/**
 * What is MySQL's own, and what the conformance suite cannot ask of every dialect: types, cancelling, streams, deadlocks,
 * bulk, and input that is wrong.
 */
import { assert, describe, it } from "@effect/vitest"
import type * as Bulk from "@sluice/core/Bulk"
import * as Database from "@sluice/core/Database"
import * as Retry from "@sluice/core/Retry"
import * as Mysql from "@sluice/mysql/Mysql"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { onServers, reasonOf } from "./each.js"

/** Whole numbers from 1, a multiple of 1,000 of them, made one by one as they are sent. */
const numbers = (name: string, n: number): string =>
  name === "mariadb" ? `seq_1_to_${n}`
    : `(WITH RECURSIVE d (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM d WHERE n < 999) SELECT /*+ NO_BNL() */ 1 + a.n * 1000000 + b.n * 1000 + c.n AS seq `
      + `FROM d AS a, d AS b, d AS c WHERE a.n < ${Math.ceil(n / 1_000_000)} AND b.n < ${Math.min(1_000, n / 1_000)}) AS numbers`

/** Statements of this database that the server still runs. */
const running = (db: Database.Database) =>
  db<number>`SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND COMMAND <> 'Sleep' AND ID <> CONNECTION_ID()`.scalar

const quiet = (db: Database.Database) =>
  Effect.repeat(Effect.zipRight(Effect.sleep(10), Effect.map(db.pool.stats, (stats) => stats.lent + stats.retired === 0)), { until: (is) => is })

onServers("Mysql", (on, { name, url }) => {
  const from = (db: Database.Database, n: number) => db.literal(numbers(name, n))

  describe("types", () => {
    it.live("each column has one form, prepared or not", () =>
      on({}, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE kinds (big BIGINT, price DECIMAL(12, 4), at DATETIME(3), span TIME(2), ratio FLOAT, bits BIT(4), doc JSON, raw VARBINARY(4), place POINT, stamp TIMESTAMP NULL, year YEAR)`
        yield* db`INSERT INTO kinds VALUES (1, 1.5, '2024-01-01', '10:00:00.5', 0.1, b'101', '{"a":1}', x'00ff', ST_GeomFromText('POINT(1 2)'), '2024-01-01', 2024)`
        const statement = db`SELECT * FROM kinds`
        const [row] = yield* statement
        assert.deepStrictEqual(row, (yield* statement.unprepared)[0])
        const { place, ...rest } = row as Record<string, unknown>
        assert.deepStrictEqual(rest, {
          big: 1, price: "1.5000", at: "2024-01-01 00:00:00.000", span: "10:00:00.50", ratio: 0.1, bits: new Uint8Array([5]),
          doc: name === "mysql" ? "{\"a\": 1}" : "{\"a\":1}", raw: new Uint8Array([0, 255]),
          stamp: "2024-01-01 00:00:00", year: 2024
        })
        assert.instanceOf(place, Uint8Array)
        assert.deepStrictEqual((yield* statement.result).columns.map(({ type }) => type), [
          "BIGINT", "DECIMAL", "DATETIME", "TIME", "FLOAT", "BIT", name === "mysql" ? "JSON" : "TEXT", "VARBINARY", "GEOMETRY", "TIMESTAMP", "YEAR"
        ])
      })))

    it.live("a parameter written into the text means the same as one beside it", () =>
      Effect.gen(function*() {
        const values = ["it's \\ \"x\" \n \0 ?", 0.1, 1e300, 2n ** 63n, true, null, new Date("2024-02-29T12:34:56.789Z")]
        const bytes = new Uint8Array([0, 39, 92, 255])
        for (const [sqlMode, title] of [["", "backslashes escape"], ["NO_BACKSLASH_ESCAPES", "backslashes do not"]]) {
          yield* on({ sqlMode: sqlMode ?? "", integers: "bigint" }, (other) => Effect.gen(function*() {
            for (const value of values) {
              const statement = other<{ v: unknown }>`SELECT ${value} AS v, '?' AS q`
              const [[beside], [inside]] = [yield* statement, yield* statement.unprepared]
              // A small literal is an INTEGER, a parameter a BIGINT.
              assert.deepStrictEqual(value === true ? BigInt(inside?.v as number) : inside?.v, beside?.v, title)
            }
            const statement = other`SELECT ${bytes}`
            assert.deepStrictEqual([yield* statement.values, (yield* statement.unprepared).map(Object.values)], [[[bytes]], [[bytes]]])
          }))
        }
      }))

    it.live("with dates \"date\" a Date comes back as it went in, and what it cannot hold is a DataError", () =>
      on({ dates: "date", timezone: "+02:00", sqlMode: "" }, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE dates (id INTEGER, at DATETIME(3), stamp TIMESTAMP(3), fine DATETIME(6), none DATETIME)`
        const at = new Date("2024-07-01T23:30:00.123Z")
        yield* db`INSERT INTO dates VALUES (1, ${at}, ${at}, '2024-01-01 00:00:00.000001', '0000-00-00')`
        assert.deepStrictEqual(yield* db`SELECT at, stamp FROM dates`.values, [[at, at]])
        assert.strictEqual(yield* db<number>`SELECT UNIX_TIMESTAMP(stamp) = ${at.getTime() / 1000} FROM dates`.scalar, 1)
        assert.strictEqual((yield* reasonOf(db`SELECT fine FROM dates`)).column, "fine")
        assert.strictEqual((yield* reasonOf(db`SELECT none FROM dates`)).column, "none")
        // The connection is as good as before.
        assert.strictEqual((yield* db.pool.stats).closed, 0)
      })))

    it.live("a zero date is not lost", () =>
      on({ sqlMode: "" }, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE zero (d DATE, at DATETIME)`
        yield* db`INSERT INTO zero VALUES ('0000-00-00', '2024-00-00 00:00:00')`
        assert.deepStrictEqual(yield* db`SELECT d, at FROM zero`.values, [["0000-00-00", "2024-00-00 00:00:00"]])
      })))

    it.live("more than 250 columns", () =>
      on({}, (db) => Effect.gen(function*() {
        const columns = Array.from({ length: 300 }, (_, n) => `c${n}`)
        yield* db.unsafe(`CREATE TABLE wide (${columns.map((name) => `${name} INTEGER`).join(", ")})`)
        yield* db`INSERT INTO wide ${db.insert(Object.fromEntries(columns.map((name, n) => [name, n])))}`
        assert.deepStrictEqual((yield* db`SELECT * FROM wide`.values)[0], columns.map((_, n) => n))
      })))
  })

  describe("statements", () => {
    it.live("an error names what the server names, and shows no value", () =>
      on({}, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE parents (id INTEGER PRIMARY KEY)`
        yield* db`CREATE TABLE people (id INTEGER PRIMARY KEY, mail VARCHAR(10) NOT NULL, age INTEGER CHECK (age > 0), parent INTEGER, UNIQUE KEY one_mail (mail), CONSTRAINT kin FOREIGN KEY (parent) REFERENCES parents (id))`
        yield* db`INSERT INTO people (id, mail) VALUES (1, 'se''cret')`
        const cases: ReadonlyArray<readonly [string, string, Partial<Record<"table" | "column" | "constraint" | "code", string | number>>]> = [
          ["INSERT INTO people (id, mail) VALUES (2, 'se''cret')", "UniqueViolation", { table: "people", constraint: "one_mail", code: 1062 }],
          ["INSERT INTO people (id, mail) VALUES (1, 'secret')", "UniqueViolation", { table: "people", constraint: "PRIMARY" }],
          ["INSERT INTO people (id, mail) VALUES (2, NULL)", "ConstraintError", { table: "people", column: "mail", code: 1048 }],
          ["INSERT INTO people (id) VALUES (2)", "ConstraintError", { column: "mail", code: 1364 }],
          ["INSERT INTO people (id, mail, parent) VALUES (2, 'secret', 9)", "ConstraintError", { table: "people", column: "parent", constraint: "kin" }],
          ["INSERT INTO people (id, mail, age) VALUES (2, 'secret', -1)", "ConstraintError", { table: "people" }],
          ["INSERT INTO people (id, mail) VALUES (2, 'secret and more')", "DataError", { column: "mail", code: 1406 }],
          ["INSERT INTO people (id, mail) VALUES ('secret', 'a')", "DataError", { column: "id", code: 1366 }],
          ["INSERT INTO people (id, mail) VALUES (3000000000, 'a')", "DataError", { column: "id", code: 1264 }],
          ["SELECT secret FROM", "SqlSyntaxError", { code: 1064 }],
          ["SELECT none FROM people", "SqlSyntaxError", { code: 1054 }],
          ["SET SESSION sql_mode = 'secret'", "SqlSyntaxError", { code: 1231 }]
        ]
        for (const [sql, tag, fields] of cases) {
          const reason = yield* reasonOf(db.unsafe(sql))
          assert.strictEqual(reason._tag, tag, sql)
          for (const [field, value] of Object.entries(fields)) assert.strictEqual(reason[field as "table"], value, `${field} of ${sql}`)
          assert.deepStrictEqual([reason.connection, reason.outcome], ["usable", "not-applied"], sql)
          assert.notInclude(reason.message, "secret")
        }
      })))

    it.live("the last key of an INSERT is the first one that it generated, and warnings are data", () =>
      on({ sqlMode: "" }, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE keyed (id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, small TINYINT)`
        assert.deepStrictEqual(yield* db`INSERT INTO keyed (small) VALUES (1), (2)`.run, { rowsAffected: 2, lastInsertId: 1 })
        yield* db`ALTER TABLE keyed AUTO_INCREMENT = 10000000000000000000`
        assert.strictEqual((yield* db`INSERT INTO keyed (small) VALUES (3)`.run).lastInsertId, 10_000_000_000_000_000_000n)
        const { messages } = yield* db`INSERT INTO keyed (small) VALUES (999)`.result
        assert.deepStrictEqual(messages.map(({ code, severity }) => [code, severity]), [[1264, "warning"]])
      })))

    it.live("affected rows are those found, or those changed, as the config says", () =>
      Effect.forEach([["found", 2], ["changed", 1]] as const, ([affectedRows, expected]) =>
        on({ affectedRows }, (db) => Effect.gen(function*() {
          yield* db`CREATE TABLE t (a INTEGER)`
          yield* db`INSERT INTO t VALUES (1), (2)`
          assert.strictEqual((yield* db`UPDATE t SET a = 1`.run).rowsAffected, expected)
        }))))

    it.live("a procedure answers with every result set; describe runs nothing", () =>
      on({}, (db) => Effect.gen(function*() {
        yield* db.unsafe("CREATE PROCEDURE two() BEGIN SELECT 1 AS a; SELECT 2 AS b, 3 AS c; END")
        const results = yield* db`CALL two()`.results
        assert.deepStrictEqual(results.map(({ rows }) => rows), [[{ a: 1 }], [{ b: 2, c: 3 }]])
        assert.deepStrictEqual(yield* db`CALL two()`, [{ a: 1 }])
        assert.deepStrictEqual(yield* Stream.runCollect(db`CALL two()`.stream).pipe(Effect.map((rows) => [...rows])), [{ a: 1 }])
        const columns = yield* db.describe(db`SELECT SLEEP(5) AS s, ${1} AS n`)
        assert.deepStrictEqual(columns.map(({ name }) => name), ["s", "n"])
      })))

    it.live("session settings are there again after a reset", () =>
      on({ pool: { max: 1, reset: "always" }, sqlMode: "ANSI_QUOTES", initCommand: "SET @mark = 7", timezone: "+05:30" }, (db) => Effect.gen(function*() {
        for (let round = 0; round < 3; round++) {
          assert.deepStrictEqual(
            yield* db`SELECT @@sql_mode AS mode, @mark AS mark, @@time_zone AS zone, @@character_set_client AS charset, DATABASE() LIKE 'sluice%' AS own`,
            [{ mode: "ANSI_QUOTES", mark: 7, zone: "+05:30", charset: "utf8mb4", own: 1 }]
          )
          yield* db`SET SESSION time_zone = '+00:00'`
          yield* Effect.ignore(db.unsafe("USE mysql"))
        }
        assert.isAtLeast((yield* db.pool.stats).resets, 3)
        assert.strictEqual((yield* db.pool.stats).opened, 1)
      })))
  })

  describe("transactions", () => {
    it.live("T7 after a deadlock that was swallowed nothing of the transaction goes on", () =>
      on({}, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER)`
        yield* db`INSERT INTO t VALUES (1, 0), (2, 0), (3, 0)`
        const both = [yield* Deferred.make<void>(), yield* Deferred.make<void>()] as const
        const side = (own: 0 | 1) => db.transaction(Effect.gen(function*() {
          yield* db`UPDATE t SET a = a + 1 WHERE id = ${own + 1}`
          yield* Deferred.succeed(both[own], undefined)
          yield* Deferred.await(both[own === 0 ? 1 : 0])
          const exit = yield* Effect.exit(db`UPDATE t SET a = a + 1 WHERE id = ${2 - own}`)
          yield* db`INSERT INTO t VALUES (${10 + own}, 0)`
          return exit
        }))
        const exits = yield* Effect.all([Effect.exit(side(0)), Effect.exit(side(1))], { concurrency: 2 })
        const victims = exits.filter((exit) => Exit.isFailure(exit))
        assert.strictEqual(victims.length, 1)
        const reason = yield* reasonOf(victims[0]!)
        assert.deepStrictEqual([reason._tag, reason.isRetryable, reason.outcome], ["TransactionAbortedError", true, "not-applied"])
        assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t WHERE id >= 10`.scalar, 1)
        assert.strictEqual(yield* db<number>`SELECT SUM(a) FROM t`.column("SUM(a)" as never).pipe(Effect.map((all) => Number(all[0]))), 2)
      })))

    it.live("T4 transactions that deadlock all succeed with retry", () =>
      on({ pool: { max: 4 } }, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER)`
        yield* db`INSERT INTO t VALUES (1, 0), (2, 0)`
        const move = (from: number, to: number) => db.transaction({ retry: Retry.transient })(
          Effect.all([db`UPDATE t SET a = a - 1 WHERE id = ${from}`, Effect.sleep(2), db`UPDATE t SET a = a + 1 WHERE id = ${to}`]))
        const exits = yield* Effect.forEach(Array.from({ length: 20 }, (_, n) => n), (n) => Effect.exit(n % 2 === 0 ? move(1, 2) : move(2, 1)), { concurrency: 2 })
        assert.deepStrictEqual(yield* db<{ s: string }>`SELECT CAST(SUM(a) AS SIGNED) AS s FROM t`.column("s"), [0 as never])
        assert.isAtLeast(exits.filter(Exit.isSuccess).length, 18)
      })))

    it.live("DDL commits: the transaction is known to be over", () =>
      on({}, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY)`
        const reason = yield* reasonOf(db.transaction(Effect.gen(function*() {
          yield* db`INSERT INTO t VALUES (1)`
          yield* db`CREATE TABLE u (id INTEGER)`
          yield* db`INSERT INTO t VALUES (2)`
        })))
        assert.strictEqual(reason._tag, "TransactionAbortedError")
        assert.deepStrictEqual(yield* db`SELECT id FROM t`.values, [[1]])
      })))

    it.live("S4 a statement beside an open stream is refused at once, and the transaction goes on after it", () =>
      on({}, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY)`
        yield* db.transaction(Effect.gen(function*() {
          const reason = yield* reasonOf(Stream.runForEach(db`SELECT seq FROM ${from(db, 5_000)}`.stream, () => db`INSERT INTO t VALUES (1)`))
          assert.strictEqual(reason._tag, "UnsupportedError")
          yield* db`INSERT INTO t VALUES (2)`
        }))
        assert.deepStrictEqual(yield* db`SELECT id FROM t`.values, [[2]])
      })))
  })

  describe("cancelling", () => {
    it.live("S5 five hundred interrupts at random moments hit no innocent statement, and the server runs nothing afterwards", () =>
      on({ pool: { max: 6 } }, (db) => Effect.gen(function*() {
        const innocent = yield* Effect.fork(Effect.forEach([1, 2], () =>
          Effect.repeatN(Effect.flatMap(db`SELECT COUNT(*) AS n FROM ${from(db, 20_000)} WHERE seq % 7 = ${3}`.scalar, (n) =>
            n === 2857 ? Effect.void : Effect.fail(`wrong: ${String(n)}`)), 700), { concurrency: 2, discard: true }))
        yield* Effect.forEach(Array.from({ length: 500 }, (_, n) => n), (n) => Effect.gen(function*() {
          const victim = yield* Effect.fork(
            n % 4 === 0 ? Stream.runDrain(db`SELECT seq, REPEAT('x', 100) FROM ${from(db, 100_000_000)}`.stream)
              : n % 4 === 1 ? db`SELECT ${n}`
              : n % 4 === 2 ? db`SELECT SLEEP(10), ${n}`
              : db.transaction(db.unsafe(`SELECT COUNT(*) FROM ${numbers(name, 1_000_000_000)} WHERE seq % ${n + 1} = 1`)))
          yield* Effect.sleep(Math.random() * 6)
          yield* Fiber.interrupt(victim)
        }), { concurrency: 4, discard: true })
        yield* Fiber.join(innocent)
        yield* quiet(db)
        assert.strictEqual(yield* running(db), 0)
        const stats = yield* db.pool.stats
        assert.deepStrictEqual([stats.closed, stats.size <= 6], [0, true], "no connection had to be replaced")
      })), 60_000)

    it.live("an interrupted statement is stopped on the server within 50 ms", () =>
      on({ pool: { max: 2 } }, (db) => Effect.gen(function*() {
        yield* Effect.all([running(db), running(db)], { concurrency: 2 })
        // The first time also opens the connection that stops statements.
        yield* Effect.ignore(Effect.timeout(db`SELECT SLEEP(6)`, 20))
        yield* quiet(db)
        const victim = yield* Effect.fork(db`SELECT SLEEP(6)`)
        yield* Effect.repeat(running(db), { until: (n) => n === 1 })
        const start = performance.now()
        yield* Fiber.interrupt(victim)
        yield* Effect.repeat(running(db), { until: (n) => n === 0 })
        assert.isBelow(performance.now() - start, 250)
      })))

    it.live("S2 a stream that is left is ended on the server, and its connection serves the next one", () =>
      on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
        const rows = db<{ seq: number }>`SELECT seq, REPEAT('x', 1000) AS pad FROM ${from(db, 10_000_000)}`.stream
        assert.strictEqual(yield* Stream.runCount(Stream.take(Stream.tap(rows, () => Effect.sleep(1)), 20)), 20)
        assert.strictEqual(yield* running(db), 0)
        yield* quiet(db)
        assert.strictEqual((yield* db.pool.stats).closed, 0)
      })))

    it.live("a session that is given up runs on nowhere", () =>
      on({ pool: { max: 2, closeTimeout: 100 } }, (db) => Effect.gen(function*() {
        const victim = yield* Effect.fork(on({ pool: { closeTimeout: 50 } }, (other) =>
          Effect.zipRight(Effect.fork(other`SELECT SLEEP(20)`), Effect.sleep(100))))
        yield* Fiber.join(victim)
        const left = db<number>`SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP(20)%'`.scalar
        yield* Effect.repeat(Effect.zipRight(Effect.sleep(20), left), { until: (n) => n === 0 }).pipe(Effect.timeout(2_000))
      })))

    it.live("P5 a connection that the server killed is never lent; a statement on it is a typed failure", () =>
      on({ pool: { max: 2 } }, (db) => Effect.gen(function*() {
        yield* Effect.scoped(Effect.gen(function*() {
          const session = yield* db.session
          const own = yield* session<number>`SELECT CONNECTION_ID()`.scalar
          yield* db.unsafe(`KILL ${own}`)
          const reason = yield* reasonOf(session`SELECT 1`)
          assert.deepStrictEqual([reason._tag, reason.connection, reason.isRetryable], ["ConnectionError", "broken", true])
        }))
        yield* quiet(db)
        yield* Effect.repeatN(db`SELECT 1`, 5)
        const running = yield* Effect.fork(Effect.scoped(Effect.flatMap(db.session, (session) => session`SELECT CONNECTION_ID(), SLEEP(5) AS mark`)))
        const victims = db<{ ID: number }>`SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND INFO LIKE 'SELECT CONNECTION_ID(), SLEEP%'`.column("ID")
        const [victim] = yield* Effect.repeat(victims, { until: (all) => all.length === 1 })
        yield* db.unsafe(`KILL ${String(victim)}`)
        assert.strictEqual((yield* reasonOf(Fiber.join(running))).connection, "broken")
      })))
  })

  describe("streams and bulk", () => {
    it.live("S1 three hundred thousand rows arrive, in little memory, while the consumer is slow at times", () =>
      on({}, (db) => Effect.gen(function*() {
        let sum = 0
        let count = 0
        let most = 0
        const start = process.memoryUsage().heapUsed
        yield* Stream.runForEachChunk(db<{ seq: number }>`SELECT seq, REPEAT('x', 50) AS pad FROM ${from(db, 300_000)}`.stream, (chunk) => {
          for (const { seq } of chunk) sum += seq
          const before = count
          count += chunk.length
          most = Math.max(most, process.memoryUsage().heapUsed - start)
          return Math.floor(count / 50_000) > Math.floor(before / 50_000) ? Effect.sleep(50) : Effect.void
        })
        assert.deepStrictEqual([count, sum], [300_000, 45_000_150_000])
        assert.isBelow(most, 60_000_000)
      })))

    it.live("a server that goes away in the middle of a stream is a failure, never a hang", () =>
      on({ pool: { max: 2 } }, (db) => Effect.gen(function*() {
        const rows = Effect.scoped(Effect.gen(function*() {
          const session = yield* db.session
          const id = yield* session<number>`SELECT CONNECTION_ID()`.scalar
          return yield* Stream.runForEachChunk(session`SELECT seq, REPEAT('x', 1000) AS pad FROM ${from(db, 10_000_000)}`.stream, () => db.unsafe(`KILL ${id}`).pipe(Effect.ignore))
        }))
        const reason = yield* reasonOf(Effect.timeout(rows, 10_000))
        assert.strictEqual(reason.connection, "broken")
      })))

    const load = (db: Database.Database, target: Partial<Bulk.Target>, rows: ReadonlyArray<ReadonlyArray<unknown>>) =>
      db.withConnection((connection) => Effect.scoped(Effect.gen(function*() {
        const writer = yield* connection.bulk!({ table: "t", columns: ["id", "name"], onConflict: "error", ...target })
        yield* writer.write(rows)
        return yield* writer.finish
      })))

    it.live("bulk writes every row or none, counts duplicates, and ignores nothing but keys", () =>
      on({}, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(40))`
        const rows = Array.from({ length: 60_000 }, (_, n) => [n, `it's "${n}" \\ 日本`])
        assert.deepStrictEqual(yield* load(db, {}, rows), { rows: 60_000, rejected: 0 })
        assert.strictEqual(yield* db<string>`SELECT name FROM t WHERE id = 59999`.scalar, "it's \"59999\" \\ 日本")
        yield* db`DELETE FROM t WHERE id <> 30000`
        assert.strictEqual((yield* reasonOf(load(db, {}, rows)))._tag, "UniqueViolation")
        assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 1)
        yield* db.transaction(Effect.zipRight(db`INSERT INTO t VALUES (-1, 'kept')`, reasonOf(load(db, {}, rows))))
        assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 2)
        assert.deepStrictEqual(yield* load(db, { onConflict: "ignore" }, [[30_000, "x"], [1, "new"]]), { rows: 1, rejected: 1 })
        assert.strictEqual((yield* reasonOf(load(db, { onConflict: "ignore" }, [[2, "x".repeat(50)]])))._tag, "DataError")
        assert.deepStrictEqual(yield* load(db, { onConflict: "replace" }, [[30_000, "replaced"]]), { rows: 1, rejected: 0 })
        assert.strictEqual(yield* db<string>`SELECT name FROM t WHERE id = 30000`.scalar, "replaced")
        assert.strictEqual((yield* reasonOf(load(db, {}, [[5, Number.NaN]])))._tag, "DataError")
      })))
  })

  describe("input that is wrong", () => {
    const field = (config: Mysql.Config) =>
      Effect.map(reasonOf(Effect.scoped(Effect.provide(Database.Database, Mysql.layer(config)))), (reason) => reason._tag === "ConfigError" ? reason.field : reason._tag)

    it.live("a field that cannot work is named", () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* field({ url: "mysql://localhost/x?sslmode=none" }), "url")
        assert.strictEqual(yield* field({ url: "mysql://u:p#w@localhost" }), "url.fragment")
        assert.strictEqual(yield* field({ port: 70_000 }), "port")
        assert.strictEqual(yield* field({ charset: "gbk" }), "charset")
        assert.strictEqual(yield* field({ collation: "x; DROP" }), "collation")
        assert.strictEqual(yield* field({ timezone: "Europe/Berlin" }), "timezone")
        assert.strictEqual(yield* field({ connectTimeout: -1 }), "connectTimeout")
        assert.strictEqual(yield* field({ maxPreparedStatements: 0 }), "maxPreparedStatements")
      }))

    it.live("no part of a failure to connect shows the password", () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Effect.scoped(Effect.provide(Database.Database, Mysql.layer({ url, username: "nobody", password: Redacted.make("s3cr3t") }))))
        assert.isTrue(Exit.isFailure(exit))
        assert.notInclude(JSON.stringify(exit), "s3cr3t")
        assert.strictEqual((yield* reasonOf(exit))._tag, "AuthenticationError")
      }))

    it.live("TLS that the server does not offer, or an initCommand that fails, is told at once", () =>
      Effect.gen(function*() {
        const start = Date.now()
        const tls = yield* reasonOf(Effect.scoped(Effect.provide(Database.Database, Mysql.layer({ url, tls: true }))))
        assert.deepStrictEqual([tls._tag, tls.isRetryable], ["ConnectionError", false])
        assert.strictEqual((yield* reasonOf(Effect.scoped(Effect.provide(Database.Database, Mysql.layer({ url, initCommand: "SELEC" })))))._tag, "SqlSyntaxError")
        assert.isBelow(Date.now() - start, 5_000)
      }))
  })
})
