/**
 * Our engine alone, as a program: `node Alone.js <statements> plain|merged` prints the median of fifteen passes. Started by `Peer`.
 */
import { Batcher } from "@sluice/batcher"
import * as Effect from "effect/Effect"
import * as Rounds from "../Rounds.js"
import type { Sample } from "../Work.js"
import { inserts } from "./Data.js"

const [count = "", how] = process.argv.slice(2)

const batch = (statements: ReadonlyArray<string>) =>
  Effect.scoped(Effect.flatMap(Batcher.make({ mergeInserts: how === "merged", execute: () => Effect.void }), (batcher) => batcher.process(statements)))

const pass = Effect.gen(function*() {
  const statements = inserts(Number(count))
  const start = performance.now()
  const cpu = process.cpuUsage()
  yield* batch(statements)
  const { system, user } = process.cpuUsage(cpu)
  return { rate: statements.length * 1_000 / (performance.now() - start), cpu: (user + system) / statements.length }
})

const samples: Array<Sample> = []
for (let turn = 0; turn < 20; turn++) {
  const sample = await Effect.runPromise(pass)
  if (turn >= 5) samples.push(sample)
}
console.log(JSON.stringify({ rate: Rounds.median(samples.map(({ rate }) => rate)), cpu: Rounds.median(samples.map(({ cpu }) => cpu)) }))
