/**
 * Retry: attempts, delays with jitter, the last error, and what a transaction may repeat.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as TestClock from "effect/TestClock"
import * as Reason from "../src/Reason.js"
import * as Retry from "../src/Retry.js"
import * as SqlError from "../src/SqlError.js"

const failing = () => {
  const at: Array<number> = []
  const effect = Effect.flatMap(TestClock.currentTimeMillis, (now) => {
    at.push(now)
    return SqlError.fail(new Reason.ConnectionError({ message: `attempt ${at.length}` }))
  })
  return { at, effect }
}

/** The whole of each delay: the jitter's highest. */
const highest = Effect.withRandom(Random.fixed([1]))

describe("Retry", () => {
  it.effect("exponential: three attempts, 100 ms doubling, and the last error", () => Effect.gen(function*() {
    const { at, effect } = failing()
    const schedule = yield* Retry.exponential()
    const fiber = yield* Effect.fork(Effect.flip(Effect.retry(effect, schedule)))
    yield* TestClock.adjust("1 minute")
    assert.strictEqual((yield* Fiber.join(fiber)).reason.message, "attempt 3")
    assert.strictEqual(at.length, 3)
    const delays = [at[1]! - at[0]!, at[2]! - at[1]!]
    assert.isAtMost(delays[0]!, 100)
    assert.isAtMost(delays[1]!, 200)
  }))

  it.effect("exponential: the delays grow by the factor up to the cap", () => Effect.gen(function*() {
    const { at, effect } = failing()
    const schedule = yield* Retry.exponential({ attempts: 6, base: 1_000, factor: 3, cap: "10 seconds" })
    const fiber = yield* Effect.fork(Effect.flip(Effect.retry(effect, schedule)))
    yield* TestClock.adjust("10 minutes")
    yield* Fiber.join(fiber)
    assert.deepStrictEqual(at.slice(1).map((time, n) => time - at[n]!), [1_000, 3_000, 9_000, 10_000, 10_000])
  }).pipe(highest))

  it.effect("full jitter: two clients do not come back at the same moments", () => Effect.gen(function*() {
    const runs = yield* Effect.forEach([1, 2], () => Effect.gen(function*() {
      const { at, effect } = failing()
      const schedule = yield* Retry.exponential({ attempts: 8 })
      const fiber = yield* Effect.fork(Effect.flip(Effect.retry(effect, schedule)))
      yield* TestClock.adjust("10 minutes")
      yield* Fiber.join(fiber)
      return at.slice(1).map((time, n) => time - at[n]!)
    }))
    assert.notDeepEqual(runs[0], runs[1])
  }))

  it.effect("attempts below 1, and durations that cannot work, are ConfigErrors", () => Effect.gen(function*() {
    for (const [field, options] of [
      ["retry.attempts", { attempts: 0 }],
      ["retry.attempts", { attempts: 1.5 }],
      ["retry.base", { base: -1 }],
      ["retry.cap", { cap: "no" as "1 second" }]
    ] as const) {
      assert.strictEqual((yield* Effect.flip(Retry.exponential(options))).reason.field, field)
    }
    const { at, effect } = failing()
    yield* Effect.flip(Effect.retry(effect, yield* Retry.exponential({ attempts: 1 })))
    assert.strictEqual(at.length, 1)
  }))

  it("mayRepeat: serialization failures and deadlocks whose outcome is known, and nothing else", () => {
    const may = (reason: Reason.Reason) => Retry.mayRepeat(SqlError.make(reason))
    assert.isTrue(may(new Reason.SerializationError({ message: "" })))
    assert.isTrue(may(new Reason.DeadlockError({ message: "" })))
    assert.isFalse(may(new Reason.SerializationError({ message: "", outcome: "unknown" })))
    assert.isFalse(may(new Reason.ConnectionError({ message: "", outcome: "not-applied" })))
    assert.isFalse(may(new Reason.LockTimeoutError({ message: "" })))
    assert.isFalse(may(new Reason.TransactionAbortedError({ message: "" })))
    assert.isTrue(may(new Reason.TransactionAbortedError({ message: "", isRetryable: true })))
    assert.isFalse(Retry.mayRepeat(new Error("no")))
  })
})
