/**
 * What each type becomes and how each value is sent (CY-22), and the tables of decoders and encoders.
 */
import { assert, it } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import * as Mysql from "@sluice/mysql/Mysql"
import * as BigDecimal from "effect/BigDecimal"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { onServers, reasonOf } from "./each.js"

const big = BigDecimal.unsafeFromString

/** A statement's rows in every form, prepared and not, which must agree. */
const everyWay = (db: Database.Database, sql: string) => Effect.gen(function*() {
  const statement = db.unsafe<Record<string, unknown>>(sql)
  const rows = yield* statement
  assert.deepStrictEqual(yield* statement.unprepared, rows, "unprepared")
  assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(statement.stream)), rows, "stream")
  assert.deepStrictEqual((yield* statement.results)[0]?.rows, rows, "results")
  assert.deepStrictEqual((yield* statement.values).map((row) => [...row]), rows.map((row) => Object.values(row)), "values")
  assert.deepStrictEqual(yield* Effect.scoped(Effect.flatMap(statement.cursor, (cursor) => cursor.fetchAll)), rows, "cursor")
  return rows
})

onServers("types (CY-22)", (on, server) => {
  it.live("DECIMAL is its exact text, or a BigDecimal where the config says so, whatever the value is", () =>
    Effect.gen(function*() {
      const values = ["0.00", "-1.50", "12345678901234567890123456.78", "99999999999999999999999999.99"]
      const rows = (db: Database.Database) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY AUTO_INCREMENT, price DECIMAL(28, 2))`
        for (const price of [...values, null]) yield* db`INSERT INTO t ${db.insert({ price })}`
        return (yield* everyWay(db, "SELECT price FROM t ORDER BY id")).map((row) => row["price"])
      })
      assert.deepStrictEqual(yield* on({}, rows), [...values, null])
      const read = yield* on({ decimals: "BigDecimal" }, rows)
      assert.deepStrictEqual(read.map((value) => BigDecimal.isBigDecimal(value) ? BigDecimal.format(value) : value), [
        "0", "-1.5", "1.234567890123456789012345678e+25", "9.999999999999999999999999999e+25", null
      ].map((text) => text === null ? null : BigDecimal.format(big(text))))
    }))

  it.live("a BigDecimal goes in as a DECIMAL: exact in a column, in a comparison and in a sum", () =>
    on({ decimals: "BigDecimal" }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (price DECIMAL(40, 20))`
      const value = big("12345678901234567890.12345678901234567891")
      const rows = [[value], [big("-0.00000000000000000001")], [big("1e3")], [big("0")]]
      yield* db`INSERT INTO t VALUES (${value})`
      yield* db`INSERT INTO t VALUES (${rows[1]?.[0]})`.unprepared
      yield* db.executeMany("INSERT INTO t VALUES (?)", rows.slice(2))
      const read = yield* db<{ price: BigDecimal.BigDecimal }>`SELECT price FROM t`.column("price")
      assert.deepStrictEqual(read.map((one, i) => BigDecimal.equals(one, rows[i]?.[0] ?? big("7"))), [true, true, true, true])
      // As a double both of them would be equal.
      const near = big("12345678901234567890.12345678901234567892")
      assert.deepStrictEqual(yield* db`SELECT price = ${value} AS same, price = ${near} AS near FROM t LIMIT 1`, [{ same: 1, near: 0 }])
      assert.deepStrictEqual(yield* db`SELECT price = ${value} AS same, price = ${near} AS near FROM t LIMIT 1`.unprepared, [{ same: 1, near: 0 }])
      const sum = yield* db<{ sum: BigDecimal.BigDecimal }>`SELECT CAST(0.1 AS DECIMAL(20, 2)) + ${big("0.2")} AS sum`
      assert.isTrue(BigDecimal.equals(sum[0]?.sum ?? big("0"), big("0.3")))
      // One text with values of several kinds: none is read as another.
      for (const [x, text] of [[big("1.50"), "1.5"], ["007", "007"], [big("2.25"), "2.25"], [1, "1"]] as const) {
        assert.strictEqual(yield* db<string>`SELECT CONCAT('', ${x})`.scalar, text)
      }
      for (const wrong of [big("1e70"), big("1e-40"), big("9".repeat(66)), big("1e1000000000")]) {
        assert.strictEqual((yield* reasonOf(db`INSERT INTO t VALUES (${wrong})`))._tag, "DataError")
        assert.strictEqual((yield* reasonOf(db`INSERT INTO t VALUES (${wrong})`.unprepared))._tag, "DataError")
      }
    })))

  it.live("BIGINT is a bigint with integers \"bigint\", whatever the value is, and smaller integers are numbers", () =>
    on({ integers: "bigint" }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (a BIGINT, b BIGINT UNSIGNED, c INTEGER UNSIGNED, d TINYINT, e MEDIUMINT)`
      const rows = [[-9_223_372_036_854_775_808n, 18_446_744_073_709_551_615n, 4_294_967_295, -128, -8_388_608], [1n, 0n, 0, 0, 0]]
      for (const row of rows) yield* db.unsafe("INSERT INTO t VALUES (?, ?, ?, ?, ?)", row)
      assert.deepStrictEqual((yield* everyWay(db, "SELECT * FROM t ORDER BY a")).map((row) => Object.values(row)), rows)
    })))

  it.live("FLOAT is the shortest number that is the same; of a text that is not prepared the server prints six digits", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY AUTO_INCREMENT, f FLOAT)`
      for (const f of [0.1, 16_777_215, 123_456.79, -1.2345678e30]) yield* db`INSERT INTO t (f) VALUES (${f})`
      const all = db<{ f: number }>`SELECT f FROM t ORDER BY id`
      assert.deepStrictEqual((yield* all).map(({ f }) => f), [0.1, 16_777_215, 123_456.79, -1.2345678e30])
      assert.deepStrictEqual((yield* all.unprepared).map(({ f }) => f), [0.1, 16_777_200, 123_457, -1.23457e30])
      // What is wanted exactly is asked for as a double.
      assert.strictEqual(yield* db<number>`SELECT CAST(f AS DOUBLE) FROM t WHERE id = 2`.unprepared.pipe(Effect.map((rows) => Object.values(rows[0] ?? {})[0])), 16_777_215)
    })))

  it.live("TIME is exact text: negative, beyond a day, with each number of digits; a fraction of zero is there", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (a TIME, b TIME(1), c TIME(6))`
      yield* db`INSERT INTO t VALUES (${"-838:59:59"}, ${"26:00:00.5"}, ${"-00:00:00.000001"}), ('00:00:00', '-00:00:01', '838:59:58.999999')`
      assert.deepStrictEqual(yield* everyWay(db, "SELECT * FROM t"), [
        { a: "-838:59:59", b: "26:00:00.5", c: "-00:00:00.000001" },
        { a: "00:00:00", b: "-00:00:01.0", c: "838:59:58.999999" }
      ])
    })))

  it.live("zero dates and parts of zero are their text, and no Date", () =>
    on({ sqlMode: "" }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (d DATE, at DATETIME(3), stamp TIMESTAMP NULL)`
      yield* db`INSERT INTO t VALUES ('0000-00-00', '2024-02-00 00:00:00', '0000-00-00')`
      assert.deepStrictEqual(yield* everyWay(db, "SELECT * FROM t"), [{ d: "0000-00-00", at: "2024-02-00 00:00:00.000", stamp: "0000-00-00 00:00:00" }])
    })))

  it.live("JSON, ENUM and SET are text, BIT and geometry are bytes", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (doc JSON, kind ENUM('a', 'ü'), some SET('x', 'y', 'z'), bits BIT(12), place POINT)`
      yield* db`INSERT INTO t VALUES (${"{\"n\": 9007199254740993}"}, ${"ü"}, ${"x,z"}, ${new Uint8Array([0x0a, 0xbc])}, ST_GeomFromText('POINT(1 2)'))`
      const [row] = yield* everyWay(db, "SELECT * FROM t")
      const { place, ...rest } = row ?? {}
      assert.deepStrictEqual(rest, { doc: "{\"n\": 9007199254740993}", kind: "ü", some: "x,z", bits: new Uint8Array([0x0a, 0xbc]) })
      // WKB behind four bytes of the reference system.
      assert.instanceOf(place, Uint8Array)
      const wkb = new DataView((place as Uint8Array).slice().buffer)
      assert.deepStrictEqual([wkb.getUint8(4), wkb.getUint32(5, true), wkb.getFloat64(9, true), wkb.getFloat64(17, true)], [1, 1, 1, 2])
    })))

  const [major = 0, minor = 0] = server.version.split(".").map(Number)
  if (server.name === "mysql" ? major >= 9 : major > 11 || (major === 11 && minor >= 7)) {
    it.live("VECTOR is bytes, in and out", () =>
      on({}, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (v VECTOR(3))`
        const vector = new Float32Array([1, -2.5, 3])
        yield* db`INSERT INTO t VALUES (${vector})`
        const [row] = yield* everyWay(db, "SELECT v FROM t")
        assert.deepStrictEqual(row?.["v"], new Uint8Array(vector.buffer))
        assert.deepStrictEqual((yield* db`SELECT v FROM t`.result).columns.map(({ type }) => type), ["VECTOR"])
      })))
  } else {
    it.live(`VECTOR: ${server.name} ${server.version} has no such type`, () =>
      on({}, (db) => Effect.gen(function*() {
        assert.strictEqual((yield* reasonOf(db`CREATE TABLE t (v VECTOR(3))`))._tag, "SqlSyntaxError")
      })))
  }

  it.live("whether a column is text or bytes is its character set's to say", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (a VARCHAR(5) CHARACTER SET latin1, b VARCHAR(5) COLLATE utf8mb4_bin, c VARCHAR(5) CHARACTER SET binary, d TEXT CHARACTER SET ucs2, e LONGBLOB, f CHAR(3) CHARACTER SET ascii)`
      yield* db`INSERT INTO t VALUES (${"é"}, ${"é"}, ${"é"}, ${"é日"}, ${"é"}, ${"abc"})`
      const bytes = new Uint8Array([0xc3, 0xa9])
      assert.deepStrictEqual(yield* everyWay(db, "SELECT *, CAST('é' AS BINARY) AS g, CONCAT(f, 1) AS h FROM t"), [{ a: "é", b: "é", c: bytes, d: "é日", e: bytes, f: "abc", g: bytes, h: "abc1" }])
      assert.deepStrictEqual((yield* db`SELECT * FROM t`.result).columns.map(({ type }) => type), ["VARCHAR", "VARCHAR", "VARBINARY", "TEXT", "BLOB", "CHAR"])
    })))

  it.live("a table of 1,017 columns, and a result of 4,096", () =>
    on({}, (db) => Effect.gen(function*() {
      const columns = Array.from({ length: 1_017 }, (_, n) => `c${n}`)
      yield* db.unsafe(`CREATE TABLE wide (${columns.map((name) => `${name} TINYINT`).join(", ")})`)
      yield* db`INSERT INTO wide ${db.insert(Object.fromEntries(columns.map((name, n) => [name, n % 100])))}`
      assert.deepStrictEqual((yield* db`SELECT * FROM wide`.values)[0], columns.map((_, n) => n % 100))
      const many = Array.from({ length: 4_096 }, (_, n) => n)
      assert.deepStrictEqual(Object.values((yield* everyWay(db, `SELECT ${many.map((n) => `${n} AS c${n}`).join(", ")}`))[0] ?? {}), many)
    })), 60_000)

  it.live("floats are the shortest that are the same, and what MySQL cannot hold is refused by its place", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (a DOUBLE, b FLOAT, c VARCHAR(10))`
      yield* db`INSERT INTO t VALUES (${0.1 + 0.2}, ${0.1}, ${"x"}), (${5e-324}, ${16777216}, ${null})`
      assert.deepStrictEqual(yield* db`SELECT a, b FROM t`.values, [[0.1 + 0.2, 0.1], [5e-324, 16777216]])
      for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, "a\ud800", "\udc00", { a: 1 }, [1], 2n ** 64n, new Date(Number.NaN), Symbol("x")]) {
        for (const statement of [db`INSERT INTO t VALUES (${1}, ${wrong}, ${null})`, db`SELECT ${1}, ${wrong}`]) {
          const reason = yield* reasonOf(statement)
          assert.deepStrictEqual([reason._tag, reason.message.startsWith("parameter 2 "), reason.outcome], ["DataError", true, "not-applied"])
          assert.strictEqual((yield* reasonOf(statement.unprepared)).message, reason.message)
        }
      }
      const row = yield* reasonOf(db.executeMany("INSERT INTO t VALUES (?, ?, ?)", [[1, 1, "a"], [1, Number.NaN, "b"]]))
      assert.include(row.message, "row 1, value 2")
      assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 2)
    })))

  it.live("bytes go in from every view of them", () =>
    on({}, (db) => Effect.gen(function*() {
      const all = new Uint8Array([9, 0, 39, 92, 255, 9])
      const expected = all.slice(1, 5)
      const views = [all.subarray(1, 5), Buffer.from(expected), expected.slice().buffer, new DataView(all.buffer, 1, 4), new Uint8ClampedArray(expected)]
      yield* db`CREATE TABLE t (bytes VARBINARY(4))`
      for (const view of views) {
        yield* db`INSERT INTO t VALUES (${view})`
        yield* db`INSERT INTO t VALUES (${view})`.unprepared
      }
      yield* db.executeMany("INSERT INTO t VALUES (?)", views.map((view) => [view]))
      assert.deepStrictEqual(yield* db`SELECT bytes FROM t`.values, Array.from({ length: 15 }, () => [expected]))
    })))
})

onServers("decoders", (on) => {
  const table = (db: Database.Database) => Effect.gen(function*() {
    yield* db`CREATE TABLE t (id INTEGER UNSIGNED, big BIGINT UNSIGNED, price DECIMAL(20, 2), day DATE, at DATETIME(3), span TIME, ratio FLOAT, name VARCHAR(10), raw VARBINARY(4), flags BIT(8), kind ENUM('a', 'b'), year YEAR)`
    yield* db`INSERT INTO t VALUES (1, 18446744073709551615, 1.50, '2024-02-29', '2024-02-29 12:34:56.5', '-01:30:00', 0.1, 'é', x'00ff', b'101', 'b', 2024), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`
  })

  it.live("each gets its type's exact value, in every form, and NULL reaches none", () =>
    on({
      dates: "date",
      decimals: "BigDecimal",
      decoders: {
        INT: (value) => ({ INT: value }),
        BIGINT: (value) => ({ BIGINT: value }),
        DECIMAL: (value) => ({ DECIMAL: value }),
        DATE: (text) => DateTime.formatIso(DateTime.unsafeMake(text)),
        DATETIME: (text) => ({ DATETIME: text }),
        TIME: (text) => ({ TIME: text }),
        FLOAT: (value) => ({ FLOAT: value }),
        VARCHAR: (text) => text.toUpperCase(),
        VARBINARY: (bytes) => Buffer.from(bytes).toString("hex"),
        BIT: (bytes) => bytes.length,
        ENUM: (text) => ({ ENUM: text }),
        YEAR: (year) => year + 1
      }
    }, (db) => Effect.gen(function*() {
      yield* table(db)
      assert.deepStrictEqual((yield* everyWay(db, "SELECT * FROM t ORDER BY id"))[0], {
        id: { INT: 1 }, big: { BIGINT: 18_446_744_073_709_551_615n }, price: { DECIMAL: "1.50" }, day: "2024-02-29T00:00:00.000Z",
        at: { DATETIME: "2024-02-29 12:34:56.500" }, span: { TIME: "-01:30:00" }, ratio: { FLOAT: 0.1 }, name: "É", raw: "00ff", flags: 1, kind: { ENUM: "b" }, year: 2025
      })
      const [second] = yield* db`SELECT * FROM t WHERE id = 2`
      assert.deepStrictEqual(Object.values(second ?? {}).slice(1), Array.from({ length: 11 }, () => null))
      yield* db.unsafe("CREATE PROCEDURE p(OUT total DECIMAL(10, 2)) SET total = 1.25")
      assert.deepStrictEqual((yield* Mysql.callProcedure(db, "p", [null])).outParameters, { total: { DECIMAL: "1.25" } })
      assert.deepStrictEqual(yield* db<never>`SELECT CAST(2 AS DECIMAL(5, 1))`.scalarOption, Option.some({ DECIMAL: "2.0" } as never))
    })))

  it.live("UNSIGNED has its own where one is given; a type without one is as ever", () =>
    on({ decoders: { BIGINT: () => "signed", "BIGINT UNSIGNED": () => "unsigned" } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (a BIGINT, b BIGINT UNSIGNED, c INTEGER, d DECIMAL(4, 1))`
      yield* db`INSERT INTO t VALUES (1, 1, 1, 1)`
      assert.deepStrictEqual(yield* everyWay(db, "SELECT * FROM t"), [{ a: "signed", b: "unsigned", c: 1, d: "1.0" }])
    })))

  it.live("one that throws is a DataError that names the column and shows no value; the connection goes on", () =>
    on({ pool: { max: 1 }, decoders: { DECIMAL: (text) => { throw new Error(`cannot read ${text}`) } } }, (db) => Effect.gen(function*() {
      yield* table(db)
      const statement = db`SELECT id, price FROM t ORDER BY id`
      for (const failing of [statement, statement.unprepared, Stream.runDrain(statement.stream), statement.values, statement.results]) {
        const reason = yield* reasonOf(failing)
        assert.deepStrictEqual([reason._tag, reason.column, reason.outcome, reason.connection], ["DataError", "price", "not-applied", "usable"])
        assert.notInclude(JSON.stringify(reason), "1.5")
      }
      assert.deepStrictEqual(yield* db`SELECT id FROM t ORDER BY id`.values, [[1], [2]])
      assert.strictEqual((yield* db.pool.stats).closed, 0)
    })))

  it.live("a name that no type has is refused by itself", () =>
    Effect.gen(function*() {
      const decoders: Record<string, () => number> = { NUMERIC: () => 1 }
      const reason = yield* reasonOf(on({ decoders }, () => Effect.void))
      assert.strictEqual(reason._tag === "ConfigError" ? reason.field : reason._tag, "decoders.NUMERIC")
    }))
})

class Money {
  constructor(readonly cents: number) {}
}

onServers("encoders", (on) => {
  const encoders = [
    Mysql.encoder((u) => u instanceof Money, ({ cents }) => {
      if (cents < 0) throw new Error(`no ${cents}`)
      return cents === 0 ? null : big(`${cents}e-2`)
    }),
    Mysql.encoder(Duration.isDuration, (duration) => Duration.toSeconds(duration)),
    // Never asked for a Money: the first that says yes is used.
    Mysql.encoder((u): u is object => typeof u === "object" && u !== null && !(u instanceof Uint8Array), (value) => JSON.stringify(value))
  ]

  it.live("the first that says yes is used, in every way to send a value", () =>
    on({ encoders }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY AUTO_INCREMENT, price DECIMAL(10, 2), seconds INTEGER, doc VARCHAR(40), raw VARBINARY(4))`
      const row = [new Money(1250), Duration.minutes(2), { a: [1] }, new Uint8Array([1])]
      yield* db.unsafe("INSERT INTO t (price, seconds, doc, raw) VALUES (?, ?, ?, ?)", row)
      yield* db.unsafe("INSERT INTO t (price, seconds, doc, raw) VALUES (?, ?, ?, ?)", row).unprepared
      yield* db`INSERT INTO t ${db.insert({ price: row[0], seconds: row[1], doc: row[2], raw: row[3] })}`
      yield* db.executeMany("INSERT INTO t (price, seconds, doc, raw) VALUES (?, ?, ?, ?)", [row, [new Money(0), null, undefined, null]])
      yield* db.withConnection((connection) => Effect.scoped(Effect.gen(function*() {
        const writer = yield* connection.bulk!({ table: "t", columns: ["price", "seconds", "doc", "raw"], onConflict: "error" })
        yield* writer.write([row])
        yield* writer.finish
      })))
      const expected = { price: "12.50", seconds: 120, doc: "{\"a\":[1]}", raw: new Uint8Array([1]) }
      const none = { price: null, seconds: null, doc: null, raw: null }
      assert.deepStrictEqual(yield* db`SELECT price, seconds, doc, raw FROM t ORDER BY id`, [expected, expected, expected, expected, none, expected])
    })))

  it.live("one that throws, or gives what cannot be sent, is a DataError that names the parameter and shows no value", () =>
    on({ encoders: [...encoders.slice(0, 1), Mysql.encoder(Duration.isDuration, () => Number.NaN)] }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (price DECIMAL(10, 2))`
      const thrown = yield* reasonOf(db`INSERT INTO t VALUES (${new Money(-77)})`)
      assert.deepStrictEqual([thrown._tag, thrown.message, thrown.outcome], ["DataError", "the encoder of parameter 1 failed", "not-applied"])
      assert.notInclude(JSON.stringify(thrown), "77")
      assert.include((yield* reasonOf(db.executeMany("INSERT INTO t VALUES (?)", [[new Money(1)], [new Money(-1)]]))).message, "row 1, value 1")
      assert.strictEqual((yield* reasonOf(db`INSERT INTO t VALUES (${Duration.zero})`))._tag, "DataError")
      assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 0)
    })))
})
