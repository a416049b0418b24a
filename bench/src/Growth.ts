/**
 * Growth: by how many bytes the peak memory of a process of its own grows while it reads many rows once.
 *
 * `measure` starts such a process, `report` is what that process does. Called by the streams and their `growth` programs.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Work } from "./Work.js"

const peak = (): number => process.resourceUsage().maxRSS * 1_024

/** Starts the program with these arguments; answers with the bytes that it reports. */
export const measure = (program: URL, ...args: ReadonlyArray<string | number>): Effect.Effect<number> =>
  Effect.promise(async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(program), ...args.map(String)])
    return Number(stdout)
  })

/** Reads a few rows, then all of them, and prints the growth between the two. */
export const report = (opened: Effect.Effect<Work, unknown, Scope.Scope>, rows: number): Promise<void> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const read = yield* opened
    yield* read(10_000)
    const before = peak()
    yield* read(rows)
    console.log(peak() - before)
  })))

export const megabytes = (bytes: number): string => `+${(bytes / 1e6).toFixed(0)} MB`
