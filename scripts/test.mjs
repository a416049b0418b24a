/**
 * `npm test`: everything that must hold. Builds, checks types with both compilers, lints, runs every suite.
 *
 * Its last line on stdout is the sum: `N passed, N failed` and, where there are any, `, N skipped`. A step that fails
 * before the suites counts as one failure and does not keep the later steps from running, unless they need it.
 * Arguments go to vitest (`npm test -- packages/core`); with them, the number of files is not checked.
 */
import { build, compiler } from "./internal/build.mjs"
import { node } from "./internal/child.mjs"
import { declarations } from "./internal/declarations.mjs"
import { install } from "./internal/install.mjs"
import { say, testFiles } from "./internal/repository.mjs"
import { scratch } from "./internal/scratch.mjs"
import { servers, start } from "./internal/servers.mjs"
import { suites } from "./internal/suites.mjs"

/** A floor beneath the floor: it holds when the walk over the folders is what went wrong. Raise it as files are added. */
const leastFiles = 20

const args = process.argv.slice(2)
const sum = { passed: 0, failed: 0, skipped: 0 }
const failures = []

const fail = (what) => {
  sum.failed++
  failures.push(what)
  say(`FAILED: ${what}`)
}

const step = async (what, effect) => {
  say(what)
  const code = await effect()
  if (code !== 0) fail(`${what} (exit code ${code})`)
  return code === 0
}

const run = async () => {
  if (!await install()) return fail("installing the dependencies")
  if (!await step("build", build)) return
  // It takes one core for half a minute, and nothing waits for it before the suites.
  const declared = declarations()
  await step("types of the packages (TypeScript 7)", () => node(compiler, ["-b", "tsconfig.json"]))
  await step("types of tests, examples and benchmarks (TypeScript 7)", () => node(compiler, ["-p", "tsconfig.tests.json"]))
  await step("lint", () => node("node_modules/oxlint/bin/oxlint", ["--deny-warnings"]))

  scratch()
  const running = await start(servers)
  if (process.env.CI === "true") for (const name of running.missing) fail(`${name} has no server, and under CI its suites may not be skipped`)
  try {
    // Not beside the suites: they measure time.
    await step("types as TypeScript 5.9 sees them", () => declared)
    say("suites")
    const results = await suites(running.env, args)
    sum.passed += results.passed
    sum.failed += results.failed
    sum.skipped += results.skipped
    if (results.failed > 0) failures.push(`${results.failed} in the suites`)
    if (results.passed + results.failed === 0) fail("no test ran")
    const floor = Math.max(leastFiles, testFiles().length)
    if (args.length === 0 && results.files < floor) fail(`${results.files} test files were collected, and there are ${floor}`)
  } finally {
    await running.stop()
  }
}

try {
  await run()
} catch (error) {
  fail(error instanceof Error ? error.stack : String(error))
}
for (const what of failures) say(`failed: ${what}`)
process.exitCode = sum.failed === 0 ? 0 : 1
console.log(`${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ""}`)
