/**
 * The suites: one run of vitest over every project, and its counts.
 *
 * A worker thread inside a native step can keep vitest from exiting after its results are complete; it is then ended by
 * SIGKILL, and the results stand. Called by `scripts/test.mjs`.
 */
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { root, say } from "./repository.mjs"

/** How long vitest may take to exit once its results are complete. */
const exitWithin = 20_000
/** The whole of `npm test` has 15 minutes on two cores; what is not done by then hangs. */
const completeWithin = 12.5 * 60_000

const file = join(root, "out/test/results.json")
const part = `${file}.part`

/** What there was when the run was ended: said, and counted with one failure for what there was not. */
const unfinished = () => {
  say("vitest ended without results.")
  if (!existsSync(part)) return { files: 0, passed: 0, failed: 1, skipped: 0 }
  const { failed, files, of, passed, running, skipped } = JSON.parse(readFileSync(part, "utf8"))
  say(`Until then ${files} of ${of} files had ended: ${passed} passed, ${failed} failed, ${skipped} skipped.`)
  for (const name of running) say(`had not ended: ${name}`)
  return { files: of, passed, failed: failed + 1, skipped }
}

/** Answers with `{ files, passed, failed, skipped }`. What vitest itself did wrong counts as failed. */
export const suites = (env, args) =>
  new Promise((resolve) => {
    mkdirSync(dirname(file), { recursive: true })
    for (const old of [file, part]) rmSync(old, { force: true })
    const child = spawn(
      process.execPath,
      [
        "node_modules/vitest/vitest.mjs",
        "run",
        "--allowOnly=false",
        "--reporter=default",
        "--reporter=./scripts/internal/reporter.mjs",
        ...args
      ],
      {
        cwd: root,
        env: { ...process.env, ...env, SLUICE_RESULTS: file },
        stdio: ["ignore", "inherit", "inherit"],
        // A group of its own: its forks, which hold the threads, are killed with it.
        detached: true
      }
    )
    const signal = (name) => {
      try {
        process.kill(-child.pid, name)
      } catch {
        // The group is gone already.
      }
    }
    const interrupt = () => signal("SIGINT")
    const terminate = () => signal("SIGTERM")
    process.on("SIGINT", interrupt)
    process.on("SIGTERM", terminate)

    let killed = false
    let completeAt
    const start = Date.now()
    const watchdog = setInterval(() => {
      const now = Date.now()
      if (completeAt === undefined && existsSync(file)) completeAt = now
      if (completeAt !== undefined ? now - completeAt > exitWithin : now - start > completeWithin) {
        killed = true
        say(
          completeAt === undefined
            ? `vitest is not done after ${completeWithin / 60_000} minutes: ended by SIGKILL.`
            : `the results are complete and vitest does not exit (a thread is inside a native step): ended by SIGKILL.`
        )
        clearInterval(watchdog)
        signal("SIGKILL")
      }
    }, 250)

    child.on("close", (code) => {
      clearInterval(watchdog)
      process.off("SIGINT", interrupt)
      process.off("SIGTERM", terminate)
      // What a fork left behind after an orderly exit is ended as well.
      signal("SIGKILL")
      if (!existsSync(file)) return resolve(unfinished())
      const results = JSON.parse(readFileSync(file, "utf8"))
      if (results.failed === 0 && (results.reason !== "passed" || (!killed && code !== 0))) {
        say(`vitest ended with exit code ${code} (${results.reason}) although no test failed.`)
        results.failed++
      }
      resolve(results)
    })
  })
