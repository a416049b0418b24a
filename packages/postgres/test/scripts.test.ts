/**
 * Scripts as PostgreSQL's own tools write them: the dump of pg_dump --inserts, and what only psql understands.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { on, reasonOf } from "./asking.js"
import { isMissing } from "./server.js"

const dump = `--
-- PostgreSQL database dump
--

\\restrict Zd1p0
-- Dumped by pg_dump version 15.18

SET statement_timeout = 0;

CREATE FUNCTION doubled(a integer) RETURNS integer
    LANGUAGE plpgsql
    AS $_$ BEGIN IF $1 > 1 THEN RETURN $1 * 2; END IF; RETURN length(';'); END; $_$;

CREATE FUNCTION either(a integer) RETURNS text
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT 'unused;'::text AS text;
 SELECT CASE a WHEN 1 THEN 'one'::text ELSE 'end;'::text END AS "case";
END;

CREATE TABLE "odd;ones" (id integer NOT NULL, name text DEFAULT 'a;b'::text);
CREATE TABLE gone (id integer, name text);

-- Data for Name: odd;ones; Type: TABLE DATA

INSERT INTO "odd;ones" VALUES (1, 'it''s \\ ; $$
 line -- no /* no');
INSERT INTO "odd;ones" VALUES (2, NULL);

CREATE RULE keep AS
    ON DELETE TO "odd;ones" DO ( INSERT INTO gone (id, name)
  VALUES (old.id, ';)'::text);
 UPDATE gone SET name = (gone.name || doubled(4))
  WHERE (gone.id = old.id);
);

\\unrestrict Zd1p0
`

describe.skipIf(isMissing)("Postgres, scripts", () => {
  it.live("V2 a dump with functions, a rule and psql's restriction runs as a text and as a stream", () =>
    Effect.forEach([0, 7], (size) =>
      on({}, (db) => Effect.gen(function*() {
        if (size === 0) assert.strictEqual((yield* db.script(dump)).length, 8)
        else assert.strictEqual(Chunk.size(yield* Stream.runCollect(db.script(Stream.fromIterable(dump.match(/[^]{1,7}/g) ?? [])))), 8)
        assert.deepStrictEqual(yield* db`SELECT doubled(21), either(1) AS first, either(2) AS second`, [{ doubled: 42, first: "one", second: "end;" }])
        yield* db`DELETE FROM "odd;ones" WHERE id = 2`
        assert.deepStrictEqual(yield* db`SELECT * FROM gone`, [{ id: 2, name: ";)8" }])
        assert.strictEqual(yield* db`SELECT name FROM "odd;ones"`.scalar, "it's \\ ; $$\n line -- no /* no")
      }))))

  it.live("V2 a command of psql and a COPY with its data behind it are refused by line, and nothing of the text has run", () =>
    on({}, (db) => Effect.gen(function*() {
      for (const rest of ["\\connect other\nSELECT 1", "COPY t (id) FROM stdin;\n1\n2;\n\\.\n"]) {
        const reason = yield* reasonOf(db.script(`CREATE TABLE t (id integer);\n\n${rest}`))
        assert.deepStrictEqual([reason._tag, "line" in reason && reason.line, reason.outcome], ["SqlSyntaxError", 3, "not-applied"])
      }
      assert.strictEqual(yield* db`SELECT to_regclass('t')`.scalar, null)
    })))
})
