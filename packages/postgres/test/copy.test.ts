/**
 * COPY in both directions: what goes in comes out, back-pressure, failures that name their line, and interruption.
 */
import { assert, describe, it } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import * as Postgres from "@sluice/postgres/Postgres"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { inspect } from "node:util"
import { on, quiet, reasonOf, running } from "./asking.js"
import { isMissing } from "./server.js"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const gathered = <E>(stream: Stream.Stream<Uint8Array, E>) =>
  Effect.map(Stream.runCollect(stream), (blocks) => Buffer.concat(Chunk.toReadonlyArray(blocks)))

const table = (db: Database.Database) => db`CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, price NUMERIC)`

const total = (db: Database.Database) => db<number>`SELECT COUNT(*) FROM t`.scalar

/** Lines without an end, a thousand in each element. */
const endless = Stream.map(Stream.iterate(0, (n) => n + 1), (n) =>
  bytes(Array.from({ length: 1_000 }, (_, i) => `${n * 1_000 + i}\tname\t1.5\n`).join("")))

describe.skipIf(isMissing)("Postgres, COPY", () => {
  for (const format of ["text", "csv", "binary"] as const) {
    it.live(`what one table gives another one takes, in ${format}`, () =>
      on({}, (db) => Effect.gen(function*() {
        yield* table(db)
        yield* db.unsafe("INSERT INTO t SELECT i, CASE WHEN i % 3 = 0 THEN NULL WHEN i % 3 = 1 THEN E'a\\tb\\n\\\\ \"日本\", ' || i ELSE '' END, i / 7.0 FROM generate_series(1, 20000) AS i")
        yield* db`CREATE TABLE u (LIKE t)`
        // Cut anywhere: the pieces are bytes, and no lines.
        const data = Stream.rechunk(Stream.mapConcat(Postgres.copyTo(db, { table: "t" }, { format }), (block) => [block.subarray(0, 7), block.subarray(7)]), 3)
        assert.strictEqual(yield* Stream.run(data, Postgres.copyFrom(db, { table: "public.u", columns: ["id", "name", "price"] }, { format })), 20_000)
        assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM (SELECT * FROM t INTERSECT SELECT * FROM u) AS s`.scalar, 20_000)
      })))
  }

  it.live("rows go in as values and come out as texts, NULL as null", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (id BIGINT, name TEXT, bytes BYTEA, at TIMESTAMPTZ, list INTEGER[])`
      const name = "tab\t line\n back\\ \\N 日本"
      const rows = [[1, name, new Uint8Array([0, 255]), new Date(0), [1, null]], [2n, null, null, null, null], [3, "", null, null, []]]
      const into = Postgres.copyRowsFrom(db, { table: "t", columns: ["id", "name", "bytes", "at", "list"] })
      assert.strictEqual(yield* Stream.run(Stream.fromIterable(rows), into), 3)
      const out = yield* Stream.runCollect(Postgres.copyRowsTo(db, { query: db`SELECT id, name, bytes, list FROM t ORDER BY id` }))
      assert.deepStrictEqual(Chunk.toReadonlyArray(out), [["1", name, "\\x00ff", "{1,NULL}"], ["2", null, null, null], ["3", "", null, "{}"]])
      const reason = yield* reasonOf(Stream.run(Stream.make([4, "a\0b", null, null, null]), into))
      assert.strictEqual(reason._tag, "DataError")
      assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 3)
    })))

  it.live("the options of a format are the server's, and a COPY of one's own goes as it is", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* table(db)
      const csv = { format: "csv", header: true, delimiter: ";", null: "it's \\ none" } as const
      const text = "id;name;price\n1;\"a;b\";it's \\ none\n"
      assert.strictEqual(yield* Stream.run(Stream.make(bytes(text)), Postgres.copyFrom(db, { table: "t" }, csv)), 1)
      assert.strictEqual((yield* gathered(Postgres.copyTo(db, { table: "t" }, csv))).toString(), text)
      const own = "COPY t (id) FROM STDIN WITH (FORMAT csv)"
      assert.strictEqual(yield* Stream.run(Stream.make(bytes("2\n3\n")), Postgres.copyFrom(db, own)), 2)
      assert.strictEqual((yield* gathered(Postgres.copyTo(db, "COPY (SELECT id FROM t WHERE id > 1) TO STDOUT;"))).toString(), "2\n3\n")
      const refused = [
        Stream.run(Stream.empty, Postgres.copyFrom(db, "COPY t FROM STDIN; DROP TABLE t")),
        Stream.run(Stream.empty, Postgres.copyFrom(db, "COPY t TO STDOUT")),
        Stream.run(Stream.empty, Postgres.copyFrom(db, own, { format: "csv" })),
        Stream.run(Stream.empty, Postgres.copyFrom(db, { table: "t" }, { format: "binary", header: true })),
        Stream.run(Stream.empty, Postgres.copyFrom(db, { table: "t", columns: [] })),
        Stream.runDrain(Postgres.copyTo(db, { query: db`SELECT ${1}` })),
        Stream.runDrain(Postgres.copyTo(db, "SELECT 1"))
      ]
      const fields = yield* Effect.forEach(refused, (run) => Effect.map(reasonOf(run), (reason) => reason._tag === "ConfigError" ? reason.field : reason._tag))
      assert.deepStrictEqual(fields, ["statement", "statement", "options", "format", "columns", "query", "statement"])
      assert.strictEqual((yield* reasonOf(Stream.runDrain(Postgres.copyTo(db, { table: "none" }))))._tag, "SqlSyntaxError")
      assert.strictEqual((yield* reasonOf(Stream.run(Stream.empty, Postgres.copyFrom(db, { table: "t" }, { delimiter: "ab" }))))._tag, "UnsupportedError")
      assert.strictEqual(yield* total(db), 3)
    })))

  it.live("E4 a failure names the line and the column of the data, and shows no value", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* table(db)
      const load = (text: string) => reasonOf(Stream.run(Stream.make(bytes(text)), Postgres.copyFrom(db, { table: "t" }, { format: "csv" })))
      const value = yield* load("1,a,1\n2,b,2\nsecret,c,3\n")
      assert.deepStrictEqual([value._tag, value.sqlState, value.line, value.column, value.outcome], ["DataError", "22P02", 3, "id", "not-applied"])
      const columns = yield* load("1,a,1\n2,secret\n")
      assert.deepStrictEqual([columns._tag, columns.line], ["DataError", 2])
      const twice = yield* load("1,a,1\n1,secret,1\n")
      assert.deepStrictEqual([twice._tag, twice.line, twice.constraint, twice.column], ["UniqueViolation", 2, "t_pkey", "id"])
      for (const reason of [value, columns, twice]) assert.notInclude(inspect(reason), "secret")
      assert.strictEqual(yield* total(db), 0)
      assert.strictEqual((yield* db.pool.stats).opened, 1)
    })))

  it.live("a refusal in the middle of endless data is a failure at once, and the upstream is ended", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* table(db)
      yield* db`INSERT INTO t VALUES (5000)`
      const reason = yield* reasonOf(Effect.timeout(Stream.run(endless, Postgres.copyFrom(db, { table: "t" })), 10_000))
      assert.deepStrictEqual([reason._tag, reason.line, reason.outcome], ["UniqueViolation", 5_001, "not-applied"])
      assert.strictEqual(yield* total(db), 1)
    })))

  it.live("an upstream that fails, or an interruption, leaves nothing, and the same connection serves the next", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* table(db)
      const into = Postgres.copyFrom(db, { table: "t" })
      assert.deepStrictEqual(yield* Effect.exit(Stream.run(Stream.concat(Stream.take(endless, 20), Stream.fail("upstream")), into)), Exit.fail("upstream"))
      assert.strictEqual(yield* total(db), 0)
      for (const pause of [1, 5, 20, 60]) {
        const fiber = yield* Effect.fork(Stream.run(endless, into))
        yield* Effect.sleep(pause)
        assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
        assert.strictEqual(yield* total(db), 0)
      }
      // The upstream says nothing: it is not the server that is waited for.
      const silent = yield* Effect.fork(Stream.run(Stream.concat(Stream.take(endless, 1), Stream.never), into))
      yield* Effect.sleep(30)
      yield* Fiber.interrupt(silent)
      assert.strictEqual(yield* total(db), 0)
      yield* quiet(db)
      assert.strictEqual(yield* running(db), 0)
      assert.deepStrictEqual([(yield* db.pool.stats).opened, (yield* db.pool.stats).closed], [1, 0])
    })))

  it.live("S5 a copy into a locked table is stopped on the server, too", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* table(db)
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        yield* session.begin()
        yield* session`LOCK TABLE t`
        const fiber = yield* Effect.fork(Stream.run(endless, Postgres.copyFrom(db, { table: "t" })))
        yield* Effect.sleep(50)
        const start = performance.now()
        yield* Fiber.interrupt(fiber)
        assert.isBelow(performance.now() - start, 200)
        yield* Effect.repeat(db<number>`SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%' AND state <> 'idle' AND pid <> pg_backend_pid()`.scalar, { until: (n) => n === 0 })
      }))
      assert.strictEqual(yield* total(db), 0)
    })))

  it.live("S1 a consumer that pauses, or ends early, makes the server wait: memory does not grow", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      const source = { query: db.unsafe("SELECT i, repeat('x', 200) FROM generate_series(1, 2000000) AS i") }
      const before = process.memoryUsage()
      let most = 0
      const size = yield* Stream.runFoldEffect(Stream.take(Postgres.copyTo(db, source), 200), 0, (sum, block) => {
        const now = process.memoryUsage()
        most = Math.max(most, now.arrayBuffers + now.external - before.arrayBuffers - before.external)
        return Effect.as(sum % 20 === 0 ? Effect.sleep(20) : Effect.void, sum + block.length)
      })
      assert.isAbove(size, 1_000_000)
      assert.isBelow(most, 60_000_000)
      yield* quiet(db)
      assert.strictEqual(yield* running(db), 0)
      assert.deepStrictEqual([(yield* db.pool.stats).opened, (yield* db.pool.stats).closed], [1, 0])
    })))

  it.live("T1 in a transaction the copies are a part of it, and an early end of a copy out leaves it whole", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* table(db)
      const load = (from: number) => Stream.run(Stream.make([from, "a", 1], [from + 1, null, null]), Postgres.copyRowsFrom(db, { table: "t" }))
      yield* Effect.ignore(db.transaction(Effect.zipRight(load(1), Effect.fail("no"))))
      assert.strictEqual(yield* total(db), 0)
      yield* db.transaction(Effect.gen(function*() {
        yield* load(1)
        const some = yield* Stream.runCount(Stream.take(Postgres.copyTo(db, { query: db`SELECT i FROM generate_series(1, 10000000) AS i` }), 2))
        assert.strictEqual(some, 2)
        assert.strictEqual(yield* Stream.runCount(Postgres.copyRowsTo(db, { table: "t" })), 2)
        yield* load(3)
      }))
      assert.strictEqual(yield* total(db), 4)
      // A failure of a copy in is one of its transaction, as any statement's.
      const reason = yield* reasonOf(db.transaction(Effect.zipRight(Effect.ignore(load(4)), db`SELECT 1`)))
      assert.strictEqual(reason._tag, "TransactionAbortedError")
      assert.strictEqual(yield* total(db), 4)
    })))

  it.live("S4 beside an open copy the other statements of its transaction fail at once, and what would feed it from there", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* table(db)
      const refused = (effect: Effect.Effect<unknown, SqlError.SqlError>) =>
        Effect.map(reasonOf(Effect.timeout(effect, 1_000)), (reason) =>
          assert.deepStrictEqual([reason._tag, reason.outcome, reason.connection], ["UnsupportedError", "not-applied", "usable"], reason.message))
      yield* db.transaction(Effect.gen(function*() {
        yield* db`INSERT INTO t (id) VALUES (1)`
        const cursor = yield* db`SELECT generate_series(10, 20) AS id`.with({ fetchSize: 2 }).cursor
        yield* cursor.fetchOne
        const rows = Stream.tap(Stream.make([2, "a", 1], [3, "b", 2]), () =>
          Effect.all([
            refused(db`SELECT 1`),
            refused(Stream.runDrain(db`SELECT 1`.stream)),
            refused(db.transaction(db`SELECT 1`)),
            refused(Stream.runDrain(Postgres.copyTo(db, { table: "t" }))),
            refused(cursor.fetchMany(5))
          ]))
        assert.strictEqual(yield* Stream.run(rows, Postgres.copyRowsFrom(db, { table: "t", columns: ["id", "name", "price"] })), 2)
        yield* Stream.runForEach(Postgres.copyTo(db, { table: "t" }), () => refused(db`SELECT 1`))
        yield* db`INSERT INTO t (id) VALUES (4)`
      }).pipe(Effect.scoped))
      assert.strictEqual(yield* total(db), 4)
    })))

  it.live("with statementSavepoints a copy in that fails leaves the transaction as it was", () =>
    on({ statementSavepoints: true }, (db) => Effect.gen(function*() {
      yield* table(db)
      const load = (from: number) => Stream.run(Stream.make([from, "a", 1], [from + 1, null, null]), Postgres.copyRowsFrom(db, { table: "t" }))
      yield* db.transaction(Effect.gen(function*() {
        yield* load(1)
        assert.strictEqual((yield* reasonOf(load(2)))._tag, "UniqueViolation")
        yield* load(3)
      }))
      assert.strictEqual(yield* total(db), 4)
    })))

  it.live("a session that is ended in the middle of a copy is a failure of it", () =>
    on({ pool: { max: 2 } }, (db) => Effect.gen(function*() {
      yield* table(db)
      const kill = db`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%' AND pid <> pg_backend_pid()`
      const fiber = yield* Effect.fork(Stream.run(endless, Postgres.copyFrom(db, { table: "t" })))
      yield* Effect.delay(kill, 100)
      const reason = yield* reasonOf(Effect.timeout(Fiber.join(fiber), 5_000))
      assert.deepStrictEqual([reason._tag, reason.connection, reason.outcome], ["ConnectionError", "broken", "not-applied"])
      const out = yield* Effect.fork(Stream.runForEach(Postgres.copyTo(db, { query: db`SELECT i FROM generate_series(1, 100000000) AS i` }), () => Effect.sleep(1)))
      yield* Effect.delay(kill, 100)
      assert.strictEqual((yield* reasonOf(Effect.timeout(Fiber.join(out), 15_000)))._tag, "ConnectionError")
      assert.strictEqual(yield* total(db), 0)
    })), 30_000)
})
