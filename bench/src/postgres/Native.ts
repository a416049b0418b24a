/**
 * The native client, `psql`: a program that is started for each piece of work.
 *
 * Its CPU is not ours to count; its time, with its start, is. Called by the measurements on PostgreSQL.
 */
import * as Effect from "effect/Effect"
import { spawn, spawnSync } from "node:child_process"
import type { Place } from "./Data.js"

/** Whether it is here. */
export const isHere = spawnSync("psql", ["--version"], { stdio: "ignore" }).status === 0

/** Runs one command. */
export const run = ({ database, host, password, port, user }: Place, command: string): Effect.Effect<void> =>
  Effect.async((resume) => {
    const child = spawn(
      "psql",
      ["--no-psqlrc", "--quiet", `--host=${host}`, `--port=${port}`, `--username=${user}`, `--command=${command}`, database],
      { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, PGPASSWORD: password } }
    )
    let complaint = ""
    child.stderr.on("data", (text) => {
      complaint += String(text)
    })
    child.on("error", (error) => resume(Effect.die(error)))
    child.on("close", (code) => resume(code === 0 ? Effect.void : Effect.dieMessage(`psql: ${complaint.trim()}`)))
  })
