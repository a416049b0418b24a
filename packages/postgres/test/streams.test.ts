/**
 * Streams and bulk loads of PostgreSQL: portals beside statements, fetches that fit their rows, COPY and conflicts.
 */
import { assert, describe, it } from "@effect/vitest"
import type * as Bulk from "@sluice/core/Bulk"
import * as Database from "@sluice/core/Database"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { on, reasonOf } from "./asking.js"
import { alongside, isMissing } from "./server.js"

describe.skipIf(isMissing)("Postgres, streams and bulk", () => {
  const load = (db: Database.Database, target: Partial<Bulk.Target>, ...writes: ReadonlyArray<ReadonlyArray<ReadonlyArray<unknown>>>) =>
    db.withConnection((connection) => Effect.scoped(Effect.gen(function*() {
      const writer = yield* connection.bulk!({ table: "t", columns: ["id", "name"], onConflict: "error", ...target })
      for (const rows of writes) yield* writer.write(rows)
      return yield* writer.finish
    })))

  it.live("S1 half a million rows arrive in order, in little memory, while the consumer is slow at times", () =>
    on({}, (db) => Effect.gen(function*() {
      let sum = 0
      let count = 0
      let most = 0
      const start = process.memoryUsage().heapUsed
      yield* Stream.runForEachChunk(db<{ i: number }>`SELECT i, repeat('x', 50) AS pad, i::numeric AS n, now() AS at FROM (SELECT generate_series(1, 500000) AS i) AS s`.stream, (chunk) => {
        for (const { i } of chunk) sum += i
        const before = count
        count += chunk.length
        most = Math.max(most, process.memoryUsage().heapUsed - start)
        return Math.floor(count / 100_000) > Math.floor(before / 100_000) ? Effect.sleep(50) : Effect.void
      })
      assert.deepStrictEqual([count, sum], [500_000, 125_000_250_000])
      assert.isBelow(most, 60_000_000)
    })))

  it.live("a stream of a prepared statement whose table has changed since has the new columns; in a transaction it fails typed", () =>
    on({ pool: { max: 2 } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (a INTEGER)`
      yield* db`INSERT INTO t VALUES (1)`
      const all = Effect.map(Stream.runCollect(db`SELECT * FROM t`.stream), (rows) => [...rows])
      // Both connections have prepared it.
      const both = Effect.all([all, all], { concurrency: 2 })
      assert.deepStrictEqual(yield* both, [[{ a: 1 }], [{ a: 1 }]])
      yield* db`ALTER TABLE t ADD COLUMN b TEXT DEFAULT 'x'`
      assert.deepStrictEqual(yield* both, [[{ a: 1, b: "x" }], [{ a: 1, b: "x" }]])
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        const own = Effect.map(Stream.runCollect(session`SELECT * FROM t`.stream), (rows) => [...rows])
        yield* own
        const [name] = yield* db<{ name: string }>`SELECT current_database() AS name`.column("name")
        yield* Effect.provide(Effect.flatMap(Database.Database, (other) => other`ALTER TABLE t DROP COLUMN b`), alongside(name!))
        yield* session.begin()
        const reason = yield* reasonOf(own)
        // Begun anew it would not be the same transaction any more.
        assert.deepStrictEqual([reason._tag, reason.sqlState, reason.outcome, reason.connection], ["SerializationError", "0A000", "not-applied", "usable"])
        assert.strictEqual((yield* reasonOf(session`SELECT 1`))._tag, "TransactionAbortedError")
        yield* session.rollback
        yield* session.begin()
        assert.deepStrictEqual(yield* own, [{ a: 1 }])
        yield* session.rollback
      }))
    })))

  it.live("with statementSavepoints a stream that fails, or is interrupted, leaves its transaction and what ran beside it as they were", () =>
    on({ statementSavepoints: true }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY)`
      const failing = db<{ i: number }>`SELECT 10 / (6 - i) AS q, i FROM generate_series(1, 10) AS i`.with({ fetchSize: 2 })
      yield* db.transaction(Effect.gen(function*() {
        yield* db`INSERT INTO t VALUES (0)`
        // In the first fetch, and in a later one, with statements between the fetches.
        assert.strictEqual((yield* reasonOf(Stream.runDrain(db`SELECT nothing FROM nowhere`.stream)))._tag, "SqlSyntaxError")
        assert.strictEqual((yield* reasonOf(Stream.runDrain(db`SELECT 1 / (i - 1) FROM generate_series(1, 10) AS i`.stream)))._tag, "DataError")
        const many = db<{ i: number }>`SELECT 10 / (606 - i) AS q, i FROM generate_series(1, 1000) AS i`.with({ fetchSize: 100 })
        const reason = yield* reasonOf(Stream.runForEachChunk(many.stream, (chunk) => db`INSERT INTO t VALUES (${Chunk.unsafeHead(chunk).i})`))
        assert.strictEqual(reason._tag, "DataError")
        assert.strictEqual((yield* reasonOf(Stream.runDrain(failing.stream)))._tag, "DataError")
        for (const pause of [1, 5, 20]) {
          const fiber = yield* Effect.fork(Stream.runDrain(db`SELECT i, pg_sleep(0.001) FROM generate_series(1, 100000) AS i`.stream))
          yield* Effect.sleep(pause)
          yield* Fiber.interrupt(fiber)
          yield* db`INSERT INTO t VALUES (${-pause})`
        }
        assert.strictEqual(yield* Stream.runCount(db`SELECT * FROM generate_series(1, 2500) AS i`.stream), 2_500)
      }))
      const ids = yield* db<{ id: number }>`SELECT id FROM t ORDER BY id`.column("id")
      assert.includeMembers([...ids], [-20, -5, -1, 0, 1, 65])
      assert.isAtLeast(ids.length, 8)
    })))

  it.live("V2 in a transaction the failure of a bulk write comes out of it, of the next one or of finish, and nothing is applied", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)`
      for (const at of [0, 1, 2]) {
        const writes = [0, 1, 2].map((n) => [[10 * n, "a"], [at === n ? 10 * n : 10 * n + 1, "b"]])
        const reason = yield* reasonOf(db.transaction(load(db, {}, ...writes)))
        assert.deepStrictEqual([reason._tag, reason.line, reason.outcome], ["UniqueViolation", 2, "not-applied"])
        assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 0)
      }
      assert.deepStrictEqual(yield* db.transaction(load(db, {}, [[1, "a"]], [], [[2, "b"], [3, "c"]])), { rows: 3, rejected: 0 })
      // Not asked for its end, it is part of the transaction all the same.
      const left = db.transaction(db.withConnection((connection) => Effect.scoped(Effect.flatMap(connection.bulk!({ table: "t", columns: ["id", "name"], onConflict: "error" }), (writer) => writer.write([[1, "again"]])))))
      assert.strictEqual((yield* reasonOf(left))._tag, "TransactionAbortedError")
      assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 3)
    })))

  it.live("S1 a fetch of wide rows is a small one", () =>
    on({}, (db) => Effect.gen(function*() {
      const chunks = yield* Stream.runCollect(Stream.chunks(db`SELECT repeat('x', 100000) AS pad FROM generate_series(1, 200)`.stream))
      const sizes = Chunk.toReadonlyArray(chunks).map((chunk) => chunk.length)
      assert.strictEqual(sizes.reduce((a, b) => a + b, 0), 200)
      assert.isAtMost(Math.max(...sizes.slice(1)), 5)
    })))

  it.live("S1 a stream outside of a transaction sees one snapshot, and leaves no transaction behind", () =>
    on({ pool: { max: 2 } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t AS SELECT generate_series(1, 5000) AS id`
      yield* Effect.scoped(Effect.gen(function*() {
        const cursor = yield* db<{ id: number }>`SELECT id FROM t ORDER BY id`.with({ fetchSize: 10 }).cursor
        assert.strictEqual((yield* cursor.fetchMany(5)).length, 5)
        yield* db`DELETE FROM t`
        assert.strictEqual((yield* cursor.fetchAll).length, 4_995)
      }))
      assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'`.scalar, 0)
    })))

  it.live("a stream of a statement that writes has written when it is over, and an early end keeps it", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY)`
      yield* db`CREATE SEQUENCE numbers`
      const insert = (from: number) => db<{ id: number }>`INSERT INTO t SELECT generate_series(${from}::int, ${from}::int + 99) RETURNING id`.with({ fetchSize: 10 }).stream
      assert.strictEqual(yield* Stream.runCount(insert(1)), 100)
      assert.strictEqual(yield* Stream.runCount(Stream.take(insert(101), 5)), 5)
      assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 200)
      // What a SELECT calls may write, streamed or not.
      assert.strictEqual(yield* Stream.runCount(db`SELECT nextval('numbers')`.stream), 1)
      assert.strictEqual(yield* Stream.runCount(db`UPDATE t SET id = id + 1000`.stream), 0)
      yield* Stream.runDrain(db`VACUUM t`.stream)
      // What is deferred to the end fails the stream.
      yield* db`CREATE TABLE c (id INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)`
      const seen: Array<unknown> = []
      const reason = yield* reasonOf(Stream.runForEach(db`INSERT INTO c VALUES (1) RETURNING id`.stream, (row) => Effect.sync(() => seen.push(row))))
      assert.deepStrictEqual([reason._tag, reason.outcome, seen.length], ["ConstraintError", "not-applied", 1])
      assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM c`.scalar, 0)
    })))

  it.live("S4 beside a stream in a session reads answer and fail by themselves, and a write is refused", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY)`
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        const rows = session<{ i: number }>`SELECT generate_series(1, 40) AS i`.with({ fetchSize: 10 })
        const seen = yield* Stream.runCollect(rows.stream.pipe(Stream.mapEffect(({ i }) => Effect.gen(function*() {
          assert.isFalse(yield* session.inTransaction)
          if (i === 15) assert.strictEqual((yield* reasonOf(session`SELECT 1 / 0`))._tag, "DataError")
          if (i === 25) {
            const reason = yield* reasonOf(session.provide(load(db, { columns: ["id"] }, [[9]])))
            assert.strictEqual(reason._tag, "UnsupportedError")
          }
          if (i === 20) assert.strictEqual((yield* reasonOf(session`INSERT INTO t VALUES (1)`))._tag, "UnsupportedError")
          return yield* session<number>`SELECT ${i} * 2`.scalar
        }))))
        assert.strictEqual(seen.length, 40)
        yield* session`INSERT INTO t VALUES (2)`
        // BEGIN ends a stream that is open: it would be inside of the transaction.
        yield* Effect.scoped(Effect.gen(function*() {
          const cursor = yield* rows.cursor
          yield* cursor.fetchOne
          yield* session.begin()
          yield* session`INSERT INTO t VALUES (3)`
          yield* session.rollback
        }))
        assert.deepStrictEqual(yield* session`SELECT id FROM t`.values, [[2]])
      }))
      assert.strictEqual((yield* db.pool.stats).opened, 1)
    })))

  it.live("S4 in a transaction two streams, statements and a failing savepoint go side by side", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY)`
      const rows = db<{ i: number }>`SELECT generate_series(1, 60) AS i`.with({ fetchSize: 7 }).stream
      yield* db.transaction(Stream.runForEach(Stream.zip(rows, rows), ([{ i }]) => db`INSERT INTO t VALUES (${i})`))
      assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 60)
    })))

  it.live("bulk writes every row or none, counts duplicates, and ignores nothing but keys", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(40))`
      const rows = Array.from({ length: 60_000 }, (_, n) => [n, `it's\t"${n}" \\N \\ 日本\n\r`])
      assert.deepStrictEqual(yield* load(db, {}, rows), { rows: 60_000, rejected: 0 })
      assert.strictEqual(yield* db<string>`SELECT name FROM t WHERE id = 59999`.scalar, "it's\t\"59999\" \\N \\ 日本\n\r")
      yield* db`DELETE FROM t WHERE id <> 30000`
      const taken = yield* reasonOf(load(db, {}, rows))
      assert.deepStrictEqual([taken._tag, taken.table, taken.constraint, taken.outcome], ["UniqueViolation", "t", "t_pkey", "not-applied"])
      assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 1)
      for (const onConflict of ["ignore", "replace"] as const) {
        assert.strictEqual((yield* reasonOf(load(db, { onConflict }, [[2, "x".repeat(50)]])))._tag, "DataError")
      }
      assert.deepStrictEqual(yield* load(db, { onConflict: "ignore" }, [[30_000, "x"], [1, "new"]]), { rows: 1, rejected: 1 })
      assert.deepStrictEqual(yield* load(db, { onConflict: "replace" }, [[30_000, "replaced"]], [[7, null]]), { rows: 2, rejected: 0 })
      assert.deepStrictEqual(yield* db`SELECT id, name FROM t ORDER BY id`.values, [[1, "new"], [7, null], [30_000, "replaced"]])
      assert.strictEqual((yield* reasonOf(load(db, {}, [[5, "a\0b"]])))._tag, "DataError")
      assert.strictEqual((yield* reasonOf(load(db, {}, [[5]])))._tag, "DataError")
      assert.strictEqual((yield* reasonOf(load(db, { columns: ["id", "none"], onConflict: "replace" }, [[5, 1]])))._tag, "ConfigError")
      const missing = yield* reasonOf(load(db, { table: "nowhere" }, [[5, "x"]]))
      assert.deepStrictEqual([missing._tag, missing.connection], ["SqlSyntaxError", "usable"])
      // In a transaction of the user's a failing write is a failed statement.
      assert.strictEqual((yield* reasonOf(db.transaction(Effect.zipRight(db`INSERT INTO t VALUES (-1, 'gone')`, Effect.ignore(load(db, {}, [[1, "again"]]))))))._tag, "TransactionAbortedError")
      assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 3)
    })))

  it.live("bulk carries every type, whichever way it goes", () =>
    on({}, (db) => Effect.gen(function*() {
      const columns = ["id", "n", "f", "ok", "raw", "doc", "tags", "at", "u", "grid"]
      const at = new Date("2024-02-29T12:34:56.789Z")
      const rows = [
        [1, 2n ** 70n, Number.NaN, true, new Uint8Array([0, 9, 10, 92]), { a: "\\ \" \n" }, ["x,y", "\\", null], at, "0188d8e8-7b6e-7000-8000-00805f9b34fb", [[1, 2], [3, 4]]],
        [2, 0.1, -0, false, null, null, [], null, null, null]
      ]
      for (const onConflict of ["error", "ignore", "replace"] as const) {
        yield* db`DROP TABLE IF EXISTS kinds`
        yield* db`CREATE TABLE kinds (id BIGINT PRIMARY KEY, n NUMERIC, f FLOAT8, ok BOOLEAN, raw BYTEA, doc JSONB, tags TEXT[], at TIMESTAMPTZ, u UUID, grid INTEGER[][])`
        assert.deepStrictEqual(yield* load(db, { table: "kinds", columns, onConflict }, rows), { rows: 2, rejected: 0 })
        assert.deepStrictEqual(yield* db`SELECT id, n, f, ok, raw, doc, tags, extract(epoch FROM at)::text, u, grid FROM kinds ORDER BY id`.values, [
          [1, "1180591620717411303424", Number.NaN, true, new Uint8Array([0, 9, 10, 92]), "{\"a\": \"\\\\ \\\" \\n\"}", ["x,y", "\\", null], "1709210096.789000", "0188d8e8-7b6e-7000-8000-00805f9b34fb", [[1, 2], [3, 4]]],
          [2, "0.1", -0, false, null, null, [], null, null, null]
        ])
      }
    })))
})
