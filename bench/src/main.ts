/**
 * The measurements: runs them one after the other and prints one table.
 *
 * Each contender's figure is the median over the rounds; a ratio is the median of the rounds' ratios. Started by
 * `npm run bench`.
 */
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Arguments, parse, usage } from "./Arguments.js"
import { borrowing } from "./Borrowing.js"
import { bulkInsert } from "./BulkInsert.js"
import { type Data, write } from "./Data.js"
import { eventLoop } from "./EventLoop.js"
import * as Machine from "./Machine.js"
import type { Measurement, Settings } from "./Measurement.js"
import { overhead } from "./Overhead.js"
import { pointQuery } from "./PointQuery.js"
import { streaming } from "./Streaming.js"
import { type Line, print } from "./Table.js"

const measurements: ReadonlyArray<Measurement> = [pointQuery, overhead, borrowing, streaming, bulkInsert, eventLoop]

const names = measurements.map(({ name }) => name)

const settings = ({ rounds, rows }: Arguments, folder: string): Settings => {
  let files = 0
  const newFile = (name: string): string => join(folder, `${name}-${++files}.db`)
  let written: Data | undefined
  return { rounds, rows, newFile, data: () => (written ??= write(newFile("data"), rows)) }
}

const run = (chosen: ReadonlyArray<Measurement>, settings: Settings): Effect.Effect<ReadonlyArray<Line>, unknown> =>
  Effect.map(
    Effect.forEach(chosen, ({ name, run }) =>
      Effect.scoped(Effect.suspend(() => {
        console.error(`${name} …`)
        return run(settings)
      }))),
    (lines) => lines.flat()
  )

const main = async (argv: ReadonlyArray<string>): Promise<void> => {
  const parsed = parse(argv, names)
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"))
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
  process.once("SIGINT", () => process.exit(130))
  process.once("SIGTERM", () => process.exit(143))
  const header = Machine.header(argv)
  const start = performance.now()
  const chosen = measurements.filter(({ name }) => parsed.only.length === 0 || parsed.only.includes(name))
  const lines = await Effect.runPromise(run(chosen, settings(parsed, folder)))
  console.log(header)
  console.log(`medians of ${parsed.rounds} interleaved rounds after a warm-up; µs are CPU of the whole process per item; ${((performance.now() - start) / 1_000).toFixed(0)} s in all\n`)
  console.log(print(lines))
}

const argv = process.argv.slice(2)
try {
  await main(argv)
} catch (error) {
  console.error(error)
  console.error(usage(names))
  process.exitCode = 1
}
