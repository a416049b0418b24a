/**
 * Query builders on `Postgres.layerStock`: Kysely and Drizzle, through Effect's own packages for them.
 */
import * as Kysely from "@effect/sql-kysely/Pg"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Generated } from "kysely"
import * as Drizzle from "./drizzle.mjs"
import { isMissing } from "../server.js"
import { stock } from "./stock.js"

interface Tables {
  readonly users: { readonly id: Generated<number>; readonly name: string }
}

describe.skipIf(isMissing)("Kysely", () => {
  it.live("makes tables, writes, reads, and shares our transactions", () =>
    Effect.gen(function*() {
      const db = yield* Kysely.make<Tables>()
      yield* db.schema.createTable("users").addColumn("id", "serial", (column) => column.primaryKey()).addColumn("name", "varchar(20)", (column) => column.unique())
      yield* db.insertInto("users").values([{ name: "Ada" }, { name: "Grace" }])
      assert.deepStrictEqual(yield* db.selectFrom("users").selectAll().where("name", "=", "Grace"), [{ id: 2, name: "Grace" }])
      yield* db.updateTable("users").set({ name: "Ada King" }).where("id", "=", 1)
      yield* Effect.ignore(db.withTransaction(Effect.zipRight(db.deleteFrom("users"), Effect.fail("no"))))
      assert.deepStrictEqual(yield* db.selectFrom("users").select("name").orderBy("id"), [{ name: "Ada King" }, { name: "Grace" }])
      const twice = yield* Effect.flip(db.insertInto("users").values({ name: "Grace" }))
      assert.isTrue(SqlError.isSqlError(twice) && twice.reason._tag === "UniqueViolation")
    }).pipe(Effect.provide(stock())))
})

describe.skipIf(isMissing)("Drizzle", () => {
  const layer = Drizzle.layer.pipe(Layer.provideMerge(stock({ dates: "string" })))
  const table = Effect.flatMap(SqlClient.SqlClient, (sql) =>
    sql`CREATE TABLE users (id SERIAL PRIMARY KEY, name VARCHAR(20) NOT NULL UNIQUE, price NUMERIC(10, 2), at TIMESTAMP)`)

  it.live("writes, reads, and shares our transactions", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* table
      const inserted = yield* Drizzle.insert([{ name: "Ada", price: "1.5" }, { name: "Grace", at: "2024-02-29 12:34:56.789" }])
      assert.deepStrictEqual(inserted.map(({ id }) => id), [1, 2])
      assert.deepStrictEqual(yield* Drizzle.named("Ada"), [{ id: 1, name: "Ada", price: "1.50", at: null }])
      assert.deepStrictEqual(yield* Drizzle.ats, [{ at: null }, { at: "2024-02-29 12:34:56.789" }])
      yield* Drizzle.rename(1, "Ada King")
      yield* Effect.ignore(sql.withTransaction(Effect.gen(function*() {
        yield* Drizzle.removeAll
        assert.deepStrictEqual(yield* Drizzle.total, [{ n: 0 }])
        return yield* Effect.fail("no")
      })))
      assert.deepStrictEqual(yield* Drizzle.names, [{ name: "Ada King" }, { name: "Grace" }])
    }).pipe(Effect.provide(layer)))

  it.live("a failure is a stock SqlError whose causes tell the server's code", () =>
    Effect.gen(function*() {
      yield* table
      yield* Drizzle.insert({ name: "Ada" })
      const error = yield* Effect.flip(Drizzle.insert({ name: "Ada" }))
      assert.strictEqual(error._tag, "SqlError")
      const cause: object = (error.cause as Error).cause ?? {}
      assert.deepInclude(cause, { code: "23505", constraint: "users_name_key" })
      assert.deepStrictEqual(yield* Drizzle.total, [{ n: 1 }])
    }).pipe(Effect.provide(layer)))
})
