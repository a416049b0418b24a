/**
 * ErrorHook: what it sees when a server does what no embedded one does on demand, and that it changes nothing.
 *
 * The conformance suite asks every dialect for the rest.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Database from "../src/Database.js"
import * as ErrorHook from "../src/ErrorHook.js"
import * as Reason from "../src/Reason.js"
import type * as Pool from "../src/Pool.js"
import * as SqlError from "../src/SqlError.js"
import { accounted, failures, FakeServer, reasonOf, refused } from "./fake.js"

const opened = (pool: Pool.Config = { max: 1 }) =>
  Effect.gen(function*() {
    const server = new FakeServer()
    const events: Array<ErrorHook.Event> = []
    const hook = ErrorHook.layer((event) => Effect.sync(() => events.push(event)))
    const db = yield* Effect.provide(server.database({ pool }), hook)
    return { db, events, server }
  })

const ready = TestClock.adjust(1)

const told = (events: ReadonlyArray<ErrorHook.Event>) => events.map(({ error, phase }) => [phase, error.reason._tag])

describe("V9 an error hook", () => {
  it.scoped("sees a statement's failure once, with its text, its connection and the pool's counts", () => Effect.gen(function*() {
    const { db, events } = yield* opened()
    const error = yield* Effect.flip(db`fail unique ${"s3cret"}`.with({ label: "users.add" }))
    assert.strictEqual(events.length, 1)
    const [event] = events as [ErrorHook.Event]
    assert.strictEqual(event.error, error)
    assert.strictEqual(event.statement, "fail unique <text 6>")
    assert.deepStrictEqual([event.phase, event.label, event.dialect, event.attempt], ["execute", "users.add", "fake", 1])
    assert.deepStrictEqual(event.connection, { id: 1, endpoint: "fake:1" })
    assert.deepStrictEqual([event.pool.name, event.pool.size, event.pool.lent], ["fake", 1, 1])
  }))

  it.scoped("sees each error once, through a transaction, a savepoint and their ends", () => Effect.gen(function*() {
    const { db, events, server } = yield* opened()
    yield* reasonOf(db.transaction(db.transaction(db`fail unique`)))
    assert.deepStrictEqual(told(events), [["execute", "UniqueViolation"]])
    assert.deepStrictEqual(events[0]!.connection, { id: 1, endpoint: "fake:1" })
    for (const what of ["begin", "commit"]) {
      events.length = 0
      server.failing.set(what, failures["serialization"]!)
      yield* reasonOf(db.transaction(Effect.void))
      assert.strictEqual(events.length, 1, what)
    }
  }))

  it.scoped("sees the ROLLBACK that fails behind the body's failure", () => Effect.gen(function*() {
    const { db, events, server } = yield* opened()
    server.failing.set("rollback", failures["lost"]!)
    assert.strictEqual(yield* Effect.flip(db.transaction(Effect.fail("the body's own"))), "the body's own")
    assert.deepStrictEqual(told(events), [["execute", "ConnectionError"]])
  }))

  it.scoped("sees what is refused before anything is sent, and what does not fit afterwards", () => Effect.gen(function*() {
    const { db, events, server } = yield* opened()
    yield* reasonOf(db`SELECT ${1}, ${2}, ${3}, ${4}, ${5}, ${6}, ${7}, ${8}, ${9}, ${10}, ${11}`)
    yield* reasonOf(db`INSERT INTO t ${db.insert([])}`)
    yield* reasonOf(db.transaction({ isolation: "snapshot" })(Effect.void))
    yield* reasonOf(db.executeMany("a", [[1], [1, 2]]))
    yield* reasonOf(db`SELECT ${1}`.column("nothing" as never))
    assert.deepStrictEqual(told(events).map(([, tag]) => tag), ["LimitError", "ConfigError", "UnsupportedError", "ConfigError", "ResultError"])
    assert.strictEqual(events[4]!.statement, "SELECT <int>")
    yield* accounted(server, db.pool)
  }))

  it.scoped("sees a stream's failure", () => Effect.gen(function*() {
    const { db, events, server } = yield* opened()
    server.failing.set("fetch", failures["lost"]!)
    yield* reasonOf(Stream.runDrain(db`rows 2`.stream))
    assert.deepStrictEqual(told(events), [["stream", "ConnectionError"]])
    yield* reasonOf(db.transaction(Effect.suspend(() => {
      server.failing.set("fetch", failures["lost"]!)
      return Stream.runDrain(db`rows 2`.stream)
    })))
    assert.deepStrictEqual(events.length, 2)
  }))

  it.scoped("sees each failure to connect with its number, and the acquiring that timed out", () => Effect.gen(function*() {
    const { db, events, server } = yield* opened({ max: 1, lazy: true, acquireTimeout: "2 seconds" })
    server.down = refused
    const fiber = yield* Effect.fork(reasonOf(db`SELECT`))
    yield* TestClock.adjust("3 seconds")
    assert.strictEqual((yield* Fiber.join(fiber))._tag, "PoolTimeoutError")
    const connects = events.filter(({ phase }) => phase === "connect")
    assert.isAtLeast(connects.length, 1)
    assert.deepStrictEqual(events.filter(({ phase }) => phase !== "connect").map(({ error, phase }) => [phase, error.reason._tag]), [["acquire", "PoolTimeoutError"]])
    server.down = undefined
    server.refusals.push(...[1, 2, 3].map((n) => SqlError.make(new Reason.ConnectionError({ message: `refusal ${n}`, operation: "connect" }))))
    events.length = 0
    const second = yield* Effect.fork(Effect.retry(db`SELECT`, { times: 3 }))
    yield* TestClock.adjust("30 seconds")
    yield* Fiber.join(second)
    const attempts = events.filter(({ phase }) => phase === "connect").map(({ attempt }) => attempt)
    assert.strictEqual(attempts.length, 3)
    assert.deepStrictEqual(attempts, attempts.toSorted((a, b) => a - b))
    assert.isTrue(attempts.every((n, i) => i === 0 || n === attempts[i - 1]! + 1), "counted in a row")
  }))

  it.scoped("sees the closing, the ping and the reset that fail, which nobody else does", () => Effect.gen(function*() {
    const { db, events, server } = yield* opened({ max: 1, validateAfter: 0 })
    server.failing.set("ping", failures["lost"]!)
    server.closeFails = true
    yield* TestClock.adjust("1 minute")
    yield* db`SELECT`
    yield* ready
    server.failing.set("reset", failures["lost"]!)
    yield* Effect.scoped(db.session)
    yield* ready
    assert.deepStrictEqual(told(events), [
      ["ping", "ConnectionError"], ["close", "ConnectionError"], ["reset", "ConnectionError"], ["close", "ConnectionError"]
    ])
    assert.strictEqual((yield* db.pool.stats).closeFailures, 2)
    server.closeFails = false
  }))

  it.scoped("is told which attempt of a transaction failed", () => Effect.gen(function*() {
    const { db, events } = yield* opened()
    let runs = 0
    yield* db.transaction({ retry: Schedule.recurs(5) })(Effect.suspend(() => ++runs < 3 ? db`fail serialization` : db`SELECT`))
    assert.deepStrictEqual(events.map(({ attempt }) => attempt), [1, 2])
  }))

  it.scoped("is not called for an interruption", () => Effect.gen(function*() {
    const { db, events, server } = yield* opened()
    for (const effect of [db`sleep 1000`, db.transaction(db`sleep 1000`), Stream.runDrain(db`rows 100`.stream)]) {
      const fiber = yield* Effect.fork(effect)
      yield* ready
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 second")
    }
    const waiting = yield* Effect.fork(db.transaction(Effect.zipRight(Effect.fork(db`SELECT`), Effect.never)))
    yield* ready
    yield* Fiber.interrupt(waiting)
    yield* TestClock.adjust("1 second")
    assert.deepStrictEqual(told(events), [])
    yield* accounted(server, db.pool)
  }))

  it.scoped("changes nothing: its failure, its defect and its endlessness reach nobody", () => Effect.gen(function*() {
    const server = new FakeServer()
    const seen: Array<string> = []
    const hooks = Layer.mergeAll(
      ErrorHook.layer(() => Effect.fail("hook")),
      ErrorHook.layer(() => Effect.die("hook")),
      ErrorHook.layer(() => {
        throw new Error("hook")
      }),
      ErrorHook.layer(() => Effect.never),
      ErrorHook.layer(({ error }) => Effect.sync(() => seen.push(error.reason._tag)))
    )
    const db = yield* Effect.provide(server.database({ pool: { max: 1 } }), hooks)
    const exit = yield* Effect.exit(db`fail unique`)
    assert.isTrue(Exit.isFailure(exit))
    assert.strictEqual((yield* reasonOf(db`fail unique`))._tag, "UniqueViolation")
    assert.deepStrictEqual(seen, ["UniqueViolation", "UniqueViolation"])
    yield* ready
    yield* accounted(server, db.pool)
  }))

  it.scoped("several are all called, merged or one below the other", () => Effect.gen(function*() {
    const seen: Array<string> = []
    const named = (name: string) => ErrorHook.layer(() => Effect.sync(() => seen.push(name)))
    const db = yield* new FakeServer().database({ pool: { max: 1 } }).pipe(
      Effect.provide(Layer.merge(named("a"), named("b"))),
      Effect.provide(named("c"))
    )
    yield* reasonOf(db`fail unique`)
    assert.deepStrictEqual(seen.toSorted(), ["a", "b", "c"])
  }))

  it.scoped("has the context of its layer and the annotations of who failed, and may use the database itself", () => Effect.gen(function*() {
    const server = new FakeServer()
    const ref = yield* FiberRef.make("nobody")
    const db = yield* Deferred.make<Database.Database>()
    const seen: Array<string> = []
    const hook = ErrorHook.layer(() => Effect.gen(function*() {
      seen.push(yield* FiberRef.get(ref))
      // In no transaction of who failed; and its own failure is told to no hook.
      const own = yield* Database.Database
      assert.isTrue(Exit.isFailure(yield* Effect.exit(own.currentTransaction)))
      yield* own`fail deadlock`
    }).pipe(Effect.provideServiceEffect(Database.Database, Deferred.await(db))))
    const made = yield* Effect.provide(server.database({ pool: { max: 2 } }), hook)
    yield* Deferred.succeed(db, made)
    yield* reasonOf(Effect.locally(made.transaction(made`fail unique`), ref, "Ada"))
    yield* ready
    assert.deepStrictEqual(seen, ["Ada"])
    assert.include(server.log.join(), "fail deadlock")
    yield* accounted(server, made.pool)
  }))
})
