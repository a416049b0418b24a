/**
 * A case of the laws S5 and P9: thousands of interrupts at random moments, beside work that nobody interrupts.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Case } from "../../Case.js"
import type { Bench } from "../../Faults.js"
import { accounted, eventually, within } from "../../internal/asking.js"
import { innocents, seeded, victims } from "../../internal/load.js"

/** Ten thousand take a minute: SLUICE_INTERRUPTS=10000 asks for them. */
const total = Number(process.env["SLUICE_INTERRUPTS"] ?? 2_000)

export const interrupts: ReadonlyArray<Case<Bench>> = [
  {
    law: "S5",
    title: "thousands of interrupts of every kind of work hit no innocent one, and the server runs nothing of ours afterwards",
    needs: ["server", "interruption", "concurrent", "streaming", "savepoints", "sessions"],
    within: 120_000 + total * 10,
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open("directly", { pool: { max: 20, acquireTimeout: 60_000 } })
      const random = seeded(19)
      let isOver = false
      let served = 0
      let interrupted = 0
      const kinds = innocents(bench, db)
      const innocent = yield* Effect.fork(Effect.forEach(kinds.map((_, n) => n), (kind) => {
        let id = 1_000_000_000 + kind * 100_000_000
        return Effect.repeat(Effect.suspend(() => {
          served++
          return kinds[kind]?.(++id) ?? Effect.void
        }), { until: () => isOver })
      }, { concurrency: "unbounded", discard: true }))
      const works = victims(bench, db)
      // Who waits for a connection is no victim yet.
      const room = Effect.repeat(Effect.flatMap(db.pool.stats, ({ lent, waiting }) => lent + waiting < 20 ? Effect.succeed(true) : Effect.delay(Effect.succeed(false), 1)), { until: (is) => is })
      const stop = (n: number) => Effect.gen(function*() {
        yield* room
        const victim = yield* Effect.fork(works[n % works.length]?.(n * 1_000) ?? Effect.void)
        const wait = random() * 5
        yield* wait < 0.5 ? Effect.repeatN(Effect.yieldNow(), Math.floor(wait * 20)) : Effect.sleep(wait)
        const start = performance.now()
        const exit = yield* Fiber.interrupt(victim)
        assert.isBelow(performance.now() - start, 5_000, "who interrupts does not wait")
        if (Exit.isFailure(exit) && Exit.isInterrupted(exit)) interrupted++
        // What was done before it could be stopped is done; nothing else may have happened to it.
        else if (Exit.isFailure(exit)) assert.fail(`a victim failed: ${String(exit.cause)}`)
      })
      yield* Effect.forEach(Array.from({ length: total }, (_, n) => n + 1), stop, { concurrency: 12, discard: true })
      isOver = true
      yield* within(Fiber.join(innocent), 10_000, "the innocents")
      yield* accounted(db)
      yield* eventually(Effect.map(bench.sessions, (all) => ![...all.values()].some(Boolean)), "the end of every statement")
      assert.isAbove(interrupted, total / 2)
      assert.isAbove(served, total / 10)
      // Work of two rows is there as a whole or not at all.
      for (const kind of [4, 5]) {
        const halves = yield* bench.side<number>`SELECT COUNT(*) AS n FROM things WHERE id < 1000000000 AND id >= 1000 AND ((id - ${kind * 1_000}) % ${works.length * 1_000}) IN (0, 1)`.scalar
        assert.strictEqual(Number(halves) % 2, 0)
      }
      const stats = yield* db.pool.stats
      if (process.env["SLUICE_INTERRUPTS"] !== undefined) {
        process.stderr.write(`${interrupted} of ${total} interrupted, ${served} innocents served, ${stats.settled} settled, ${stats.closed} connections replaced\n`)
      }
    })
  }
]
