/**
 * A child process: its output is ours, and its end is one exit code.
 *
 * A process whose SQLite worker is inside a native step does not exit by itself: `process.exit` waits for the thread.
 * Such a process ends itself by SIGKILL, and the signal would hide how its run went. It therefore says so first, over
 * the IPC channel that every child gets, and kills itself once that is sent:
 * `process.send({ exitCode }, undefined, undefined, () => process.kill(process.pid, "SIGKILL"))`. Started by hand it has
 * no channel (`process.send` is undefined) and nobody to tell. Called by every script.
 */
import { spawn } from "node:child_process"
import { constants } from "node:os"
import { root, say } from "./repository.mjs"

/**
 * Runs a command to its end and answers with its exit code.
 *
 * A code that the child reported wins over the SIGKILL by which it ended. SIGKILL without a report is 1; any other
 * signal is 128 + its number, as a shell has it.
 */
export const run = (command, args, options = {}) =>
  new Promise((resolve) => {
    let reported
    const child = spawn(command, args, {
      cwd: root,
      ...options,
      stdio: ["inherit", "inherit", "inherit", "ipc"],
      // npx is a .cmd file on Windows, which only a shell starts.
      shell: process.platform === "win32" && command === "npx"
    })
    // Ctrl-C reaches the child by itself; we stay to see how it ends.
    const ignore = () => {}
    const forward = () => child.kill("SIGTERM")
    process.on("SIGINT", ignore)
    process.on("SIGTERM", forward)
    const finish = (code) => {
      process.off("SIGINT", ignore)
      process.off("SIGTERM", forward)
      resolve(code)
    }
    child.on("message", (message) => {
      if (typeof message === "object" && message !== null && Number.isInteger(message.exitCode)) reported = message.exitCode
    })
    child.on("error", (error) => {
      say(`${command} could not be started: ${error.message}`)
      finish(127)
    })
    // "close" and not "exit": a message may arrive after "exit", never after "close".
    child.on("close", (code, signal) => {
      if (signal === null) return finish(code)
      if (signal === "SIGKILL") return finish(reported ?? 1)
      finish(128 + (constants.signals[signal] ?? 0))
    })
  })

/** Runs a Node program; `program` is relative to the root. */
export const node = (program, args = [], options = {}) => run(process.execPath, [program, ...args], options)
