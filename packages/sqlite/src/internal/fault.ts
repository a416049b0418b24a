/**
 * A fault: an error as plain data, so that it can cross from the worker thread.
 *
 * Structured cloning drops an error's class and its `code`, so the thread sends this and `errors` makes a SqlError of
 * it on the caller's side; without threads the same way is taken. Made by `handle` and `worker`.
 *
 * @since 0.1.0
 */

/** What the handle itself refuses, where SQLite would have said nothing or something else. */
export type RefusalKind = "aborted" | "config" | "data" | "interrupted" | "result" | "state" | "syntax" | "closed"

/** An error as data. */
export interface Fault {
  /** `driver`: it came from better-sqlite3 or SQLite. `script`: a function of the user threw. */
  readonly kind: RefusalKind | "driver" | "script"
  /** What was going on: a runtime error of a function is told from a syntax error by this. */
  readonly phase: Phase
  readonly name: string
  readonly message: string
  readonly code: string | undefined
  /** The config field, or the column. */
  readonly field: string | undefined
  /** The statement had taken effect when this was found. */
  readonly applied: boolean
}

/** Where in a statement's life an error came up. */
export type Phase = "open" | "prepare" | "step"

/** Thrown inside the handle only. */
export class Refusal extends Error {
  constructor(
    readonly kind: RefusalKind,
    message: string,
    readonly field: string | undefined = undefined,
    readonly applied: boolean = false,
    options?: ErrorOptions
  ) {
    super(message, options)
  }
}

const bindings = /^(Could not locate the bindings file|Cannot find (module|package) '(better-sqlite3|bindings)'|.*NODE_MODULE_VERSION)/

/** The fault that an error stands for. */
export const faultOf = (error: unknown, phase: Phase): Fault => {
  const name = error instanceof Error ? error.name : "Error"
  const message = error instanceof Error ? error.message : String(error)
  const code = codeOf(error)
  if (error instanceof Refusal) {
    return { kind: error.kind, phase, name, message, code, field: error.field, applied: error.applied }
  }
  const missing = bindings.test(message) || code === "ERR_DLOPEN_FAILED"
  return {
    kind: missing ? "config" : code?.startsWith("SQLITE_") === true || isOfDriver(error, message) ? "driver" : "script",
    phase,
    name,
    message: missing
      ? "the native part of better-sqlite3 is missing or does not fit this Node. It is a prebuilt download, or is built " +
        "with python3, make and a C++ compiler: run `npm rebuild better-sqlite3`. pnpm must allow its build script " +
        "(`onlyBuiltDependencies`, or `pnpm approve-builds`)"
      : message,
    code,
    field: missing ? "better-sqlite3" : undefined,
    applied: false
  }
}

/** An error made of a fault that crossed the thread: the `cause` that users see. */
export const errorOf = (fault: Fault): Error =>
  Object.assign(new Error(fault.message), { name: fault.name, ...(fault.code === undefined ? {} : { code: fault.code }) })

/** The code of an error, where it has one. */
export const codeOf = (error: unknown): string | undefined =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string" ? error.code : undefined

const ofDriver =
  /^(The supplied SQL string|Too (few|many) parameter|Missing named parameter|SQLite3 can only bind|The bound string|This (database|statement)|The database connection|Cannot (open|save)|In-memory\/temporary|Array overflow|Out of memory|Too many active|Expected |Invalid backup)/

const isOfDriver = (error: unknown, message: string): boolean => error instanceof Error && ofDriver.test(message)
