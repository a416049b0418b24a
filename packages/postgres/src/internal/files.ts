/**
 * Files that a config names, or that libpq looks for in the user's own folder.
 *
 * It reads texts, and knows not what they are good for. Called by `serviceFile`, `passFile` and `tls`.
 *
 * @internal
 */
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import type { Stats } from "node:fs"
import { readFile, stat } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import type { File } from "./keywords.js"

export type Failure = SqlError.SqlError<Reason.ConfigError>

/** A file's text and what the file system says of it; one that cannot be read is a ConfigError of the field that named it. */
export const read = (file: File): Effect.Effect<{ readonly text: string; readonly stats: Stats }, Failure> =>
  Effect.tryPromise({
    try: async () => {
      const stats = await stat(file.path)
      return { text: await readFile(file.path, "utf8"), stats }
    },
    catch: (error) => {
      const code = error instanceof Error && "code" in error ? String(error.code) : "unreadable"
      return failure(file, code === "ENOENT" ? "names a file that is not there" : `names a file that cannot be read (${code})`)
    }
  })

export const isThere = (path: string): Effect.Effect<boolean> => Effect.promise(() => stat(path).then(() => true, () => false))

/** A file of the user's own, where it is there. */
export const found = (path: string, field: string): Effect.Effect<File | undefined> =>
  Effect.map(isThere(path), (is) => is ? { path, field } : undefined)

/** What is wrong with a file. Its content is not quoted: it may be a part of a password. */
export const failure = (file: File, words: string): Failure =>
  SqlError.make(new Reason.ConfigError({ message: `${file.field} ${words}: ${file.path}`, field: file.field }))

/** Where libpq looks for a user's file: names differ on Windows. */
export const own = (unix: string, windows: string): string =>
  process.platform === "win32" ? join(process.env["APPDATA"] ?? homedir(), "postgresql", windows) : join(homedir(), unix)
