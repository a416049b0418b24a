/**
 * The stream: every row of the table as an object, and how much memory that takes, for ten times as many rows as well.
 *
 * The memory is the growth of the peak of a process that does nothing else (`growth`), once per contender and length.
 * The native client reads the rows as they come (`--quick`) and throws them away.
 */
import * as Effect from "effect/Effect"
import type { Measurement } from "../Measurement.js"
import * as Reading from "../Reading.js"
import * as Rounds from "../Rounds.js"
import type { Tables } from "../Served.js"
import * as Table from "../Table.js"
import { timed } from "../Work.js"
import * as Native from "./Native.js"
import { readers, text } from "./Readers.js"

export const streaming: Measurement<Tables> = {
  name: "stream",
  run: ({ filled, place, rounds, rows }) =>
    Effect.gen(function*() {
      yield* filled
      const ours = yield* readers.ours(place, rows)
      const direct = yield* readers.direct(place, rows)
      const stock = yield* readers.stock(place, rows)
      const expected = yield* direct(rows)
      for (const contender of [ours, stock]) {
        const sum = yield* contender(rows)
        if (sum !== expected) yield* Effect.dieMessage(`the rows add up to ${sum}, not to ${expected}`)
      }
      const samples = yield* Rounds.interleaved(rounds, {
        ours: timed(ours, rows),
        direct: timed(direct, rows),
        stock: timed(stock, rows),
        native: Native.isHere ? timed(() => Native.run(place, text(rows, 1), "--quick", "--batch"), rows) : Effect.succeed(undefined)
      })
      const native = samples.native.filter((sample) => sample !== undefined)
      const toDirect = Table.faster(samples.ours, samples.direct)
      return [
        {
          work: `stream of ${rows.toLocaleString("en")} rows`,
          ours: Table.rate(samples.ours),
          direct: Table.rate(samples.direct),
          stock: Table.rate(samples.stock),
          toDirect: Table.factor(toDirect),
          toStock: Table.factor(Table.faster(samples.ours, samples.stock)),
          ...(native.length === 0 ? {} : { native: Table.speed(native), toNative: Table.factor(Table.faster(samples.ours, native)) }),
          aim: Table.aim("≥ 0.9 of direct", toDirect >= 0.9)
        },
        ...yield* Reading.memory(new URL("./growth.js", import.meta.url), place, rows)
      ]
    })
}
