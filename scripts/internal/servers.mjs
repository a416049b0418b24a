/**
 * The servers that the suites of the dialects need: found, installed where that may be, started and stopped.
 *
 * It knows no dialect: `servers` is the list, and SQLite needs none. An entry is
 * - `name`: the dialect's word for it;
 * - `find()`: what `start` needs where the server is here already (a binary's path), else `undefined`;
 * - `install`: ways to get it, tried in order (`aptGet`, `container`, `npmBinary`);
 * - `start(found)`: starts it and answers with the environment variables by which the suite reaches it;
 * - `stop()`: ends it and leaves nothing behind;
 * - `hint`: what a person installs where no way is open.
 *
 * Called by `scripts/test.mjs`.
 */
import { spawn, spawnSync } from "node:child_process"
import { chownSync, existsSync, mkdtempSync, rmSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { root, say } from "./repository.mjs"

const succeeds = (command, args, options) => spawnSync(command, args, { stdio: "ignore", ...options }).status === 0

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
 * Answers with the environment of the suites, the names of the servers that are missing, and `stop` for those that were
 * started. What is missing is skipped with a loud line; whether that is a failure is the caller's to say.
 */
export const start = async (entries, print = say) => {
  const env = {}
  const missing = []
  const started = []
  for (const entry of entries) {
    const found = await obtain(entry, print)
    if (found === undefined) {
      missing.push(entry.name)
      print(`!!! ${entry.name}: SKIPPED, no server. ${entry.hint}`)
      continue
    }
    try {
      // Before `start` and not after: what a failing start left behind is stopped too.
      started.unshift(entry)
      Object.assign(env, await entry.start(found))
    } catch (error) {
      missing.push(entry.name)
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

/** A port of 127.0.0.1 that is free now. */
const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer().on("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

/** Waits until somebody listens, or the process has ended. */
const listening = async (port, child, milliseconds) => {
  const until = Date.now() + milliseconds
  while (Date.now() < until && child.exitCode === null) {
    const isThere = await new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy()
        resolve(true)
      }).on("error", () => resolve(false))
    })
    if (isThere) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(child.exitCode === null ? `nobody listens after ${milliseconds} ms` : `it ended with code ${child.exitCode}`)
}

/** Runs a command as nobody where we are root, who may not run a server. */
const unprivileged = (command, args) =>
  process.getuid?.() === 0 ? ["setpriv", ["--reuid=nobody", "--regid=nogroup", "--clear-groups", command, ...args]] : [command, args]

const binary = (...paths) => paths.find((path) => existsSync(path))

/** MariaDB: an instance of its own in a temporary folder. SLUICE_MYSQL_URL names another server, and none is started. */
const mariadb = () => {
  let folder
  let child
  return {
    name: "mysql",
    find: () => process.env.SLUICE_MYSQL_URL ?? binary("/usr/sbin/mariadbd", "/usr/local/sbin/mariadbd", "/usr/libexec/mariadbd", "/opt/homebrew/bin/mariadbd"),
    install: [aptGet("mariadb-server")],
    start: async (found) => {
      if (process.env.SLUICE_MYSQL_URL !== undefined) return {}
      folder = mkdtempSync(join(tmpdir(), "sluice-mariadb-"))
      if (process.getuid?.() === 0) {
        const id = (flag) => Number(spawnSync("id", [flag, "nobody"], { encoding: "utf8" }).stdout)
        chownSync(folder, id("-u"), id("-g"))
      }
      const data = join(folder, "data")
      const made = spawnSync(...unprivileged("mariadb-install-db", [
        "--no-defaults",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        `--datadir=${data}`
      ]), { encoding: "utf8" })
      if (made.status !== 0) throw new Error(`mariadb-install-db: ${made.error ?? made.stderr.trim().split("\n").at(-1)}`)
      const port = await freePort()
      const [command, args] = unprivileged(found, [
        "--no-defaults",
        "--skip-name-resolve",
        `--datadir=${data}`,
        `--port=${port}`,
        "--bind-address=127.0.0.1",
        `--socket=${join(folder, "socket")}`,
        "--local-infile=1"
      ])
      child = spawn(command, args, { stdio: "ignore" })
      await listening(port, child, 20_000)
      return { SLUICE_MYSQL_URL: `mysql://root@127.0.0.1:${port}` }
    },
    stop: async () => {
      if (child !== undefined && child.exitCode === null) {
        const ended = new Promise((resolve) => child.once("exit", resolve))
        child.kill("SIGTERM")
        const timer = setTimeout(() => child.kill("SIGKILL"), 10_000)
        await ended
        clearTimeout(timer)
      }
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    },
    hint: "Install mariadb-server (Debian), or set SLUICE_MYSQL_URL=mysql://user:password@host:port."
  }
}

/** Every server, in the order in which they are started. */
export const servers = [mariadb()]
