/**
 * Reads on a real replica: what was written arrives there, what locks does not go there, and a replica that is killed and started
 * again under load costs no more than the reads that were under way.
 */
import { assert, describe, layer } from "@effect/vitest"
import * as Reactivity from "@effect/experimental/Reactivity"
import * as Database from "@sluice/core/Database"
import * as SqlError from "@sluice/core/SqlError"
import * as Mysql from "@sluice/mysql/Mysql"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Members, type Pair } from "../../testkit/test/hosts/members.js"
import { cluster, isMissing } from "./cluster.js"

const both = (members: Pair, config: Mysql.Config = {}) =>
  Effect.gen(function*() {
    const settings: Mysql.Config = { hosts: members.map((member) => member.endpoint), username: "app", database: "app", ...config }
    return yield* Database.withReplicas({
      primary: yield* Mysql.make({ ...settings, targetSessionAttrs: "primary" }),
      replicas: [yield* Mysql.make({ ...settings, targetSessionAttrs: "standby" })],
      coolDown: "300 millis"
    })
  }).pipe(Effect.provide(Reactivity.layer))

/** In a fiber of its own, whose writes this one does not share. */
const apart = <A, E>(effect: Effect.Effect<A, E>) => Effect.flatMap(Effect.flatMap(Effect.forkDaemon(effect), Fiber.await), (exit) => exit)

const here = (db: Database.Database) => db<number>`SELECT @@server_id`.scalar

describe.skipIf(isMissing)("Mysql with replicas", () => {
  layer(Layer.scoped(Members, Effect.map(cluster, (pair) => ({ pair }))), { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.scoped("reads are on the replica, with what was replicated; writes, locks and their fiber on the primary", () =>
      Effect.gen(function*() {
        const db = yield* both((yield* Members).pair)
        assert.strictEqual(yield* here(db), 2)
        for (const lock of ["FOR UPDATE", "LOCK IN SHARE MODE"]) assert.deepStrictEqual(yield* apart(db.unsafe(`SELECT @@server_id ${lock}`).values), [[1]])
        assert.deepStrictEqual(yield* db.unsafe("SELECT @@server_id, GET_LOCK('a', 0)").values, [[1, 1]])
        assert.strictEqual(yield* db.transaction({ readOnly: true })(here(db)), 1)
        assert.strictEqual(yield* Database.onPrimary(here(db)), 1)
        assert.strictEqual(yield* apart(Effect.zipRight(db`INSERT INTO marks VALUES (1, 0)`, here(db))), 1)
        yield* Effect.repeat(db<number>`SELECT COUNT(*) FROM marks WHERE id = 1`.scalar, { until: (n) => n === 1 })
        assert.strictEqual(yield* here(db), 2)
      }))

    it.scoped("a replica killed and started again under load: reads go to the primary meanwhile and come back, and none waits", () =>
      Effect.gen(function*() {
        const { pair } = yield* Members
        const [, replica] = pair
        const db = yield* both(pair, { pool: { max: 8 } })
        const seen = { isOver: false, primary: 0, replica: 0, failed: 0, slowest: 0 }
        const reader = Effect.gen(function*() {
          while (!seen.isOver) {
            const start = performance.now()
            const exit = yield* Effect.exit(here(db))
            seen.slowest = Math.max(seen.slowest, performance.now() - start)
            if (Exit.isSuccess(exit)) {
              if (exit.value === 1) seen.primary++
              else seen.replica++
            } else {
              seen.failed++
              const error = exit.cause._tag === "Fail" ? exit.cause.error : undefined
              assert.isTrue(SqlError.isSqlError(error) && error.isRetryable && error.outcome === "not-applied", String(exit.cause))
            }
            yield* Effect.sleep(1)
          }
        })
        const until = (test: () => boolean) =>
          Effect.repeat(Effect.sleep(10), { until: test }).pipe(
            Effect.timeoutFail({ duration: "15 seconds", onTimeout: () => new Error(`it did not come to that: ${JSON.stringify(seen)}`) })
          )
        const readers = yield* Effect.fork(Effect.all(Array.from({ length: 16 }, () => reader), { concurrency: "unbounded", discard: true }))
        yield* until(() => seen.replica > 200)
        assert.strictEqual(seen.primary, 0)
        yield* replica.kill
        yield* until(() => seen.primary > 200)
        yield* replica.start
        yield* replica.run("SET GLOBAL read_only = 1")
        const before = seen.replica
        yield* until(() => seen.replica > before + 200)
        seen.isOver = true
        yield* Fiber.join(readers)
        // Those that were under way when it was killed: at most one per connection and per fiber.
        assert.isAtMost(seen.failed, 24)
        assert.isBelow(seen.slowest, 3_000)
      }), { timeout: 60_000 })
  })
})
