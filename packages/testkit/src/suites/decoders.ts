/**
 * Cases of the law V11: rows made by a decoder, of one statement or where one is provided, and rows as the server's bytes.
 */
import { assert } from "@effect/vitest"
import * as Column from "@sluice/core/Column"
import * as RowDecoder from "@sluice/core/RowDecoder"
import * as SqlError from "@sluice/core/SqlError"
import * as Table from "@sluice/core/Table"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Case } from "../Case.js"
import { add, fails, ids } from "../internal/asking.js"

/** A row as one text: its columns' names and its values. */
const lines: RowDecoder.RowDecoder<string> = {
  reader: (columns) => {
    const names = columns.map(({ name }) => name)
    return (row) => row.map((value, i) => `${names[i]}=${String(value)}`).join(" ")
  }
}

const things = Table.make("things", { id: Column.integer().primaryKey(), name: Column.text().notNull() })

const text = (bytes: Uint8Array | null) => bytes === null ? null : new TextDecoder().decode(bytes)

export const decoders: ReadonlyArray<Case> = [
  {
    law: "V11",
    title: "a statement's decoder makes its rows in every way to run it, but for values, raw and scalar",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 1, "a")
      yield* add(db, 2, "b")
      const statement = db`SELECT id, name FROM things WHERE id > ${0} ORDER BY id`.decodeWith(lines)
      const expected = ["id=1 name=a", "id=2 name=b"] as const
      assert.deepStrictEqual(yield* statement, expected)
      assert.deepStrictEqual(yield* statement.unprepared, expected)
      assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(statement.with({ fetchSize: 1 }).stream)), expected)
      assert.deepStrictEqual((yield* statement.result).rows, expected)
      assert.deepStrictEqual((yield* statement.results)[0]?.rows, expected)
      assert.deepStrictEqual(yield* statement.first, Option.some("id=1 name=a"))
      assert.deepStrictEqual(yield* Effect.scoped(Effect.flatMap(statement.cursor, (cursor) => cursor.fetchMany(2))), expected)
      assert.deepStrictEqual(yield* db.transaction(statement), expected)
      assert.deepStrictEqual((yield* db.batch([statement, db`SELECT id FROM things`])).map(({ rows }) => rows), [expected, [{ id: 1 }, { id: 2 }]])
      assert.deepStrictEqual(yield* statement.values, [[1, "a"], [2, "b"]])
      assert.strictEqual(yield* statement.scalar, 1)
      assert.deepStrictEqual(yield* statement.decode(Schema.TemplateLiteral("id=", Schema.Number, " name=", Schema.String)), expected)
      assert.deepStrictEqual(yield* db`SELECT id FROM things`.decodeWith(RowDecoder.arrays), [[1], [2]])
      const doubled = RowDecoder.records(({ name }) => name === "id" ? (value) => Number(value) * 2 : undefined)
      assert.deepStrictEqual(yield* db`SELECT id, amount FROM things WHERE id = 2`.decodeWith(doubled), [{ id: 4, amount: null }])
    })
  },
  {
    law: "V11",
    title: "a decoder that is provided makes the rows of what runs there; tables, and statements with their own, have theirs",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 1, "a")
      yield* Effect.gen(function*() {
        assert.deepStrictEqual((yield* db`SELECT id, name FROM things`) as unknown, ["id=1 name=a"])
        assert.deepStrictEqual(yield* db`SELECT id FROM things`.decodeWith(RowDecoder.arrays), [[1]])
        assert.deepStrictEqual(yield* things.select(db), [{ id: 1, name: "a" }])
        assert.deepStrictEqual(yield* db`SELECT id FROM things`.values, [[1]])
        assert.deepStrictEqual(yield* Effect.provideService(ids(db), RowDecoder.RowDecoder, RowDecoder.standard), [1])
        yield* add(db, 2, "b")
        assert.strictEqual((yield* Stream.runCollect(db`SELECT id FROM things ORDER BY id`.stream)).pipe(Chunk.toReadonlyArray).join(), "id=1,id=2")
        assert.deepStrictEqual(yield* db.batch([db`SELECT id FROM things ORDER BY id`, db`SELECT 1 AS one`]).pipe(Effect.map((all) => all.map(({ rows }) => rows))), [["id=1", "id=2"], ["one=1"]])
      }).pipe(Effect.provide(RowDecoder.layer(lines)))
      assert.deepStrictEqual(yield* ids(db), [1, 2])
    })
  },
  {
    law: "V11",
    title: "what a decoder throws is a DecodeError with the row's index, and what it threw is quoted nowhere",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 1, "a")
      yield* add(db, 2, "s3cr3t")
      const picky: RowDecoder.RowDecoder = {
        reader: () => (row) => {
          if (row[0] === 2) throw new Error(String(row[1]))
          return row
        }
      }
      const statement = db`SELECT id, name FROM things ORDER BY id`.decodeWith(picky)
      for (const effect of [statement, Stream.runDrain(statement.with({ fetchSize: 1 }).stream), db.transaction(statement)]) {
        const reason = yield* fails(effect as Effect.Effect<unknown, SqlError.SqlError>, "DecodeError")
        assert.strictEqual(reason.row, 1)
        assert.notInclude(JSON.stringify(SqlError.make(reason)) + reason.message, "s3cr3t")
      }
      const none: RowDecoder.RowDecoder = {
        reader: () => {
          throw new Error("no such columns")
        }
      }
      yield* fails(db`SELECT id FROM things`.decodeWith(none), "DecodeError")
      assert.deepStrictEqual(yield* ids(db), [1, 2])
    })
  },
  {
    law: "V11",
    title: "bytes are each field's as the server wrote it; where there are none, it is refused before anything is sent",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 42, "Grüße 日本語")
      const statement = db`SELECT id, name, amount FROM things WHERE id = ${42}`.bytes
      const fromBytes: RowDecoder.RowDecoder<number> = { from: "bytes", reader: () => (row) => row.reduce<number>((sum, field) => sum + (field instanceof Uint8Array ? field.length : 0), 0) }
      const decoded = db`SELECT id, name FROM things`.decodeWith(fromBytes)
      if (!db.dialect.capabilities.bytes) {
        for (const effect of [statement, statement.first, Stream.runDrain(statement.stream), statement.unprepared, decoded]) {
          const reason = yield* fails(effect as Effect.Effect<unknown, SqlError.SqlError>, "UnsupportedError")
          assert.strictEqual(reason.capability, "bytes")
        }
        const writing = yield* fails(db`INSERT INTO things (id, name) VALUES (1, 'a')`.bytes, "UnsupportedError")
        assert.strictEqual(writing.outcome, "not-applied")
        assert.deepStrictEqual(yield* ids(db), [42])
        return
      }
      const expected = ["42", "Grüße 日本語", null]
      for (const effect of [statement, statement.unprepared, statement.values, db.transaction(statement), Effect.map(statement.result, ({ rows }) => rows), Effect.map(Stream.runCollect(statement.stream), Chunk.toReadonlyArray)]) {
        const rows = (yield* effect) as ReadonlyArray<ReadonlyArray<Uint8Array | null>>
        assert.deepStrictEqual(rows.map((row) => row.map(text)), [expected])
        assert.isTrue(rows[0]?.[0] instanceof Uint8Array && rows[0][0].buffer.byteLength === 2, "the bytes are nobody else's window")
      }
      assert.strictEqual(text(yield* statement.scalar), "42")
      assert.deepStrictEqual(yield* decoded, [2 + new TextEncoder().encode("Grüße 日本語").length])
      assert.deepStrictEqual((yield* statement.result).columns.map(({ name }) => name), ["id", "name", "amount"])
      // The next one of the same text is decoded as ever.
      assert.deepStrictEqual(yield* db`SELECT id, name, amount FROM things WHERE id = ${42}`, [{ id: 42, name: "Grüße 日本語", amount: null }])
    })
  }
]
