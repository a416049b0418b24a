/**
 * Kysely on a database, through Effect's own package for it.
 */
import * as Mysql from "@effect/sql-kysely/Mysql"
import * as Pg from "@effect/sql-kysely/Pg"
import * as Sqlite from "@effect/sql-kysely/Sqlite"
import { assert, describe, it } from "@effect/vitest"
import * as Column from "@sluice/core/Column"
import * as Database from "@sluice/core/Database"
import * as SqlError from "@sluice/core/SqlError"
import * as Table from "@sluice/core/Table"
import * as Effect from "effect/Effect"
import type { Generated } from "kysely"
import type { Options } from "./ecosystem.js"

interface Tables {
  readonly users: { readonly id: Generated<number>; readonly name: string }
  readonly teams: { readonly id: number }
}

const builders = { sqlite: Sqlite.make<Tables>(), mysql: Mysql.make<Tables>(), pg: Pg.make<Tables>() }

const users = Table.make("users", { id: Column.integer().primaryKey().autoIncrement(), name: Column.text(20).notNull().unique() })

export const kysely = ({ builder, layer }: Options): void => {
  describe("V5 Kysely", () => {
    it.live("makes tables, writes, reads, joins, and shares our transactions", () =>
      Effect.gen(function*() {
        const database = yield* Database.Database
        const db = yield* builders[builder]
        yield* Table.create(database, users)
        yield* db.schema.createTable("teams").addColumn("id", "integer", (column) => column.primaryKey())
        assert.isTrue(yield* Table.exists(database, "teams"))
        yield* db.insertInto("users").values([{ name: "Ada" }, { name: "Grace" }])
        assert.deepStrictEqual(yield* db.selectFrom("users").selectAll().where("name", "=", "Grace"), [{ id: 2, name: "Grace" }])
        yield* db.updateTable("users").set({ name: "Ada King" }).where("id", "=", 1)
        yield* Effect.ignore(db.withTransaction(Effect.gen(function*() {
          yield* db.deleteFrom("users")
          assert.deepStrictEqual(yield* users.select(database), [], "ours and Kysely's are on one connection")
          return yield* Effect.fail("no")
        })))
        yield* Effect.ignore(database.transaction(Effect.zipRight(db.deleteFrom("users").where("id", "=", 1), Effect.fail("no"))))
        yield* db.insertInto("teams").values({ id: 2 })
        assert.deepStrictEqual(yield* db.selectFrom("users").innerJoin("teams", "teams.id", "users.id").select("users.name"), [{ name: "Grace" }])
        assert.deepStrictEqual(yield* db.selectFrom("users").select("name").orderBy("id"), [{ name: "Ada King" }, { name: "Grace" }])
      }).pipe(Effect.provide(layer())))

    it.live("fails with our errors", () =>
      Effect.gen(function*() {
        const db = yield* builders[builder]
        yield* Effect.flatMap(Database.Database, Table.create(users))
        yield* db.insertInto("users").values({ name: "Grace" })
        const twice = yield* Effect.flip(db.insertInto("users").values({ name: "Grace" }))
        assert.isTrue(SqlError.isSqlError(twice) && twice.reason._tag === "UniqueViolation")
      }).pipe(Effect.provide(layer())))
  })
}
