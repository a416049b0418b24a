/**
 * The order of the suites: those that take minutes begin first, so that none of them is left alone at the end.
 *
 * They wait more than they work: servers that start, networks that fall silent. The projects are in `vitest.workspace.ts`.
 */
import { defineConfig } from "vitest/config"
import { BaseSequencer } from "vitest/node"

const longest = [
  /\/conformance\b/,
  /\/(?:faults|pgbouncer|pglite)\b/,
  /\/(?:hosts|bulk|large|tls|batcher|replicas|secured|ecosystem|interruption|spool|mysql\.test|examples)\b/
]

const rank = ({ moduleId }) => {
  const found = longest.findIndex((name) => name.test(moduleId))
  return found === -1 ? longest.length : found
}

class LongestFirst extends BaseSequencer {
  sort(files) {
    return Promise.resolve(files.toSorted((a, b) => rank(a) - rank(b)))
  }
}

// By itself vitest leaves a core free: of two, one would run everything, and mostly wait (tried: 7 minutes at a load of 1).
export default defineConfig({ test: { sequence: { sequencer: LongestFirst }, maxWorkers: 2, minWorkers: 1 } })
