/**
 * Merging and splitting alone: texts in, texts out, nothing is sent.
 *
 * SQL Batcher 0.1.4's merger took 0.179 s of two noisy cores for 100,000 INSERTs: its rate is the aim's half.
 */
import { InsertMerge } from "@sluice/batcher"
import { SqlScript } from "@sluice/core"
import * as Effect from "effect/Effect"
import type { Measurement } from "../Measurement.js"
import * as Rounds from "../Rounds.js"
import * as Table from "../Table.js"
import { timed } from "../Work.js"
import { inserts } from "./Data.js"

const dialect: InsertMerge.Options["dialect"] = {
  lexicon: { ...SqlScript.ansi, backticks: true, brackets: true },
  placeholder: () => "?",
  limits: { maxParameters: 32_766, maxStatementBytes: 1_000_000_000, maxInsertRows: Number.POSITIVE_INFINITY }
}

const merge = (statements: ReadonlyArray<string>): Effect.Effect<number, unknown> =>
  Effect.gen(function*() {
    const merger = yield* InsertMerge.make({ dialect })
    let texts = 0
    for (const sql of statements) {
      const finished = merger.add(sql)
      if (finished._tag === "Left") return yield* Effect.fail(finished.left)
      texts += finished.right.length
    }
    return texts + merger.flushAll().length
  })

const few = 100_000

export const merging: Measurement<unknown> = {
  name: "merge",
  run: ({ rounds, rows }) =>
    Effect.gen(function*() {
      const many = Math.max(few, rows)
      const script = inserts(few).join(";\n")
      // Made for a turn and let go with it: the collector would look at a million texts while a tenth of them is measured.
      const turn = (count: number) =>
        Effect.suspend(() => {
          const statements = inserts(count)
          return timed(() => merge(statements), count)
        })
      yield* turn(few)
      const samples = yield* Rounds.interleaved(rounds, {
        small: turn(few),
        large: turn(many),
        split: timed(() => SqlScript.split(script, dialect.lexicon), script.length / 1e6)
      })
      // CPU, and not time: what else the machine does is in the time.
      const cpu = Rounds.median(samples.small.map((sample) => sample.cpu))
      const growth = Table.costlier(samples.large, samples.small)
      const line = { direct: Table.none, stock: Table.none, toDirect: Table.none, toStock: Table.none }
      return [
        { ...line, work: `merge ${few.toLocaleString("en")} INSERTs`, ours: Table.rate(samples.small), aim: Table.aim("≤ 0.90 µs, half of SQL Batcher's 0.179 s", cpu <= 0.179e6 / few / 2) },
        { ...line, work: `merge ${many.toLocaleString("en")} INSERTs`, ours: Table.rate(samples.large), aim: Table.aim("linear: ≤ 1.2 × the CPU of the smaller one", growth <= 1.2) },
        { ...line, work: "split a script, per MB", ours: Table.rate(samples.split), aim: Table.none }
      ]
    })
}
