/**
 * SQL Batcher's own statements, and every defect of it that seeds.md names: what it loses, ours does not. A callback takes the
 * place of its adapter, so that what would be executed is seen as it is.
 */
import * as Public from "@sluice/batcher"
import { Batcher, BatchError, QueryCollector } from "@sluice/batcher"
import { CircuitBreaker, Reason, Retry, SqlError } from "@sluice/core"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Exit, Fiber, Random, Stream, TestClock } from "effect"

/** A receiver that remembers every text. */
const receiver = () => {
  const texts: Array<string> = []
  return { texts, execute: (text: string) => Effect.sync(() => texts.push(text)) }
}

const insert = (id: number) => `INSERT INTO t VALUES (${id})`

const made = (options: Batcher.Options = {}) => {
  const { execute, texts } = receiver()
  return Effect.map(Batcher.make({ ...options, execute }), (batcher) => ({ batcher, texts }))
}

describe("defaults and options", () => {
  it.scoped("SB-2 a batch holds 1,000,000 bytes, and never more than maxBytes says", () => Effect.gen(function*() {
    const { batcher } = yield* made()
    assert.strictEqual((yield* batcher.state).limit, 1_000_000)
  }))

  it.scoped("SB-3 without batch mode each statement is sent alone", () => Effect.gen(function*() {
    const { batcher, texts } = yield* made({ batchMode: false })
    const report = yield* batcher.process([insert(1), insert(2), insert(3)])
    assert.deepStrictEqual([report.batches, texts], [3, [`${insert(1)};`, `${insert(2)};`, `${insert(3)};`]])
  }))

  it.scoped("SB-4 merging is off unless asked for", () => Effect.gen(function*() {
    const [plain, merged] = [yield* made(), yield* made({ mergeInserts: true })]
    yield* plain.batcher.process([insert(1), insert(2)])
    const report = yield* merged.batcher.process([insert(1), insert(2)])
    assert.deepStrictEqual([plain.texts, merged.texts], [[`${insert(1)};${insert(2)};`], ["INSERT INTO t VALUES (1),(2);"]])
    assert.deepStrictEqual([report.statements, report.sent, report.rowsMerged], [2, 2, 1])
  }))

  it.scoped("SB-1, SB-11 everything has its default, and what they show as attributes is in `state`", () => Effect.gen(function*() {
    const { batcher } = yield* made()
    assert.deepStrictEqual(yield* batcher.state, {
      pending: 0, bytes: 0, sending: 0, waiting: 0, left: 0, columns: undefined, factor: 1, limit: 1_000_000, failure: undefined, isClosed: false
    })
    yield* batcher.add(insert(1))
    const { bytes, pending } = yield* batcher.state
    assert.deepStrictEqual([pending, bytes], [1, 25])
  }))

  it.scoped("SB-5, SB-6, SB-7 columns adjust nothing unless asked for, and then by the reference and within the factors that are given", () => Effect.gen(function*() {
    for (const [options, factor] of [
      [{}, 1], [{ autoAdjustForColumns: true }, 2], [{ autoAdjustForColumns: true, referenceColumnCount: 3 }, 1.5],
      [{ autoAdjustForColumns: true, maxAdjustmentFactor: 4 }, 4], [{ autoAdjustForColumns: true, referenceColumnCount: 1, minAdjustmentFactor: 0.7 }, 0.7],
      [{ autoAdjustForColumns: true, batchMode: false }, 1]
    ] as const) {
      const { batcher } = yield* made({ ...options, autoFlush: false })
      yield* batcher.add("INSERT INTO t (a, b) VALUES (1, 2)")
      assert.deepStrictEqual([(yield* batcher.state).factor, (yield* batcher.state).limit], [factor, 1_000_000 * factor])
    }
  }))

  it.scoped("SB-8 the delimiter stands after each statement, once, whether it was there or not", () => Effect.gen(function*() {
    for (const delimiter of ["GO", "\nGO\n"]) {
      const { batcher, texts } = yield* made({ delimiter })
      yield* batcher.process(["SELECT 1", "SELECT 2 GO", "SELECT 3\nGO\n", "DELETE FROM CARGO", "SELECT ';'"])
      // A word of its own, and no part of the words around it.
      assert.deepStrictEqual(texts.map((text) => text.replaceAll(/\s+/g, " ")), ["SELECT 1 GO SELECT 2 GO SELECT 3 GO DELETE FROM CARGO GO SELECT ';' GO "])
      assert.strictEqual((yield* batcher.report).bytes, texts.join("").length)
    }
    const semicolons = yield* made()
    yield* semicolons.batcher.process(["DELETE FROM a", "DELETE FROM b;", "DELETE FROM c ; -- the last one", "DELETE FROM d -- no;"])
    assert.deepStrictEqual(semicolons.texts, ["DELETE FROM a;DELETE FROM b;DELETE FROM c ;DELETE FROM d -- no;\n;"])
  }))

  it.scoped("SB-10 an option that cannot work is a ConfigError that names it", () => Effect.gen(function*() {
    for (const [field, options] of [
      ["maxParameters", { maxParameters: 0 }], ["delimiter", { delimiter: "" }], ["referenceColumnCount", { referenceColumnCount: 0 }],
      ["minAdjustmentFactor", { minAdjustmentFactor: 0 }], ["maxAdjustmentFactor", { minAdjustmentFactor: 1, maxAdjustmentFactor: 0.5 }],
      ["transaction", { transaction: "batch" }], ["circuitBreaker.threshold", { circuitBreaker: { threshold: 0 } }]
    ] as ReadonlyArray<readonly [string, Batcher.Options]>) {
      const { reason } = yield* Effect.flip(made(options))
      assert.strictEqual(reason._tag, "ConfigError")
      assert.include(reason.message, field.split(".").at(-1) ?? field)
    }
  }))
})

describe("columns", () => {
  it.scoped.each([[1, 2], [5, 2], [8, 1.25], [10, 1], [20, 0.5], [30, 0.5]] as const)("SB-12 %d columns multiply maxBytes by %d", ([columns, factor]) => Effect.gen(function*() {
    const { batcher } = yield* made({ autoAdjustForColumns: true, maxBytes: 1_001 })
    yield* batcher.add(`INSERT INTO t VALUES (${Array.from({ length: columns }, (_, i) => i).join(", ")})`)
    const state = yield* batcher.state
    assert.deepStrictEqual([state.columns, state.factor, state.limit], [columns, factor, Math.trunc(1_001 * factor)])
  }))

  it.scoped("SB-13 the first INSERT decides, until the next flush or reset", () => Effect.gen(function*() {
    const { batcher } = yield* made({ autoAdjustForColumns: true })
    const columns = Effect.map(batcher.state, (state) => state.columns)
    yield* batcher.add("UPDATE t SET a = 1")
    assert.isUndefined(yield* columns)
    yield* batcher.add("INSERT INTO t (a, b) VALUES (1, 2)")
    yield* batcher.add("INSERT INTO t (a, b, c) VALUES (1, 2, 3)")
    assert.strictEqual(yield* columns, 2)
    yield* batcher.flush()
    assert.isUndefined(yield* columns)
    yield* batcher.add("INSERT INTO t (a, b, c) VALUES (1, 2, 3)")
    assert.strictEqual(yield* columns, 3)
    yield* batcher.reset
    assert.deepStrictEqual([yield* columns, (yield* batcher.state).factor], [undefined, 1])
  }))

  it.scoped.each([
    ["INSERT INTO t VALUES (f(1, 2), 3)", 2], ["INSERT INTO t VALUES ('a,b')", 1], ["INSERT INTO s.t (a, b) SELECT 1, 2", 2],
    ["insert into t (a, \"b,c\") values (1, 2)", 2], ["INSERT INTO t VALUES ((1 + 2), '(', 3) -- , 4", 3], ["INSERT INTO t /* (a, b, c) */ VALUES (1, 2)", 2],
    ["INSERT INTO t SELECT f(1, 2)", "unknown"], ["UPDATE t SET a = (1, 2)", "unknown"]
  ] as const)("SB-14 the columns of %s are %s", ([statement, columns]) => Effect.gen(function*() {
    const { batcher } = yield* made({ autoAdjustForColumns: true })
    yield* batcher.add(statement)
    assert.strictEqual((yield* batcher.state).columns ?? "unknown", columns)
  }))
})

describe("sizes", () => {
  it.scoped("SB-15 what is sent is never larger than maxBytes: delimiters count, in UTF-8", () => Effect.gen(function*() {
    const { batcher, texts } = yield* made({ maxBytes: 19 })
    yield* batcher.process(["SELECT 1;", "SELECT 2;", "SELECT 'é'", "SELECT '😀'"])
    for (const text of texts) assert.isAtMost(Buffer.byteLength(text), 19)
    assert.deepStrictEqual(texts, ["SELECT 1;SELECT 2;", "SELECT 'é';", "SELECT '😀';"])
    assert.strictEqual((yield* batcher.report).bytes, Buffer.byteLength(texts.join("")))
  }))

  it.scoped("SB-16 maxBytes itself still fits", () => Effect.gen(function*() {
    const { batcher, texts } = yield* made({ maxBytes: 18 })
    assert.deepStrictEqual([yield* batcher.add("SELECT 1"), yield* batcher.add("SELECT 2")], [false, true])
    yield* batcher.flush()
    assert.deepStrictEqual(texts, ["SELECT 1;SELECT 2;"])
  }))

  it.scoped("SB-17 a statement longer than the limit goes alone, once", () => Effect.gen(function*() {
    const { batcher, texts } = yield* made({ maxBytes: 30 })
    const long = `INSERT INTO t VALUES ('${"x".repeat(100)}')`
    yield* batcher.process(["SELECT 1", long, "SELECT 2"])
    assert.deepStrictEqual(texts, ["SELECT 1;", `${long};`, "SELECT 2;"])
  }))
})

describe("adding, flushing, processing", () => {
  it.scoped("SB-18 add answers true when the batch became full, and loses nothing", () => Effect.gen(function*() {
    for (const autoFlush of [true, false]) {
      const { batcher, texts } = yield* made({ maxBytes: 30, autoFlush })
      for (const id of [1, 2, 3, 4]) yield* batcher.add(insert(id))
      assert.strictEqual(yield* batcher.flush(), autoFlush ? 1 : 4)
      assert.deepStrictEqual(texts, [1, 2, 3, 4].map((id) => `${insert(id)};`))
    }
  }))

  it.scoped("SB-18 what nobody has flushed yet holds no process up: it goes before it", () => Effect.gen(function*() {
    const { batcher, texts } = yield* made({ maxStatements: 2, autoFlush: false })
    for (const id of [1, 2, 3]) yield* batcher.add(insert(id))
    const report = yield* batcher.process([4, 5, 6].map(insert))
    assert.deepStrictEqual([report.statements, report.sent], [3, 3])
    assert.deepStrictEqual(texts, [[1, 2], [3, 4], [5, 6]].map((ids) => ids.map((id) => `${insert(id)};`).join("")))
  }))

  it.scoped("SB-9, SB-19 flush answers with the number of statements, in a dry run too, and empties the batch", () => Effect.gen(function*() {
    const collector = yield* QueryCollector.make
    const { batcher, texts } = yield* made({ dryRun: true })
    yield* batcher.add(insert(1))
    yield* batcher.add(insert(2))
    const metadata = { why: "preview" }
    assert.deepStrictEqual([yield* batcher.flush({ collector, metadata }), yield* batcher.flush({ collector }), texts], [2, 0, []])
    assert.deepStrictEqual(yield* batcher.processBatch([insert(3), insert(4)]), [])
    const records = yield* collector.all
    assert.deepStrictEqual(
      records.map(({ bytes, metadata, outcome, statements, text }) => ({ bytes, metadata, outcome, statements, text })),
      [{ text: `${insert(1)};${insert(2)};`, statements: 2, bytes: 50, metadata, outcome: "dry-run" }]
    )
  }))

  it.scoped("SB-20 process counts the originals, leaves the caller's list as it is, and collects what was sent once", () => Effect.gen(function*() {
    const collector = yield* QueryCollector.make
    const { batcher } = yield* made({ mergeInserts: true })
    const list = Object.freeze([insert(1), insert(2), insert(3)])
    const report = yield* batcher.process(list, { job: 7 }, collector)
    assert.strictEqual(report.statements, 3)
    assert.deepStrictEqual(list, [insert(1), insert(2), insert(3)])
    assert.deepStrictEqual((yield* collector.all).map(({ metadata, statements, text }) => [metadata, statements, text]), [[{ job: 7 }, 3, "INSERT INTO t VALUES (1),(2),(3);"]])
  }))

  it.scoped("SB-21 what others have in a batch takes no answer and no count from processBatch", () => Effect.gen(function*() {
    const batcher = yield* Batcher.make({ maxStatements: 3, mergeInserts: true, execute: Effect.succeed })
    yield* batcher.add(insert(1))
    assert.deepStrictEqual(yield* batcher.processBatch([insert(2), insert(3), insert(4)]), ["INSERT INTO t VALUES (1),(2),(3);", "INSERT INTO t VALUES (4);"])
    yield* batcher.add(insert(5))
    const report = yield* batcher.process([insert(6), insert(7)])
    assert.deepStrictEqual([report.statements, report.rowsMerged], [2, 2])
    assert.strictEqual((yield* batcher.report).rowsMerged, 4)
  }))

  it.scoped("SB-21 processBatch and processStream answer with the results, in order", () => Effect.gen(function*() {
    let calls = 0
    const batcher = yield* Batcher.make({ maxStatements: 2, execute: (text) => Effect.sync(() => [++calls, text.length] as const) })
    const answers = yield* batcher.processBatch([insert(1), insert(2), insert(3)])
    assert.deepStrictEqual(answers, [[1, 50], [2, 25]])
    assert.deepStrictEqual(yield* batcher.processStream(Stream.make(insert(4))), [[3, 25]])
    assert.deepStrictEqual(yield* batcher.processBatch(Chunk.empty<string>()), [])
  }))

  it.scoped("SB-22 reset discards what was not sent, and answers with it", () => Effect.gen(function*() {
    const { batcher, texts } = yield* made()
    yield* batcher.add(insert(1))
    yield* batcher.add(insert(2))
    assert.deepStrictEqual((yield* batcher.reset).map(({ index, text }) => [index, text]), [[0, insert(1)], [1, insert(2)]])
    assert.deepStrictEqual([(yield* batcher.state).pending, yield* batcher.flush(), texts], [0, 0, []])
  }))

  it.effect("SB-23 the scope flushes on success, merged where that is asked for, and not on failure", () => Effect.gen(function*() {
    const { execute, texts } = receiver()
    const add = Effect.flatMap(Batcher.make({ execute, mergeInserts: true, onLeft: () => Effect.void }), (batcher) => Effect.forEach([1, 2, 3], (id) => batcher.add(insert(id))))
    yield* Effect.scoped(add)
    assert.deepStrictEqual(texts, ["INSERT INTO t VALUES (1),(2),(3);"])
    yield* Effect.exit(Effect.scoped(Effect.zipRight(add, Effect.fail("no"))))
    assert.strictEqual(texts.length, 1)
  }))

  it.scoped("SB-24 an error tells how far it got, and nothing later is sent", () => Effect.gen(function*() {
    const sent: Array<string> = []
    const failing = Batcher.make({ maxStatements: 2, onLeft: () => Effect.void, execute: (text) => text.includes("(3)") ? Effect.fail("refused") : Effect.sync(() => sent.push(text)) })
    const batcher = yield* failing
    const error = yield* Effect.flip(batcher.process([1, 2, 3, 4, 5, 6].map(insert)))
    assert.isTrue(BatchError.isBatchError(error))
    if (!BatchError.isBatchError(error)) return
    // What another's receiver has done with a batch before it failed nobody can tell.
    assert.deepStrictEqual([error.counts, error.unknown.map((item) => item.index)], [{ applied: 0, notApplied: 0, unknown: 2 }, [2, 3]])
    assert.deepStrictEqual([sent.length, (yield* batcher.report).sent, (yield* batcher.state).left], [1, 2, 2])
  }))

  it.scoped("SB-25 merging keeps the order around every other statement, and cuts nothing", () => Effect.gen(function*() {
    const { batcher, texts } = yield* made({ mergeInserts: true, delimiter: ";" })
    yield* batcher.process([
      "INSERT INTO t VALUES (1)", "UPDATE t SET a = 2", "INSERT INTO t VALUES (3)", "INSERT INTO t VALUES (4), (5)",
      "INSERT INTO t VALUES (1, ')')", "INSERT INTO u VALUES (1, NOW())", "INSERT INTO t VALUES (6) ON CONFLICT DO NOTHING", "INSERT INTO t VALUES (7) RETURNING a"
    ])
    const text = texts.join("")
    for (const kept of ["UPDATE t SET a = 2", "(4), (5)", "(1, ')')", "NOW()", "ON CONFLICT DO NOTHING", "RETURNING a"]) assert.include(text, kept)
    assert.isBelow(text.indexOf("(1)"), text.indexOf("UPDATE"))
    assert.isBelow(text.indexOf("UPDATE"), text.indexOf("(3)"))
  }))

  it.scoped("SB-28 a record is there for each batch, with its size", () => Effect.gen(function*() {
    const collector = yield* QueryCollector.make
    const batcher = yield* Effect.provideService(Batcher.make({ maxStatements: 2, execute: () => Effect.void }), QueryCollector.QueryCollector, collector)
    yield* batcher.process([1, 2, 3].map(insert))
    assert.deepStrictEqual([yield* collector.count, yield* collector.size], [2, 75])
    assert.deepStrictEqual((yield* collector.all).map((record) => record.outcome), ["applied", "applied"])
    yield* collector.clear
    assert.deepStrictEqual([yield* collector.count, yield* collector.size, (yield* collector.all).length], [0, 0, 0])
  }))

  it.scoped("SB-32 a delimiter inside of a string splits nothing", () => Effect.gen(function*() {
    const { batcher, texts } = yield* made()
    yield* batcher.process(["INSERT INTO t VALUES ('a;b')", "INSERT INTO t VALUES (';')"])
    assert.deepStrictEqual(texts, ["INSERT INTO t VALUES ('a;b');INSERT INTO t VALUES (';');"])
  }))

  it.scoped("SB-38 errors are typed", () => Effect.gen(function*() {
    const { batcher } = yield* made()
    for (const [statement, tag] of [["", "ConfigError"], [" ;; -- nothing", "ConfigError"], ["SELECT 'open", "SqlSyntaxError"], ["SELECT 1 /* open", "SqlSyntaxError"]] as const) {
      const error = yield* Effect.flip(batcher.add(statement))
      assert.isTrue(SqlError.isSqlError(error))
      if (SqlError.isSqlError(error)) assert.deepStrictEqual([error.reason._tag, error.outcome], [tag, "not-applied"])
    }
    assert.isTrue(Exit.isSuccess(yield* Effect.exit(batcher.add("SELECT 1"))))
  }))
})

describe("retry and circuit breaker", () => {
  const lost = (n: number) => SqlError.make(new Reason.ConnectionError({ message: `attempt ${n}`, outcome: "not-applied" }))

  /** A receiver that is not there for a while, when it was asked, and what came of a batch in an hour. */
  const absent = (times: number, options: Batcher.Options) => Effect.gen(function*() {
    const at: Array<number> = []
    const batcher = yield* Batcher.make({
      onLeft: () => Effect.void,
      ...options,
      execute: () => Effect.flatMap(TestClock.currentTimeMillis, (now) => Effect.suspend(() => at.push(now) > times ? Effect.void : Effect.fail(lost(at.length))))
    })
    const fiber = yield* Effect.fork(Effect.either(batcher.process([insert(1), insert(2)])))
    yield* TestClock.adjust("1 hour")
    const result = yield* Fiber.join(fiber)
    const error = result._tag === "Left" && BatchError.isBatchError(result.left) ? result.left.error : undefined
    return { delays: at.slice(1).map((time, n) => time - at[n]!), error, attempts: at.length, report: yield* batcher.report }
  })

  it.scoped("SB-29 three attempts, 0.1 s doubling, and the last error comes out", () => Effect.gen(function*() {
    const { attempts, delays, error, report } = yield* absent(9, { retry: Retry.transient })
    assert.deepStrictEqual([attempts, error?.reason.message, report.retries, report.sent], [3, "attempt 3", 2, 0])
    assert.isTrue(delays.every((delay, n) => delay <= [100, 200][n]!))
    assert.deepStrictEqual((yield* absent(2, { retry: Retry.transient })).report.sent, 2)
  }))

  it.scoped("SB-29 no wait is longer than the longest one, jitter included", () => Effect.gen(function*() {
    const retry = yield* Retry.exponential({ attempts: 10 })
    const { delays } = yield* Effect.withRandom(absent(99, { retry }), Random.fixed([1]))
    assert.deepStrictEqual(delays, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000])
  }))

  it.scoped("SB-29 what would fail again is not tried again", () => Effect.gen(function*() {
    let calls = 0
    const refused = SqlError.make(new Reason.SqlSyntaxError({ message: "near nothing" }))
    const batcher = yield* Batcher.make({ retry: Retry.transient, onLeft: () => Effect.void, execute: () => Effect.suspend(() => (calls++, Effect.fail(refused))) })
    yield* Effect.flip(batcher.process([insert(1)]))
    assert.strictEqual(calls, 1)
  }))

  it.scoped("SB-30 five failures in a row open the breaker, half a minute later one batch is let through, and its success closes it", () => Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make()
    let isThere = false
    const sent = Effect.scoped(Effect.flatMap(
      Batcher.make({ circuitBreaker: breaker, onLeft: () => Effect.void, execute: () => Effect.suspend(() => isThere ? Effect.void : Effect.fail(lost(1))) }),
      (batcher) => Effect.either(batcher.process([insert(1)]))
    ))
    const reason = Effect.map(sent, (result) => result._tag === "Right" ? "sent" : BatchError.isBatchError(result.left) ? result.left.error.reason._tag : result.left.reason._tag)
    for (let n = 0; n < 5; n++) assert.strictEqual(yield* reason, "ConnectionError")
    assert.strictEqual(yield* reason, "CircuitOpenError")
    isThere = true
    yield* TestClock.adjust("29 seconds")
    assert.strictEqual(yield* reason, "CircuitOpenError")
    yield* TestClock.adjust("1 second")
    assert.strictEqual(yield* reason, "sent")
    assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 0 })
  }))

  it.scoped("SB-31 the retry stands around the breaker: each attempt counts, and an open one ends the retrying at once", () => Effect.gen(function*() {
    const retry = yield* Retry.exponential({ attempts: 20 })
    const { attempts, error, report } = yield* absent(99, { retry, circuitBreaker: { threshold: 5, recovery: "2 hours" } })
    assert.deepStrictEqual([attempts, error?.reason._tag, error?.outcome], [5, "CircuitOpenError", "not-applied"])
    assert.strictEqual(report.retries, 4)
  }))
})

describe("modules", () => {
  it("SB-37 what the documentation names is exported", () => {
    for (const name of ["Batcher", "BatchError", "BatchOptions", "BatchPolicy", "BulkCopy", "BulkSink", "Csv", "DeadLetter", "InsertMerge", "Ndjson", "Parquet", "QueryCollector", "Spool"]) {
      assert.property(Public, name)
    }
  })
})
