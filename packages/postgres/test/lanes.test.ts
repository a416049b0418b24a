/**
 * Pipelining lanes on the server: what is sent behind each other stays each its own, whoever leaves and whatever dies.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import * as Postgres from "@sluice/postgres/Postgres"
import * as TcpProxy from "@sluice/testkit/TcpProxy"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { interrupts, on, quiet, reasonOf, running, seeded } from "./asking.js"
import { asRoot, fresh, isMissing, url } from "./server.js"

const lanes = (count: number, config: Postgres.Config = {}): Postgres.Config => ({ ...config, pipeline: { lanes: count } })

const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, n) => n)

/** Ends when the fibers that were begun before have sent what they send. */
const sent = Effect.sleep(15)

/** Begins statements that all stand on one lane; where this machine stood still meanwhile, they are begun again. */
const lined = <A>(db: Database.Database, statements: ReadonlyArray<Effect.Effect<A, SqlError.SqlError>>): Effect.Effect<ReadonlyArray<Fiber.RuntimeFiber<A, SqlError.SqlError>>, SqlError.SqlError> =>
  Effect.gen(function*() {
    yield* quiet(db)
    const before = (yield* db.pool.stats).pipelined
    const fibers = yield* Effect.forEach(statements, Effect.fork)
    yield* sent
    if ((yield* db.pool.stats).pipelined === before + statements.length - 1) return fibers
    yield* Effect.forEach(fibers, Fiber.join)
    return yield* lined(db, statements)
  })

const table = (db: Database.Database) => db`CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE)`

const insert = (db: Database.Database, id: number) => db`INSERT INTO t (id) VALUES (${id})`

const ids = (db: Database.Database) => db<{ id: number }>`SELECT id FROM t ORDER BY id`.column("id")

describe.skipIf(isMissing)("lanes", () => {
  it.live("statements at once are answered on the lane's connection, each with its own rows", () =>
    on(lanes(1), (db) => Effect.gen(function*() {
      yield* db`SELECT 1`
      const answers = yield* Effect.forEach(numbers(60), (n) =>
        db<{ pid: number; n: number }>`SELECT pg_backend_pid() AS pid, ${n} AS n`, { concurrency: "unbounded" })
      assert.deepStrictEqual(answers.map(([row]) => row?.n), [...numbers(60)])
      assert.strictEqual(new Set(answers.map(([row]) => row?.pid)).size, 1)
      const stats = yield* db.pool.stats
      assert.strictEqual(stats.opened, 1)
      assert.isAbove(stats.pipelined, 30)
      yield* quiet(db)
    })))

  it.live("texts, shapes and kinds of parameters that meet for the first time are prepared once and read as their own", () =>
    on(lanes(1, { maxPreparedStatements: 5 }), (db) => Effect.gen(function*() {
      yield* db`SELECT 1`
      for (let round = 0; round < 3; round++) {
        const answers = yield* Effect.forEach(numbers(60), (n) => {
          const kind = n % 4
          return kind === 0 ? db.unsafe(`SELECT ${n % 20} AS a, $1::int AS b`, [n])
            : kind === 1 ? db`SELECT ${n} AS n WHERE false`.result
            : kind === 2 ? db`SELECT ${`text ${n}`} AS t, ${n % 3 === 0 ? null : n} AS m`
            : db`SELECT ${n + 0.5} AS f`.scalar
        }, { concurrency: "unbounded" })
        for (const [n, answer] of answers.entries()) {
          const kind = n % 4
          if (kind === 0) assert.deepStrictEqual(answer, [{ a: n % 20, b: n }])
          else if (kind === 2) assert.deepStrictEqual(answer, [{ t: `text ${n}`, m: n % 3 === 0 ? null : n }])
          else if (kind === 3) assert.strictEqual(answer, `${n + 0.5}`)
          else assert.deepStrictEqual((answer as { columns: ReadonlyArray<{ name: string }> }).columns.map(({ name }) => name), ["n"])
        }
      }
      assert.isAtMost(yield* db<number>`SELECT COUNT(*) FROM pg_prepared_statements`.scalar, 6)
    })))

  it.live("an error in the middle is one statement's, and those behind it are run", () =>
    on(lanes(1), (db) => Effect.gen(function*() {
      yield* table(db)
      yield* insert(db, 3)
      const exits = yield* Effect.forEach(numbers(8), (n) =>
        Effect.either<unknown, SqlError.SqlError, never>(n === 5 ? db`SELEC 1` : n === 6 ? db`SELECT ${"x"}::int` : insert(db, n)), { concurrency: "unbounded" })
      assert.deepStrictEqual(
        exits.map((exit) => Either.isLeft(exit) ? exit.left.reason._tag : "done"),
        ["done", "done", "done", "UniqueViolation", "done", "SqlSyntaxError", "DataError", "done"]
      )
      assert.deepStrictEqual(yield* ids(db), [0, 1, 2, 3, 4, 7])
      // The same text that cannot be parsed, many times at once.
      const wrong = yield* Effect.forEach(numbers(20), () => reasonOf(db`SELECT nothing FROM nowhere`), { concurrency: "unbounded" })
      assert.deepStrictEqual([...new Set(wrong.map((reason) => `${reason._tag} ${reason.sqlState}`))], ["SqlSyntaxError 42P01"])
    })))

  it.live("a plan that went stale under statements in flight is prepared anew, and no one fails", () =>
    on(lanes(1), (db) => Effect.gen(function*() {
      yield* table(db)
      yield* insert(db, 1)
      for (let round = 0; round < 5; round++) {
        const read = Effect.forEach(numbers(50), () => db`SELECT * FROM t`, { concurrency: "unbounded" })
        yield* read
        yield* db.transaction(db.unsafe(`ALTER TABLE t ADD COLUMN c${round} INTEGER`))
        for (const rows of yield* read) assert.strictEqual(Object.keys(rows[0] ?? {}).length, 3 + round)
      }
    })))

  it.live("S5 interrupted alone on its lane, a statement is off the server at once", () =>
    on(lanes(2), (db) => Effect.gen(function*() {
      yield* db`SELECT 1`
      const fiber = yield* Effect.fork(db`SELECT pg_sleep(60)`)
      // Asked on a connection of its own: on the lane it would wait for the end of what it asks for.
      const asked = db.transaction(running(db))
      yield* Effect.repeat(asked, { until: (n) => n === 1 })
      const start = performance.now()
      yield* Fiber.interrupt(fiber)
      assert.isBelow(performance.now() - start, 100)
      yield* Effect.repeat(asked, { until: (n) => n === 0 })
      assert.isBelow(performance.now() - start, 1_000)
      yield* quiet(db)
      assert.strictEqual((yield* db.pool.stats).settled, 1)
    })))

  it.live("S5 interrupted at the head, in the middle and at the end of a lane, a statement runs on and nobody else is hit", () =>
    on(lanes(1), (db) => Effect.gen(function*() {
      yield* table(db)
      for (const [round, victim] of [0, 2, 4].entries()) {
        const fibers = yield* lined(db, numbers(5).map((n) =>
          db<{ id: number }>`WITH slow AS (SELECT pg_sleep(0.1)) INSERT INTO t SELECT ${10 * round + n} FROM slow ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING id`))
        const start = performance.now()
        const exit = yield* Fiber.interrupt(fibers[victim]!)
        assert.isBelow(performance.now() - start, 60, "who interrupts does not wait")
        assert.isTrue(Exit.isInterrupted(exit))
        for (const [n, fiber] of fibers.entries()) if (n !== victim) assert.deepStrictEqual(yield* Fiber.join(fiber), [{ id: 10 * round + n }])
        yield* quiet(db)
      }
      // Only the last one had nobody behind it when its turn came; it was stopped, or had been run.
      const there = yield* ids(db)
      for (const id of [0, 12]) assert.include(there, id, "its result was discarded, and nothing undone")
      assert.strictEqual(yield* running(db), 0)
      assert.strictEqual(db.dialect.capabilities.cancel, "detached")
    })))

  it.live("S5 interrupted before it was sent, a statement is never run", () =>
    on(lanes(1, { pool: { max: 1 } }), (db) => Effect.gen(function*() {
      yield* table(db)
      const lane = yield* lined<unknown>(db, [db`SELECT pg_sleep(0.4)`, ...numbers(63).map((n) => db`INSERT INTO t (id) VALUES (${n}) ON CONFLICT DO NOTHING`)])
      const unsent = yield* Effect.forEach([100, 101, 102], (n) => Effect.fork(insert(db, n)))
      yield* sent
      assert.strictEqual((yield* db.pool.stats).waiting, 3)
      yield* Fiber.interrupt(unsent[1]!)
      yield* Effect.forEach([...lane, unsent[0]!, unsent[2]!], (fiber) => Fiber.join<unknown, SqlError.SqlError>(fiber))
      assert.deepStrictEqual(yield* ids(db), [...numbers(63), 100, 102])
      assert.strictEqual((yield* db.pool.stats).settled, 0)
    })))

  it.live("S5 a thousand interrupts at random moments, beside a thousand innocent statements on the same lanes: none of those is hit", () =>
    on(lanes(2, { pool: { max: 4 } }), (db) => Effect.gen(function*() {
      yield* table(db)
      const innocent = Effect.forEach(numbers(1_000), (n) =>
        Effect.gen(function*() {
          if (n % 4 === 0) yield* insert(db, n)
          assert.strictEqual(yield* db<number>`SELECT ${n} FROM pg_sleep(${n % 7 === 0 ? 0.003 : 0})`.scalar, n)
        }), { concurrency: 6, discard: true })
      const [, cancelled] = yield* Effect.all([innocent, interrupts(db)], { concurrency: 2 })
      assert.isAbove(cancelled, 200)
      yield* quiet(db)
      assert.strictEqual(yield* running(db), 0)
      assert.strictEqual((yield* ids(db)).length, 250)
      const stats = yield* db.pool.stats
      assert.deepStrictEqual([stats.closed, stats.lent, stats.waiting], [0, 0, 0])
      assert.isAbove(stats.pipelined, 100)
    })), 60_000)

  it.live("P2, P4 what needs a session for itself has one, and never more than max connections", () =>
    on(lanes(2, { pool: { max: 3 } }), (db) => Effect.gen(function*() {
      yield* table(db)
      const own = db<number>`SELECT pg_backend_pid()`.scalar
      const setting = db<string>`SELECT current_setting('lock_timeout')`.scalar
      let most = 0
      const work = Effect.forEach(numbers(300), (n) => Effect.gen(function*() {
        most = Math.max(most, (yield* db.pool.stats).size)
        switch (n % 6) {
          case 0:
            return yield* db.transaction(Effect.gen(function*() {
              const id = yield* own
              yield* insert(db, n)
              yield* db`SET LOCAL lock_timeout = 77`
              assert.deepStrictEqual([yield* own, yield* setting], [id, "77ms"])
              if (n % 12 === 0) return yield* Effect.ignore(db.transaction(Effect.zipRight(insert(db, n + 1_000), Effect.fail("undone"))))
            }))
          case 1:
            return yield* db.unsafe("SET lock_timeout = 99")
          case 2:
            return yield* Effect.scoped(Effect.flatMap(db.session, (session) => session`SET lock_timeout = 55`))
          default:
            // Were it on a connection of the others, it would be rolled back with them, or see their setting.
            yield* insert(db, n)
            assert.strictEqual(yield* setting, "0")
        }
      }), { concurrency: 20, discard: true })
      yield* work
      assert.isAtMost(most, 3)
      assert.strictEqual((yield* ids(db)).length, 200)
      yield* quiet(db)
      const stats = yield* db.pool.stats
      assert.isAtLeast(stats.resets, 100)
      assert.isAbove(stats.pipelined, 0)
    })), 30_000)

  it.live("E2 a session that the server ends under statements in flight: what each is told of its outcome is so", () =>
    on(lanes(1, { pool: { max: 2 } }), (db) => Effect.gen(function*() {
      yield* table(db)
      const random = seeded(11)
      const told = { done: 0, undone: 0, unknown: 0 }
      for (let round = 0; round < 30; round++) {
        const pid = yield* db<number>`SELECT pg_backend_pid()`.scalar
        const work = numbers(20).map((n) => {
          const id = round * 100 + n
          return Effect.map(Effect.either(n % 5 === 2 ? db`INSERT INTO t SELECT ${id} FROM pg_sleep(0.004)` : insert(db, id)), (answer) => ({ id, answer }))
        })
        const fiber = yield* Effect.fork(Effect.all(work, { concurrency: "unbounded" }))
        yield* Effect.sleep(random() * 16)
        yield* asRoot((root) => root`SELECT pg_terminate_backend(${pid})`)
        const there = new Set(yield* Effect.zipLeft(Effect.flatMap(Fiber.join(fiber), (answers) =>
          Effect.map(Effect.retry(ids(db), { times: 3 }), (found) => {
            for (const { answer, id } of answers) {
              if (Either.isRight(answer)) {
                told.done++
                assert.isTrue(found.includes(id), `${id} said that it was inserted`)
              } else if (answer.left.outcome === "not-applied") {
                told.undone++
                assert.isFalse(found.includes(id), `${id} said that it was not: ${answer.left.message}`)
              } else {
                told.unknown++
                assert.strictEqual(answer.left.connection, "broken")
              }
            }
            return found
          })), quiet(db)))
        assert.isAtMost(there.size, (round + 1) * 20)
      }
      assert.isAbove(told.done, 0)
      assert.isAbove(told.undone, 0)
      // The server answers in order: of those in flight only the one that ran can be in doubt.
      assert.isAtMost(told.unknown, 30)
    })), 60_000)

  it.live("E2 a connection that is cut under statements in flight: what was sent and not answered is unknown, and reads are not applied", () =>
    Effect.scoped(Effect.gen(function*() {
      const address = new URL(url ?? "postgres://127.0.0.1:1")
      const proxy = yield* TcpProxy.make({ host: address.hostname, port: Number(address.port || 5432) })
      yield* on(lanes(1, { host: "127.0.0.1", port: proxy.port, pool: { max: 2 } }), (db) => Effect.gen(function*() {
        yield* table(db)
        yield* quiet(db)
        const work = numbers(10).map((n) =>
          Effect.either<unknown, SqlError.SqlError, never>(n % 2 === 0 ? db`SELECT pg_sleep(0.2)` : insert(db, n)))
        const fiber = yield* Effect.fork(Effect.all(work, { concurrency: "unbounded" }))
        yield* Effect.sleep(50)
        yield* proxy.reset
        for (const [n, answer] of (yield* Fiber.join(fiber)).entries()) {
          const { outcome, reason } = Either.getOrThrowWith(Either.flip(answer), () => new Error("was answered"))
          assert.deepStrictEqual([reason._tag, outcome], ["ConnectionError", n % 2 === 0 ? "not-applied" : "unknown"])
        }
        assert.strictEqual(yield* db`SELECT 1`.scalar, 1)
      }))
    })))

  it.live("P7 closing waits for what is in flight, and then nothing of it is left on the server", () =>
    Effect.scoped(Effect.gen(function*() {
      const inner = yield* Scope.make()
      const db = Context.get(yield* Layer.buildWithScope(fresh(lanes(2, { pool: { max: 2 } })), inner), Database.Database)
      const fibers = yield* Effect.forEach(numbers(20), (n) => Effect.fork(db<number>`SELECT ${n} FROM pg_sleep(0.01)`.scalar))
      yield* sent
      const closing = yield* Effect.fork(Scope.close(inner, Exit.void))
      yield* sent
      assert.strictEqual((yield* reasonOf(db`SELECT 1`))._tag, "ClosedError")
      for (const [n, fiber] of fibers.entries()) assert.strictEqual(yield* Fiber.join(fiber), n)
      yield* Fiber.join(closing)
    })))

  it.live("a config in which there can be no lanes is refused by its field", () =>
    Effect.gen(function*() {
      const field = (config: Postgres.Config) =>
        Effect.map(reasonOf(Effect.scoped(Layer.build(Postgres.layer({ url, ...config })))), (reason) => reason._tag === "ConfigError" ? reason.field : reason._tag)
      assert.deepStrictEqual(yield* Effect.all([
        field(lanes(0)),
        field(lanes(1.5)),
        field(lanes(3, { pool: { max: 2 } })),
        field(lanes(1, { pool: { reset: "always" } })),
        field(lanes(1, { pooler: "transaction" }))
      ]), ["pipeline.lanes", "pipeline.lanes", "pool.max", "pool.reset", "pipeline"])
    }))
})
