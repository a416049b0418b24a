/**
 * PostgreSQL behind PgBouncer in transaction mode, at SLUICE_PGBOUNCER_URL, which `npm test` sets to an instance of its own
 * before the server of SLUICE_POSTGRES_URL.
 */
import { assert, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import * as Postgres from "@sluice/postgres/Postgres"
import * as Conformance from "@sluice/testkit/Conformance"
import { postgresPooled } from "@sluice/testkit/profiles/postgres"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { describe } from "vitest"
import { fresh, isMissing } from "./server.js"

const url = process.env["SLUICE_PGBOUNCER_URL"]

if (url === undefined) {
  process.stderr.write("\n!!! SLUICE_PGBOUNCER_URL is not set: no PgBouncer, its suites are SKIPPED (npm test starts one)\n\n")
}

const behind = (config: Postgres.Config = {}) => fresh({ url: url ?? "postgres://127.0.0.1:1/none", pooler: "transaction", ...config })

const on = <A, E>(config: Postgres.Config, use: (db: Database.Database) => Effect.Effect<A, E>) =>
  Effect.flatMap(Database.Database, use).pipe(Effect.provide(behind(config)))

const refused = (effect: Effect.Effect<unknown, SqlError.SqlError>, capability: string) =>
  Effect.map(Effect.flip(effect), ({ reason }) => {
    assert.deepStrictEqual([reason._tag, reason.outcome, reason.connection], ["UnsupportedError", "not-applied", "usable"], reason.message)
    assert.strictEqual(reason._tag === "UnsupportedError" ? reason.capability : "", capability)
  })

describe.skipIf(isMissing || (url === undefined && process.env["CI"] !== "true"))("behind PgBouncer", () => {
  Conformance.conformance("postgres behind PgBouncer", { profile: postgresPooled, layer: behind })

  describe("P4 what would be left to strangers is refused before it is sent", () => {
    it.live("session and reserve", () =>
      on({}, (db) => Effect.zipRight(
        refused(Effect.scoped(db.session), "sessions"),
        refused(Effect.scoped(Effect.mapError(db.reserve, (error) => error as SqlError.SqlError)), "sessions")
      )))

    it.live("statements of the session, by their first words and by the functions that they call", () =>
      on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (a BIGINT)`
        const texts = [
          "SET work_mem = '64kB'", " -- why\n set session work_mem = '64kB'", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SET ROLE postgres",
          "RESET ALL", "LISTEN c", "UNLISTEN *", "PREPARE p AS SELECT 1", "EXECUTE p", "DEALLOCATE p", "DISCARD ALL", "LOAD 'auto_explain'",
          "CREATE TEMP TABLE x (a INT)", "create local temporary table x (a INT) ON COMMIT DELETE ROWS", "SELECT 1 AS a INTO TEMP x",
          "DECLARE c CURSOR WITH HOLD FOR SELECT 1", "SELECT pg_advisory_lock(1)", "SELECT pg_try_advisory_lock_shared(1, 2)",
          "SELECT pg_advisory_unlock_all()", "SELECT set_config('work_mem', '64kB', false)", "SELECT setseed(0.5)"
        ]
        for (const text of texts) {
          yield* refused(db.unsafe(text), "sessionState")
          yield* refused(Stream.runDrain(db.unsafe(text).stream), "sessionState")
          yield* refused(db.transaction(db.unsafe(text)), "sessionState")
        }
        yield* refused(db.executeMany("SELECT pg_advisory_lock($1)", [[1], [2]]), "sessionState")
      })))

    it.live("what ends with its transaction is not", () =>
      on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
        yield* db.transaction(Effect.gen(function*() {
          yield* db`SET LOCAL work_mem = '64kB'`
          yield* db`SELECT set_config(${"app.user"}, ${"ada"}, true)`
          yield* db`CREATE TEMP TABLE passing ON COMMIT DROP AS SELECT 1 AS a`
          yield* db`SELECT pg_advisory_xact_lock(1)`
          assert.deepStrictEqual(
            yield* db`SELECT current_setting('work_mem') AS m, current_setting('app.user') AS u, a FROM passing`,
            [{ m: "64kB", u: "ada", a: 1 }]
          )
        }))
        yield* db`SET TRANSACTION READ ONLY`
        assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory'`.scalar, 0)
      })))
  })

  describe("P4 verbs that need a session are refused, and those of a transaction are not", () => {
    it.live("listen and advisoryLock; withSettings and transactionLock", () =>
      on({ pool: { max: 2 } }, (db) => Effect.gen(function*() {
        yield* refused(Stream.runDrain(Postgres.listen(db, "c")), "listen")
        yield* refused(Effect.scoped(Postgres.advisoryLock(db, 1)), "sessions")
        const user = db<string>`SELECT current_setting('app.user', true)`.scalar
        assert.strictEqual(yield* Postgres.withSettings(db, { "app.user": "ada" })(Effect.zipRight(Postgres.transactionLock(db, 1), user)), "ada")
        yield* Postgres.notify(db, "c", "x")
      })))
  })

  describe("V4 what cannot reach every session is refused by its field", () => {
    const field = (config: Postgres.Config) =>
      Effect.map(Effect.flip(Effect.scoped(Effect.provide(Database.Database, Postgres.layer({ url, pooler: "transaction", ...config })))), ({ reason }) =>
        reason._tag === "ConfigError" ? reason.field : reason._tag)
    it.live("initCommand, parameters that PgBouncer does not bring along, and another word", () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* field({ initCommand: "SET work_mem = '64kB'" }), "initCommand")
        assert.strictEqual(yield* field({ parameters: { search_path: "orders" } }), "parameters.search_path")
        assert.strictEqual(yield* field({ url: `${url}?statement_timeout=5` }), "parameters.statement_timeout")
        assert.strictEqual(yield* field({ pooler: "session" as "transaction" }), "pooler")
      }))
    it.live("while the zone and the name come along to every session", () =>
      on({ timezone: "Asia/Tokyo", applicationName: "orders", pool: { max: 4 } }, (db) =>
        Effect.forEach(Array.from({ length: 20 }), () =>
          Effect.map(db`SELECT current_setting('TimeZone') AS zone, current_setting('application_name') AS app, pg_sleep(0.01)::text`, ([row]) => {
            assert.deepStrictEqual([row?.["zone"], row?.["app"]], ["Asia/Tokyo", "orders"])
          }), { concurrency: 4, discard: true })))
  })

  describe("S5 a cancel goes through PgBouncer, and hits the statement that it was meant for", () => {
    it.live("a thousand random interrupts beside a thousand innocents", () =>
      on({ pool: { max: 6 } }, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (a BIGINT)`
        const victims = Effect.forEach(Array.from({ length: 1_000 }), (_, n) =>
          Effect.gen(function*() {
            const fiber = yield* Effect.fork(n % 3 === 0 ? db.transaction(db`SELECT pg_sleep(5)`) : db`SELECT pg_sleep(5)`)
            yield* Effect.sleep(Math.random() * 8)
            yield* Fiber.interrupt(fiber)
          }), { concurrency: 3, discard: true })
        const innocents = Effect.forEach(Array.from({ length: 1_000 }), (_, n) =>
          Effect.zipRight(db`SELECT pg_sleep(${Math.random() * 0.008})`, db`INSERT INTO t VALUES (${n})`), { concurrency: 3, discard: true })
        yield* Effect.all([victims, innocents], { concurrency: 2 })
        assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 1_000)
        const sleeping = db<number>`SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()`.scalar
        assert.strictEqual(yield* sleeping, 0)
        const stats = yield* db.pool.stats
        assert.deepStrictEqual([stats.lent, stats.waiting, stats.opened - stats.closed - stats.size], [0, 0, 0])
      })), 60_000)
  })

  describe("Q4 prepared statements whose names another session of the server does not know (26000)", () => {
    // Clients that are not told of the PgBouncer. While the other holds the one session there is, a second one is opened.
    const elsewhere = <A>(use: (db: Database.Database, moved: <B, E>(effect: Effect.Effect<B, E>) => Effect.Effect<B, E | SqlError.SqlError>) => Effect.Effect<A, unknown>) =>
      on({ pool: { max: 1 } }, (holder) =>
        Effect.gen(function*() {
          yield* holder`CREATE TABLE t AS SELECT 7::bigint AS a`
          const database = yield* holder<string>`SELECT current_database()`.scalar
          const moved = <B, E>(effect: Effect.Effect<B, E>) => holder.transaction(Effect.zipRight(holder`SELECT 1`, effect))
          yield* Effect.flatMap(Database.Database, (db) =>
            Effect.gen(function*() {
              const where = yield* db<number>`SELECT pg_backend_pid()`.scalar
              assert.strictEqual(yield* db<number>`SELECT pg_backend_pid()`.scalar, where)
              yield* use(db, moved)
            })).pipe(Effect.provide(Postgres.layer({ url, database, pool: { max: 1 } })))
        }))
    const read = (db: Database.Database) => db<{ a: number }>`SELECT a FROM t WHERE a > ${1}`

    it.live("two clients that share a session and prepare by the same numbers never run each other's", () =>
      on({ pool: { max: 1 } }, (holder) =>
        Effect.gen(function*() {
          const database = yield* holder<string>`SELECT current_database()`.scalar
          yield* Effect.scoped(Effect.gen(function*() {
            const open = Effect.map(Layer.build(Layer.fresh(Postgres.layer({ url, database, pool: { max: 1 } }))), (context) => Context.get(context, Database.Database))
            const [a, b] = [yield* open, yield* open]
            for (let round = 0; round < 5; round++) {
              for (const n of [1, 2, 3]) {
                assert.deepStrictEqual(yield* a.unsafe(`SELECT ${n} AS a, $1::text AS whose`, ["a"]), [{ a: n, whose: "a" }])
                assert.deepStrictEqual(yield* b.unsafe(`SELECT ${n} AS b, $1::int AS n`, [n]), [{ b: n, n }])
              }
            }
            const names = yield* a<{ name: string }>`SELECT name FROM pg_prepared_statements`.column("name")
            assert.isAtLeast(new Set(names).size, 6, "both have prepared in this one session")
          }))
        })))

    it.live("a statement is sent again, once and without a name, as it was not run", () =>
      elsewhere((db, moved) => Effect.gen(function*() {
        const write = db`UPDATE t SET a = a + ${1}`.run
        yield* write
        assert.strictEqual((yield* moved(write)).rowsAffected, 1)
        yield* moved(Effect.repeatN(write, 3))
        assert.deepStrictEqual(yield* read(db), [{ a: 13 }])
        assert.strictEqual((yield* db.pool.stats).opened, 1)
      })))

    it.live("a stream is opened again", () =>
      elsewhere((db, moved) => Effect.gen(function*() {
        const all = Stream.runCollect(read(db).stream).pipe(Effect.map((rows) => [...rows]))
        assert.deepStrictEqual(yield* all, [{ a: 7 }])
        assert.deepStrictEqual(yield* moved(all), [{ a: 7 }])
        assert.deepStrictEqual(yield* read(db), [{ a: 7 }])
        assert.strictEqual((yield* db.pool.stats).opened, 1)
      })))

    it.live("in a transaction it fails typed and undone, and the next one runs", () =>
      elsewhere((db, moved) => Effect.gen(function*() {
        yield* read(db)
        const twice = db.transaction(Effect.zipRight(db`INSERT INTO t VALUES (1)`, read(db)))
        const error = yield* Effect.flip(moved(twice))
        assert.deepStrictEqual([error.reason._tag, error.outcome], ["UnsupportedError", "not-applied"])
        assert.match(error.message, /pooler: "transaction"/)
        assert.deepStrictEqual(yield* read(db), [{ a: 7 }])
        yield* moved(twice)
        assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 2)
      })))
  })

  it.live("the role of the server behind it is asked for, and a transaction that is read-only says nothing of it", () =>
    Effect.gen(function*() {
      yield* on({ targetSessionAttrs: "read-write" }, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (a INTEGER)`
        const error = yield* Effect.flip(db.transaction({ readOnly: true })(db`INSERT INTO t VALUES (1)`.run))
        assert.deepStrictEqual([error.reason._tag, error.reason.sqlState, error.connection], ["AuthorizationError", "25006", "usable"])
        assert.strictEqual((yield* db`INSERT INTO t VALUES (1)`.run).rowsAffected, 1)
        assert.strictEqual((yield* db.pool.stats).closed, 0)
      }))
      const error = yield* Effect.flip(on({ targetSessionAttrs: "standby", pool: { acquireTimeout: 500 } }, (db) => db`SELECT 1`))
      assert.strictEqual(error.reason._tag, "ConnectionError")
      assert.include(error.message, "is a primary")
    }))
})
