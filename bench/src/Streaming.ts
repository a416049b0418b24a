/**
 * The stream: every row of the table as an object, and how much memory that takes.
 *
 * The memory is the growth of the peak of a process that does nothing else (`growth`), once per contender.
 */
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Data } from "./Data.js"
import type { Measurement } from "./Measurement.js"
import { type Name, readers } from "./Readers.js"
import * as Rounds from "./Rounds.js"
import * as Table from "./Table.js"
import { timed } from "./Work.js"

const growth = (name: Name, { filename, rows }: Data): Effect.Effect<number> =>
  Effect.promise(async () => {
    const program = fileURLToPath(new URL("./growth.js", import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [program, name, filename, String(rows)])
    return Number(stdout)
  })

const megabytes = (bytes: number): string => `+${(bytes / 1e6).toFixed(0)} MB`

export const streaming: Measurement = {
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
          ours: megabytes(grown.ours),
          direct: megabytes(grown.direct),
          stock: megabytes(grown.stock),
          toDirect: Table.none,
          toStock: Table.factor(grown.ours / grown.stock),
          aim: Table.none
        }
      ]
    })
}
