/**
 * The connection service file, as libpq reads it: `[name]` and lines of `keyword=value`, without spaces around the sign.
 *
 * Looked for where the config says, else in the user's `.pg_service.conf`; and then in the system's. A file that is named must
 * be there, and a line that is malformed is refused. Called by `sources`.
 * https://www.postgresql.org/docs/17/libpq-pgservice.html
 *
 * @internal
 */
import * as ConnectionString from "@sluice/core/ConnectionString"
import * as Options from "@sluice/core/Options"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { join } from "node:path"
import { failure, type Failure, found, own, read as readText } from "./files.js"
import { type File, type Said, saidOf } from "./keywords.js"

// Debian's and Red Hat's: where a server is built from source the folder is told by PGSYSCONFDIR.
const systems = ["/etc/postgresql-common", "/etc/sysconfig/pgsql"]

/** What a service says. `folder` is PGSYSCONFDIR. */
export const read = (name: string, file: File | undefined, folder: string | undefined): Effect.Effect<Said, Failure> =>
  Effect.gen(function*() {
    const user = file ?? (yield* found(own(".pg_service.conf", ".pg_service.conf"), "service"))
    const places = (folder === undefined ? systems : [folder]).map((each) => join(each, "pg_service.conf"))
    const shared = yield* Effect.forEach(places, (path) => found(path, "service"))
    const files = [user, ...shared].filter((each) => each !== undefined)
    for (const each of files) {
      const { text } = yield* readText(each)
      const entries = yield* group(name, text, each)
      if (entries !== undefined) return yield* saidBy(entries)
    }
    return yield* Options.refuse("service", `is defined in ${files.length === 0 ? "no file, and there is none" : `none of ${files.map(({ path }) => path).join(", ")}`}: ${name}`)
  })

/** The entries of a group; the first group of a name is the one. */
const group = (name: string, text: string, file: File): Effect.Effect<ReadonlyMap<string, string> | undefined, Failure> => {
  let entries: Map<string, string> | undefined
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim()
    const malformed = (words: string) => Effect.fail(failure(file, `names a file whose line ${index + 1} ${words}`))
    if (line === "" || line.startsWith("#")) continue
    if (line.startsWith("[")) {
      if (entries !== undefined) break
      if (line === `[${name}]`) entries = new Map()
      continue
    }
    if (entries === undefined) continue
    if (line.startsWith("ldap")) return malformed("asks a directory, which is not supported")
    const sign = line.indexOf("=")
    if (sign < 1 || /\s/.test(line.slice(0, sign))) return malformed("is not keyword=value")
    const keyword = line.slice(0, sign)
    if (keyword === "service" || keyword === "servicefile") return malformed("names another service")
    entries.set(keyword, line.slice(sign + 1))
  }
  return Effect.succeed(entries)
}

const quote = (value: string): string => `'${value.replace(/[\\']/g, "\\$&")}'`

/** By the reader of libpq's keywords, which knows hosts, ports and secrets. */
const saidBy = (entries: ReadonlyMap<string, string>): Options.Checked<Said> => {
  const text = [...entries].map(([keyword, value]) => `${keyword}=${quote(value)}`).join(" ")
  return Either.flatMap(
    Either.mapLeft(ConnectionString.parse(text, { dialect: "postgres", form: "libpq" }), ({ reason }) => {
      const [field, message] = [reason.field, reason.message].map((words) => words.replace(/^keyword /, "service."))
      return SqlError.make(new Reason.ConfigError({ message: message ?? "", field: field ?? "service" }))
    }),
    (record) => saidOf(record, (keyword) => `service.${keyword}`)
  )
}
