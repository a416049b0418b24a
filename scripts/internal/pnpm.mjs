/**
 * pnpm, in the version that package.json pins, without an installation of it.
 *
 * Through npx and not corepack: the signing keys inside the corepack of older Nodes are out of date. Called by
 * `install` and `pack`.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { run } from "./child.mjs"
import { root } from "./repository.mjs"

/** As npx wants it: `pnpm@<version>`. A hash behind a `+`, which corepack allows, is left out. */
export const pinned = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).packageManager.split("+")[0]

/** Runs pnpm at the root and answers with its exit code. */
export const pnpm = (args, env = process.env) => run("npx", ["--yes", pinned, ...args], { env })
