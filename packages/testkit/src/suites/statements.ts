/**
 * Cases of the laws Q1 to Q5: values, one statement per call, inserts, compiling, limits.
 */
import { assert } from "@effect/vitest"
import type * as Dialect from "@sluice/core/Dialect"
import * as Sql from "@sluice/core/Sql"
import * as Table from "@sluice/core/Table"
import * as StockClient from "@effect/sql/SqlClient"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as fc from "effect/FastCheck"
import * as Stream from "effect/Stream"
import type { Case } from "../Case.js"
import { add, failure, fails, ids, misuse } from "../internal/asking.js"

export const statements: ReadonlyArray<Case> = [
  {
    law: "Q1",
    title: "every value of the profile's table comes back as it went in",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      let n = 0
      for (const { expected, integers, title, type, value } of bench.profile.values) {
        const table = `values_${++n}`
        yield* db.unsafe(`CREATE TABLE ${table} (v ${type})`)
        yield* db`INSERT INTO ${db(table)} (v) VALUES (${value})`
        const options = integers === undefined ? {} : { integers }
        assert.deepStrictEqual(yield* db`SELECT v FROM ${db(table)}`.with(options).scalar, expected ?? value, title)
        assert.deepStrictEqual(yield* db`SELECT v FROM ${db(table)}`.with(options), [{ v: expected ?? value }], title)
      }
    })
  },
  {
    law: "Q1",
    title: "null of every type, in a table and alone",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      for (const [n, type] of bench.profile.types.entries()) {
        yield* db.unsafe(`CREATE TABLE nulls_${n} (v ${type})`)
        yield* db`INSERT INTO ${db(`nulls_${n}`)} (v) VALUES (${null})`
        assert.deepStrictEqual(yield* db`SELECT v FROM ${db(`nulls_${n}`)}`, [{ v: null }], type)
      }
      assert.strictEqual(yield* db`SELECT ${null}`.scalar, null)
    })
  },
  {
    law: "Q1",
    title: "random texts, integers and floats come back as they went in",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const texts = fc.sample(fc.string({ unit: "binary", maxLength: 40 }), { numRuns: 300, seed: 7 })
      const integers = fc.sample(fc.maxSafeInteger(), { numRuns: 100, seed: 7 })
      const floats = fc.sample(fc.double({ noNaN: true }), { numRuns: 100, seed: 7 })
      const { refused, sql } = bench.profile
      const isRefused = (text: string) => text.includes("\0") && refused.some(({ value }) => value === "a\0b")
      for (const text of texts) {
        if (isRefused(text)) yield* fails(db`SELECT ${text} AS v`, "DataError")
        else assert.strictEqual(yield* db<string>`SELECT ${text} AS v`.scalar, text)
      }
      for (const integer of integers) assert.strictEqual(yield* db<number>`SELECT ${integer} AS v`.scalar, integer)
      // SQL has no negative zero everywhere.
      for (const float of floats) assert.strictEqual((yield* db.unsafe<{ v: number }>(sql.float ?? db`SELECT ${float} AS v`.compile()[0], [float]).scalar) + 0, float + 0)
    })
  },
  {
    law: "Q1",
    title: "a text comes back as it went in, whatever the same statement was given before",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { max: 1 } })
      const named = (id: number, name: unknown) => db`INSERT INTO things (id, name) VALUES (${id}, ${name})`
      // Where a number is no text, the server says so; what follows is no number for that.
      for (const [n, number] of [0.5, 7, null].entries()) yield* Effect.ignore(named(n, number))
      const texts = ["007", "12345678901234567.125", "2024-02-29 12:34:56", "1e5"]
      for (const [n, text] of texts.entries()) yield* named(10 + n, text)
      assert.deepStrictEqual(yield* db<string>`SELECT name FROM things WHERE id >= 10 ORDER BY id`.column("name"), texts)
    })
  },
  {
    law: "Q1",
    title: "a statement has its rows whatever others of other columns were run since it was first",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { max: 1 } })
      const [count, one] = [1_200, db`SELECT 1 AS a, 'x' AS b`]
      for (let n = 0; n < count; n++) {
        if (n % 50 === 0) assert.deepStrictEqual(yield* one, [{ a: 1, b: "x" }], `after ${n}`)
        yield* db.unsafe(`SELECT 1 AS c${n}`)
      }
      assert.deepStrictEqual(yield* Stream.runCollect(one.stream).pipe(Effect.map((rows) => [...rows])), [{ a: 1, b: "x" }])
    })
  },
  {
    law: "Q1",
    title: "what cannot be stored is refused with DataError, and nothing is written",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      for (const { title, value } of bench.profile.refused) {
        const error = yield* failure(db`INSERT INTO things (id, name, amount) VALUES (1, 'one', ${value})`)
        assert.strictEqual(error.reason._tag, "DataError", title)
        assert.deepStrictEqual([error.outcome, error.isRetryable, error.connection], ["not-applied", false, "usable"])
        yield* fails(db.executeMany("INSERT INTO things (id, name, amount) VALUES (?, ?, ?)", [[1, "one", 1], [2, "two", value]]), "DataError")
      }
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "Q1",
    title: "64-bit integers have one type per setting: none is rounded, and none differs by its value",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 1)
      yield* db`INSERT INTO things (id, name, amount) VALUES (2, 'big', ${9007199254740993n})`
      const reason = yield* fails(db`SELECT amount FROM things ORDER BY id`, "DataError")
      assert.strictEqual(reason.column, "amount")
      assert.deepStrictEqual(
        yield* db`SELECT id, amount FROM things ORDER BY id`.with({ integers: "bigint" }).values,
        [[1n, null], [2n, 9007199254740993n]]
      )
    })
  },
  {
    law: "Q1",
    title: "an integer that does not fit and was written says applied",
    needs: ["returning"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const reason = yield* fails(db`INSERT INTO things (id, name, amount) VALUES (1, 'big', ${9007199254740993n}) RETURNING amount`, "DataError")
      assert.deepStrictEqual(yield* ids(db), [1])
      assert.strictEqual(reason.outcome, "applied")
    })
  },
  {
    law: "Q1",
    title: "a statement's own integer type, and the stock SafeIntegers, stick to nothing",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 1)
      const statement = db`SELECT id FROM things`
      assert.deepStrictEqual(yield* Effect.provideService(statement, StockClient.SafeIntegers, true), [{ id: 1n }])
      assert.deepStrictEqual(yield* statement, [{ id: 1 }])
      assert.deepStrictEqual(yield* statement.with({ integers: "bigint" }), [{ id: 1n }])
      assert.deepStrictEqual(yield* statement, [{ id: 1 }])
    })
  },
  {
    law: "Q2",
    title: "a second statement in one call is refused, and not run",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 1)
      yield* failure(db.unsafe("SELECT 1; DELETE FROM things"))
      yield* failure(db.unsafe("SELECT 1; DELETE FROM things").unprepared)
      yield* failure(db.unsafe("SELECT 1; DELETE FROM things").run)
      yield* failure(db.transaction(db.unsafe("DELETE FROM things; SELECT 1")))
      assert.deepStrictEqual(yield* ids(db), [1])
      // A semicolon at the end, or inside a string, is no second statement.
      assert.strictEqual(yield* db.unsafe<{ a: string }>("SELECT 'a;b' AS a;").scalar, "a;b")
    })
  },
  {
    law: "Q2",
    title: "a text is run whole or not at all: what stands behind a NUL is not left out",
    needs: ["streaming"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 1)
      yield* add(db, 2)
      const text = "DELETE FROM things\0 WHERE id = 1"
      for (const effect of [db.unsafe(text), db.unsafe(text).run, db.unsafe(text).unprepared, Stream.runDrain(db.unsafe(text).stream), db.batch([db.unsafe(text)])]) {
        const error = yield* failure<unknown, unknown, never>(effect)
        assert.deepStrictEqual([error.outcome, error.reason.connection], ["not-applied", "usable"])
      }
      assert.deepStrictEqual(yield* ids(db), [1, 2])
    })
  },
  {
    law: "Q2",
    title: "but a text that makes indexes and nothing else is sent one by one, as @effect/cluster writes its migrations",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const make = (name: string, more = "") => `\n  CREATE INDEX ${name}_amount\n  ON things (amount);\n  CREATE UNIQUE INDEX ${name}_name ON things (name); -- ;\n${more}`
      const indexes = Effect.map(Table.reflect(db, "things"), (table) => Table.describe(table).indexes.map(({ name }) => name).toSorted())
      const before = yield* indexes
      yield* db.unsafe(make("a"))
      yield* db.unsafe(make("b")).unprepared
      for (const more of ["DELETE FROM things", "DROP TABLE things", "CREATE TABLE others (id INTEGER)", "CREATE INDEX"]) yield* failure(db.unsafe(make("c", more)))
      const made = (yield* indexes).filter((name) => !before.includes(name))
      assert.includeMembers(made, ["a_amount", "b_amount"])
      assert.isEmpty(made.filter((name) => name.startsWith("c_")))
      assert.isFalse(yield* Table.exists(db, "others"))
    })
  },
  {
    law: "Q3",
    title: "an insert of rows with different keys uses all of the keys",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db`INSERT INTO things ${db.insert([{ id: 1, name: "a" }, { name: "b", id: 2, amount: 5 }, { amount: 6, id: 3, name: "c" }])}`
      assert.deepStrictEqual(yield* db`SELECT id, name, amount FROM things ORDER BY id`.values, [[1, "a", null], [2, "b", 5], [3, "c", 6]])
    })
  },
  {
    law: "Q4",
    title: "one fragment is compiled for each dialect by itself, in every order",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const other: Dialect.Dialect = {
        ...db.dialect,
        name: "other",
        quoteIdentifier: (name) => `<${name}>`,
        placeholder: (index) => `@p${index}`
      }
      const fragment = db`SELECT ${db("id")} FROM things WHERE ${db.and([db`id = ${1}`, db.in("name", ["a", "b"])])}`
      const own = () => Either.getOrThrow(Sql.compile(fragment, db.dialect))
      const before = own()
      const foreign = Either.getOrThrow(Sql.compile(fragment, other))
      assert.strictEqual(foreign.sql, "SELECT <id> FROM things WHERE (id = @p1 AND <name> IN (@p2,@p3))")
      assert.deepStrictEqual(own(), before)
      assert.notInclude(before.sql, "@p")
      assert.deepStrictEqual(yield* fragment, [])
    })
  },
  {
    law: "Q4",
    title: "one call site with lists of different lengths, fragments and plain values",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db`INSERT INTO things ${db.insert([1, 2, 3].map((id) => ({ id, name: `n${id}` })))}`
      const find = (what: unknown) => db<{ id: number }>`SELECT id FROM things WHERE id = ${what} ORDER BY id`.column("id")
      const among = (list: ReadonlyArray<number>) => db<{ id: number }>`SELECT id FROM things WHERE ${db.in("id", list)} ORDER BY id`.column("id")
      for (let round = 0; round < 3; round++) {
        assert.deepStrictEqual(yield* among([1, 2]), [1, 2])
        assert.deepStrictEqual(yield* among([1, 2, 3]), [1, 2, 3])
        assert.deepStrictEqual(yield* among([]), [])
        assert.deepStrictEqual(yield* find(2), [2])
        assert.deepStrictEqual(yield* find(db`1 + 2`), [3])
        assert.deepStrictEqual(yield* find(db.literal("1")), [1])
      }
    })
  },
  {
    law: "Q4",
    title: "one call site that inserts rows of different columns, in another order, with fragments and without values",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const put = (row: Record<string, unknown>) => db`INSERT INTO things ${db.insert(row)}`
      const both = (row: Record<string, unknown>, id: number, name: string) => db`INSERT INTO things ${db.insert(row)}, (${id}, ${name})`
      for (const round of [0, 10]) {
        yield* put({ id: round + 1, name: `a${round}` })
        yield* put({ name: `b${round}`, id: round + 2 })
        yield* put({ id: round + 3, name: `c${round}`, amount: 3 })
        yield* put({ id: round + 4, name: `d${round}`, amount: undefined })
        yield* put({ id: round + 5, name: db`${`e${round}`}` })
        yield* put({ id: round + 6, name: `f${round}` })
        yield* both({ id: round + 7, name: `g${round}` }, round + 8, `h${round}`)
      }
      const names = [..."abcdefgh"]
      assert.deepStrictEqual(
        yield* db`SELECT id, name, amount FROM things ORDER BY id`.values,
        [0, 10].flatMap((round) => names.map((name, i) => [round + i + 1, `${name}${round}`, name === "c" ? 3 : null]))
      )
      // As a statement of this database, of which it is all.
      assert.deepStrictEqual(db`${put({ id: 1, name: "a" })}`.compile(), put({ id: 1, name: "a" }).compile())
    })
  },
  {
    law: "Q4",
    title: "what is wrong inside of a row's value refuses the statement: none is sent with a part left out",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 1)
      const cut = db`7 ${db.insert([])}`
      yield* misuse(db`UPDATE things SET ${db.update({ amount: cut })}`, "ConfigError")
      yield* misuse(db`INSERT INTO things ${db.insert({ id: 2, name: "b", amount: cut })}`, "ConfigError")
      yield* misuse(db`DELETE FROM things WHERE id IN ${db.in([1, cut])}`, "ConfigError")
      assert.deepStrictEqual(yield* db`SELECT amount FROM things`.values, [[null]])
    })
  },
  {
    law: "Q4",
    title: "a table that was altered is read anew on every connection, in its transactions, too",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { max: 3 } })
      yield* add(db, 1)
      const all = db`SELECT * FROM things`
      const three = (one: typeof all) => Effect.all([one, one, one].map((one) => db.transaction(Effect.zipLeft(one, Effect.sleep(20)))), { concurrency: 3 })
      const [before] = yield* three(all)
      yield* db`ALTER TABLE things ADD COLUMN extra INTEGER`
      const row = { ...before?.[0], extra: null }
      assert.deepStrictEqual(yield* three(all), [[row], [row], [row]])
    })
  },
  {
    law: "Q4",
    title: "transforms of names apply to identifiers and rows, and withoutTransforms stays in the same transaction",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({
        transformQueryNames: (name) => name.replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`),
        transformResultNames: (name) => name.replaceAll(/_([a-z])/g, (_, c: string) => c.toUpperCase())
      })
      yield* db`CREATE TABLE camels (hump_count INTEGER)`
      yield* db.transaction(Effect.gen(function*() {
        yield* db`INSERT INTO camels ${db.insert({ humpCount: 2 })}`
        const bare = db.withoutTransforms()
        const select = (sql: typeof db) => sql`SELECT hump_count FROM camels`
        assert.deepStrictEqual(yield* select(db), [{ humpCount: 2 }])
        assert.deepStrictEqual(yield* select(bare), [{ hump_count: 2 }])
        assert.deepStrictEqual(yield* select(db).withoutTransform, [{ hump_count: 2 }])
        assert.deepStrictEqual(yield* db<{ humpCount: number }>`SELECT hump_count FROM camels`.column("humpCount"), [2])
      }))
    })
  },
  {
    law: "Q5",
    title: "too many parameters are refused before anything is sent",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const { maxParameters } = db.dialect.limits
      if (!Number.isFinite(maxParameters)) return
      const { acquired } = yield* db.pool.stats
      const reason = yield* misuse(db`SELECT 1 WHERE 1 IN ${db.in(Array.from({ length: maxParameters + 1 }, (_, n) => n))}`, "LimitError")
      assert.deepStrictEqual([reason.limit, reason.maximum, reason.actual], ["maxParameters", maxParameters, maxParameters + 1])
      assert.strictEqual((yield* db.pool.stats).acquired, acquired, "no connection was asked for")
      assert.strictEqual(yield* db<number>`SELECT count(*) FROM things WHERE id NOT IN ${db.in(Array.from({ length: maxParameters }, (_, n) => n))}`.scalar, 0)
    })
  }
]
