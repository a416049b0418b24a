/**
 * A batcher over a client of any async functions (SB-36).
 */
import { assert, describe, it } from "@effect/vitest"
import { Batcher, InsertMerge } from "@sluice/batcher"
import { Database, Generic } from "@sluice/core"
import { Effect, Stream } from "effect"

describe("SB-36 a batcher sends to any async functions", () => {
  it.scopedLive("every statement once, in order, and merged where it is told so", () =>
    Effect.gen(function*() {
      const sent: Array<string> = []
      const client: Generic.Client = { execute: async (sql) => void sent.push(sql) }
      const statements = Array.from({ length: 50 }, (_, n) => n === 25 ? "DELETE FROM t" : `INSERT INTO t VALUES (${n})`)
      yield* Effect.gen(function*() {
        const { dialect } = yield* Database.Database
        const batcher = yield* Batcher.make({ maxStatements: 10 })
        assert.strictEqual((yield* batcher.process(statements)).statements, 50)
        assert.deepStrictEqual(sent.splice(0), statements)
        yield* batcher.process(Stream.fromIterable(statements).pipe(InsertMerge.stream({ dialect })))
        assert.strictEqual(sent.length, 3)
        assert.match(sent[0]!, /^INSERT INTO t VALUES \(0\),\(1\),.*\(24\)$/)
      }).pipe(Effect.provide(Generic.layer(client)))
    }))

  it.scopedLive("and where the client has transactions, each batch in one: a failing one is rolled back", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const verb = (name: string) => async () => void log.push(name)
      const layer = Generic.layer({
        execute: async (sql) => sql === "bad" ? Promise.reject(new Error("bad")) : void log.push(sql),
        begin: verb("begin"),
        commit: verb("commit"),
        rollback: verb("rollback")
      })
      yield* Effect.gen(function*() {
        const batcher = yield* Batcher.make({ maxStatements: 2, onLeft: () => Effect.void })
        const error = yield* Effect.flip(batcher.process(["a", "b", "c", "bad", "e"]))
        assert.strictEqual(error._tag, "BatchError")
        assert.deepStrictEqual(log, ["begin", "a", "b", "commit", "begin", "c", "rollback"])
      }).pipe(Effect.provide(layer))
    }))
})
