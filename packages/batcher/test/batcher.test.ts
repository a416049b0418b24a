/**
 * The batcher over SQLite: each law as its user sees it, and the table asked afterwards.
 */
import { Batcher, BatchError } from "@sluice/batcher"
import { Database, Reason, SqlError } from "@sluice/core"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Exit, Fiber, Layer, Ref, Schedule, Scope, Stream, TestClock } from "effect"
import * as FastCheck from "effect/FastCheck"
import { count, fresh, ids, insert, settled } from "./database.js"

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

/** An `onLeft` that remembers. */
const collector = Effect.map(Ref.make<Batcher.Left | undefined>(undefined), (ref) => ({
  onLeft: (left: Batcher.Left) => Ref.set(ref, left),
  left: Effect.map(Ref.get(ref), (left) => left?.statements.map(({ index, outcome }) => [index, outcome] as const) ?? []),
  error: Effect.map(Ref.get(ref), (left) => left?.error)
}))

const reasonOf = (error: BatchError.BatchError | SqlError.SqlError) =>
  BatchError.isBatchError(error) ? error.error.reason._tag : error.reason._tag

/** Holds the database's write lock until the scope ends or `release` is run. */
const locked = Effect.gen(function*() {
  const db = yield* Database.Database
  const release = yield* Deferred.make<void>()
  const held = yield* Deferred.make<void>()
  const fiber = yield* Effect.forkScoped(
    db.transaction({ access: "immediate" })(Effect.zipRight(Deferred.succeed(held, undefined), Deferred.await(release)))
  )
  yield* Deferred.await(held)
  return Effect.zipRight(Deferred.succeed(release, undefined), Fiber.join(fiber))
})

describe("B1 what was added is sent exactly once, in order", () => {
  it.scoped("flushes when its scope succeeds", () => Effect.gen(function*() {
    yield* Effect.scoped(Effect.gen(function*() {
      const batcher = yield* Batcher.make()
      for (const id of [3, 1, 2]) assert.isFalse(yield* batcher.add(insert(id)))
      assert.strictEqual(yield* count, 0)
    }))
    assert.deepStrictEqual(yield* ids, [3, 1, 2])
    assert.deepStrictEqual(yield* settled, { lent: 0, waiting: 0 })
  }).pipe(Effect.provide(fresh())))

  it.scoped("hands over what is left when its scope fails or is interrupted, and sends none of it", () => Effect.gen(function*() {
    for (const exit of [Exit.fail("no"), Exit.interrupt(yield* Effect.fiberId)]) {
      const { error, left, onLeft } = yield* collector
      const scope = yield* Scope.make()
      const batcher = yield* Scope.extend(Batcher.make({ onLeft }), scope)
      yield* batcher.add(insert(1))
      yield* batcher.add(insert(2))
      yield* Scope.close(scope, exit)
      assert.deepStrictEqual(yield* left, [[0, "not-applied"], [1, "not-applied"]])
      assert.isUndefined(yield* error)
      assert.strictEqual(yield* count, 0)
    }
  }).pipe(Effect.provide(fresh())))

  it.live("what it flushes when its scope succeeds is sent whole, whoever is interrupted meanwhile", () => Effect.gen(function*() {
    const { left, onLeft } = yield* collector
    const started = yield* Deferred.make<void>()
    const goesOn = yield* Deferred.make<void>()
    const sent: Array<string> = []
    const execute = (text: string) => Effect.zipRight(Deferred.succeed(started, undefined), Effect.map(Deferred.await(goesOn), () => void sent.push(text)))
    const fiber = yield* Effect.fork(Effect.scoped(Effect.flatMap(Batcher.make({ execute, onLeft }), (batcher) => batcher.add("SELECT 1"))))
    yield* Deferred.await(started)
    const interruption = yield* Effect.fork(Fiber.interrupt(fiber))
    yield* Effect.sleep(50)
    yield* Deferred.succeed(goesOn, undefined)
    yield* Fiber.join(interruption)
    assert.deepStrictEqual([sent, yield* left], [["SELECT 1;"], []])
  }))

  it.scoped("a layer flushes at shutdown, whatever the exit", () => Effect.gen(function*() {
    const context = yield* Effect.context<Database.DatabaseId>()
    const scope = yield* Scope.make()
    const built = yield* Scope.extend(Layer.build(Layer.provide(Batcher.layer(), Layer.succeedContext(context))), scope)
    yield* Effect.provide(Effect.flatMap(Batcher.Batcher, (batcher) => batcher.add(insert(7))), built)
    yield* Scope.close(scope, Exit.fail("crash"))
    assert.deepStrictEqual(yield* ids, [7])
  }).pipe(Effect.provide(fresh())))

  it.effect("for any statements, limits and failures: each is applied or left, once, in order", () =>
    Effect.promise(() => FastCheck.assert(
      FastCheck.asyncProperty(
        FastCheck.record({
          statements: FastCheck.integer({ min: 0, max: 40 }),
          bad: FastCheck.option(FastCheck.integer({ min: 0, max: 39 }), { nil: undefined }),
          maxStatements: FastCheck.integer({ min: 1, max: 7 }),
          transaction: FastCheck.constantFrom("none" as const, "batch" as const),
          autoFlush: FastCheck.boolean(),
          succeeds: FastCheck.boolean()
        }),
        ({ autoFlush, bad, maxStatements, statements, succeeds, transaction }) =>
          Effect.runPromise(Effect.gen(function*() {
            const { left, onLeft } = yield* collector
            const scope = yield* Scope.make()
            const batcher = yield* Scope.extend(Batcher.make({ maxStatements, transaction, autoFlush, onLeft }), scope)
            let added = 0
            for (const id of range(0, statements - 1)) {
              const exit = yield* Effect.exit(batcher.add(id === bad ? "INSERT INTO nowhere VALUES (1)" : insert(id)))
              if (Exit.isFailure(exit)) break
              added++
            }
            yield* Scope.close(scope, succeeds ? Exit.void : Exit.fail("no"))
            const applied = yield* ids
            const notApplied = (yield* left).map(([index, outcome]) => {
              assert.strictEqual(outcome, "not-applied")
              return index
            })
            assert.deepStrictEqual([...applied, ...notApplied], range(0, added - 1))
            if (succeeds && (bad === undefined || bad >= added)) assert.strictEqual(notApplied.length, 0)
            assert.deepStrictEqual(yield* settled, { lent: 0, waiting: 0 })
          }).pipe(Effect.scoped, Effect.provide(fresh({ threads: false }))))
      ),
      { numRuns: 25 }
    )))

  it.scoped("an interrupted producer has added nothing; the others keep their turn", () => Effect.gen(function*() {
    const batcher = yield* Batcher.make({ maxStatements: 1 })
    const unlock = yield* locked
    yield* batcher.add(insert(1))
    yield* batcher.add(insert(2))
    const third = yield* Effect.fork(batcher.add(insert(3)))
    const fourth = yield* Effect.fork(batcher.add(insert(4)))
    yield* Effect.yieldNow()
    assert.strictEqual((yield* batcher.state).waiting, 2)
    yield* Fiber.interrupt(third)
    yield* unlock
    yield* Fiber.join(fourth)
    yield* batcher.flush()
    assert.deepStrictEqual(yield* ids, [1, 2, 4])
  }).pipe(Effect.provide(fresh())))

  it.scoped("an interrupted flush stops waiting, and the batch is applied once", () => Effect.gen(function*() {
    const batcher = yield* Batcher.make()
    const unlock = yield* locked
    yield* batcher.add(insert(1))
    const flush = yield* Effect.fork(batcher.flush())
    yield* Effect.yieldNow()
    yield* Fiber.interrupt(flush)
    assert.strictEqual((yield* batcher.state).sending, 1)
    yield* unlock
    assert.strictEqual(yield* batcher.flush(), 1)
    assert.deepStrictEqual(yield* ids, [1])
  }).pipe(Effect.provide(fresh())))

  it.scopedLive("closing takes closeTimeout at most, then rolls back and hands over", () => Effect.gen(function*() {
    const { error, left, onLeft } = yield* collector
    const scope = yield* Scope.make()
    const batcher = yield* Scope.extend(Batcher.make({ maxStatements: 2, closeTimeout: "100 millis", onLeft }), scope)
    const endless = "INSERT INTO t (name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    yield* batcher.add(insert(1))
    const unlock = yield* locked
    yield* batcher.add(endless)
    yield* batcher.add(insert(2))
    const since = Date.now()
    yield* Scope.close(scope, Exit.void)
    assert.isBelow(Date.now() - since, 3_000)
    assert.deepStrictEqual(yield* left, [[0, "not-applied"], [1, "not-applied"], [2, "not-applied"]])
    assert.isUndefined(yield* error)
    yield* unlock
    assert.strictEqual(yield* count, 0)
  }).pipe(Effect.provide(fresh())))
})

describe("B3 without a dead letter the batch fails and nothing later is sent", () => {
  it.scoped("the error says which statement, what became of all, and why", () => Effect.gen(function*() {
    const { error, left, onLeft } = yield* collector
    yield* Effect.scoped(Effect.gen(function*() {
      const batcher = yield* Batcher.make({ maxStatements: 3, onLeft })
      const failure = yield* Effect.flip(batcher.process([insert(1), insert(2), insert(3), insert(4), insert(1), insert(5), insert(6)]))
      assert.instanceOf(failure, BatchError.BatchError)
      if (!BatchError.isBatchError(failure)) return
      assert.strictEqual(failure.error.reason._tag, "UniqueViolation")
      assert.deepStrictEqual(failure.failed, { index: 4, text: insert(1) })
      assert.deepStrictEqual(failure.counts, { applied: 0, notApplied: 3, unknown: 0 })
      assert.deepStrictEqual(failure.notApplied.map((item) => item.index), [3, 4, 5])
      assert.strictEqual(failure.outcome, "not-applied")
      assert.strictEqual((yield* Effect.flip(batcher.add(insert(9)))).message, failure.message)
      assert.strictEqual((yield* Effect.flip(batcher.flush())).message, failure.message)
      assert.strictEqual((yield* batcher.state).failure?.message, failure.message)
    }))
    assert.deepStrictEqual(yield* ids, [1, 2, 3])
    assert.deepStrictEqual((yield* left).map(([index]) => index).slice(0, 3), [3, 4, 5])
    assert.isDefined(yield* error)
  }).pipe(Effect.provide(fresh())))

  it.scoped("without transactions those before the failure are applied, and said to be", () => Effect.gen(function*() {
    const batcher = yield* Batcher.make({ transaction: "none", onLeft: () => Effect.void })
    const failure = yield* Effect.flip(batcher.process([insert(1), insert(2), "INSERT INTO nowhere VALUES (1)", insert(3)]))
    assert.isTrue(BatchError.isBatchError(failure))
    if (!BatchError.isBatchError(failure)) return
    assert.deepStrictEqual(failure.applied.map((item) => item.index), [0, 1])
    assert.deepStrictEqual(failure.notApplied.map((item) => item.index), [2, 3])
    assert.deepStrictEqual(yield* ids, [1, 2])
  }).pipe(Effect.provide(fresh())))

  it.scoped("addAwait fails with its own error, and with the batch's where it was another", () => Effect.gen(function*() {
    const batcher = yield* Batcher.make({ onLeft: () => Effect.void })
    yield* batcher.addAwait(insert(1))
    assert.deepStrictEqual(yield* ids, [1])
    const [good, bad, later] = yield* Effect.all(
      [Effect.flip(batcher.addAwait(insert(2))), Effect.flip(batcher.addAwait(insert(1))), Effect.flip(batcher.addAwait(insert(3)))],
      { concurrency: "unbounded" }
    )
    assert.isTrue(BatchError.isBatchError(good))
    assert.strictEqual(good, later)
    assert.isTrue(SqlError.isSqlError(bad))
    assert.strictEqual(reasonOf(bad), "UniqueViolation")
    assert.deepStrictEqual(yield* ids, [1])
  }).pipe(Effect.provide(fresh())))
})

/** The database, but for a few of its members. */
const changed = (members: (db: Database.Database) => Partial<Database.Database>) =>
  Effect.map(Database.Database, (db) => {
    const own = members(db)
    return new Proxy(db, { get: (target, key) => Reflect.get(key in own ? own : target, key, target) })
  })

describe("B6 the server's own limit", () => {
  it.scoped("a statement of exactly that size goes alone, and one above it is a LimitError that names it", () => Effect.gen(function*() {
    const bytes = Buffer.byteLength(insert(10))
    const db = yield* changed((db) => ({ dialect: { ...db.dialect, limits: { ...db.dialect.limits, maxStatementBytes: bytes } } }))
    const batcher = yield* Effect.provideService(Batcher.make(), Database.Database, db)
    assert.strictEqual((yield* batcher.state).limit, bytes)
    assert.deepStrictEqual([(yield* batcher.process([insert(10), insert(11)])).batches, yield* ids], [2, [10, 11]])
    const error = yield* Effect.flip(batcher.add(insert(100)))
    assert.isTrue(SqlError.isSqlError(error) && error.reason._tag === "LimitError")
    if (SqlError.isSqlError(error) && error.reason._tag === "LimitError") assert.deepStrictEqual([error.reason.maximum, error.reason.actual], [bytes, bytes + 1])
  }).pipe(Effect.provide(fresh({ threads: false }))))
})

describe("the outcome decides", () => {
  it.scoped("a COMMIT whose answer never came leaves the batch unknown, and it is not sent again", () => Effect.gen(function*() {
    const { left, onLeft } = yield* collector
    const lost = SqlError.make(new Reason.ConnectionError({ message: "the connection was lost", operation: "commit", outcome: "unknown" }))
    const db = yield* changed((db) => ({
      afterCommit: () => Effect.void,
      transaction: ((options: object) => <A, E, R>(self: Effect.Effect<A, E, R>) =>
        Effect.zipRight(db.transaction(options)(self), Effect.fail(lost))) as never
    }))
    yield* Effect.scoped(Effect.gen(function*() {
      const batcher = yield* Batcher.make({ onLeft, retry: Schedule.recurs(3) })
      const failure = yield* Effect.flip(batcher.process([insert(1), insert(2)]))
      assert.isTrue(BatchError.isBatchError(failure))
      if (!BatchError.isBatchError(failure)) return
      assert.deepStrictEqual(failure.counts, { applied: 0, notApplied: 0, unknown: 2 })
      assert.isUndefined(failure.failed)
      assert.strictEqual(failure.outcome, "unknown")
    })).pipe(Effect.provideService(Database.Database, db))
    assert.deepStrictEqual(yield* left, [[0, "unknown"], [1, "unknown"]])
    assert.deepStrictEqual(yield* ids, [1, 2])
  }).pipe(Effect.provide(fresh())))

  it.scopedLive("a deadlock is retried as a whole, and counted", () => Effect.gen(function*() {
    let deadlocks = 2
    const db = yield* changed((db) => ({
      batch: (statements, options) =>
        Effect.suspend(() => deadlocks-- > 0 ? SqlError.fail(new Reason.DeadlockError({ message: "deadlock" })) : db.batch(statements, options))
    }))
    const report = yield* Effect.flatMap(Batcher.make({ retry: Schedule.recurs(3) }), (batcher) => batcher.process([insert(1), insert(2)])).pipe(
      Effect.provideService(Database.Database, db)
    )
    assert.deepStrictEqual([report.sent, report.batches, report.retries], [2, 1, 2])
    assert.deepStrictEqual(yield* ids, [1, 2])
  }).pipe(Effect.provide(fresh())))
})

describe("B4 a full buffer suspends its producers", () => {
  it.scoped("one batch is sent, one is ready, and the next producer waits", () => Effect.gen(function*() {
    const batcher = yield* Batcher.make({ maxStatements: 2 })
    const unlock = yield* locked
    const producer = yield* Effect.fork(Effect.forEach(range(1, 20), (id) => batcher.add(insert(id))))
    yield* Effect.yieldNow()
    const { pending, sending, waiting } = yield* batcher.state
    assert.deepStrictEqual({ pending, sending, waiting }, { pending: 2, sending: 2, waiting: 1 })
    yield* unlock
    const full = yield* Fiber.join(producer)
    assert.deepStrictEqual(full, range(1, 20).map((id) => id % 2 === 0))
    yield* batcher.flush()
    assert.deepStrictEqual(yield* ids, range(1, 20))
  }).pipe(Effect.provide(fresh())))

  it.scoped("a stream is not pulled further than the buffer takes", () => Effect.gen(function*() {
    const batcher = yield* Batcher.make({ maxStatements: 10 })
    const unlock = yield* locked
    let pulled = 0
    const stream = Stream.range(1, 1_000, 1).pipe(Stream.map((id) => {
      pulled++
      return insert(id)
    }))
    const process = yield* Effect.fork(batcher.process(stream))
    yield* Effect.yieldNow()
    assert.isBelow(pulled, 30)
    yield* unlock
    const { batches, sent, statements } = yield* Fiber.join(process)
    assert.deepStrictEqual({ batches, sent, statements }, { batches: 100, sent: 1_000, statements: 1_000 })
    assert.deepStrictEqual(yield* ids, range(1, 1_000))
  }).pipe(Effect.provide(fresh())))
})

describe("adding and flushing", () => {
  it.scoped("add answers true when the batch became full, and it is sent at once", () => Effect.gen(function*() {
    const batcher = yield* Batcher.make({ maxStatements: 2 })
    assert.deepStrictEqual([yield* batcher.add(insert(1)), yield* batcher.add(insert(2)), yield* batcher.add(insert(3))], [false, true, false])
    assert.strictEqual((yield* batcher.state).pending, 1)
    yield* batcher.flush()
    assert.deepStrictEqual(yield* ids, [1, 2, 3])
  }).pipe(Effect.provide(fresh())))

  it.scoped("autoFlush: false leaves the sending to the caller, and loses nothing", () => Effect.gen(function*() {
    const batcher = yield* Batcher.make({ maxBytes: 40, autoFlush: false })
    assert.deepStrictEqual(yield* Effect.forEach(range(1, 4), (id) => batcher.add(insert(id))), [false, true, true, true])
    assert.strictEqual(yield* count, 0)
    assert.strictEqual((yield* batcher.state).pending, 4)
    assert.strictEqual(yield* batcher.flush(), 4)
    assert.strictEqual(yield* batcher.flush(), 0)
    assert.deepStrictEqual(yield* ids, [1, 2, 3, 4])
  }).pipe(Effect.provide(fresh())))

  it.scoped("takes statements with parameters, and counts their bytes", () => Effect.gen(function*() {
    const db = yield* Database.Database
    const batcher = yield* Batcher.make({ maxBytes: 1_000 })
    yield* batcher.add(db`INSERT INTO t ${db.insert({ id: 1, name: "a;b'c" })}`)
    assert.isTrue(yield* batcher.add(db`INSERT INTO t (id, name) VALUES (${2}, ${"x".repeat(2_000)})`))
    yield* batcher.flush()
    assert.deepStrictEqual(yield* db<{ n: string }>`SELECT substr(name, 1, 5) AS n FROM t`.column("n"), ["a;b'c", "xxxxx"])
  }).pipe(Effect.provide(fresh())))

  it.scoped("a batch is sent when it has lingered", () => Effect.gen(function*() {
    const batcher = yield* Batcher.make({ linger: "100 millis" })
    const first = yield* Effect.fork(batcher.addAwait(insert(1)))
    yield* TestClock.adjust("60 millis")
    const second = yield* Effect.fork(batcher.addAwait(insert(2)))
    yield* TestClock.adjust("39 millis")
    assert.strictEqual((yield* batcher.state).pending, 2)
    yield* TestClock.adjust("1 millis")
    yield* Fiber.join(Fiber.zip(first, second))
    assert.deepStrictEqual(yield* ids, [1, 2])
    yield* batcher.add(insert(3))
    yield* TestClock.adjust("99 millis")
    assert.strictEqual((yield* batcher.state).pending, 1)
    yield* TestClock.adjust("1 millis")
    assert.strictEqual((yield* batcher.state).pending, 0)
    yield* batcher.flush()
    assert.deepStrictEqual((yield* batcher.report).batches, 2)
  }).pipe(Effect.provide(fresh())))

  it.scoped("batches overtake each other only where that is allowed", () => Effect.gen(function*() {
    const batcher = yield* Batcher.make({ maxStatements: 10, inFlight: 4, ordered: false })
    const report = yield* batcher.process(range(1, 200).map(insert))
    assert.strictEqual(report.batches, 20)
    assert.deepStrictEqual((yield* ids).toSorted((a, b) => a - b), range(1, 200))
  }).pipe(Effect.provide(fresh())))

  it.scoped("a sink takes a stream of statements and reports", () => Effect.gen(function*() {
    const batcher = yield* Batcher.make({ maxStatements: 100 })
    const report = yield* Stream.run(Stream.fromChunk(Chunk.fromIterable(range(1, 250).map(insert))), batcher.sink)
    assert.deepStrictEqual({ ...report, milliseconds: 0 }, {
      statements: 250, sent: 250, batches: 3, bytes: range(1, 250).map(insert).join(";").length + 1, rowsMerged: 0, deadLettered: 0, retries: 0, milliseconds: 0
    })
    assert.strictEqual(yield* count, 250)
  }).pipe(Effect.provide(fresh())))
})

describe("bad input", () => {
  it.scoped.each([
    ["maxBytes", { maxBytes: 0 }], ["maxStatements", { maxStatements: -1 }], ["linger", { linger: 0 }], ["linger", { linger: -5 }],
    ["inFlight", { inFlight: 0 }], ["inFlight", { inFlight: 2 }], ["closeTimeout", { closeTimeout: "-1 second" as never }],
    ["transaction", { transaction: "some" as never }], ["retry", { transaction: "all", retry: Schedule.recurs(1) }]
  ] as ReadonlyArray<readonly [string, Batcher.Options]>)("%s that cannot work is a ConfigError that names it", ([field, options]) => Effect.gen(function*() {
    const { reason } = yield* Effect.flip(Batcher.make(options))
    assert.instanceOf(reason, Reason.ConfigError)
    assert.strictEqual(reason.field, field)
  }).pipe(Effect.provide(fresh())))

  it.scoped("an empty statement and a text as a list are refused", () => Effect.gen(function*() {
    const batcher = yield* Batcher.make()
    for (const add of [batcher.add(" \n"), batcher.addAwait(""), batcher.process("SELECT 1"), batcher.process([insert(1), ""])]) {
      assert.strictEqual(reasonOf(yield* Effect.flip<unknown, BatchError.BatchError | SqlError.SqlError, never>(add)), "ConfigError")
    }
  }).pipe(Effect.provide(fresh())))

  it.scoped("a batcher used after its scope is a ClosedError", () => Effect.gen(function*() {
    const batcher = yield* Effect.scoped(Batcher.make())
    for (const use of [batcher.add(insert(1)), batcher.addAwait(insert(1)), batcher.flush(), batcher.process([])]) {
      assert.strictEqual(reasonOf(yield* Effect.flip<unknown, BatchError.BatchError | SqlError.SqlError, never>(use)), "ClosedError")
    }
    assert.strictEqual(yield* count, 0)
  }).pipe(Effect.provide(fresh())))
})
