/**
 * What a pool does by the clock and on the way back: lifetimes, keep-alive, validation, resets, leaks, closing.
 *
 * Over a fake server under TestClock.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type * as Pool from "../src/Pool.js"
import { accounted, type FakeConnection, FakeServer, hold, query, reasonOf, refused } from "./fake.js"

const idOf = (pool: Pool.Pool<FakeConnection>) => pool.use((connection) => Effect.succeed(connection.id))

describe("P5 a connection that idled is validated", () => {
  it.scoped("pinged after validateAfter, not before", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ validateAfter: "1 second" })
    yield* TestClock.adjust(1_000)
    yield* idOf(pool)
    assert.strictEqual(server.connections[0]!.pings, 0)
    yield* TestClock.adjust(1_001)
    yield* idOf(pool)
    assert.strictEqual(server.connections[0]!.pings, 1)
    yield* accounted(server, pool)
  }))

  it.scoped("validateAfter 0 pings every time", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ validateAfter: 0 })
    yield* TestClock.adjust(1)
    yield* idOf(pool)
    yield* TestClock.adjust(1)
    yield* idOf(pool)
    assert.strictEqual(server.connections[0]!.pings, 2)
  }))

  it.scoped("a dead one is replaced, and the borrower keeps its place", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 1 })
    yield* TestClock.adjust(2_000)
    server.connections[0]!.isDead = true
    server.connectTime = 100
    const order: Array<string> = []
    const borrow = (name: string) => Effect.fork(pool.use((connection) => Effect.sync(() => order.push(`${name} ${connection.id}`))))
    const first = yield* borrow("first")
    yield* TestClock.adjust(1)
    const second = yield* borrow("second")
    yield* TestClock.adjust(200)
    yield* Fiber.joinAll([first, second])
    assert.deepStrictEqual(order, ["first 2", "second 2"])
    yield* accounted(server, pool)
  }))

  it.scoped("a connection whose end has reached us is never lent", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ min: 2 })
    yield* TestClock.adjust(1)
    assert.strictEqual((yield* pool.stats).idle, 2)
    for (const connection of server.connections) connection.isClosed = true
    const fiber = yield* Effect.fork(idOf(pool))
    yield* TestClock.adjust(1)
    assert.strictEqual(yield* Fiber.join(fiber), 3)
    yield* accounted(server, pool)
  }))

  it.scoped("one that a statement found broken is replaced", () => Effect.gen(function*() {
    const server = new FakeServer()
    const db = yield* server.database({ pool: { max: 1 } })
    assert.strictEqual((yield* reasonOf(db`fail lost`))._tag, "ConnectionError")
    yield* TestClock.adjust(1)
    assert.deepStrictEqual(yield* db`SELECT`, [{ id: 2 }])
    assert.strictEqual((yield* reasonOf(db`fail unique`))._tag, "UniqueViolation")
    assert.deepStrictEqual(yield* db`SELECT`, [{ id: 2 }], "a refused statement leaves its connection usable")
    yield* accounted(server, db.pool)
  }))
})

describe("P6 lifetimes", () => {
  it.scoped("maxLifetime with jitter: idle ones are closed, lent ones on their return", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 2, maxLifetime: "10 minutes", jitter: 0, idleTimeout: "1 hour", keepAlive: "1 hour" })
    const held = yield* hold(pool)
    assert.strictEqual(held.connection.id, 1)
    yield* TestClock.adjust("11 minutes")
    assert.deepStrictEqual(server.connections[0]!.closes, [], "nobody's connection is taken away")
    yield* held.release
    yield* TestClock.adjust(1)
    assert.deepStrictEqual(server.connections[0]!.closes, ["graceful"])
    const fiber = yield* Effect.fork(idOf(pool))
    yield* TestClock.adjust(1)
    assert.strictEqual(yield* Fiber.join(fiber), 2)
    yield* TestClock.adjust("11 minutes")
    assert.deepStrictEqual(server.connections[1]!.closes, ["graceful"])
    yield* accounted(server, pool)
  }))

  it.scoped("jitter spreads the lifetimes, never beyond maxLifetime", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 50, min: 50, maxLifetime: 100_000, jitter: 0.5, keepAlive: "1 hour" })
    yield* TestClock.adjust(1)
    const entries = [...pool.lending.state.idle, ...pool.lending.state.lent]
    assert.strictEqual(entries.length, 50)
    const lifetimes = entries.map((entry) => entry.expiresAt - entry.createdAt)
    assert.isAtMost(Math.max(...lifetimes), 100_000)
    assert.isAtLeast(Math.min(...lifetimes), 50_000)
    assert.isAbove(new Set(lifetimes).size, 40)
  }))

  it.scoped("idleTimeout closes what idles beyond min; min stays open", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 4, min: 1, idleTimeout: "1 minute", keepAlive: "1 hour" })
    const all = yield* Effect.forEach([1, 2, 3, 4], () => Effect.fork(pool.use(() => Effect.sleep(100))))
    yield* TestClock.adjust(500)
    yield* Fiber.joinAll(all)
    assert.strictEqual((yield* pool.stats).idle, 4)
    yield* TestClock.adjust("2 minutes")
    const stats = yield* accounted(server, pool)
    assert.strictEqual(stats.size, 1)
    assert.strictEqual(stats.closed, 3)
  }))

  it.scoped("min and minIdle are restored when a connection ends", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 5, min: 1, minIdle: 2 })
    yield* TestClock.adjust(1)
    const held = [yield* hold(pool), yield* hold(pool), yield* hold(pool)]
    yield* TestClock.adjust("1 minute")
    assert.strictEqual((yield* pool.stats).idle, 2, "three are lent, two are idle again")
    for (const connection of server.open) if (held.every((other) => other.connection !== connection)) connection.isClosed = true
    yield* TestClock.adjust("1 minute")
    assert.strictEqual((yield* pool.stats).idle, 2)
    yield* Effect.forEach(held, (one) => one.release)
    yield* TestClock.adjust(1)
    yield* accounted(server, pool)
  }))

  it.scoped("P2: making a pool opens minIdle connections, and not one more", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 5, min: 1, minIdle: 2 })
    yield* TestClock.adjust("1 minute")
    assert.strictEqual((yield* accounted(server, pool)).idle, 2)
  }))

  it.scoped("keepAlive pings the idle ones, and a dead one is dropped", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 2, min: 2, keepAlive: "2 minutes", idleTimeout: "1 hour", maxLifetime: "1 hour" })
    yield* TestClock.adjust("150 seconds")
    assert.deepStrictEqual(server.connections.map((connection) => connection.pings), [1, 1])
    server.connections[0]!.isDead = true
    yield* TestClock.adjust("200 seconds")
    assert.deepStrictEqual(server.connections[0]!.closes, ["destroy"])
    assert.strictEqual((yield* accounted(server, pool)).size, 2, "min is restored")
  }))

  it.scoped("a keepAlive ping does not count as use: idleTimeout goes on", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 2, keepAlive: "30 seconds", idleTimeout: "2 minutes" })
    yield* TestClock.adjust("3 minutes")
    assert.strictEqual((yield* accounted(server, pool)).size, 0)
    assert.isAbove(server.connections[0]!.pings, 1)
  }))
})

describe("P4 a returned connection carries nothing over", () => {
  it.scoped("an open transaction is rolled back before the next borrower gets it", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 1 })
    yield* pool.use((connection) => connection.begin({}))
    const fiber = yield* Effect.fork(pool.use((connection) => Effect.succeed([connection.transaction, connection.rollbacks])))
    yield* TestClock.adjust(1)
    assert.deepStrictEqual(yield* Fiber.join(fiber), ["none", 1])
    assert.strictEqual((yield* accounted(server, pool)).rolledBack, 1)
  }))

  it.scoped("reset after a session and after a statement that leaves something behind, not after others", () => Effect.gen(function*() {
    const server = new FakeServer()
    const db = yield* server.database({ pool: { max: 1 } })
    const resets = Effect.zipRight(TestClock.adjust(1), Effect.sync(() => server.connections[0]!.resets))
    for (const text of ["SELECT 1", "INSERT INTO t VALUES (1)", "WITH x AS (SELECT 1) SELECT 1", "UPDATE t SET a = 1", "DELETE FROM t"]) {
      yield* db.unsafe(text)
    }
    assert.strictEqual(yield* resets, 0)
    yield* db`SET search_path = x`
    assert.strictEqual(yield* resets, 1)
    yield* db`SELECT lock_me(1)`
    assert.strictEqual(yield* resets, 2)
    yield* db`SELECT @a := 1`
    assert.strictEqual(yield* resets, 3)
    yield* Effect.scoped(Effect.flatMap(db.session, (session) => session`SELECT 1`))
    assert.strictEqual(yield* resets, 4)
    yield* Effect.scoped(Effect.flatMap(db.reserve, (connection) => connection.execute("SELECT 1", [], undefined)))
    assert.strictEqual(yield* resets, 5)
    yield* db.transaction(db`CREATE TEMPORARY TABLE x`).pipe(Effect.ignore)
    assert.strictEqual(yield* resets, 6)
    yield* accounted(server, db.pool)
  }))

  it.scoped("reset: always covers every use", () => Effect.gen(function*() {
    const server = new FakeServer()
    const db = yield* server.database({ pool: { max: 1, reset: "always" } })
    yield* db`SELECT 1`
    yield* TestClock.adjust(1)
    yield* db`SELECT 1`
    yield* TestClock.adjust(1)
    assert.isAtLeast(server.connections[0]!.resets, 2)
  }))

  it.scoped("a reset that fails, or takes too long, replaces the connection", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 1, cancelTimeout: "1 second" })
    server.failing.set("reset", () => new FakeFailure().error)
    yield* (yield* hold(pool)).release
    yield* TestClock.adjust(1)
    assert.deepStrictEqual(server.connections[0]!.closes, ["destroy"])
    server.resetTime = 10_000
    const second = yield* Effect.fork(hold(pool))
    yield* TestClock.adjust(1)
    yield* (yield* Fiber.join(second)).release
    yield* TestClock.adjust(1_000)
    assert.deepStrictEqual(server.connections[1]!.closes, ["destroy"])
    yield* accounted(server, pool)
  }))
})

class FakeFailure {
  readonly server = new FakeServer()
  get error() {
    return new Error("reset") as never
  }
}

describe("P7 leaks and closing", () => {
  it.scoped("a connection held longer than leakAfter is reported once, with the place that took it", () => {
    const logged: Array<string> = []
    const logger = Logger.make(({ message }) => {
      logged.push(String(message))
    })
    return Effect.gen(function*() {
      const server = new FakeServer()
      const pool = yield* server.pool({ leakAfter: "10 seconds" })
      const held = yield* hold(pool)
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(logged, [])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(logged.length, 1)
      assert.match(logged[0]!, /longer than leakAfter/)
      assert.include(logged[0]!, "at ")
      assert.strictEqual((yield* pool.stats).leaks, 1)
      yield* held.release
      yield* TestClock.adjust(1)
      assert.match(logged[1]!, /came back/)
      yield* accounted(server, pool)
    }).pipe(Effect.provide(Logger.add(logger)))
  })

  it.effect("closing waits for borrowers, and then destroys what they hold", () => Effect.gen(function*() {
    const server = new FakeServer()
    const scope = yield* Scope.make()
    const pool = yield* Scope.extend(server.pool({ max: 2, min: 2, closeTimeout: "5 seconds" }), scope)
    yield* TestClock.adjust(1)
    const borrower = yield* Effect.fork(pool.use((connection) => connection.execute(query("sleep 1000000"))))
    yield* TestClock.adjust(1)
    const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
    yield* TestClock.adjust("4 seconds")
    assert.isNull(closing.unsafePoll())
    assert.strictEqual((yield* reasonOf(pool.use(() => Effect.void)))._tag, "ClosedError")
    yield* TestClock.adjust("2 seconds")
    yield* Fiber.join(closing)
    assert.deepStrictEqual(server.connections.map((connection) => connection.closes[0]).toSorted((a, b) => a!.localeCompare(b!)), ["destroy", "graceful"])
    yield* Fiber.interrupt(borrower)
    yield* TestClock.adjust(1)
    assert.strictEqual((yield* pool.stats).size, 0)
    assert.strictEqual(server.open.length, 0)
  }))

  it.effect("closing ends as soon as the last borrower is done", () => Effect.gen(function*() {
    const server = new FakeServer()
    const scope = yield* Scope.make()
    const pool = yield* Scope.extend(server.pool({ max: 2 }), scope)
    const borrower = yield* Effect.fork(pool.use((connection) => connection.execute(query("sleep 1000"))))
    yield* TestClock.adjust(1)
    const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
    yield* TestClock.adjust(1_000)
    yield* Fiber.join(borrower)
    yield* Fiber.join(closing)
    yield* accounted(server, pool)
    assert.deepStrictEqual(server.connections.map((connection) => connection.closes), [["graceful"]])
  }))

  it.effect("closing ends with the last connecting, when that fails, too", () => Effect.gen(function*() {
    const server = new FakeServer()
    server.connectTime = 300
    server.down = refused
    const opening = yield* Effect.fork(Effect.scoped(server.pool({ acquireTimeout: 400, closeTimeout: "1 hour" })))
    yield* TestClock.adjust(5_000)
    assert.isNotNull(opening.unsafePoll())
  }))

  it.effect("those who queue are told that the pool is closed", () => Effect.gen(function*() {
    const server = new FakeServer()
    const scope = yield* Scope.make()
    const pool = yield* Scope.extend(server.pool({ max: 1 }), scope)
    const borrower = yield* Effect.fork(pool.use((connection) => connection.execute(query("sleep 1000"))))
    yield* TestClock.adjust(1)
    const queued = yield* Effect.fork(reasonOf(pool.use(() => Effect.void)))
    yield* TestClock.adjust(1)
    const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
    yield* TestClock.adjust(1)
    assert.strictEqual((yield* Fiber.join(queued))._tag, "ClosedError")
    yield* TestClock.adjust(1_000)
    yield* Fiber.join(borrower)
    yield* Fiber.join(closing)
  }))

  it.scoped("clear drops idle connections at once and lent ones on their return", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 3, min: 3 })
    yield* TestClock.adjust(1)
    const held = yield* hold(pool)
    yield* pool.clear
    yield* TestClock.adjust(1)
    assert.deepStrictEqual(held.connection.closes, [])
    assert.strictEqual(server.connections.filter((connection) => connection.closes.length > 0).length, 2)
    yield* held.release
    yield* TestClock.adjust(1)
    assert.deepStrictEqual(held.connection.closes, ["graceful"])
    yield* TestClock.adjust("1 minute")
    assert.strictEqual((yield* accounted(server, pool)).size, 3, "min is restored")
  }))

  it.scoped("a connection that was being opened when the pool was cleared is not lent", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ lazy: true, max: 2 })
    server.connectTime = 100
    const fiber = yield* Effect.fork(idOf(pool))
    yield* TestClock.adjust(50)
    yield* pool.clear
    yield* TestClock.adjust("1 second")
    assert.strictEqual(yield* Fiber.join(fiber), 2)
    yield* accounted(server, pool)
  }))

  it.scoped("a failing close is counted, and the connection is gone all the same", () => Effect.gen(function*() {
    const server = new FakeServer()
    server.closeFails = true
    const pool = yield* server.pool()
    yield* pool.clear
    yield* TestClock.adjust(1)
    const stats = yield* accounted(server, pool)
    assert.deepStrictEqual([stats.closeFailures, stats.closed], [1, 1])
  }))

  it.scoped("stats can be watched", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool()
    const fiber = yield* Effect.fork(Stream.runCollect(Stream.take(pool.watch("1 second"), 3)))
    yield* TestClock.adjust("5 seconds")
    assert.strictEqual((yield* Fiber.join(fiber)).length, 3)
  }))
})

describe("P9 no connection is lent twice", () => {
  // A generator with a seed, so that a failure can be seen again.
  const seeded = (seed: number) => () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed / 2_147_483_648
  }

  it.scopedLive("ten thousand borrowers with interruptions, failures and deaths among them", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 5, validateAfter: 0, acquireTimeout: "10 seconds" })
    const random = seeded(42)
    const borrower = Effect.suspend(() => {
      const dice = random()
      const work = pool.use((connection) => {
        if (random() < 0.01) connection.isDead = true
        return connection.execute(query(dice < 0.05 ? "fail unique" : `yield ${Math.floor(random() * 4)}`))
      })
      const scoped = Effect.scoped(Effect.flatMap(pool.get, (connection) => connection.execute(query("yield 1"))))
      const used = dice > 0.8 ? scoped : work
      const patience = Math.floor(random() * 12)
      return dice < 0.4
        ? Effect.flatMap(Effect.fork(used), (fiber) => Effect.zipRight(Effect.repeatN(Effect.yieldNow(), patience), Fiber.interrupt(fiber)))
        : Effect.exit(used)
    })
    yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.repeatN(borrower, 499), { concurrency: "unbounded", discard: true })
    yield* Effect.sleep(100)
    const stats = yield* accounted(server, pool)
    assert.isAbove(stats.acquired, 5_000)
    assert.isAtMost(server.peak, 5 + stats.closed)
  }).pipe(Effect.withRandom(Random.make("sluice"))))
})
