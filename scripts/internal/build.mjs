/**
 * The build: every package, the examples and the benchmarks, from TypeScript to `dist`.
 *
 * Incremental: what has not changed is not compiled again. Called after `install` by every script that runs something.
 */
import { node } from "./child.mjs"
import { install } from "./install.mjs"
import { say } from "./repository.mjs"

export const compiler = "node_modules/typescript/bin/tsc"

/** Answers with the compiler's exit code. */
export const build = () => {
  say("building")
  return node(compiler, ["-b", "tsconfig.build.json"])
}

/** Installs and builds; ends this process where either fails. */
export const prepare = async () => {
  if (!await install()) process.exit(1)
  const code = await build()
  if (code !== 0) {
    say(`the build failed with exit code ${code}.`)
    process.exit(code)
  }
}
