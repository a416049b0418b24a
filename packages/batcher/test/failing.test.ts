/**
 * What a batcher does when something fails, and what stands around a batch: dead letters, retries, hooks, collectors. Over
 * SQLite on this thread, and over callbacks where no database is asked.
 */
import { Batcher, BatchError, DeadLetter, QueryCollector } from "@sluice/batcher"
import { CircuitBreaker, Database, Reason, SqlError } from "@sluice/core"
import * as FileSystem from "@effect/platform/FileSystem"
import { SystemError } from "@effect/platform/Error"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Duration, Effect, Exit, Fiber, Layer, Metric, Queue, Redacted, Schedule, Scope, TestClock } from "effect"
import { inspect } from "node:util"
import { fresh, ids, insert } from "./database.js"

const database = fresh({ threads: false })

const refused = (message = "no") => SqlError.make(new Reason.UniqueViolation({ message }))

/** A file system of one map, as far as it is needed here. */
const files = () => {
  const contents = new Map<string, string>()
  const layer = FileSystem.layerNoop({
    exists: (path) => Effect.sync(() => contents.has(path)),
    readFileString: (path) => Effect.sync(() => contents.get(path) ?? ""),
    writeFileString: (path, data, options) => path === "/full" ? Effect.fail(new SystemError({ module: "FileSystem", method: "writeFileString", reason: "Unknown", pathOrDescriptor: path })) : Effect.sync(() => void contents.set(path, (options?.flag === "a" ? contents.get(path) ?? "" : "") + data))
  })
  return { contents, layer }
}

describe("B3 dead letters", () => {
  it.scoped("a queue, a table and a file take what is refused", () => Effect.gen(function*() {
    const db = yield* Database.Database
    yield* db`CREATE TABLE refused (statement TEXT, parameters TEXT, reason TEXT, message TEXT, outcome TEXT)`
    const { contents, layer } = files()
    const queue = yield* Queue.unbounded<DeadLetter.Letter>()
    const file = yield* Effect.provide(DeadLetter.file("/refused.ndjson"), layer)
    for (const deadLetter of [DeadLetter.queue(queue), yield* DeadLetter.table("refused"), file]) {
      yield* db`DELETE FROM t`
      const batcher = yield* Batcher.make({ deadLetter })
      const report = yield* batcher.process([insert(1), db`INSERT INTO t (id) VALUES (${1})`, insert(2)], { job: "j", run: 9_007_199_254_740_993n, key: Buffer.from([1, 2]) })
      assert.deepStrictEqual([report.sent, report.deadLettered, yield* ids], [2, 1, [1, 2]])
    }
    const letter = yield* queue.take
    assert.deepStrictEqual([letter.index, letter.params, letter.metadata?.["job"], letter.error?._tag], [1, [1], "j", "SqlError"])
    assert.deepStrictEqual(yield* db`SELECT statement, parameters, reason, outcome FROM refused`, [
      { statement: "INSERT INTO t (id) VALUES (?)", parameters: "[1]", reason: "UniqueViolation", outcome: "not-applied" }
    ])
    assert.deepStrictEqual(JSON.parse(contents.get("/refused.ndjson") ?? ""), {
      statement: "INSERT INTO t (id) VALUES (?)", parameters: [1], reason: "UniqueViolation", message: letter.error?.message, outcome: "not-applied",
      metadata: { job: "j", run: "9007199254740993", key: "AQI=" }
    })
  }).pipe(Effect.provide(database)))

  it.scoped("a COMMIT that is refused for one row leaves out that row", () => Effect.gen(function*() {
    const db = yield* Database.Database
    yield* db`PRAGMA foreign_keys = ON`
    yield* db`CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)`
    yield* db`INSERT INTO t (id) VALUES (1)`
    const letters: Array<number> = []
    const batcher = yield* Batcher.make({ deadLetter: (more) => Effect.sync(() => void letters.push(...more.map((letter) => letter.index))) })
    const report = yield* batcher.process(Array.from({ length: 20 }, (_, id) => `INSERT INTO child VALUES (${id}, ${id === 13 ? 99 : 1})`))
    assert.deepStrictEqual([letters, report.sent, yield* db<number>`SELECT count(*) FROM child`.scalar], [[13], 19, 19])
  }).pipe(Effect.provide(database)))

  it.scoped("through a callback a batch is split by halves until the statement is alone", () => Effect.gen(function*() {
    let calls = 0
    const applied: Array<string> = []
    const letters: Array<number> = []
    const batcher = yield* Batcher.make({
      deadLetter: (more) => Effect.sync(() => void letters.push(...more.map((letter) => letter.index))),
      execute: (text) => Effect.suspend(() => {
        calls++
        if (text.includes("(700)")) return Effect.fail(refused())
        applied.push(text)
        return Effect.void
      })
    })
    yield* batcher.process(Array.from({ length: 1_024 }, (_, id) => insert(id)))
    assert.deepStrictEqual(letters, [700])
    assert.isAtMost(calls, 1 + 2 * 10)
    assert.deepStrictEqual(applied.join("").split(";").length - 1, 1_023)
  }))

  it.scoped("one that throws, or that nobody empties, leaves its statements and does not hold the closing up", () => Effect.gen(function*() {
    const full = yield* Queue.bounded<DeadLetter.Letter>(1)
    for (const [deadLetter, taken] of [[() => { throw new Error("thrown") }, 0], [DeadLetter.queue(full), 1]] as ReadonlyArray<readonly [DeadLetter.DeadLetter, number]>) {
      const left: Array<number> = []
      const scope = yield* Scope.make()
      const batcher = yield* Scope.extend(Batcher.make({
        deadLetter,
        maxStatements: 1,
        closeTimeout: "5 seconds",
        execute: () => Effect.fail(refused()),
        onLeft: ({ statements }) => Effect.sync(() => void left.push(...statements.map(({ index }) => index)))
      }), scope)
      yield* Effect.ignore(batcher.add(insert(1)))
      yield* Effect.ignore(batcher.add(insert(2)))
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(closing)
      assert.deepStrictEqual([left, yield* full.size], [taken === 1 ? [1] : [0], taken])
    }
  }))

  it.scoped("one that takes what is left has as long again, and then the rest is told in the log", () => Effect.gen(function*() {
    const scope = yield* Scope.make()
    const batcher = yield* Scope.extend(Batcher.make({ deadLetter: () => Effect.never, closeTimeout: "5 seconds", execute: () => Effect.void }), scope)
    yield* batcher.add(insert(1))
    const closing = yield* Effect.fork(Scope.close(scope, Exit.fail("no")))
    yield* TestClock.adjust("4 seconds")
    assert.isNull(closing.unsafePoll())
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(closing)
  }))

  it.scoped("what was applied while a bad statement was looked for is told as applied, whatever fails behind it", () => Effect.gen(function*() {
    const lost = SqlError.make(new Reason.ConnectionError({ message: "lost", outcome: "not-applied" }))
    const applied: Array<string> = []
    const batcher = yield* Batcher.make({
      deadLetter: () => Effect.void,
      onLeft: () => Effect.void,
      execute: (text) => text.includes("(2)") ? Effect.fail(refused()) : text.includes("(4)") ? Effect.fail(lost) : Effect.sync(() => applied.push(text))
    })
    const error = yield* Effect.flip(batcher.process([1, 2, 3, 4].map(insert)))
    assert.isTrue(BatchError.isBatchError(error))
    if (!BatchError.isBatchError(error)) return
    assert.deepStrictEqual(applied, [`${insert(1)};`])
    assert.deepStrictEqual([error.applied, error.notApplied].map((items) => items.map(({ index }) => index)), [[0], [1, 2, 3]])
  }))

  it.scoped("INSERTs that were merged into one statement stay one transaction while the bad row is looked for", () => Effect.gen(function*() {
    const db = yield* Database.Database
    let commits = 0
    // Those with options are the batcher's own; its savepoints have none.
    const counted = new Proxy(db, {
      get: (target, key) => {
        if (key === "transaction") return (first: object) => Effect.isEffect(first) ? db.transaction(first) : (commits++, db.transaction(first))
        return Reflect.get(target, key, target)
      }
    })
    const batcher = yield* Effect.provideService(Batcher.make({ mergeInserts: true, deadLetter: () => Effect.void }), Database.Database, counted)
    const report = yield* batcher.process([1, 2, 1, 3].map(insert))
    assert.deepStrictEqual([report.sent, report.deadLettered, yield* ids, commits], [3, 1, [1, 2, 3], 1])
  }).pipe(Effect.provide(database)))

  it.scoped("one that fails in one transaction for all leaves all of it, and nothing is there", () => Effect.gen(function*() {
    const left: Array<number> = []
    yield* Effect.scoped(Effect.gen(function*() {
      const batcher = yield* Batcher.make({
        transaction: "all",
        deadLetter: () => Effect.fail("full"),
        onLeft: ({ statements }) => Effect.sync(() => void left.push(...statements.map(({ index }) => index)))
      })
      const error = yield* Effect.flip(batcher.process([insert(1), insert(1), insert(2)]))
      assert.isTrue(BatchError.isBatchError(error))
      if (BatchError.isBatchError(error)) assert.deepStrictEqual(error.counts, { applied: 0, notApplied: 3, unknown: 0 })
    }))
    assert.deepStrictEqual([left, yield* ids], [[0, 1, 2], []])
  }).pipe(Effect.provide(database)))

  it.scoped("what the dead letter has taken in one transaction for all stays with it when COMMIT is refused", () => Effect.gen(function*() {
    const db = yield* Database.Database
    yield* db`PRAGMA foreign_keys = ON`
    yield* db`CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)`
    const letters: Array<number> = []
    const left: Array<number> = []
    yield* Effect.scoped(Effect.gen(function*() {
      const batcher = yield* Batcher.make({
        transaction: "all",
        deadLetter: (more) => Effect.sync(() => void letters.push(...more.map(({ index }) => index))),
        onLeft: ({ statements }) => Effect.sync(() => void left.push(...statements.map(({ index }) => index)))
      })
      const error = yield* Effect.flip(batcher.process([insert(1), insert(1), "INSERT INTO child VALUES (1, 99)"]))
      assert.isTrue(BatchError.isBatchError(error))
      if (BatchError.isBatchError(error)) assert.deepStrictEqual(error.counts, { applied: 0, notApplied: 2, unknown: 0 })
      assert.strictEqual((yield* batcher.report).deadLettered, 1)
    }))
    assert.deepStrictEqual([letters, left, yield* ids], [[1], [0, 2], []])
    assert.strictEqual((yield* db.pool.stats).lent, 0)
  }).pipe(Effect.provide(database)))

  it.effect("gets what is left when the scope fails, and onLeft before it", () => Effect.gen(function*() {
    for (const withLeft of [false, true]) {
      const letters: Array<DeadLetter.Letter> = []
      const left: Array<number> = []
      yield* Effect.exit(Effect.scoped(Effect.gen(function*() {
        const batcher = yield* Batcher.make({
          execute: () => Effect.void,
          deadLetter: (more) => Effect.sync(() => void letters.push(...more)),
          ...(withLeft ? { onLeft: ({ statements }: Batcher.Left) => Effect.sync(() => void left.push(...statements.map(({ index }) => index))) } : {})
        })
        yield* batcher.add(insert(1))
        return yield* Effect.fail("no")
      })))
      assert.deepStrictEqual([letters.map(({ error, index }) => [index, error]), left], withLeft ? [[], [0]] : [[[0, undefined]], []])
    }
  }))
})

describe("retry and breaker", () => {
  const passing = (outcome: Reason.Outcome) => SqlError.make(new Reason.ConnectionError({ message: "lost", outcome }))

  it.scopedLive("what is surely not applied is sent again, and what may be is not", () => Effect.gen(function*() {
    for (const [outcome, expected] of [["not-applied", 3], ["unknown", 1]] as const) {
      let calls = 0
      const batcher = yield* Batcher.make({
        retry: Schedule.recurs(5),
        onLeft: () => Effect.void,
        execute: () => Effect.suspend(() => ++calls < 3 ? Effect.fail(passing(outcome)) : Effect.void)
      })
      const exit = yield* Effect.exit(batcher.process([insert(1), insert(2)]))
      assert.deepStrictEqual([calls, Exit.isSuccess(exit)], [expected, expected === 3])
      assert.strictEqual((yield* batcher.report).retries, expected === 3 ? 2 : 0)
    }
  }))

  it.scoped("an open breaker stops the batches, and is told by its own error", () => Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make({ threshold: 1 })
    yield* Effect.exit(breaker.protect(Effect.fail(passing("not-applied"))))
    const batcher = yield* Batcher.make({ circuitBreaker: breaker, onLeft: () => Effect.void, execute: () => Effect.void })
    const error = yield* Effect.flip(batcher.process([insert(1)]))
    assert.isTrue(BatchError.isBatchError(error))
    if (BatchError.isBatchError(error)) assert.deepStrictEqual([error.error.reason._tag, error.outcome], ["CircuitOpenError", "not-applied"])
  }))

  it.scoped("after a timeout an adaptive batcher sends halves, and makes smaller batches", () => Effect.gen(function*() {
    const sizes: Array<number> = []
    const batcher = yield* Batcher.make({
      adaptive: true,
      maxBytes: 160_000,
      execute: (_, batch) => Effect.suspend(() => {
        if (batch.statements.length > 100) return Effect.fail(SqlError.make(new Reason.StatementTimeoutError({ message: "slow", timeout: "server", outcome: "not-applied" })))
        sizes.push(batch.statements.length)
        return Effect.void
      })
    })
    assert.strictEqual((yield* batcher.state).limit, 10_000)
    yield* batcher.process(Array.from({ length: 1_000 }, (_, id) => insert(id)))
    assert.strictEqual(sizes.reduce((sum, size) => sum + size, 0), 1_000)
    assert.isAtMost((yield* batcher.state).limit, 5_000)
  }))

  it.scoped("an adaptive batcher makes larger batches while the time per byte falls", () => Effect.gen(function*() {
    const batcher = yield* Batcher.make({ adaptive: true, maxBytes: 160_000, execute: () => Effect.sleep("100 millis") })
    const fiber = yield* Effect.fork(batcher.process(Array.from({ length: 20_000 }, (_, id) => insert(id))))
    yield* TestClock.adjust("10 seconds")
    yield* Fiber.join(fiber)
    assert.strictEqual((yield* batcher.state).limit, 160_000)
  }))
})

describe("around a batch", () => {
  it.scoped("hooks see each batch before and after it", () => Effect.gen(function*() {
    const seen: Array<unknown> = []
    const batcher = yield* Batcher.make({
      maxStatements: 2,
      execute: (text) => Effect.sync(() => void seen.push(text)),
      beforeBatch: ({ id, metadata, statements }) => Effect.sync(() => void seen.push(["before", id, statements.length, metadata])),
      afterBatch: ({ outcome, statements }) => Effect.sync(() => void seen.push(["after", outcome, statements]))
    })
    yield* batcher.process(["A", "B", "C"], { job: 1 })
    assert.deepStrictEqual(seen, [["before", 0, 2, { job: 1 }], "A;B;", ["after", "applied", 2], ["before", 1, 1, { job: 1 }], "C;", ["after", "applied", 1]])
  }))

  it.scoped("a record is one per batch whatever it took, and shows no parameter", () => Effect.gen(function*() {
    const db = yield* Database.Database
    const collector = yield* QueryCollector.make
    const batcher = yield* Effect.provideService(Batcher.make({ maxStatements: 3, deadLetter: () => Effect.void }), QueryCollector.QueryCollector, collector)
    yield* batcher.process([insert(1), insert(1), db`INSERT INTO t (id, name) VALUES (${2}, ${"secret"})`, insert(3)])
    const records = yield* collector.all
    assert.deepStrictEqual(records.map(({ outcome, statements }) => [outcome, statements]), [["partial", 3], ["applied", 1]])
    for (const printed of [JSON.stringify(records), inspect(records, { depth: 9 }), JSON.stringify(batcher), inspect(batcher)]) assert.notInclude(printed, "secret")
    assert.deepStrictEqual(Redacted.value(records[0]!.parameters)[2], [2, "secret"])
  }).pipe(Effect.provide(database)))

  it.scoped("lines of a file, and metrics; a collector that fails does not fail the batch", () => Effect.gen(function*() {
    const { contents, layer } = files()
    const file = yield* Effect.provide(QueryCollector.file("/batches.ndjson"), layer)
    const full = yield* Effect.provide(QueryCollector.file("/full"), layer)
    const metrics = yield* QueryCollector.metrics
    const batcher = yield* Batcher.make({ execute: () => Effect.void })
    const throwing = { ...metrics, collect: () => { throw new Error("thrown") } }
    for (const collector of [file, full, throwing, metrics]) yield* batcher.process(["A", "B"], { a: 1n }, collector)
    assert.deepStrictEqual((contents.get("/batches.ndjson") ?? "").trim().split("\n").map((line) => JSON.parse(line)), [
      { text: "A;B;", statements: 2, bytes: 4, metadata: { a: "1" }, outcome: "applied", duration: 0, parameters: "<redacted>" }
    ])
    assert.deepStrictEqual((yield* file.all).map((record) => record.text), ["A;B;"])
    contents.set("/batches.ndjson", `${contents.get("/batches.ndjson")}{"text":"C;","sta`)
    assert.include((yield* Effect.flip(file.all)).message, "line 2 is no record")
    yield* file.clear
    assert.deepStrictEqual([yield* file.all, yield* file.count, yield* full.count, yield* metrics.count], [[], 0, 0, 1])
    assert.isAtLeast((yield* Metric.value(Metric.tagged(Metric.counter("sluice.batcher.statements"), "outcome", "applied"))).count, 2)
  }))

  it.scoped("a batcher without a database takes what compiles by itself, and its parameters beside the text", () => Effect.gen(function*() {
    const db = yield* Database.Database
    const seen: Array<readonly [string, ReadonlyArray<unknown>]> = []
    const batcher = yield* Batcher.make({ execute: (text, batch) => Effect.sync(() => void seen.push([text, batch.statements.flatMap(({ params }) => params)])) })
    yield* batcher.process(["A", "B", db`SELECT ${1}`, "C"])
    assert.deepStrictEqual(seen, [["A;B;", []], ["SELECT ?;", [1]], ["C;", []]])
  }).pipe(Effect.provide(database)))

  it.scoped("closeTimeout bounds the closing, and the rest is handed over", () => Effect.gen(function*() {
    const left: Array<unknown> = []
    const scope = yield* Scope.make()
    const batcher = yield* Scope.extend(
      Batcher.make({ closeTimeout: "10 seconds", maxStatements: 1, execute: () => Effect.never, onLeft: ({ statements }) => Effect.sync(() => void left.push(...statements.map(({ index, outcome }) => [index, outcome]))) }),
      scope
    )
    yield* batcher.add("A")
    yield* batcher.add("B")
    const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
    yield* TestClock.adjust(Duration.seconds(9))
    assert.isNull(closing.unsafePoll())
    yield* TestClock.adjust(Duration.seconds(1))
    yield* Fiber.join(closing)
    assert.deepStrictEqual(left, [[0, "unknown"], [1, "not-applied"]])
  }))

  it.scoped("closeTimeout bounds hooks, too: a batch that was applied stays so", () => Effect.gen(function*() {
    const seen: Array<string> = []
    const left: Array<number> = []
    const scope = yield* Scope.make()
    const batcher = yield* Scope.extend(Batcher.make({
      closeTimeout: "10 seconds",
      maxStatements: 1,
      execute: (text) => Effect.sync(() => seen.push(text)),
      afterBatch: () => Effect.never,
      onLeft: ({ statements }) => Effect.sync(() => void left.push(...statements.map(({ index }) => index)))
    }), scope)
    yield* batcher.add("A")
    yield* batcher.add("B")
    const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
    yield* TestClock.adjust(Duration.seconds(10))
    yield* Fiber.join(closing)
    assert.deepStrictEqual([seen, left], [["A;"], [1]])
  }))

  it.effect("a layer takes its options from the config provider", () => Effect.gen(function*() {
    const { Config } = yield* Effect.promise(() => import("effect"))
    const live = Batcher.layerConfig({ maxBytes: Config.integer("BATCH_BYTES"), dryRun: Config.boolean("DRY_RUN") }).pipe(
      Layer.provide(database),
      Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["BATCH_BYTES", "77"], ["DRY_RUN", "true"]]))))
    )
    const limit = Effect.flatMap(Batcher.Batcher, (batcher) => Effect.map(batcher.state, (state) => state.limit))
    assert.strictEqual(yield* Effect.provide(limit, live), 77)
  }))
})
