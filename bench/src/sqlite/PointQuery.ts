/**
 * The point query: one row of seven columns by its primary key, one fiber in a loop, and sixteen.
 *
 * The direct contender prepared its statement once and calls `get`. Ours and the stock one are the template that a user
 * writes. Keys are within 10,000 rows, so that the pages are in every cache.
 */
import * as Effect from "effect/Effect"
import { keyOf, type Visit } from "../Visits.js"
import type { Files } from "./Data.js"
import type { Measurement } from "../Measurement.js"
import * as Opened from "./Opened.js"
import * as Rounds from "../Rounds.js"
import * as Table from "../Table.js"
import { calibrated, fibers } from "../Work.js"

export const pointQuery: Measurement<Files> = {
  name: "point",
  run: ({ data, rounds }) =>
    Effect.gen(function*() {
      const { filename } = data()
      const threaded = yield* Opened.ours(filename, true)
      const inline = yield* Opened.ours(filename, false)
      const stock = yield* Opened.stock(filename)
      const direct = yield* Opened.direct(filename)
      const get = direct.prepare("SELECT id, name, city, price, at, active, score FROM visits WHERE id = ?")

      const onThreads = (i: number) => threaded<Visit>`SELECT id, name, city, price, at, active, score FROM visits WHERE id = ${keyOf(i)}`
      const onCaller = (i: number) => inline<Visit>`SELECT id, name, city, price, at, active, score FROM visits WHERE id = ${keyOf(i)}`
      const onStock = (i: number) => stock<Visit>`SELECT id, name, city, price, at, active, score FROM visits WHERE id = ${keyOf(i)}`

      const samples = yield* Rounds.interleaved(rounds, {
        direct: yield* calibrated((items) =>
          Effect.sync(() => {
            for (let i = 0; i < items; i++) get.get(keyOf(i))
          })
        ),
        threads: yield* calibrated(fibers(1, onThreads)),
        caller: yield* calibrated(fibers(1, onCaller)),
        stock: yield* calibrated(fibers(1, onStock)),
        threads16: yield* calibrated(fibers(16, onThreads)),
        stock16: yield* calibrated(fibers(16, onStock))
      })

      const toStock = Table.faster(samples.caller, samples.stock)
      return [
        {
          work: "point query, threads: false",
          ours: Table.rate(samples.caller),
          direct: Table.rate(samples.direct),
          stock: Table.rate(samples.stock),
          toDirect: Table.factor(Table.faster(samples.caller, samples.direct)),
          toStock: Table.factor(toStock),
          aim: Table.aim("≥ 3 × stock", toStock >= 3)
        },
        {
          work: "point query, threads",
          ours: Table.rate(samples.threads),
          direct: Table.rate(samples.direct),
          stock: Table.rate(samples.stock),
          toDirect: Table.factor(Table.faster(samples.threads, samples.direct)),
          toStock: Table.factor(Table.faster(samples.threads, samples.stock)),
          aim: Table.none
        },
        {
          work: "point query, threads, 16 fibers",
          ours: Table.rate(samples.threads16),
          direct: Table.none,
          stock: Table.rate(samples.stock16),
          toDirect: Table.factor(Table.faster(samples.threads16, samples.direct)),
          toStock: Table.factor(Table.faster(samples.threads16, samples.stock16)),
          aim: Table.none
        }
      ]
    })
}
