/**
 * Cases of V7: how tables are made, what they promise then, and how they are read back. What is asked of them is in `tables`.
 */
import { assert } from "@effect/vitest"
import * as Column from "@sluice/core/Column"
import * as Table from "@sluice/core/Table"
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Case } from "../Case.js"
import { fails, misuse } from "../internal/asking.js"

const teams = Table.make("teams", { id: Column.integer().primaryKey(), title: Column.text(40).notNull().unique() })

const people = Table.make("people", {
  id: Column.bigint().primaryKey().autoIncrement(),
  name: Column.text(80).notNull(),
  team: Column.integer().references(() => teams.id, { onDelete: "cascade" }),
  boss: Column.bigint().references("people.id", { onDelete: "set null" }),
  age: Column.integer().check((age) => age.gte(0).and(age.ne(13))),
  state: Column.text(9).notNull().default("a\\b'c"),
  rank: Column.decimal(6, 2).default("1.5")
}, (people) => [
  Table.unique([people.name, people.team]),
  Table.index([people.team, people.age], "people_by_age"),
  Table.check("age < 150")
])

const seats = Table.make("seats", { hall: Column.integer().primaryKey(), seat: Column.text(3).primaryKey(), price: Column.double() })

const tickets = Table.make("tickets", {
  id: Column.integer().primaryKey(),
  hall: Column.integer().notNull(),
  seat: Column.text(3).notNull().index()
}, (tickets) => [Table.foreignKey([tickets.hall, tickets.seat], [seats.hall, seats.seat], { onUpdate: "cascade" })])

const notes = Table.make("notes", {
  id: Column.integer().primaryKey().autoIncrement(),
  text: Column.text().notNull().default("a\\'\n😀"),
  bytes: Column.bytes().notNull().default(Uint8Array.of(0, 39, 92, 255)),
  json: Column.json().notNull().default({ a: "it's" }),
  day: Column.date().notNull().default("2024-02-29"),
  at: Column.timestamp().notNull().default(new Date(1_000)),
  big: Column.bigint().notNull().default(-9_223_372_036_854_775_808n),
  price: Column.decimal(6, 2).notNull().default("-1.50"),
  score: Column.double().notNull().default(0.1),
  ok: Column.boolean().notNull().default(true),
  uuid: Column.uuid().notNull().default("0188d8e8-7b6e-7000-8000-00805f9b34fb")
})

export const schemas: ReadonlyArray<Case> = [
  {
    law: "V7",
    title: "several tables are made in the order of their foreign keys, and dropped the other way round",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* Table.createAll(db, [tickets, people, seats, teams])
      assert.deepStrictEqual(yield* Table.names(db), ["people", "seats", "teams", "things", "tickets"])
      yield* fails(Table.create(db, seats), "SqlSyntaxError")
      yield* Effect.flatMap(Effect.succeed(db), Table.createAll([people, teams], { ifNotExists: true }))
      yield* Table.dropAll(db, [teams, seats, tickets, people])
      assert.deepStrictEqual(yield* Table.names(db), ["things"])
      yield* fails(Table.drop(db, teams), "SqlSyntaxError")
      yield* Effect.flatMap(Effect.succeed(db), Table.drop(teams, { ifExists: true }))
    })
  },
  {
    law: "V7",
    title: "tables that refer to each other in a circle are a ConfigError that tells the circle, and none is made",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const a = Table.make("a", { id: Column.integer().primaryKey(), b: Column.integer().references("b.id") })
      const b = Table.make("b", { id: Column.integer().primaryKey(), a: Column.integer().references(() => a.id) })
      const reason = yield* misuse(Table.createAll(db, [teams, a, b]), "ConfigError")
      assert.include(reason.message, "a -> b -> a")
      yield* misuse(Table.dropAll(db, [a, b]), "ConfigError")
      assert.deepStrictEqual(yield* Table.names(db), ["things"])
    })
  },
  {
    law: "V7",
    title: "what a table promises is kept by the server: unique, not null, check, foreign keys and their actions, defaults",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* Table.createAll(db, [people, teams, seats, tickets])
      yield* teams.insert(db, [{ id: 1, title: "a" }, { id: 2, title: "b" }])
      const boss = yield* people.insert(db, { name: "x", team: 1 })
      yield* people.insert(db, { name: "y", team: 2, boss })
      yield* fails(teams.insert(db, { id: 3, title: "a" }), "UniqueViolation")
      yield* fails(people.insert(db, { name: "x", team: 1 }), "UniqueViolation")
      yield* fails(people.insert(db, { name: "z", team: 3 }), "ConstraintError")
      for (const age of [-1, 13, 150]) yield* fails(people.insert(db, { name: "z", age }), "ConstraintError")
      yield* fails(teams.update(db, { title: db`NULL` }).where(teams.id.eq(1)), "ConstraintError")
      assert.deepStrictEqual((yield* people.select(db).where(people.name.eq("x"))).map(({ rank, state }) => [state, rank]), [["a\\b'c", "1.50"]])
      assert.strictEqual(yield* teams.delete(db).where(teams.id.eq(1)), 1)
      assert.deepStrictEqual(yield* people.select(db).columns({ name: people.name, boss: people.boss }), [{ name: "y", boss: null }])
      yield* seats.insert(db, { hall: 1, seat: "A1" })
      yield* tickets.insert(db, { id: 1, hall: 1, seat: "A1" })
      yield* fails(tickets.insert(db, { id: 2, hall: 1, seat: "A2" }), "ConstraintError")
      yield* seats.update(db, { seat: "B1" }).where(seats.hall.eq(1))
      assert.deepStrictEqual(yield* tickets.select(db).column("seat"), ["B1"])
    })
  },
  {
    law: "V7",
    title: "a default of any kind of column, word for word, also of a table that is made as it was read",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* Table.create(db, notes)
      yield* notes.insert(db, {})
      const row = yield* notes.select(db).one
      assert.deepStrictEqual(row, {
        id: 1, text: "a\\'\n😀", bytes: Uint8Array.of(0, 39, 92, 255), json: { a: "it's" }, day: "2024-02-29", at: new Date(1_000),
        big: -9_223_372_036_854_775_808n, price: "-1.50", score: 0.1, ok: true, uuid: "0188d8e8-7b6e-7000-8000-00805f9b34fb"
      })
      const read = yield* Table.reflect(db, "notes")
      yield* Table.drop(db, read)
      yield* Table.create(db, read)
      yield* notes.insert(db, {})
      assert.deepStrictEqual(yield* notes.select(db), [row])
    })
  },
  {
    law: "V7",
    title: "whether a table is there, by its description and by its name; a schema that is not there holds none",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      assert.isFalse(yield* Table.exists(db, teams))
      yield* Table.create(db, teams)
      assert.isTrue(yield* Table.exists(db, teams))
      assert.isTrue(yield* Table.exists(db, "teams"))
      assert.isFalse(yield* Table.exists(db, "team_"))
      assert.isFalse(yield* Table.exists(db, "teams", { schema: "no_such_schema" }))
      assert.isFalse(yield* Table.exists(db, "no_such_schema.teams"))
      assert.deepStrictEqual(yield* Table.names(db, { schema: "no_such_schema" }), [])
      yield* db.transaction(Effect.gen(function*() {
        assert.isTrue(yield* Table.exists(db, teams))
      }))
    })
  },
  {
    law: "V7",
    title: "a table that is there is read: columns, types, NULL, defaults, primary key, uniques, foreign keys, indexes",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* Table.createAll(db, [people, teams, seats, tickets])
      const found = Table.describe(yield* Table.reflect(db, "people"))
      assert.deepStrictEqual(found.columns.map(({ isNullable, name }) => [name, isNullable]), [
        ["id", false], ["name", false], ["team", true], ["boss", true], ["age", true], ["state", false], ["rank", true]
      ])
      assert.deepStrictEqual(found.columns.slice(1).map(({ type }) => type.kind), ["text", "integer", "bigint", "integer", "text", "decimal"])
      assert.deepStrictEqual(found.columns.map(({ isIdentity }) => isIdentity), [true, false, false, false, false, false, false])
      assert.deepStrictEqual([found.columns[1]?.type.length, found.columns[6]?.type.precision, found.columns[6]?.type.scale], [80, 6, 2])
      assert.isUndefined(found.columns[1]?.default)
      assert.property(found.columns[5]?.default, "sql")
      assert.deepStrictEqual(found.primaryKey, ["id"])
      assert.deepStrictEqual(found.uniques, [["name", "team"]])
      assert.deepInclude(found.indexes, { name: "people_by_age", columns: ["team", "age"] })
      assert.sameDeepMembers([...found.foreignKeys], [
        { columns: ["team"], table: "teams", targets: ["id"], actions: { onDelete: "cascade", onUpdate: undefined } },
        { columns: ["boss"], table: "people", targets: ["id"], actions: { onDelete: "set null", onUpdate: undefined } }
      ])
      const more = Table.describe(yield* Table.reflect(db, "tickets"))
      assert.deepStrictEqual(more.foreignKeys, [
        { columns: ["hall", "seat"], table: "seats", targets: ["hall", "seat"], actions: { onDelete: undefined, onUpdate: "cascade" } }
      ])
      assert.deepStrictEqual(Table.describe(yield* Table.reflect(db, "seats")).primaryKey, ["hall", "seat"])
      assert.include((yield* misuse(Table.reflect(db, "nowhere"), "SqlSyntaxError")).message, "nowhere")
    })
  },
  {
    law: "V7",
    title: "a table that was read works as one that was described: it is written, asked, and made anew as it was",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* Table.createAll(db, [people, teams])
      yield* teams.insert(db, { id: 1, title: "a" })
      const read = yield* Table.reflect(db, "people")
      const { columns: { id, name, team } } = read
      const key = yield* read.insert(db, { name: "x", team: 1 })
      assert.strictEqual(Number(key), 1)
      assert.strictEqual(yield* read.update(db, { name: "y" }).where(name!.eq("x")), 1)
      assert.deepStrictEqual(yield* read.select(db).where(team!.eq(1)).columns({ id: id!, name: name! }), [{ id: key, name: "y" }])
      const before = Table.describe(read)
      yield* Table.drop(db, read)
      yield* Table.create(db, read)
      const after = Table.describe(yield* Table.reflect(db, "people"))
      assert.deepStrictEqual({ ...after, foreignKeys: [...after.foreignKeys].length }, { ...before, foreignKeys: [...before.foreignKeys].length })
      yield* fails(read.insert(db, { name: "x", team: 9 }), "ConstraintError")
    })
  },
  {
    law: "V7",
    title: "a table of a Schema: its types, what may be null, and what the Schema refuses",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      class Member extends Schema.Class<Member>("members")({
        id: Schema.Int,
        email: Schema.String.pipe(Schema.maxLength(60), Schema.pattern(/@/)),
        joined: Schema.Date,
        nick: Schema.NullOr(Schema.String),
        level: Schema.Literal("low", "high"),
        credit: Schema.BigInt,
        settings: Schema.Struct({ dark: Schema.Boolean }),
        rate: Schema.BigDecimal,
        seen: Schema.OptionFromNullOr(Schema.Number)
      }) {}
      const members = Table.fromSchema(Member, {
        columns: { id: (id) => id.primaryKey().autoIncrement(), email: (email) => email.unique() }
      })
      yield* Table.create(db, members)
      const row = { email: "a@b", joined: new Date(1_000), nick: null, level: "low" as const, credit: 2n ** 60n, settings: { dark: true }, rate: BigDecimal.make(15n, 1) }
      const none = Schema.decodeSync(Schema.OptionFromNullOr(Schema.Number))(null)
      const some = Schema.decodeSync(Schema.OptionFromNullOr(Schema.Number))(5)
      assert.strictEqual(yield* members.insert(db, { ...row, seen: none }), 1)
      const { rate, ...stored } = yield* members.select(db).one
      assert.deepStrictEqual({ ...stored, rate: BigDecimal.normalize(rate) }, { ...row, rate: BigDecimal.normalize(row.rate), id: 1, seen: none })
      const tooFine = { ...row, rate: BigDecimal.make(1n, 19), seen: none }
      assert.strictEqual((yield* misuse(members.insert(db, tooFine), "DataError")).column, "rate")
      yield* members.update(db, { seen: some, level: "high" }).where(members.level.eq("low"))
      assert.deepStrictEqual((yield* members.select(db).one).seen, some)
      yield* fails(members.insert(db, { ...row, seen: none }), "UniqueViolation")
      assert.strictEqual((yield* misuse(members.insert(db, { ...row, email: "nobody", seen: none }), "DataError")).column, "email")
      yield* db`UPDATE members SET level = 'odd'`
      assert.strictEqual((yield* misuse(members.select(db), "DecodeError")).column, "level")
    })
  },
  {
    law: "Q4",
    title: "names of a table go through the transform of names, are quoted, and no value is ever in the text",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({
        transformQueryNames: (name) => name.replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`),
        transformResultNames: (name) => name.replaceAll(/_([a-z])/g, (_, c: string) => c.toUpperCase())
      })
      const camels = Table.make("camelRiders", { humpCount: Column.integer().primaryKey(), select: Column.text(), odd: Column.text().named("odd ' \"name`") })
      yield* Table.create(db, camels)
      yield* camels.insert(db, { humpCount: 2, select: "'; DROP TABLE camel_riders; --", odd: "x" })
      const all = camels.select(db).where(camels.columns.select.startsWith("'; DROP").and(camels.odd.eq("x")))
      assert.deepStrictEqual(yield* all, [{ humpCount: 2, select: "'; DROP TABLE camel_riders; --", odd: "x" }])
      assert.notInclude(all.compile()[0], "DROP")
      assert.isTrue(yield* Table.exists(db, camels))
      assert.include(yield* Table.names(db), "camel_riders")
      const read = yield* Table.reflect(db, "camelRiders")
      assert.deepStrictEqual(Object.keys(read.columns), ["humpCount", "select", "odd ' \"name`"])
      assert.deepStrictEqual((yield* read.select(db)).map((row) => row["humpCount"]), [2])
    })
  },
  {
    law: "V4",
    title: "a table's definition that cannot work is a ConfigError that names the column, before anything is sent",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const wrong: ReadonlyArray<readonly [Table.Any, string]> = [
        [Table.make("", { a: Column.text() }), "table"],
        [Table.make("t", {}), "t"],
        [Table.make("t", { "a.b": Column.text() }), "t.a.b"],
        [Table.make("t", { a: Column.text(), b: Column.text().named("a") }), "t.b"],
        [Table.make("t", { a: Column.integer().autoIncrement(), b: Column.integer().autoIncrement() }), "t.b"]
      ]
      for (const [table, field] of wrong) assert.strictEqual((yield* misuse(Table.create(db, table), "ConfigError")).field, field)
      assert.deepStrictEqual(yield* Table.names(db), ["things"])
    })
  }
]
