/**
 * A native client: a program that is started for each piece of work, and whose output nobody reads.
 *
 * Its CPU is not ours to count; its time, with its start, is. Called by the `Native` of each server.
 */
import * as Effect from "effect/Effect"
import { spawn, spawnSync } from "node:child_process"

/** The first of these programs that is here. */
export const find = (...programs: ReadonlyArray<string>): string | undefined =>
  programs.find((name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0)

/** Runs it to its end, with more in its environment. */
export const run = (program: string | undefined, args: ReadonlyArray<string>, environment: Readonly<Record<string, string>>): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (program === undefined) return resume(Effect.dieMessage("there is no native client"))
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...environment } })
    let complaint = ""
    child.stderr.on("data", (text) => {
      complaint += String(text)
    })
    child.on("error", (error) => resume(Effect.die(error)))
    child.on("close", (code) => resume(code === 0 ? Effect.void : Effect.dieMessage(`${program}: ${complaint.trim()}`)))
  })
