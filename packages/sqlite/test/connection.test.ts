/**
 * Values, results and errors of a connection, over both transports.
 *
 * The pool, transactions and statements of core are not here; they have tests of their own.
 *
 * @since 0.1.0
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { connect, type Options } from "../dist/internal/connection.js"
import { compile, loop } from "../dist/internal/layout.js"
import { dialect } from "../dist/internal/dialect.js"
import { toSqlError } from "../dist/internal/errors.js"
import { faultOf } from "../dist/internal/fault.js"
import { all, directory, newFile, opened, query, reason, setupFile } from "./fixtures.js"

for (const threads of [true, false]) {
  const open = (options: Partial<Options> = {}) => opened({ threads, ...options })

  describe(`${threads ? "with a thread" : "without threads"}`, () => {
    describe("values (law Q1)", () => {
      it.scoped("come back as they went in", () => Effect.gen(function*() {
        const c = yield* open()
        const values = [null, 1, -2.5, 1e300, 1e16, "ä😀\0z", "", new Uint8Array([0, 255]), new Uint8Array(0), 9007199254740991]
        for (const value of values) assert.deepStrictEqual(yield* all(c, "SELECT ? AS v", [value]), [{ v: value }])
        const [row] = yield* all(c, "SELECT ? AS a, ? AS b, ? AS c, ? AS d", [true, false, undefined, new Date(0)])
        assert.deepStrictEqual(row, { a: 1, b: 0, c: null, d: "1970-01-01T00:00:00.000Z" })
        const [bytes] = yield* all(c, "SELECT ? AS a, ? AS b, ? AS c", [Buffer.from("hi"), new Int8Array([-1]), new ArrayBuffer(2)])
        assert.deepStrictEqual(bytes, { a: new Uint8Array([104, 105]), b: new Uint8Array([255]), c: new Uint8Array(2) })
      }))
      it.scoped("that do not fit are refused by their place, without the value", () => Effect.gen(function*() {
        const c = yield* open()
        for (const bad of [NaN, 2n ** 63n, -(2n ** 63n) - 1n, () => 1, Symbol("s"), {}, [1], new Date(NaN), "secret\ud800"]) {
          const r = yield* reason(c.execute(query("SELECT ?, ?", [1, bad])))
          assert.strictEqual(r._tag, "DataError")
          assert.match(r.message, /^parameter 2 /)
          assert.notMatch(r.message, /secret/)
          assert.strictEqual(r.connection, "usable")
        }
      }))
      it.scoped("INTEGER has one type per setting, and none is rounded", () => Effect.gen(function*() {
        const c = yield* open()
        const big = "SELECT 1 AS a UNION ALL SELECT 9007199254740993"
        const r = yield* reason(c.execute(query(big)))
        assert.strictEqual(r._tag, "DataError")
        assert.strictEqual(r.column, "a")
        assert.match(r.message, /row 1/)
        assert.deepStrictEqual(yield* all(c, big, [], { integers: "bigint" }), [{ a: 1n }, { a: 9007199254740993n }])
        assert.deepStrictEqual(yield* all(c, "SELECT 1 AS a, 1e300 AS b, 1e16 AS c"), [{ a: 1, b: 1e300, c: 1e16 }])
        yield* c.execute(query("CREATE TABLE r (x REAL)"))
        yield* c.execute(query("INSERT INTO r VALUES (?)", [1e16]))
        assert.deepStrictEqual(yield* all(c, "SELECT x FROM r"), [{ x: 1e16 }])
        const b = yield* open({ integers: "bigint" })
        assert.deepStrictEqual(yield* all(b, "SELECT 1 AS a, ? AS b", [2n ** 63n - 1n]), [{ a: 1n, b: 2n ** 63n - 1n }])
        assert.deepStrictEqual(yield* all(b, "SELECT 1 AS a", [], { integers: "number" }), [{ a: 1 }])
      }))
    })

    describe("results", () => {
      it.scoped("tell affected rows and the key, for RETURNING too", () => Effect.gen(function*() {
        const c = yield* open()
        yield* c.execute(query("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE, d DECIMAL(10, 2))"))
        const one = yield* c.execute(query("INSERT INTO t (a) VALUES ('x')"))
        assert.deepStrictEqual([one.rowsAffected, one.lastInsertId, one.rows.length], [1, 1, 0])
        const two = yield* c.execute(query("INSERT INTO t (a) VALUES ('y'), ('z') RETURNING id"))
        assert.deepStrictEqual([two.rowsAffected, two.lastInsertId, two.rows], [2, 3, [{ id: 2 }, { id: 3 }]])
        const none = yield* c.execute(query("UPDATE t SET a = 'q' WHERE id = 99 RETURNING id"))
        assert.deepStrictEqual([none.rowsAffected, none.lastInsertId, none.rows, none.columns.length], [0, undefined, [], 1])
        const update = yield* c.execute(query("UPDATE t SET d = 1"))
        assert.deepStrictEqual([update.rowsAffected, update.lastInsertId], [3, undefined])
        const select = yield* c.execute(query("SELECT * FROM t WHERE 0"))
        assert.deepStrictEqual([select.rowsAffected, select.lastInsertId], [0, undefined])
        assert.deepStrictEqual(select.columns[2], { name: "d", type: "DECIMAL(10, 2)", nullable: undefined, precision: 10, scale: 2, table: "t" })
        const ignored = yield* c.execute(query("INSERT OR IGNORE INTO t (a) VALUES ('x')"))
        assert.deepStrictEqual([ignored.rowsAffected, ignored.lastInsertId], [0, undefined])
        yield* c.execute(query("CREATE TABLE w (k TEXT PRIMARY KEY) WITHOUT ROWID"))
        assert.strictEqual((yield* c.execute(query("INSERT INTO w VALUES ('a')"))).lastInsertId, undefined)
        assert.strictEqual((yield* c.execute(query("INSERT INTO t (a) VALUES ('n')", [], { integers: "bigint" }))).lastInsertId, 4n)
      }))
      it.scoped("keep duplicate names in arrays, take the last in objects, or are refused unrun", () => Effect.gen(function*() {
        const c = yield* open()
        assert.deepStrictEqual(yield* all(c, "SELECT 1 AS a, 2 AS a", [], { rowMode: "array" }), [[1, 2]])
        assert.deepStrictEqual(yield* all(c, "SELECT 1 AS a, 2 AS a"), [{ a: 2 }])
        assert.strictEqual((yield* reason(c.execute(query("SELECT 1 AS a, 2 AS a", [], { duplicates: "error" }))))._tag, "ResultError")
        const rows = yield* reason(Effect.scoped(c.rows(query("SELECT 1 AS a, 2 AS a", [], { duplicates: "error" }))))
        assert.strictEqual(rows._tag, "ResultError")
        const [row] = yield* all(c, "SELECT 1 AS \"__proto__\", 2 AS \"constructor\"")
        assert.deepStrictEqual(Object.entries(row ?? {}), [["__proto__", 1], ["constructor", 2]])
      }))
      it.scoped("describe a statement without running it", () => Effect.gen(function*() {
        const c = yield* open()
        yield* c.execute(query("CREATE TABLE t (id INTEGER)"))
        assert.deepStrictEqual((yield* c.describe(query("INSERT INTO t VALUES (1) RETURNING id"))).map((x) => x.name), ["id"])
        assert.deepStrictEqual(yield* c.describe(query("INSERT INTO t VALUES (1)")), [])
        assert.deepStrictEqual(yield* all(c, "SELECT count(*) AS n FROM t"), [{ n: 0 }])
      }))
      it.scoped("follow the schema when another connection changes it", () => Effect.gen(function*() {
        const filename = newFile()
        const a = yield* open({ filename })
        const b = yield* open({ filename })
        yield* a.execute(query("CREATE TABLE t (x)"))
        yield* a.execute(query("INSERT INTO t VALUES (1)"))
        assert.deepStrictEqual(yield* all(b, "SELECT * FROM t"), [{ x: 1 }])
        yield* a.execute(query("ALTER TABLE t RENAME COLUMN x TO y"))
        assert.deepStrictEqual(yield* all(b, "SELECT * FROM t"), [{ y: 1 }])
        yield* a.execute(query("ALTER TABLE t ADD COLUMN z DEFAULT 2"))
        assert.deepStrictEqual(yield* all(b, "SELECT * FROM t"), [{ y: 1, z: 2 }])
        assert.deepStrictEqual(yield* all(a, "SELECT * FROM t"), [{ y: 1, z: 2 }])
      }))
    })

    describe("errors (law E1)", () => {
      it.scoped("are typed, and leave the connection usable", () => Effect.gen(function*() {
        const c = yield* open()
        yield* c.execute(query("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT NOT NULL, c CHECK (c > 0), d REFERENCES t, e TEXT, f TEXT, UNIQUE (e, f))"))
        yield* c.execute(query("CREATE TABLE s (n INTEGER) STRICT"))
        yield* c.execute(query("INSERT INTO t VALUES (1, 'x', 1, NULL, 'e', 'f')"))
        const cases: ReadonlyArray<readonly [string, ReadonlyArray<unknown>, string]> = [
          ["SELEC 1", [], "SqlSyntaxError"],
          ["SELECT * FROM nowhere", [], "SqlSyntaxError"],
          ["SELECT 1; SELECT 2", [], "SqlSyntaxError"],
          ["-- nothing", [], "SqlSyntaxError"],
          ["", [], "SqlSyntaxError"],
          ["SELECT ?", [], "DataError"],
          ["SELECT ?", [1, 2], "DataError"],
          ["INSERT INTO t VALUES (1, 'x', 1, NULL, 'g', 'g')", [], "UniqueViolation"],
          ["INSERT INTO t VALUES (2, 'x', 1, NULL, 'e', 'f')", [], "UniqueViolation"],
          ["INSERT INTO t VALUES (2, NULL, 1, NULL, 'g', 'g')", [], "ConstraintError"],
          ["INSERT INTO t VALUES (2, 'x', 0, NULL, 'g', 'g')", [], "ConstraintError"],
          ["INSERT INTO t VALUES (2, 'x', 1, 99, 'g', 'g')", [], "ConstraintError"],
          ["INSERT INTO s VALUES (?)", ["text"], "DataError"],
          ["INSERT INTO t (a, b) VALUES ('k', 'x')", [], "DataError"],
          ["SELECT json_extract(?, '$')", ["{secret"], "DataError"],
          ["SELECT json_extract('{}', ?)", ["secret"], "DataError"],
          ["SELECT abs(-9223372036854775808)", [], "DataError"],
          ["COMMIT", [], "TransactionStateError"]
        ]
        for (const [sql, params, tag] of cases) {
          const error = yield* Effect.flip(c.execute(query(sql, params)))
          assert.strictEqual(error.reason._tag, tag, `${sql}: ${error.message}`)
          assert.strictEqual(error.reason.statement, sql)
          assert.strictEqual(error.connection, "usable")
          assert.strictEqual(error.outcome, "not-applied")
          assert.instanceOf(error.reason.cause, Error)
          assert.notMatch(error.message, /secret/)
        }
        const two = yield* reason(c.execute(query("INSERT INTO t VALUES (2, 'x', 1, NULL, 'e', 'f')")))
        assert.deepStrictEqual([two.table, two.column, two.constraint, two.code], ["t", undefined, "t.e, t.f", "SQLITE_CONSTRAINT_UNIQUE"])
        const missing = yield* reason(c.execute(query("INSERT INTO t (a) VALUES (5)")))
        assert.deepStrictEqual([missing.table, missing.column], ["t", "b"])
        assert.deepStrictEqual(yield* all(c, "SELECT count(*) AS n FROM t"), [{ n: 1 }])
      }))
      it.effect("of opening are failures of connect", () => Effect.gen(function*() {
        const text = join(directory, `text${threads}.db`)
        writeFileSync(text, "this is no database, however long it may be".repeat(100))
        const cases: ReadonlyArray<readonly [Partial<Options>, string]> = [
          [{ filename: join(directory, "missing.db"), readOnly: true }, "ConnectionError"],
          [{ filename: directory }, "ConnectionError"],
          [{ filename: join(directory, "no", "such.db") }, "ConnectionError"],
          [{ filename: text }, "ConnectionError"],
          [{ readOnly: true }, "ConfigError"],
          [{ pragmas: { "x; DROP": 1 } }, "ConfigError"],
          [{ pragmas: { cache_size: NaN } }, "ConfigError"],
          [{ extensions: ["/no/such/extension"] }, "ConfigError"],
          [{ setup: "/no/such/module.mjs" }, "ConfigError"],
          [{ setup: setupFile("export default () => { throw new Error('no') }") }, "ConfigError"],
          [{ setup: setupFile("export default async () => { throw new Error('no') }") }, "ConfigError"],
          [{ setup: setupFile("export const x = 1") }, "ConfigError"]
        ]
        for (const [options, tag] of cases) {
          const r = yield* reason(connect({ filename: ":memory:", threads, ...options }))
          assert.strictEqual(r._tag, tag, JSON.stringify(options) + r.message)
        }
      }))
      it.scoped("of a user's function do not show what it said", () => Effect.gen(function*() {
        const c = yield* open({ setup: setupFile("export default (db) => { db.function('boom', (v) => { throw new Error(v) }); db.function('twice', (v) => v * 2) }") })
        assert.deepStrictEqual(yield* all(c, "SELECT twice(2) AS v"), [{ v: 4 }])
        const error = yield* Effect.flip(c.execute(query("SELECT boom(?)", ["secret"])))
        assert.strictEqual(error.reason._tag, "UnknownError")
        assert.strictEqual(error.connection, "usable")
        assert.notMatch(error.message, /secret/)
      }))
    })
  })
}

describe("without threads", () => {
  it.scoped("an answer is an Exit", () => Effect.gen(function*() {
    const c = yield* opened({ threads: false })
    assert.isTrue(Exit.isExit(c.execute(query("SELECT 1"))))
    assert.isTrue(Exit.isExit(c.execute(query("SELEC"))))
    assert.isTrue(Exit.isExit(c.begin({})))
  }))
})

describe("rows", () => {
  it("are the same with and without generated code", () => {
    const names = ["a", "__proto__", "a\"b\n", "a"]
    const values = [1, "p", null, 2, 3, "q", 4n, 5]
    assert.deepStrictEqual(compile(names)?.(values, 2).map((r) => Object.entries(r ?? {})), loop(names)(values, 2).map((r) => Object.entries(r ?? {})))
  })
})

describe("the dialect", () => {
  it.scoped("updates many rows from VALUES", () => Effect.gen(function*() {
    const c = yield* opened()
    yield* c.execute(query("CREATE TABLE t (id INTEGER PRIMARY KEY, a)"))
    yield* c.execute(query("INSERT INTO t VALUES (1, 'x'), (2, 'y')"))
    const from = dialect.updateValues?.({ alias: "\"d\"", columns: ["\"id\"", "\"a\""], rows: [["?", "?"], ["?", "?"]] })
    yield* c.execute(query(`UPDATE t SET a = d.a FROM ${from} WHERE t.id = d.id`, [1, "p", 2, "q"]))
    assert.deepStrictEqual(yield* all(c, "SELECT a FROM t ORDER BY id"), [{ a: "p" }, { a: "q" }])
  }))
})

describe("a driver without its native part", () => {
  it("is a failure of the configuration that says what to do", () => {
    for (const cause of [new Error("Could not locate the bindings file. Tried:\n → build"), Object.assign(new Error("x.node: wrong"), { code: "ERR_DLOPEN_FAILED" })]) {
      const error = toSqlError(faultOf(cause, "open"), "connect", undefined, cause)
      assert.strictEqual(error.reason._tag, "ConfigError")
      assert.strictEqual(error.reason._tag === "ConfigError" && error.reason.field, "better-sqlite3")
      assert.match(error.message, /npm rebuild better-sqlite3/)
    }
  })
})
