/**
 * Timeouts inside of a mask: what cannot be interrupted runs to its end, with a timeout as without one.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { accounted, FakeServer } from "./fake.js"

const opened = Effect.gen(function*() {
  const server = new FakeServer()
  const db = yield* server.database({ pool: { max: 1 } })
  return { server, db }
})

/** Interrupts a fiber that is masked, lets time pass, and answers with how it ended. */
const interrupted = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(Effect.uninterruptible(Effect.exit(effect)))
    yield* TestClock.adjust(1)
    yield* Fiber.interruptFork(fiber)
    yield* TestClock.adjust("1 second")
    const exit = yield* Fiber.await(fiber)
    return Exit.isSuccess(exit) ? exit.value : exit
  })

describe("S5 an interruption stops nothing that is masked", () => {
  it.scoped("a statement with a timeout", () => Effect.gen(function*() {
    const { db, server } = yield* opened
    let ended: Exit.Exit<unknown, unknown> | undefined
    const statement = db`sleep 100`.timeout("5 seconds")
    yield* interrupted(Effect.onExit(statement, (exit) => Effect.sync(() => {
      ended = exit
    })))
    assert.isTrue(ended !== undefined && Exit.isSuccess(ended), String(ended))
    assert.strictEqual(server.connections[0]!.settles, 0)
    yield* accounted(server, db.pool)
  }))

  it.scoped("a transaction with a timeout: it commits", () => Effect.gen(function*() {
    const { db, server } = yield* opened
    yield* interrupted(db.transaction({ timeout: "5 seconds" })(db`sleep 100`))
    assert.include(server.log, "1 commit")
    assert.notInclude(server.log, "1 rollback")
    yield* accounted(server, db.pool)
  }))

  it.scoped("a stream with a timeout: every row comes", () => Effect.gen(function*() {
    const { db, server } = yield* opened
    let rows = 0
    yield* interrupted(Stream.runForEach(db`rows 5`.timeout("5 seconds").stream, () => Effect.sync(() => rows++)))
    assert.strictEqual(rows, 5)
    yield* TestClock.adjust(1)
    yield* accounted(server, db.pool)
  }))
})

describe("T6 a transaction's timeout changes nothing for its body", () => {
  it.scoped("what the body sets in a FiberRef is set afterwards", () => Effect.gen(function*() {
    const { db } = yield* opened
    const ref = yield* FiberRef.make("before")
    yield* db.transaction({ timeout: "5 seconds" })(FiberRef.set(ref, "inside"))
    assert.strictEqual(yield* FiberRef.get(ref), "inside")
  }))

  it.scoped("its limit is the body's: past it the transaction is rolled back", () => Effect.gen(function*() {
    const { db, server } = yield* opened
    const fiber = yield* Effect.fork(Effect.flip(db.transaction({ timeout: 50 })(db`sleep 100`)))
    yield* TestClock.adjust("1 second")
    const error = yield* Fiber.join(fiber)
    assert.strictEqual(error.reason._tag, "StatementTimeoutError")
    yield* TestClock.adjust("1 second")
    assert.notInclude(server.log, "1 commit")
    assert.include(server.log, "1 rollback")
    yield* accounted(server, db.pool)
  }))
})
