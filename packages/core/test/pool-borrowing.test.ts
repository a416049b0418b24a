/**
 * Borrowing from a pool: order, bounds, deadlines, failures to connect, and interruption in every phase.
 *
 * Over a fake server under TestClock, since connects that hang and are refused are what no embedded server does.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Random from "effect/Random"
import * as TestClock from "effect/TestClock"
import { accounted, FakeServer, hold, query, reasonOf, refused, wrongPassword } from "./fake.js"

const settled = TestClock.adjust(0)

describe("P1 first come, first served", () => {
  it.scoped("queued borrowers are served in their order", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 1 })
    const held = yield* hold(pool)
    const { waited } = yield* pool.stats
    const order: Array<number> = []
    const fibers = yield* Effect.forEach([1, 2, 3, 4], (n) => Effect.tap(
      Effect.fork(pool.use((connection) => Effect.zipRight(Effect.sync(() => order.push(n)), connection.execute(query("sleep 10"))))),
      () => Effect.yieldNow()
    ))
    yield* held.release
    yield* TestClock.adjust(100)
    yield* Fiber.joinAll(fibers)
    assert.deepStrictEqual(order, [1, 2, 3, 4])
    assert.strictEqual((yield* accounted(server, pool)).waited - waited, 4)
  }))

  it.scoped("a newcomer does not pass a borrower that was woken and has not run yet", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 1 })
    const entry = pool.lending.take()!
    const order: Array<string> = []
    const first = yield* Effect.fork(pool.use(() => Effect.sync(() => order.push("queued"))))
    yield* settled
    // Handed back and asked for again before the woken one has run.
    yield* Effect.sync(() => pool.lending.release(entry))
    assert.isUndefined(pool.lending.take())
    yield* pool.use(() => Effect.sync(() => order.push("newcomer")))
    yield* Fiber.join(first)
    assert.deepStrictEqual(order, ["queued", "newcomer"])
    yield* accounted(server, pool)
  }))
})

describe("P2 size <= max, and no connection without demand", () => {
  it.scoped("a hundred borrowers share max connections", () => Effect.gen(function*() {
    const server = new FakeServer()
    server.connectTime = 50
    const pool = yield* Effect.fork(server.pool({ max: 4 })).pipe(Effect.tap(() => TestClock.adjust(50)), Effect.flatMap(Fiber.join))
    const all = yield* Effect.fork(Effect.forEach(
      Array.from({ length: 100 }, (_, n) => n),
      () => pool.use((connection) => connection.execute(query("sleep 10"))),
      { concurrency: "unbounded", discard: true }
    ))
    yield* TestClock.adjust("10 seconds")
    yield* Fiber.join(all)
    assert.strictEqual(server.peak, 4)
    yield* accounted(server, pool)
  }))

  it.scoped("one borrower after the other opens no second connection", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 10 })
    yield* Effect.repeatN(pool.use((connection) => connection.execute(query("SELECT"))), 50)
    assert.strictEqual(server.attempts, 1)
  }))

  it.scoped("lazy opens nothing, min opens that many in parallel", () => Effect.gen(function*() {
    const lazy = new FakeServer()
    yield* lazy.pool({ lazy: true })
    assert.strictEqual(lazy.attempts, 0)
    const server = new FakeServer()
    server.connectTime = 100
    const making = yield* Effect.fork(Effect.scoped(Effect.flatMap(server.pool({ min: 3, max: 5 }), () => TestClock.sleeps())))
    yield* settled
    assert.strictEqual(server.attempts, 3)
    yield* TestClock.adjust(100)
    yield* Fiber.join(making)
  }))
})

describe("P3 acquiring is bounded by one acquireTimeout", () => {
  it.scoped("a queued borrower fails with the pool's counts", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 2, acquireTimeout: "3 seconds" })
    const one = yield* hold(pool)
    const two = yield* hold(pool)
    const fiber = yield* Effect.fork(reasonOf(pool.use(() => Effect.void)))
    yield* TestClock.adjust("2999 millis")
    assert.isNull(fiber.unsafePoll())
    yield* TestClock.adjust("1 millis")
    const reason = yield* Fiber.join(fiber)
    assert.strictEqual(reason._tag, "PoolTimeoutError")
    if (reason._tag !== "PoolTimeoutError") return
    assert.deepStrictEqual([reason.counts.lent, reason.counts.size, reason.counts.idle], [2, 2, 0])
    assert.match(reason.message, /3000 ms.*max 2.*lent 2/)
    assert.isTrue(reason.isRetryable)
    assert.strictEqual(reason.outcome, "not-applied")
    yield* one.release
    yield* two.release
    yield* settled
    assert.strictEqual((yield* accounted(server, pool)).timeouts, 1)
  }))

  it.scoped("each borrower has its own deadline", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 1, acquireTimeout: 1_000 })
    const held = yield* hold(pool)
    const early = yield* Effect.fork(Effect.exit(pool.use(() => Effect.void)))
    yield* TestClock.adjust(600)
    const late = yield* Effect.fork(Effect.exit(pool.use(() => Effect.void)))
    yield* TestClock.adjust(400)
    assert.isTrue(Exit.isFailure(yield* Fiber.join(early)))
    assert.isNull(late.unsafePoll())
    yield* held.release
    yield* settled
    assert.isTrue(Exit.isSuccess(yield* Fiber.join(late)))
    yield* accounted(server, pool)
  }))

  it.scoped("a connect that hangs counts, and the error names the last connect failure", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ lazy: true, acquireTimeout: "1 second" })
    server.down = refused
    const fiber = yield* Effect.fork(reasonOf(pool.use(() => Effect.void)))
    yield* TestClock.adjust("2 seconds")
    const reason = yield* Fiber.join(fiber)
    assert.strictEqual(reason._tag, "PoolTimeoutError")
    if (reason._tag === "PoolTimeoutError") assert.include(reason.lastConnectFailure, "ECONNREFUSED")
    assert.include(reason.message, "ECONNREFUSED")
    assert.isAbove((yield* pool.stats).connectFailures, 1)
  }))

  it.scoped("queue, connecting and validating share one deadline", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 1, acquireTimeout: 1_000, validateAfter: 0 })
    yield* TestClock.adjust(10)
    // The idle connection's ping hangs, and so does the connect of its replacement.
    server.pingTime = 700
    server.connectTime = 10_000
    const fiber = yield* Effect.fork(Effect.exit(pool.use(() => Effect.void)))
    yield* settled
    for (const connection of server.open) connection.isDead = true
    yield* TestClock.adjust(1_001)
    assert.isTrue(Exit.isFailure(yield* Fiber.join(fiber)))
    server.connectTime = 0
    yield* TestClock.adjust(20_000)
  }))

  it.scoped("making the pool fails with what connecting failed with", () => Effect.gen(function*() {
    const server = new FakeServer()
    server.down = wrongPassword
    assert.strictEqual((yield* reasonOf(server.pool()))._tag, "AuthenticationError")
    server.down = refused
    const fiber = yield* Effect.fork(reasonOf(Effect.scoped(server.pool({ acquireTimeout: "1 second" }))))
    yield* TestClock.adjust("2 seconds")
    assert.strictEqual((yield* Fiber.join(fiber))._tag, "ConnectionError")
  }))
})

describe("P8 connect failures back off once for all waiters", () => {
  const attemptsOf = (borrowers: number) => Effect.scoped(Effect.gen(function*() {
    const server = new FakeServer()
    server.down = refused
    const pool = yield* server.pool({ lazy: true, max: 1, acquireTimeout: 10_000 })
    const fibers = yield* Effect.forEach(Array.from({ length: borrowers }), () => Effect.fork(Effect.exit(pool.use(() => Effect.void))))
    yield* TestClock.adjust(10_001)
    const exits = yield* Fiber.join(Fiber.all(fibers))
    assert.isTrue(exits.every(Exit.isFailure))
    return server.attempts
  }))

  it.effect("twenty borrowers cause no more connects than one", () => Effect.gen(function*() {
    const one = yield* attemptsOf(1)
    const twenty = yield* attemptsOf(20)
    assert.strictEqual(twenty, one)
    // Half of 10, 20, 40 … 1,000 ms, and 500 ms from then on.
    assert.isBelow(one, 40)
    assert.isAbove(one, 10)
  }).pipe(Effect.withRandom(Random.fixed([0.5]))))

  it.scoped("a failure that a second attempt cannot mend is told to every waiter at once", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ lazy: true, max: 2 })
    server.down = wrongPassword
    server.connectTime = 10
    const fibers = yield* Effect.forEach([1, 2, 3, 4], () => Effect.fork(reasonOf(pool.use(() => Effect.void))))
    yield* TestClock.adjust(10)
    const reasons = yield* Fiber.join(Fiber.all(fibers))
    assert.deepStrictEqual(reasons.map((reason) => reason._tag), Array.from({ length: 4 }, () => "AuthenticationError"))
    // The server is mended: the pool is, too.
    server.down = undefined
    const after = yield* Effect.fork(pool.use((connection) => connection.execute(query("SELECT"))))
    yield* TestClock.adjust(5_000)
    yield* Fiber.join(after)
    yield* accounted(server, pool)
  }))

  it.scoped("a server that comes back serves those who wait", () => Effect.gen(function*() {
    const server = new FakeServer()
    server.refusals.push(refused, refused, refused)
    const pool = yield* server.pool({ lazy: true, max: 1 })
    const fiber = yield* Effect.fork(pool.use((connection) => Effect.succeed(connection.id)))
    yield* TestClock.adjust("5 seconds")
    assert.strictEqual(yield* Fiber.join(fiber), 1)
    const stats = yield* accounted(server, pool)
    assert.deepStrictEqual([stats.connectFailures, stats.opened], [3, 1])
  }))
})

describe("P9 counts add up after an interruption", () => {
  const after = (server: FakeServer, pool: Effect.Effect.Success<ReturnType<FakeServer["pool"]>>) => Effect.gen(function*() {
    yield* TestClock.adjust("1 minute")
    assert.isNumber(yield* Effect.map(pool.use((connection) => connection.execute(query("SELECT"))), (result) => result.rowsAffected))
    return yield* accounted(server, pool)
  })

  it.scoped("while queued", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 1 })
    const held = yield* hold(pool)
    const fiber = yield* Effect.fork(pool.use(() => Effect.void))
    yield* settled
    assert.strictEqual((yield* pool.stats).waiting, 1)
    yield* Fiber.interrupt(fiber)
    assert.strictEqual((yield* pool.stats).waiting, 0)
    yield* held.release
    yield* after(server, pool)
  }))

  it.scoped("while connecting: the connection serves the next borrower", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ lazy: true })
    server.connectTime = 100
    const fiber = yield* Effect.fork(pool.use(() => Effect.void))
    yield* TestClock.adjust(50)
    assert.strictEqual((yield* pool.stats).connecting, 1)
    yield* Fiber.interrupt(fiber)
    yield* after(server, pool)
    assert.strictEqual(server.attempts, 1)
  }))

  it.scoped("while validating", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ validateAfter: 0 })
    server.pingTime = 100
    yield* TestClock.adjust(10)
    const fiber = yield* Effect.fork(pool.use(() => Effect.void))
    yield* TestClock.adjust(50)
    yield* Fiber.interrupt(fiber)
    server.pingTime = 0
    yield* after(server, pool)
  }))

  it.scoped("while running: it is settled before it is lent again", () => Effect.gen(function*() {
    const server = new FakeServer()
    server.settleTime = 200
    const pool = yield* server.pool({ max: 1 })
    const fiber = yield* Effect.fork(pool.use((connection) => connection.execute(query("sleep 10000"))))
    yield* TestClock.adjust(50)
    // Who interrupts does not wait for the settling.
    yield* Fiber.interrupt(fiber)
    const next = yield* Effect.fork(pool.use((connection) => Effect.succeed([connection.id, connection.settles, connection.running])))
    yield* TestClock.adjust(199)
    assert.isNull(next.unsafePoll())
    yield* TestClock.adjust(1)
    assert.deepStrictEqual(yield* Fiber.join(next), [1, 1, undefined])
    yield* after(server, pool)
  }))

  it.scoped("while a scope's connection is in use", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 1 })
    const fiber = yield* Effect.fork(Effect.scoped(Effect.flatMap(pool.get, (connection) => connection.execute(query("sleep 10000")))))
    yield* TestClock.adjust(50)
    yield* Fiber.interrupt(fiber)
    yield* after(server, pool)
    assert.deepStrictEqual([server.connections[0]!.settles, server.connections[0]!.resets], [1, 1])
  }))

  it.scoped("woken and interrupted before it ran: the connection goes on to the next", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({ max: 1 })
    const entry = pool.lending.take()!
    const ran: Array<string> = []
    const victim = yield* Effect.fork(pool.use(() => Effect.sync(() => ran.push("victim"))))
    yield* settled
    const next = yield* Effect.fork(pool.use(() => Effect.sync(() => ran.push("next"))))
    yield* settled
    yield* Effect.sync(() => {
      pool.lending.release(entry)
      victim.unsafeInterruptAsFork(FiberId.none)
    })
    yield* Fiber.join(next)
    assert.isTrue(Exit.isInterrupted(yield* Fiber.await(victim)))
    assert.deepStrictEqual(ran, ["next"])
    yield* after(server, pool)
  }))

  it.scoped("a statement that does not settle within cancelTimeout: destroyed, counted until it has ended, replaced", () => Effect.gen(function*() {
    const server = new FakeServer()
    server.stuck = yield* Deferred.make<void>()
    server.lingers = yield* Deferred.make<void>()
    const pool = yield* server.pool({ max: 1, cancelTimeout: "1 second" })
    const fiber = yield* Effect.fork(pool.use((connection) => connection.execute(query("sleep 10000"))))
    yield* TestClock.adjust(50)
    yield* Fiber.interrupt(fiber)
    yield* TestClock.adjust("1 second")
    assert.deepStrictEqual(server.connections[0]!.closes, ["destroy"])
    assert.strictEqual((yield* pool.stats).retired, 1)
    const next = yield* Effect.fork(pool.use((connection) => Effect.succeed(connection.id)))
    yield* settled
    assert.strictEqual(yield* Fiber.join(next), 2)
    yield* Deferred.succeed(server.lingers, undefined)
    server.lingers = undefined
    yield* settled
    const stats = yield* accounted(server, pool)
    assert.deepStrictEqual([stats.opened, stats.closed], [2, 1])
  }))

  it.scoped("one that must not be replaced fails its borrowers until it is free, and recovers", () => Effect.gen(function*() {
    const server = new FakeServer()
    const stuck = yield* Deferred.make<void>()
    server.stuck = stuck
    const pool = yield* server.pool({ max: 1, cancelTimeout: "1 second", irreplaceable: "it holds the lock" })
    const fiber = yield* Effect.fork(pool.use((connection) => connection.execute(query("sleep 10000"))))
    yield* TestClock.adjust(50)
    yield* Fiber.interrupt(fiber)
    const queued = yield* Effect.fork(reasonOf(pool.use(() => Effect.void)))
    yield* TestClock.adjust("1 second")
    for (const reason of [yield* Fiber.join(queued), yield* reasonOf(pool.use(() => Effect.void))]) {
      assert.strictEqual(reason._tag, "StatementTimeoutError")
      if (reason._tag === "StatementTimeoutError") assert.strictEqual(reason.timeout, "worker")
      assert.include(reason.message, "it holds the lock")
      assert.strictEqual(reason.outcome, "not-applied")
    }
    yield* Deferred.succeed(stuck, undefined)
    server.stuck = undefined
    yield* settled
    assert.strictEqual(yield* pool.use((connection) => Effect.succeed(connection.id)), 1)
    yield* after(server, pool)
  }))
})
