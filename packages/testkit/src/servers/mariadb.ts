/**
 * MariaDB as a server of a test's own: user `root` without a password, an empty database `test`.
 *
 * @since 0.1.0
 */
import { existsSync } from "node:fs"
import type * as LocalServer from "../LocalServer.js"

const binary = ["/usr/sbin/mariadbd", "/usr/local/sbin/mariadbd", "/usr/libexec/mariadbd", "/opt/homebrew/bin/mariadbd"].find((path) =>
  existsSync(path))

/** How MariaDB is made and started; `undefined` where it is not installed. */
export const mariadb: LocalServer.Options | undefined = binary === undefined ? undefined : {
  name: "mariadb",
  prepare: (folder) => ["mariadb-install-db", ["--no-defaults", "--auth-root-authentication-method=normal", `--datadir=${folder}/data`, `--tmpdir=${folder}`]],
  serve: (folder, port) => [binary, [
    "--no-defaults",
    "--skip-name-resolve",
    `--datadir=${folder}/data`,
    // A server that starts deletes the temporary tables that it finds, others' too.
    `--tmpdir=${folder}`,
    `--port=${port}`,
    "--bind-address=127.0.0.1",
    `--socket=${folder}/socket`,
    "--local-infile=1",
    // What was committed is there after a SIGKILL; more connections than a test opens.
    "--innodb-flush-log-at-trx-commit=1",
    "--max-connections=300"
  ]]
}
