/**
 * SqlScript: tokens, splitting and classifying, over the quotes and comments that dialects have.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as fc from "effect/FastCheck"
import * as Stream from "effect/Stream"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Splitter } from "../src/internal/sqlScript/Splitter.js"
import type { SqlError } from "../src/SqlError.js"
import * as SqlScript from "../src/SqlScript.js"

const sqlite: SqlScript.Lexicon = { ...SqlScript.ansi, backticks: true, brackets: true, bodies: "trigger" }
const pg: SqlScript.Lexicon = { ...SqlScript.ansi, escapeStrings: true, dollarQuotes: true, nestedComments: true, psqlCommands: true, bodies: "atomic" }
const mysql: SqlScript.Lexicon = {
  ...SqlScript.ansi, backslashEscapes: true, backticks: true, hashComments: true, spacedDashes: true, executableComments: true,
  delimiterCommand: true, bodies: "routine"
}

const kinds = (sql: string, lexicon: SqlScript.Lexicon) => SqlScript.tokens(sql, lexicon).map((token) => `${token.kind} ${sql.slice(token.start, token.end)}`)
const pieces = (sql: string, lexicon: SqlScript.Lexicon) => Either.getOrThrow(SqlScript.split(sql, lexicon)).map((piece) => piece.text)

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
    assert.deepStrictEqual(kinds("E'a\\'b' e'\\\\' me 'c\\'", pg), ["string E'a\\'b'", "string e'\\\\'", "word me", "string 'c\\'"])
    assert.deepStrictEqual(kinds("E'a'", SqlScript.ansi), ["word E", "string 'a'"])
    assert.deepStrictEqual(kinds("5--3 -- c", mysql), ["number 5", "symbol -", "symbol -", "number 3", "comment -- c"])
    assert.deepStrictEqual(kinds("5--3", pg), ["number 5", "comment --3"])
  })

  it("dollar quotes and dollar parameters", () => {
    assert.deepStrictEqual(kinds("$1 $$a;'b$$ $x$ $$ ; $x$ a$b", pg), ["parameter $1", "string $$a;'b$$", "string $x$ $$ ; $x$", "word a$b"])
    assert.deepStrictEqual(kinds("$1", SqlScript.ansi), ["parameter $1"])
  })

  it("nested comments where there are", () => {
    assert.deepStrictEqual(kinds("/* a /* b */ c */ d", pg), ["comment /* a /* b */ c */", "word d"])
    assert.deepStrictEqual(kinds("/* a /* b */ c", SqlScript.ansi), ["comment /* a /* b */", "word c"])
  })

  it("what MySQL runs of a comment is no comment", () => {
    assert.deepStrictEqual(kinds("/*!40101 SET @a = '*/' */ /*M! b */ /* c */", mysql), [
      "symbol /*!40101", "word SET", "symbol @", "word a", "symbol =", "string '*/'", "symbol */", "word M", "symbol !", "word b", "symbol */", "comment /* c */"
    ].toSpliced(7, 2, "symbol /*M!"))
    assert.deepStrictEqual(kinds("/*!40101 SET */", pg), ["comment /*!40101 SET */"])
  })

  it("what never ends is told", () => {
    for (const text of ["'a", "\"a", "/* a", "'a''"]) assert.isFalse(SqlScript.tokens(text, SqlScript.ansi)[0]!.isClosed, text)
    assert.isFalse(SqlScript.tokens("$a$ b", pg)[0]!.isClosed)
    assert.isTrue(SqlScript.tokens("-- a", SqlScript.ansi)[0]!.isClosed)
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
    assert.deepStrictEqual(pieces("SELECT E'a\\';b'; SELECT $q$;$q$", pg), ["SELECT E'a\\';b'", "SELECT $q$;$q$"])
  })

  it("not inside a trigger's body", () => {
    const trigger = "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET x = CASE WHEN 1 THEN 2 END; DELETE FROM b; END"
    assert.deepStrictEqual(pieces(`${trigger}; SELECT 1`, sqlite), [trigger, "SELECT 1"])
    assert.deepStrictEqual(pieces("CREATE TABLE trigger_like (a); SELECT 1", sqlite).length, 2)
  })

  it("not inside a function's body, in dollar quotes or BEGIN ATOMIC", () => {
    const body = "CREATE FUNCTION f() RETURNS int AS $body$ BEGIN; RETURN 1; END; $body$ LANGUAGE plpgsql"
    assert.deepStrictEqual(pieces(`${body}; SELECT 1`, pg), [body, "SELECT 1"])
    const atomic = "CREATE OR REPLACE FUNCTION f(a int) RETURNS int BEGIN ATOMIC SELECT CASE a WHEN 1 THEN 2 END; SELECT 3; END"
    assert.deepStrictEqual(pieces(`${atomic}; BEGIN; SELECT 1; END`, pg), [atomic, "BEGIN", "SELECT 1", "END"])
  })

  it("not inside a routine of MySQL, whatever its blocks are", () => {
    const routines = [
      "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET NEW.x = 1",
      "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW IF NEW.x THEN SET NEW.y = 1; ELSEIF NEW.z THEN SET NEW.y = 2; END IF",
      "CREATE DEFINER = `a`@`b` PROCEDURE p() BEGIN DECLARE a INT; l: LOOP IF a > 1 THEN LEAVE l; END IF; SET a = CASE WHEN a THEN 1 ELSE 2 END; END LOOP l; END",
      "create procedure p() BEGIN CASE a WHEN 1 THEN SELECT 1; ELSE BEGIN END; END CASE; WHILE a DO SET a = 0; END WHILE; REPEAT SET a = REPEAT('x', 2); UNTIL a END REPEAT; END",
      "CREATE PROCEDURE p() BEGIN SELECT start, end FROM slots; SELECT s.end, s.begin FROM s; END",
      "CREATE OR REPLACE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM a; DELETE FROM b; END",
      "/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`b`*/ /*!50003 TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET NEW.x = 1; END */"
    ]
    assert.deepStrictEqual(pieces(`${routines.join(";\n")};\nSELECT 1; BEGIN; SELECT 2; COMMIT`, mysql), [...routines, "SELECT 1", "BEGIN", "SELECT 2", "COMMIT"])
  })

  it("not inside of a rule's parentheses, where PostgreSQL has several commands", () => {
    const rule = "CREATE RULE r AS ON UPDATE TO t WHERE (new.id < (0)) DO INSTEAD ( INSERT INTO t VALUES (')'); DELETE FROM t WHERE id IN (1); )"
    assert.deepStrictEqual(pieces(`${rule};\nCREATE OR REPLACE RULE s AS ON INSERT TO t DO NOTHING; SELECT (1`, pg), [rule, "CREATE OR REPLACE RULE s AS ON INSERT TO t DO NOTHING", "SELECT (1"])
    assert.deepStrictEqual(pieces("CREATE FUNCTION f(a int DEFAULT (CASE 1 WHEN 1 THEN 2 END)) RETURNS int RETURN (a); SELECT 1", pg).length, 2)
  })

  it("refuses what only psql understands, with its line: its commands, and the data behind COPY", () => {
    const refused = (text: string) => {
      const { reason } = Either.getOrThrow(Either.flip(SqlScript.split(text, pg)))
      assert.strictEqual(reason._tag, "SqlSyntaxError")
      return reason.message
    }
    assert.match(refused("SELECT 1;\n\n\\connect other\nSELECT 2"), /^statement 2 of the script, line 3: a command of psql that begins here is no SQL/)
    assert.match(refused("SELECT 1\n\\gexec\n"), /^statement 1 of the script, line 2: a command of psql/)
    assert.match(refused("\\restrict a\n\\i x"), /^statement 1 of the script, line 2: a command of psql/)
    for (const copy of ["COPY public.t (a, b) FROM stdin", "copy \"t;\" from STDIN WITH (FORMAT csv)", "COPY /* ; */ t FROM -- c\nStdin"]) {
      assert.match(refused(`SELECT 1;\n${copy};\n1\tit's; open\n\\.\n`), /^statement 2 of the script, line 2: a COPY from stdin that begins here has data behind it/)
    }
    // What a server runs by itself is a statement as any other, and a backslash in quotes is none of psql's.
    for (const text of ["COPY t FROM '/stdin'", "COPY (SELECT a FROM stdin) TO STDOUT", "SELECT copy, a FROM stdin", "SELECT '\\x', E'\\\\', $$\\d$$ /* \\i */"]) {
      assert.deepStrictEqual(pieces(`${text};\nSELECT 2`, pg), [text, "SELECT 2"])
    }
    assert.deepStrictEqual(pieces("--\n-- dump\n--\n\n\\restrict abC1\n\nSET a = 1;\n\n\\unrestrict abC1\n", pg), ["SET a = 1"])
    assert.deepStrictEqual(pieces("\\unrestrict abC1", pg), [])
    assert.deepStrictEqual(pieces("SELECT \\N; COPY t FROM stdin", mysql), ["SELECT \\N", "COPY t FROM stdin"])
  })

  it("at the delimiter that a script for MySQL asks for", () => {
    assert.deepStrictEqual(
      pieces("SELECT 1;\nDELIMITER $$\nCREATE PROCEDURE p() BEGIN SELECT '$$'; END$$\ndelimiter // \nSELECT 2; SELECT 3//\nDELIMITER ;\nSELECT 4; SELECT delimiter", mysql),
      ["SELECT 1", "CREATE PROCEDURE p() BEGIN SELECT '$$'; END", "SELECT 2; SELECT 3", "SELECT 4", "SELECT delimiter"]
    )
    assert.deepStrictEqual(pieces("DELIMITER //\nSELECT 1;", pg), ["DELIMITER //\nSELECT 1"])
  })

  it("and keeps what MySQL runs of a comment", () => {
    assert.deepStrictEqual(pieces("/*!40101 SET NAMES utf8mb4 */;\n-- c\n/*!40000 ALTER TABLE a DISABLE KEYS; */;", mysql), [
      "/*!40101 SET NAMES utf8mb4 */", "/*!40000 ALTER TABLE a DISABLE KEYS; */"
    ])
  })

  it("tells the line of each", () => {
    assert.deepStrictEqual(Either.getOrThrow(SqlScript.split("\n\nSELECT 1;\n-- c\nSELECT\n'x'; SELECT 2", SqlScript.ansi)).map(({ line }) => line), [3, 5, 6])
  })

  it("refuses what never ends, and tells where it begins", () => {
    for (const [text, what] of [["'x", "string"], ["\"x", "quoted name"], ["/* x", "comment"], ["$a$ x", "string"]] as const) {
      const { reason } = Either.getOrThrow(Either.flip(SqlScript.split(`SELECT 1;\n\nSELECT\n${text}`, pg)))
      assert.strictEqual(reason._tag, "SqlSyntaxError")
      assert.strictEqual(reason.message, `statement 2 of the script, line 4: a ${what} that begins here has no end`)
      assert.strictEqual("line" in reason ? reason.line : undefined, 4)
    }
    assert.isTrue(Either.isLeft(SqlScript.split("SELECT 1; /* x", pg)), "a comment behind the last statement")
    assert.isTrue(Either.isLeft(SqlScript.split("/*!40101 SET a = 1;", mysql)))
  })
})

describe("split of a stream", () => {
  const gathered = <A>(parts: ReadonlyArray<A & (string | Uint8Array)>, lexicon: SqlScript.Lexicon, options?: SqlScript.SplitOptions) =>
    Effect.runSync(Stream.fromIterable(parts).pipe(Stream.rechunk(2), (script) => SqlScript.split(script, lexicon, options), Stream.either, Stream.runCollect, Effect.map(Chunk.toReadonlyArray)))

  // Statements of all that may be cut: quotes, escapes, tags, comments, delimiters, routines, and tokens longer than what is read again.
  const long = "x".repeat(1_500)
  const fragments = fc.constantFrom(
    "SELECT 1", ";", "; ", "\n", "'a;b'", "'it''s'", "'\\'", "E'\\';'", "\"n;\"\"\"", "`q;``", "[b;]", "$$", "$t$;$t$", "$t$ $$ ; $t$", "-- c;\n", "--", "# h;\n", "/* c; */",
    "/* /* n */ ; */", "/*!50003 CREATE", "*/", "DELIMITER $$\n", "DELIMITER ;\n", "END$$", "BEGIN", "END", "CREATE TRIGGER t BEGIN", "CREATE FUNCTION f() BEGIN ATOMIC", "CASE", "é😀",
    "\\connect x\n", "\\restrict a\n", "\\", "COPY t FROM", "STDIN", "CREATE RULE r DO (", "(", ")",
    `'${long}''${long}'`, `/*${long}*/`, `-- ${long}\n`, `$t$${long}$t$`, long, "0x" + "f".repeat(1_200), ":=", "::", "::", "?1"
  )

  it("is the split of the whole, wherever it is cut", () => {
    const script = fc.array(fragments, { maxLength: 25 }).map((parts) => parts.join(" ").replaceAll("\n ", "\n"))
    fc.assert(fc.property(script, fc.constantFrom(sqlite, pg, mysql, SqlScript.ansi), fc.array(fc.nat(200), { minLength: 1, maxLength: 20 }), (text, lexicon, sizes) => {
      const splitter = new Splitter(lexicon, Number.POSITIVE_INFINITY)
      const parts: Array<SqlScript.Piece> = []
      for (let at = 0, i = 0; at < text.length; i++) {
        const size = 1 + sizes[i % sizes.length]!
        parts.push(...splitter.push(text.slice(at, at + size), false))
        at += size
      }
      parts.push(...splitter.push("", true))
      const whole = SqlScript.split(text, lexicon)
      if (Either.isRight(whole)) assert.deepStrictEqual([parts, splitter.problem], [whole.right, undefined])
      else assert.include(whole.left.reason.message, `statement ${splitter.problem?.statement} of the script, line ${splitter.problem?.line}: a ${splitter.problem?.what}`)
    }), { numRuns: 3_000 })
  })

  it("takes a long token in parts for what it is, between the words of COPY", () => {
    const text = `COPY t FROM 0x${"f".repeat(1_200)} STDIN`
    assert.deepStrictEqual(gathered([text.slice(0, 1_150), text.slice(1_150)], pg), [Either.right({ text, line: 1 })])
  })

  it("takes UTF-8 that is cut inside of a character, with a mark at its start", () => {
    const bytes = new TextEncoder().encode("\ufeffSELECT '😀é'; SELECT 2")
    const parts = gathered([...bytes].map((byte) => Uint8Array.of(byte)), SqlScript.ansi)
    assert.deepStrictEqual(parts, [Either.right({ text: "SELECT '😀é'", line: 1 }), Either.right({ text: "SELECT 2", line: 1 })])
  })

  it("keeps one statement in memory, however long the script is", () =>
    Effect.runPromise(Effect.gen(function*() {
      setFlagsFromString("--expose-gc")
      const collectGarbage = runInNewContext("gc") as () => void
      const alive = () => {
        collectGarbage()
        return process.memoryUsage().heapUsed
      }
      const line = `INSERT INTO t VALUES (1, '${"x".repeat(200)}');\n`
      const chunk = new TextEncoder().encode(line.repeat(300).slice(0, 65_521))
      // Chunks that end anywhere: the last line of each is cut, and what follows begins one anew inside of its string.
      const script = Stream.range(1, 600).pipe(Stream.rechunk(1), Stream.map((n) => n % 2 === 0 ? chunk : chunk.subarray(0, 65_521 - n)))
      const before = alive()
      let [pieces, most] = [0, 0]
      yield* Stream.runForEach(Stream.either(SqlScript.split(script, SqlScript.ansi)), () => Effect.sync(() => {
        if (++pieces % 20_000 === 0) most = Math.max(most, alive() - before)
      }))
      assert.isAbove(pieces, 80_000)
      assert.isBelow(most, 10e6, "bytes that are alive, of 39 MB")
    })), 60_000)

  it("refuses a limit that cannot work", () => {
    for (const maxLength of [0, -1, 1.5, Number.NaN]) {
      const [first] = gathered(["SELECT 1"], SqlScript.ansi, { maxLength })
      assert.strictEqual(first?._tag === "Left" ? first.left.reason._tag : first?.right.text, "ConfigError")
    }
  })

  it("gives what stands before a failure first", () => {
    const told = (parts: ReadonlyArray<Either.Either<SqlScript.Piece, SqlError>>) =>
      parts.map((part) => Either.isRight(part) ? part.right.text : part.left.reason.message)
    assert.deepStrictEqual(told(gathered(["SELECT 1; SEL", "ECT 2;\n'a"], SqlScript.ansi)), ["SELECT 1", "SELECT 2", "statement 3 of the script, line 2: a string that begins here has no end"])
    assert.deepStrictEqual(told(gathered([Uint8Array.of(83, 59), Uint8Array.of(10, 255)], SqlScript.ansi)), ["S", "a script is no UTF-8 after line 1"])
    const endless = gathered(["SELECT 1; 'a", ..."b".repeat(100)], SqlScript.ansi, { maxLength: 50 })
    assert.deepStrictEqual(told(endless), ["SELECT 1", "statement 2 of the script, line 1: it is longer than 50 characters"])
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
