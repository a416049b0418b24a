/**
 * Our declarations as TypeScript 5.9 sees them: nothing of ours is skipped as a library.
 *
 * What other packages' declarations have wrong is left out: some name what only a browser has, and no user of ours is shown them.
 * Called by `npm test`.
 */
import { spawnSync } from "node:child_process"
import { root } from "./repository.mjs"

/** Checks everything, prints what is wrong with ours, and answers with an exit code. */
export const declarations = () => {
  const { error, status, stdout } = spawnSync(
    process.execPath,
    ["node_modules/typescript5/bin/tsc", "-p", "tsconfig.tests.json", "--noEmit", "--skipLibCheck", "false", "--pretty", "false"],
    { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 }
  )
  // A line that is indented belongs to the one before it.
  let isOurs = true
  const ours = String(stdout).split("\n").filter((line) => {
    if (!line.startsWith(" ")) isOurs = line !== "" && !line.startsWith("node_modules/")
    return isOurs
  })
  if (ours.length > 0) console.log(ours.join("\n"))
  const isDone = error === undefined && (status === 0 || status === 2) && (status === 0 || String(stdout).trim() !== "")
  return isDone && ours.length === 0 ? 0 : status || 1
}
