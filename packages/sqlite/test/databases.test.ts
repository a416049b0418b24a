/**
 * Several databases in one app: two files under tags of their own, and the default one. That their statements and transactions
 * keep apart is law T1, in the suite; here are the tags.
 */
import * as Model from "@effect/sql/Model"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Repository from "@sluice/core/Repository"
import type * as SqlError from "@sluice/core/SqlError"
import { Sqlite } from "@sluice/sqlite"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { expectTypeOf } from "vitest"
import { newFile } from "./fixtures.js"

class Archive extends Context.Tag("test/Archive")<Archive, Database.Database>() {}
class Stock extends Context.Tag("test/Stock")<Stock, SqlClient.SqlClient>() {}

class Order extends Model.Class<Order>("Order")({ id: Schema.Number, item: Schema.String }) {}
const orders = Repository.make(Order, { tableName: "orders", idColumn: "id" })

const main = Layer.suspend(() => Layer.fresh(Sqlite.layer({ filename: newFile() })))
const archive = Layer.suspend(() => Layer.fresh(Sqlite.layerAs(Archive, { filename: newFile() })))

const both = Effect.tap(Effect.all([Database.Database, Archive]), (all) =>
  Effect.forEach(all, (db) => db`CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT NOT NULL)`))
const items = (db: Database.Database) => db<{ item: string }>`SELECT item FROM orders ORDER BY id`.column("item")

/** Moves an order: in the one database's transaction out, in the other's in. */
const move = (from: Database.Database, to: Database.Database, id: number, end: Effect.Effect<void, string>) =>
  from.transaction(Effect.gen(function*() {
    const order = yield* Effect.flatten(orders(from).findById(id))
    yield* orders(from).delete(id)
    yield* to.transaction(Effect.zipRight(orders(to).insertVoid(order), end))
  }))

describe("several databases in one app", () => {
  it.effect("T1 each tag is a file, and nested transactions of both commit and roll back in either order", () =>
    Effect.gen(function*() {
      const [db, old] = yield* both
      yield* db.executeMany("INSERT INTO orders VALUES (?, ?)", [[1, "a"], [2, "b"], [3, "c"]])
      yield* move(db, old, 1, Effect.void)
      assert.deepStrictEqual([yield* items(db), yield* items(old)], [["b", "c"], ["a"]])
      yield* Effect.ignore(move(db, old, 2, Effect.fail("no")))
      assert.deepStrictEqual([yield* items(db), yield* items(old)], [["b", "c"], ["a"]])
      yield* Effect.ignore(old.transaction(Effect.zipRight(move(db, old, 3, Effect.void), Effect.fail("after"))))
      assert.deepStrictEqual([yield* items(db), yield* items(old)], [["b"], ["a"]], "the outer one's failure takes its savepoint along, and not the other's COMMIT")
      yield* move(old, db, 1, Effect.void)
      assert.deepStrictEqual([yield* items(db), yield* items(old)], [["a", "b"], []])
    }).pipe(Effect.provide([main, archive])))

  it.effect("T1 fibers that nest them in one order take turns, and none of their orders is lost or there twice", () =>
    Effect.gen(function*() {
      const [db, old] = yield* both
      const all = Array.from({ length: 24 }, (_, n) => n + 1)
      yield* db.executeMany("INSERT INTO orders VALUES (?, ?)", all.map((id) => [id, `item ${id}`]))
      yield* Effect.forEach(all, (id) => Effect.ignore(move(db, old, id, id % 3 === 0 ? Effect.fail("no") : Effect.yieldNow())), { concurrency: 6 })
      const kept = all.filter((id) => id % 3 === 0).map((id) => `item ${id}`)
      assert.deepStrictEqual(yield* items(db), kept)
      assert.deepStrictEqual(yield* items(old), all.map((id) => `item ${id}`).filter((item) => !kept.includes(item)))
    }).pipe(Effect.provide([main, archive])))

  it.effect("stock code finds the default one, also inside of the other's transaction", () =>
    Effect.gen(function*() {
      const [db, old] = yield* both
      const add = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`INSERT INTO orders VALUES (1, 'stock')`)
      yield* Effect.ignore(old.transaction(Effect.zipRight(add, Effect.fail("no"))))
      assert.deepStrictEqual([yield* items(db), yield* items(old)], [["stock"], []])
    }).pipe(Effect.provide([main, archive])))

  it("a program that needs the tag does not compile with the default layer alone", () => {
    const program = Effect.flatMap(Archive, items)
    const provided = Effect.provide(program, main)
    expectTypeOf<Effect.Effect.Context<typeof provided>>().toEqualTypeOf<Archive>()
    expectTypeOf<Layer.Layer.Success<typeof archive>>().toEqualTypeOf<Archive>()
    // @ts-expect-error Archive is missing
    const missing: Effect.Effect<unknown, SqlError.SqlError> = provided
    // @ts-expect-error a database under a tag of its own is not the default one
    const other: Layer.Layer<Database.DatabaseId, SqlError.SqlError> = archive
    expectTypeOf(Effect.provide(Effect.flatMap(Database.Database, items), main)).toEqualTypeOf<Effect.Effect<ReadonlyArray<string>, SqlError.SqlError>>()
    // A tag of the stock client takes one, a tag of anything else none.
    expectTypeOf(Sqlite.layerAs(Stock, { filename: ":memory:" })).toEqualTypeOf<Layer.Layer<Stock, SqlError.SqlError>>()
    class Clock extends Context.Tag("test/Clock")<Clock, { readonly now: number }>() {}
    // @ts-expect-error what Clock holds is no database
    const wrong = () => Sqlite.layerAs(Clock, { filename: ":memory:" })
    assert.lengthOf([missing, other, wrong], 3)
  })
})
