/**
 * Bytes and texts: bytes come back as bytes wherever they stand, and bytes that are no text are not taken for one.
 */
import { assert, it } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { through } from "./between.js"
import { onServers, reasonOf } from "./each.js"

onServers("bytes and texts", (on, server) => {
  const bytes = new Uint8Array([0, 39, 92, 255])
  const ascii = new Uint8Array([97, 98])

  it.live("Q1 bytes come back as bytes wherever their placeholder stands, prepared or not, at once or streamed", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      for (const value of [bytes, ascii, new Uint8Array(0), new Uint8Array(70_000).fill(200)]) {
        for (const statement of [
          db`SELECT ${value}`,
          db`SELECT ${value} AS v`,
          // Beyond 65,535 bytes MySQL itself cuts what it keeps in a table of its own, texts as well.
          ...(value.length > 65_535 ? [] : [db`SELECT v FROM (SELECT ${value} AS v) AS inner_one`]),
          db`SELECT CONCAT(${value}, ${new Uint8Array(0)})`,
          db`SELECT COALESCE(${null}, ${value})`
        ]) {
          const expected = [[value]]
          assert.deepStrictEqual(yield* statement.values, expected)
          assert.deepStrictEqual((yield* statement.unprepared).map((row) => Object.values(row)), expected)
          assert.deepStrictEqual([...(yield* Stream.runCollect(statement.stream))].map((row) => Object.values(row)), expected)
        }
      }
    })))

  it.live("Q1 one text with a number, NULL, bytes and a text in one place, in every order", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      const values = [null, ascii, "ab", 7, bytes, null, "é", ascii, 1.5]
      for (const value of [...values, ...values.toReversed()]) {
        assert.deepStrictEqual(yield* db`SELECT ${value} AS v`.values, [[value]])
      }
    })))

  it.live("Q1 bytes are what is stored, compared and given to a procedure", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE kept (id INTEGER PRIMARY KEY, raw VARBINARY(10), word VARCHAR(10), bits BIT(16))`
      yield* db`INSERT INTO kept VALUES (1, ${bytes}, ${ascii}, ${ascii})`
      assert.deepStrictEqual(yield* db`SELECT raw, word, bits FROM kept WHERE raw = ${bytes} AND word = ${ascii}`.values, [[bytes, "ab", ascii]])
      yield* db`UPDATE kept SET raw = ${ascii} WHERE id = ${1}`
      assert.deepStrictEqual(yield* db`SELECT HEX(raw) FROM kept`.values, [["6162"]])
      yield* db.unsafe("CREATE PROCEDURE echo(IN a VARBINARY(10), INOUT b VARBINARY(10)) BEGIN SET b = CONCAT(b, a); END")
      const [called] = yield* db.unsafe("CALL echo(?, ?)", [bytes, ascii]).results
      assert.deepStrictEqual(called?.outParameters, { b: new Uint8Array([97, 98, 0, 39, 92, 255]) })
    })))

  it.live("Q1 text that is not UTF-8 is a DataError that names its column, and the connection is as good as before", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE words (id INTEGER PRIMARY KEY, word VARCHAR(10), other TEXT)`
      yield* db`INSERT INTO words VALUES (1, 'fine', 'fine'), (2, 'broken', 'fine'), (3, 'fine', 'fine')`
      // A server that says so of what is no text: it is the real one, but for two bytes.
      const broken = (packet: Buffer): void => {
        for (let at = packet.indexOf("broken"); at !== -1; at = packet.indexOf("broken", at + 1)) packet.writeUInt16BE(0xc328, at)
      }
      yield* through(server, yield* db<string>`SELECT DATABASE()`.scalar, { onServer: broken, onClient: () => true }, (db) => Effect.gen(function*() {
        const all = db`SELECT id, word, other FROM words ORDER BY id`
        for (const read of [all, all.values, all.unprepared, Effect.asVoid(Stream.runCollect(all.stream))] as ReadonlyArray<Effect.Effect<unknown, unknown>>) {
          const reason = yield* reasonOf(read)
          assert.deepStrictEqual([reason._tag, reason.column, reason.connection], ["DataError", "word", "usable"])
          assert.include(reason.message, "UTF-8")
        }
        assert.deepStrictEqual(yield* db`SELECT id, word FROM words WHERE id <> 2 ORDER BY id`.values, [[1, "fine"], [3, "fine"]])
        assert.deepStrictEqual(yield* db`SELECT CAST(word AS BINARY) FROM words WHERE id = 2`.values, [[new Uint8Array(Buffer.from("\xc3\x28oken", "latin1"))]])
        const { closed, opened } = yield* db.pool.stats
        assert.deepStrictEqual([opened, closed], [1, 0])
      }))
    })))

  it.live("Q1 a replacement character that is really there is one", () =>
    on({}, (db) => Effect.gen(function*() {
      for (const text of ["\ufffd", "a\ufffd", `é\ufffd${"x".repeat(300)}`]) {
        assert.deepStrictEqual(yield* db`SELECT ${text} AS v`.values, [[text]])
        assert.deepStrictEqual(yield* db`SELECT ${text} AS v`.unprepared, [{ v: text }])
      }
    })))

  it.live("S1 what cannot be prepared is streamed as a text, rows and all", () =>
    on({ pool: { max: 2 } }, (db) => Effect.gen(function*() {
      const streamed = (statement: Pick<ReturnType<Database.Database["unsafe"]>, "stream">) => Effect.map(Stream.runCollect(statement.stream), (rows) => [...rows])
      assert.deepStrictEqual(yield* streamed(db.unsafe("CREATE PROCEDURE seven() SELECT 7 AS n")), [])
      assert.deepStrictEqual(yield* streamed(db.unsafe("CALL seven()")), [{ n: 7 }])
      const name = `left-${process.pid}`
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        yield* session.unsafe(`XA START '${name}'`)
        yield* session.unsafe(`XA END '${name}'`)
        yield* session.unsafe(`XA PREPARE '${name}'`)
        const found = yield* Effect.ensuring(streamed(session.unsafe("XA RECOVER")), Effect.orDie(session.unsafe(`XA ROLLBACK '${name}'`)))
        // Bytes, to MariaDB.
        assert.include(found.map((row) => Buffer.from((row as { data: string }).data).toString()), name)
      }))
    })))
})
