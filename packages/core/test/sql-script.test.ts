/**
 * SqlScript: tokens, splitting and classifying, over the quotes and comments that dialects have.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as SqlScript from "../src/SqlScript.js"

const sqlite: SqlScript.Lexicon = { ...SqlScript.ansi, backticks: true, brackets: true, triggerBodies: true }
const pg: SqlScript.Lexicon = { ...SqlScript.ansi, dollarQuotes: true, nestedComments: true }
const mysql: SqlScript.Lexicon = { ...SqlScript.ansi, backslashEscapes: true, backticks: true, hashComments: true }

const kinds = (sql: string, lexicon: SqlScript.Lexicon) => SqlScript.tokens(sql, lexicon).map((token) => `${token.kind} ${sql.slice(token.start, token.end)}`)
const pieces = (sql: string, lexicon: SqlScript.Lexicon) => SqlScript.split(sql, lexicon).map((piece) => piece.text)

describe("tokens", () => {
  it("strings, names, comments, numbers, parameters, symbols", () => {
    assert.deepStrictEqual(kinds(`a "b""c" 'd''e' 1.5e3 :f ? ?2 -- g\n/* h */ ::int :=`, SqlScript.ansi), [
      "word a", `name "b""c"`, "string 'd''e'", "number 1.5e3", "parameter :f", "parameter ?", "parameter ?2", "comment -- g",
      "comment /* h */", "symbol ::", "word int", "symbol :="
    ])
  })

  it("quotes of one dialect are symbols of another", () => {
    assert.deepStrictEqual(kinds("`a;b` [c;d]", sqlite), ["name `a;b`", "name [c;d]"])
    assert.include(kinds("[c;d]", pg), "symbol ;")
    assert.deepStrictEqual(kinds("'a\\'b'", mysql), ["string 'a\\'b'"])
    assert.deepStrictEqual(kinds("'a\\'", pg), ["string 'a\\'"])
    assert.deepStrictEqual(kinds("1 # c", mysql), ["number 1", "comment # c"])
  })

  it("dollar quotes and dollar parameters", () => {
    assert.deepStrictEqual(kinds("$1 $$a;'b$$ $x$ $$ ; $x$ a$b", pg), ["parameter $1", "string $$a;'b$$", "string $x$ $$ ; $x$", "word a$b"])
    assert.deepStrictEqual(kinds("$1", SqlScript.ansi), ["parameter $1"])
  })

  it("nested comments where there are", () => {
    assert.deepStrictEqual(kinds("/* a /* b */ c */ d", pg), ["comment /* a /* b */ c */", "word d"])
    assert.deepStrictEqual(kinds("/* a /* b */ c", SqlScript.ansi), ["comment /* a /* b */", "word c"])
  })

  it("what never ends is told", () => {
    for (const text of ["'a", "\"a", "/* a", "'a''"]) assert.isFalse(SqlScript.tokens(text, SqlScript.ansi)[0]!.closed, text)
    assert.isFalse(SqlScript.tokens("$a$ b", pg)[0]!.closed)
    assert.isTrue(SqlScript.tokens("-- a", SqlScript.ansi)[0]!.closed)
  })

  it("cover every text without overlapping, and end", () => {
    const text = fc.string({ unit: fc.constantFrom("'", "\"", "`", "[", "]", "-", "/", "*", "$", "a", "1", ";", ":", "?", "\\", "\n", " ", "#", "é") })
    fc.assert(fc.property(text, fc.constantFrom(sqlite, pg, mysql, SqlScript.ansi), (sql, lexicon) => {
      let at = 0
      for (const token of SqlScript.tokens(sql, lexicon)) {
        assert.isAtLeast(token.start, at)
        assert.isAbove(token.end, token.start)
        assert.strictEqual(sql.slice(at, token.start).trim(), "")
        at = token.end
      }
      assert.strictEqual(sql.slice(at).trim(), "")
    }), { numRuns: 2_000 })
  })
})

describe("split", () => {
  it("at semicolons outside of quotes and comments", () => {
    assert.deepStrictEqual(pieces("SELECT 'a;b'; SELECT \"c;d\" -- e;\n; /* f; */ SELECT 1;;", SqlScript.ansi), [
      "SELECT 'a;b'", "SELECT \"c;d\" -- e;", "SELECT 1"
    ])
    assert.deepStrictEqual(pieces("-- nothing\n;;", SqlScript.ansi), [])
    assert.deepStrictEqual(pieces("", SqlScript.ansi), [])
  })

  it("not inside a trigger's body", () => {
    const trigger = "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET x = CASE WHEN 1 THEN 2 END; DELETE FROM b; END"
    assert.deepStrictEqual(pieces(`${trigger}; SELECT 1`, sqlite), [trigger, "SELECT 1"])
    assert.deepStrictEqual(pieces("CREATE TABLE trigger_like (a); SELECT 1", sqlite).length, 2)
  })

  it("not inside a function's body in dollar quotes", () => {
    const body = "CREATE FUNCTION f() RETURNS int AS $body$ BEGIN; RETURN 1; END; $body$ LANGUAGE plpgsql"
    assert.deepStrictEqual(pieces(`${body}; SELECT 1`, pg), [body, "SELECT 1"])
  })

  it("tells the line and what never ends", () => {
    assert.deepStrictEqual(SqlScript.split("\n\nSELECT 1;\n-- c\nSELECT 'x", SqlScript.ansi).map(({ closed, line }) => [line, closed]), [[3, true], [5, false]])
  })
})

describe("classify", () => {
  const told = (sql: string) => {
    const { leavesState, readOnly, returnsRows, verb } = SqlScript.classify(sql, pg)
    return [verb, readOnly, returnsRows, leavesState]
  }
  it("by the words of a statement", () => {
    assert.deepStrictEqual(told("/* hint */ select 1"), ["SELECT", true, true, false])
    assert.deepStrictEqual(told("VALUES (1)"), ["VALUES", true, true, false])
    assert.deepStrictEqual(told("INSERT INTO t VALUES (1)"), ["INSERT", false, false, false])
    assert.deepStrictEqual(told("UPDATE t SET a = 1 RETURNING a"), ["UPDATE", false, true, false])
    assert.deepStrictEqual(told("WITH x AS (SELECT 1) DELETE FROM t"), ["DELETE", false, false, false])
    assert.deepStrictEqual(told("WITH x AS (DELETE FROM t RETURNING a) SELECT * FROM x"), ["SELECT", false, true, false])
    assert.deepStrictEqual(told("WITH x AS (SELECT 1) SELECT * FROM x"), ["SELECT", true, true, false])
    assert.strictEqual(told("SELECT * FROM t FOR UPDATE")[1], false)
    for (const lock of ["FOR SHARE", "for key share", "LOCK IN SHARE MODE", "FOR SHARE OF t SKIP LOCKED"]) {
      assert.strictEqual(told(`SELECT * FROM t ${lock}`)[1], false, lock)
    }
    assert.strictEqual(told("SELECT share FROM t WHERE b IN (share) AND share IS NOT NULL")[1], true)
    assert.strictEqual(told("SELECT a INTO b FROM t")[1], false)
    assert.strictEqual(told("EXPLAIN ANALYZE DELETE FROM t")[1], false)
  })

  it("what leaves something on the session", () => {
    for (const sql of ["SET x = 1", "CREATE TEMP TABLE t (a int)", "PRAGMA foreign_keys = OFF", "BEGIN", "LOCK TABLES t READ", "SELECT @a := 1", "ATTACH 'x' AS y"]) {
      assert.isTrue(SqlScript.classify(sql, mysql).leavesState, sql)
    }
    for (const sql of ["SELECT 'SET x'", "INSERT INTO t VALUES (':=')", "DELETE FROM t -- SET"]) {
      assert.isFalse(SqlScript.classify(sql, mysql).leavesState, sql)
    }
  })

  it("a word inside quotes or comments says nothing", () => {
    assert.deepStrictEqual(told("SELECT 'INSERT INTO', \"delete\" /* UPDATE */ -- MERGE"), ["SELECT", true, true, false])
  })
})
