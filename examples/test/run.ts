/**
 * Runs an example as its reader would: compiled before, as `npm test` does, and in a process of its own.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export interface Said {
  readonly status: number | null
  readonly stderr: string
  readonly lines: ReadonlyArray<string>
}

/** The exit code of an example, and what it said. */
export const run = (name: string, args: ReadonlyArray<string>, timeout = 60_000): Said => {
  const file = fileURLToPath(new URL(`../dist/${name}.js`, import.meta.url))
  const { status, stderr, stdout } = spawnSync(process.execPath, [file, ...args], { encoding: "utf8", timeout })
  return { status, stderr, lines: stdout.trimEnd().split("\n") }
}

/** The same on a file of SQLite that is gone afterwards. */
export const runOnFile = (name: string): Said => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-example-"))
  try {
    return run(name, [join(folder, "app.db")])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What an example says that ends well. */
export const said = (...lines: ReadonlyArray<string>): Said => ({ status: 0, stderr: "", lines })
