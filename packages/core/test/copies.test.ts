/**
 * Two copies of this package in one program: what one of them made, the other refuses in words.
 *
 * The other copy is the build, which tests of sources do not use elsewhere.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Column from "@sluice/core/Column"
import * as Table from "@sluice/core/Table"
import { FakeServer, reasonOf } from "./fake.js"

describe("V4 a database of another copy of this package", () => {
  it.scoped("a Table fails with ConfigError in every way to use it, and sends nothing", () => Effect.gen(function*() {
    const server = new FakeServer()
    const db = yield* server.database()
    const users = Table.make("users", { id: Column.integer().autoIncrement(), name: Column.text().notNull().unique().index() })
    const teams = Table.make("teams", { id: Column.integer().autoIncrement() })
    const where = users.id.eq(1)
    for (const effect of [
      users.select(db).where(where),
      users.select(db).count,
      users.select(db).first,
      Stream.runDrain(users.select(db).stream),
      users.insert(db, { name: "Ada" }),
      users.insert(db, [{ name: "Ada" }, { name: "Grace" }]),
      users.insert(db, { name: "Ada" }).statement.run,
      users.update(db, { name: "Ada" }).where(where),
      users.delete(db).all(),
      Table.create(db, users),
      Table.createAll(db, [users, teams]),
      Table.dropAll(db, [users, teams]),
      Table.drop(db, users),
      Table.exists(db, "users"),
      Table.names(db),
      Table.reflect(db, "users")
    ]) {
      const reason = yield* reasonOf(effect as Effect.Effect<unknown, never, never>)
      assert.strictEqual(reason._tag, "ConfigError")
      assert.include(reason.message, "another copy of @sluice/core")
    }
    assert.deepStrictEqual(server.log, [])
  }))
})
