/**
 * The order of the suites: those that take minutes begin first, so that none of them is left alone at the end.
 *
 * They wait more than they work: servers that start, networks that fall silent. The projects are in `vitest.workspace.ts`.
 */
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

const longest: ReadonlyArray<RegExp> = [/\/conformance\b/, /\/faults\b/, /\/(?:hosts|bulk|large|tls|batcher|replicas)\b/]

const rank = ({ moduleId }: TestSpecification): number => {
  const found = longest.findIndex((name) => name.test(moduleId))
  return found === -1 ? longest.length : found
}

class LongestFirst extends BaseSequencer {
  override sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    return Promise.resolve(files.toSorted((a, b) => rank(a) - rank(b)))
  }
}

export default defineConfig({ test: { sequence: { sequencer: LongestFirst } } })
