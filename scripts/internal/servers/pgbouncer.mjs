/**
 * PgBouncer in transaction mode before a PostgreSQL: found on this machine, and run as an instance of its own.
 *
 * It passes every database on under its name, asks nobody for a password, and keeps its sessions on the server to itself
 * no longer than a second. Called by the registry of servers.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { binary, freePort, remove, running, temporary } from "./process.mjs"

/** The program's path, where it is here. */
export const find = () => binary("/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer")

/** Starts it before the server that this url names. Answers with the url of the administrator behind it, and `stop`. */
export const launch = async (program, url) => {
  const { hostname, password, pathname, port, username } = new URL(url)
  const folder = temporary("sluice-pgbouncer-")
  try {
    const own = await freePort()
    writeFileSync(join(folder, "users.txt"), `"${decodeURIComponent(username)}" "${decodeURIComponent(password)}"\n`)
    writeFileSync(join(folder, "pgbouncer.ini"), [
      "[databases]",
      `* = host=${hostname} port=${port || 5432}`,
      "[pgbouncer]",
      "listen_addr = 127.0.0.1",
      `listen_port = ${own}`,
      "unix_socket_dir =",
      "auth_type = trust",
      `auth_file = ${join(folder, "users.txt")}`,
      "pool_mode = transaction",
      "max_client_conn = 1000",
      "default_pool_size = 20",
      "server_idle_timeout = 1",
      "autodb_idle_timeout = 5",
      ""
    ].join("\n"))
    const server = await running([program, "-q", join(folder, "pgbouncer.ini")], own)
    return {
      port: own,
      url: `postgres://${username}@127.0.0.1:${own}${pathname}`,
      // SIGTERM is its immediate shutdown.
      stop: async () => {
        await server.stop("SIGTERM")
        remove(folder)
      }
    }
  } catch (error) {
    remove(folder)
    throw error
  }
}
