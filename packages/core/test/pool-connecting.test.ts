/**
 * Connecting, and whatever happens while a connection is on its way: the pool closes, the time is over, both in the same
 * tick. Every connection that came is lent or closed.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as fc from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as EffectScope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as Hosts from "../src/Hosts.js"
import * as Pool from "../src/Pool.js"
import { accounted, type FakeConnection, FakeServer, hold, query } from "./fake.js"

const primary: Hosts.Role = { isStandby: false, isReadOnly: false }

type Open = (server: FakeServer, config: Pool.Config) => Effect.Effect<Pool.Pool<FakeConnection>, Error, EffectScope.Scope>

const ways: ReadonlyArray<readonly [title: string, open: Open]> = [
  ["one server", (server, config) => Pool.make<FakeConnection>({ name: "fake", connect: server.connectInSteps, ...config })],
  ["several hosts", (server, config) =>
    Hosts.pool<FakeConnection, FakeServer>({
      name: "fake",
      endpoints: [{ label: "a", endpoint: server }, { label: "b", endpoint: server }],
      targetSessionAttrs: "primary",
      connect: (host, _, opened) => host.connectInSteps(opened),
      role: () => Effect.as(Effect.sleep(1), primary),
      ...config
    })]
]

interface Life {
  readonly connectTime: number
  readonly lastStep: number
  readonly acquireTimeout: number
  readonly borrowers: ReadonlyArray<{ readonly after: number; readonly uses: number; readonly gives: number | undefined }>
  readonly closesAfter: number
}

// Small numbers, so that ends and timeouts meet in one tick often.
const lives: fc.Arbitrary<Life> = fc.record({
  connectTime: fc.nat(6),
  lastStep: fc.nat(6),
  acquireTimeout: fc.integer({ min: 1, max: 10 }),
  borrowers: fc.array(fc.record({ after: fc.nat(4), uses: fc.nat(6), gives: fc.option(fc.nat(6), { nil: undefined }) }), { minLength: 1, maxLength: 8 }),
  closesAfter: fc.nat(12)
})

describe.each(ways)("P9 a connection that comes while nobody can take it, to %s", (_, open) => {
  it.effect.prop("whatever ends in its last step: each that was opened is closed", [lives], ([life]) => Effect.gen(function*() {
    const server = new FakeServer()
    server.connectTime = life.connectTime
    server.lastStep = life.lastStep
    const scope = yield* EffectScope.make()
    const pool = yield* EffectScope.extend(open(server, { lazy: true, max: 3, acquireTimeout: life.acquireTimeout, closeTimeout: 3, cancelTimeout: 2 }), scope)
    const borrowers: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
    for (const { after, gives, uses } of life.borrowers) {
      const use = pool.use((connection) => connection.execute(query(`sleep ${uses}`)))
      borrowers.push(yield* Effect.fork(Effect.exit(gives === undefined ? use : Effect.timeout(use, gives))))
      yield* TestClock.adjust(after)
    }
    yield* TestClock.adjust(life.closesAfter)
    const closing = yield* Effect.fork(EffectScope.close(scope, Exit.void))
    yield* TestClock.adjust(100)
    assert.isNotNull(closing.unsafePoll())
    for (const fiber of borrowers) assert.isNotNull(fiber.unsafePoll())
    const stats = yield* pool.stats
    assert.deepStrictEqual(server.violations, [])
    assert.deepStrictEqual(server.open, [])
    assert.strictEqual(stats.opened - stats.closed, 0)
    assert.deepStrictEqual([stats.size, stats.lent, stats.connecting, stats.retired], [0, 0, 0, 0])
  }), { fastCheck: { numRuns: 40 } })

  it.scoped("one that is there in the tick of acquireTimeout is lent or closed", () => Effect.gen(function*() {
    for (const lastStep of [1, 2, 3]) {
      const server = new FakeServer()
      server.connectTime = 10
      server.lastStep = lastStep
      const pool = yield* open(server, { lazy: true, max: 1, acquireTimeout: 12 })
      const fiber = yield* Effect.fork(Effect.exit(pool.use(() => Effect.void)))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      yield* accounted(server, pool)
    }
  }))
})

describe("P7 closing", () => {
  it.effect("ends at once what is being opened, and waits for none of it", () => Effect.gen(function*() {
    const server = new FakeServer()
    server.connectTime = 60_000
    const scope = yield* EffectScope.make()
    const pool = yield* EffectScope.extend(server.pool({ lazy: true, max: 2, acquireTimeout: "5 minutes" }), scope)
    const borrower = yield* Effect.fork(Effect.exit(pool.use(() => Effect.void)))
    yield* TestClock.adjust(10)
    const closing = yield* Effect.fork(EffectScope.close(scope, Exit.void))
    yield* TestClock.adjust(0)
    assert.isNotNull(closing.unsafePoll())
    assert.strictEqual((yield* pool.stats).connecting, 0)
    assert.isTrue(Exit.isFailure(yield* Fiber.join(borrower)))
    assert.deepStrictEqual(server.connections, [])
  }))

  it.effect("a closing that is interrupted closes all the same", () => Effect.gen(function*() {
    const server = new FakeServer()
    const scope = yield* EffectScope.make()
    const pool = yield* EffectScope.extend(server.pool({ max: 2, closeTimeout: 50 }), scope)
    yield* hold(pool)
    const closing = yield* Effect.fork(Effect.uninterruptible(EffectScope.close(scope, Exit.void)))
    yield* TestClock.adjust(10)
    yield* Fiber.interruptFork(closing)
    yield* TestClock.adjust("1 minute")
    assert.isNotNull(closing.unsafePoll())
    assert.deepStrictEqual(server.open, [])
  }))
})

describe("P5 validating", () => {
  it.effect("a statement that is masked survives an interruption while its connection is pinged", () => Effect.gen(function*() {
    const server = new FakeServer()
    const scope = yield* EffectScope.make()
    const pool = yield* EffectScope.extend(server.pool({ max: 1, validateAfter: 0 }), scope)
    yield* TestClock.adjust(10)
    server.pingTime = 20
    let answer: Exit.Exit<number, unknown> | undefined
    const masked = yield* Effect.fork(Effect.uninterruptible(Effect.map(Effect.exit(pool.use((connection) => Effect.succeed(connection.id))), (exit) => {
      answer = exit
    })))
    yield* TestClock.adjust(10)
    yield* Fiber.interruptFork(masked)
    yield* TestClock.adjust(10)
    assert.deepStrictEqual(answer, Exit.succeed(1))
    yield* accounted(server, pool)
    yield* EffectScope.close(scope, Exit.void)
  }))
})
