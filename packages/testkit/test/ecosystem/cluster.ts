/**
 * @effect/cluster's SQL storage on a database: a runner whose messages and replies, and whose own registration and locks of
 * shards, are rows.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { add, runner } from "./counter.mjs"
import type { Options } from "./ecosystem.js"

const rows = (db: Database.Database, table: string) => Effect.map(db`SELECT COUNT(*) FROM ${db(table)}`.scalar, Number)

export const cluster = ({ cluster: layer }: Options): void => {
  describe("V5 @effect/cluster", () => {
    it.live("a message is stored and handled once, its reply is found again, also by a runner that starts later", () =>
      Effect.gen(function*() {
        const db = yield* Database.Database
        const handled: Array<number> = []
        yield* Effect.gen(function*() {
          assert.strictEqual(yield* add("a", 2), 102)
          assert.strictEqual(yield* add("a", 2), 102)
          assert.strictEqual(yield* add("b", 3), 103)
          assert.strictEqual(yield* Effect.flip(add("c", -1)), "only upwards")
          assert.strictEqual(yield* rows(db, "cluster_runners"), 1)
        }).pipe(Effect.provide(runner(handled)))
        assert.deepStrictEqual(handled, [2, 3, -1])
        assert.deepStrictEqual([yield* rows(db, "cluster_messages"), yield* rows(db, "cluster_replies"), yield* rows(db, "cluster_runners")], [3, 3, 0])

        yield* Effect.gen(function*() {
          assert.strictEqual(yield* add("b", 3), 103)
          assert.strictEqual(yield* Effect.flip(add("c", -1)), "only upwards")
          assert.strictEqual(yield* add("d", 7), 107)
        }).pipe(Effect.provide(runner(handled)))
        assert.deepStrictEqual(handled, [2, 3, -1, 7])
        // The connection that held the locks goes back, once it is clean.
        yield* Effect.repeat(db.pool.stats, { until: ({ lent }) => lent === 0, schedule: Schedule.spaced(10) }).pipe(Effect.timeout(5_000))
      }).pipe(Effect.provide(layer())), 30_000)
  })
}
