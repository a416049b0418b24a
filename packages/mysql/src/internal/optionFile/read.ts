/**
 * Reading option files: the groups that are wanted, with what the files include, in the order in which it is written.
 *
 * It knows no option: what they mean is in `client`. A file that is named must be there; of MySQL's own places those that
 * are not there are passed over. A file that everybody may write is refused, which MySQL's programs ignore. Called by
 * `options`, once per database.
 *
 * @internal
 */
import * as Options from "@sluice/core/Options"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import { readdir, readFile, stat } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { parseLine } from "./lines.js"

/** Options by their names, with dashes; the last of two wins. Without a value: `undefined`. */
export type Entries = ReadonlyMap<string, string | undefined>

type Failure = SqlError.SqlError<Reason.ConfigError>

/** Files may include each other, but not without end. */
const deepest = 10

/** Where MySQL's programs look, in their order, where no file is named. */
const places = (): ReadonlyArray<string> => ["/etc/my.cnf", "/etc/mysql/my.cnf", join(homedir(), ".my.cnf")]

/** The options of `[client]` and of another group, and of the same groups with the suffix. */
export const read = (file: string | undefined, group: string | undefined, suffix: string): Effect.Effect<Entries, Failure> =>
  Effect.gen(function*() {
    const plain = ["client", ...(group === undefined ? [] : [group])]
    const groups = new Set([...plain, ...(suffix === "" ? [] : plain.map((each) => `${each}${suffix}`))].map((name) => name.toLowerCase()))
    const entries = new Map<string, string | undefined>()
    if (file !== undefined) yield* readInto(entries, groups, file, 0)
    else for (const place of places()) {
      if (yield* Effect.promise(() => stat(place).then(() => true, () => false))) yield* readInto(entries, groups, place, 0)
    }
    return entries
  })

const readInto = (entries: Map<string, string | undefined>, groups: ReadonlySet<string>, file: string, depth: number): Effect.Effect<void, Failure> =>
  Effect.gen(function*() {
    if (depth > deepest) yield* Options.refuse("readDefaultFile", `includes files ${deepest} deep, the last ${file}`)
    const text = yield* textOf(file)
    let isWanted = false
    for (const [n, each] of text.split(/\r?\n/).entries()) {
      const line = parseLine(each)
      if (line === undefined) continue
      switch (line.kind) {
        case "malformed":
          // The line may be a part of the password.
          yield* Options.refuse("readDefaultFile", `cannot be read: line ${n + 1} of ${file} is malformed`)
          break
        case "group":
          isWanted = groups.has(line.name.toLowerCase())
          break
        case "include":
          for (const included of line.what === "file" ? [line.path] : yield* filesIn(line.path)) yield* readInto(entries, groups, included, depth + 1)
          break
        case "option":
          if (isWanted) entries.set(line.name, line.value)
      }
    }
  })

const textOf = (file: string): Effect.Effect<string, Failure> =>
  attempt(file, async () => {
    const { mode } = await stat(file)
    return process.platform !== "win32" && (mode & 0o002) !== 0 ? undefined : await readFile(file, "utf8")
  }).pipe(Effect.flatMap((text) =>
    text === undefined ? Options.refuse("readDefaultFile", `names a file that everybody may write, which is not trusted: ${file}`) : Effect.succeed(text)))

const filesIn = (folder: string): Effect.Effect<ReadonlyArray<string>, Failure> =>
  Effect.map(attempt(folder, () => readdir(folder)), (names) =>
    names.filter((name) => name.endsWith(".cnf")).toSorted().map((name) => join(folder, name)))

/** A file that is not there, or may not be read, is a ConfigError that names it. */
const attempt = <A>(file: string, run: () => Promise<A>): Effect.Effect<A, Failure> =>
  Effect.tryPromise({
    try: run,
    catch: (error) => {
      const code = error instanceof Error && "code" in error ? String(error.code) : "unreadable"
      return SqlError.make(new Reason.ConfigError({
        message: `readDefaultFile names a file that ${code === "ENOENT" ? "is not there" : `cannot be read (${code})`}: ${file}`,
        field: "readDefaultFile"
      }))
    }
  })
