/**
 * The password file, as libpq reads it: `host:port:database:user:password`, `*` for any, a backslash before a colon or a
 * backslash that is meant.
 *
 * It is read for each connection, so that what was changed holds for the next. One that others may read is not used, with a
 * warning. Called by `options`. https://www.postgresql.org/docs/17/libpq-pgpass.html
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { failure, type Failure, read } from "./files.js"
import type { File } from "./keywords.js"

/** What a password is looked up by. */
export interface Wanted {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly username: string
}

/** The password of the first line that fits. */
export const lookUp = (file: File, { database, host, port, username }: Wanted): Effect.Effect<Redacted.Redacted | undefined, Failure> =>
  Effect.flatMap(read(file), ({ stats, text }) => {
    if (!stats.isFile()) return Effect.as(Effect.logWarning(`${file.field}: ${file.path} is no plain file, and is not used`), undefined)
    if (process.platform !== "win32" && (stats.mode & 0o077) !== 0) {
      return Effect.as(Effect.logWarning(`${file.field}: ${file.path} may be read by others than its owner, and is not used: its mode should be 0600 or less`), undefined)
    }
    // The folder of a socket that libpq would take by itself is looked up as localhost.
    const wanted = [defaults.has(host) ? "localhost" : host, String(port), database, username]
    let password: Redacted.Redacted | undefined
    for (const [index, line] of text.split(/\r?\n/).entries()) {
      if (line === "" || line.startsWith("#")) continue
      const fields = split(line)
      if (fields === undefined) return Effect.fail(failure(file, `names a file whose line ${index + 1} is not host:port:database:user:password`))
      if (password === undefined && wanted.every((one, at) => fields[at] === "*" || plain(fields[at]!) === one)) password = Redacted.make(plain(fields[4]!))
    }
    return Effect.succeed(password)
  })

const defaults: ReadonlySet<string> = new Set(["/tmp", "/var/run/postgresql", "/run/postgresql"])

/** The four fields as they are written, and the rest, which may hold colons. */
const split = (line: string): ReadonlyArray<string> | undefined =>
  /^((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):(.*)$/.exec(line)?.slice(1)

const plain = (text: string): string => text.replace(/\\(.)/g, "$1")
