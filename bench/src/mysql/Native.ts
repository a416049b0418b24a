/**
 * The native client, `mariadb` or `mysql`: a program that is started for each piece of work.
 *
 * Its CPU is not ours to count; its time, with its start, is. Called by the measurements on MySQL.
 */
import * as Effect from "effect/Effect"
import { spawn, spawnSync } from "node:child_process"
import type { Place } from "./Data.js"

const program = ["mariadb", "mysql"].find((name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0)

/** Runs statements, and throws their rows away. */
export const run = ({ database, host, password, port, user }: Place, sql: string, ...options: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (program === undefined) return resume(Effect.dieMessage("there is no native client"))
    const child = spawn(
      program,
      ["--no-defaults", "--protocol=tcp", `--host=${host}`, `--port=${port}`, `--user=${user}`, ...options, `--execute=${sql}`, database],
      { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, MYSQL_PWD: password } }
    )
    let complaint = ""
    child.stderr.on("data", (text) => {
      complaint += String(text)
    })
    child.on("close", (code) => resume(code === 0 ? Effect.void : Effect.dieMessage(`${program}: ${complaint.trim()}`)))
  })

/** Whether it is here. */
export const isHere = program !== undefined
