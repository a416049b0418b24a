/**
 * Cases of V2: a script that comes as a stream.
 */
import { assert } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Case } from "../Case.js"
import { fails, ids } from "../internal/asking.js"

const bytes = (text: string, size: number): Stream.Stream<Uint8Array> => {
  const all = new TextEncoder().encode(text)
  return Stream.fromIterable(Array.from({ length: Math.ceil(all.length / size) }, (_, n) => all.subarray(n * size, (n + 1) * size)))
}

const insert = (id: number, name = `n${id}`) => `INSERT INTO things (id, name) VALUES (${id}, '${name}')`

export const scripts: ReadonlyArray<Case> = [
  {
    law: "V2",
    title: "a script as a stream runs as its text does, wherever it is cut",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      for (const size of [1, 7, 1_000]) {
        const results = yield* Stream.runCollect(db.script(bytes(`${bench.profile.sql.script}\n;${insert(7, "é😀; \n")}`, size)))
        assert.strictEqual(Chunk.size(results), 4)
        assert.strictEqual(yield* db<string>`SELECT name FROM things WHERE id = 1`.scalar, "a;b")
        assert.strictEqual(yield* db<string>`SELECT name FROM things WHERE id = 7`.scalar, "é😀; \n")
        yield* db.unsafe("DROP TABLE things")
        yield* db.unsafe(bench.profile.sql.things)
        if (db.dialect.name === "postgres") yield* db`DROP FUNCTION twice`
      }
      assert.strictEqual(Chunk.size(yield* Stream.runCollect(db.script(Stream.make("-- nothing\n", " ;")))), 0)
    })
  },
  {
    law: "V2",
    title: "a streamed script gives a result each, on one connection, and stops at its first failure, which has its index and line",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const results: Array<number> = []
      const text = `BEGIN;\n${insert(1)};\nCOMMIT;\n${insert(2)};\n\nSELECT id FROM things;\nBEGIN;\n${insert(3)};\n${insert(1)};\nCOMMIT`
      const reason = yield* fails(
        Stream.runForEach(db.script(bytes(text, 10)), (result) => Effect.sync(() => void results.push(result.rowsAffected + result.rows.length))),
        "UniqueViolation"
      )
      assert.deepStrictEqual(results, [0, 1, 0, 1, 2, 0, 1])
      assert.deepStrictEqual([reason.index, reason.line], [7, 9])
      assert.match(reason.message, /statement 8 .*line 9/)
      assert.deepStrictEqual(yield* ids(db), [1, 2], "what was begun is rolled back")
      const open = yield* fails(Stream.runDrain(db.script(Stream.make(`${insert(4)};\nSELECT 'op`, "en"))), "SqlSyntaxError")
      assert.deepStrictEqual([open.index, open.line], [1, 2])
      assert.deepStrictEqual(yield* ids(db), [1, 2, 4], "what stands before it was run")
    })
  },
  {
    law: "V2",
    title: "a streamed script is read as it is run: a consumer that takes two results has run two statements",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      let read = 0
      const endless = Stream.iterate(1, (n) => n + 1).pipe(Stream.rechunk(1), Stream.map((n) => {
        read = n
        return `${insert(n)};`
      }))
      yield* Stream.runDrain(Stream.take(db.script(endless), 2))
      assert.deepStrictEqual(yield* ids(db), [1, 2])
      assert.isBelow(read, 10)
      yield* db.transaction(Effect.flatMap(Stream.runDrain(Stream.take(db.script(Stream.drop(endless, 2)), 2)), () => Effect.fail("undone"))).pipe(Effect.flip)
      assert.deepStrictEqual(yield* ids(db), [1, 2], "it belonged to the transaction")
    })
  }
]
