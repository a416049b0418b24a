/**
 * Types of PostgreSQL, both ways, beyond the table of the conformance suite.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Postgres from "@sluice/postgres/Postgres"
import * as BigDecimal from "effect/BigDecimal"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { inspect } from "node:util"
import { on, reasonOf } from "./asking.js"
import { asRoot, fresh, isMissing } from "./server.js"
import * as Database from "@sluice/core/Database"

describe.skipIf(isMissing)("Postgres, types", () => {
  it.live("each column has one form, prepared or not, streamed or not", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TYPE mood AS ENUM ('sad', 'very ok')`
      yield* db`CREATE TYPE pair AS (a INTEGER, b TEXT)`
      yield* db`CREATE DOMAIN small AS INTEGER CHECK (VALUE < 10)`
      yield* db`CREATE TABLE kinds (big BIGINT, price NUMERIC(12, 4), at TIMESTAMPTZ, span INTERVAL, ratio REAL, doc JSONB, raw BYTEA, mood mood, moods mood[], pair pair, dom small, ok BOOLEAN, dates DATE[], big2 BIGINT[][])`
      yield* db`INSERT INTO kinds VALUES (1, 1.5, '2024-01-01 10:00:00.5+00', '1 day 02:03:04.5', 0.1, '{"a":1}', '\\x00ff', 'very ok', ARRAY['sad', NULL]::mood[], ROW(1, 'x, "y"'), 5, true, '{2024-01-01,infinity}', '{{1,2},{3,NULL}}')`
      const statement = db`SELECT * FROM kinds`
      const rows = yield* statement
      assert.deepStrictEqual(rows, [{
        big: 1, price: "1.5000", at: "2024-01-01 10:00:00.5+00", span: "1 day 02:03:04.5", ratio: 0.1, doc: "{\"a\": 1}", raw: new Uint8Array([0, 255]), mood: "very ok",
        // An array of a type that PostgreSQL is not built with is its text.
        moods: "{sad,NULL}", pair: "(1,\"x, \"\"y\"\"\")", dom: 5, ok: true, dates: ["2024-01-01", "infinity"], big2: [[1, 2], [3, null]]
      }])
      assert.deepStrictEqual(yield* statement.unprepared, rows)
      assert.deepStrictEqual(yield* Effect.scoped(Effect.flatMap(statement.cursor, (cursor) => cursor.fetchAll)), rows)
      const bigints = yield* statement.with({ integers: "bigint" }).first
      assert.deepInclude(bigints, { _tag: "Some" })
      assert.deepStrictEqual(yield* db`SELECT big, big2 FROM kinds`.with({ integers: "bigint" }).values, [[1n, [[1n, 2n], [3n, null]]]])
      assert.deepStrictEqual(yield* db`SELECT '[0:1]={1,2}'::int[] AS a, '{}'::text[] AS b, '{"a\\"b","NULL",NULL,"c\\\\d"}'::text[] AS c`.values, [[[1, 2], [], ["a\"b", "NULL", null, "c\\d"]]])
    })))

  it.live("a parameter means what the same literal would", () =>
    on({}, (db) => Effect.gen(function*() {
      const types = yield* db<{ t: string }>`SELECT pg_typeof(v)::text AS t FROM (VALUES (1, pg_typeof(${5})), (2, pg_typeof(${2 ** 40})), (3, pg_typeof(${0.5})), (4, pg_typeof(${Number.NaN})), (5, pg_typeof(${2n})), (6, pg_typeof(${2n ** 64n})), (7, pg_typeof(${true})), (8, pg_typeof(${new Uint8Array(1)}))) AS t (n, v)`
      assert.strictEqual(types.length, 8)
      assert.deepStrictEqual(
        yield* db`SELECT pg_typeof(${5})::text, pg_typeof(${2 ** 40})::text, pg_typeof(${0.5})::text, pg_typeof(${Number.NaN})::text, pg_typeof(${2n})::text, pg_typeof(${2n ** 64n})::text, pg_typeof(${true})::text, pg_typeof(${new Uint8Array(1)})::text`.values,
        [["integer", "bigint", "numeric", "double precision", "bigint", "numeric", "boolean", "bytea"]]
      )
      assert.deepStrictEqual(yield* db`SELECT ${5} + ${3} AS a, substring(${"abcdef"} FROM ${2} FOR ${3}) AS b, jsonb_build_object('n', ${5}, 'f', ${0.1}) AS c, repeat(${"x"}, ${3}) AS d, ${"2024-01-31"}::date + ${1} AS e`.values, [[8, "bcd", "{\"f\": 0.1, \"n\": 5}", "xxx", "2024-02-01"]])
      yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY, price NUMERIC, f REAL, s SMALLINT, tags TEXT[], doc JSON, day DATE, ok BOOLEAN)`
      yield* db`INSERT INTO t ${db.insert({ id: 1, price: 0.1 + 0.2, f: 1.5, s: 7, tags: ["a", "b,c"], doc: { x: [1] }, day: new Date("2024-02-29T23:00:00Z"), ok: false })}`
      assert.deepStrictEqual(yield* db`SELECT * FROM t WHERE price = ${0.1 + 0.2} AND id = ANY(${[1, 2]}) AND ${"b,c"} = ANY(tags)`.values, [[1, "0.30000000000000004", 1.5, 7, ["a", "b,c"], "{\"x\":[1]}", "2024-02-29", false]])
      // An index serves both kinds of number.
      yield* db`INSERT INTO t (id, price) SELECT i, i FROM generate_series(2, 5000) AS i`
      yield* db`CREATE INDEX by_price ON t (price)`
      yield* db`ANALYZE t`
      const plan = (yield* db<{ "QUERY PLAN": string }>`EXPLAIN SELECT * FROM t WHERE price = ${0.5}`.column("QUERY PLAN")).join("\n")
      assert.include(plan, "by_price")
    })))

  it.live("a BigDecimal and a DateTime go in as what they mean, and an object of a class is refused", () =>
    on({}, (db) => Effect.gen(function*() {
      const at = DateTime.unsafeMakeZoned("2024-02-29T12:34:56.789Z", { timeZone: "Asia/Tokyo" })
      const price = BigDecimal.unsafeFromString("12345678901234567890.10")
      assert.deepStrictEqual(
        yield* db`SELECT ${price} AS n, ${at}::timestamptz = ${new Date("2024-02-29T12:34:56.789Z")}::timestamptz AS same, ${[price, null]}::numeric[] AS many`.values,
        [["12345678901234567890.1", true, ["12345678901234567890.1", null]]]
      )
      // As a Date: years beyond four digits, and those before our era.
      for (const year of ["+012024-01-01T00:00:00Z", "-000043-03-15T00:00:00Z"]) {
        const far = DateTime.unsafeMake(year)
        assert.deepStrictEqual(yield* db`SELECT ${far}::timestamptz = ${DateTime.toDateUtc(far)}::timestamptz`.values, [[true]])
      }
      for (const value of [Redacted.make("secret"), new Map([[1, 2]]), new (class Point { x = 1 })()]) {
        const reason = yield* reasonOf(db`SELECT ${value}`)
        assert.deepStrictEqual([reason._tag, reason.outcome], ["DataError", "not-applied"])
        assert.include(reason.message, "class")
      }
      assert.deepStrictEqual(yield* db`SELECT ${Object.assign(Object.create(null) as object, { a: 1 })}::json`.values, [["{\"a\":1}"]])
    })))

  it.live("with dates \"date\" a Date comes back as it went in, and what it cannot hold is a DataError", () =>
    on({ dates: "date", timezone: "Asia/Tokyo" }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE dates (at TIMESTAMP, stamp TIMESTAMPTZ, fine TIMESTAMPTZ, never TIMESTAMPTZ, day DATE, all_of TIMESTAMPTZ[])`
      for (const at of [new Date("2024-07-01T23:30:00.123Z"), new Date("0044-03-15T00:00:00Z"), new Date(-100_000_000_000_000), new Date("+012024-01-01T00:00:00Z"), new Date(0)]) {
        yield* db`DELETE FROM dates`
        yield* db`INSERT INTO dates VALUES (${at}, ${at}, '2024-01-01 00:00:00.000001Z', 'infinity', '2024-01-01', ${[at, null]})`
        assert.deepStrictEqual(yield* db`SELECT at, stamp, day, all_of FROM dates`.values, [[at, at, "2024-01-01", [at, null]]])
      }
      assert.strictEqual((yield* reasonOf(db`SELECT fine FROM dates`)).column, "fine")
      const reason = yield* reasonOf(db`SELECT never FROM dates`)
      assert.deepStrictEqual([reason._tag, reason.column, reason.outcome], ["DataError", "never", "not-applied"])
      assert.strictEqual((yield* db.pool.stats).closed, 0)
    })))

  it.live("with json \"parsed\" documents are values, in arrays too", () =>
    on({ json: "parsed" }, (db) => Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* db`SELECT ${{ a: [1, null] }}::jsonb AS a, '[1,"x"]'::json AS b, ARRAY['{"a":1}', NULL]::jsonb[] AS c, 'null'::jsonb AS d, NULL::jsonb AS e`.values,
        [[{ a: [1, null] }, [1, "x"], [{ a: 1 }, null], null, null]]
      )
    })))

  it.live("registered types are read by their codecs, arrays of them too, and written by them", () =>
    Effect.gen(function*() {
      yield* on({}, (db) => Effect.gen(function*() {
        yield* db`CREATE EXTENSION hstore`
        yield* db`CREATE TYPE address AS (street TEXT, city TEXT, zip INTEGER)`
        const address = Postgres.composite("street", "city", "zip")
        const [database] = yield* db<{ d: string }>`SELECT current_database() AS d`.column("d")
        const own = { database: database ?? "", types: { hstore: Postgres.hstore, address, mood: Postgres.vector } }
        assert.strictEqual((yield* reasonOf(Effect.provide(Database.Database, fresh(own))))._tag, "ConfigError")
        yield* db`CREATE DOMAIN mood AS TEXT`
        yield* Effect.gen(function*() {
          const other = yield* Database.Database
          const home = { street: "1, \"Main\" \\ (x)", city: null, zip: "12345" }
          const bag = { "a b": "1", "\"q\"": null, "c\\d": "=>," }
          const [row] = yield* other`SELECT ${address.encode(home)}::address AS one, ARRAY[${address.encode(home)}::address, NULL] AS many, ${Postgres.hstore.encode(bag)}::hstore AS bag, '{"\\"k\\"=>\\"v\\""}'::hstore[] AS bags, ROW('', NULL, 1)::address AS odd`
          assert.deepStrictEqual(row, { one: home, many: [home, null], bag, bags: [{ k: "v" }], odd: { street: "", city: null, zip: "1" } } as object)
        }).pipe(Effect.provide(fresh(own)))
      }))
      assert.deepStrictEqual(Postgres.vector.decode("[0.5,1,-2e-3]"), [0.5, 1, -0.002])
      assert.strictEqual(Postgres.vector.encode([0.5, 1]), "[0.5,1]")
    }))

  it.live("what a codec throws is a DataError that shows no value", () =>
    on({ types: { point: { decode: (text) => { throw new Error(text) } } } }, (db) => Effect.gen(function*() {
      const reason = yield* reasonOf(db`SELECT point(${17}, ${4}) AS p`)
      assert.deepStrictEqual([reason._tag, reason.column], ["DataError", "p"])
      assert.notInclude(inspect(reason), "17")
    })))

  it.live("a column may be named __proto__, and 1,600 columns are read", () =>
    on({}, (db) => Effect.gen(function*() {
      const [row] = yield* db<Record<string, unknown>>`SELECT 1 AS "__proto__", 2 AS "a""b", 3 AS "\\"`
      assert.deepStrictEqual(Object.entries(row ?? {}), [["__proto__", 1], ["a\"b", 2], ["\\", 3]])
      const wide = yield* db.unsafe(`SELECT ${Array.from({ length: 1_600 }, (_, n) => `${n} AS c${n}`).join(", ")}`).values
      assert.deepStrictEqual(wide[0], Array.from({ length: 1_600 }, (_, n) => n))
    })))

  it.live("values of many megabytes come back whole", () =>
    Effect.map(asRoot((db) => db<{ a: string; b: Uint8Array }>`SELECT ${"é".repeat(8_000_000)}::text AS a, ${new Uint8Array(10_000_000).fill(3)} AS b`.one), ({ a, b }) => {
      assert.strictEqual(a.length, 8_000_000)
      assert.isTrue(b.length === 10_000_000 && b.every((byte) => byte === 3))
    }))
})
