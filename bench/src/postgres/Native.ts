/**
 * The native client, `psql`. Called by the measurements on PostgreSQL.
 */
import type * as Effect from "effect/Effect"
import * as Native from "../Native.js"
import type { Place } from "../Served.js"

const program = Native.find("psql")

/** Whether it is here. */
export const isHere = program !== undefined

/** Runs one command. */
export const run = ({ database, host, password, port, user }: Place, command: string): Effect.Effect<void> =>
  Native.run(
    program,
    ["--no-psqlrc", "--quiet", `--host=${host}`, `--port=${port}`, `--username=${user}`, `--command=${command}`, database],
    { PGPASSWORD: password }
  )
