/**
 * The servers that the suites of the dialects need: found, installed where that may be, started and stopped.
 *
 * It knows no dialect: `servers` is the list, and SQLite needs none. An entry is
 * - `name`: the dialect's word for it;
 * - `find()`: what `start` needs where the server is here already (a binary's path), else `undefined`;
 * - `install`: ways to get it, tried in order (`aptGet`, `container`, `npmBinary`);
 * - `start(found, env)`: starts it and answers with the environment variables by which the suite reaches it; `env` has
 *   those of the servers before it;
 * - `stop()`: ends it and leaves nothing behind;
 * - `isOptional`: whether the suites may run without it, under CI too;
 * - `hint`: what a person installs where no way is open.
 *
 * Called by `scripts/test.mjs`.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { root, say } from "./repository.mjs"
import * as Mariadb from "./servers/mariadb.mjs"
import * as Mysql from "./servers/mysql.mjs"
import * as Pgbouncer from "./servers/pgbouncer.mjs"
import * as Postgres from "./servers/postgres.mjs"
import { succeeds } from "./servers/process.mjs"

/** By apt-get, as root: the entry's `find` is asked again afterwards. */
export const aptGet = (...packages) => ({
  name: `apt-get install ${packages.join(" ")}`,
  isPossible: () => process.getuid?.() === 0 && succeeds("apt-get", ["--version"]),
  run: (entry) => {
    const options = { env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } }
    succeeds("apt-get", ["update"], options)
    return succeeds("apt-get", ["install", "--yes", "--no-install-recommends", ...packages], options) ? entry.find() : undefined
  }
})

/** As a container: `start` gets the image. */
export const container = (image) => ({
  name: `docker pull ${image}`,
  isPossible: () => succeeds("docker", ["info"]),
  run: () => succeeds("docker", ["pull", image]) ? { image } : undefined
})

/** The binary inside an npm package that a workspace folder depends on: `start` gets its path. */
export const npmBinary = (folder, file) => ({
  name: `${folder}/node_modules/${file}`,
  isPossible: () => existsSync(join(root, folder, "node_modules", file)),
  run: () => join(root, folder, "node_modules", file)
})

const obtain = async (entry, print) => {
  const found = await entry.find()
  if (found !== undefined) return found
  for (const way of entry.install) {
    if (!way.isPossible()) continue
    print(`${entry.name} is not here: ${way.name}`)
    const installed = await way.run(entry)
    if (installed !== undefined) return installed
  }
}

/**
 * Starts every server that can be had.
 *
 * Answers with the environment of the suites, the names of the servers that are missing and needed, and `stop` for those
 * that were started. What is missing is skipped with a loud line; whether that is a failure is the caller's to say.
 */
export const start = async (entries, print = say) => {
  const env = {}
  const missing = []
  const started = []
  for (const entry of entries) {
    const found = await obtain(entry, print)
    const lacks = () => entry.isOptional !== true && missing.push(entry.name)
    if (found === undefined) {
      lacks()
      print(`!!! ${entry.name}: SKIPPED, no server. ${entry.hint}`)
      continue
    }
    try {
      // Before `start` and not after: what a failing start left behind is stopped too.
      started.unshift(entry)
      Object.assign(env, await entry.start(found, env))
    } catch (error) {
      lacks()
      print(`!!! ${entry.name}: SKIPPED, its server does not start: ${error instanceof Error ? error.message : error}. ${entry.hint}`)
    }
  }
  const stop = async () => {
    for (const entry of started.splice(0)) {
      await Promise.resolve().then(() => entry.stop()).catch((error) => print(`${entry.name} did not stop: ${error}`))
    }
  }
  return { env, missing, stop }
}

/** An entry whose server is an instance of our own in a temporary folder; none is started where the variable `url` names another one. */
const instance = ({ find, launch, url, ...entry }) => {
  let server
  return {
    ...entry,
    find: () => process.env[url] ?? find(),
    start: async (found, env) => {
      if (process.env[url] !== undefined) return {}
      server = await launch(found, env)
      return { [url]: server.url }
    },
    stop: () => server?.stop()
  }
}

const mariadb = instance({
  name: "mariadb",
  url: "SLUICE_MYSQL_URL",
  find: Mariadb.find,
  install: [aptGet("mariadb-server")],
  launch: (path) => Mariadb.launch(path),
  hint: "Install mariadb-server (Debian), or set SLUICE_MYSQL_URL=mysql://user:password@host:port."
})

/** MySQL itself; SLUICE_MYSQLD names its binary. */
const mysql = instance({
  name: "mysql",
  url: "SLUICE_REAL_MYSQL_URL",
  isOptional: true,
  find: Mysql.find,
  install: [Mysql.fromSid],
  launch: (found) => Mysql.launch(found),
  hint: "Set SLUICE_MYSQLD to the path of a mysqld 8 or 9, or SLUICE_REAL_MYSQL_URL=mysql://user:password@host:port."
})

const postgres = instance({
  name: "postgres",
  url: "SLUICE_POSTGRES_URL",
  find: Postgres.find,
  install: [aptGet("postgresql")],
  launch: (bin) => Postgres.launch(bin),
  hint: "Install postgresql (Debian), or set SLUICE_POSTGRES_URL=postgres://user:password@host:port/database."
})

/** PgBouncer before that PostgreSQL; another one must be before the same server. */
const pgbouncer = instance({
  name: "pgbouncer",
  url: "SLUICE_PGBOUNCER_URL",
  find: Pgbouncer.find,
  install: [aptGet("pgbouncer")],
  launch: (program, { SLUICE_POSTGRES_URL = process.env.SLUICE_POSTGRES_URL }) => {
    if (SLUICE_POSTGRES_URL === undefined) throw new Error("there is no PostgreSQL behind it")
    return Pgbouncer.launch(program, SLUICE_POSTGRES_URL)
  },
  hint: "Install pgbouncer (Debian), or set SLUICE_PGBOUNCER_URL=postgres://user:password@host:port/database."
})

/** Every server, in the order in which they are started: PgBouncer needs the PostgreSQL before it. */
export const servers = [mariadb, mysql, postgres, pgbouncer]
