/**
 * The stream: every row of the table as an object, and how much memory that takes, for ten times as many rows as well.
 *
 * The memory is the growth of the peak of a process that does nothing else (`growth`), once per contender and length.
 * The native client copies the rows to where nobody reads them.
 */
import * as Effect from "effect/Effect"
import * as Growth from "../Growth.js"
import type { Measurement } from "../Measurement.js"
import * as Rounds from "../Rounds.js"
import * as Table from "../Table.js"
import { timed } from "../Work.js"
import type { Tables } from "./Data.js"
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
      const cursor = yield* readers.cursor(place, rows)
      const each = yield* readers.each(place, rows)
      const expected = yield* direct(rows)
      for (const contender of [ours, stock, cursor, each]) {
        const sum = yield* contender(rows)
        // A scan may begin in the middle of the table, and doubles add up to something else then.
        if (Math.abs(Number(sum) / Number(expected) - 1) > 1e-9) yield* Effect.dieMessage(`the rows add up to ${sum}, not to ${expected}`)
      }
      const samples = yield* Rounds.interleaved(rounds, {
        ours: timed(ours, rows),
        direct: timed(direct, rows),
        stock: timed(stock, rows),
        cursor: timed(cursor, rows),
        each: timed(each, rows),
        native: Native.isHere ? timed(() => Native.run(place, `\\copy (${text(rows, 1)}) TO '/dev/null'`), rows) : Effect.succeed(undefined)
      })
      const native = samples.native.filter((sample) => sample !== undefined)
      const toStock = Table.faster(samples.ours, samples.stock)
      const toCursor = Table.faster(samples.ours, samples.cursor)
      const toEach = Table.faster(samples.ours, samples.each)
      const shared = {
        ours: Table.rate(samples.ours),
        direct: Table.rate(samples.direct),
        stock: Table.rate(samples.stock),
        toDirect: Table.factor(Table.faster(samples.ours, samples.direct)),
        toStock: Table.factor(toStock),
        ...(native.length === 0 ? {} : { native: Table.speed(native), toNative: Table.factor(Table.faster(samples.ours, native)) })
      }
      return [
        {
          ...shared,
          work: `stream of ${rows.toLocaleString("en")} rows, postgres.js: cursor`,
          other: Table.rate(samples.cursor),
          toOther: Table.factor(toCursor),
          aim: `${Table.aim("≥ 2 × stock", toStock >= 2)}; ${Table.aim("≥ postgres.js's cursor", toCursor >= 1)}`
        },
        {
          ...shared,
          work: "the same, postgres.js: forEach",
          other: Table.rate(samples.each),
          toOther: Table.factor(toEach),
          aim: `as near forEach as can be: ${Table.factor(toEach)}`
        }
      ]
    })
}

const contenders = ["ours", "direct", "stock", "cursor"] as const

export const memory: Measurement<Tables> = {
  name: "memory",
  run: ({ filled, place, rows }) =>
    Effect.gen(function*() {
      yield* filled
      const grown = { ours: [0, 0], direct: [0, 0], stock: [0, 0], cursor: [0, 0] }
      const lengths = [rows, rows * 10]
      for (const name of contenders) {
        for (const [i, length] of lengths.entries()) {
          grown[name][i] = yield* Growth.measure(new URL("./growth.js", import.meta.url), name, JSON.stringify(place), rows, length)
        }
      }
      const between = (grown.ours[1]! - grown.ours[0]!) / 1e6
      return lengths.map((length, i) => ({
        work: `peak memory, ${length.toLocaleString("en")} rows (one run each)`,
        ours: Growth.megabytes(grown.ours[i]!),
        direct: Growth.megabytes(grown.direct[i]!),
        stock: Growth.megabytes(grown.stock[i]!),
        other: `${Growth.megabytes(grown.cursor[i]!)} (cursor)`,
        toDirect: Table.none,
        toStock: Table.factor(grown.ours[i]! / grown.stock[i]!),
        aim: i === 0 ? Table.none : `${Table.aim("< 10 MB more than before", between < 10)} (${between.toFixed(0)})`
      }))
    })
}
