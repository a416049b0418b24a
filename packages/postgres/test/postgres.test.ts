/**
 * What is PostgreSQL's own in statements, transactions and sessions, and what the conformance suite cannot ask of every
 * dialect.
 */
import { assert, describe, it } from "@effect/vitest"
import type * as Connection from "@sluice/core/Connection"
import * as Retry from "@sluice/core/Retry"
import * as Postgres from "@sluice/postgres/Postgres"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { inspect } from "node:util"
import { on, reasonOf } from "./asking.js"
import { isMissing } from "./server.js"

describe.skipIf(isMissing)("Postgres", () => {
  describe("statements", () => {
    it.live("an error names what the server names, and shows no value", () =>
      on({}, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE parents (id INTEGER PRIMARY KEY)`
        yield* db`CREATE TYPE mood AS ENUM ('sad', 'ok')`
        yield* db`CREATE TABLE people (id INTEGER PRIMARY KEY, mail VARCHAR(10) NOT NULL, "Nick" TEXT UNIQUE, age INTEGER CONSTRAINT grown CHECK (age > 0), mood mood, parent INTEGER CONSTRAINT kin REFERENCES parents (id), CONSTRAINT one_mail UNIQUE (mail))`
        yield* db.unsafe("CREATE FUNCTION refuse() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no % here', quote_literal(NEW.mail); END $$")
        yield* db`CREATE TABLE guarded (mail TEXT)`
        yield* db`CREATE TRIGGER guard BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION refuse()`
        yield* db`INSERT INTO people (id, mail, "Nick") VALUES (1, ${"secret"}, ${"secret"})`
        const cases: ReadonlyArray<readonly [string, ReadonlyArray<unknown>, string, Partial<Record<"table" | "column" | "constraint" | "sqlState" | "position", string | number>>]> = [
          ["INSERT INTO people (id, mail) VALUES (2, $1)", ["secret"], "UniqueViolation", { table: "people", constraint: "one_mail", column: "mail", sqlState: "23505" }],
          ["INSERT INTO people (id, mail, \"Nick\") VALUES (2, 'b', $1)", ["secret"], "UniqueViolation", { column: "Nick" }],
          ["INSERT INTO people (id, mail) VALUES (2, $1)", [null], "ConstraintError", { table: "people", column: "mail", sqlState: "23502" }],
          ["INSERT INTO people (id, mail, parent) VALUES (2, $1, 9)", ["secret2"], "ConstraintError", { table: "people", column: "parent", constraint: "kin" }],
          ["INSERT INTO people (id, mail, age) VALUES (2, $1, -1)", ["secret2"], "ConstraintError", { table: "people", constraint: "grown" }],
          ["INSERT INTO people (id, mail) VALUES (2, $1)", ["secret and more"], "DataError", { sqlState: "22001" }],
          ["INSERT INTO people (id, mail) VALUES ($1, 'a')", ["secret \"x\""], "DataError", { sqlState: "22P02" }],
          ["INSERT INTO people (id, mail) VALUES ($1, 'a')", [3_000_000_000], "DataError", { sqlState: "22003" }],
          ["INSERT INTO people (id, mail, mood) VALUES (2, 'b', $1)", ["secret"], "DataError", { sqlState: "22P02" }],
          ["SELECT CAST($1 AS date)", ["2024-13-01 secret"], "DataError", {}],
          ["SELECT CAST($1 AS regclass)", ["secret"], "SqlSyntaxError", { sqlState: "42P01" }],
          ["INSERT INTO guarded VALUES ($1)", ["secret"], "ConstraintError", { sqlState: "P0001" }],
          ["SELECT id FROM", [], "SqlSyntaxError", { sqlState: "42601", position: 15 }],
          ["SELECT none FROM people", [], "SqlSyntaxError", { sqlState: "42703", position: 8 }],
          ["SELECT id FROM nowhere", [], "SqlSyntaxError", { sqlState: "42P01" }],
          ["SELECT 1 / $1", [0], "DataError", { sqlState: "22012" }],
          ["SET lock_timeout = 'x'", [], "DataError", { sqlState: "22023" }],
          ["SELECT pg_sleep('x', $1)", ["secret"], "SqlSyntaxError", { sqlState: "42883" }]
        ]
        for (const [sql, params, tag, fields] of cases) {
          const reason = yield* reasonOf(db.unsafe(sql, params))
          assert.strictEqual(reason._tag, tag, sql)
          for (const [field, value] of Object.entries(fields)) assert.strictEqual(reason[field as "table"], value, `${field} of ${sql}`)
          assert.deepStrictEqual([reason.connection, reason.outcome, reason.isRetryable], ["usable", "not-applied", false], sql)
          assert.notInclude(inspect(reason), "secret", sql)
        }
        assert.include((yield* reasonOf(db`SELECT id FROM nowhere`)).message, "\"nowhere\"")
        assert.strictEqual((yield* db.pool.stats).closed, 0)
      })))

    it.live("notices are messages of the statement that they belong to", () =>
      on({}, (db) => Effect.gen(function*() {
        const { messages } = yield* db.unsafe("DO $$ BEGIN RAISE NOTICE 'one'; RAISE WARNING 'two'; RAISE INFO 'three'; END $$").result
        assert.deepStrictEqual(messages, [
          { severity: "notice", code: "00000", text: "one" }, { severity: "warning", code: "01000", text: "two" }, { severity: "notice", code: "00000", text: "three" }
        ])
        assert.deepStrictEqual((yield* db`SELECT 1`.result).messages, [])
      })))

    it.live("rows that RETURNING answers with are counted, and columns are described for no row, too", () =>
      on({}, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (id INTEGER, price NUMERIC(10, 2))`
        const inserted = yield* db`INSERT INTO t (id) VALUES (1), (2) RETURNING id`.result
        assert.deepStrictEqual([inserted.rowsAffected, inserted.rows.length], [2, 2])
        assert.strictEqual((yield* db`UPDATE t SET price = 1`.run).rowsAffected, 2)
        assert.strictEqual((yield* db`SELECT id FROM t`.run).rowsAffected, 0)
        assert.deepStrictEqual((yield* db`SELECT price, id FROM t WHERE 1 = 0`.result).columns.map(({ name, precision, scale, type }) => [name, type, precision, scale]), [
          ["price", "numeric", 10, 2], ["id", "int4", undefined, undefined]
        ])
        assert.strictEqual((yield* db`UPDATE t SET ${db.update({ price: 2 })} WHERE id = 1`.run).rowsAffected, 1)
        assert.strictEqual((yield* db`UPDATE t SET price = data.price FROM ${db.updateValues([{ id: 1, price: 3.5 }], "data")} WHERE t.id = data.id`.run).rowsAffected, 1)
      })))

    it.live("columns tell their table and whether they may be NULL, of a result and of a statement that is not run", () =>
      Effect.forEach([{}, { pipeline: { lanes: 1 } }] as const, (config) => on(config, (db) => Effect.gen(function*() {
        yield* db`CREATE TYPE mood AS ENUM ('sad', 'happy')`
        yield* db`CREATE DOMAIN word AS TEXT NOT NULL`
        yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, mood mood NOT NULL, word word)`
        yield* db`CREATE VIEW seen AS SELECT id, name FROM t`
        const shown = (columns: ReadonlyArray<Connection.Column>) => columns.map(({ name, nullable, table, type }) => [name, type, table, nullable])
        const all = db`SELECT id, name AS alias, mood, word, id + 1 AS sum FROM t`
        const expected = [
          ["id", "int4", "t", false], ["alias", "text", "t", true], ["mood", "mood", "t", false], ["word", "text", "t", false],
          ["sum", "int4", undefined, undefined]
        ]
        assert.deepStrictEqual(shown((yield* all.result).columns), expected)
        assert.deepStrictEqual(shown(yield* db.describe(all)), expected)
        assert.deepStrictEqual(shown((yield* db.transaction(all.result)).columns), expected)
        // What a table has, an outer join takes back; a view says nothing of it.
        assert.deepStrictEqual(shown((yield* db`SELECT b.id FROM t AS a LEFT JOIN t AS b ON b.id = a.id + 1`.result).columns), [["id", "int4", "t", undefined]])
        assert.deepStrictEqual(shown((yield* db`SELECT b.id FROM t AS a JOIN t AS b ON b.id = a.id + 1`.result).columns), [["id", "int4", "t", false]])
        assert.deepStrictEqual(shown((yield* db`SELECT * FROM seen`.result).columns), [["id", "int4", "seen", undefined], ["name", "text", "seen", undefined]])
        yield* db`ALTER TABLE t ALTER COLUMN name SET NOT NULL`
        assert.strictEqual((yield* all.result).columns[1]?.nullable, false)
        // A transaction that has failed is asked for nothing.
        yield* Effect.ignore(db.transaction(Effect.zipRight(Effect.ignore(db`SELEC`), db.describe(all))))
        assert.strictEqual((yield* all.result).columns.length, 5)
      })), { discard: true }))

    it.live("prepared statements are kept up to the limit, by text and types, and those given up are closed", () =>
      on({ maxPreparedStatements: 5, pool: { max: 1 } }, (db) => Effect.gen(function*() {
        for (let n = 0; n < 20; n++) assert.strictEqual(yield* db.unsafe<{ v: number }>(`SELECT ${n} + $1 AS v`, [1]).scalar, n + 1)
        for (const value of [1, 2n ** 40n, 0.5, null, true]) yield* db`SELECT ${value} AS v`
        const kept = yield* db<number>`SELECT COUNT(*) FROM pg_prepared_statements WHERE NOT from_sql`.scalar
        assert.isAtMost(kept, 5)
        assert.isAtLeast(kept, 4)
      })))

    it.live("a limit of 0 prepares nothing by name, and `unprepared` neither", () =>
      on({ maxPreparedStatements: 0, pool: { max: 1 } }, (db) => Effect.gen(function*() {
        yield* db`SELECT ${1}`
        assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM pg_prepared_statements`.scalar, 0)
      })))

    it.live("a table that changed, and names that were dropped, are prepared again behind the user's back", () =>
      on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (a INTEGER)`
        yield* db`INSERT INTO t VALUES (1)`
        const all = db`SELECT * FROM t`
        assert.deepStrictEqual(yield* all, [{ a: 1 }])
        yield* db`ALTER TABLE t ADD COLUMN b TEXT DEFAULT 'x'`
        assert.deepStrictEqual(yield* all, [{ a: 1, b: "x" }])
        for (const text of ["DEALLOCATE ALL", "DISCARD ALL"]) {
          yield* db.unsafe(text)
          assert.deepStrictEqual(yield* all, [{ a: 1, b: "x" }])
        }
        // A name of ours that somebody else dropped.
        const [name] = yield* db<{ name: string }>`SELECT name FROM pg_prepared_statements WHERE statement = 'SELECT * FROM t'`.column("name")
        yield* db.unsafe(`DEALLOCATE ${name}`)
        assert.deepStrictEqual(yield* all, [{ a: 1, b: "x" }])
        assert.strictEqual((yield* db.pool.stats).opened, 1)
      })))

    it.live("explain shows the plan for the parameters, and with analyze leaves nothing of what it ran", () =>
      on({}, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t AS SELECT i AS id, i % 100 AS few FROM generate_series(1, 20000) AS i`
        yield* db`CREATE INDEX t_id ON t (id)`
        yield* db`ANALYZE t`
        assert.include((yield* Postgres.explain(db, db`SELECT * FROM t WHERE id = ${7}`)).join("\n"), "Index Scan using t_id")
        assert.include((yield* db`SELECT * FROM t WHERE id > ${7}`.pipe((statement) => Postgres.explain(statement)(db))).join("\n"), "Seq Scan")
        const lines = yield* Postgres.explain(db, db`DELETE FROM t WHERE few = ${3}`, { analyze: true, buffers: true, verbose: true })
        assert.match(lines.join("\n"), /actual time[^]*Buffers[^]*Execution Time/)
        yield* db.transaction(Effect.zipRight(db`DELETE FROM t WHERE id = 1`, Postgres.explain(db, db`DELETE FROM t`, { analyze: true })))
        assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 19_999)
        assert.strictEqual((yield* reasonOf(Postgres.explain(db, db`SELEC`)))._tag, "SqlSyntaxError")
        assert.strictEqual((yield* reasonOf(Postgres.explain(db, db`SELECT ${db.insert([])}`)))._tag, "ConfigError")
        assert.strictEqual((yield* reasonOf(Postgres.explain(db, db`SELECT 1`, { buffers: true })))._tag, "ConfigError")
        assert.match(yield* Postgres.serverVersion(db), /^1\d\.\d+/)
      })))

    it.live("COPY as a statement is refused at once, and its connection serves the next one", () =>
      on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t AS SELECT generate_series(1, 1000) AS a`
        for (const text of ["COPY t FROM STDIN", "COPY t TO STDOUT"]) {
          for (const statement of [db.unsafe(text), db.unsafe(text).unprepared, db.executeMany(text, [[], []]), Stream.runDrain(db.unsafe(text).stream)]) {
            const reason = yield* reasonOf(Effect.timeout(statement, 3_000))
            assert.deepStrictEqual([reason._tag, reason.connection], ["UnsupportedError", "usable"])
          }
          assert.strictEqual((yield* reasonOf(db.transaction(db.unsafe(text))))._tag, "UnsupportedError")
        }
        assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 1_000)
        assert.strictEqual((yield* db.pool.stats).opened, 1)
        assert.strictEqual((yield* db`COPY t TO '/dev/null'`.run).rowsAffected, 1_000)
        const { messages } = yield* db.unsafe("DO $$ BEGIN FOR i IN 1..3000 LOOP RAISE NOTICE 'again'; END LOOP; END $$").result
        assert.strictEqual(messages.length, 1_000)
      })))

    it.live("in a transaction, too, a table that changed is read anew", () =>
      on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (a INTEGER)`
        yield* db`INSERT INTO t VALUES (1)`
        const all = db`SELECT * FROM t`
        yield* all
        yield* db.transaction(Effect.gen(function*() {
          assert.deepStrictEqual(yield* all, [{ a: 1 }])
          yield* db`ALTER TABLE t ADD COLUMN b TEXT`
          assert.deepStrictEqual(yield* all, [{ a: 1, b: null }])
          yield* db.unsafe("DO $$ BEGIN ALTER TABLE t DROP COLUMN a; END $$")
          assert.deepStrictEqual(yield* all, [{ b: null }])
        }))
        assert.isAtMost(yield* db<number>`SELECT COUNT(*) FROM pg_prepared_statements WHERE statement = 'SELECT * FROM t'`.scalar, 1)
      })))

    it.live("a session whose encoding was changed is given up: no text of it is read as another", () =>
      on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
        const reason = yield* reasonOf(db`SET client_encoding = 'LATIN1'`)
        assert.deepStrictEqual([reason._tag, reason.connection], ["ConnectionError", "broken"])
        assert.include(reason.message, "LATIN1")
        assert.strictEqual(yield* db<string>`SELECT 'é'`.scalar, "é")
      })))

    it.live("too many parameters are refused where the server would not tell", () =>
      on({}, (db) => Effect.gen(function*() {
        const reason = yield* reasonOf(db.unsafe("SELECT $1::int", [1, 2]))
        assert.deepStrictEqual([reason._tag, reason.outcome], ["DataError", "not-applied"])
        assert.strictEqual((yield* reasonOf(db.unsafe("SELECT $1::int, $2::int", [1])))._tag, "DataError")
      })))

    it.live("executeMany counts each row by itself, whatever the types of a column's values are", () =>
      on({}, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY, n NUMERIC, name TEXT)`
        yield* db`INSERT INTO t VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c')`
        assert.strictEqual((yield* db.executeMany("UPDATE t SET name = $2 WHERE n = $1", [[1, "x"], [7, null], [2, "y"]])).rowsAffected, 3)
        const mixed = [[10, 1, "a"], [11, 0.1, null], [12, 2n ** 70n, "b"], [13, null, "c"], [14, Number.NaN, "d"]]
        assert.strictEqual((yield* db.executeMany("INSERT INTO t (id, n, name) VALUES ($1, $2, $3)", mixed)).rowsAffected, 5)
        assert.deepStrictEqual(yield* db<{ n: string }>`SELECT n FROM t WHERE id >= 10 ORDER BY id`.column("n"), ["1", "0.1", "1180591620717411303424", null, "NaN"] as ReadonlyArray<unknown>)
        const many = Array.from({ length: 30_000 }, (_, n) => [n + 100, 1, `name ${n} ${"x".repeat(50)}`])
        assert.strictEqual((yield* db.executeMany("INSERT INTO t (id, n, name) VALUES ($1, $2, $3)", many)).rowsAffected, 30_000)
        assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t WHERE id >= 100`.scalar, 30_000)
      })))

    it.live("executeMany lets rows share a statement only where nothing can tell, and every type is what it is alone", () =>
      on({}, (db) => Effect.gen(function*() {
        const rows = Array.from({ length: 650 }, (_, n) => [n, `${n % 2 === 0 ? "even" : "odd"}`])
        const load = (table: string) =>
          Effect.gen(function*() {
            const told: Array<number> = []
            yield* db.executeMany(`INSERT INTO ${table} (id, name) VALUES ($1, $2)`, rows, { onRow: (affected) => told.push(affected) })
            return told.reduce((sum, n) => sum + n, 0)
          })
        const count = (table: string) => db.unsafe<{ n: number }>(`SELECT COUNT(*)::int AS n FROM ${table}`).scalar
        yield* db`CREATE TABLE fired (what TEXT)`
        yield* db`CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO fired VALUES (TG_LEVEL); RETURN NULL; END $$`
        yield* db`CREATE TABLE "By ""statement""" (id INTEGER PRIMARY KEY, name TEXT)`
        assert.strictEqual(yield* load(`"By ""statement"""`), 650)
        yield* db`TRUNCATE "By ""statement"""`
        yield* db`CREATE TRIGGER each AFTER INSERT ON "By ""statement""" FOR EACH STATEMENT EXECUTE FUNCTION fire()`
        assert.strictEqual(yield* load(`"By ""statement"""`), 650)
        assert.strictEqual(yield* count("fired"), 650)
        yield* db`CREATE TABLE skipping (id INTEGER PRIMARY KEY, name TEXT)`
        yield* db`CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.name = 'odd' THEN RETURN NULL; END IF; RETURN NEW; END $$`
        yield* db`CREATE TRIGGER skip BEFORE INSERT ON skipping FOR EACH ROW EXECUTE FUNCTION skip()`
        assert.strictEqual(yield* load("skipping"), 325)
        yield* db`CREATE TABLE parted (id INTEGER PRIMARY KEY, name TEXT) PARTITION BY RANGE (id)`
        yield* db`CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (10000)`
        yield* db`CREATE TRIGGER skip BEFORE INSERT ON part FOR EACH ROW EXECUTE FUNCTION skip()`
        assert.strictEqual(yield* load("parted"), 325)
        yield* db`CREATE VIEW seen AS SELECT id, name FROM "By ""statement"""`
        yield* db`TRUNCATE "By ""statement"""`
        assert.strictEqual(yield* load("seen"), 650)
        yield* db`CREATE TYPE mood AS ENUM ('well', 'ill')`
        yield* db`CREATE TABLE typed (id BIGINT GENERATED ALWAYS AS IDENTITY, u UUID, j JSONB, a INTEGER[], m mood, d DATE, t TIMESTAMPTZ, b BYTEA, n NUMERIC(20, 5))`
        const typed = ["01234567-89ab-cdef-0123-456789abcdef", { a: [1, "x"] }, [1, null, 3], "ill", "2024-02-29", new Date(0), new Uint8Array([0, 255]), "123456789.12345"]
        yield* db.executeMany("INSERT INTO typed (u, j, a, m, d, t, b, n) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", Array.from({ length: 601 }, (_, n) => n % 7 === 3 ? typed.map(() => null) : typed))
        yield* db`INSERT INTO typed (u, j, a, m, d, t, b, n) VALUES (${typed[0]}, ${typed[1]}, ${typed[2]}, ${typed[3]}, ${typed[4]}, ${typed[5]}, ${typed[6]}, ${typed[7]})`
        assert.deepStrictEqual(yield* db`SELECT COUNT(*)::int, COUNT(DISTINCT (u, j, a, m, d, t, b, n))::int FROM typed WHERE u IS NOT NULL`.values, [[516, 1]])
        assert.strictEqual(yield* db`SELECT COUNT(*)::int FROM typed WHERE u IS NULL`.scalar, 86)
      })))
  })

  describe("transactions", () => {
    it.live("T5 a COMMIT that is answered with ROLLBACK is TransactionAbortedError", () =>
      on({}, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY)`
        const reason = yield* reasonOf(db.transaction(Effect.zipRight(db`INSERT INTO t VALUES (1)`, Effect.ignore(db`SELECT 1 / 0`))))
        assert.deepStrictEqual([reason._tag, reason.outcome, reason.connection], ["TransactionAbortedError", "not-applied", "usable"])
        assert.deepStrictEqual(yield* db`SELECT * FROM t`, [])
      })))

    it.live("T5 what is deferred to the end of a statement by itself is that statement's failure", () =>
      on({}, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE parents (id INTEGER PRIMARY KEY)`
        yield* db`CREATE TABLE children (parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)`
        for (const insert of [db`INSERT INTO children VALUES (1)`, db`INSERT INTO children VALUES (1)`.unprepared, db`INSERT INTO children VALUES (1) RETURNING parent`]) {
          const reason = yield* reasonOf(insert)
          assert.deepStrictEqual([reason._tag, reason.outcome], ["ConstraintError", "not-applied"])
        }
        assert.deepStrictEqual(yield* db`SELECT * FROM children`, [])
      })))

    it.live("T7 after a failure every later statement of the transaction fails, and none runs by itself", () =>
      on({}, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY)`
        yield* Effect.ignore(db.transaction(Effect.gen(function*() {
          yield* Effect.ignore(db`SELECT 1 / 0`)
          assert.strictEqual((yield* reasonOf(db`INSERT INTO t VALUES (1)`))._tag, "TransactionAbortedError")
        })))
        // A savepoint takes its own failure back.
        yield* db.transaction(Effect.gen(function*() {
          yield* Effect.ignore(db.transaction(db`SELECT 1 / 0`))
          yield* db`INSERT INTO t VALUES (2)`
        }))
        assert.deepStrictEqual(yield* db`SELECT id FROM t`.values, [[2]])
      })))

    it.live("T3 isolation, read-only and deferrable reach the server", () =>
      on({}, (db) => Effect.gen(function*() {
        const ask = db`SELECT current_setting('transaction_isolation') AS i, current_setting('transaction_read_only') AS r, current_setting('transaction_deferrable') AS d`.values
        for (const isolation of ["read-uncommitted", "read-committed", "repeatable-read", "serializable"] as const) {
          assert.deepStrictEqual(yield* db.transaction({ isolation })(ask), [[isolation.replace("-", " "), "off", "off"]])
        }
        assert.deepStrictEqual(yield* db.transaction({ isolation: "serializable", readOnly: true, deferrable: true })(ask), [["serializable", "on", "on"]])
        const refused = yield* reasonOf(db.transaction({ isolation: "snapshot" })(ask))
        assert.strictEqual(refused._tag, "UnsupportedError")
        assert.strictEqual((yield* reasonOf(db.transaction({ readOnly: true })(db`CREATE TABLE no (a INTEGER)`)))._tag, "AuthorizationError")
      })))

    it.live("T4 serialization failures, at COMMIT too, and deadlocks are run again", () =>
      on({ pool: { max: 6 } }, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER)`
        yield* db`INSERT INTO t VALUES (1, 0), (2, 0)`
        const add = Effect.gen(function*() {
          const a = yield* db<number>`SELECT a FROM t WHERE id = 1`.scalar
          yield* Effect.sleep(1)
          yield* db`UPDATE t SET a = ${a + 1} WHERE id = 1`
        })
        // Four contend for one row: three attempts, as `transient` has them, may all lose.
        const retry = yield* Retry.exponential({ attempts: 50, base: 2, cap: 50 })
        yield* Effect.all(Array.from({ length: 12 }, () => db.transaction({ isolation: "serializable", retry })(add)), { concurrency: 4 })
        assert.strictEqual(yield* db<number>`SELECT a FROM t WHERE id = 1`.scalar, 12)
        const both = [yield* Deferred.make<void>(), yield* Deferred.make<void>()] as const
        const side = (own: 0 | 1) => db.transaction(Effect.gen(function*() {
          yield* db`UPDATE t SET a = a + 1 WHERE id = ${own + 1}`
          yield* Deferred.succeed(both[own], undefined)
          yield* Deferred.await(both[own === 0 ? 1 : 0])
          yield* db`UPDATE t SET a = a + 1 WHERE id = ${2 - own}`
        }))
        const exits = yield* Effect.all([Effect.exit(side(0)), Effect.exit(side(1))], { concurrency: 2 })
        const victims = exits.filter((exit) => Exit.isFailure(exit))
        assert.strictEqual(victims.length, 1)
        const reason = yield* reasonOf(victims[0]!)
        assert.deepStrictEqual([reason._tag, reason.isRetryable, reason.sqlState], ["DeadlockError", true, "40P01"])
      })))

    it.live("with statementSavepoints a failure leaves the transaction as it was, COPY and RETURNING included", () =>
      on({ statementSavepoints: true }, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY)`
        yield* db.transaction(Effect.gen(function*() {
          assert.deepStrictEqual(yield* db`INSERT INTO t VALUES (1) RETURNING id`, [{ id: 1 }])
          for (let n = 0; n < 3; n++) {
            assert.strictEqual((yield* reasonOf(db`INSERT INTO t VALUES (1)`))._tag, "UniqueViolation")
            assert.strictEqual((yield* reasonOf(db`SELEC`))._tag, "SqlSyntaxError")
            assert.strictEqual((yield* reasonOf(db`SELECT 1 / 0`.unprepared))._tag, "DataError")
          }
          yield* db.transaction(Effect.zipRight(reasonOf(db`INSERT INTO t VALUES (1)`), db`INSERT INTO t VALUES (2)`))
        }))
        assert.deepStrictEqual(yield* db`SELECT id FROM t ORDER BY id`.values, [[1], [2]])
      })))
  })

  describe("sessions", () => {
    it.live("P4 a reset takes back settings, roles, locks, temporary tables, cursors, listening and prepared names", () =>
      on({ pool: { max: 1 }, parameters: { search_path: "public, pg_catalog" }, timezone: "Asia/Tokyo", applicationName: "sluice tests", initCommand: "SET work_mem = '5MB'" }, (db) =>
        Effect.gen(function*() {
          const state = db`SELECT current_setting('search_path') AS path, current_setting('TimeZone') AS zone, current_setting('work_mem') AS mem, current_setting('application_name') AS app, session_user = current_user AS own, (SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks, (SELECT COUNT(*) FROM pg_listening_channels()) AS channels, (SELECT COUNT(*) FROM pg_prepared_statements WHERE from_sql) AS names, to_regclass('passing') AS temp`
          const before = yield* state
          assert.deepStrictEqual(before, [{ path: "public, pg_catalog", zone: "Asia/Tokyo", mem: "5MB", app: "sluice tests", own: true, locks: 0, channels: 0, names: 0, temp: null }])
          yield* db`CREATE SEQUENCE numbers`
          for (let round = 0; round < 2; round++) {
            yield* Effect.scoped(Effect.gen(function*() {
              const session = yield* db.session
              for (const text of [
                "SET search_path = pg_catalog", "SET TimeZone = 'UTC'", "SET work_mem = '9MB'", "SET application_name = 'other'", "SELECT pg_advisory_lock(7)", "LISTEN news",
                "PREPARE mine AS SELECT 1", "CREATE TEMPORARY TABLE passing (a INTEGER)", "SELECT nextval('public.numbers')", "SET ROLE pg_monitor"
              ]) yield* session.unsafe(text)
            }))
            assert.deepStrictEqual(yield* state, before)
          }
          yield* db`SELECT pg_advisory_lock(8), set_config('work_mem', '9MB', false)`
          assert.deepStrictEqual(yield* state, before)
          const { opened, resets } = yield* db.pool.stats
          assert.deepStrictEqual([opened, resets >= 3], [1, true])
        })))

    it.live("the driver's own Client works in a session, beside ours", () =>
      on({ pool: { max: 1 } }, (db) => Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        const client = (yield* db.native(session)) as { query: (text: string, values?: Array<unknown>) => Promise<{ rows: Array<unknown> }> }
        assert.deepStrictEqual(yield* session`SELECT 1 AS a`, [{ a: 1 }])
        assert.deepStrictEqual((yield* Effect.promise(() => client.query("SELECT $1::int AS b", [2]))).rows, [{ b: 2 }])
        assert.match(String(yield* Effect.flip(Effect.tryPromise(() => client.query("SELEC")))), /UnknownException/)
        yield* Effect.promise(() => client.query("BEGIN"))
        assert.strictEqual((yield* reasonOf(session.begin()))._tag, "TransactionStateError")
        yield* Effect.promise(() => client.query("ROLLBACK"))
        assert.deepStrictEqual(yield* session`SELECT 3 AS c`, [{ c: 3 }])
      }))))
  })
})
