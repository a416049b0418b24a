/**
 * The stream: every row of the table as an object, and how much memory that takes, for ten times as many rows as well.
 *
 * The memory is the growth of the peak of a process that does nothing else (`growth`), once per contender and length.
 * The native client copies the rows to where nobody reads them.
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

export const memory: Measurement<Tables> = {
  name: "memory",
  run: ({ filled, place, rows }) => Effect.zipRight(filled, Reading.memory(new URL("./growth.js", import.meta.url), place, rows, "cursor"))
}
