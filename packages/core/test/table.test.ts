/**
 * Tables without a server: what their queries compile to, for dialects that no package has, and what is refused.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Column from "../src/Column.js"
import type { Database } from "../src/Database.js"
import type { Dialect, Tables } from "../src/Dialect.js"
import * as Sql from "../src/Sql.js"
import * as Table from "../src/Table.js"
import { dialect, FakeServer, reasonOf } from "./fake.js"

const tables: Tables = {
  type: ({ kind, length }) => kind === "unknown" ? { refusal: "what is that?" } : length === undefined ? kind : `${kind}(${length})`,
  identity: () => ({ type: "serial", words: "", isPrimaryKey: false }),
  literal: (value) => typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : String(value),
  now: "clock()",
  emptyRow: "DEFAULT VALUES",
  page: (limit, offset) => limit === undefined && offset === undefined ? [] : [" OFFSET ", offset ?? 0, " ROWS", ...(limit === undefined ? [] : [" FETCH NEXT ", limit, " ROWS ONLY"])],
  wildcards: "%_[",
  cast: ({ kind }) => kind === "decimal" ? "decimal" : undefined,
  isOrdered: ({ kind }) => kind !== "json",
  read: (_, value) => value,
  isTransactional: true,
  inlineIndexes: false,
  schemasAreApart: false,
  names: () => ({ sql: "", params: [] }),
  columns: () => ({ sql: "", params: [] }),
  indexes: () => ({ sql: "", params: [] }),
  foreignKeys: () => ({ sql: "", params: [] }),
  typeOf: () => ({ kind: "unknown" })
}

// As SQL Server writes it: brackets, OUTPUT, OFFSET and FETCH.
const own: Dialect = { ...dialect, quoteIdentifier: (name) => name.split(".").map((part) => `[${part}]`).join("."), placeholder: (index) => `@p${index}`, returning: "output", tables }

const users = Table.make("app.users", { id: Column.integer().autoIncrement(), name: Column.text(20).notNull(), pay: Column.decimal(9, 2), extra: Column.json() }, (users) => [Table.index([users.name])])

const compile = (fragment: Sql.Fragment, as: Dialect = own) => {
  const { params, sql } = Either.getOrThrow(Sql.compile(fragment, as))
  return [sql, ...params]
}

const case_ = (title: string, f: (db: Database) => void) => it.scoped(title, () => Effect.map(new FakeServer().database({ pool: { lazy: true } }), f))

describe("V7 tables", () => {
  case_("are written in the words of the dialect that they are compiled for", (db) => {
    const some = users.select(db).where(users.name.startsWith("50%[!")).orderBy(users.name.desc(), users.id).limit(10).offset(20).columns({ id: users.id })
    assert.deepStrictEqual(compile(some), [
      "SELECT [app].[users].[id] FROM [app].[users] WHERE [app].[users].[name] LIKE @p1 ESCAPE '!' ORDER BY [app].[users].[name] DESC, [app].[users].[id] ASC OFFSET @p2 ROWS FETCH NEXT @p3 ROWS ONLY",
      "50!%![!!%", 20, 10
    ])
    assert.deepStrictEqual(compile(users.insert(db, { name: "a" }).returning), [
      "INSERT INTO [app].[users] ([name]) OUTPUT INSERTED.[id], INSERTED.[name], INSERTED.[pay], INSERTED.[extra] VALUES (@p1)", "a"
    ])
    assert.deepStrictEqual(compile(users.delete(db).where(users.id.eq(1)).returning), [
      "DELETE FROM [app].[users] OUTPUT DELETED.[id], DELETED.[name], DELETED.[pay], DELETED.[extra] WHERE [app].[users].[id] = @p1", 1
    ])
    assert.deepStrictEqual(compile(users.insert(db, {} as never).statement), ["INSERT INTO [app].[users] DEFAULT VALUES"])
  })

  case_("one query is compiled for each dialect by itself, in every order", (db) => {
    const query = users.select(db).columns({ id: users.id }).where(users.name.contains("[")).limit(1)
    const other: Dialect = { ...dialect, tables: { ...tables, wildcards: "%_", page: (limit) => limit === undefined ? [] : [" LIMIT ", limit] } }
    const before = compile(query)
    assert.deepStrictEqual(compile(query, other), [
      "SELECT \"app\".\"users\".\"id\" FROM \"app\".\"users\" WHERE \"app\".\"users\".\"name\" LIKE $1 ESCAPE '!' LIMIT $2", "%[%", 1
    ])
    assert.deepStrictEqual(compile(query), before)
  })

  case_("a decimal is compared as one, with the digits of its column", (db) => {
    assert.deepStrictEqual(compile(users.select(db).columns({ id: users.id }).where(users.pay.gt("1.5"))).slice(1), ["1.50"])
    assert.include(compile(users.select(db).where(users.pay.in(["1", "2"])))[0], "IN (CAST(@p1 AS decimal), CAST(@p2 AS decimal))")
  })

  case_("an alias stands in the query, and the table behind it", (db) => {
    const boss = Table.as(users, "boss")
    assert.deepStrictEqual(compile(users.select(db).leftJoin(boss, boss.id.eq(users.id)).columns({ a: users.id, b: boss.id })), [
      "SELECT [app].[users].[id], [boss].[id] FROM [app].[users] LEFT JOIN [app].[users] AS [boss] ON [boss].[id] = [app].[users].[id]"
    ])
  })

  it.scoped("a dialect that says nothing of tables refuses them before anything is sent", () =>
    Effect.gen(function*() {
      const server = new FakeServer()
      const db = yield* server.database({ pool: { lazy: true } })
      const effects = [
        users.select(db), users.insert(db, { name: "a" }), users.update(db, { name: "b" }).all(), users.delete(db).all(),
        Table.create(db, users), Table.drop(db, users), Table.exists(db, users), Table.names(db), Table.reflect(db, "users")
      ]
      for (const effect of effects) {
        const reason = yield* reasonOf(effect as Effect.Effect<unknown, never, never>)
        assert.strictEqual(reason._tag, "UnsupportedError")
      }
      assert.strictEqual(server.attempts, 0)
    }))

  case_("an order that the dialect has not is refused, and so is a type without a name", (db) => {
    const problem = (fragment: Sql.Fragment) => Either.match(Sql.compile(fragment, own), { onLeft: ({ reason }) => reason._tag, onRight: ({ sql }) => sql })
    assert.strictEqual(problem(users.select(db).orderBy(users.extra)), "UnsupportedError")
    assert.strictEqual(problem(users.select(db).where(users.extra.lt({}))), "UnsupportedError")
    assert.strictEqual(problem(users.insert(db, [1, 2, 3, 4].map((id) => ({ id, name: "x" }))).statement), "LimitError")
    assert.strictEqual(problem(users.insert(db, []).statement), "ConfigError")
  })

  case_("DDL: columns, keys, checks and defaults as text, indexes beside it", (db) => {
    const jobs = Table.make("jobs", {
      id: Column.bigint().autoIncrement(),
      state: Column.text(9).notNull().default("it's").check((state) => state.ne("'")),
      seen: Column.timestamp().defaultNow().native({ fake: "instant" }),
      user: Column.integer().references(() => users.id, { onDelete: "set null", onUpdate: "cascade" }).unique()
    }, (jobs) => [Table.index([jobs.state, jobs.seen])])
    assert.deepStrictEqual(Table.createStatements(db, jobs, { ifNotExists: true }).map((statement) => compile(statement, { ...dialect, tables })[0]), [
      `CREATE TABLE IF NOT EXISTS "jobs" (
  "id" serial NOT NULL ,
  "state" text(9) NOT NULL DEFAULT ('it''s'),
  "seen" instant DEFAULT (clock()),
  "user" integer,
  PRIMARY KEY ("id"),
  UNIQUE ("user"),
  FOREIGN KEY ("user") REFERENCES "app"."users" ("id") ON DELETE SET NULL ON UPDATE CASCADE,
  CHECK ("state" <> '''')
)`
    ])
  })
})
