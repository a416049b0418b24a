/**
 * The bulk sink over SQLite, and over a dialect without a bulk path: each law as its user sees it, and the table asked
 * afterwards.
 */
import { BatchError, BulkSink } from "@sluice/batcher"
import { Database, SqlError } from "@sluice/core"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { count, fresh, ids, settled } from "./database.js"

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

const columns = ["id", "name"] as const
const record = (id: number) => ({ id, name: `n${id}` })
const records = (n: number) => Stream.range(1, n).pipe(Stream.map(record))

const batchError = (error: unknown): BatchError.BatchError => {
  assert.instanceOf(error, BatchError.BatchError)
  return error
}

/** The same database, but for its bulk path. */
const withoutBulk = Layer.effect(
  Database.Database,
  Effect.map(Database.Database, (db) => {
    const dialect = { ...db.dialect, limits: { ...db.dialect.limits, maxParameters: 20 }, capabilities: { ...db.dialect.capabilities, bulk: false } }
    return new Proxy(db, { get: (target, key) => key === "dialect" ? dialect : Reflect.get(target, key, target) })
  })
)

describe("B1 every row is in the table once, in order", () => {
  it.effect("loads records and arrays, and reports", () => Effect.gen(function*() {
    const db = yield* Database.Database
    const { chunks, rejected, rows } = yield* BulkSink.load(records(1_050), { table: "t", columns, chunkSize: 100 })
    assert.deepStrictEqual({ chunks, rejected, rows }, { chunks: 11, rejected: 0, rows: 1_050 })
    const reversed = Stream.make(["x", 2_000], ["y", null])
    yield* BulkSink.load(reversed.pipe(Stream.take(1)), { table: "main.t", columns: ["name", "id"] })
    assert.deepStrictEqual(yield* ids, [...range(1, 1_050), 2_000])
    assert.strictEqual(yield* db<string>`SELECT name FROM t WHERE id = 77`.scalar, "n77")
    assert.strictEqual(yield* db<string>`SELECT name FROM t WHERE id = 2000`.scalar, "x")
    assert.deepStrictEqual(yield* settled, { lent: 0, waiting: 0 })
  }).pipe(Effect.provide(fresh())))

  it.effect("no row is a load of nothing", () => Effect.gen(function*() {
    for (const transaction of ["chunk", "all"] as const) {
      const { chunks, rows } = yield* BulkSink.load(Stream.empty, { table: "t", columns, transaction })
      assert.deepStrictEqual({ chunks, rows }, { chunks: 0, rows: 0 })
    }
  }).pipe(Effect.provide(fresh())))

  it.effect("a failing chunk leaves those before it applied, and the error counts them", () => Effect.gen(function*() {
    const rows = Stream.concat(records(250), Stream.make(record(5)))
    const error = batchError(yield* Effect.flip(BulkSink.load(rows, { table: "t", columns, chunkSize: 100 })))
    assert.deepStrictEqual(error.counts, { applied: 200, notApplied: 51, unknown: 0 })
    assert.strictEqual(error.unit, "rows")
    assert.strictEqual(error.error.reason._tag, "UniqueViolation")
    assert.deepStrictEqual(yield* ids, range(1, 200))
    assert.deepStrictEqual(yield* settled, { lent: 0, waiting: 0 })
  }).pipe(Effect.provide(fresh())))

  it.effect("transaction all: everything or nothing", () => Effect.gen(function*() {
    const options = { table: "t", columns, chunkSize: 100, transaction: "all" } as const
    const error = batchError(yield* Effect.flip(BulkSink.load(Stream.concat(records(250), Stream.make(record(5))), options)))
    assert.deepStrictEqual(error.counts, { applied: 0, notApplied: 251, unknown: 0 })
    assert.strictEqual(yield* count, 0)
    assert.strictEqual((yield* BulkSink.load(records(250), options)).rows, 250)
    assert.strictEqual(yield* count, 250)
  }).pipe(Effect.provide(fresh())))

  it.effect("interrupted, it leaves whole chunks or nothing, and no connection is kept", () => Effect.gen(function*() {
    for (const [transaction, least] of [["chunk", 100], ["all", 0]] as const) {
      const begun = yield* Deferred.make<void>()
      const rows = Stream.concat(records(150), Stream.never)
      const fiber = yield* Effect.fork(BulkSink.load(rows, {
        table: "t", columns, chunkSize: 100, transaction, onProgress: () => Effect.asVoid(Deferred.succeed(begun, undefined))
      }))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* count, least)
      const db = yield* Database.Database
      yield* db`DELETE FROM t`.run
      assert.deepStrictEqual(yield* settled, { lent: 0, waiting: 0 })
    }
  }).pipe(Effect.provide(fresh())))

  it.effect("where the stream fails, so does the load, and transaction all keeps nothing", () => Effect.gen(function*() {
    const rows = Stream.concat(records(150), Stream.fail("source"))
    assert.strictEqual(yield* Effect.flip(BulkSink.load(rows, { table: "t", columns, chunkSize: 100, transaction: "all" })), "source")
    assert.strictEqual(yield* count, 0)
  }).pipe(Effect.provide(fresh())))

  it.effect("inside a transaction it is a part of it", () => Effect.gen(function*() {
    const db = yield* Database.Database
    const failing = db.transaction(Effect.zipRight(BulkSink.load(records(250), { table: "t", columns, chunkSize: 100 }), Effect.fail("no")))
    assert.strictEqual(yield* Effect.flip(failing), "no")
    assert.strictEqual(yield* count, 0)
  }).pipe(Effect.provide(fresh())))

  it.effect("a dialect without a bulk path is loaded by INSERTs within its limits", () => Effect.gen(function*() {
    const { chunks, rows } = yield* BulkSink.load(records(105), { table: "t", columns, chunkSize: 50 })
    assert.deepStrictEqual({ chunks, rows }, { chunks: 3, rows: 105 })
    assert.deepStrictEqual(yield* ids, range(1, 105))
    const error = yield* Effect.flip(BulkSink.load(records(1), { table: "t", columns, onConflict: "ignore" }))
    assert.isTrue(SqlError.isSqlError(error) && error.reason._tag === "UnsupportedError")
  }).pipe(Effect.provide(Layer.provideMerge(withoutBulk, fresh()))))
})

describe("B4 the stream is suspended while chunks wait", () => {
  it.effect("no more than three chunks are in memory", () => Effect.gen(function*() {
    const release = yield* Deferred.make<void>()
    let pulled = 0
    const rows = Stream.range(1, 10_000, 10).pipe(Stream.map((id) => {
      pulled++
      return record(id)
    }))
    const load = yield* Effect.fork(BulkSink.load(rows, { table: "t", columns, chunkSize: 100, onProgress: () => Deferred.await(release) }))
    yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 100)))
    assert.isAtMost(pulled, 310)
    yield* Deferred.succeed(release, undefined)
    assert.strictEqual((yield* Fiber.join(load)).rows, 10_000)
  }).pipe(Effect.provide(fresh())))
})

describe("conflicts and progress", () => {
  it.effect("ignore leaves a row out and counts it, replace takes its place", () => Effect.gen(function*() {
    const db = yield* Database.Database
    yield* BulkSink.load(records(3), { table: "t", columns })
    const again = Stream.make({ id: 2, name: "new" }, { id: 4, name: "new" })
    const ignored = yield* BulkSink.load(again, { table: "t", columns, onConflict: "ignore" })
    assert.deepStrictEqual([ignored.rows, ignored.rejected], [1, 1])
    const names = db<{ name: string }>`SELECT name FROM t ORDER BY id`.column("name")
    assert.deepStrictEqual(yield* names, ["n1", "n2", "n3", "new"])
    yield* BulkSink.load(again, { table: "t", columns, onConflict: "replace" })
    assert.deepStrictEqual(yield* names, ["n1", "new", "n3", "new"])
  }).pipe(Effect.provide(fresh())))

  it.effect("tells the rows written after each chunk, outside of the transaction", () => Effect.gen(function*() {
    const db = yield* Database.Database
    for (const transaction of ["chunk", "all"] as const) {
      const told: Array<number> = []
      const inside: Array<boolean> = []
      yield* BulkSink.load(records(250), {
        table: "t", columns, chunkSize: 100, transaction, onConflict: "replace",
        onProgress: (rows) => Effect.map(Effect.isSuccess(db.currentTransaction), (isInside) => {
          told.push(rows)
          inside.push(isInside)
        })
      })
      assert.deepStrictEqual(told, [100, 200, 250])
      assert.deepStrictEqual(inside, [false, false, false])
    }
  }).pipe(Effect.provide(fresh())))
})

describe("bad input", () => {
  const refused = (rows: ReadonlyArray<BulkSink.Row>, options: Partial<BulkSink.Options> = {}) =>
    Effect.flip(BulkSink.load(Stream.fromIterable(rows), { table: "t", columns, chunkSize: 2, ...options }))

  it.effect("a ragged row is refused with its index, the expected and the found columns, and its chunk is not sent", () => Effect.gen(function*() {
    const first = yield* refused([{ id: 1 }])
    assert.include(first.message, "rows[0] lacks name; expected id, name; found id")
    assert.isTrue(SqlError.isSqlError(first) && first.reason._tag === "ConfigError" && first.reason.field === "rows[0]")
    assert.include((yield* refused([[1, "a"], [2]])).message, "rows[1] has 1 values; expected 2: id, name")
    assert.include((yield* refused([{ id: 1, nam: "a" }])).message, "rows[0] lacks name and has the unknown column nam")
    assert.strictEqual(yield* count, 0)
    const later = batchError(yield* refused([record(1), record(2), record(3), { ...record(4), extra: 1 }]))
    assert.include(later.message, "rows[3] has the unknown column extra")
    assert.deepStrictEqual(later.counts, { applied: 2, notApplied: 2, unknown: 0 })
    assert.deepStrictEqual(yield* ids, [1, 2])
    const none = batchError(yield* refused([record(5), record(6), record(7), []], { transaction: "all" }))
    assert.deepStrictEqual(none.counts, { applied: 0, notApplied: 4, unknown: 0 })
    assert.deepStrictEqual(yield* ids, [1, 2])
  }).pipe(Effect.provide(fresh())))

  it.effect("a column that the table has not is the server's refusal, and nothing is applied", () => Effect.gen(function*() {
    const error = batchError(yield* Effect.flip(BulkSink.load(Stream.make({ id: 1, nope: 2 }), { table: "t", columns: ["id", "nope"] })))
    assert.strictEqual(error.error.reason._tag, "SqlSyntaxError")
    assert.deepStrictEqual(error.counts, { applied: 0, notApplied: 1, unknown: 0 })
  }).pipe(Effect.provide(fresh())))

  it.effect.each([
    ["table", { table: "" }], ["columns", { columns: [] }], ["columns[1]", { columns: ["id", "id"] }], ["chunkSize", { chunkSize: 0 }],
    ["onConflict", { onConflict: "update" as never }], ["transaction", { transaction: "none" as never }]
  ] as ReadonlyArray<readonly [string, Partial<BulkSink.Options>]>)("%s that cannot work is a ConfigError that names it", ([field, options]) => Effect.gen(function*() {
    const error = yield* refused([record(1)], options)
    assert.isTrue(SqlError.isSqlError(error) && error.reason._tag === "ConfigError" && error.reason.field === field)
    assert.strictEqual(yield* count, 0)
  }).pipe(Effect.provide(fresh())))
})
