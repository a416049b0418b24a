/**
 * The stream: every row of the table as an object, and how much memory that takes.
 *
 * The memory is the growth of the peak of a process that does nothing else (`growth`), once per contender.
 */
import * as Effect from "effect/Effect"
import * as Growth from "../Growth.js"
import type { Measurement } from "../Measurement.js"
import * as Rounds from "../Rounds.js"
import * as Table from "../Table.js"
import { timed } from "../Work.js"
import type { Data, Files } from "./Data.js"
import { type Name, readers } from "./Readers.js"

const growth = (name: Name, { filename, rows }: Data): Effect.Effect<number> =>
  Growth.measure(new URL("./growth.js", import.meta.url), name, filename, rows)

export const streaming: Measurement<Files> = {
  name: "stream",
  run: ({ data, rounds }) =>
    Effect.gen(function*() {
      const all = data()
      const { filename, rows } = all
      const ours = yield* readers.ours(filename)
      const direct = yield* readers.direct(filename)
      const stock = yield* readers.stock(filename)
      const expected = yield* direct(rows)
      for (const contender of [ours, stock]) {
        const sum = yield* contender(rows)
        if (sum !== expected) yield* Effect.dieMessage(`the rows add up to ${sum}, not to ${expected}`)
      }
      const samples = yield* Rounds.interleaved(rounds, {
        ours: timed(ours, rows),
        direct: timed(direct, rows),
        stock: timed(stock, rows)
      })
      const grown = {
        ours: yield* growth("ours", all),
        direct: yield* growth("direct", all),
        stock: yield* growth("stock", all)
      }
      const toDirect = Table.faster(samples.ours, samples.direct)
      return [
        {
          work: `stream of ${rows.toLocaleString("en")} rows`,
          ours: Table.rate(samples.ours),
          direct: Table.rate(samples.direct),
          stock: `${Table.rate(samples.stock)} (reads all)`,
          toDirect: Table.factor(toDirect),
          toStock: Table.factor(Table.faster(samples.ours, samples.stock)),
          aim: Table.aim("≥ 0.7 of direct", toDirect >= 0.7)
        },
        {
          work: "peak memory of that (one run each)",
          ours: Growth.megabytes(grown.ours),
          direct: Growth.megabytes(grown.direct),
          stock: Growth.megabytes(grown.stock),
          toDirect: Table.none,
          toStock: Table.factor(grown.ours / grown.stock),
          aim: Table.none
        }
      ]
    })
}
