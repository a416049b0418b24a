/**
 * Tables in SQLite: attached databases as schemas, tables that others made, and what its types would lose.
 */
import * as Model from "@effect/sql/Model"
import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import * as Column from "@sluice/core/Column"
import * as Database from "@sluice/core/Database"
import * as Table from "@sluice/core/Table"
import * as Sqlite from "@sluice/sqlite/Sqlite"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

const opened = Effect.map(Layer.build(Layer.fresh(Sqlite.layer({ filename: ":memory:" }))), (context) => Context.get(context, Database.Database))

describe("V7 tables in SQLite", () => {
  it.scoped("an attached database is a schema: tables and indexes are made, found and read there", () =>
    Effect.gen(function*() {
      const db = yield* opened
      // An attached database is its connection's: it goes with the session.
      const session = yield* db.session
      yield* session.provide(Effect.gen(function*() {
        yield* db`ATTACH ':memory:' AS archive`
        const teams = Table.make("archive.teams", { id: Column.integer().primaryKey().autoIncrement(), title: Column.text().notNull().index() })
        const users = Table.make("archive.users", { id: Column.integer().primaryKey(), team: Column.integer().references(() => teams.id) })
        yield* Table.createAll(db, [users, teams])
        assert.strictEqual(yield* teams.insert(db, { title: "a" }), 1)
        yield* users.insert(db, { id: 7, team: 1 })
        assert.strictEqual(yield* users.update(db, { team: null }).where(users.id.eq(7)), 1)
        assert.deepStrictEqual(yield* users.select(db).leftJoin(teams, teams.id.eq(users.team)), [{ users: { id: 7, team: null }, teams: null }])
        assert.deepStrictEqual([yield* Table.names(db), yield* Table.names(db, { schema: "archive" })], [[], ["teams", "users"]])
        assert.deepStrictEqual([yield* Table.exists(db, teams), yield* Table.exists(db, "teams")], [true, false])
        const read = Table.describe(yield* Table.reflect(db, "teams", { schema: "archive" }))
        assert.deepStrictEqual([read.name, read.indexes, read.columns[0]?.isIdentity], ["archive.teams", [{ name: "teams_title_index", columns: ["title"] }], true])
        yield* Table.dropAll(db, [teams, users])
        assert.deepStrictEqual(yield* Table.names(db, { schema: "archive" }), [])
      }))
    }))

  it.scoped("a table that others made: their names of types, generated columns, a key without a rowid, partial indexes", () =>
    Effect.gen(function*() {
      const db = yield* opened
      yield* db`CREATE TABLE odd (
        code VARCHAR(8) PRIMARY KEY, at DATETIME DEFAULT CURRENT_TIMESTAMP, ok BOOL, price DECIMAL(10, 2), data JSON, n INT8, x, double INT AS (n * 2)
      ) WITHOUT ROWID`
      yield* db`CREATE UNIQUE INDEX some ON odd (n) WHERE n > 0`
      yield* db`CREATE INDEX words ON odd (lower(code))`
      yield* db`INSERT INTO odd (code, ok, n, x, data) VALUES ('a', 1, 4, x'00', '[1]')`
      const odd = yield* Table.reflect(db, "odd")
      const found = Table.describe(odd)
      assert.deepStrictEqual(found.columns.map(({ type }) => type.kind), ["text", "timestamp", "boolean", "unknown", "json", "integer", "unknown", "integer"])
      assert.deepStrictEqual([found.primaryKey, found.uniques, found.indexes], [["code"], [], []])
      const [row] = yield* odd.select(db)
      assert.deepStrictEqual([row?.["ok"], row?.["double"], row?.["x"], row?.["data"]], [true, 8, new Uint8Array(1), [1]])
      assert.instanceOf(row?.["at"], Date)
    }))

  it.scoped("a foreign key that names no column is that of the other table's primary key", () =>
    Effect.gen(function*() {
      const db = yield* opened
      yield* db`CREATE TABLE a (x INTEGER, y INTEGER, PRIMARY KEY (y, x))`
      yield* db`CREATE TABLE b (p INTEGER, q INTEGER, FOREIGN KEY (p, q) REFERENCES a ON DELETE CASCADE)`
      assert.deepStrictEqual(Table.describe(yield* Table.reflect(db, "a")).primaryKey, ["y", "x"])
      assert.deepStrictEqual(Table.describe(yield* Table.reflect(db, "b")).foreignKeys, [
        { columns: ["p", "q"], table: "a", targets: ["y", "x"], actions: { onDelete: "cascade", onUpdate: undefined } }
      ])
    }))

  it.scoped("a value that looks like a number keeps its digits, and a JSON value its type", () =>
    Effect.gen(function*() {
      const db = yield* opened
      const table = Table.make("t", { id: Column.integer().primaryKey(), exact: Column.decimal(30, 10), json: Column.json(), uuid: Column.uuid(), text: Column.text(9) })
      yield* Table.create(db, table)
      for (const [id, json] of [1, "1", null, "007", true, 1e21].entries()) {
        yield* table.insert(db, { id, json, exact: "12345678901234567890.1234567890", text: "007" })
        assert.deepStrictEqual(yield* table.select(db).where(table.id.eq(id)).columns({ json: table.json, exact: table.exact, text: table.text }), [
          { json, exact: "12345678901234567890.1234567890", text: "007" }
        ])
      }
    }))

  it.scoped("an order of decimals is refused, since they are texts here", () =>
    Effect.gen(function*() {
      const db = yield* opened
      const table = Table.make("t", { price: Column.decimal(9, 2) })
      yield* Table.create(db, table)
      yield* table.insert(db, [{ price: "10" }, { price: "9" }])
      for (const query of [table.select(db).orderBy(table.price), table.select(db).where(table.price.lt("10"))]) {
        assert.strictEqual((yield* Effect.flip(query)).reason._tag, "UnsupportedError")
      }
      assert.deepStrictEqual(yield* table.select(db).where(table.price.eq("9.0")), [{ price: "9.00" }])
    }))

  it.scoped("a key that only counts as a part of a key is a ConfigError: AUTOINCREMENT is the whole of it", () =>
    Effect.gen(function*() {
      const db = yield* opened
      const table = Table.make("t", { id: Column.integer().autoIncrement(), part: Column.integer().primaryKey() })
      const { reason } = yield* Effect.flip(Table.create(db, table))
      assert.deepStrictEqual([reason._tag, reason._tag === "ConfigError" && reason.field], ["ConfigError", "t.id"])
    }))

  it.scoped("the select variant of a stock Model is a Schema like any other", () =>
    Effect.gen(function*() {
      const db = yield* opened
      class Group extends Model.Class<Group>("groups")({
        id: Model.Generated(Schema.Int),
        name: Schema.NonEmptyTrimmedString,
        created: Model.DateTimeInsert,
        note: Model.FieldOption(Schema.String)
      }) {}
      const groups = Table.fromSchema(Group, { columns: { id: (id) => id.primaryKey().autoIncrement() } })
      yield* Table.create(db, groups)
      const group = Schema.decodeSync(Group)({ id: 1, name: "a", created: "2024-02-29T00:00:00.000Z", note: null })
      assert.strictEqual(yield* groups.insert(db, { name: group.name, created: group.created, note: group.note }), 1)
      assert.deepStrictEqual(yield* groups.select(db).one, { ...group })
      const repository = yield* Model.makeRepository(Group, { tableName: "groups", spanPrefix: "groups", idColumn: "id" }).pipe(Effect.provideService(SqlClient, db))
      assert.deepStrictEqual(yield* Effect.map(repository.findById(1), (found) => found._tag), "Some")
    }))
})
