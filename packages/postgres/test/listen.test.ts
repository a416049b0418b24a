/**
 * LISTEN and NOTIFY: every payload, one connection, and word of what was missed.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import * as Postgres from "@sluice/postgres/Postgres"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { on, reasonOf } from "./asking.js"
import { fresh, isMissing } from "./server.js"

/** Collects what a stream tells; ready when the server listens. */
const hearing = <A>(db: Database.Database, channel: string, stream: Stream.Stream<A, SqlError.SqlError>) =>
  Effect.gen(function*() {
    const heard: Array<A> = []
    const before = (yield* listeners(db)).length
    const fiber = yield* Effect.fork(Stream.runForEach(stream, (one) => Effect.sync(() => {
      heard.push(one)
    })))
    // A second subscriber sends nothing that could be seen.
    yield* before === 0 ? Effect.repeat(listeners(db), { until: (pids) => pids.length > 0 }) : Effect.sleep(50)
    return { heard, fiber, until: (count: number) => Effect.timeout(Effect.repeat(Effect.sleep(5), { until: () => heard.length >= count }), 5_000) }
  })

/** Sessions whose last statement was a LISTEN. */
const listeners = (db: Database.Database) =>
  db<{ pid: number }>`SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%' AND state = 'idle'`.column("pid")

describe.skipIf(isMissing)("Postgres, LISTEN and NOTIFY", () => {
  it.live("every payload arrives in order, empty ones too, on a channel of any name", () =>
    on({}, (db) => Effect.gen(function*() {
      const channel = "a \"quoted\" Channel; 日本"
      const { heard, fiber, until } = yield* hearing(db, channel, Postgres.listen(db, channel))
      for (const payload of ["one", "", "it's \\ two", "x".repeat(7_999)]) yield* Postgres.notify(db, channel, payload)
      yield* Postgres.notify(db, channel)
      yield* until(5)
      assert.deepStrictEqual(heard, ["one", "", "it's \\ two", "x".repeat(7_999), ""])
      yield* Fiber.interrupt(fiber)
    })))

  it.live("the connection is beside the pool's, one for all channels, and closed after the last subscriber", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      const a = yield* hearing(db, "a", Postgres.listen(db, "a"))
      const again = yield* hearing(db, "a", Postgres.listen(db, "a"))
      const b = yield* hearing(db.withoutTransforms(), "b", Postgres.listen("b")(db))
      assert.strictEqual((yield* listeners(db)).length, 1)
      yield* Postgres.notify(db, "a", "1")
      yield* Effect.all([a.until(1), again.until(1)])
      // One of two leaves: the channel stays listened to.
      yield* Fiber.interrupt(again.fiber)
      yield* Effect.sleep(50)
      yield* Postgres.notify(db, "a", "2")
      yield* Postgres.notify(db, "b", "3")
      yield* Effect.all([a.until(2), b.until(1)])
      assert.deepStrictEqual([a.heard, again.heard, b.heard], [["1", "2"], ["1"], ["3"]])
      yield* Fiber.interrupt(a.fiber)
      yield* Fiber.interrupt(b.fiber)
      yield* Effect.timeout(Effect.repeat(db<number>`SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`.scalar, { until: (n) => n === 0 }), 5_000)
      assert.strictEqual((yield* db.pool.stats).opened, 1)
      // And opened anew for the next.
      const next = yield* hearing(db, "a", Postgres.listen(db, "a"))
      yield* Postgres.notify(db, "a", "4")
      yield* next.until(1)
      assert.deepStrictEqual(next.heard, ["4"])
      yield* Fiber.interrupt(next.fiber)
    })))

  it.live("in a transaction a notification goes with COMMIT, and never after a ROLLBACK", () =>
    on({}, (db) => Effect.gen(function*() {
      const { heard, fiber, until } = yield* hearing(db, "t", Postgres.listen(db, "t"))
      yield* Effect.ignore(db.transaction(Effect.zipRight(Postgres.notify(db, "t", "rolled back"), Effect.fail("no"))))
      yield* db.transaction(Effect.gen(function*() {
        yield* Postgres.notify(db, "t", "committed")
        yield* Effect.sleep(50)
        assert.deepStrictEqual(heard, [])
      }))
      yield* until(1)
      assert.deepStrictEqual(heard, ["committed"])
      yield* Fiber.interrupt(fiber)
    })))

  it.live("a session that is killed is opened anew, and subscribers are told; or fail, where they said so", () =>
    on({}, (db) => Effect.gen(function*() {
      const { fiber, heard, until } = yield* hearing(db, "t", Postgres.notifications(db, "t"))
      const plain = yield* hearing(db, "t", Postgres.listen(db, "t"))
      const other = yield* hearing(db, "u", Postgres.notifications(db, "u"))
      const strict = yield* hearing(db, "t", Postgres.listen(db, "t", { onLost: "fail" }))
      yield* Postgres.notify(db, "t", "before")
      yield* until(1)
      for (const pid of yield* listeners(db)) yield* db`SELECT pg_terminate_backend(${pid})`
      yield* Effect.all([until(2), other.until(1)])
      yield* Postgres.notify(db, "t", "after")
      yield* Effect.all([until(3), plain.until(2)])
      assert.deepStrictEqual(heard.map((event) => event._tag === "Notification" ? event.payload : event._tag), ["before", "Reconnected", "after"])
      assert.deepStrictEqual(plain.heard, ["before", "after"])
      assert.deepStrictEqual(other.heard, [{ _tag: "Reconnected" }])
      const reason = yield* reasonOf(Effect.timeout(Fiber.join(strict.fiber), 1_000))
      assert.deepStrictEqual([reason._tag, reason.isRetryable, strict.heard], ["ConnectionError", true, ["before"]])
      assert.strictEqual((yield* listeners(db)).length, 1)
      for (const one of [fiber, plain.fiber, other.fiber]) yield* Fiber.interrupt(one)
    })))

  it.live("a name or a payload that cannot be is refused, and nothing is sent", () =>
    on({}, (db) => Effect.gen(function*() {
      for (const channel of ["", "é".repeat(32), "a\0b"]) {
        const listened = yield* reasonOf(Stream.runDrain(Postgres.listen(db, channel)))
        const notified = yield* reasonOf(Postgres.notify(db, channel, "x"))
        assert.deepStrictEqual([listened._tag, notified._tag], ["ConfigError", "ConfigError"])
      }
      const long = yield* reasonOf(Postgres.notify(db, "t", "é".repeat(4_000)))
      assert.deepStrictEqual([long._tag, long._tag === "LimitError" && long.actual], ["LimitError", 8_000])
      assert.strictEqual((yield* reasonOf(Postgres.notify(db, "t", "a\0b")))._tag, "DataError")
    })))

  it.live("a subscriber fails with ClosedError when the database closes", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.gen(function*() {
        const db = yield* Database.Database
        const fiber = yield* Effect.forkDaemon(Stream.runDrain(Postgres.listen(db, "t")))
        yield* Effect.repeat(listeners(db), { until: (pids) => pids.length > 0 })
        return fiber
      }).pipe(Effect.provide(fresh({})))
      assert.strictEqual((yield* reasonOf(Effect.timeout(Fiber.join(fiber), 5_000)))._tag, "ClosedError")
    }))
})
