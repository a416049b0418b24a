/**
 * MySQL itself as a server of a test's own: user `root` without a password, an empty database `test`.
 *
 * It is the `mysqld` that SLUICE_MYSQLD names, one that is installed, or one that was unpacked beside its libraries (where
 * the test command puts it), which then runs by the loader in there. MariaDB installs its server under the same name: each
 * one is asked.
 *
 * @since 0.1.0
 */
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import type * as LocalServer from "../LocalServer.js"

interface Program {
  readonly command: readonly [program: string, ...args: ReadonlyArray<string>]
  /** Where it finds what it would look for below its prefix. */
  readonly args: ReadonlyArray<string>
}

const cache = process.getuid?.() === 0 ? "/var/cache/sluice" : join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "sluice")

const unpacked = (root: string): ReadonlyArray<Program> => {
  const lib = join(root, "usr/lib")
  if (!existsSync(lib)) return []
  const libraries = readdirSync(lib).filter((name) => name.includes("-linux-gnu")).map((name) => join(lib, name))
  const loader = libraries.flatMap((folder) => readdirSync(folder).filter((file) => /^ld-linux.*\.so/.test(file)).map((file) => join(folder, file)))[0]
  return loader === undefined ? [] : [{
    command: [loader, "--library-path", libraries.join(":"), join(root, "usr/sbin/mysqld")],
    args: [
      `--lc-messages-dir=${join(root, "usr/share/mysql")}`,
      `--character-sets-dir=${join(root, "usr/share/mysql/charsets")}`,
      `--plugin-dir=${join(lib, "mysql/plugin")}`
    ]
  }]
}

const isMysql = ({ command: [program, ...args] }: Program): boolean => {
  const { status, stdout } = spawnSync(program, [...args, "--no-defaults", "--version"], { encoding: "utf8" })
  return status === 0 && /\bVer [89]\./.test(stdout) && !/mariadb/i.test(stdout)
}

const named = process.env["SLUICE_MYSQLD"]
const paths = named === undefined ? ["/usr/sbin/mysqld", "/usr/local/sbin/mysqld", "/usr/local/bin/mysqld", "/opt/homebrew/bin/mysqld"] : [named]
const found = [
  ...paths.filter((path) => existsSync(path)).map((path): Program => ({ command: [path], args: [] })),
  ...(named === undefined ? unpacked(join(cache, "mysql-sid")) : [])
].find(isMysql)

const options = ({ args, command: [program, ...before] }: Program): LocalServer.Options => {
  const run = (folder: string, more: ReadonlyArray<string>): LocalServer.Command => [program, [...before, "--no-defaults", `--datadir=${folder}/data`, `--tmpdir=${folder}`, ...args, ...more]]
  // Its administrator is root@localhost, and without names no client is that.
  const accounts = (folder: string): string =>
    `printf '%s\\n' "CREATE USER root@127.0.0.1 IDENTIFIED BY '';" "GRANT ALL ON *.* TO root@127.0.0.1 WITH GRANT OPTION;" "CREATE DATABASE test;" > '${folder}/accounts.sql'`
  return {
    name: "mysql",
    prepare: (folder) => {
      const [first, rest] = run(folder, ["--initialize-insecure", `--init-file=${folder}/accounts.sql`])
      return ["sh", ["-c", `${accounts(folder)} && exec "$@"`, "sh", first, ...rest]]
    },
    serve: (folder, port) => run(folder, [
      "--skip-name-resolve",
      `--port=${port}`,
      "--bind-address=127.0.0.1",
      `--socket=${folder}/socket`,
      `--pid-file=${folder}/pid`,
      "--mysqlx=OFF",
      "--skip-log-bin",
      "--secure-file-priv=NULL",
      "--innodb-buffer-pool-size=64M",
      // MySQL 9.7.4 by itself checks no foreign key of an INSERT that comes after one that failed on a second unique key.
      "--loose-innodb-native-foreign-keys=ON",
      "--local-infile=1",
      // What was committed is there after a SIGKILL; more connections than a test opens.
      "--innodb-flush-log-at-trx-commit=1",
      "--max-connections=300"
    ])
  }
}

/** How MySQL is made and started; `undefined` where it is not installed. */
export const mysql: LocalServer.Options | undefined = found === undefined ? undefined : options(found)
