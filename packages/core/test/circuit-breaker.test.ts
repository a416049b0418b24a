/**
 * CircuitBreaker: what opens it, what closes it, one probe at a time, and what counts for nothing.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Layer from "effect/Layer"
import * as EffectScope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as CircuitBreaker from "../src/CircuitBreaker.js"
import * as Reason from "../src/Reason.js"
import * as Retry from "../src/Retry.js"
import * as SqlError from "../src/SqlError.js"

const lost = SqlError.fail(new Reason.ConnectionError({ message: "connection lost" }))
const duplicate = SqlError.fail(new Reason.UniqueViolation({ message: "duplicate key" }))
const refused = SqlError.fail(new Reason.ConfigError({ message: "no", field: "x" }))

const times = <A, E, R>(n: number, effect: Effect.Effect<A, E, R>) => Effect.replicateEffect(Effect.exit(effect), n, { discard: true })

const tag = (breaker: CircuitBreaker.CircuitBreaker) => Effect.map(breaker.state, (state) => state._tag)

/** A breaker that is open, with the probe due. */
const due = (config: CircuitBreaker.Config = {}) => Effect.gen(function*() {
  const breaker = yield* CircuitBreaker.make(config)
  yield* times(5, breaker.protect(lost))
  assert.strictEqual(yield* tag(breaker), "Open")
  yield* TestClock.adjust("30 seconds")
  return breaker
})

/** The refusal of a call that must not run. */
const refusal = (breaker: CircuitBreaker.CircuitBreaker) => Effect.gen(function*() {
  let ran = false
  const error = yield* Effect.flip(breaker.protect(Effect.sync(() => {
    ran = true
  })))
  assert.isFalse(ran)
  return error.reason
})

describe("CircuitBreaker, closed", () => {
  it.effect("lets values and failures through as they are", () => Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make()
    assert.strictEqual(yield* breaker.protect(Effect.succeed(1)), 1)
    assert.strictEqual((yield* Effect.flip(breaker.protect(lost))).reason._tag, "ConnectionError")
    const died = yield* Effect.exit(breaker.protect(Effect.die("bug")))
    assert.deepStrictEqual(died, Exit.die("bug"))
  }))

  it.effect("opens at the fifth failure in a row, and says when to come back", () => Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make({ name: "orders" })
    yield* times(4, breaker.protect(lost))
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 4 })
    yield* times(1, breaker.protect(lost))
    yield* TestClock.adjust("10 seconds")
    const reason = yield* refusal(breaker)
    assert.deepStrictEqual([reason._tag, reason.retryAfter, reason.isRetryable, reason.outcome], ["CircuitOpenError", 20_000, false, "not-applied"])
    assert.include(reason.message, "orders")
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Open", retryAfter: 20_000 })
  }))

  it.effect("a success between the failures starts the count again", () => Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make()
    yield* times(4, breaker.protect(lost))
    yield* breaker.protect(Effect.void)
    yield* times(4, breaker.protect(lost))
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 4 })
  }))

  it.effect("forgets its failures when the last one is a minute ago", () => Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make()
    yield* times(4, breaker.protect(lost))
    yield* TestClock.adjust("59 seconds")
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 4 })
    yield* TestClock.adjust("1 second")
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 0 })
    yield* times(4, breaker.protect(lost))
    assert.strictEqual(yield* tag(breaker), "Closed")
  }))

  it.effect("a refusal by the server is an answer; what was never sent is nothing", () => Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make()
    yield* times(20, breaker.protect(duplicate))
    yield* times(20, breaker.protect(Effect.fail(new Error("mine"))))
    yield* times(20, breaker.protect(Effect.die("bug")))
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 0 })
    yield* times(4, breaker.protect(lost))
    yield* times(4, breaker.protect(refused))
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 4 })
    yield* times(1, breaker.protect(duplicate))
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 0 })
  }))

  it.effect("an interruption is neither a success nor a failure", () => Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make()
    yield* times(4, breaker.protect(lost))
    const fiber = yield* Effect.fork(breaker.protect(Effect.never))
    yield* Effect.yieldNow()
    yield* Fiber.interrupt(fiber)
    yield* times(3, breaker.protect(Effect.interrupt))
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 4 })
  }))

  it.effect("calls that began before it opened do not prolong it, nor close it", () => Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make()
    const gate = yield* Deferred.make<void>()
    const late = yield* Effect.forEach([lost, Effect.void, lost], (end) => Effect.fork(breaker.protect(Effect.zipRight(Deferred.await(gate), end))))
    yield* Effect.yieldNow()
    yield* times(5, breaker.protect(lost))
    yield* TestClock.adjust("10 seconds")
    yield* Deferred.succeed(gate, undefined)
    yield* Effect.forEach(late, Fiber.await)
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Open", retryAfter: 20_000 })
  }))

  it.effect("by rate: opens when half of at least ten calls of the window failed", () => Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make({ threshold: { rate: 0.5, window: "10 seconds" } })
    yield* times(4, breaker.protect(Effect.void))
    yield* times(5, breaker.protect(lost))
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 5 })
    yield* times(1, breaker.protect(lost))
    assert.strictEqual(yield* tag(breaker), "Open")
  }))

  it.effect("by rate: what left the window does not count", () => Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make({ threshold: { rate: 0.5, window: "10 seconds", minimum: 4 } })
    yield* times(3, breaker.protect(lost))
    yield* TestClock.adjust("10 seconds")
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 0 })
    yield* times(3, breaker.protect(lost))
    assert.strictEqual(yield* tag(breaker), "Closed")
    yield* times(4, breaker.protect(duplicate))
    yield* times(2, breaker.protect(lost))
    assert.strictEqual(yield* tag(breaker), "Open")
  }))
})

describe("CircuitBreaker, half-open", () => {
  it.effect("one success closes it, one failure opens it again for the whole recovery", () => Effect.gen(function*() {
    const breaker = yield* due()
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Open", retryAfter: 0 })
    assert.strictEqual((yield* Effect.flip(breaker.protect(lost))).reason._tag, "ConnectionError")
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Open", retryAfter: 30_000 })
    yield* TestClock.adjust("30 seconds")
    yield* breaker.protect(Effect.void)
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 0 })
  }))

  it.effect("a server that answers with a refusal is back", () => Effect.gen(function*() {
    const breaker = yield* due()
    yield* times(1, breaker.protect(duplicate))
    assert.strictEqual(yield* tag(breaker), "Closed")
  }))

  it.effect("of a hundred calls at once exactly one is the probe", () => Effect.gen(function*() {
    const breaker = yield* due()
    let running = 0
    const calls = yield* Effect.forEach(Array.from({ length: 100 }), () =>
      Effect.fork(breaker.protect(Effect.zipRight(Effect.sync(() => running++), Effect.sleep("1 second")))))
    yield* TestClock.adjust("500 millis")
    assert.strictEqual(running, 1)
    assert.deepStrictEqual(yield* breaker.state, { _tag: "HalfOpen", probing: true })
    assert.strictEqual((yield* refusal(breaker)).retryAfter, 1_000)
    yield* TestClock.adjust("500 millis")
    const exits = yield* Effect.forEach(calls, Fiber.await)
    assert.strictEqual(exits.filter(Exit.isSuccess).length, 1)
    assert.strictEqual(yield* tag(breaker), "Closed")
  }))

  it.effect("an interrupted probe, or one that says nothing, lets the next one through", () => Effect.gen(function*() {
    const breaker = yield* due()
    const probe = yield* Effect.fork(breaker.protect(Effect.never))
    yield* Effect.yieldNow()
    assert.strictEqual((yield* refusal(breaker))._tag, "CircuitOpenError")
    yield* Fiber.interrupt(probe)
    assert.deepStrictEqual(yield* breaker.state, { _tag: "HalfOpen", probing: false })
    yield* times(1, breaker.protect(refused))
    assert.isTrue(Exit.isFailure(yield* Effect.exit(breaker.protect(Effect.die("bug")))))
    assert.deepStrictEqual(yield* breaker.state, { _tag: "HalfOpen", probing: false })
    yield* breaker.protect(Effect.void)
    assert.strictEqual(yield* tag(breaker), "Closed")
  }))

  it.effect("inside of the probe the same breaker lets through, and what outlives the probe does not", () => Effect.gen(function*() {
    const breaker = yield* due()
    const after = yield* Deferred.make<void>()
    const outliving = Effect.forkDaemon(Effect.zipRight(Deferred.await(after), Effect.flip(breaker.protect(Effect.void))))
    const fiber = yield* breaker.protect(Effect.zipRight(breaker.protect(breaker.protect(Effect.void)), outliving))
    assert.strictEqual(yield* tag(breaker), "Closed")
    yield* times(5, breaker.protect(lost))
    yield* Deferred.succeed(after, undefined)
    assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "CircuitOpenError")
  }))

  it.effect("a verdict that throws leaves no probe behind", () => Effect.gen(function*() {
    let isBroken = false
    const breaker = yield* due({
      verdict: () => {
        if (isBroken) throw new Error("bug")
        return "failed"
      }
    })
    isBroken = true
    yield* times(1, breaker.protect(lost))
    assert.deepStrictEqual(yield* breaker.state, { _tag: "HalfOpen", probing: false })
  }))

  it.effect("reset closes it at once, and the probe that is out decides nothing more", () => Effect.gen(function*() {
    const breaker = yield* due()
    const gate = yield* Deferred.make<void>()
    const probe = yield* Effect.fork(breaker.protect(Effect.zipRight(Deferred.await(gate), lost)))
    yield* Effect.yieldNow()
    yield* breaker.reset
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.await(probe)
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 0 })
  }))
})

describe("CircuitBreaker, around it", () => {
  it.effect("changes: the state now, then each change, to every watcher; they end with the scope", () => Effect.gen(function*() {
    const scope = yield* EffectScope.make()
    const breaker = yield* EffectScope.extend(CircuitBreaker.scoped(), scope)
    const watch = Effect.fork(Stream.runCollect(Stream.map(breaker.changes, (state) => state._tag)))
    const early = yield* watch
    yield* TestClock.adjust(1)
    yield* times(5, breaker.protect(lost))
    const late = yield* watch
    yield* TestClock.adjust("30 seconds")
    yield* breaker.protect(Effect.void)
    yield* TestClock.adjust(1)
    yield* EffectScope.close(scope, Exit.void)
    assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Fiber.join(early)), ["Closed", "Open", "HalfOpen", "Closed"])
    assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Fiber.join(late)), ["Open", "HalfOpen", "Closed"])
    assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(breaker.changes)), [{ _tag: "Closed" as const, failures: 0 }])
    assert.strictEqual(yield* breaker.protect(Effect.succeed(1)), 1)
  }))

  it.effect("a retry outside of it does not try an open one again", () => Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make({ threshold: 2 })
    let calls = 0
    const call = breaker.protect(Effect.zipRight(Effect.sync(() => calls++), lost)).pipe(
      Effect.retry({ schedule: Retry.transient, while: (error) => error.isRetryable })
    )
    const fiber = yield* Effect.fork(Effect.flip(call))
    yield* TestClock.adjust("1 minute")
    assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "CircuitOpenError")
    assert.strictEqual(calls, 2)
  }))

  it.effect("a layer: one breaker for all who ask, another tag has another", () => Effect.gen(function*() {
    class Archive extends Context.Tag("Archive")<Archive, CircuitBreaker.CircuitBreaker>() {}
    const layer = Layer.merge(CircuitBreaker.layer({ threshold: 1 }), Layer.scoped(Archive, CircuitBreaker.scoped({ name: "archive" })))
    yield* Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.CircuitBreaker
      yield* times(1, breaker.protect(lost))
      assert.strictEqual(yield* tag(yield* CircuitBreaker.CircuitBreaker), "Open")
      assert.strictEqual(yield* tag(yield* Archive), "Closed")
    }).pipe(Effect.provide(layer))
  }))

  it.effect("options that cannot work are ConfigErrors that name their field", () => Effect.gen(function*() {
    const bad: ReadonlyArray<readonly [string, CircuitBreaker.Config]> = [
      ["threshold", { threshold: 0 }],
      ["threshold", { threshold: 1.5 }],
      ["recovery", { recovery: 0 }],
      ["forgetAfter", { forgetAfter: -1 }],
      ["threshold.rate", { threshold: { rate: 0, window: 1_000 } }],
      ["threshold.rate", { threshold: { rate: 1.1, window: 1_000 } }],
      ["threshold.window", { threshold: { rate: 0.5, window: 0 } }],
      ["threshold.window", { threshold: { rate: 0.5, window: Number.POSITIVE_INFINITY } }],
      ["threshold.minimum", { threshold: { rate: 0.5, window: 1_000, minimum: 0 } }]
    ]
    for (const [field, config] of bad) {
      assert.strictEqual((yield* Effect.flip(CircuitBreaker.make(config))).reason.field, `circuitBreaker.${field}`)
    }
  }))

  it("verdict: the server's and the network's failures, answers, and what says nothing", () => {
    const counts = { size: 1, idle: 0, lent: 1, connecting: 0, waiting: 1, retired: 0 }
    const of = (reason: Reason.Reason) => CircuitBreaker.verdict(SqlError.make(reason))
    assert.strictEqual(of(new Reason.ConnectionError({ message: "" })), "failed")
    assert.strictEqual(of(new Reason.PoolTimeoutError({ message: "", counts, lastConnectFailure: "ECONNREFUSED" })), "failed")
    assert.strictEqual(of(new Reason.PoolTimeoutError({ message: "", counts })), "silent")
    assert.strictEqual(of(new Reason.StatementTimeoutError({ message: "", timeout: "server" })), "failed")
    assert.strictEqual(of(new Reason.StatementTimeoutError({ message: "", timeout: "statement" })), "silent")
    assert.strictEqual(of(new Reason.StatementTimeoutError({ message: "", timeout: "database", connection: "broken" })), "failed")
    assert.strictEqual(of(new Reason.UnknownError({ message: "" })), "silent")
    assert.strictEqual(of(new Reason.UnknownError({ message: "", connection: "broken" })), "failed")
    assert.strictEqual(of(new Reason.DeadlockError({ message: "" })), "answered")
    assert.strictEqual(of(new Reason.AuthenticationError({ message: "" })), "answered")
    assert.strictEqual(of(new Reason.CircuitOpenError({ message: "", retryAfter: 1 })), "silent")
    assert.strictEqual(CircuitBreaker.verdict(new Error("no")), "silent")
  })

  it.effect("several failures at once: the gravest counts, an answer beside an interruption does not", () => Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make()
    const failure = (reason: Reason.Reason) => Cause.fail(SqlError.make(reason))
    const unique = failure(new Reason.UniqueViolation({ message: "" }))
    yield* times(4, breaker.protect(Effect.failCause(Cause.parallel(unique, failure(new Reason.ConnectionError({ message: "" }))))))
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 4 })
    yield* times(1, breaker.protect(Effect.failCause(Cause.parallel(unique, Cause.interrupt(FiberId.none)))))
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 4 })
    yield* times(1, breaker.protect(Effect.failCause(Cause.parallel(unique, unique))))
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 0 })
  }))
})
