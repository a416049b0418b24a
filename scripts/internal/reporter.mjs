/**
 * A reporter for vitest: the run's counts as JSON, in the file that SLUICE_RESULTS names, once the run is complete.
 *
 * The built-in JSON reporter leaves out errors outside of tests, and after a run that had to be killed nothing else
 * knows of them. Beside that file, at its name and `.part`, lies what there is so far: the counts of the files that have ended, and
 * the names of those that run. Loaded by vitest, beside its default reporter; read by `suites`.
 */
import { renameSync, writeFileSync } from "node:fs"
import { relative } from "node:path"

const counts = (modules) => {
  const results = { files: modules.length, passed: 0, failed: 0, skipped: 0 }
  for (const module of modules) {
    let failedTests = 0
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      if (state === "passed") results.passed++
      else if (state === "failed") failedTests++
      else results.skipped++
    }
    // A file that cannot be loaded, or a hook that fails, has no failing test and is a failure.
    results.failed += failedTests === 0 && module.state() === "failed" ? 1 : failedTests
  }
  return results
}

// Renamed into place: who waits for the file never reads half of it.
const write = (file, results) => {
  writeFileSync(`${file}.new`, JSON.stringify(results))
  renameSync(`${file}.new`, file)
}

export default class Reporter {
  file = process.env.SLUICE_RESULTS
  all = 0
  running = new Set()
  ended = []

  soFar() {
    const running = [...this.running].map((file) => relative(process.cwd(), file))
    write(`${this.file}.part`, { ...counts(this.ended), of: this.all, running })
  }

  onTestRunStart(specifications) {
    this.all = specifications.length
    this.soFar()
  }

  onTestModuleQueued({ moduleId }) {
    this.running.add(moduleId)
    this.soFar()
  }

  onTestModuleEnd(module) {
    this.running.delete(module.moduleId)
    this.ended.push(module)
    this.soFar()
  }

  onTestRunEnd(modules, unhandledErrors, reason) {
    const results = counts(modules)
    write(this.file, { ...results, failed: results.failed + unhandledErrors.length, reason })
  }
}
