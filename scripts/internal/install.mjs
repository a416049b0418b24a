/**
 * The installation of the dependencies: done when it is due, and explained when it cannot be done.
 *
 * It changes no lockfile. The one dependency with native code is better-sqlite3: it looks for a prebuilt binary and
 * compiles itself where it finds none, which takes a compiler and over a minute. Called by every script that needs
 * dependencies.
 */
import { spawnSync } from "node:child_process"
import { existsSync, realpathSync, statSync, utimesSync } from "node:fs"
import { dirname, join } from "node:path"
import { pinned, pnpm } from "./pnpm.mjs"
import { root, say, workspace } from "./repository.mjs"

const least = [20, 19]

const nodeIsTooOld = () => {
  const [major, minor] = process.versions.node.split(".").map(Number)
  return major < least[0] || (major === least[0] && minor < least[1])
}

const record = join(root, "node_modules", ".modules.yaml")

const isCurrent = () => {
  if (!existsSync(record)) return false
  const installed = statSync(record).mtimeMs
  return ["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json", ...workspace.map((folder) => `${folder}/package.json`)]
    .every((file) => statSync(join(root, file)).mtimeMs <= installed)
}

/** In a process of its own: a binary built for another Node may take the process down with it. */
const sqliteLoads = () =>
  spawnSync(process.execPath, ["-e", "new (require('better-sqlite3'))(':memory:').close()"], {
    cwd: join(root, "packages/sqlite"),
    stdio: "ignore"
  }).status === 0

/**
 * Node's headers lie beside many an installed Node, and node-gyp downloads them all the same, unless it is told. With
 * them the build needs no network beyond the package registry.
 */
const environment = () => {
  const prefix = dirname(dirname(realpathSync(process.execPath)))
  return process.env.npm_config_nodedir === undefined && existsSync(join(prefix, "include/node/node.h"))
    ? { ...process.env, npm_config_nodedir: prefix }
    : process.env
}

const answers = (command) => spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0

const explain = () => {
  const missing = [
    answers("c++") || answers("g++") || answers("clang++") ? undefined : "a C++ compiler (g++ or clang++)",
    answers("make") ? undefined : "make",
    answers("python3") ? undefined : "python3"
  ].filter((tool) => tool !== undefined)
  say("better-sqlite3 has no binary that this Node can load. It downloads one or, where it cannot, compiles itself.")
  say(
    missing.length > 0
      ? `To compile it this machine lacks: ${missing.join(", ")}.`
      : "The tools to compile it are here; the lines above say why it failed. Offline, node-gyp needs Node's headers: "
        + "set npm_config_nodedir to a prefix that has include/node/node.h."
  )
}

/** A line now and then: while better-sqlite3 compiles, pnpm may be silent for over a minute. */
const patiently = async (what, effect) => {
  const start = Date.now()
  const timer = setInterval(() => say(`still ${what} (${Math.round((Date.now() - start) / 1000)} s)`), 15_000)
  try {
    return await effect()
  } finally {
    clearInterval(timer)
  }
}

/** Answers with whether the dependencies are there now; where they are not, it has said why. */
export const install = async () => {
  if (nodeIsTooOld()) {
    say(`Node ${least.join(".")} or later is needed; this is ${process.versions.node}.`)
    return false
  }
  const current = isCurrent()
  if (current && sqliteLoads()) return true
  const env = environment()
  if (!current) {
    say(`installing the dependencies with ${pinned} (a first time takes a minute or two: better-sqlite3 may compile itself)`)
    // Without the purge option pnpm asks before it replaces a node_modules of another layout, and fails where nobody answers.
    const code = await patiently("installing", () =>
      pnpm(["install", "--frozen-lockfile", "--reporter=append-only", "--config.confirmModulesPurge=false"], env))
    if (code !== 0) {
      if (existsSync(join(root, "packages/sqlite/node_modules/better-sqlite3")) && !sqliteLoads()) explain()
      say(`pnpm install failed with exit code ${code}.`)
      return false
    }
  }
  if (!sqliteLoads()) {
    // An installation that is complete otherwise is left alone by pnpm install: another Node, or a build that broke off.
    say("building better-sqlite3 for this Node")
    await patiently("building better-sqlite3", () => pnpm(["rebuild", "--recursive", "better-sqlite3"], env))
    if (!sqliteLoads()) {
      explain()
      return false
    }
  }
  // pnpm does not rewrite its record when nothing had to change, and the record would stay older than the lockfile.
  const now = new Date()
  utimesSync(record, now, now)
  return true
}
