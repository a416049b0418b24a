/**
 * The machine: what a figure is worth nothing without. Cores, memory, load, versions.
 *
 * Called by `main` for the header, and by the suites for their versions.
 */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { availableParallelism, cpus, loadavg, totalmem } from "node:os"
import { dirname, join } from "node:path"

const { resolve } = createRequire(import.meta.url)

// A package need not export its package.json, so the folder above its entry is searched.
export const versionOf = (name: string): string => {
  for (let folder = dirname(resolve(name)); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const found: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
      if (typeof found === "object" && found !== null && "name" in found && found.name === name && "version" in found) return `${name} ${found.version}`
    } catch {
      continue
    }
  }
  return `${name} unknown`
}

/** The first lines of what is printed; `versions` are those of the suites that ran. */
export const header = (argv: ReadonlyArray<string>, versions: ReadonlyArray<string>): string => {
  const model = cpus()[0]?.model.trim() ?? "unknown processor"
  return [
    `npm run bench${argv.length === 0 ? "" : ` -- ${argv.join(" ")}`}`,
    `${new Date().toISOString().slice(0, 10)}, ${availableParallelism()} cores (${model}), ${(totalmem() / 2 ** 30).toFixed(0)} GB, load ${loadavg()[0]!.toFixed(2)}`,
    `Node ${process.versions.node}, ${[versionOf("effect"), versionOf("@effect/sql"), ...versions].join(", ")}`
  ].join("\n")
}
