/**
 * Cases of the laws P5, P9, S3 and T5: the server is killed in each phase and started again, and sessions are ended one by
 * one.
 */
import { assert } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Case } from "../../Case.js"
import type { Bench } from "../../Faults.js"
import { add, eventually, failure, ids, within } from "../../internal/asking.js"

const running = (bench: Bench, n: number) =>
  eventually(Effect.map(bench.sessions, (all) => [...all.values()].filter(Boolean).length >= n), `${n} statements that run`)

/** Kills the server and starts it; ends when it serves again. */
const crash = (bench: Bench) =>
  Effect.zipRight(bench.server.kill, Effect.zipRight(bench.server.start, within(Effect.retry(bench.side.ping, { times: 20 }), 20_000, "the server")))

/** What a fiber fails with once the server is killed. It may not hang. */
const struck = <A, E>(bench: Bench, fiber: Fiber.RuntimeFiber<A, E>) =>
  Effect.gen(function*() {
    yield* bench.server.kill
    const error = yield* within(failure(Fiber.join(fiber)), 10_000, "the failure")
    assert.deepStrictEqual([error.reason._tag, error.connection, error.isRetryable], ["ConnectionError", "broken", true])
    yield* crash(bench)
    return error
  })

/** The pool serves everybody again, with no connection of before. */
const healed = (db: Database.Database) =>
  within(Effect.forEach(Array.from({ length: 12 }, (_, n) => n), () => db`SELECT 1`, { concurrency: 4 }), 15_000, "the pool")

export const kills: ReadonlyArray<Case<Bench>> = [
  {
    law: "P9",
    title: "the server is killed while we connect: connecting is tried again until it is back",
    needs: ["server"],
    within: 90_000,
    run: (bench) => Effect.gen(function*() {
      const proxy = yield* bench.proxy
      yield* proxy.set({ kind: "latency", milliseconds: 60 })
      const db = yield* bench.open(proxy, { pool: { lazy: true } })
      const fiber = yield* Effect.fork(add(db, 1))
      // The first message of either side is on its way.
      yield* Effect.sleep(30)
      yield* bench.server.kill
      yield* eventually(Effect.map(db.pool.stats, (stats) => stats.connectFailures > 0), "a failure to connect")
      yield* crash(bench)
      yield* within(Fiber.join(fiber), 10_000, "the statement")
      assert.deepStrictEqual(yield* ids(bench.side), [1])
    })
  },
  {
    law: "P5",
    title: "the server is killed while connections idle: none of them is lent, and no statement fails",
    needs: ["server", "concurrent"],
    within: 90_000,
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open("directly", { pool: { max: 4 } })
      yield* Effect.all([1, 2, 3, 4].map((id) => Effect.zipRight(db.unsafe(bench.texts.sleep(0.05)), add(db, id))), { concurrency: 4 })
      assert.strictEqual((yield* db.pool.stats).idle, 4)
      yield* crash(bench)
      yield* healed(db)
      assert.isAtLeast((yield* db.pool.stats).closed, 4)
      assert.deepStrictEqual(yield* ids(db), [1, 2, 3, 4])
    })
  },
  {
    law: "P9",
    title: "the server is killed in the middle of a statement",
    needs: ["server"],
    within: 90_000,
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open("directly")
      const fiber = yield* Effect.fork(db.unsafe(bench.texts.sleep(30)))
      yield* running(bench, 1)
      assert.strictEqual((yield* struck(bench, fiber)).outcome, "not-applied")
      yield* healed(db)
    })
  },
  {
    law: "P9",
    title: "the server is killed in the middle of a transaction: nothing of it was applied, and that is known",
    needs: ["server"],
    within: 90_000,
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open("directly")
      const inside = yield* Deferred.make<void>()
      const killed = yield* Deferred.make<void>()
      const once = yield* Effect.fork(db.transaction(Effect.all([add(db, 1), Deferred.succeed(inside, undefined), Deferred.await(killed), add(db, 2)])))
      yield* Deferred.await(inside)
      yield* bench.server.kill
      yield* Deferred.succeed(killed, undefined)
      const error = yield* within(failure(Fiber.join(once)), 10_000, "the failure")
      assert.deepStrictEqual([error.reason._tag, error.outcome, error.isRetryable], ["ConnectionError", "not-applied", true])
      yield* crash(bench)
      yield* db.transaction(add(db, 3))
      assert.deepStrictEqual(yield* ids(bench.side), [3])
    })
  },
  {
    law: "S3",
    title: "the server is killed in the middle of a stream: the rows before it, then a failure",
    needs: ["server", "streaming"],
    within: 90_000,
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open("directly")
      let rows = 0
      const first = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(Stream.runForEach(db.unsafe(bench.profile.sql.endless).with({ fetchSize: 2 }).stream, () =>
        Effect.zipRight(Deferred.succeed(first, undefined), Effect.sync(() => rows++))))
      yield* Deferred.await(first)
      assert.strictEqual((yield* struck(bench, fiber)).outcome, "not-applied")
      assert.isAbove(rows, 0)
      yield* healed(db)
    })
  },
  {
    law: "S3",
    title: "the server is killed while a stream's consumer pauses: the rows before it, then a failure",
    needs: ["server", "streaming"],
    within: 90_000,
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open("directly")
      const first = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(Stream.runForEach(db.unsafe(bench.profile.sql.rows(2_000_000)).stream, () =>
        Effect.zipRight(Deferred.succeed(first, undefined), Deferred.await(go))))
      yield* Deferred.await(first)
      yield* bench.server.kill
      yield* Deferred.succeed(go, undefined)
      const error = yield* within(failure(Fiber.join(fiber)), 10_000, "the failure")
      assert.deepStrictEqual([error.reason._tag, error.connection], ["ConnectionError", "broken"])
      yield* crash(bench)
      yield* healed(db)
    })
  },
  {
    law: "T5",
    title: "the server is killed before, while and after COMMIT reaches it: what is reported is what is there afterwards",
    needs: ["server"],
    within: 120_000,
    run: (bench) => Effect.gen(function*() {
      const proxy = yield* bench.proxy
      const seen: Array<string> = []
      for (const when of ["before", "while", "after"] as const) {
        const id = seen.length + 1
        yield* proxy.set({ kind: "none" })
        yield* Effect.scoped(Effect.gen(function*() {
          const db = yield* bench.open(proxy, { pool: { max: 1 } })
          const committing = yield* Deferred.make<void>()
          const fiber = yield* Effect.fork(db.transaction(Effect.gen(function*() {
            yield* add(db, id)
            // COMMIT does not reach the server, or its answer not us.
            if (when !== "after") yield* proxy.set({ kind: "silence", ...(when === "while" ? { direction: "down" } : {}) })
            yield* Deferred.succeed(committing, undefined)
          })))
          yield* Deferred.await(committing)
          if (when === "before") yield* Effect.sleep(50)
          if (when === "while") {
            yield* eventually(Effect.map(ids(bench.side), (all) => all.includes(id)), "the commit")
            // What others see may not be on the disk yet; what was committed before a COMMIT that is answered is.
            yield* add(bench.side, 100 + id)
          }
          if (when === "after") yield* Fiber.await(fiber)
          yield* bench.server.kill
          yield* proxy.reset
          const exit = yield* within(Fiber.await(fiber), 10_000, "the answer")
          yield* crash(bench)
          const isThere = (yield* ids(bench.side)).includes(id)
          if (Exit.isFailure(exit)) assert.strictEqual((yield* failure(exit)).outcome, "unknown")
          seen.push(`${Exit.isSuccess(exit) ? "done" : "unknown"}, ${isThere ? "there" : "not there"}`)
        }))
      }
      assert.deepStrictEqual(seen, ["unknown, not there", "unknown, there", "done, there"])
    })
  },
  {
    law: "P9",
    title: "the server is killed twice under load: the pool heals, no fiber hangs, and every report is true",
    needs: ["server", "concurrent"],
    within: 120_000,
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open("directly", { pool: { max: 6 } })
      const reports = new Map<number, "done" | "not-applied" | "unknown" | "applied">()
      const done = () => [...reports.values()].filter((report) => report === "done").length
      /** By what was done, and not by a time: cores that have other work are no server that does not heal. */
      const served = (n: number) => Effect.suspend(() => {
        const before = done()
        return within(Effect.repeat(Effect.sleep(5), { until: () => done() >= before + n }), 20_000, `${n} inserts`)
      })
      let next = 0
      let isOver = false
      const insert = Effect.suspend(() => {
        const id = ++next
        return Effect.matchEffect(id % 3 === 0 ? db.transaction(add(db, id)) : add(db, id), {
          onSuccess: () => Effect.sync(() => reports.set(id, "done")),
          onFailure: (error) => {
            reports.set(id, error.outcome)
            return error.reason._tag === "ConnectionError" && error.isRetryable ? Effect.void : Effect.fail(error)
          }
        })
      })
      const load = yield* Effect.fork(Effect.forEach(Array.from({ length: 16 }, (_, n) => n), () =>
        Effect.repeat(Effect.zipRight(insert, Effect.sleep(1)), { until: () => isOver }), { concurrency: "unbounded", discard: true }))
      for (let n = 0; n < 2; n++) {
        yield* served(50)
        yield* crash(bench)
      }
      yield* served(50)
      isOver = true
      yield* within(Fiber.join(load), 20_000, "the load")
      const there = new Set(yield* ids(bench.side))
      for (const [id, report] of reports) {
        if (report !== "unknown") assert.strictEqual(there.has(id), report !== "not-applied", `${id} was reported as ${report}`)
      }
      assert.strictEqual(reports.size, next)
      yield* healed(db)
    })
  },
  {
    law: "P5",
    title: "idle connections that the server ended are never lent, and no statement fails",
    needs: ["server", "concurrent"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open("directly", { pool: { max: 5 } })
      const all = Array.from({ length: 5 }, (_, n) => n)
      for (let round = 0; round < 3; round++) {
        // Longer than opening all of them takes, also where the cores have other work.
        yield* Effect.forEach(all, () => db.unsafe(bench.texts.sleep(0.2)), { concurrency: 5 })
        const sessions = [...(yield* bench.sessions).keys()]
        assert.strictEqual(sessions.length, 5)
        yield* Effect.forEach(sessions, (id) => bench.side.unsafe(bench.texts.terminate(id)), { discard: true })
        yield* eventually(Effect.map(bench.sessions, (left) => left.size === 0), "their end")
        // It has reached us as well.
        yield* Effect.sleep(20)
        yield* healed(db)
        const now = [...(yield* bench.sessions).keys()]
        assert.deepStrictEqual(now.filter((id) => sessions.includes(id)), [])
      }
    })
  },
  {
    law: "P5",
    title: "a statement that meets the end of its connection is sent once: it fails, or it ran once",
    needs: ["server", "concurrent"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open("directly", { pool: { max: 4 } })
      yield* add(db, 1, "the counter")
      let done = 0
      let unknown = 0
      const count = Effect.repeatN(
        Effect.matchEffect(db`UPDATE things SET amount = COALESCE(amount, 0) + 1 WHERE id = 1`.run, {
          onSuccess: () => Effect.sync(() => done++),
          onFailure: (error) => {
            if (error.outcome === "unknown") unknown++
            return error.reason._tag === "ConnectionError" ? Effect.void : Effect.fail(error)
          }
        }),
        150
      )
      const load = yield* Effect.fork(Effect.forEach([1, 2, 3, 4], () => count, { concurrency: 4, discard: true }))
      let ended = 0
      while (load.unsafePoll() === null) {
        for (const id of (yield* bench.sessions).keys()) {
          // It may be gone already.
          yield* Effect.ignore(bench.side.unsafe(bench.texts.terminate(id)))
          ended++
        }
        yield* Effect.sleep(10)
      }
      yield* Fiber.join(load)
      const amount = Number(yield* bench.side<number>`SELECT amount FROM things WHERE id = 1`.scalar)
      assert.isTrue(amount >= done && amount <= done + unknown, `${amount} times; ${done} reported as done and ${unknown} as unknown`)
      assert.isAbove(ended, 3)
      yield* healed(db)
    })
  }
]
