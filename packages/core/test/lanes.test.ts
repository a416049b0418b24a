/**
 * Lanes: leases that single statements share. Whose turn it is, how many there are, and what becomes of one that was left.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as EffectScope from "effect/Scope"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type * as Database from "../src/Database.js"
import { accounted, FakeServer, reasonOf } from "./fake.js"

const shared = (maxInFlight = 8) => Object.assign(new FakeServer(), { maxInFlight })

/** Lets everybody run who can. */
const settled = Effect.repeatN(Effect.yieldNow(), 50)

const begin = (db: Database.Database, sql: string) => Effect.zipLeft(Effect.fork(db.unsafe<{ id: number }>(sql)), settled)

/** A borrower who has a connection to itself until `end`. */
const transaction = (db: Database.Database) =>
  Effect.gen(function*() {
    const begun = yield* Deferred.make<void>()
    const end = yield* Deferred.make<void>()
    const fiber = yield* Effect.fork(db.transaction(Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(end))))
    yield* settled
    return { begun: Deferred.isDone(begun), end: Effect.zipRight(Deferred.succeed(end, undefined), Fiber.join(fiber)), fiber }
  })

describe("lanes", () => {
  it.scoped("statements are sent behind each other on one connection, and it goes back with the last answer", () =>
    Effect.gen(function*() {
      const server = shared()
      const db = yield* server.database({ pool: { max: 4 } }, 1)
      const fibers = yield* Effect.forEach([30, 20, 10], (n) => begin(db, `SELECT sleep ${n}`))
      const busy = yield* db.pool.stats
      assert.deepStrictEqual([busy.lent, busy.size, busy.pipelined, busy.acquired], [1, 1, 2, 3])
      assert.deepStrictEqual(server.log, ["1 SELECT sleep 30", "1 SELECT sleep 20", "1 SELECT sleep 10"])
      yield* TestClock.adjust(10)
      assert.strictEqual((yield* Fiber.join(fibers[2]!)).length, 1)
      assert.strictEqual((yield* db.pool.stats).lent, 1)
      yield* TestClock.adjust(20)
      yield* Effect.forEach(fibers, Fiber.join)
      yield* accounted(server, db.pool)
    }))

  it.scoped("a transaction, a session, a stream and a SET have a connection to themselves", () =>
    Effect.gen(function*() {
      const server = shared()
      const db = yield* server.database({ pool: { max: 8 } }, 2)
      const scope = yield* EffectScope.make()
      const tx = yield* transaction(db)
      yield* EffectScope.extend(db.session, scope)
      const rows = yield* Effect.fork(Stream.runCollect(db.unsafe("rows 3").stream))
      yield* settled
      const set = yield* begin(db, "SET x = 1")
      const fibers = yield* Effect.forEach(Array.from({ length: 8 }), () => begin(db, "SELECT sleep 5"))
      yield* TestClock.adjust(100)
      assert.strictEqual(Chunk.size(yield* Fiber.join(rows)), 3)
      yield* Effect.forEach([set, ...fibers], Fiber.join)
      assert.deepStrictEqual(server.violations, [])
      yield* tx.end
      yield* EffectScope.close(scope, Exit.void)
      yield* settled
      yield* accounted(server, db.pool)
    }))

  it.scoped("without lanes, or on a connection that takes one statement, nothing is shared", () =>
    Effect.gen(function*() {
      for (const [server, lanes] of [[shared(8), 0], [shared(1), 2]] as const) {
        const db = yield* server.database({ pool: { max: 3 } }, lanes)
        const fibers = yield* Effect.forEach([1, 2, 3], () => begin(db, "SELECT sleep 5"))
        assert.strictEqual((yield* db.pool.stats).lent, 3)
        yield* TestClock.adjust(5)
        yield* Effect.forEach(fibers, Fiber.join)
        assert.strictEqual((yield* accounted(server, db.pool)).pipelined, 0)
      }
    }))

  it.scoped("a config in which lanes cannot be is refused by its field", () =>
    Effect.gen(function*() {
      const many = yield* reasonOf(shared().database({ pool: { max: 2 } }, 3))
      assert.deepStrictEqual([many._tag, many._tag === "ConfigError" && many.field], ["ConfigError", "pool.max"])
      const always = yield* reasonOf(shared().database({ pool: { max: 3, reset: "always" } }, 3))
      assert.deepStrictEqual([always._tag, always._tag === "ConfigError" && always.field], ["ConfigError", "pool.reset"])
    }))

  it.scoped("P1 who waits for a connection comes before a statement that comes later: the lane runs dry for it", () =>
    Effect.gen(function*() {
      const server = shared()
      const db = yield* server.database({ pool: { max: 1 } }, 1)
      const first = yield* begin(db, "SELECT sleep 10")
      const second = yield* begin(db, "SELECT sleep 15")
      const tx = yield* transaction(db)
      const late = yield* begin(db, "SELECT sleep 1")
      assert.strictEqual((yield* db.pool.stats).waiting, 2)
      yield* TestClock.adjust(10)
      yield* Fiber.join(first)
      assert.isFalse(yield* tx.begun, "one is under way still")
      yield* TestClock.adjust(5)
      yield* Fiber.join(second)
      yield* settled
      assert.isTrue(yield* tx.begun)
      assert.isFalse(server.log.includes("1 SELECT sleep 1"))
      yield* tx.end
      yield* TestClock.adjust(1)
      yield* Fiber.join(late)
      yield* accounted(server, db.pool)
    }))

  it.scoped("P1, P2 a burst opens no more than it needs, and who waits is let on in order as the ones before are answered", () =>
    Effect.gen(function*() {
      const server = Object.assign(shared(4), { connectTime: 5 })
      const db = yield* Effect.zipLeft(server.database({ pool: { max: 3, lazy: true } }, 2), Effect.void)
      const warm = yield* begin(db, "SELECT sleep 0")
      yield* TestClock.adjust(5)
      yield* Fiber.join(warm)
      yield* db.pool.clear
      yield* settled
      const order: Array<number> = []
      const fibers = yield* Effect.forEach(Array.from({ length: 8 }, (_, n) => n), (n) =>
        Effect.fork(Effect.tap(db.unsafe(`SELECT sleep ${n + 1}`), () => Effect.sync(() => order.push(n)))))
      yield* settled
      assert.strictEqual((yield* db.pool.stats).connecting, 2, "two lanes of four are enough")
      yield* TestClock.adjust(5)
      yield* settled
      yield* TestClock.adjust(10)
      yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(order, [0, 1, 2, 3, 4, 5, 6, 7])
      assert.isAtMost(server.peak, 3)
      yield* accounted(server, db.pool)
    }))

  it.scoped("P3 the wait for a place on a full lane is bounded, and the error has the counts", () =>
    Effect.gen(function*() {
      const server = shared(2)
      const db = yield* server.database({ pool: { max: 1, acquireTimeout: 100 } }, 1)
      const fibers = yield* Effect.forEach([1, 2], () => begin(db, "SELECT sleep 500"))
      const third = yield* Effect.fork(reasonOf(db.unsafe("SELECT sleep 1")))
      yield* settled
      yield* TestClock.adjust(100)
      const reason = yield* Fiber.join(third)
      assert.strictEqual(reason._tag, "PoolTimeoutError")
      if (reason._tag === "PoolTimeoutError") assert.deepStrictEqual([reason.counts.lent, reason.counts.size], [1, 1])
      assert.isFalse(server.log.includes("1 SELECT sleep 1"), "it was never sent")
      yield* TestClock.adjust(400)
      yield* Effect.forEach(fibers, Fiber.join)
      yield* accounted(server, db.pool)
    }))

  it.scoped("a lane that gives no answer takes no more: the next statement goes elsewhere", () =>
    Effect.gen(function*() {
      const server = shared()
      const db = yield* server.database({ pool: { max: 2 } }, 1)
      const slow = yield* begin(db, "SELECT sleep 1000")
      yield* TestClock.adjust(30)
      const quick = yield* begin(db, "SELECT sleep 1")
      assert.deepStrictEqual(server.log, ["1 SELECT sleep 1000", "2 SELECT sleep 1"])
      yield* TestClock.adjust(1)
      yield* Fiber.join(quick)
      yield* TestClock.adjust(1_000)
      yield* Fiber.join(slow)
      yield* accounted(server, db.pool)
    }))

  it.scoped("P6 a lane that is past its lifetime, or was cleared, runs dry under load and is replaced", () =>
    Effect.gen(function*() {
      const server = shared()
      const db = yield* server.database({ pool: { max: 2, maxLifetime: 50, jitter: 0 } }, 1)
      let isOver = false
      const loops = yield* Effect.forEach([1, 2, 3], (n) =>
        Effect.fork(Effect.repeat(db.unsafe(`SELECT sleep ${3 + n}`), { until: () => isOver })))
      for (let ms = 0; ms < 120; ms++) yield* Effect.zipRight(TestClock.adjust(1), settled)
      yield* db.pool.clear
      for (let ms = 0; ms < 20; ms++) yield* Effect.zipRight(TestClock.adjust(1), settled)
      isOver = true
      for (let ms = 0; ms < 20; ms++) yield* Effect.zipRight(TestClock.adjust(1), settled)
      yield* Effect.forEach(loops, Fiber.join)
      const stats = yield* accounted(server, db.pool)
      assert.isAtLeast(stats.closed, 3)
      assert.isAtMost(server.peak, 2)
    }))

  it.scoped("S5 interrupted alone it is settled at once; with others, when they have their answers", () =>
    Effect.gen(function*() {
      const server = shared()
      const db = yield* server.database({ pool: { max: 2 } }, 1)
      const alone = yield* begin(db, "SELECT sleep 1000")
      yield* Fiber.interrupt(alone)
      yield* settled
      assert.deepStrictEqual((yield* accounted(server, db.pool)).settled, 1)
      const [victim, innocent] = yield* Effect.all([begin(db, "SELECT sleep 1000"), begin(db, "SELECT sleep 10")])
      yield* Fiber.interrupt(victim)
      yield* settled
      assert.strictEqual((yield* db.pool.stats).settled, 1, "the one behind it is not hit")
      const next = yield* begin(db, "SELECT sleep 1")
      assert.strictEqual(server.log.at(-1), "2 SELECT sleep 1", "nobody more is sent behind it")
      yield* TestClock.adjust(10)
      assert.strictEqual((yield* Fiber.join(innocent)).length, 1)
      yield* Fiber.join(next)
      yield* settled
      assert.strictEqual((yield* accounted(server, db.pool)).settled, 2)
    }))

  it.scoped("S5 one that still waits for its place is never sent", () =>
    Effect.gen(function*() {
      const server = shared(2)
      const db = yield* server.database({ pool: { max: 1 } }, 1)
      const fibers = yield* Effect.forEach([1, 2], () => begin(db, "SELECT sleep 10"))
      const unsent = yield* begin(db, "SELECT sleep 3")
      yield* Fiber.interrupt(unsent)
      yield* TestClock.adjust(10)
      yield* Effect.forEach(fibers, Fiber.join)
      assert.isFalse(server.log.includes("1 SELECT sleep 3"))
      assert.strictEqual((yield* accounted(server, db.pool)).settled, 0)
    }))

  it.scoped("S5 a statement's timeout on a lane fails that statement alone, and says where it stood", () =>
    Effect.gen(function*() {
      const server = shared()
      const db = yield* server.database({ pool: { max: 1 } }, 1)
      const other = yield* begin(db, "SELECT sleep 200")
      const timed = yield* Effect.fork(reasonOf(db.unsafe("SELECT sleep 1000").timeout(100)))
      yield* settled
      yield* TestClock.adjust(100)
      const reason = yield* Fiber.join(timed)
      assert.strictEqual(reason._tag, "StatementTimeoutError")
      assert.include(reason.message, "lane")
      yield* TestClock.adjust(100)
      assert.strictEqual((yield* Fiber.join(other)).length, 1)
      yield* settled
      yield* accounted(server, db.pool)
    }))

  it.scoped("a connection that is lost fails those on its lane, and the next statement has another", () =>
    Effect.gen(function*() {
      const server = shared()
      const db = yield* server.database({ pool: { max: 2 } }, 1)
      const waiting = yield* begin(db, "SELECT sleep 10")
      const reason = yield* reasonOf(db.unsafe("SELECT fail lost"))
      assert.strictEqual(reason._tag, "ConnectionError")
      const next = yield* begin(db, "SELECT sleep 1")
      assert.strictEqual(server.log.at(-1), "2 SELECT sleep 1")
      yield* TestClock.adjust(10)
      yield* Fiber.join(waiting)
      yield* Fiber.join(next)
      yield* settled
      const stats = yield* accounted(server, db.pool)
      assert.deepStrictEqual([stats.closed, server.connections[0]!.closes], [1, ["destroy"]])
    }))

  it.scoped("P7 closing waits for the statements on a lane, and takes no more", () =>
    Effect.gen(function*() {
      const server = shared()
      const scope = yield* EffectScope.make()
      const db = yield* EffectScope.extend(server.database({ pool: { max: 2 } }, 1), scope)
      const fibers = yield* Effect.forEach([20, 30], (n) => begin(db, `SELECT sleep ${n}`))
      const closing = yield* Effect.fork(EffectScope.close(scope, Exit.void))
      yield* settled
      assert.strictEqual((yield* reasonOf(db.unsafe("SELECT sleep 1")))._tag, "ClosedError")
      yield* TestClock.adjust(30)
      yield* Effect.forEach(fibers, Fiber.join)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(server.connections[0]!.closes, ["graceful"])
    }))

  it.scopedLive("P9 after thousands of statements, transactions and interruptions the counts add up", () =>
    Effect.gen(function*() {
      const server = shared(6)
      const db = yield* server.database({ pool: { max: 3 } }, 2)
      let seed = 7
      const random = () => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648
      yield* Effect.forEach(Array.from({ length: 3_000 }), () =>
        Effect.gen(function*() {
          const roll = random()
          const work: Effect.Effect<unknown, unknown> = roll < 0.1
            ? db.transaction(db.unsafe("SELECT yield 3"))
            : roll < 0.15 ? db.unsafe("SET x = 1") : roll < 0.17 ? db.unsafe("SELECT fail lost") : db.unsafe(`SELECT yield ${Math.floor(random() * 10)}`)
          const fiber = yield* Effect.fork(work)
          if (random() < 0.3) {
            yield* Effect.repeatN(Effect.yieldNow(), Math.floor(random() * 20))
            yield* Fiber.interrupt(fiber)
          } else yield* Fiber.await(fiber)
        }), { concurrency: 30, discard: true })
      yield* Effect.sleep(100)
      const stats = yield* accounted(server, db.pool)
      assert.isAbove(stats.pipelined, 100)
      assert.isAtMost(server.peak, 3)
    }), 30_000)
})
