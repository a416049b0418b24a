/**
 * Batching alone: texts into a batcher whose receiver does nothing, plain and merged, beside SQL Batcher's engine.
 *
 * Adding, checking, counting, closing batches, joining their texts. Whether it is linear is measured in this process, where garbage is
 * collected before each turn and with it the code that was compiled: in processes of their own both are faster.
 */
import { Batcher } from "@sluice/batcher"
import * as Effect from "effect/Effect"
import type { Measurement } from "../Measurement.js"
import * as Rounds from "../Rounds.js"
import * as Table from "../Table.js"
import { type Sample, timed } from "../Work.js"
import { inserts } from "./Data.js"
import * as Peer from "./Peer.js"

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
      const alone = yield* Rounds.interleaved(rounds, {
        ours: Peer.ours(few, false),
        oursMerged: Peer.ours(few, true),
        theirs: Peer.isHere ? Peer.theirs(few, false) : Effect.succeed(undefined),
        theirsMerged: Peer.isHere ? Peer.theirs(few, true) : Effect.succeed(undefined)
      })
      const line = { direct: Table.none, stock: Table.none, toDirect: Table.none, toStock: Table.none }
      const name = (count: number) => count.toLocaleString("en")
      const beside = (work: string, ours: ReadonlyArray<Sample>, all: ReadonlyArray<Sample | undefined>) => {
        const theirs = all.filter((sample) => sample !== undefined)
        if (theirs.length === 0) return { ...line, work, ours: Table.rate(ours), aim: "≥ 2 × SQL Batcher: it is not here" }
        const times = Table.faster(ours, theirs)
        return { ...line, work, ours: Table.rate(ours), other: Table.rate(theirs), toOther: Table.factor(times), aim: Table.aim("≥ 2 × SQL Batcher", times >= 2) }
      }
      // CPU, and not time: what else the machine does is in the time.
      const linear = (growth: number) => Table.aim("linear: ≤ 1.2 × the CPU of the smaller one", growth <= 1.2)
      return [
        beside(`batch ${name(few)} statements`, alone.ours, alone.theirs),
        beside(`batch ${name(few)}, merged`, alone.oursMerged, alone.theirsMerged),
        { ...line, work: `batch ${name(many)} statements`, ours: Table.rate(samples.large), aim: linear(Table.costlier(samples.large, samples.plain)) },
        { ...line, work: `batch ${name(many)}, merged`, ours: Table.rate(samples.largeMerged), aim: linear(Table.costlier(samples.largeMerged, samples.merged)) }
      ]
    })
}
