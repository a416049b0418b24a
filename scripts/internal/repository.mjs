/**
 * The repository: where its root is, and which workspace folders it has.
 *
 * It starts nothing. Read by every script; plain Node, since the scripts run before anything is installed.
 */
import { existsSync, readdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** The folders of the published packages, relative to the root. */
export const packages = readdirSync(join(root, "packages"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(join(root, "packages", entry.name, "package.json")))
  .map((entry) => `packages/${entry.name}`)

/** Every folder of the workspace but the root: the same list as pnpm-workspace.yaml. */
export const workspace = [...packages, "bench", "examples"].filter((folder) => existsSync(join(root, folder, "package.json")))

/** Every test file below the `test` folders, relative to the root. */
export const testFiles = () =>
  workspace.flatMap((folder) => {
    const tests = join(root, folder, "test")
    return existsSync(tests)
      ? readdirSync(tests, { recursive: true }).filter((file) => file.endsWith(".test.ts")).map((file) => `${folder}/test/${file}`)
      : []
  })

/** One line of a script, told apart from what its children print. */
export const say = (line) => console.log(`[sluice] ${line}`)
