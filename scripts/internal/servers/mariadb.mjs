/**
 * MariaDB: found on this machine, and run as an instance of its own.
 *
 * Called by the registry of servers, and by tests that need a MariaDB of their own.
 */
import { join } from "node:path"
import { instance } from "./instance.mjs"
import { binary, complete } from "./process.mjs"

/** The path of the server, where it is here. */
export const find = () => binary("/usr/sbin/mariadbd", "/usr/local/sbin/mariadbd", "/usr/libexec/mariadbd", "/opt/homebrew/bin/mariadbd")

/** Starts an instance of the server at this path. */
export const launch = (path, args) =>
  instance("mariadb", (folder) => {
    const data = join(folder, "data")
    complete(["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", `--datadir=${data}`, `--tmpdir=${folder}`])
    return [path, "--no-defaults", `--datadir=${data}`]
  }, args)
