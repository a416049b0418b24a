/**
 * The native client, `mariadb` or `mysql`. Called by the measurements on MySQL.
 */
import type * as Effect from "effect/Effect"
import * as Native from "../Native.js"
import type { Place } from "../Served.js"

const program = Native.find("mariadb", "mysql")

/** Whether it is here. */
export const isHere = program !== undefined

/** Runs statements, and throws their rows away. */
export const run = ({ database, host, password, port, user }: Place, sql: string, ...options: ReadonlyArray<string>): Effect.Effect<void> =>
  Native.run(
    program,
    ["--no-defaults", "--protocol=tcp", `--host=${host}`, `--port=${port}`, `--user=${user}`, ...options, `--execute=${sql}`, database],
    { MYSQL_PWD: password }
  )
