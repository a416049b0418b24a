/**
 * The projects of vitest: one for every workspace folder that has tests.
 *
 * Forks and not threads: a test that leaves a native step running, or brings its process down, does so alone.
 */
import { existsSync, readdirSync } from "node:fs"
import { defineWorkspace } from "vitest/config"

const packages = readdirSync(new URL("packages/", import.meta.url)).map((name) => `packages/${name}`)

export default defineWorkspace(
  [...packages, "examples", "bench"]
    .filter((folder) => existsSync(new URL(`${folder}/test`, import.meta.url)))
    .map((folder) => ({
      test: {
        name: folder.replace("packages/", ""),
        root: folder,
        include: ["test/**/*.test.ts"],
        pool: "forks" as const,
        testTimeout: 20_000,
        hookTimeout: 30_000,
        teardownTimeout: 10_000,
        // What is built is imported as it is, and not transformed once more: 0.6 s of CPU for every file.
        server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } }
      }
    }))
)
