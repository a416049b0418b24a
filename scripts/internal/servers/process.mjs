/**
 * A server as a process of ours: a free port, a folder that goes with it, rights that it may run with, and its end.
 *
 * It knows no server by name. Called by the files beside it.
 */
import { spawn, spawnSync } from "node:child_process"
import { chownSync, existsSync, mkdtempSync, rmSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

export const succeeds = (command, args, options) => spawnSync(command, args, { stdio: "ignore", ...options }).status === 0

/** The first of these paths that is there. */
export const binary = (...paths) => paths.find((path) => existsSync(path))

const isRoot = process.getuid?.() === 0

/** Runs a command as nobody where we are root, who may not run a server. */
const unprivileged = ([command, ...args]) =>
  isRoot ? ["setpriv", ["--reuid=nobody", "--regid=nogroup", "--clear-groups", command, ...args]] : [command, args]

/** A temporary folder that the server's user owns. */
export const temporary = (prefix) => {
  const folder = mkdtempSync(join(tmpdir(), prefix))
  if (isRoot) {
    const id = (flag) => Number(spawnSync("id", [flag, "nobody"], { encoding: "utf8" }).stdout)
    chownSync(folder, id("-u"), id("-g"))
  }
  return folder
}

/** A port of 127.0.0.1 that is free now. */
export const freePort = () =>
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

/** Runs a command to its end; a failure is an Error with the last line that it wrote. */
export const complete = (command) => {
  const done = spawnSync(...unprivileged(command), { encoding: "utf8" })
  if (done.status !== 0) throw new Error(`${command[0]}: ${done.error ?? done.stderr.trim().split("\n").at(-1)}`)
}

/** Starts a server; ends when it listens on the port. */
export const running = async (command, port) => {
  const [file, args] = unprivileged(command)
  const child = spawn(file, args, { stdio: "ignore" })
  const stop = async (signal = "SIGTERM") => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once("exit", resolve))
    child.kill(signal)
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000)
    await ended
    clearTimeout(timer)
  }
  try {
    await listening(port, child, 20_000)
  } catch (error) {
    await stop("SIGKILL")
    throw error
  }
  return { stop }
}

export const remove = (folder) => rmSync(folder, { recursive: true, force: true })
