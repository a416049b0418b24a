/**
 * Cases of V5: single rows that are asked for one by one, and read together.
 */
import { assert } from "@effect/vitest"
import * as Resolver from "@sluice/core/Resolver"
import type * as Database from "@sluice/core/Database"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Case } from "../Case.js"
import { fails, misuse } from "../internal/asking.js"

const Thing = Schema.Struct({ id: Schema.Number, name: Schema.String })

/** What is asked of the database, in place of it. */
const counted = (db: Database.Database) => {
  const asked: Array<ReadonlyArray<unknown>> = []
  const table = (condition: Parameters<Extract<Resolver.KeyOptions<number, number, never, object, object>["table"], Function>>[0]) => {
    const query = db<{ id: number; name: string }>`SELECT id, name FROM things WHERE amount = ${1} AND ${condition}`
    asked.push(query.compile()[1].slice(1).flat())
    return query
  }
  return { asked, table }
}

const filled = (db: Database.Database) =>
  db`INSERT INTO things ${db.insert(Array.from({ length: 40 }, (_, n) => ({ id: n + 1, name: `n${n + 1}`, amount: 1 })))}`

export const resolvers: ReadonlyArray<Case> = [
  {
    law: "V5",
    title: "rows asked for by their key in one step are read by one query: a key twice is sent once, and one that is missing is None",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* filled(db)
      const byId = yield* Resolver.byKey(db, "ById", { table: "things", key: "id", Key: Schema.Number, Result: Thing })
      const before = (yield* db.pool.stats).acquired
      const found = yield* Effect.forEach([2, 99, 1, 2, 40, 99], byId.execute, { batching: true })
      assert.strictEqual((yield* db.pool.stats).acquired - before, 1)
      assert.deepStrictEqual(found.map(Option.map((thing) => thing.name)), [
        Option.some("n2"), Option.none(), Option.some("n1"), Option.some("n2"), Option.some("n40"), Option.none()
      ])
      assert.deepStrictEqual(yield* byId.execute(7), Option.some({ id: 7, name: "n7" }))
      const byName = yield* Resolver.byKey(db, "ByName", { table: "things", key: "name", Key: Schema.String, Result: Thing })
      const named = yield* Effect.forEach(["n3", "it's", "n3"], byName.execute, { batching: true })
      assert.deepStrictEqual(named.map(Option.map((thing) => thing.id)), [Option.some(3), Option.none(), Option.some(3)])
    })
  },
  {
    law: "V5",
    title: "more keys than one query may have are read by several, and the last of a kind fills its list up",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* filled(db)
      const { asked, table } = counted(db)
      const byId = yield* Resolver.byKey(db, "ById", { table, key: "id", Key: Schema.Number, Result: Thing, maxKeys: 16 })
      const found = yield* Effect.forEach(Array.from({ length: 45 }, (_, n) => n + 1), byId.execute, { batching: true })
      assert.deepStrictEqual(found.map(Option.isSome), Array.from({ length: 45 }, (_, n) => n < 40))
      const sent = asked.slice(-3).map((keys) => new Set(keys).size)
      assert.deepStrictEqual(sent, [16, 16, 13])
      const sizes = new Set(asked.slice(1).map((keys) => keys.length))
      if (db.dialect.arrays !== true) assert.deepStrictEqual([...sizes], [16], "texts of one length")
    })
  },
  {
    law: "V5",
    title: "keys are read inside a transaction of ours, and a failure is everyone's who asked",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const byId = yield* Resolver.byKey(db, "ById", { table: "things", key: "id", Key: Schema.Number, Result: Thing })
      const inside = db.transaction(Effect.gen(function*() {
        yield* db`INSERT INTO things ${db.insert({ id: 1, name: "a" })}`
        const found = yield* Effect.forEach([1, 2], byId.execute, { batching: true })
        return yield* Effect.fail(found.map(Option.isSome))
      }))
      assert.deepStrictEqual(yield* Effect.flip(inside), [true, false])
      assert.deepStrictEqual(yield* byId.execute(1), Option.none(), "it was rolled back")
      yield* misuse(Resolver.byKey(db, "None", { table: "things", key: "id", Key: Schema.Number, Result: Thing, maxKeys: 0 }), "ConfigError")
      yield* db`INSERT INTO things ${db.insert({ id: 1, name: "a" })}`
      const keyless = yield* Resolver.byKey(db, "Keyless", { table: (where) => db`SELECT name FROM things WHERE ${where}`, key: "id", Key: Schema.Number, Result: Thing })
      assert.strictEqual((yield* misuse(keyless.execute(1), "ConfigError")).field, "key")
      yield* db.unsafe("DROP TABLE things")
      const failed = yield* Effect.forEach([1, 2, 1], (id) => fails(byId.execute(id), "SqlSyntaxError"), { batching: true })
      assert.strictEqual(failed.length, 3)
    })
  }
]
