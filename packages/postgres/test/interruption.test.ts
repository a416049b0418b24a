/**
 * Cancelling on PostgreSQL: that a CancelRequest stops its statement, and no other.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Postgres from "@sluice/postgres/Postgres"
import * as TcpProxy from "@sluice/testkit/TcpProxy"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { interrupts, on, quiet, reasonOf, running, seeded } from "./asking.js"
import { isMissing, url } from "./server.js"

describe.skipIf(isMissing)("Postgres, interrupted", () => {
  it.live("S5 a thousand interrupts at random moments hit none of a thousand innocent statements", () =>
    on({ pool: { max: 6 } }, (db) => Effect.gen(function*() {
      const innocent = Effect.forEach(Array.from({ length: 1_000 }, (_, n) => n), (n) =>
        Effect.map(db<number>`SELECT ${n} + (SELECT COUNT(*) FROM generate_series(1, 2000) AS s (i) WHERE i < 0)`.scalar, (value) => {
          assert.strictEqual(value, n)
        }), { concurrency: 3, discard: true })
      const [, cancelled] = yield* Effect.all([innocent, interrupts(db)], { concurrency: 2 })
      assert.isAbove(cancelled, 200)
      yield* quiet(db)
      assert.strictEqual(yield* running(db), 0)
      // Settled, and not replaced.
      assert.strictEqual((yield* db.pool.stats).closed, 0)
    })), 60_000)

  it.live("S5 what was interrupted is off the server at once", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db.ping
      const fiber = yield* Effect.fork(db`SELECT pg_sleep(60)`)
      yield* Effect.repeat(running(db), { until: (n) => n === 1 })
      const start = performance.now()
      yield* Fiber.interrupt(fiber)
      const returned = performance.now() - start
      yield* Effect.repeat(running(db), { until: (n) => n === 0 })
      assert.isBelow(returned, 100)
      assert.isBelow(performance.now() - start, 1_000)
      yield* quiet(db)
      assert.strictEqual((yield* db.pool.stats).settled, 1)
    })))

  it.live("S5 of many rows no part is sent behind the one that was stopped", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)`
      const rows = Array.from({ length: 400_000 }, (_, n) => [n, "x".repeat(50)])
      let told = 0
      const onRow = (): void => {
        told++
      }
      const fiber = yield* Effect.fork(db.executeMany("INSERT INTO t (id, name) VALUES ($1, $2)", rows, { onRow }))
      yield* Effect.repeat(Effect.sleep(1), { until: () => told > 0 })
      const then = told
      yield* Fiber.interrupt(fiber)
      yield* quiet(db)
      // Some three parts were under way.
      assert.isBelow(told - then, 20_000)
      assert.strictEqual(yield* db`SELECT COUNT(*)::int FROM t`.scalar, 0)
      assert.strictEqual((yield* db.pool.stats).opened, 1)
    })))

  it.live("S5 through a proxy, which may end a socket before the server does, a cancel hits nothing that comes after it", () =>
    Effect.scoped(Effect.gen(function*() {
      const address = new URL(url ?? "postgres://127.0.0.1:1")
      const proxy = yield* TcpProxy.make({ host: address.hostname, port: Number(address.port || 5432) })
      yield* Effect.gen(function*() {
        const db = yield* Database.Database
        yield* db.ping
        const random = seeded(7)
        for (let n = 0; n < 400; n++) {
          const fiber = yield* Effect.fork(db`SELECT pg_sleep(0.004)`)
          yield* Effect.sleep(2 + random() * 3)
          yield* Fiber.interrupt(fiber)
          assert.strictEqual(yield* db<number>`SELECT ${n} FROM pg_sleep(0.01)`.scalar, n)
        }
        assert.strictEqual((yield* db.pool.stats).closed, 0)
      }).pipe(Effect.provide(Postgres.layer({ url, host: "127.0.0.1", port: proxy.port, pool: { max: 1 } })))
    })), 30_000)

  it.live("S5 in a transaction an interrupted statement fails the transaction for all of its statements", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY)`
      const reason = yield* reasonOf(db.transaction(Effect.gen(function*() {
        yield* db`INSERT INTO t VALUES (1)`
        const fiber = yield* Effect.fork(db`SELECT pg_sleep(60)`)
        yield* Effect.sleep(30)
        yield* Fiber.interrupt(fiber)
        const later = yield* reasonOf(db`INSERT INTO t VALUES (2)`)
        assert.deepStrictEqual([later._tag, later.sqlState], ["TransactionAbortedError", "25P02"])
      })))
      assert.strictEqual(reason._tag, "TransactionAbortedError")
      assert.deepStrictEqual(yield* db`SELECT id FROM t`, [])
    })))

  it.live("S5 with statementSavepoints interrupts at random moments leave the transaction as it was", () =>
    on({ statementSavepoints: true }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY)`
      const random = seeded(9)
      const kept: Array<number> = []
      yield* db.transaction(Effect.gen(function*() {
        for (let n = 0; n < 150; n++) {
          const fiber = yield* Effect.fork(db`WITH slow AS (SELECT pg_sleep(0.003)) INSERT INTO t SELECT ${n} FROM slow RETURNING id`)
          yield* Effect.sleep(random() * 25)
          const exit = yield* Fiber.interrupt(fiber)
          if (Exit.isSuccess(exit)) kept.push(n)
          else assert.isTrue(Cause.isInterruptedOnly(exit.cause))
        }
      }))
      const there = new Set(yield* db<{ id: number }>`SELECT id FROM t`.column("id"))
      for (const n of kept) assert.isTrue(there.has(n), `${n} said that it was inserted`)
      assert.isAbove(kept.length, 5)
      assert.isBelow(kept.length, 145)
    })), 30_000)

  it.live("S2 a stream that ends early takes its transaction with it, and in the user's the transaction goes on", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY)`
      const endless = db<{ i: number }>`SELECT generate_series(1, 1000000000) AS i`.with({ fetchSize: 10 }).stream
      for (let n = 0; n < 20; n++) assert.strictEqual(yield* Stream.runCount(Stream.take(endless, 15)), 15)
      yield* db.transaction(Effect.gen(function*() {
        yield* db`INSERT INTO t VALUES (1)`
        assert.strictEqual(yield* Stream.runCount(Stream.take(endless, 15)), 15)
        yield* db`INSERT INTO t VALUES (2)`
      }))
      assert.deepStrictEqual(yield* db`SELECT id FROM t ORDER BY id`.values, [[1], [2]])
      assert.strictEqual((yield* db.pool.stats).opened, 1)
    })))

  it.live("P9 a stream that is interrupted while it waits for the pool leaves the pool whole", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      for (let n = 0; n < 5; n++) {
        yield* Effect.scoped(Effect.gen(function*() {
          yield* db.session
          const fiber = yield* Effect.fork(Stream.runDrain(db`SELECT generate_series(1, 10)`.stream))
          yield* Effect.repeat(Effect.map(db.pool.stats, (stats) => stats.waiting), { until: (waiting) => waiting === 1 })
          yield* Fiber.interrupt(fiber)
        }))
      }
      assert.strictEqual(yield* Stream.runCount(db`SELECT generate_series(1, 10)`.stream), 10)
      assert.strictEqual((yield* db.pool.stats).lent, 0)
    })))

  it.live("a server that ends the session in the middle of a statement, a stream or a pause is a failure, never a hang", () =>
    on({ pool: { max: 3 } }, (db) => Effect.gen(function*() {
      const kill = (id: number) => db`SELECT pg_terminate_backend(${id})`
      const own = db<number>`SELECT pg_backend_pid()`.scalar
      const told = yield* Deferred.make<number>()
      const slow = yield* Effect.fork(db.transaction(Effect.gen(function*() {
        yield* Deferred.succeed(told, yield* own)
        yield* db`SELECT pg_sleep(60)`
      })))
      // From inside the transaction it would wait for the transaction's own connection.
      yield* Effect.delay(kill(yield* Deferred.await(told)), 50)
      const reason = yield* reasonOf(Effect.timeout(Fiber.join(slow), 5_000))
      assert.deepStrictEqual([reason._tag, reason.sqlState, reason.connection, reason.outcome], ["ConnectionError", "57P01", "broken", "not-applied"])
      const outside = Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        const id = yield* session<number>`SELECT pg_backend_pid()`.scalar
        return yield* Stream.runForEachChunk(session`SELECT generate_series(1, 1000000) AS i`.stream, () => Effect.ignore(kill(id)))
      }))
      assert.strictEqual((yield* reasonOf(Effect.timeout(outside, 5_000))).connection, "broken")
      yield* quiet(db)
      assert.strictEqual(yield* db`SELECT 1`.scalar, 1)
      // An idle one is not lent again.
      const idle = yield* own
      yield* Effect.scoped(Effect.flatMap(db.session, () => kill(idle)))
      yield* Effect.sleep(50)
      yield* Effect.all(Array.from({ length: 6 }, () => db`SELECT 1`), { concurrency: 3 })
    })))

  it.live("S5 the server keeps a statement's timeout as well, for that statement alone, and a shorter one of the session's stays", () =>
    Effect.forEach([{}, { statementSavepoints: true }, { maxPreparedStatements: 0 }, { maxPreparedStatements: 2 }, { pipeline: { lanes: 1 } }] as const, (config) =>
      on({ ...config, pool: { max: 1 } }, (db) => Effect.gen(function*() {
        const kept = "SELECT current_setting('statement_timeout') AS kept, $1::int AS n"
        const timed = (n: number, timeout: number) => db.unsafe<{ kept: string; n: number }>(kept, [n]).timeout(timeout)
        const plain = db.unsafe<{ kept: string }>(kept, [0])
        for (let round = 0; round < 2; round++) {
          assert.deepStrictEqual(yield* timed(1, 2_500), [{ kept: "4s", n: 1 }])
          assert.deepStrictEqual(yield* timed(2, 60_000), [{ kept: "61s", n: 2 }])
          assert.strictEqual((yield* plain)[0]?.kept, "0")
          // Zero rows have columns, too, and what fails leaves nothing.
          const none = yield* db.unsafe("SELECT 1 AS one WHERE false").timeout(1_000).result
          assert.deepStrictEqual([none.rows, none.columns.map(({ name }) => name)], [[], ["one"]])
          assert.strictEqual((yield* reasonOf(db`SELECT 1 / (${round} - ${round})`.timeout(1_000)))._tag, "DataError")
          assert.strictEqual((yield* plain)[0]?.kept, "0")
          yield* db.transaction(Effect.gen(function*() {
            yield* db`SET LOCAL statement_timeout = '3s'`
            assert.deepStrictEqual(yield* timed(3, 60_000), [{ kept: "3s", n: 3 }])
            assert.deepStrictEqual(yield* timed(4, 500), [{ kept: "2s", n: 4 }])
            assert.strictEqual((yield* plain)[0]?.kept, "3s")
            if ("statementSavepoints" in config) {
              assert.strictEqual((yield* reasonOf(db`SELECT 1 / (1 - ${1})`.timeout(500)))._tag, "DataError")
              assert.strictEqual((yield* plain)[0]?.kept, "3s")
            }
          }))
        }
        assert.strictEqual((yield* db.unsafe("CREATE TABLE t (a INTEGER)").timeout(1_000).run).rowsAffected, 0)
        assert.strictEqual((yield* db.unsafe("INSERT INTO t VALUES (1), (2)").timeout(1_000).run).rowsAffected, 2)
        yield* db.unsafe("VACUUM t").timeout(10_000)
      })), { discard: true }), 30_000)

  it.live("S5 a process that stands still has its statement stopped by the server, when its own time is over", () =>
    on({ pool: { max: 2 } }, (db) => Effect.gen(function*() {
      yield* db`SELECT 1`
      const fiber = yield* Effect.fork(reasonOf(db`SELECT pg_sleep(20)`.timeout(500)))
      yield* Effect.sleep(100)
      // Nothing of this process runs: no timer of ours, and no cancel.
      const until = performance.now() + 2_500
      while (performance.now() < until);
      const asked = yield* Effect.either(Fiber.join(fiber))
      assert.isTrue(Either.isRight(asked))
      const reason = Either.getOrThrow(asked)
      assert.deepStrictEqual([reason._tag, reason.isRetryable], ["StatementTimeoutError", true])
      assert.strictEqual(yield* running(db), 0)
    })))

  it.live("a user's cancel, a statement's timeout and the server's own are told apart", () =>
    on({ parameters: { statement_timeout: "300" } }, (db) => Effect.gen(function*() {
      const server = yield* reasonOf(db`SELECT pg_sleep(10)`)
      assert.deepStrictEqual([server._tag, server.sqlState, server._tag === "StatementTimeoutError" && server.timeout, server.isRetryable], ["StatementTimeoutError", "57014", "server", true])
      const own = yield* reasonOf(db`SELECT pg_sleep(10)`.timeout(50))
      assert.deepStrictEqual([own._tag, own._tag === "StatementTimeoutError" && own.timeout], ["StatementTimeoutError", "statement"])
      const fiber = yield* Effect.fork(db`SELECT pg_sleep(10)`)
      yield* Effect.repeat(running(db), { until: (n) => n === 1 })
      yield* db`SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%' AND state = 'active'`
      const operator = yield* reasonOf(Fiber.join(fiber))
      assert.deepStrictEqual([operator._tag, operator.sqlState, operator.isRetryable, operator.connection], ["CancelledError", "57014", false, "usable"])
      yield* db`CREATE TABLE t (a INTEGER)`
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        yield* session.begin()
        yield* session`LOCK TABLE t`
        const locked = yield* reasonOf(db.transaction(Effect.zipRight(db`SET LOCAL lock_timeout = 20`, db`SELECT * FROM t`)))
        assert.deepStrictEqual([locked._tag, locked.sqlState], ["LockTimeoutError", "55P03"])
      }))
    })))
})
