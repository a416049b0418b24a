/**
 * Cases of batches that a server holds up: it ends sessions while they are sent, or takes its time for each statement.
 */
import { assert } from "@effect/vitest"
import * as Batcher from "@sluice/batcher/Batcher"
import * as Database from "@sluice/core/Database"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type { Case } from "../../Case.js"
import type { Bench } from "../../Faults.js"
import { eventually, ids, within } from "../../internal/asking.js"

const count = 1_000

/** Ends whatever runs, again and again, at moments that nobody chose. It is not interrupted: that would open a session to cancel by. */
const striking = (bench: Bench, isOver: () => boolean) =>
  Effect.repeat(
    Effect.zipRight(
      Effect.suspend(() => Effect.sleep(Math.random() * 15)),
      Effect.flatMap(bench.sessions, (all) => Effect.forEach([...all].filter(([, isRunning]) => isRunning), ([id]) => Effect.ignore(bench.side.unsafe(bench.texts.terminate(id)))))
    ),
    { until: isOver }
  )

export const batches: ReadonlyArray<Case<Bench>> = [
  {
    law: "B1",
    title: "sessions are ended while batches are sent and sent again: each statement is applied once, left, or unknown, and none is told wrongly",
    needs: ["server", "concurrent"],
    within: 90_000,
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open("directly", { pool: { max: 4 } })
      let struck = 0
      const ways = [[1, "batch", false], [2, "batch", true], [1, "none", false], [3, "none", false]] as const
      // On an idle machine all batches may be there before anything is ended: then it is done again.
      for (let n = 0; n < ways.length || (struck === 0 && n < 40); n++) {
        const [inFlight, transaction, mergeInserts] = ways[n % ways.length]!
        yield* bench.side`DELETE FROM things`
        const left = new Map<number, string>()
        let isOver = false
        const killer = yield* Effect.fork(striking(bench, () => isOver))
        const report = yield* within(Effect.scoped(Effect.gen(function*() {
          const batch = yield* Batcher.make({
            inFlight, transaction, mergeInserts, maxStatements: 50, ordered: inFlight === 1, retry: Schedule.recurs(10),
            onLeft: ({ statements }) => Effect.sync(() => statements.forEach(({ index, outcome }) => left.set(index, outcome)))
          })
          yield* Effect.exit(batch.process(Array.from({ length: count }, (_, index) => index + 1).map((id) => id % 2 === 0 ? `INSERT INTO things (id, name) VALUES (${id}, 'n${id}')` : db`INSERT INTO things (id, name) VALUES (${id}, ${`n${id}`})`)))
          return batch.report
        })), 30_000, "the batches").pipe(Effect.provideService(Database.Database, db), Effect.flatten)
        isOver = true
        yield* Fiber.join(killer)
        // What was sent and never answered may still be on its way.
        yield* eventually(Effect.map(bench.sessions, (all) => [...all.values()].every((isRunning) => !isRunning)), "the end of what runs")
        const there = new Set(yield* ids(bench.side))
        for (let index = 0; index < report.statements; index++) {
          const outcome = left.get(index)
          if (outcome !== "unknown") assert.strictEqual(there.has(index + 1), outcome === undefined, `statement ${index} was told as ${outcome ?? "applied"}`)
        }
        assert.strictEqual(report.sent, report.statements - left.size)
        struck += report.retries + left.size
      }
      assert.isAbove(struck, 0, "batches that were struck")
    })
  },
  {
    law: "S5",
    title: "statementTimeout is each statement's own, however many of one text go together",
    needs: ["server"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open("directly", { statementTimeout: 500 })
      const slow = (n: number) => db`INSERT INTO things (id, name) SELECT ${n}, ${`n${n}`} FROM (${db.literal(bench.texts.sleep(0.05))}) AS pause`
      const numbers = (from: number) => Array.from({ length: 20 }, (_, i) => from + i)
      yield* Effect.scoped(Effect.flatMap(Batcher.make(), (batch) => batch.process(numbers(1).map(slow)))).pipe(Effect.provideService(Database.Database, db))
      yield* db.executeMany(slow(1).compile()[0], numbers(21).map((n) => [n, `n${n}`]))
      assert.strictEqual((yield* ids(bench.side)).length, 40)
    })
  }
]
