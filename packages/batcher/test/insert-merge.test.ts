/**
 * InsertMerge: what is merged, what is left alone, and that both are the same to a database (law B2). What SQL Batcher's
 * merger loses is here by its number.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as SqlScript from "@sluice/core/SqlScript"
import { Sqlite } from "@sluice/sqlite"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as fc from "effect/FastCheck"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import * as InsertMerge from "../src/InsertMerge.js"
import { type Merged, Merger } from "../src/internal/merge/Merger.js"

const limits = { maxParameters: 100, maxStatementBytes: Number.POSITIVE_INFINITY, maxInsertRows: Number.POSITIVE_INFINITY }
const placeholder = () => "?"
const ansi = { limits, placeholder, lexicon: SqlScript.ansi }
const pg = { limits, placeholder: (index: number) => `$${index}`, lexicon: { ...SqlScript.ansi, escapeStrings: true, dollarQuotes: true, nestedComments: true } }
const mysql = { limits, placeholder, lexicon: { ...SqlScript.ansi, backslashEscapes: true, backticks: true, hashComments: true, spacedDashes: true, executableComments: true } }
const mssql = { placeholder, limits: { ...limits, maxInsertRows: 1000 }, lexicon: { ...SqlScript.ansi, brackets: true, nestedComments: true } }

const merged = (statements: ReadonlyArray<string>, options: Partial<InsertMerge.Options> = {}): ReadonlyArray<string> => {
  const merge = Either.getOrThrow(InsertMerge.make({ dialect: ansi, ...options }))
  return [...statements.flatMap((sql) => Either.getOrThrow(merge.add(sql))), ...merge.flushAll()]
}

/** What comes out, and what went in: for what must be left alone, both are the same. */
const both = (statements: ReadonlyArray<string>, options?: Partial<InsertMerge.Options>) => [merged(statements, options), statements] as const

const refused = (sql: string, options: Partial<InsertMerge.Options> = {}) =>
  Either.getOrThrow(Either.flip(Either.flatMap(InsertMerge.make({ dialect: ansi, ...options }), (merge) => merge.add(sql)))).reason

describe("SB-25 INSERTs into one table and the same columns become one", () => {
  it("of as many rows", () => {
    assert.deepStrictEqual(merged(["INSERT INTO t (a, b) VALUES (1, 'x')", "INSERT INTO t (a, b) VALUES (2, 'y')", "INSERT INTO t (a, b) VALUES (3, NULL)"]), [
      "INSERT INTO t (a, b) VALUES (1, 'x'),(2, 'y'),(3, NULL)"
    ])
  })

  it("however they are written: case, space, comments, a delimiter at their end", () => {
    assert.deepStrictEqual(merged(["INSERT INTO t (a,b) VALUES (1,2);", "insert  into t( a , b )\nvalues (3, 4) ; -- c", "/* d */ INSERT INTO t (a,b) VALUES (5, /* e */ 6)"]), [
      "INSERT INTO t (a,b) VALUES (1,2),(3, 4),(5, /* e */ 6)"
    ])
  })

  it("without a list of columns only where they have as many values", () => {
    assert.deepStrictEqual(merged(["INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (3, 4)"]), ["INSERT INTO t VALUES (1),(2)", "INSERT INTO t VALUES (3, 4)"])
    assert.deepStrictEqual(...both(["INSERT INTO t VALUES (1, 2), (3)", "INSERT INTO t VALUES (1, 2)"]))
  })

  it("not into other tables, other columns, a table in other quotes or in other case", () => {
    assert.deepStrictEqual(...both(["INSERT INTO t (a) VALUES (1)", "INSERT INTO u (a) VALUES (1)", "INSERT INTO u (b) VALUES (1)", "INSERT INTO U (b) VALUES (1)", "INSERT INTO \"u\" (b) VALUES (1)", "INSERT INTO s.u (b) VALUES (1)"]))
  })

  it("keeps rows that are in one statement already", () => {
    assert.deepStrictEqual(merged(["INSERT INTO t VALUES (1), (2)", "INSERT INTO t VALUES (3)", "INSERT INTO t VALUES (4),\n(5)"]), ["INSERT INTO t VALUES (1), (2),(3),(4),\n(5)"])
  })

  it("leaves a statement alone that has no neighbour, to the letter", () => assert.deepStrictEqual(...both(["  insert into t values (1) ; "])))
})

describe("SB-27 what the merger of SQL Batcher loses", () => {
  it("a function's parenthesis: VALUES (1, NOW())", () => assert.deepStrictEqual(...both(["INSERT INTO t VALUES (1, NOW())", "INSERT INTO t VALUES (2, NOW())"])))

  it("a parenthesis, a quote or a semicolon in a string: VALUES (1, ')')", () => {
    assert.deepStrictEqual(merged(["INSERT INTO t VALUES (1, ')')", "INSERT INTO t VALUES (2, ''';),(')"]), ["INSERT INTO t VALUES (1, ')'),(2, ''';),(')"])
    assert.deepStrictEqual(merged(["INSERT INTO t VALUES ('\\')')", "INSERT INTO t VALUES (\"(\\\"\")"], { dialect: mysql }), ["INSERT INTO t VALUES ('\\')'),(\"(\\\"\")"])
    assert.deepStrictEqual(merged(["INSERT INTO t VALUES ($$)$$)", "INSERT INTO t VALUES (E'\\'(')"], { dialect: pg }), ["INSERT INTO t VALUES ($$)$$),(E'\\'(')"])
  })

  it("ON CONFLICT: kept, and merged only with its like where every row is taken for itself", () => {
    const nothing = (n: number) => `INSERT INTO t (a) VALUES (${n}) ON CONFLICT (a) DO NOTHING`
    assert.deepStrictEqual(merged([nothing(1), nothing(2), "INSERT INTO t (a) VALUES (3)"]), ["INSERT INTO t (a) VALUES (1),(2) ON CONFLICT (a) DO NOTHING", "INSERT INTO t (a) VALUES (3)"])
    assert.deepStrictEqual(...both(["INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET n = n + 1", "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET n = n + 1"]))
  })

  it("RETURNING and OUTPUT: every statement answers with its own rows", () => {
    assert.deepStrictEqual(...both(["INSERT INTO t (a) VALUES (1) RETURNING id", "INSERT INTO t (a) VALUES (2) RETURNING id"]))
    assert.deepStrictEqual(...both(["INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING RETURNING id", "INSERT INTO t (a) VALUES (2) ON CONFLICT DO NOTHING RETURNING id"]))
    assert.deepStrictEqual(...both(["INSERT INTO [t] (a) OUTPUT inserted.id VALUES (1)", "INSERT INTO [t] (a) OUTPUT inserted.id VALUES (2)"], { dialect: mssql }))
  })

  it("the order: INSERT 1; UPDATE; INSERT 3, and an INSERT that is not merged", () => {
    assert.deepStrictEqual(...both(["INSERT INTO t VALUES (1)", "UPDATE t SET a = 2", "INSERT INTO t VALUES (3)"]))
    assert.deepStrictEqual(...both(["INSERT INTO t VALUES (1)", "INSERT INTO t SELECT 2", "INSERT INTO t VALUES (3)"]))
    assert.deepStrictEqual(...both(["INSERT INTO t VALUES (1)", "INSERT INTO u VALUES (2)", "INSERT INTO t VALUES (3)"]))
  })

  it("rows after the first in VALUES (1),(2)", () => assert.deepStrictEqual(merged(["INSERT INTO t VALUES (1),(2)", "INSERT INTO t VALUES (3)"]), ["INSERT INTO t VALUES (1),(2),(3)"]))
})

describe("SB-26 the limit counts every byte of the merged statement", () => {
  it("its words, its separators and what follows its rows", () => {
    const sql = ["INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", "INSERT INTO t VALUES (2) ON CONFLICT DO NOTHING"]
    const whole = "INSERT INTO t VALUES (1),(2) ON CONFLICT DO NOTHING"
    assert.deepStrictEqual(merged(sql, { maxBytes: whole.length }), [whole])
    assert.deepStrictEqual(...both(sql, { maxBytes: whole.length - 1 }))
    assert.deepStrictEqual(merged(["INSERT INTO t VALUES ('é')", "INSERT INTO t VALUES ('😀')"], { maxBytes: 36 }).length, 1)
    assert.deepStrictEqual(merged(["INSERT INTO t VALUES ('é')", "INSERT INTO t VALUES ('😀')"], { maxBytes: 35 }).length, 2)
  })

  it("merges more than two rows into a small one, and sends a long statement alone", () => {
    assert.deepStrictEqual(merged(["INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (3)"], { maxBytes: 40 }), ["INSERT INTO t VALUES (1),(2),(3)"])
    assert.deepStrictEqual(...both(["INSERT INTO t VALUES (1)", `INSERT INTO t VALUES ('${"x".repeat(50)}')`, "INSERT INTO t VALUES (2)"], { maxBytes: 40 }))
  })

  it("holds together with the rows that a server takes: 1,000 of SQL Server, and fewer where it is asked for", () => {
    const rows = Array.from({ length: 2_500 }, (_, n) => `INSERT INTO [t] VALUES (${n})`)
    const counts = (options: Partial<InsertMerge.Options>) => merged(rows, options).map((sql) => sql.split(",").length)
    assert.deepStrictEqual(counts({ dialect: mssql }), [1000, 1000, 500])
    assert.deepStrictEqual(counts({ dialect: mssql, maxRows: 2_400 }), [1000, 1000, 500])
    assert.deepStrictEqual(counts({ dialect: mssql, maxRows: 900 }), [900, 900, 700])
    assert.isTrue(merged(rows, { dialect: { ...mssql, limits: { ...limits, maxStatementBytes: 200 } } }).every((sql) => sql.length <= 200))
  })

  it("refuses limits that cannot work", () => {
    for (const [options, field] of [[{ maxBytes: 0 }, "maxBytes"], [{ maxBytes: -1 }, "maxBytes"], [{ maxBytes: 1.5 }, "maxBytes"], [{ maxRows: 0 }, "maxRows"]] as const) {
      const { reason } = Either.getOrThrow(Either.flip(InsertMerge.make({ dialect: ansi, ...options })))
      assert.strictEqual(reason._tag === "ConfigError" ? reason.field : reason, field)
    }
  })
})

describe("B2 what may mean something else in company is left alone", () => {
  const twice = (sql: string, options?: Partial<InsertMerge.Options>) => both([sql, sql], options)

  it("statements of other forms", () => {
    for (const sql of [
      "INSERT INTO t DEFAULT VALUES", "INSERT INTO t (a) SELECT 1", "INSERT INTO t TABLE u", "WITH x AS (SELECT 1) INSERT INTO t VALUES (1)",
      "INSERT INTO t (a) VALUES (1); INSERT INTO t (a) VALUES (2)", "INSERT INTO t (a[1]) VALUES (1)", "INSERT OVERWRITE INTO t VALUES (1)", "INSERT INTO t PARTITION (p) VALUES (1)",
      "EXPLAIN INSERT INTO t VALUES (1)", "INSERT INTO t (a) VALUES", "INSERT INTO t (a)", "INSERT", "INSERT INTO", "INSERT INTO t (a", "INSERT INTO t VALUES (1", "INSERT INTO t VALUES (1),"
    ]) assert.deepStrictEqual(...twice(sql))
    assert.deepStrictEqual(...twice("INSERT INTO t SET a = 1", { dialect: mysql }))
    assert.deepStrictEqual(...twice("INSERT LOW_PRIORITY INTO t VALUES (1)", { dialect: mysql }))
    assert.deepStrictEqual(...twice("INSERT INTO t VALUES ROW(1)", { dialect: mysql }))
    assert.deepStrictEqual(...twice("/*!50000 INSERT INTO t VALUES (1) */", { dialect: mysql }))
    assert.deepStrictEqual(...twice("INSERT INTO t VALUES (1) /*!50000 ON DUPLICATE KEY UPDATE a = 1 */", { dialect: mysql }))
  })

  it("subqueries, columns, variables, parameters, and functions that may answer otherwise", () => {
    for (const value of [
      "(SELECT max(a) FROM t)", "(SELECT 1)", "nextval('s')", "my_function(1)", "s.upper('a')", "\"upper\"('a')", "CURRENT_TIMESTAMP", "NOW()", "random()", "LAST_INSERT_ID()",
      "a + 1", "?", ":name", "$1", "@x", "@x := 1", "NEXT VALUE FOR s", "'now'", "'NOW'::timestamp", "upper", "COALESCE(NULL, nextval('s'))", "date()", "time('now')"
    ]) assert.deepStrictEqual(...twice(`INSERT INTO t VALUES (1, ${value})`))
    assert.deepStrictEqual(...twice("INSERT INTO t VALUES (`a`)", { dialect: mysql }))
  })

  it("and what is known to be of its arguments alone is merged", () => {
    for (const value of [
      "-1.5e3", "+2", "TRUE", "null", "DEFAULT", "X'00ff'", "DATE '2024-02-29'", "'a' || 'b'", "CAST('1' AS DECIMAL(10, 2))", "upper('a')", "COALESCE(NULL, (1 + 2) * 3)",
      "CASE WHEN 1 > 2 THEN 'a' ELSE 'b' END", "'1'::int", "ARRAY[1, 2]", "''", "json_object('a', 1)", "1 IN (1, 2)"
    ]) assert.deepStrictEqual(merged([`INSERT INTO t VALUES (1, ${value})`, `INSERT INTO t VALUES (2, ${value})`]), [`INSERT INTO t VALUES (1, ${value}),(2, ${value})`])
    assert.strictEqual(merged(["INSERT INTO t VALUES (GeoHash(1))", "INSERT INTO t VALUES (geohash(2))"], { functions: ["geohash"] }).length, 1)
    assert.strictEqual(merged(["INSERT INTO t VALUES (_binary 'a')", "INSERT INTO t VALUES (0x00)"], { dialect: mysql }).length, 1)
  })

  it("the last INSERT before a statement that asks what it did", () => {
    const inserts = ["INSERT INTO t (a) VALUES (1)", "INSERT INTO t (a) VALUES (2)", "INSERT INTO t (a) VALUES (3)"] as const
    for (const asks of ["INSERT INTO u VALUES (LAST_INSERT_ID())", "SELECT changes()", "CALL p()", "SELECT @@IDENTITY"]) {
      assert.deepStrictEqual(merged([...inserts, asks], { dialect: mysql }), ["INSERT INTO t (a) VALUES (1),(2)", inserts[2], asks])
      assert.deepStrictEqual(merged([...inserts.slice(0, 2), asks], { dialect: mysql }), [inserts[0], inserts[1], asks])
    }
    assert.strictEqual(merged([...inserts, "SELECT 'LAST_INSERT_ID()'"]).length, 2)
  })

  it("the last INSERT of a run on MySQL, where LAST_INSERT_ID() would be the key of the first", () => {
    const insert = (n: number) => `INSERT INTO t (a) VALUES (${n})`
    const dialect = { ...mysql, lastIdIsFirst: true }
    const later = ["UPDATE u SET a = 1", "INSERT INTO u VALUES (LAST_INSERT_ID())"]
    assert.deepStrictEqual(merged([insert(1), insert(2), insert(3), ...later, insert(4), insert(5)], { dialect }), ["INSERT INTO t (a) VALUES (1),(2)", insert(3), ...later, "INSERT INTO t (a) VALUES (4),(5)"])
    assert.deepStrictEqual(merged([insert(1), insert(2), "INSERT INTO u VALUES (1)", ...later], { dialect }), [insert(1), insert(2), "INSERT INTO u VALUES (1)", ...later])
    assert.deepStrictEqual(merged([insert(1), insert(2), insert(3), insert(4), insert(5), ...later], { dialect, maxRows: 2 }), ["INSERT INTO t (a) VALUES (1),(2)", "INSERT INTO t (a) VALUES (3),(4)", insert(5), ...later])
  })

  it("forms of INSERT that are taken row by row are merged with their like", () => {
    for (const verb of ["INSERT OR IGNORE INTO t", "REPLACE INTO t", "INSERT INTO t AS x (a)", "INSERT INTO t (a) OVERRIDING SYSTEM VALUE"]) {
      assert.deepStrictEqual(merged([`${verb} VALUES (1)`, `${verb} VALUES (2)`, "INSERT INTO t VALUES (3)"]), [`${verb} VALUES (1),(2)`, "INSERT INTO t VALUES (3)"])
    }
  })

  it("INSERT IGNORE and ON DUPLICATE KEY UPDATE, unless upserts are asked for", () => {
    const ignore = ["INSERT IGNORE INTO t VALUES (1)", "INSERT IGNORE INTO t VALUES (2)"]
    const update = ["INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE n = n + VALUES(a)", "INSERT INTO t (a) VALUES (2) ON DUPLICATE KEY UPDATE n = n + VALUES(a)"]
    assert.deepStrictEqual(...both([...ignore, ...update], { dialect: mysql }))
    assert.deepStrictEqual(merged([...ignore, ...update], { dialect: mysql, upserts: true }), [
      "INSERT IGNORE INTO t VALUES (1),(2)", "INSERT INTO t (a) VALUES (1),(2) ON DUPLICATE KEY UPDATE n = n + VALUES(a)"
    ])
    for (const set of ["n = NOW()", "n = CURRENT_TIMESTAMP", "n = (SELECT 1)", "n = @x", "n = f(a)", "n = ?"]) {
      assert.deepStrictEqual(...both([`INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE ${set}`, `INSERT INTO t (a) VALUES (2) ON DUPLICATE KEY UPDATE ${set}`], { dialect: mysql, upserts: true }))
    }
  })
})

describe("statements with parameters, as the batcher merges them", () => {
  const run = (statements: ReadonlyArray<readonly [string, ...ReadonlyArray<unknown>]>, dialect: Pick<InsertMerge.Options["dialect"], "lexicon" | "placeholder" | "lastIdIsFirst"> = ansi, limits = {}) => {
    const merger = new Merger(
      { lexicon: dialect.lexicon, functions: new Set(), upserts: false, placeholder: dialect.placeholder },
      { maxBytes: 1_000, maxRows: 100, maxParameters: 100, lastIdIsFirst: dialect.lastIdIsFirst === true, ...limits }
    )
    const out: Array<Merged> = []
    for (const [sql, ...params] of statements) merger.add(sql, out, params)
    merger.flush(out, false)
    return out.map(({ params, statements, text }) => [statements, text, ...params])
  }
  const insert = "INSERT INTO t (a, b) VALUES (?, ?)"
  const numbered = "INSERT INTO t (a, b) VALUES ($1, upper($2)) ON CONFLICT DO NOTHING"

  it("become one, their parameters in order", () => {
    assert.deepStrictEqual(run([[insert, 1, "a"], [insert, 2, null], ["INSERT INTO t (a, b) VALUES (3, ?), (?, 4)", "c", "d"]]), [
      [3, "INSERT INTO t (a, b) VALUES (?, ?),(?, ?),(3, ?), (?, 4)", 1, "a", 2, null, "c", "d"]
    ])
    assert.deepStrictEqual(run([[insert, 1, "a"], ["INSERT INTO t (a, b) VALUES (1, 2)"], [insert, 2, "b"]]), [[3, "INSERT INTO t (a, b) VALUES (?, ?),(1, 2),(?, ?)", 1, "a", 2, "b"]])
  })

  it("with numbers that count on", () => {
    assert.deepStrictEqual(run([[numbered, 1, "a"], [numbered, 2, "b"], [numbered, 3, "c"]], pg), [
      [3, "INSERT INTO t (a, b) VALUES ($1, upper($2)),($3, upper($4)),($5, upper($6)) ON CONFLICT DO NOTHING", 1, "a", 2, "b", 3, "c"]
    ])
  })

  it("within the limits of bytes, rows and parameters together", () => {
    const texts = (limits: object) => run(Array.from({ length: 6 }, (_, n) => [insert, n, "12345678"] as const), ansi, limits).map(([count]) => count)
    assert.deepStrictEqual(texts({ maxParameters: 5 }), [2, 2, 2])
    assert.deepStrictEqual(texts({ maxRows: 4 }), [4, 2])
    assert.deepStrictEqual(texts({ maxBytes: insert.length + 16 + 2 * (7 + 16) }), [3, 3])
  })

  it("but not where a placeholder is somewhere else, is used twice, or their number is another", () => {
    for (const [sql, ...params] of [
      ["INSERT INTO t (a, b) VALUES (?, (SELECT ?))", 1, 2], ["INSERT INTO t (a) VALUES (?) RETURNING ?", 1, 2], ["INSERT INTO t (a, b) VALUES (?, ?)", 1],
      ["INSERT INTO t (a) VALUES (?)", 1, 2], ["UPDATE t SET a = ?", 1], ["INSERT INTO t (a) VALUES (1)", 1]
    ] as const) assert.deepStrictEqual(run([[sql, ...params], [sql, ...params]]), [[1, sql, ...params], [1, sql, ...params]])
    for (const sql of ["INSERT INTO t (a, b) VALUES ($1, $1)", "INSERT INTO t (a, b) VALUES ($2, $1)"]) {
      assert.deepStrictEqual(run([[sql, 1, 2], [sql, 1, 2]], pg), [[1, sql, 1, 2], [1, sql, 1, 2]])
    }
  })

  it("the last by itself with its own parameters, where it must be", () => {
    const asks = ["INSERT INTO u (a, b) VALUES (?, LAST_INSERT_ID())", 9] as const
    assert.deepStrictEqual(run([[insert, 1, "a"], [insert, 2, "b"], [insert, 3, "c"], asks]), [
      [2, "INSERT INTO t (a, b) VALUES (?, ?),(?, ?)", 1, "a", 2, "b"], [1, insert, 3, "c"], [1, ...asks]
    ])
    assert.deepStrictEqual(run([[numbered, 1, "a"], [numbered, 2, "b"], ["UPDATE t SET a = 1"]], { ...pg, lastIdIsFirst: true }), [[1, numbered, 1, "a"], [1, numbered, 2, "b"], [1, "UPDATE t SET a = 1"]])
  })
})

describe("bad input is a typed error, and nothing that is held is lost", () => {
  it("an empty statement", () => {
    for (const sql of ["", "  \n "]) assert.strictEqual(refused(sql)._tag, "ConfigError")
  })

  it("a string, a name or a comment that never ends", () => {
    for (const [sql, position] of [["INSERT INTO t VALUES ('a)", 23], ["SELECT \"a", 8], ["UPDATE t SET a = 1 /* b", 20], ["INSERT INTO t VALUES (1) /*", 26]] as const) {
      const reason = refused(sql)
      assert.strictEqual(reason._tag, "SqlSyntaxError")
      assert.strictEqual("position" in reason ? reason.position : undefined, position)
    }
    const merge = Either.getOrThrow(InsertMerge.make({ dialect: ansi }))
    Either.getOrThrow(merge.add("INSERT INTO t VALUES (1)"))
    assert.isTrue(Either.isLeft(merge.add("INSERT INTO t VALUES ('")))
    Either.getOrThrow(merge.add("INSERT INTO t VALUES (2)"))
    assert.deepStrictEqual([merge.flushAll(), merge.flushAll()], [["INSERT INTO t VALUES (1),(2)"], []])
  })
})

describe("as a stream", () => {
  const run = (statements: ReadonlyArray<string>, options: Partial<InsertMerge.Options> = {}) =>
    Effect.runSync(Stream.fromIterable(statements).pipe(Stream.rechunk(3), InsertMerge.stream({ dialect: ansi, ...options }), Stream.either, Stream.runCollect, Effect.map(Chunk.toReadonlyArray)))

  it("gives what add and flushAll give", () => {
    const statements = Array.from({ length: 10 }, (_, n) => n === 6 ? "UPDATE t SET a = 1" : `INSERT INTO t VALUES (${n})`)
    assert.deepStrictEqual(run(statements), merged(statements).map((sql) => Either.right(sql)))
    assert.deepStrictEqual(run([]), [])
  })

  it("fails behind what stands before a bad statement", () => {
    const parts = run(["INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)", "", "INSERT INTO t VALUES (3)"])
    assert.deepStrictEqual(parts.map((part) => Either.isRight(part) ? part.right : part.left.reason._tag), ["INSERT INTO t VALUES (1),(2)", "ConfigError"])
    assert.strictEqual(run([], { maxBytes: 0 }).length, 1)
  })
})

describe("B2, B6 of random statements", () => {
  const value = fc.oneof(fc.integer({ min: -9, max: 9 }).map(String), fc.constantFrom("NULL", "'a'", "')'", "'it''s'", "'é😀'", "'(;'", "upper('x')", "(1 + 2)", "(SELECT count(*) FROM t)", "abs(-1) /* , */"))
  const row = fc.tuple(value, value).map(([a, b]) => `(${a}, ${b})`)
  const insert = fc.tuple(fc.constantFrom("INSERT INTO t (a, b)", "INSERT INTO u (a, b)", "INSERT INTO t (b, a)", "INSERT OR IGNORE INTO k (a, b)", "REPLACE INTO k (a, b)", "insert into t(a,b)"), fc.array(row, { minLength: 1, maxLength: 3 }), fc.constantFrom("", ";", " -- c", " ON CONFLICT DO NOTHING"))
    .map(([head, rows, tail]) => `${head} VALUES ${rows.join(", ")}${head.startsWith("REPLACE") && tail.startsWith(" ON") ? "" : tail}`)
  const other = fc.constantFrom(
    "UPDATE t SET b = a", "DELETE FROM u WHERE a = 1", "INSERT INTO u SELECT a, b FROM t WHERE a > 5", "INSERT INTO t (a) VALUES (last_insert_rowid())", "INSERT INTO t (a, b) VALUES (changes(), 0)",
    "DELETE FROM k", "INSERT INTO t DEFAULT VALUES"
  )
  const script = fc.array(fc.oneof({ arbitrary: insert, weight: 5 }, { arbitrary: other, weight: 1 }), { maxLength: 25 })

  it("whatever is added, a text or an error comes back, and every other text is there to the letter", () => {
    const part = fc.constantFrom("INSERT", "INTO", "t", "(a)", "VALUES", "(1)", "(", ")", ",", "'", "\"", "`", "$$", "--", "/*", "*/", "\n", ";", "NULL", "ON CONFLICT", "DO NOTHING", "AS", "OR", "REPLACE", "?", "$1", ".", "[", "é", "0x", "E'\\'")
    const text = fc.array(part, { minLength: 1, maxLength: 12 }).map((parts) => parts.join(" "))
    fc.assert(fc.property(fc.array(text, { maxLength: 6 }), fc.constantFrom<InsertMerge.Options["dialect"]>(ansi, pg, mysql, mssql), (texts, dialect) => {
      const merge = Either.getOrThrow(InsertMerge.make({ dialect }))
      const taken: Array<string> = []
      const out: Array<string> = []
      for (const sql of texts) {
        const answer = merge.add(sql)
        if (Either.isLeft(answer)) assert.include(["SqlSyntaxError", "ConfigError"], answer.left.reason._tag)
        else {
          taken.push(sql)
          out.push(...answer.right)
        }
      }
      out.push(...merge.flushAll())
      for (const sql of out.filter((sql) => !taken.includes(sql))) assert.match(sql, /\),\(/)
      if (!taken.some((sql) => /VALUES?\s*\(/.test(sql))) assert.deepStrictEqual(out, taken)
    }), { numRuns: 2_000 })
  })

  it("what many statements have in common is read at once, and merged as if each were read by itself", () => {
    const heads = ["INSERT INTO t (a, b) VALUES ", "INSERT INTO t (a, b, c) VALUES ", "INSERT INTO t VALUES ", "INSERT INTO u (a) VALUES ", "insert into t (a, b) values ", "UPDATE t SET a = ", "INSERT INTO t (a, b) SELECT "]
    const value = fc.constantFrom("1", "-2.5", "'x'", "'a,b'", "'(1)'", "''", "NULL", "null", "'now'", "'NOW'", "'it''s'", "'ü'", "'\\\\'", "abs(-1)", "random()", "DEFAULT", "1 + 2", "1)", "'open", "\"q\"", "1e5", "/* c */ 7")
    const tail = fc.constantFrom("", "", "", "", ";", " ", " ON CONFLICT DO NOTHING", " RETURNING a", " -- end", ", (8, 9)")
    const usual = fc.record({ head: fc.constantFrom(...heads), values: fc.array(value, { minLength: 1, maxLength: 4 }), tail, times: fc.integer({ min: 1, max: 140 }) })
    const blocks = fc.array(usual, { minLength: 1, maxLength: 8 })
    const bare = (texts: ReadonlyArray<string>) => texts.map((text) => text.replace(/^\/\*\d+\*\//, ""))
    const takenBy = (statements: ReadonlyArray<string>) => {
      const merge = Either.getOrThrow(InsertMerge.make({ dialect: pg, maxBytes: 2_000 }))
      return [...statements.flatMap((sql) => Either.getOrElse(merge.add(sql), () => ["refused"])), ...merge.flushAll()]
    }
    fc.assert(fc.property(blocks, (blocks) => {
      const statements = blocks.flatMap(({ head, tail, times, values }) => Array.from({ length: times }, () => `${head}(${values.join(", ")})${tail}`))
      assert.deepStrictEqual(takenBy(statements), bare(takenBy(statements.map((sql, n) => `/*${n}*/${sql}`))))
    }), { numRuns: 300 })
  })

  it("no merged statement exceeds its limits, and every row is there once, in order", () => {
    fc.assert(fc.property(script, fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 6 }), (statements, maxBytes, maxRows) => {
      const texts = merged(statements, { maxBytes, maxRows })
      for (const text of texts) assert.isTrue(new TextEncoder().encode(text).length <= maxBytes || statements.includes(text), text)
      const rows = (all: ReadonlyArray<string>) => all.flatMap((text) => text.match(/\((?:-?\d+|NULL|'(?:[^']|'')*'|upper|abs|\().*?\)(?=[,;\s]|$)/g) ?? []).join(",")
      assert.strictEqual(rows(texts).replaceAll(/\s/g, ""), rows(statements).replaceAll(/\s/g, ""))
    }), { numRuns: 500 })
  })

  it.live("SQLite is the same after the merged run and after the plain one", () =>
    Effect.gen(function*() {
      const db = yield* Database.Database
      for (const ddl of [
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a, b TEXT)", "CREATE TABLE u (a, b)", "CREATE TABLE k (a UNIQUE, b, id INTEGER PRIMARY KEY AUTOINCREMENT)",
        "CREATE TABLE log (id INTEGER PRIMARY KEY, a, n)", "CREATE TRIGGER seen AFTER INSERT ON t BEGIN INSERT INTO log (a, n) VALUES (new.a, new.id); END"
      ]) yield* db.unsafe(ddl)
      const after = (statements: ReadonlyArray<string>) =>
        Effect.gen(function*() {
          for (const sql of ["INSERT INTO u (rowid) VALUES (1)", "DELETE FROM u", ...statements]) yield* db.unsafe(sql).run
          return yield* Effect.fail(yield* Effect.forEach(["t", "u", "k", "log"], (table) => db.unsafe(`SELECT rowid, * FROM ${table} ORDER BY rowid`).values))
        }).pipe((all) => db.transaction(all), Effect.flip)
      const run = yield* Effect.runtime()
      const isSame = fc.asyncProperty(script, fc.integer({ min: 30, max: 400 }), (statements, maxBytes) =>
        Runtime.runPromise(run)(Effect.gen(function*() {
          const plain = yield* after(statements)
          assert.isArray(plain)
          assert.deepStrictEqual(yield* after(merged(statements, { dialect: db.dialect, maxBytes })), plain)
        })))
      yield* Effect.promise(() => fc.assert(isSame, { numRuns: 200 }))
    }).pipe(Effect.provide(Sqlite.layer({ filename: ":memory:" }))), 60_000)
})
