/**
 * Prepared statements: what goes in beside the text, what comes out of the binary protocol, and what is kept of them.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Mysql from "@sluice/mysql/Mysql"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Own from "./own.js"
import { fresh, isMissing } from "./server.js"

const on = <A, E>(config: Mysql.Config, body: (db: Database.Database) => Effect.Effect<A, E>) =>
  Effect.flatMap(Database.Database, body).pipe(Effect.provide(fresh(config)))

/** Columns with values at their edges: a NULL is in the last row of each. */
const kinds: Readonly<Record<string, readonly [type: string, ...literals: ReadonlyArray<string>]>> = {
  tiny: ["TINYINT", "-128", "127"],
  tinyU: ["TINYINT UNSIGNED", "0", "255"],
  small: ["SMALLINT", "-32768", "32767"],
  smallU: ["SMALLINT UNSIGNED", "0", "65535"],
  medium: ["MEDIUMINT", "-8388608", "8388607"],
  mediumU: ["MEDIUMINT UNSIGNED", "0", "16777215"],
  whole: ["INT", "-2147483648", "2147483647"],
  wholeU: ["INT UNSIGNED", "0", "4294967295"],
  big: ["BIGINT", "-9007199254740991", "9007199254740991"],
  bigU: ["BIGINT UNSIGNED", "4294967296", "9007199254740991"],
  real: ["DOUBLE", "-1.7976931348623157e308", "2.2250738585072014e-308"],
  single: ["FLOAT", "0.1", "-3.4e38"],
  exact: ["DECIMAL(30, 10)", "-12345678901234567890.0123456789", "0"],
  year: ["YEAR", "1901", "2155"],
  day: ["DATE", "'0000-00-00'", "'9999-12-31'"],
  at: ["DATETIME", "'0000-00-00 00:00:00'", "'2024-02-29 12:34:56'"],
  midnight: ["DATETIME", "'2024-02-29'", "'1000-01-01 00:00:00'"],
  milli: ["DATETIME(3)", "'2024-02-29 12:34:56.7'", "'2024-02-29 00:00:00'"],
  micro: ["DATETIME(6)", "'2024-02-29 12:34:56.000001'", "'0000-00-00 00:00:00'"],
  stamp: ["TIMESTAMP(6) NULL", "'1970-01-01 00:00:01.5'", "'2037-12-31 23:59:59.999999'"],
  span: ["TIME", "'-838:59:59'", "'00:00:00'"],
  spanF: ["TIME(6)", "'-00:00:00.000001'", "'838:59:59'"],
  text: ["VARCHAR(300)", "''", "REPEAT('ab', 125)"],
  longer: ["VARCHAR(300)", "REPEAT('a', 251)", "'日本 \\0 🙂'"],
  latin: ["VARCHAR(20) CHARACTER SET latin1", "'é'", "'abc'"],
  doc: ["JSON", "'{\"a\": [1]}'", "'null'"],
  choice: ["ENUM('a', 'ü')", "'a'", "'ü'"],
  some: ["SET('a', 'b')", "''", "'a,b'"],
  bits: ["BIT(64)", "b'1'", "x'ffffffffffffffff'"],
  bytes: ["VARBINARY(70000)", "x'00ff'", "REPEAT(x'00', 70000)"],
  blob: ["BLOB", "''", "x'c328'"],
  place: ["GEOMETRY", "ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('LINESTRING(0 0, 1 1)')"]
}

const made = (db: Database.Database) =>
  Effect.gen(function*() {
    const names = Object.keys(kinds)
    yield* db.unsafe(`CREATE TABLE edges (${names.map((name) => `\`${name}\` ${kinds[name]![0]}`).join(", ")}) ROW_FORMAT=DYNAMIC`)
    for (const row of [1, 2]) yield* db.unsafe(`INSERT INTO edges VALUES (${names.map((name) => kinds[name]![row]).join(", ")})`)
    yield* db.unsafe(`INSERT INTO edges VALUES (${names.map(() => "NULL").join(", ")})`)
    // The columns apart, too: a bit of NULL is found wherever it is.
    for (const name of names) yield* db.unsafe(`INSERT INTO edges (\`${name}\`) VALUES (${kinds[name]![1]})`)
  })

describe.skipIf(isMissing)("prepared statements", () => {
  for (const integers of ["number", "bigint"] as const) {
    it.live(`Q1 every type reads the same prepared and not, streamed and at once, integers as ${integers}`, () =>
      on({ integers, sqlMode: "" }, (db) => Effect.gen(function*() {
        yield* made(db)
        const statement = db<Record<string, unknown>>`SELECT * FROM edges`
        const prepared = yield* statement
        assert.strictEqual(prepared.length, 3 + Object.keys(kinds).length)
        assert.deepStrictEqual(prepared, yield* statement.unprepared)
        assert.deepStrictEqual(yield* statement.values, prepared.map((row) => Object.values(row)))
        assert.deepStrictEqual([...(yield* Stream.runCollect(statement.stream))], prepared)
        const [first] = prepared
        assert.deepStrictEqual(
          [first?.["tiny"], first?.["big"], first?.["exact"], first?.["day"], first?.["at"], first?.["milli"], first?.["micro"], first?.["span"], first?.["spanF"]],
          [-128, integers === "bigint" ? -9007199254740991n : -9007199254740991, "-12345678901234567890.0123456789", "0000-00-00", "0000-00-00 00:00:00",
            "2024-02-29 12:34:56.700", "2024-02-29 12:34:56.000001", "-838:59:59", "-00:00:00.000001"]
        )
      })))
  }

  it.live("Q1 rows of three hundred columns, some of them NULL, and a column named __proto__", () =>
    on({}, (db) => Effect.gen(function*() {
      const columns = Array.from({ length: 300 }, (_, i) => i % 7 === 0 ? `NULL AS c${i}` : `${i} AS c${i}`)
      const statement = db.unsafe<Record<string, unknown>>(`SELECT ${columns.join(", ")}, 'x' AS __proto__`)
      const [row] = yield* statement
      assert.deepStrictEqual(Object.values(row ?? {}), [...columns.map((_, i) => i % 7 === 0 ? null : i), "x"])
      assert.isTrue(Object.hasOwn(row ?? {}, "__proto__"))
      assert.deepStrictEqual(yield* statement.values, [Object.values(row ?? {})])
    })))

  for (const charset of ["utf8mb4", "utf8mb3", "latin1"]) {
    it.live(`Q1 every parameter arrives as it is, beside a text in ${charset}`, () =>
      on({ charset, integers: "bigint", dates: "date" }, (db) => Effect.gen(function*() {
        const texts = ["", "é", "a".repeat(250), "a".repeat(251), "ü".repeat(126), "a".repeat(65_535), "ü".repeat(32_768), "a".repeat(70_000)]
        if (charset === "utf8mb4") texts.push("🙂", "a".repeat(4_000_000))
        for (const text of texts) {
          // Whether these are integers of 32 or 64 bits is the server's to choose.
          const [row] = yield* db`SELECT ${text} = CAST(${text} AS CHAR), CHAR_LENGTH(${text})`.values
          assert.deepStrictEqual(row?.map(Number), [1, [...text].length])
          assert.strictEqual((yield* db<string>`SELECT CONCAT(${text}, '')`.scalar) === text, true, `${text.length} characters`)
        }
        const integers = [0, 1, -1, 127, 128, -128, 2 ** 31, -(2 ** 31) - 1, 2 ** 32 - 1, 2 ** 32, -(2 ** 32), 2 ** 53 - 1, -(2 ** 53) + 1, 2n ** 63n, 2n ** 64n - 1n, -(2n ** 63n)]
        for (const integer of integers) {
          assert.strictEqual(yield* db<string>`SELECT CAST(${integer} AS CHAR)`.scalar, String(integer))
          // Exact, and so an integer: a double would round the sum.
          assert.strictEqual((yield* db<string>`SELECT CAST(${integer} + 0.1 AS CHAR)`.scalar).replace(/0+$/, ""), integer < 0 ? `-${-BigInt(integer) - 1n}.9` : `${integer}.1`)
        }
        for (const double of [0.1, -1.5, 1e300, 5e-324, -0, 2 ** 53, 2 ** 60]) assert.strictEqual(yield* db<number>`SELECT ${double} + 0e0`.scalar, double + 0)
        const bytes = [new Uint8Array(0), new Uint8Array([0, 255, 39]), new Uint8Array(251).fill(7), new Uint8Array(66_000).fill(200)]
        for (const value of bytes) assert.strictEqual(yield* db<string>`SELECT HEX(${value})`.scalar, Buffer.from(value).toString("hex").toUpperCase())
        assert.deepStrictEqual(yield* db`SELECT ${true} AS t, ${false} AS f, ${null} AS n`.values, [[1n, 0n, null]])
        const at = new Date("2024-02-29T12:34:56.789Z")
        assert.deepStrictEqual(yield* db`SELECT CAST(${at} AS DATETIME(3))`.values, [[at]])
      })))
  }

  it.live("Q1 a thousand parameters, every third of them NULL", () =>
    on({}, (db) => Effect.gen(function*() {
      const values = Array.from({ length: 1_000 }, (_, i) => i % 3 === 0 ? null : i % 3 === 1 ? i : `t${i}`)
      assert.deepStrictEqual(yield* db.unsafe(`SELECT ${values.map(() => "?").join(", ")}`, values).values, [values])
    })))

  it.live("Q1 columns that changed since the last time are the new ones", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE things (a INTEGER, b VARCHAR(10), c INTEGER)`
      yield* db`INSERT INTO things VALUES (1, 'x', 2)`
      const all = db`SELECT * FROM things`
      assert.deepStrictEqual(yield* all, [{ a: 1, b: "x", c: 2 }])
      assert.deepStrictEqual(yield* all, [{ a: 1, b: "x", c: 2 }])
      for (const [change, expected] of [
        ["MODIFY b VARBINARY(10)", { a: 1, b: new Uint8Array([120]), c: 2 }],
        ["CHANGE c d BIGINT", { a: 1, b: new Uint8Array([120]), d: 2 }],
        ["ADD e INTEGER DEFAULT 5", { a: 1, b: new Uint8Array([120]), d: 2, e: 5 }],
        ["DROP COLUMN b", { a: 1, d: 2, e: 5 }]
      ] as const) {
        yield* db.unsafe(`ALTER TABLE things ${change}`)
        assert.deepStrictEqual(yield* all, [expected] as unknown, change)
        assert.deepStrictEqual([...(yield* Stream.runCollect(all.stream))], [expected] as unknown, change)
        assert.deepStrictEqual((yield* all.result).columns.map(({ name }) => name), Object.keys(expected))
      }
    })))

  const open = (db: Database.Database) => db<string>`SHOW STATUS LIKE 'Prepared_stmt_count'`.values.pipe(Effect.map(([row]) => Number(row?.[1])))

  it.live("more statements than maxPreparedStatements all work, and the server keeps no more than those", () =>
    on({ pool: { max: 1 }, maxPreparedStatements: 10 }, (db) => Effect.gen(function*() {
      const before = yield* open(db)
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 30; i++) assert.deepStrictEqual(yield* db.unsafe(`SELECT ? + ${i}`, [1]).values, [[1 + i]])
      }
      assert.isAtMost(yield* open(db), before + 12)
    })))

  it.live("of long texts the last one alone is kept, here and on the server, and each is answered by itself", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      const before = yield* open(db)
      const pad = "x".repeat(12_000)
      for (let i = 10; i < 30; i++) {
        for (let again = 0; again < 2; again++) assert.deepStrictEqual(yield* db.unsafe(`SELECT '${pad}' AS pad, ${i} AS n`), [{ pad, n: i }])
      }
      assert.isAtMost(yield* open(db), before + 2)
      // Parameters of another kind under one such text, which MySQL would read as those of the first time.
      for (const [value, expected] of [[1.5, "1.5"], ["007", "007"], [7n, "7"], ["0.10", "0.10"]] as const) {
        assert.deepStrictEqual(yield* db.unsafe(`SELECT CONCAT(?, '') AS v, '${pad}' AS pad`, [value]), [{ v: expected, pad }])
      }
    })))

  it.live("describing a statement that is prepared already leaves the server no second one", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      const before = yield* open(db)
      const statement = db.unsafe("SELECT 1 AS a")
      for (let i = 0; i < 20; i++) {
        assert.deepStrictEqual((yield* db.describe(statement)).map(({ name }) => name), ["a"])
        assert.deepStrictEqual(yield* statement, [{ a: 1 }])
      }
      assert.isAtMost(yield* open(db), before + 2)
    })))

  it.live("P4 a statement that was prepared before a reset is prepared again", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      const one = db<number>`SELECT ${1} + 1`.scalar
      assert.strictEqual(yield* one, 2)
      yield* db.unsafe("SET @mark = 1")
      assert.strictEqual(yield* one, 2)
      assert.strictEqual(yield* db<string | null>`SELECT @mark`.scalar, null)
      assert.isAbove((yield* db.pool.stats).resets, 0)
    })))
})

describe.skipIf(Own.kinds.length === 0).each(Own.kinds.map((kind) => [kind.name, kind] as const))("a server that has prepared all that it may, on %s", (_, { launch }) => {
  it.scopedLive("says so, by its limit's name; what is not prepared goes on", () =>
    Effect.flatMap(launch(["--max-prepared-stmt-count=3"]), ({ url }) =>
      Effect.flatMap(Database.Database, (db) => Effect.gen(function*() {
        for (let i = 0; i < 3; i++) assert.deepStrictEqual(yield* db.unsafe(`SELECT ${i}`).values, [[i]])
        for (const failing of [db`SELECT 4`, Stream.runDrain(db`SELECT 4`.stream), db.describe(db`SELECT 4`)]) {
          const { reason } = yield* Effect.flip(failing)
          assert.deepInclude(reason, { _tag: "LimitError", limit: "max_prepared_stmt_count", maximum: 3, connection: "usable", outcome: "not-applied" })
        }
        assert.deepStrictEqual(yield* db`SELECT 0`.values, [[0]])
        assert.deepStrictEqual(yield* db`SELECT 4 AS n`.unprepared, [{ n: 4 }])
        assert.strictEqual((yield* db.pool.stats).closed, 0)
      })).pipe(Effect.provide(Mysql.layer({ url, pool: { max: 1 } })))), 60_000)
})
