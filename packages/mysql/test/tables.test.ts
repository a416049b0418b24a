/**
 * Tables in MySQL and MariaDB: zones, forms of decoding, other databases as schemas, steps of AUTO_INCREMENT, and tables
 * that others made.
 */
import { assert, it } from "@effect/vitest"
import * as BulkCopy from "@sluice/batcher/BulkCopy"
import * as Column from "@sluice/core/Column"
import * as Database from "@sluice/core/Database"
import * as Table from "@sluice/core/Table"
import type * as Mysql from "@sluice/mysql/Mysql"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { onServers } from "./each.js"

onServers("V7 tables", (_, { fresh }) => {
  const opened = (config: Mysql.Config = {}) => Effect.map(Layer.build(Layer.fresh(fresh(config))), (context) => Context.get(context, Database.Database))

  it.scopedLive("an instant is the same one whatever zone the session has, and whatever form dates and decimals come in", () =>
    Effect.gen(function*() {
      const moments = Table.make("moments", {
        id: Column.integer().primaryKey(),
        at: Column.timestamp().notNull(),
        made: Column.timestamp().notNull().defaultNow(),
        first: Column.timestamp().notNull().default(new Date(1_000)),
        price: Column.decimal(12, 3)
      })
      const at = new Date("2024-02-29T12:34:56.789Z")
      for (const config of [{}, { timezone: "+05:30" }, { timezone: "-08:00", dates: "date" }, { dates: "date", decimals: "BigDecimal" }] as const) {
        const db = yield* opened(config)
        yield* Table.create(db, moments)
        yield* moments.insert(db, { id: 1, at, price: "100" })
        const [row] = yield* moments.select(db).where(moments.at.eq(at).and(moments.first.lt(at)).and(moments.price.eq("100.000")))
        assert.deepStrictEqual([row?.at, row?.first, row?.price], [at, new Date(1_000), "100.000"], JSON.stringify(config))
        assert.isBelow(Math.abs(Date.now() - (row?.made.getTime() ?? 0)), 60_000)
      }
    }))

  it.scopedLive("a copy between sessions of two zones is the same instants, to the microsecond", () =>
    Effect.gen(function*() {
      const [from, to] = [yield* opened({ timezone: "-08:00" }), yield* opened({ timezone: "+05:30" })]
      for (const db of [from, to]) yield* db`CREATE TABLE moments (id INT, exact DATETIME(6), short DATETIME(3))`
      yield* from`INSERT INTO moments VALUES (1, '2026-11-21 10:20:30.123456', '2026-11-21 10:20:30.123'), (2, '1969-12-31 16:00:00', '1969-12-31 16:00:00')`
      yield* BulkCopy.run({ from, query: from`SELECT * FROM moments`, to, table: "moments" })
      assert.deepStrictEqual(yield* to`SELECT CAST(exact AS CHAR) AS exact, CAST(short AS CHAR) AS short FROM moments ORDER BY id`, [
        { exact: "2026-11-21 23:50:30.123456", short: "2026-11-21 23:50:30.123" }, { exact: "1970-01-01 05:30:00.000000", short: "1970-01-01 05:30:00.000" }
      ])
    }))

  it.scopedLive("several generated keys are each its own row's, with a step of AUTO_INCREMENT, too", () =>
    Effect.gen(function*() {
      const db = yield* opened({ pool: { max: 1 } })
      const items = Table.make("items", { id: Column.bigint().primaryKey().autoIncrement(), name: Column.text(9).notNull().unique() })
      yield* Table.create(db, items)
      const session = yield* db.session
      yield* session.provide(Effect.gen(function*() {
        yield* db`SET SESSION auto_increment_increment = 5`
        const keys = yield* items.insert(db, ["a", "b", "c"].map((name) => ({ name })))
        assert.deepStrictEqual(yield* items.select(db).orderBy(items.name), ["a", "b", "c"].map((name, i) => ({ id: keys[i] ?? 0n, name })))
        assert.deepStrictEqual(keys.map((key, i) => Number(key) - Number(keys[0]) - 5 * i), [0, 0, 0])
        // All of them or none.
        yield* Effect.flip(items.insert(db, [{ name: "d" }, { name: "a" }]))
        assert.strictEqual(yield* items.select(db).count, 3)
      }))
    }))

  it.scopedLive("another database is a schema", () =>
    Effect.gen(function*() {
      const db = yield* opened()
      const other = yield* opened()
      const name = yield* other<string>`SELECT DATABASE()`.scalar
      const teams = Table.make(`${name}.teams`, { id: Column.integer().primaryKey(), title: Column.text(9).index() })
      const users = Table.make("users", { id: Column.integer().primaryKey(), team: Column.integer().references(() => teams.id) })
      yield* Table.createAll(db, [users, teams])
      yield* teams.insert(db, { id: 1, title: "a" })
      yield* users.insert(db, { id: 1, team: 1 })
      assert.deepStrictEqual(yield* users.select(db).innerJoin(teams, teams.id.eq(users.team)).columns({ title: teams.columns.title }), [{ title: "a" }])
      assert.deepStrictEqual([yield* Table.names(db), yield* Table.names(db, { schema: name })], [["users"], ["teams"]])
      assert.deepStrictEqual([yield* Table.exists(db, teams), yield* Table.exists(db, "teams")], [true, false])
      assert.strictEqual(Table.describe(yield* Table.reflect(db, "teams", { schema: name })).name, `${name}.teams`)
      yield* Table.dropAll(db, [teams, users])
    }))

  it.scopedLive("a text without a length in a key is a ConfigError that says what to write", () =>
    Effect.gen(function*() {
      const db = yield* opened()
      const wrong = [
        Table.make("t", { a: Column.text().primaryKey() }), Table.make("t", { a: Column.text().unique() }), Table.make("t", { a: Column.text().index() }),
        Table.make("t", { a: Column.bytes().unique() }), Table.make("t", { a: Column.json().index() })
      ]
      for (const table of wrong) {
        const { reason } = yield* Effect.flip(Table.create(db, table))
        assert.deepStrictEqual([reason._tag, reason._tag === "ConfigError" && reason.field], ["ConfigError", "t.a"])
      }
      yield* Table.create(db, Table.make("t", { a: Column.text().native({ mysql: "VARCHAR(50)" }).unique() }))
    }))

  it.scopedLive("a text and bytes beyond 64 KB", () =>
    Effect.gen(function*() {
      const db = yield* opened()
      const notes = Table.make("notes", { text: Column.text().notNull(), bytes: Column.bytes().notNull() })
      yield* Table.create(db, notes)
      const { bytes, text } = { text: "é".repeat(100_000), bytes: new Uint8Array(200_000).fill(9) }
      yield* notes.insert(db, { text, bytes })
      const row = yield* notes.select(db).one
      assert.isTrue(row.text === text && Buffer.compare(row.bytes, bytes) === 0)
    }))

  it.scopedLive("a table that others made: unsigned, enumerated, and binary columns, and what a column's default is", () =>
    Effect.gen(function*() {
      const db = yield* opened()
      yield* db.unsafe(`CREATE TABLE odd (
        id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, size ENUM('s', 'l') NOT NULL DEFAULT 's', flag TINYINT(1), small TINYINT, bin VARBINARY(4) NULL,
        made TIMESTAMP NULL DEFAULT NULL, d DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6), p DECIMAL(6, 2) DEFAULT 1.50, y YEAR, t TIME,
        UNIQUE KEY by_size (size, small), KEY by_flag (flag))`)
      const odd = yield* Table.reflect(db, "odd")
      const found = Table.describe(odd)
      assert.deepStrictEqual(found.columns.map(({ type }) => type.kind), [
        "integer", "text", "boolean", "integer", "bytes", "timestamp", "unknown", "decimal", "integer", "unknown"
      ])
      assert.deepStrictEqual(found.columns.map((column) => column.default !== undefined), [false, true, false, false, false, false, true, true, false, false])
      assert.deepStrictEqual([found.uniques, found.indexes], [[["size", "small"]], [{ name: "by_flag", columns: ["flag"] }]])
      assert.strictEqual(yield* odd.insert(db, { flag: true, bin: Uint8Array.of(1), t: "-01:02:03", d: "2024-02-29 12:34:56.789012" }), 1)
      assert.deepInclude(yield* odd.select(db).one, { id: 1, size: "s", flag: true, bin: Uint8Array.of(1), p: "1.50", t: "-01:02:03", d: "2024-02-29 12:34:56.789012", made: null })
    }))
})
