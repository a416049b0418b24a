/**
 * A child: a process of its own for one turn, and what its work cost.
 *
 * Its rate is turns per second, as if it did nothing else; its CPU counts all that it started. Called by the measurements here.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Sample } from "./Work.js"

export class Failed extends Data.TaggedError("Failed")<{ readonly message: string }> {}

/** The repository: what the children are started in. */
export const root = fileURLToPath(new URL("../../", import.meta.url))

/** Runs a program to its end: what it said. */
export const run = (folder: string, command: string, args: ReadonlyArray<string>): Effect.Effect<string, Failed> =>
  Effect.suspend(() => {
    const { error, status, stderr, stdout } = spawnSync(command, args, { cwd: folder, encoding: "utf8" })
    return status === 0 ? Effect.succeed(stdout) : new Failed({ message: `${command} ${args.join(" ")}: ${error?.message ?? `exit code ${status}\n${stdout}${stderr}`}` })
  })

/** Imports modules where nothing is loaded yet. Node's own start is not in it. */
export const importing = (...modules: ReadonlyArray<string>): Effect.Effect<Sample, Failed> => {
  const text = `const cpu = process.cpuUsage(), start = performance.now()
for (const module of ${JSON.stringify(modules)}) await import(module)
const { system, user } = process.cpuUsage(cpu)
console.log(JSON.stringify({ rate: 1_000 / (performance.now() - start), cpu: user + system }))`
  return Effect.map(run(`${root}/bench`, process.execPath, ["--input-type=module", "--eval", text]), (said): Sample => JSON.parse(said))
}

/** Runs a program of Node to its end. The shell's `times` counts the processes that it starts, too. */
export const running = (program: string, args: ReadonlyArray<string>): Effect.Effect<Sample, Failed> =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(run(root, "sh", ["-c", `"$@" && times`, "sh", process.execPath, program, ...args]), (said): Sample => {
      const rate = 1_000 / (performance.now() - start)
      // The last line: minutes and seconds of user and of system time, of what the shell has started.
      const seconds = [...(said.trimEnd().split("\n").at(-1) ?? "").matchAll(/(\d+)m([\d.]+)s/g)].map(([, minutes, rest]) => Number(minutes) * 60 + Number(rest))
      return { rate, cpu: seconds.reduce((sum, n) => sum + n, 0) * 1_000_000 }
    })
  })
