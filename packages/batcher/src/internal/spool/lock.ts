/**
 * The lock of a spool's folder: one process at a time, and one spool in it.
 *
 * A file with the process's id. One of a process that is gone is taken over, as is our own number from before a restart, which is what
 * a container sees. Called by `log`.
 *
 * @internal
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { SpoolError } from "../../SpoolError.js"
import { failed } from "./failure.js"

const open = new Set<string>()

/** Locks a folder until the scope closes. */
export const hold = (folder: string): Effect.Effect<void, SpoolError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Effect.mapError(fs.realPath(folder), failed(folder, "cannot be opened"))
    const file = `${path}/lock`
    const said = failed(folder, "cannot be locked")
    const write = fs.writeFileString(file, String(process.pid), { flag: "wx" })
    const takeOver = Effect.flatMap(Effect.mapError(fs.readFileString(file), said), (text) => {
      const pid = Number(text)
      return pid !== process.pid && isAlive(pid)
        ? Effect.fail(inUse(folder, pid))
        : Effect.mapError(Effect.zipRight(fs.remove(file), write), said)
    })
    const lock = Effect.catchAll(write, (error) =>
      error._tag === "SystemError" && error.reason === "AlreadyExists" ? takeOver : Effect.fail(said(error)))
    yield* Effect.acquireRelease(
      Effect.suspend(() => {
        if (open.has(path)) return Effect.fail(inUse(folder, process.pid))
        open.add(path)
        return Effect.onError(lock, () => Effect.sync(() => open.delete(path)))
      }),
      () => Effect.zipRight(Effect.ignore(fs.remove(file)), Effect.sync(() => open.delete(path)))
    )
  })

const inUse = (folder: string, pid: number): SpoolError =>
  new SpoolError({ reason: "InUse", message: `the spool ${folder} is open in ${pid === process.pid ? "this process" : `process ${pid}`} already` })

const isAlive = (pid: number): boolean => {
  // Signal 0 asks only: of another user's process the answer is EPERM.
  try {
    return Number.isInteger(pid) && pid > 0 && process.kill(pid, 0)
  } catch (error) {
    return typeof error === "object" && error !== null && "code" in error && error.code === "EPERM"
  }
}
