/**
 * A reporter for vitest: the run's counts as JSON, in the file that SLUICE_RESULTS names, once the run is complete.
 *
 * The built-in JSON reporter leaves out errors outside of tests, and after a run that had to be killed nothing else
 * knows of them. Loaded by vitest, beside its default reporter; read by `suites`.
 */
import { renameSync, writeFileSync } from "node:fs"

export default class Reporter {
  onTestRunEnd(modules, unhandledErrors, reason) {
    const results = { files: modules.length, passed: 0, failed: 0, skipped: 0, reason }
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
    results.failed += unhandledErrors.length
    // Renamed into place: who waits for the file never reads half of it.
    const file = process.env.SLUICE_RESULTS
    writeFileSync(`${file}.part`, JSON.stringify(results))
    renameSync(`${file}.part`, file)
  }
}
