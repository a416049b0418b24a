/**
 * Tables in PostgreSQL: schemas, forms of decoding, and tables that others made.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Column from "@sluice/core/Column"
import * as Database from "@sluice/core/Database"
import * as Table from "@sluice/core/Table"
import type * as Postgres from "@sluice/postgres/Postgres"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { fresh, isMissing } from "./server.js"

const opened = (config: Postgres.Config = {}) => Effect.map(Layer.build(Layer.fresh(fresh(config))), (context) => Context.get(context, Database.Database))

describe.skipIf(isMissing)("V7 tables in PostgreSQL", () => {
  it.scopedLive("a schema: tables and indexes are made, found and read there", () =>
    Effect.gen(function*() {
      const db = yield* opened()
      yield* db`CREATE SCHEMA app`
      const teams = Table.make("app.teams", { id: Column.integer().primaryKey().autoIncrement(), title: Column.text().notNull().index() })
      const users = Table.make("app.users", { id: Column.integer().primaryKey(), team: Column.integer().references(() => teams.id) })
      const others = Table.make("others", { team: Column.integer().references(() => teams.id) })
      yield* Table.createAll(db, [others, users, teams])
      assert.strictEqual(yield* teams.insert(db, { title: "a" }), 1)
      yield* users.insert(db, { id: 7, team: 1 })
      assert.strictEqual(yield* users.update(db, { team: null }).where(users.id.eq(7)), 1)
      assert.deepStrictEqual(yield* users.select(db).leftJoin(teams, teams.id.eq(users.team)), [{ users: { id: 7, team: null }, teams: null }])
      assert.deepStrictEqual([yield* Table.names(db), yield* Table.names(db, { schema: "app" })], [["others"], ["teams", "users"]])
      assert.deepStrictEqual([yield* Table.exists(db, teams), yield* Table.exists(db, "teams")], [true, false])
      const read = Table.describe(yield* Table.reflect(db, "app.teams"))
      assert.deepStrictEqual([read.name, read.indexes], ["app.teams", [{ name: "teams_title_index", columns: ["title"] }]])
      assert.deepStrictEqual(Table.describe(yield* Table.reflect(db, "others")).foreignKeys.map(({ table }) => table), ["app.teams"])
      yield* Table.dropAll(db, [teams, users, others])
    }))

  it.scopedLive("JSON and instants are read whatever form the database has them in, and whatever zone the session has", () =>
    Effect.gen(function*() {
      const table = Table.make("t", { id: Column.integer().primaryKey(), json: Column.json(), at: Column.timestamp() })
      const at = new Date("2024-02-29T12:34:56.789Z")
      for (const config of [{}, { json: "parsed" }, { dates: "date" }] as const) {
        const db = yield* opened({ ...config, pool: { max: 1 } })
        yield* Table.create(db, table)
        for (const [id, json] of ["1", 1, { a: [null] }, "x", false].entries()) yield* table.insert(db, { id, json, at })
        const rows = table.select(db).where(table.at.eq(at)).orderBy(table.id)
        assert.deepStrictEqual((yield* rows).map(({ json }) => json), ["1", 1, { a: [null] }, "x", false], JSON.stringify(config))
        const session = yield* db.session
        yield* session.provide(Effect.gen(function*() {
          yield* db`SET TimeZone = 'Asia/Kolkata'`
          assert.deepStrictEqual((yield* rows).map((row) => row.at), [at, at, at, at, at])
        }))
      }
    }))

  it.scopedLive("a table that others made: serial, arrays, generated and dropped columns, partial indexes, what an index includes", () =>
    Effect.gen(function*() {
      const db = yield* opened()
      yield* db`CREATE TYPE mood AS ENUM ('sad', 'glad')`
      yield* db`CREATE TABLE odd (
        id SERIAL PRIMARY KEY, gone INT, mood mood DEFAULT 'sad', tags TEXT[], price NUMERIC(10, 2) DEFAULT 1.5, many NUMERIC, made TIMESTAMPTZ DEFAULT now(), seen TIMESTAMP(3),
        name VARCHAR(20) NOT NULL, double INT GENERATED ALWAYS AS (id * 2) STORED, UNIQUE (name) INCLUDE (price)
      )`
      yield* db`ALTER TABLE odd DROP COLUMN gone`
      yield* db`CREATE UNIQUE INDEX partial ON odd (price) WHERE price > 0`
      yield* db`CREATE INDEX words ON odd (lower(name))`
      yield* db`CREATE INDEX by_mood ON odd (mood, made DESC)`
      const odd = yield* Table.reflect(db, "odd")
      const found = Table.describe(odd)
      assert.deepStrictEqual(found.columns.map(({ name }) => name), ["id", "mood", "tags", "price", "many", "made", "seen", "name", "double"])
      assert.deepStrictEqual(found.columns.map(({ type }) => type.kind), ["integer", "unknown", "unknown", "decimal", "decimal", "unknown", "timestamp", "text", "integer"])
      assert.deepStrictEqual([found.columns[0]?.isIdentity, found.columns[0]?.default], [true, undefined])
      assert.deepStrictEqual([found.primaryKey, found.uniques, found.indexes], [["id"], [["name"]], [{ name: "by_mood", columns: ["mood", "made"] }]])
      assert.strictEqual(yield* odd.insert(db, { name: "a", tags: ["x", "y"], many: "12345678901234567890.5", seen: new Date(5) }), 1)
      assert.deepInclude(yield* odd.select(db).one, { id: 1, mood: "sad", tags: ["x", "y"], price: "1.50", many: "12345678901234567890.5", seen: new Date(5), double: 2 })
    }))

  it.scopedLive("tables that are made together are made in one transaction: all or none", () =>
    Effect.gen(function*() {
      const db = yield* opened()
      const good = Table.make("good", { id: Column.integer().primaryKey() })
      const bad = Table.make("bad", { id: Column.integer().primaryKey().check("no_such_function(id)") })
      yield* Effect.flip(Table.createAll(db, [good, bad]))
      assert.deepStrictEqual(yield* Table.names(db), [])
    }))
})
