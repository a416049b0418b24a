/**
 * Cases of V7, and of Q3 for tables: what is written, asked and answered. What their columns hold is in `columns`, how they are
 * made and read back in `schemas`.
 */
import { assert } from "@effect/vitest"
import * as Column from "@sluice/core/Column"
import * as Condition from "@sluice/core/Condition"
import type * as Database from "@sluice/core/Database"
import * as Expression from "@sluice/core/Expression"
import type * as Query from "@sluice/core/Query"
import * as Table from "@sluice/core/Table"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Case } from "../Case.js"
import { fails, misuse } from "../internal/asking.js"

const teams = Table.make("teams", {
  id: Column.integer().primaryKey().autoIncrement(),
  title: Column.text(40).notNull()
})

const users = Table.make("users", {
  id: Column.integer().primaryKey().autoIncrement(),
  name: Column.text(80).notNull(),
  age: Column.integer(),
  team: Column.integer().references(() => teams.id)
})

const names = ["Jeremy Goodwin", "Natalie Hurley", "Dan Rydell", "Casey McCall", "Dana Whitaker"]

/** Two tables with the seed's five users, in two teams and none. */
const filled = (db: Database.Database) =>
  Effect.gen(function*() {
    yield* Table.createAll(db, [users, teams])
    yield* teams.insert(db, [{ title: "anchors" }, { title: "producers" }, { title: "nobody" }])
    yield* users.insert(db, names.map((name, i) => ({ name, age: i === 4 ? null : 20 + i, team: [2, 2, 1, 1, null][i] })))
  })

const ids = (query: { readonly orderBy: (...terms: ReadonlyArray<typeof users.id>) => Query.Query<Table.Row<typeof users>> }) => query.orderBy(users.id).column("id")

export const tables: ReadonlyArray<Case> = [
  {
    law: "V7",
    title: "a table is made, written, asked and dropped, as sqlalchemy_aio's page has it",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const seed = Table.make("users", { id: Column.integer().primaryKey().autoIncrement(), name: Column.text() })
      yield* Table.create(db, seed)
      assert.deepStrictEqual(yield* Effect.forEach(names, (name) => seed.insert(db, { name })), [1, 2, 3, 4, 5])
      const found = yield* seed.select(db).where(seed.name.startsWith("D")).orderBy(seed.id)
      assert.deepStrictEqual(found, [{ id: 3, name: "Dan Rydell" }, { id: 5, name: "Dana Whitaker" }])
      yield* Table.drop(db, seed)
      assert.isFalse(yield* Table.exists(db, seed))
    })
  },
  {
    law: "V7",
    title: "where: each comparison, and, or, not, and SQL of one's own",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* filled(db)
      const asked: ReadonlyArray<readonly [Condition.Condition, ReadonlyArray<number>]> = [
        [users.age.eq(22), [3]],
        [users.age.ne(22), [1, 2, 4]],
        [users.age.lt(22), [1, 2]],
        [users.age.lte(22), [1, 2, 3]],
        [users.age.gt(22), [4]],
        [users.age.gte(22), [3, 4]],
        [users.age.in([20, 23]), [1, 4]],
        [users.age.notIn([20, 23]), [2, 3]],
        [users.age.in([]), []],
        [users.age.notIn([]), [1, 2, 3, 4, 5]],
        [users.age.isNull(), [5]],
        [users.age.isNotNull(), [1, 2, 3, 4]],
        [users.name.like("Dan_ %"), [5]],
        [users.name.startsWith("Dan"), [3, 5]],
        [users.name.endsWith("ll"), [3, 4]],
        [users.name.contains("Mc"), [4]],
        [users.age.gt(20).and(users.team.eq(1)), [3, 4]],
        [users.age.eq(20).or(users.age.isNull()), [1, 5]],
        [users.age.eq(20).or(users.age.eq(21)).and(users.name.startsWith("N")), [2]],
        [users.age.lt(22).not(), [3, 4]],
        [Condition.not(users.name.in(names.slice(1))), [1]],
        [Condition.and(), [1, 2, 3, 4, 5]],
        [Condition.or(), []],
        [Condition.of(db`${users.age} + ${1} = ${24}`), [4]],
        [users.id.eq(users.team), [2]],
        [users.id.eq(db`SELECT MAX(id) FROM users`), [5]],
        [users.team.in(teams.select(db).where(teams.title.eq("anchors")).columns({ id: teams.id })), [3, 4]]
      ]
      for (const [condition, expected] of asked) {
        assert.deepStrictEqual(yield* ids(users.select(db).where(condition)), expected, users.select(db).where(condition).compile()[0])
      }
      // Of two conditions both hold, and a raw fragment is one, whatever words are in it.
      assert.deepStrictEqual(yield* ids(users.select(db).where(db`age = 20 OR age = 21`).where(users.id.eq(2))), [2])
      assert.deepStrictEqual(yield* ids(users.select(db).where(users.id.eq(2).and(db`age = 20 OR age = 21`).not()).where(users.age.lt(22))), [1])
      assert.deepStrictEqual(yield* ids(users.select(db).where(users.age.gt(20)).where(db`name LIKE ${"N%"}`)), [2])
    })
  },
  {
    law: "V7",
    title: "startsWith, endsWith and contains mean each character, wildcards and escapes included",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* Table.createAll(db, [teams, users])
      const odd = ["100%", "100 percent", "a_b", "axb", "!x", "\\x", "\\%", "[a]", "it's", "\"q\""]
      yield* users.insert(db, odd.map((name) => ({ name })))
      for (const name of odd) {
        for (const condition of [users.name.startsWith(name), users.name.endsWith(name), users.name.contains(name)]) {
          assert.deepStrictEqual(yield* users.select(db).where(condition).column("name"), [name])
        }
      }
    })
  },
  {
    law: "V7",
    title: "order, limit, offset, distinct, count, and first asks for one row",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* filled(db)
      const all = users.select(db)
      assert.deepStrictEqual(yield* all.orderBy(users.team.desc(), users.id.desc()).where(users.team.isNotNull()).column("id"), [2, 1, 4, 3])
      assert.deepStrictEqual(yield* all.orderBy(users.id).limit(2).offset(1).column("id"), [2, 3])
      assert.deepStrictEqual(yield* all.orderBy(users.id).offset(3).column("id"), [4, 5])
      assert.deepStrictEqual(yield* all.limit(0), [])
      assert.deepStrictEqual(yield* all.columns({ team: users.team }).where(users.team.isNotNull()).distinct().orderBy(users.team), [{ team: 1 }, { team: 2 }])
      assert.strictEqual(yield* all.count, 5)
      assert.strictEqual(yield* all.orderBy(users.id).where(users.age.gt(20)).count, 3)
      assert.strictEqual(yield* all.limit(2).count, 2)
      assert.strictEqual(yield* all.columns({ team: users.team }).distinct().count, 3)
      assert.deepStrictEqual(Option.map(yield* all.orderBy(users.id.desc()).first, ({ id }) => id), Option.some(5))
      assert.deepStrictEqual(yield* all.where(users.id.eq(99)).first, Option.none())
      assert.strictEqual(yield* all.where(users.id.eq(3)).columns({ name: users.name }).scalar, "Dan Rydell")
      for (const wrong of [all.limit(-1), all.limit(1.5), all.offset(Number.NaN)]) yield* misuse(wrong, "ConfigError")
    })
  },
  {
    law: "V7",
    title: "joins: rows by table, null where the left one finds none, an alias of the same table, chosen columns",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* filled(db)
      const inner = yield* users.select(db).innerJoin(teams, teams.id.eq(users.team)).where(teams.title.eq("anchors")).orderBy(users.id).limit(1)
      assert.deepStrictEqual(inner, [{ users: { id: 3, name: "Dan Rydell", age: 22, team: 1 }, teams: { id: 1, title: "anchors" } }])
      const left = users.select(db).leftJoin(teams, teams.id.eq(users.team))
      assert.deepStrictEqual((yield* left.where(users.id.eq(5))).map((row) => row.teams), [null])
      assert.strictEqual(yield* left.count, 5)
      assert.deepStrictEqual(yield* left.columns({ name: users.name, title: teams.title }).where(users.id.gte(4)).orderBy(users.id), [
        { name: "Casey McCall", title: "anchors" },
        { name: "Dana Whitaker", title: null }
      ])
      const mates = Table.as(users, "mates")
      const pairs = users.select(db).innerJoin(mates, mates.team.eq(users.team).and(mates.id.gt(users.id))).orderBy(users.id)
      assert.deepStrictEqual(yield* pairs.columns({ one: users.id, other: mates.id }), [{ one: 1, other: 2 }, { one: 3, other: 4 }])
      const counted = teams.select(db).columns({ id: teams.id, double: Expression.of<number>(db`${teams.id} * 2`) }).orderBy(teams.id).limit(1)
      assert.deepStrictEqual(yield* counted, [{ id: 1, double: 2 }])
      yield* misuse(users.select(db).innerJoin(users, users.id.eq(users.id)), "ConfigError")
    })
  },
  {
    law: "V7",
    title: "an insert answers with the primary key: generated, given, of several columns, of several rows, of none",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const seats = Table.make("seats", { hall: Column.text(8).primaryKey(), seat: Column.bigint().primaryKey(), taken: Column.boolean().notNull().default(false) })
      const logs = Table.make("logs", { line: Column.text() })
      const big = Table.make("big", { id: Column.bigint().primaryKey().autoIncrement(), note: Column.text() })
      yield* Table.createAll(db, [seats, logs, big, teams, users])
      const first: number = yield* teams.insert(db, { title: "a" })
      const more: ReadonlyArray<number> = yield* teams.insert(db, [{ title: "b" }, { title: "c" }])
      assert.deepStrictEqual([first, ...more], [1, 2, 3])
      assert.strictEqual(yield* teams.insert({ title: "d" })(db), 4)
      assert.strictEqual(yield* teams.insert(db, { id: 10, title: "e" }), 10)
      assert.deepStrictEqual(yield* seats.insert(db, { hall: "A", seat: 7n }), { hall: "A", seat: 7n })
      assert.deepStrictEqual(yield* seats.insert(db, [{ hall: "B", seat: 1n }, { hall: "A", seat: 1n }]), [{ hall: "B", seat: 1n }, { hall: "A", seat: 1n }])
      assert.isUndefined(yield* logs.insert(db, { line: "x" }))
      assert.strictEqual(yield* big.insert(db, {}), 1n)
      assert.deepStrictEqual(yield* big.insert(db, [{}, {}]), [2n, 3n])
      assert.deepStrictEqual(yield* teams.insert(db, []), [])
      assert.deepStrictEqual(yield* teams.select(db).orderBy(teams.id).column("title"), ["a", "b", "c", "d", "e"])
    })
  },
  {
    law: "V7",
    title: "rows come back where the dialect has RETURNING, and are refused before anything is sent where it has not",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* filled(db)
      const { returning } = db.dialect.capabilities
      const insert = users.insert(db, { name: "Isaac Jaffe" }).returning
      const update = users.update(db, { age: 30 }).where(users.id.eq(1)).returning
      const remove = users.delete(db).where(users.id.eq(2)).returning
      if (returning) {
        assert.deepStrictEqual(yield* insert, [{ id: 6, name: "Isaac Jaffe", age: null, team: null }])
        assert.deepStrictEqual(yield* update, [{ id: 1, name: "Jeremy Goodwin", age: 30, team: 2 }])
        assert.deepStrictEqual(yield* remove, [{ id: 2, name: "Natalie Hurley", age: 21, team: 2 }])
        // What was written is written, and the error says so.
        const strict = Table.make("users", { id: Column.integer().primaryKey().autoIncrement(), name: Column.text().notNull(), age: Column.integer().notNull() })
        const reason = yield* fails(strict.update(db, { name: "x" }).where(strict.id.eq(5)).returning, "DecodeError")
        assert.deepStrictEqual([reason.column, reason.row, reason.outcome], ["age", 0, "applied"])
        assert.strictEqual(yield* users.select(db).where(users.id.eq(5)).columns({ name: users.name }).scalar, "x")
      } else {
        for (const effect of [insert, update, remove]) yield* misuse(effect, "UnsupportedError")
        const tokens = Table.make("tokens", { id: Column.text(36).primaryKey().defaultSql("'made'"), n: Column.integer() })
        yield* Table.create(db, tokens)
        yield* misuse(tokens.insert(db, { n: 1 }), "UnsupportedError")
        assert.strictEqual(yield* tokens.select(db).count, 0)
        assert.strictEqual((yield* tokens.insert(db, { n: 1 }).statement.run).rowsAffected, 1)
      }
      assert.strictEqual(yield* users.select(db).count, 5)
    })
  },
  {
    law: "Q3",
    title: "an insert into a table of rows with different columns takes the default of what a row lacks",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const jobs = Table.make("jobs", {
        id: Column.integer().primaryKey().autoIncrement(),
        state: Column.text(9).notNull().default("it's"),
        tries: Column.integer().notNull().defaultSql("1 + 1"),
        made: Column.timestamp().notNull().defaultNow(),
        note: Column.text()
      })
      yield* Table.create(db, jobs)
      yield* jobs.insert(db, [{ note: "a" }, { state: "done", tries: 5 }, { made: new Date(0) }])
      const rows = yield* jobs.select(db).orderBy(jobs.id)
      assert.deepStrictEqual(rows.map(({ note, state, tries }) => [note, state, tries]), [["a", "it's", 2], [null, "done", 5], [null, "it's", 2]])
      assert.deepStrictEqual(rows[2]?.made, new Date(0))
      assert.isBelow(Math.abs(Date.now() - (rows[0]?.made.getTime() ?? 0)), 60_000, "the server's clock, in our zone")
    })
  },
  {
    law: "V7",
    title: "update and delete touch the rows that they say, all only when told so, and a wrong column is a ConfigError",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* filled(db)
      assert.strictEqual(yield* users.update(db, { age: 40, team: undefined }).where(users.id.lte(2)), 2)
      assert.strictEqual(yield* users.update({ age: db`${users.age} + 1` })(db).where(users.id.eq(1)).where(users.age.isNotNull()), 1)
      assert.deepStrictEqual(yield* users.select(db).orderBy(users.id).column("age"), [41, 40, 22, 23, null])
      assert.strictEqual(yield* users.update(db, { name: "x", team: null }).all(), 5)
      assert.strictEqual(yield* users.delete(db).where(users.age.isNull()), 1)
      assert.strictEqual(yield* users.delete(db).where(users.id.in([])), 0)
      assert.strictEqual(yield* users.select(db).count, 4)
      assert.strictEqual(yield* users.delete(db).all(), 4)
      const typo: Record<string, string> = { nmae: "x" }
      assert.strictEqual((yield* misuse(users.insert(db, typo as never), "ConfigError")).field, "insert.nmae")
      assert.strictEqual((yield* misuse(users.update(db, typo as never).all(), "ConfigError")).field, "update.nmae")
      yield* misuse(users.update(db, {}).all(), "ConfigError")
      yield* misuse(users.select(db).where(users.age.eq(null as never)), "ConfigError")
    })
  },
  {
    law: "V7",
    title: "a table's queries run in the fiber's transaction, in batches and as fragments of statements",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* filled(db)
      yield* Effect.ignore(db.transaction(Effect.gen(function*() {
        yield* users.insert(db, [{ name: "a" }, { name: "b" }])
        yield* users.delete(db).where(users.id.eq(1))
        assert.strictEqual(yield* users.select(db).count, 6)
        return yield* Effect.fail("undo")
      })))
      assert.strictEqual(yield* users.select(db).count, 5)
      const results = yield* db.batch([users.update(db, { age: 1 }).where(users.id.eq(1)).statement, users.select(db).where(users.id.eq(1))])
      assert.deepStrictEqual(results.map(({ rows }) => rows), [[], [{ id: 1, name: "Jeremy Goodwin", age: 1, team: 2 }]])
      const total = db<number>`SELECT COUNT(*) FROM (${users.select(db).where(users.age.gt(20)).columns({ id: users.id })}) AS t WHERE 1 IN ${db.in([1])}`
      assert.strictEqual(Number(yield* total.scalar), 3)
    })
  },
  {
    law: "V7",
    title: "a row that does not fit its table or a Schema is a DecodeError with its column and its row, in every way to read",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* filled(db)
      const strict = Table.make("users", { id: Column.integer().primaryKey(), name: Column.text().notNull(), age: Column.integer().notNull() })
      const all = strict.select(db).orderBy(strict.id)
      for (const effect of [all, all.result, all.column("age"), Stream.runCollect(all.with({ fetchSize: 2 }).stream), Effect.scoped(Effect.flatMap(all.cursor, (cursor) => cursor.fetchAll))]) {
        const reason = yield* misuse(effect as typeof all, "DecodeError")
        assert.deepStrictEqual([reason.column, reason.row], ["age", 4])
      }
      const Adult = Schema.Struct({ id: Schema.Number, name: Schema.NonEmptyString, age: Schema.Number.pipe(Schema.greaterThan(20)) })
      const decoded = users.select(db).orderBy(users.id.desc()).where(users.age.isNotNull()).decode(Adult)
      const reason = yield* misuse(decoded, "DecodeError")
      assert.deepStrictEqual([reason.column, reason.row], ["age", 3])
      assert.deepStrictEqual(yield* db`SELECT id, name, age FROM users WHERE id = 2`.decode(Adult).one, { id: 2, name: "Natalie Hurley", age: 21 })
      const id = yield* fails(db`SELECT name AS id FROM users ORDER BY name`.decode(Schema.Struct({ id: Schema.Number })).first, "DecodeError")
      assert.deepStrictEqual([id.column, id.row], ["id", 0])
      assert.notInclude(id.message, "Casey", "whose value it was stays unsaid")
      assert.deepStrictEqual(yield* Stream.runCollect(users.select(db).where(users.age.gt(20)).decode(Adult).stream).pipe(Effect.map((rows) => rows.length)), 3)
    })
  }
]
