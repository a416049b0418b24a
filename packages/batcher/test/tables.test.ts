/**
 * Rows into described tables, and from one database into another: each value as its column holds it, and the table asked afterwards.
 */
import { assert, describe, it } from "@effect/vitest"
import { BulkCopy, BulkSink } from "@sluice/batcher"
import { Column, Database, SqlError, Table } from "@sluice/core"
import { Chunk, Context, Effect, Layer, Stream } from "effect"
import { fresh } from "./database.js"

const everything = Table.make("everything", {
  id: Column.bigint().primaryKey(),
  small: Column.integer(),
  ratio: Column.double(),
  price: Column.decimal(30, 10),
  name: Column.text(40),
  ok: Column.boolean(),
  at: Column.timestamp(),
  day: Column.date(),
  key: Column.uuid(),
  bytes: Column.bytes(),
  data: Column.json()
})

const row = (id: bigint): Table.Row<typeof everything> => ({
  id, small: -7, ratio: 0.1, price: "-12345678901234567890.0123456789", name: "日本 'x'", ok: id % 2n === 0n, at: new Date(1_700_000_000_123), day: "2026-11-21",
  key: "6b1a3c2e-1111-4222-8333-444455556666", bytes: new Uint8Array([0, 255]), data: { a: [1] }
})

const nothing = (id: bigint): Table.Row<typeof everything> => ({
  id, small: null, ratio: null, price: null, name: null, ok: null, at: null, day: null, key: null, bytes: null, data: null
})

const rows = Array.from({ length: 1_500 }, (_, i) => i % 5 === 4 ? nothing(BigInt(i)) : row(BigInt(i) + (i === 0 ? 9007199254740993n : 0n)))

/** Two databases with the table in each. */
const two = <A, E>(use: (from: Database.Database, to: Database.Database) => Effect.Effect<A, E>) =>
  Effect.scoped(Effect.gen(function*() {
    const database = Effect.map(Layer.build(fresh()), (context) => Context.get(context, Database.Database))
    const [from, to] = [yield* database, yield* database]
    for (const db of [from, to]) yield* Table.create(db, everything)
    return yield* use(from, to)
  }))

const all = (db: Database.Database) => everything.select(db).orderBy(everything.id)

const sorted = (list: ReadonlyArray<Table.Row<typeof everything>>) => list.toSorted((a, b) => Number(a.id - b.id))

const reasonOf = (error: unknown) => SqlError.isSqlError(error) ? error.reason : assert.fail(`no SqlError: ${String(error)}`)

describe("rows of a described table", () => {
  it.effect("every kind of column is written as an insert would write it", () => Effect.gen(function*() {
    const db = yield* Database.Database
    yield* Table.create(db, everything)
    const { rows: count } = yield* BulkSink.load(Stream.fromIterable(rows), { table: everything, chunkSize: 400 })
    assert.strictEqual(count, rows.length)
    assert.deepStrictEqual(yield* all(db), sorted(rows))
    // Some of its columns; the others are what an insert leaves them.
    yield* BulkSink.load(Stream.make({ id: -1n, name: "some" }), { table: everything, columns: ["id", "name"] })
    assert.deepStrictEqual(yield* everything.select(db).where(everything.id.eq(-1n)).one, { ...nothing(-1n), name: "some" })
  }).pipe(Effect.provide(fresh())))

  it.effect("a value that the column does not hold is a DataError that names row and column, and nothing of its chunk is sent", () => Effect.gen(function*() {
    const db = yield* Database.Database
    yield* Table.create(db, everything)
    const bad = Stream.make(row(1n), { ...row(2n), name: "x".repeat(41) })
    const reason = reasonOf(yield* Effect.flip(BulkSink.load(bad, { table: everything })))
    assert.strictEqual(reason._tag, "DataError")
    assert.include(reason.message, "rows[1].name is longer than 40 characters")
    assert.strictEqual(yield* everything.select(db).count, 0)
    const misnamed = BulkSink.load(Stream.make(row(1n)), { table: everything, columns: ["id", "nmae" as "name"] })
    assert.include(reasonOf(yield* Effect.flip(misnamed)).message, "columns names nmae, which everything does not have")
  }).pipe(Effect.provide(fresh())))

  it.live("progress is told after each chunk and ends with the report; leaving it stops the load", () => Effect.gen(function*() {
    const db = yield* Database.Database
    yield* Table.create(db, everything)
    const told = Chunk.toReadonlyArray(yield* Stream.runCollect(BulkSink.progress(Stream.fromIterable(rows), { table: everything, chunkSize: 100 })))
    const last = told[told.length - 1]
    assert.deepStrictEqual([last?.rows, last?.report?.chunks, told.slice(0, -1).every(({ report, rows }) => report === undefined && rows % 100 === 0)], [1_500, 15, true])
    yield* everything.delete(db).all()
    const endless = Stream.map(Stream.iterate(0n, (n) => n + 1n), row)
    yield* Stream.runDrain(Stream.take(BulkSink.progress(endless, { table: everything, chunkSize: 100 }), 2))
    const count = yield* everything.select(db).count
    yield* Effect.sleep(100)
    assert.isAtLeast(count, 100)
    assert.strictEqual(yield* everything.select(db).count, count)
    const failing = BulkSink.progress(Stream.make(row(0n)), { table: everything })
    assert.strictEqual((yield* Effect.flip(Stream.runDrain(failing)))._tag, "BatchError")
  }).pipe(Effect.provide(fresh())))
})

describe("a copy between two databases", () => {
  it.effect("every kind of value is the same in both", () => two((from, to) => Effect.gen(function*() {
    yield* BulkSink.load(Stream.fromIterable(rows), { table: everything }).pipe(Effect.provideService(Database.Database, from))
    const report = yield* BulkCopy.run({ from, query: from`SELECT * FROM everything`, to, table: "everything", chunkSize: 1_000 })
    assert.strictEqual(report.rows, rows.length)
    assert.deepStrictEqual(yield* all(to), sorted(rows))
    yield* everything.delete(to).all()
    yield* BulkCopy.run({ from, query: from`SELECT name, id FROM everything WHERE id < ${10}`, to, table: everything })
    assert.deepStrictEqual((yield* all(to)).map(({ id, name }) => [id, name]), rows.slice(1, 10).map(({ id, name }) => [id, name]))
  })))

  it.effect("another form of the same value is read as the column's kind", () => two((from, to) => Effect.gen(function*() {
    const query = from`SELECT 1 AS id, TRUE AS small, '1.5' AS ratio, 7 AS price, 42 AS name, 1 AS ok,
      '2026-11-21T12:00:00.5+02:00' AS at, '2026-11-21' AS day, '6B1A3C2E-1111-4222-8333-444455556666' AS key, x'00ff' AS bytes, '{"a":[2]}' AS data`
    yield* BulkCopy.run({ from, query, to, table: everything })
    assert.deepStrictEqual(yield* all(to), [{
      id: 1n, small: 1, ratio: 1.5, price: "7.0000000000", name: "42", ok: true, at: new Date("2026-11-21T10:00:00.500Z"), day: "2026-11-21",
      key: "6b1a3c2e-1111-4222-8333-444455556666", bytes: new Uint8Array([0, 255]), data: { a: [2] }
    }])
  })))

  it.effect("what would be another value is a DataError; with `all` nothing is there", () => two((from, to) => Effect.gen(function*() {
    for (const [column, sql] of [["small", "1.5"], ["ok", "2"], ["at", "'tomorrow'"], ["day", "'2026-02-30'"], ["key", "'x'"], ["bytes", "'x'"], ["data", "'{'"], ["price", "'0.00000000001'"]] as const) {
      const query = from.unsafe(`SELECT 1 AS id, NULL AS ${column} UNION ALL SELECT 2, ${sql}`)
      const reason = reasonOf(yield* Effect.flip(BulkCopy.run({ from, query, to, table: "everything", transaction: "all" })))
      assert.strictEqual(reason._tag, "DataError", column)
      assert.include(reason.message, `rows[1].${column}`)
      assert.strictEqual(yield* everything.select(to).count, 0)
    }
    const unknown = BulkCopy.run({ from, query: from`SELECT 1 AS nope`, to, table: "everything" })
    assert.include(reasonOf(yield* Effect.flip(unknown)).message, "columns names nope")
    assert.strictEqual(reasonOf(yield* Effect.flip(BulkCopy.run({ from, query: from`SELECT 1 AS id FROM missing`, to, table: "everything" })))._tag, "SqlSyntaxError")
    assert.strictEqual(reasonOf(yield* Effect.flip(BulkCopy.run({ from, query: from`SELECT 1 AS id`, to, table: "" })))._tag, "ConfigError")
    assert.strictEqual((yield* BulkCopy.run({ from, query: from`SELECT * FROM everything`, to, table: "everything" })).rows, 0)
  })))
})
