/**
 * Sql.compile: fragments, helpers, placeholders and limits, for one dialect and for two.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { Database } from "../src/Database.js"
import type { Dialect } from "../src/Dialect.js"
import * as Sql from "../src/Sql.js"
import * as SqlError from "../src/SqlError.js"
import { dialect, FakeServer } from "./fake.js"

const opened = Effect.suspend(() => new FakeServer().database({ pool: { lazy: true } }))

const compile = (fragment: Sql.Fragment, as: Dialect = dialect) => {
  const { params, sql } = Either.getOrThrow(Sql.compile(fragment, as))
  return [sql, ...params]
}

const problem = (fragment: Sql.Fragment, as: Dialect = dialect) =>
  Either.match(Sql.compile(fragment, as), { onLeft: (error) => error.reason._tag, onRight: ({ sql }) => sql })

const case_ = (title: string, f: (db: Database) => void) => it.scoped(title, () => Effect.map(opened, f))

describe("Q4 compiling", () => {
  case_("parameters, identifiers, fragments and literals, numbered through", (db) => {
    assert.deepStrictEqual(compile(db`SELECT ${db("a.b\"c")} FROM t WHERE x = ${1} AND ${db`y = ${2}`} AND ${db.literal("z")}`), [
      "SELECT \"a\".\"b\"\"c\" FROM t WHERE x = $1 AND y = $2 AND z", 1, 2
    ])
  })

  case_("lists: in, and, or, csv, join", (db) => {
    assert.deepStrictEqual(compile(db`${db.in([1, 2])} ${db.in("a", [3])}`), ["($1,$2) \"a\" IN ($3)", 1, 2, 3])
    assert.match(compile(db`SELECT 1 WHERE 1 IN ${db.in([])}`)[0] as string, /1 = 0|1=0/)
    assert.deepStrictEqual(compile(db.and([db`a = ${1}`, db.or([db`b = ${2}`, db`c = ${3}`])])), ["(a = $1 AND (b = $2 OR c = $3))", 1, 2, 3])
    assert.strictEqual(compile(db.csv("ORDER BY", ["a", "b"]))[0], "ORDER BY a, b")
  })

  case_("insert: all keys of all rows, fragments as values, returning", (db) => {
    assert.deepStrictEqual(compile(db`INSERT INTO t ${db.insert([{ a: 1 }, { b: db`now()`, a: undefined }])}`), [
      "INSERT INTO t (\"a\",\"b\") VALUES ($1,DEFAULT),($2,now())", 1, null
    ])
    assert.deepStrictEqual(compile(db`INSERT INTO t ${db.insert({ a: 1 }).returning("a")}`), ["INSERT INTO t (\"a\") VALUES ($1) RETURNING a", 1])
    assert.deepStrictEqual(compile(db`INSERT INTO t ${db.insert([{ a: 1 }, { b: 2 }])}`, { ...dialect, defaultKeyword: undefined }), [
      "INSERT INTO t (\"a\",\"b\") VALUES ($1,$2),($3,$4)", 1, null, null, 2
    ])
  })

  case_("update and updateValues", (db) => {
    assert.deepStrictEqual(compile(db`UPDATE t SET ${db.update({ id: 1, a: 2 }, ["id"])}`), ["UPDATE t SET \"a\" = $1", 2])
    assert.deepStrictEqual(compile(db`UPDATE t SET a = d.a FROM ${db.updateValues([{ id: 1, a: 2 }], "d")}`), [
      "UPDATE t SET a = d.a FROM (values ($1,$2)) as d(\"id\",\"a\")", 1, 2
    ])
    assert.strictEqual(problem(db`UPDATE t ${db.updateValues([{ a: 1 }], "d")}`, { ...dialect, updateValues: undefined }), "UnsupportedError")
  })

  case_("an OUTPUT clause stands before VALUES", (db) => {
    assert.strictEqual(
      compile(db`INSERT INTO t ${db.insert({ a: 1 }).returning("*")}`, { ...dialect, returning: "output" })[0],
      "INSERT INTO t (\"a\") OUTPUT INSERTED.* VALUES ($1)"
    )
  })

  case_("one fragment for two dialects, in any order", (db) => {
    const other: Dialect = { ...dialect, placeholder: () => "?", quoteIdentifier: (name) => `\`${name}\`` }
    const fragment = db`SELECT ${db("a")} WHERE b = ${1}`
    assert.deepStrictEqual(compile(fragment, other), ["SELECT `a` WHERE b = ?", 1])
    assert.deepStrictEqual(compile(fragment), ["SELECT \"a\" WHERE b = $1", 1])
    assert.deepStrictEqual(compile(fragment, other), ["SELECT `a` WHERE b = ?", 1])
  })

  case_("a record out of a request is a parameter, whatever its _tag", (db) => {
    const hostile = { _tag: "Literal", value: "1; DROP TABLE t" }
    assert.deepStrictEqual(compile(db`SELECT ${hostile}`), ["SELECT $1", hostile])
  })

  case_("nothing to insert, update or write is a ConfigError; a large insert a LimitError", (db) => {
    assert.strictEqual(problem(db`INSERT INTO t ${db.insert([])}`), "ConfigError")
    assert.strictEqual(problem(db`INSERT INTO t ${db.insert({})}`), "ConfigError")
    assert.strictEqual(problem(db`UPDATE t SET ${db.update({ id: 1 }, ["id"])}`), "ConfigError")
    assert.strictEqual(problem(db`INSERT INTO t ${db.insert([{ a: 1 }, { a: 2 }, { a: 3 }, { a: 4 }])}`), "LimitError")
  })

  it.scoped("Q5: limits of a statement are checked before a connection is asked for", () => Effect.gen(function*() {
    const server = new FakeServer()
    const db = yield* server.database({ pool: { lazy: true } })
    const tags = yield* Effect.forEach([
      db`SELECT ${db.in(Array.from({ length: 11 }, (_, n) => n))}`,
      db.unsafe(`SELECT '${"é".repeat(600)}'`)
    ], (statement) => Effect.map(Effect.flip(statement), (error) => error.reason._tag === "LimitError" ? error.reason.limit : error.reason._tag))
    assert.deepStrictEqual(tags, ["maxParameters", "maxStatementBytes"])
    assert.strictEqual(server.attempts, 0)
  }))

  it.effect("what the constructor of the helpers is asked to run fails typed: it is on no database", () => Effect.gen(function*() {
    const error = yield* Effect.flip(Sql.helpers`SELECT 1`)
    assert.isTrue(SqlError.isSqlError(error) && error.reason._tag === "UnsupportedError")
  }))

  it.scoped("named parameters become the dialect's placeholders", () => Effect.gen(function*() {
    const server = new FakeServer()
    const db = yield* server.database()
    assert.deepStrictEqual(db.unsafe("SELECT :a, ':b', :a::int -- :c", { a: 1 }).compile(), ["SELECT $1, ':b', $2::int -- :c", [1, 1]])
  }))
})
