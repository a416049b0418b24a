/**
 * @effect/cluster's SQL storage on a database: a runner whose messages and replies, and whose own registration and locks of
 * shards, are rows.
 */
import * as ClusterSchema from "@effect/cluster/ClusterSchema"
import * as Entity from "@effect/cluster/Entity"
import * as SingleRunner from "@effect/cluster/SingleRunner"
import * as Rpc from "@effect/rpc/Rpc"
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { Options } from "./ecosystem.js"

const Counter = Entity.make("Counter", [
  Rpc.make("Add", {
    payload: { id: Schema.String, n: Schema.Number },
    success: Schema.Number,
    error: Schema.String,
    primaryKey: ({ id }) => id
  }).annotate(ClusterSchema.Persisted, true)
])

/** A runner whose counters tell what they were asked to add. */
const runner = (handled: Array<number>) =>
  Counter.toLayer(Effect.sync(() => {
    let sum = 0
    return Counter.of({
      Add: ({ payload: { n } }) =>
        Effect.suspend(() => {
          handled.push(n)
          sum += n
          return n < 0 ? Effect.fail("only upwards") : Effect.succeed(sum)
        })
    })
  })).pipe(Layer.provideMerge(SingleRunner.layer({
    shardingConfig: { shardsPerGroup: 4, entityMessagePollInterval: 50, entityTerminationTimeout: 0, shardLockRefreshInterval: 200 }
  })))

const rows = (db: Database.Database, table: string) => Effect.map(db`SELECT COUNT(*) FROM ${db(table)}`.scalar, Number)

export const cluster = ({ cluster: layer }: Options): void => {
  describe("V5 @effect/cluster", () => {
    it.live("a message is stored and handled once, its reply is found again, also by a runner that starts later", () =>
      Effect.gen(function*() {
        const db = yield* Database.Database
        const handled: Array<number> = []
        const add = (id: string, n: number) => Effect.flatMap(Counter.client, (client) => client("one").Add({ id, n }))
        yield* Effect.gen(function*() {
          assert.strictEqual(yield* add("a", 2), 2)
          assert.strictEqual(yield* add("a", 2), 2)
          assert.strictEqual(yield* add("b", 3), 5)
          assert.strictEqual(yield* Effect.flip(add("c", -1)), "only upwards")
          assert.strictEqual(yield* rows(db, "cluster_runners"), 1)
        }).pipe(Effect.provide(runner(handled)))
        assert.deepStrictEqual(handled, [2, 3, -1])
        assert.deepStrictEqual([yield* rows(db, "cluster_messages"), yield* rows(db, "cluster_replies"), yield* rows(db, "cluster_runners")], [3, 3, 0])

        yield* Effect.gen(function*() {
          assert.strictEqual(yield* add("b", 3), 5)
          assert.strictEqual(yield* Effect.flip(add("c", -1)), "only upwards")
          assert.strictEqual(yield* add("d", 7), 7)
        }).pipe(Effect.provide(runner(handled)))
        assert.deepStrictEqual(handled, [2, 3, -1, 7])
        // The connection that held the locks goes back, once it is clean.
        yield* Effect.repeat(db.pool.stats, { until: ({ lent }) => lent === 0, schedule: Schedule.spaced(10) }).pipe(Effect.timeout(5_000))
      }).pipe(Effect.provide(layer())), 30_000)
  })
}
