/**
 * Cases of C2 in which networks and servers fail: the step at which they do is the one that the doctor names.
 */
import { assert } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import * as Doctor from "@sluice/core/Doctor"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Case } from "../../Case.js"
import type { Bench } from "../../Faults.js"
import { eventually, ids, within } from "../../internal/asking.js"

const examined = (db: Database.Database, options: Doctor.Options = {}) => within(Doctor.withOptions(options)(db.doctor), 10_000, "the doctor")

/** The steps by their status, without what does not apply. */
const statuses = ({ steps }: Doctor.Report) => steps.filter(({ name }) => name !== "DNS" && name !== "TLS").map(({ name, status }) => `${name} ${status}`)

const failed = ({ steps }: Doctor.Report) => steps.find(({ status }) => status === "failed")

export const doctor: ReadonlyArray<Case<Bench>> = [
  {
    law: "C2",
    title: "a server that is down is TCP's failure with its place in the hint; what comes after is skipped; and well again once it is up",
    needs: ["server"],
    within: 40_000,
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open("directly", { pool: { lazy: true } })
      yield* bench.server.kill
      const report = yield* examined(db)
      assert.deepStrictEqual(statuses(report), ["TCP failed", "login skipped", "version skipped", "permissions skipped", "round trip skipped", "pool skipped"])
      assert.include(failed(report)?.hint, `nobody listens at 127.0.0.1:${bench.server.port}`)
      assert.strictEqual(failed(report)?.reason, "ConnectionError")
      yield* bench.server.start
      yield* eventually(Effect.map(examined(db), ({ status }) => status !== "failed"), "the server")
    })
  },
  {
    law: "C2",
    title: "a slow network makes the steps slow that go through it",
    needs: ["server"],
    run: (bench) => Effect.gen(function*() {
      const proxy = yield* bench.proxy
      const db = yield* bench.open(proxy)
      yield* ids(db)
      yield* proxy.set({ kind: "latency", milliseconds: 80 })
      const report = yield* examined(db, { slow: { TCP: "5 seconds", login: 150, version: 150, permissions: 150, "round trip": 150, pool: "5 seconds" } })
      assert.deepStrictEqual(statuses(report), ["TCP ok", "login slow", "version slow", "permissions slow", "round trip slow", "pool ok"])
      assert.strictEqual(report.status, "slow")
      for (const { hint, milliseconds, status } of report.steps) if (status === "slow") {
        assert.isAtLeast(milliseconds, 150)
        assert.include(hint, "slower than 150 ms")
      }
    })
  },
  {
    law: "C2",
    title: "a network that falls silent at any point is a failure within the timeout, and leaves no socket behind",
    needs: ["server"],
    within: 60_000,
    run: (bench) => Effect.gen(function*() {
      const proxy = yield* bench.proxy
      const db = yield* bench.open(proxy, { pool: { lazy: true } })
      const start = (yield* proxy.bytes).down
      assert.notStrictEqual((yield* examined(db)).status, "failed")
      const all = (yield* proxy.bytes).down - start
      yield* db.pool.clear
      // Of all those bytes more than half are of the doctor's own connection, and the rest of the pool's.
      for (const share of [0, 0.1, 0.2, 0.3, 0.4]) {
        yield* proxy.set({ kind: "silence", after: Math.floor(all * share) })
        const begin = performance.now()
        const report = yield* examined(db, { timeout: 300 })
        assert.isBelow(performance.now() - begin, 5_000)
        assert.strictEqual(report.status, "failed", `mute after ${share}`)
        assert.include(failed(report)?.detail, "no answer within 300 ms")
        assert.include(failed(report)?.hint, "does not answer")
        // Who does not wait for it leaves nothing behind either.
        const fiber = yield* Effect.fork(db.doctor)
        yield* Effect.sleep(50)
        yield* within(Fiber.interrupt(fiber), 2_000, "the interruption")
        yield* proxy.set({ kind: "none" })
        yield* proxy.reset
        yield* eventually(Effect.map(proxy.open, (open) => open === 0), "the end of the sockets")
      }
      yield* eventually(Effect.map(examined(db), ({ status }) => status !== "failed"), "the next examination")
    })
  },
  {
    law: "C2",
    title: "what hangs up at once is told so",
    needs: ["server"],
    run: (bench) => Effect.gen(function*() {
      const proxy = yield* bench.proxy
      const db = yield* bench.open(proxy, { pool: { lazy: true } })
      yield* proxy.set({ kind: "refuse" })
      const report = yield* examined(db)
      assert.strictEqual(report.status, "failed")
      assert.include(failed(report)?.hint, "hung up", Doctor.render(report))
      yield* proxy.set({ kind: "none" })
    })
  }
]
