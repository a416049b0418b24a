/**
 * Our declarations as TypeScript 5.9 sees them: nothing of ours is skipped as a library.
 *
 * What other packages' declarations have wrong is left out: some name what only a browser has, and no user of ours is shown them.
 * Called by `npm test`.
 */
import { spawn } from "node:child_process"
import { root } from "./repository.mjs"

const compiled = () =>
  new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      ["node_modules/typescript5/bin/tsc", "-p", "tsconfig.tests.json", "--noEmit", "--skipLibCheck", "false", "--pretty", "false"],
      { cwd: root, stdio: ["ignore", "pipe", "inherit"] }
    )
    let stdout = ""
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text
    })
    child.on("error", (error) => resolve({ error, status: null, stdout }))
    child.on("close", (status) => resolve({ error: undefined, status, stdout }))
  })

/** Checks everything, prints what is wrong with ours, and answers with an exit code. */
export const declarations = async () => {
  const { error, status, stdout } = await compiled()
  // A line that is indented belongs to the one before it.
  let isOurs = true
  const ours = stdout.split("\n").filter((line) => {
    if (!line.startsWith(" ")) isOurs = line !== "" && !line.startsWith("node_modules/")
    return isOurs
  })
  if (ours.length > 0) console.log(ours.join("\n"))
  const isDone = error === undefined && (status === 0 || status === 2) && (status === 0 || stdout.trim() !== "")
  return isDone && ours.length === 0 ? 0 : status || 1
}
