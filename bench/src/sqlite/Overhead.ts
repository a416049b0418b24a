/**
 * The overhead: what one threaded query costs in CPU beyond the driver and the hop to its thread.
 *
 * The bare hop is a worker that runs the same prepared statement and answers with a message of the same shape, driven by
 * callbacks: nothing of ours, and no Effect. No tracer is set. CPU is the whole process's, both threads together.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Worker } from "node:worker_threads"
import type { Visit } from "../Visits.js"
import type { Files } from "./Data.js"
import type { Measurement } from "../Measurement.js"
import * as Opened from "./Opened.js"
import * as Rounds from "../Rounds.js"
import * as Table from "../Table.js"
import { calibrated, fibers, type Work } from "../Work.js"

const keyOf = (i: number): number => i * 7_919 % 10_000 + 1

const hop = (filename: string, sql: string): Effect.Effect<Work, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Worker(new URL("./hop.js", import.meta.url), { workerData: filename })),
      (worker) => Effect.promise(() => worker.terminate())
    ),
    (worker) => (items) =>
      Effect.async<void>((resume) => {
        let done = 0
        const send = () => worker.postMessage([done, "execute", { sql, params: [keyOf(done)], bigints: false, distinct: false, keep: true }])
        const receive = () => {
          done++
          if (done < items) return send()
          worker.off("message", receive)
          resume(Effect.void)
        }
        worker.on("message", receive)
        send()
      })
  )

export const overhead: Measurement<Files> = {
  name: "overhead",
  run: ({ data, rounds }) =>
    Effect.gen(function*() {
      const { filename } = data()
      const db = yield* Opened.ours(filename, true)
      const bare = yield* hop(filename, "SELECT id, name, city, price, at, active, score FROM visits WHERE id = ?")
      const query = (i: number) => db<Visit>`SELECT id, name, city, price, at, active, score FROM visits WHERE id = ${keyOf(i)}`
      const samples = yield* Rounds.interleaved(rounds, {
        bare: yield* calibrated(bare),
        ours: yield* calibrated(fibers(1, query))
      })
      const beyond = Rounds.paired(samples.ours, samples.bare, (a, b) => a.cpu - b.cpu)
      return [{
        work: `one threaded query beyond driver and hop: ${Table.microseconds(beyond)} of CPU`,
        ours: Table.rate(samples.ours),
        direct: `${Table.rate(samples.bare)} (driver and bare hop)`,
        stock: Table.none,
        toDirect: Table.factor(Table.faster(samples.ours, samples.bare)),
        toStock: Table.none,
        aim: Table.aim("≤ 20 µs", beyond <= 20)
      }]
    })
}
