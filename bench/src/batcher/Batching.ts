/**
 * Batching alone: texts into a batcher whose receiver does nothing, plain and merged.
 *
 * Adding, checking, counting, closing batches, joining their texts: all that SQL Batcher's engine does. That took 0.070 s of two
 * noisy cores for 100,000 statements, and 0.179 s merged: its rate is the aim's half.
 */
import { Batcher } from "@sluice/batcher"
import * as Effect from "effect/Effect"
import type { Measurement } from "../Measurement.js"
import * as Rounds from "../Rounds.js"
import * as Table from "../Table.js"
import { timed } from "../Work.js"
import { inserts } from "./Data.js"

const batch = (statements: ReadonlyArray<string>, mergeInserts: boolean) =>
  Effect.scoped(Effect.flatMap(Batcher.make({ mergeInserts, execute: () => Effect.void }), (batcher) => batcher.process(statements)))

const few = 100_000

export const batching: Measurement<unknown> = {
  name: "batch",
  run: ({ rounds, rows }) =>
    Effect.gen(function*() {
      const many = Math.max(few, rows)
      const [small, large] = [inserts(few), inserts(many)]
      yield* batch(small, false)
      yield* batch(small, true)
      const samples = yield* Rounds.interleaved(rounds, {
        plain: timed(() => batch(small, false), few),
        merged: timed(() => batch(small, true), few),
        large: timed(() => batch(large, false), many),
        largeMerged: timed(() => batch(large, true), many)
      })
      // CPU, and not time: what else the machine does is in the time.
      const cpu = (of: keyof typeof samples) => Rounds.median(samples[of].map((sample) => sample.cpu))
      const line = { direct: Table.none, stock: Table.none, toDirect: Table.none, toStock: Table.none }
      const linear = (growth: number) => Table.aim("linear: ≤ 1.2 × the CPU of the smaller one", growth <= 1.2)
      const name = (count: number) => count.toLocaleString("en")
      return [
        { ...line, work: `batch ${name(few)} statements`, ours: Table.rate(samples.plain), aim: Table.aim("≤ 0.35 µs, half of SQL Batcher's 0.070 s", cpu("plain") <= 0.35) },
        { ...line, work: `batch ${name(few)}, merged`, ours: Table.rate(samples.merged), aim: Table.aim("≤ 0.90 µs, half of SQL Batcher's 0.179 s", cpu("merged") <= 0.895) },
        { ...line, work: `batch ${name(many)} statements`, ours: Table.rate(samples.large), aim: linear(Table.costlier(samples.large, samples.plain)) },
        { ...line, work: `batch ${name(many)}, merged`, ours: Table.rate(samples.largeMerged), aim: linear(Table.costlier(samples.largeMerged, samples.merged)) }
      ]
    })
}
