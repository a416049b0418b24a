/**
 * What the doctor looks at: the file, the version, the journal and the pages.
 *
 * A file is opened for reading only, and one that is not there is not made. The order, the times and the verdicts are core's.
 * Called by the public module.
 *
 * @internal
 */
import * as Examination from "@sluice/core/Examination"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import { access, constants, stat } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { connect } from "./connection.js"
import { isPrivate, type Options } from "./options.js"

/** Of a database in memory that is open there is no second connection: the checks are asked of its own. */
export const examinationOf = (options: Options, isOpen: boolean): Examination.Examination => {
  const isFile = !isPrivate(options.filename)
  return {
    probes: isFile ? [file(options)] : isOpen ? [] : [memory(options)],
    checks: [version, ...(isFile ? [permissions(options)] : []), journal, integrity],
    // An extended code says more than is needed: SQLITE_CANTOPEN_ISDIR.
    hint: ({ reason: { code = "" } }) => hints[/^SQLITE_[A-Z]+/.exec(String(code))?.[0] ?? code]
  }
}

const memory = (options: Options): Examination.Probe => ({
  endpoint: options.filename,
  phases: [{ name: "open" }],
  connect: (_, opened) => connect(options, opened)
})

const file = (options: Options): Examination.Probe => ({
  endpoint: options.filename,
  phases: [{ name: "file" }, { name: "open" }],
  connect: (watch, opened) => Effect.flatMap(seen(options.filename), (size) => {
    watch.passed("file", `${resolve(options.filename)}, ${size} bytes`)
    return connect({ ...options, readOnly: true }, opened)
  })
})

const seen = (path: string): Effect.Effect<number, SqlError.SqlError> =>
  Effect.flatMap(Effect.tryPromise({ try: () => stat(path), catch: (error) => lacking(path, error) }), (stats) =>
    stats.isFile() ? Effect.succeed(stats.size) : Effect.fail(lacking(path, Object.assign(new Error("no file"), { code: "EISDIR" }))))

const lacking = (path: string, error: unknown): SqlError.SqlError => {
  const code = error instanceof Error && "code" in error ? String(error.code) : "no code"
  return SqlError.make(new Reason.ConnectionError({
    message: code === "ENOENT" ? `${resolve(path)} is not there` : code === "EISDIR" ? `${resolve(path)} is no file` : `${resolve(path)} cannot be reached (${code})`,
    code,
    operation: "doctor",
    outcome: "not-applied"
  }))
}

const hints: Readonly<Record<string | number, string>> = {
  ENOENT: "check `filename`, which is looked for from where the process was started; the layer makes a file that is not there, where its folder is",
  EISDIR: "check `filename`, which must be the path of a file",
  SQLITE_NOTADB: "it is no SQLite database, or an encrypted one: check `filename`",
  SQLITE_CORRUPT: "the file is damaged: restore it from a backup, or try the `.recover` of sqlite3",
  SQLITE_CANTOPEN: "the file, or its folder, may not be opened by this user: check their permissions",
  SQLITE_BUSY: "another connection or process holds a lock: see what it does, or raise `busyTimeout`"
}

const scalar = (name: string, sql: string): Examination.Check => ({
  name,
  run: (connection) => Effect.map(Examination.ask(connection, sql), ([row]) => ({ detail: String(row?.[0]) }))
})

const version = scalar("version", "SELECT sqlite_version()")

const journal = scalar("journal", "PRAGMA journal_mode")

// A database is written to through files beside it.
const permissions = ({ filename, readOnly }: Options): Examination.Check => ({
  name: "permissions",
  run: () =>
    Effect.map(Effect.all([mayWrite(filename), mayWrite(dirname(resolve(filename)))]), ([itself, folder]): Examination.Finding => {
      const words = (may: boolean) => may ? "may be written" : "may not be written"
      const isLacking = !itself || !folder
      return {
        detail: `the file ${words(itself)}, its folder ${words(folder)}${readOnly === true ? "; readOnly is set" : ""}`,
        problem: isLacking && readOnly !== true ? "this user may only read: change the owner of the file and its folder, or set `readOnly`" : undefined
      }
    })
})

const mayWrite = (path: string): Effect.Effect<boolean> => Effect.promise(() => access(path, constants.W_OK).then(() => true, () => false))

const integrity: Examination.Check = {
  name: "integrity",
  late: "the file is large: run PRAGMA quick_check by hand, when nobody waits",
  run: (connection) =>
    Effect.map(Examination.ask(connection, "PRAGMA quick_check(1)"), ([row]): Examination.Finding => {
      const found = String(row?.[0])
      return { detail: `quick_check: ${found}`, problem: found === "ok" ? undefined : hints["SQLITE_CORRUPT"] }
    })
}
