/**
 * PostgreSQL as a server of a test's own: user `postgres` without a password, whose database has the same name.
 *
 * @since 0.1.0
 */
import { existsSync, readdirSync } from "node:fs"
import type * as LocalServer from "../LocalServer.js"

const debian = "/usr/lib/postgresql"

const folders = [
  ...(existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)).map((version) => `${debian}/${version}/bin`) : []),
  "/usr/local/bin",
  "/usr/bin",
  "/opt/homebrew/bin"
]

const bin = folders.find((folder) => existsSync(`${folder}/initdb`) && existsSync(`${folder}/postgres`))

/** How PostgreSQL is made and started; `undefined` where it is not installed. */
export const postgres: LocalServer.Options | undefined = bin === undefined ? undefined : {
  name: "postgres",
  prepare: (folder) => [`${bin}/initdb`, ["--auth=trust", "--no-sync", "--username=postgres", "--encoding=UTF8", "--locale=C", `--pgdata=${folder}/data`]],
  serve: (folder, port) => [`${bin}/postgres`, [
    "-D", `${folder}/data`,
    "-p", String(port),
    "-c", "listen_addresses=127.0.0.1",
    "-c", `unix_socket_directories=${folder}`,
    // What was committed is there after a SIGKILL of its processes, if not after that of the machine.
    "-c", "fsync=off",
    // Shared memory in its folder goes with it: a server that is killed leaves its own behind in the system's, until that is full.
    "-c", "dynamic_shared_memory_type=mmap",
    // It hears of a client that is gone while a statement runs only where it is told to look.
    "-c", "client_connection_check_interval=200",
    // More connections than a test opens.
    "-c", "max_connections=300"
  ]]
}
