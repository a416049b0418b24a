/**
 * The point query: one row of seven columns by its primary key, one fiber in a loop, and sixteen on eight connections.
 *
 * Ours and the stock one are the template that a user writes. Direct is the driver's pool, `execute` with a callback (its
 * promises cost more). All three prepare the statement once per connection. Keys are within 10,000 rows.
 */
import * as Effect from "effect/Effect"
import type { Measurement } from "../Measurement.js"
import * as Loops from "../Loops.js"
import * as Rounds from "../Rounds.js"
import type { Tables } from "../Served.js"
import * as Table from "../Table.js"
import { keyOf } from "../Visits.js"
import { calibrated, fibers } from "../Work.js"
import type { Visit } from "./Data.js"
import * as Opened from "./Opened.js"

export const pointQuery: Measurement<Tables> = {
  name: "point",
  run: ({ filled, place, rounds }) =>
    Effect.gen(function*() {
      yield* filled
      const db = yield* Opened.ours(place)
      const stock = yield* Opened.stock(place)
      const pool = yield* Opened.direct(place)

      const onOurs = (i: number) => db<Visit>`SELECT id, name, city, price, at, active, score FROM visits WHERE id = ${keyOf(i)}`
      const onStock = (i: number) => stock<Visit>`SELECT id, name, city, price, at, active, score FROM visits WHERE id = ${keyOf(i)}`
      const onDirect = (i: number, done: Loops.Done) =>
        pool.execute("SELECT id, name, city, price, at, active, score FROM visits WHERE id = ?", [keyOf(i)], done)

      const lines: Array<Table.Line> = []
      for (const count of [1, 16]) {
        const samples = yield* Rounds.interleaved(rounds, {
          ours: yield* calibrated(fibers(count, onOurs)),
          direct: yield* calibrated(Loops.callbacks(count, onDirect)),
          stock: yield* calibrated(fibers(count, onStock))
        })
        const cpu = Table.costlier(samples.ours, samples.direct)
        const toDirect = Table.faster(samples.ours, samples.direct)
        lines.push({
          work: `point query, ${count} ${count === 1 ? "fiber" : "fibers"}`,
          ours: Table.rate(samples.ours),
          direct: Table.rate(samples.direct),
          stock: Table.rate(samples.stock),
          toDirect: Table.factor(toDirect),
          toStock: Table.factor(Table.faster(samples.ours, samples.stock)),
          aim: `${Table.aim("≤ 1.15 × direct in CPU and time", cpu <= 1.15 && toDirect >= 1 / 1.15)} (${Table.factor(cpu)}, ${Table.factor(1 / toDirect)})`
        })
      }
      return lines
    })
}
