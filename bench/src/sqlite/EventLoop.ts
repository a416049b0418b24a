/**
 * The event loop: how long it stands still while one statement runs for five seconds.
 *
 * The delay is the interval between two ticks of a 2 ms timer, so an idle loop shows 2 ms. The 99th percentile.
 */
import * as Effect from "effect/Effect"
import { monitorEventLoopDelay } from "node:perf_hooks"
import type { Measurement } from "../Measurement.js"
import type { Files } from "./Data.js"
import * as Opened from "./Opened.js"
import * as Rounds from "../Rounds.js"
import * as Table from "../Table.js"

const seconds = 5

const delayDuring = <E>(query: Effect.Effect<unknown, E>): Effect.Effect<number, E> =>
  Effect.gen(function*() {
    const histogram = monitorEventLoopDelay({ resolution: 2 })
    histogram.enable()
    // The first tick only begins the counting: without it, the delay of a query that blocks at once is not seen.
    yield* Effect.sleep(20)
    yield* query
    yield* Effect.sleep(20)
    histogram.disable()
    return histogram.percentile(99) / 1e6
  })

const milliseconds = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} ms`

export const eventLoop: Measurement<Files> = {
  name: "eventloop",
  run: ({ newFile, rounds }) =>
    Effect.gen(function*() {
      const filename = newFile("eventloop")
      const db = yield* Opened.ours(filename, true)
      const sql = yield* Opened.stock(filename)
      const direct = yield* Opened.direct(filename)
      const count = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ?) SELECT count(*) AS n FROM c"
      const start = performance.now()
      direct.prepare(count).get(2_000_000)
      const steps = Math.ceil(2_000_000 * seconds * 1_000 / (performance.now() - start))
      // A warm-up: the reader's thread is started by its first statement.
      yield* db.unsafe(count, [1])
      yield* sql.unsafe(count, [1])
      const samples = yield* Rounds.interleaved(rounds, {
        ours: delayDuring(db.unsafe(count, [steps])),
        stock: delayDuring(sql.unsafe(count, [steps]))
      })
      const ours = Rounds.median(samples.ours)
      return [{
        work: `event-loop delay, p99, during a ${seconds} s query`,
        ours: milliseconds(ours),
        direct: Table.none,
        stock: milliseconds(Rounds.median(samples.stock)),
        toDirect: Table.none,
        toStock: Rounds.paired(samples.ours, samples.stock, (a, b) => a / b).toFixed(4),
        aim: Table.aim("< 20 ms", ours < 20)
      }]
    })
}
