/**
 * MySQL itself: found on this machine or fetched from Debian's sid into a cache, and run as an instance of its own.
 *
 * Debian's releases carry MariaDB alone. sid's `mysql-server-core` is fetched by apt with a state of its own, so that
 * nothing is installed and no list of the system changes, and unpacked with every library that it needs, the C library
 * among them, by whose loader it runs. Called by the registry of servers, and by tests that need a MySQL of their own.
 */
import { spawnSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, writeFileSync } from "node:fs"
import { homedir, tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { instance } from "./instance.mjs"
import { complete, remove, succeeds } from "./process.mjs"

/** Beside the repository, and where the user that the server runs as may read. */
const cache = () =>
  process.getuid?.() === 0 ? "/var/cache/sluice" : join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "sluice")

const unpacked = () => join(cache(), "mysql-sid")

/** How the server in an unpacked tree is run: by the loader beside it, with the libraries beside it. */
const inside = (root) => {
  const libraries = readdirSync(join(root, "usr/lib"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name.includes("-linux-gnu"))
    .map((entry) => join(root, "usr/lib", entry.name))
  const loader = libraries.flatMap((folder) => readdirSync(folder).filter((file) => /^ld-linux.*\.so/.test(file)).map((file) => join(folder, file)))[0]
  if (loader === undefined) return undefined
  return {
    command: [loader, "--library-path", libraries.join(":"), join(root, "usr/sbin/mysqld")],
    args: [
      `--lc-messages-dir=${join(root, "usr/share/mysql")}`,
      `--character-sets-dir=${join(root, "usr/share/mysql/charsets")}`,
      `--plugin-dir=${join(root, "usr/lib/mysql/plugin")}`
    ]
  }
}

/** Whether it is MySQL: MariaDB installs its server under this name, too. */
const isMysql = ({ command: [file, ...args] }) => {
  const { status, stdout } = spawnSync(file, [...args, "--no-defaults", "--version"], { encoding: "utf8" })
  return status === 0 && /\bVer [89]\./.test(stdout) && !/mariadb/i.test(stdout)
}

/** The server that SLUICE_MYSQLD names, one on the PATH, or the cache's. */
export const find = () => {
  const named = process.env.SLUICE_MYSQLD
  const paths = named === undefined ? [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin"].map((folder) => join(folder, "mysqld")) : [named]
  const here = paths.filter(existsSync).map((path) => ({ command: [path], args: [] }))
  const fetched = named === undefined && existsSync(unpacked()) ? inside(unpacked()) : undefined
  return [...here, ...(fetched === undefined ? [] : [fetched])].find(isMysql)
}

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

/** From Debian's sid, about 60 MB, by apt and with its signatures checked. */
export const fromSid = {
  name: "apt-get download of mysql-server-core from Debian's sid",
  isPossible: () => process.env.SLUICE_MYSQLD === undefined && existsSync(keyring) && succeeds("apt-get", ["--version"]) && succeeds("dpkg-deb", ["--version"]),
  run: () => {
    const work = mkdtempSync(join(tmpdir(), "sluice-sid-"))
    try {
      download(work)
      // Moved into its place when it is whole: another process sees all of it or nothing.
      mkdirSync(cache(), { recursive: true })
      const whole = `${unpacked()}.${process.pid}`
      unpack(join(work, "cache/archives"), whole)
      try {
        renameSync(whole, unpacked())
      } catch {
        remove(whole)
      }
      return find()
    } catch {
      return undefined
    } finally {
      remove(work)
    }
  }
}

const download = (work) => {
  for (const folder of ["lists/partial", "cache/archives/partial"]) mkdirSync(join(work, folder), { recursive: true })
  writeFileSync(join(work, "sid.sources"), `Types: deb\nURIs: http://deb.debian.org/debian\nSuites: sid\nComponents: main\nSigned-By: ${keyring}\n`)
  // Of an empty system: everything that the server needs is fetched, whatever is installed here.
  writeFileSync(join(work, "status"), "")
  const settings = {
    "Dir::Etc::sourcelist": join(work, "sid.sources"),
    "Dir::Etc::sourceparts": "-",
    "Dir::State::lists": join(work, "lists"),
    "Dir::State::status": join(work, "status"),
    "Dir::Cache": join(work, "cache"),
    "APT::Install-Recommends": "false",
    "APT::Sandbox::User": "root",
    "Acquire::Languages": "none",
    "Acquire::Retries": "2",
    "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false"
  }
  writeFileSync(join(work, "apt.conf"), Object.entries(settings).map(([key, value]) => `${key} "${value}";\n`).join(""))
  const apt = (...args) => {
    if (!succeeds("apt-get", args, { env: { ...process.env, APT_CONFIG: join(work, "apt.conf") }, timeout: 120_000 })) throw new Error(`apt-get ${args[0]}`)
  }
  apt("update")
  apt("install", "--yes", "--download-only", "mysql-server-core")
}

const unpack = (archives, into) => {
  mkdirSync(into)
  chmodSync(into, 0o755)
  for (const file of readdirSync(archives)) {
    // Its scripts want Perl; the server does not.
    if (!file.endsWith(".deb") || /^(lib)?perl/.test(file)) continue
    if (!succeeds("dpkg-deb", ["--extract", join(archives, file), into])) throw new Error(`dpkg-deb ${file}`)
  }
}

/** Starts an instance of a server that `find` found. */
export const launch = ({ args, command }, more = []) =>
  instance("mysql", (folder) => {
    const data = join(folder, "data")
    const start = [...command, "--no-defaults", `--datadir=${data}`, ...args]
    // Its administrator is root@localhost, and without names no client is that.
    const grants = join(folder, "grants.sql")
    writeFileSync(grants, "CREATE USER root@127.0.0.1 IDENTIFIED BY '';\nGRANT ALL ON *.* TO root@127.0.0.1 WITH GRANT OPTION;\n")
    complete([...start, "--initialize-insecure", `--init-file=${grants}`])
    // MySQL 9.7.4 by itself checks no foreign key of an INSERT that comes after one that failed on a second unique key (seen); InnoDB does.
    return [...start, "--mysqlx=OFF", "--skip-log-bin", "--secure-file-priv=NULL", "--innodb-buffer-pool-size=64M", "--loose-innodb-native-foreign-keys=ON"]
  }, more)
