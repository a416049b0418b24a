/**
 * The point query: one row of seven columns by its primary key, by one fiber in a loop, by sixteen and by a hundred on
 * eight connections.
 *
 * Ours, the stock one and postgres.js are the template that a user writes. Direct is the driver's pool, `query` of a named
 * statement with a callback (its promises cost more). The stock one prepares nothing by name; postgres.js sends several
 * statements on one connection without waiting, and so do ours with lanes, which is a line of its own. Keys are within
 * 10,000 rows.
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

const text = "SELECT id, name, city, price, at, active, score FROM visits WHERE id = $1"

const measured = (
  name: string,
  counts: ReadonlyArray<number>,
  lanes: ReadonlyArray<number | undefined>,
  title: (count: number) => string,
  hasAim: boolean
): Measurement<Tables> => ({
  name,
  run: ({ filled, place, rounds }) =>
    Effect.gen(function*() {
      yield* filled
      const stock = yield* Opened.stock(place)
      const pool = yield* Opened.direct(place)
      const sql = yield* Opened.other(place)

      const onStock = (i: number) => stock<Visit>`SELECT id, name, city, price, at, active, score FROM visits WHERE id = ${keyOf(i)}`
      const onOther = (i: number) => sql`SELECT id, name, city, price, at, active, score FROM visits WHERE id = ${keyOf(i)}`
      const onDirect = (i: number, done: Loops.Done) => pool.query({ name: "visit", text, values: [keyOf(i)] }, done)

      const lines: Array<Table.Line> = []
      for (const [count, shared] of counts.flatMap((count) => lanes.map((shared) => [count, shared] as const))) {
        const db = yield* Opened.ours(place, shared)
        const onOurs = (i: number) => db<Visit>`SELECT id, name, city, price, at, active, score FROM visits WHERE id = ${keyOf(i)}`
        const samples = yield* Rounds.interleaved(rounds, {
          ours: yield* calibrated(fibers(count, onOurs)),
          direct: yield* calibrated(Loops.callbacks(count, onDirect)),
          stock: yield* calibrated(fibers(count, onStock)),
          other: yield* calibrated(Loops.promises(count, onOther))
        })
        const cpu = Table.costlier(samples.ours, samples.direct)
        const toDirect = Table.faster(samples.ours, samples.direct)
        const claim = hasAim ? Table.aim("≤ 1.15 × direct in CPU and time", cpu <= 1.15 && toDirect >= 1 / 1.15) : "CPU and time, × direct:"
        lines.push({
          work: `${title(count)}${shared === undefined ? "" : `, ours on ${shared} lanes`}`,
          ours: Table.rate(samples.ours),
          direct: Table.rate(samples.direct),
          stock: Table.rate(samples.stock),
          other: Table.rate(samples.other),
          toDirect: Table.factor(toDirect),
          toStock: Table.factor(Table.faster(samples.ours, samples.stock)),
          toOther: Table.factor(Table.faster(samples.ours, samples.other)),
          aim: `${claim} (${Table.factor(cpu)}, ${Table.factor(1 / toDirect)})`
        })
      }
      return lines
    })
})

export const pointQuery = measured("point", [1, 16], [undefined], (count) => `point query, ${count} ${count === 1 ? "fiber" : "fibers"}`, true)

export const inFlight = measured("inflight", [100], [undefined, 2], (count) => `${count} independent statements in flight`, false)
