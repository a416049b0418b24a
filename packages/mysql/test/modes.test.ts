/**
 * Texts on sessions whose sql_mode says that a backslash is itself: scripts, batches, merging, `:name` parameters.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Batcher from "@sluice/batcher/Batcher"
import * as Database from "@sluice/core/Database"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { onServers, reasonOf } from "./each.js"

const paths = ["C:\\", "'D:\\", "E:\\'F;"]

const statements = paths.map((path, id) => `INSERT INTO paths VALUES (${id}, '${path.replaceAll("'", "''")}')`)

onServers("NO_BACKSLASH_ESCAPES", (on) => {
  const config = { sqlMode: "STRICT_ALL_TABLES,no_backslash_escapes" }

  const stored = (db: Database.Database) => db<{ path: string }>`SELECT path FROM paths ORDER BY id`.column("path")

  describe("a backslash before a quote ends no string less", () => {
    it.live("V2 a script, as a text and as a stream, has its statements", () =>
      on(config, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE paths (id INT, path VARCHAR(20))`
        yield* db.script(statements.join(";\n"))
        assert.deepStrictEqual(yield* stored(db), paths)
        yield* Stream.runDrain(db.script(Stream.fromIterable(statements.join(";\n"))))
        assert.strictEqual((yield* stored(db)).length, 6)
      })))

    it.live("B2 a batch, merged or not, stores each value, and the dead letter gets its own statement", () =>
      on(config, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE paths (id INT PRIMARY KEY, path VARCHAR(20))`
        for (const mergeInserts of [false, true]) {
          yield* db`DELETE FROM paths`
          const refused: Array<string> = []
          const report = yield* Effect.scoped(Effect.flatMap(
            Batcher.make({ mergeInserts, deadLetter: (letters) => Effect.sync(() => void refused.push(...letters.map(({ text }) => text))) }),
            (batcher) => batcher.process([...statements, statements[1]!])
          )).pipe(Effect.provideService(Database.Database, db))
          assert.deepStrictEqual([report.sent, refused], [3, [statements[1]]])
          assert.deepStrictEqual(yield* stored(db), paths)
        }
      })))

    it.live("Q2 one call is one statement, and a name behind such a string is a parameter", () =>
      on(config, (db) => Effect.gen(function*() {
        assert.deepStrictEqual(yield* db.unsafe("SELECT 'C:\\' AS path, :x AS x, ':y\\' AS y", { x: 7 }), [{ path: "C:\\", x: 7, y: ":y\\" }])
        assert.strictEqual((yield* reasonOf(db.unsafe("SELECT 'C:\\'; SELECT 2")))._tag, "SqlSyntaxError")
      })))

    it.live("Q2 several statements in one call are several results, where they are allowed", () =>
      on({ ...config, multipleStatements: true }, (db) => Effect.gen(function*() {
        const results = yield* db.unsafe("SELECT 'C:\\' AS a; SELECT ';\\' AS b").results
        assert.deepStrictEqual(results.map(({ rows }) => rows), [[{ a: "C:\\" }], [{ b: ";\\" }]])
      })))
  })

  it.live("where only the server knows of it, such a text is refused and cut nowhere", () =>
    on({ initCommand: "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'" }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE paths (id INT, path VARCHAR(20))`
      assert.strictEqual((yield* reasonOf(db.script(statements.slice(0, 1).join(";"))))._tag, "SqlSyntaxError")
      const batcher = yield* Effect.provideService(Batcher.make({ mergeInserts: true, onLeft: () => Effect.void }), Database.Database, db)
      assert.strictEqual((yield* Effect.flip(batcher.add(statements[0]!)))._tag, "SqlError")
      assert.deepStrictEqual(yield* stored(db), [])
    }).pipe(Effect.scoped)))
})
