/**
 * The lock of a spool's folder: one process at a time, and one spool in it.
 *
 * A file with the process's id. One of a process that is gone is taken over, as is our own number from before a restart, which is what
 * a container sees. Called by `log`.
 *
 * @internal
 */
import type { PlatformError } from "@effect/platform/Error"
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
    const taken = inUse(folder, "another process")
    const own = Effect.catchAll(write, (error) => Effect.fail(alreadyThere(error) ? taken : said(error)))
    const says = Effect.mapError(fs.readFileString(file), said)
    // Who has just made it writes its number next; who was killed before that never does.
    const settled = Effect.flatMap(says, (text) => text === "" ? Effect.zipRight(Effect.sleep(100), says) : Effect.succeed(text))
    const takeOver = Effect.flatMap(settled, (text) => {
      const pid = Number(text)
      if (pid !== process.pid && isAlive(pid)) return Effect.fail(inUse(folder, `process ${pid}`))
      // Another process may take it over at the same time: only one of them can move it away, and what it has moved is looked at.
      const aside = `${file}.${process.pid}`
      return Effect.mapError(fs.rename(file, aside), () => taken).pipe(
        Effect.zipRight(Effect.mapError(fs.readFileString(aside), said)),
        Effect.flatMap((moved) => moved === text ? Effect.zipRight(Effect.mapError(fs.remove(aside), said), own) : Effect.zipRight(Effect.ignore(fs.rename(aside, file)), Effect.fail(taken)))
      )
    })
    const lock = Effect.catchAll(write, (error) => alreadyThere(error) ? takeOver : Effect.fail(said(error)))
    yield* Effect.acquireRelease(
      Effect.suspend(() => {
        if (open.has(path)) return Effect.fail(inUse(folder, "this process"))
        open.add(path)
        return Effect.onError(lock, () => Effect.sync(() => open.delete(path)))
      }),
      () => Effect.zipRight(Effect.ignore(fs.remove(file)), Effect.sync(() => open.delete(path)))
    )
  })

const inUse = (folder: string, who: string): SpoolError => new SpoolError({ reason: "InUse", message: `the spool ${folder} is open in ${who} already` })

const alreadyThere = (error: PlatformError): boolean => error._tag === "SystemError" && error.reason === "AlreadyExists"

const isAlive = (pid: number): boolean => {
  // Signal 0 asks only: of another user's process the answer is EPERM.
  try {
    return Number.isInteger(pid) && pid > 0 && process.kill(pid, 0)
  } catch (error) {
    return typeof error === "object" && error !== null && "code" in error && error.code === "EPERM"
  }
}
