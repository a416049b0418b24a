/**
 * The measurements: runs the suites one after the other and prints a table of each.
 *
 * Each contender's figure is the median over the rounds; a ratio is the median of the rounds' ratios. Started by
 * `npm run bench`.
 */
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parse, usage } from "./Arguments.js"
import { batcher } from "./batcher/suite.js"
import * as Machine from "./Machine.js"
import { mysql } from "./mysql/suite.js"
import { pool } from "./pool/suite.js"
import { postgres } from "./postgres/suite.js"
import { sqlite } from "./sqlite/suite.js"
import { startup } from "./startup/suite.js"
import type { Report, Suite } from "./Suite.js"
import { print } from "./Table.js"

const suites: ReadonlyArray<Suite> = [pool, startup, batcher, sqlite, mysql, postgres]

const main = async (argv: ReadonlyArray<string>): Promise<void> => {
  const parsed = parse(argv, suites)
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"))
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
  process.once("SIGINT", () => process.exit(130))
  process.once("SIGTERM", () => process.exit(143))
  const start = performance.now()
  const reports: Array<Report> = []
  for (const suite of suites) {
    const chosen = suite.measurements.filter((name) => parsed.only.length === 0 || parsed.only.includes(name))
    if (chosen.length === 0 || (parsed.suites.length > 0 && !parsed.suites.includes(suite.name))) continue
    const report = await Effect.runPromise(suite.run({ rounds: parsed.rounds, rows: parsed.rows, folder }, chosen))
    if (typeof report === "string") console.error(`!!! ${suite.name}: SKIPPED, ${report}`)
    else reports.push(report)
  }
  console.log(Machine.header(argv, reports.flatMap(({ versions }) => versions)))
  console.log(`medians of ${parsed.rounds} interleaved rounds after a warm-up; µs are CPU of the whole process per item; ${((performance.now() - start) / 1_000).toFixed(0)} s in all`)
  for (const { head, lines, name } of reports) console.log(`\n${name}\n\n${print(head, lines)}`)
}

const argv = process.argv.slice(2)
try {
  await main(argv)
} catch (error) {
  console.error(error)
  console.error(usage(suites))
  process.exitCode = 1
}
