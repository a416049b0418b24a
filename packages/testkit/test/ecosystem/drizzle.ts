/**
 * Drizzle on a database, through Effect's own package for it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Column from "@sluice/core/Column"
import * as Database from "@sluice/core/Database"
import * as Table from "@sluice/core/Table"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Options } from "./ecosystem.js"
import { builders } from "./drizzle.mjs"

// A timestamp as the text that it is, in the types that Drizzle has for it.
const users = Table.make("users", {
  id: Column.integer().primaryKey().autoIncrement(),
  name: Column.text(20).notNull().unique(),
  price: Column.decimal(10, 2),
  at: Column.text(30).native({ postgres: "TIMESTAMP", mysql: "DATETIME(3)" })
})

export const drizzle = ({ builder, duplicate, layer }: Options): void => {
  describe("V5 Drizzle", () => {
    const verbs = builders[builder]
    const both = verbs.layer.pipe(Layer.provideMerge(layer({ integers: "number" })))
    const table = Effect.flatMap(Database.Database, Table.create(users))

    it.live("writes, reads, and shares our transactions", () =>
      Effect.gen(function*() {
        const db = yield* Database.Database
        yield* table
        const inserted = yield* verbs.insert([{ name: "Ada", price: "1.50" }, { name: "Grace", at: "2024-02-29 12:34:56.789" }])
        assert.deepStrictEqual(inserted, { first: 1, count: 2 })
        assert.deepStrictEqual(yield* verbs.named("Ada"), [{ id: 1, name: "Ada", price: "1.50", at: null }])
        assert.deepStrictEqual(yield* verbs.ats, [{ at: null }, { at: "2024-02-29 12:34:56.789" }])
        yield* verbs.rename(1, "Ada King")
        yield* Effect.ignore(db.withTransaction(Effect.gen(function*() {
          yield* verbs.removeAll
          assert.deepStrictEqual(yield* verbs.total, [{ n: 0 }])
          assert.deepStrictEqual(yield* users.select(db), [], "ours and Drizzle's are on one connection")
          return yield* Effect.fail("no")
        })))
        assert.deepStrictEqual(yield* verbs.names, [{ name: "Ada King" }, { name: "Grace" }])
      }).pipe(Effect.provide(both)))

    it.live("a failure is a stock SqlError whose causes tell the server's code, and no value", () =>
      Effect.gen(function*() {
        yield* table
        yield* verbs.insert({ name: "s3cret" })
        const error = yield* Effect.flip(verbs.insert({ name: "s3cret" }))
        assert.strictEqual(error._tag, "SqlError")
        const cause: object = (error.cause as Error).cause ?? {}
        assert.deepInclude(cause, duplicate)
        assert.notInclude(String(cause), "s3cret")
        assert.deepStrictEqual(yield* verbs.total, [{ n: 1 }])
      }).pipe(Effect.provide(both)))
  })
}
