/**
 * The machine: what a figure is worth nothing without. Cores, memory, load, versions.
 *
 * Called by `main` for the header.
 */
import Driver from "better-sqlite3"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { availableParallelism, cpus, loadavg, totalmem } from "node:os"
import { dirname, join } from "node:path"

const { resolve } = createRequire(import.meta.url)

// A package need not export its package.json, so the folder above its entry is searched.
const versionOf = (name: string): string => {
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

const sqliteVersion = (): string => {
  const db = new Driver(":memory:")
  const version = db.prepare<[], string>("SELECT sqlite_version()").pluck().get()
  db.close()
  return `SQLite ${version}`
}

export const header = (argv: ReadonlyArray<string>): string => {
  const model = cpus()[0]?.model.trim() ?? "unknown processor"
  return [
    `npm run bench${argv.length === 0 ? "" : ` -- ${argv.join(" ")}`}`,
    `${new Date().toISOString().slice(0, 10)}, ${availableParallelism()} cores (${model}), ${(totalmem() / 2 ** 30).toFixed(0)} GB, load ${loadavg()[0]!.toFixed(2)}`,
    `Node ${process.versions.node}, ${sqliteVersion()}, ${["better-sqlite3", "effect", "@effect/sql", "@effect/sql-sqlite-node", "generic-pool"].map(versionOf).join(", ")}`
  ].join("\n")
}
