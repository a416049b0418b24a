/**
 * Growth: reads many rows once in a process of its own, and prints by how many bytes its peak memory grew.
 *
 * Arguments: the contender, the file, the rows. Started by `Streaming`.
 */
import * as Effect from "effect/Effect"
import { type Name, names, readers } from "./Readers.js"

const isName = (text: string | undefined): text is Name => names.some((name) => name === text)

const peak = (): number => process.resourceUsage().maxRSS * 1_024

const [name, filename, rows] = process.argv.slice(2)

if (!isName(name) || filename === undefined || rows === undefined) throw new Error("growth.js contender file rows")

await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const read = yield* readers[name](filename)
  yield* read(10_000)
  const before = peak()
  yield* read(Number(rows))
  console.log(peak() - before)
})))
