/**
 * The table of SQLite's errors: from a driver's code and message to a `SqlError` with a reason.
 *
 * It decides nothing about retries (that is core) and never sees a parameter's value: messages that quote what was
 * bound are masked. Called by the transports for every fault.
 *
 * @since 0.1.0
 */
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import { errorOf, type Fault } from "./fault.js"

type Make = (options: Reason.ReasonOptions, fault: Fault) => Reason.Reason

const unique: Make = (o) => new Reason.UniqueViolation(o)
const constraint: Make = (o) => new Reason.ConstraintError(o)
const data: Make = (o) => new Reason.DataError(o)
const lock: Make = (o) => new Reason.LockTimeoutError(o)
const denied: Make = (o) => new Reason.AuthorizationError(o)
const syntax: Make = (o) => new Reason.SqlSyntaxError(o)
const state: Make = (o) => new Reason.TransactionStateError(o)
const lost: Make = (o) => new Reason.ConnectionError({ ...o, isRetryable: false, outcome: "not-applied" })

// By code; a code that is not here is looked up without its last part: SQLITE_IOERR_READ, SQLITE_IOERR.
const byCode: ReadonlyMap<string, Make> = new Map<string, Make>([
  ["SQLITE_CONSTRAINT_UNIQUE", unique],
  ["SQLITE_CONSTRAINT_PRIMARYKEY", unique],
  ["SQLITE_CONSTRAINT_ROWID", unique],
  // A STRICT table refuses a value of another type.
  ["SQLITE_CONSTRAINT_DATATYPE", data],
  ["SQLITE_CONSTRAINT", constraint],
  ["SQLITE_BUSY", lock],
  ["SQLITE_BUSY_SNAPSHOT", (o) => new Reason.SerializationError(o)],
  ["SQLITE_LOCKED", lock],
  ["SQLITE_READONLY", denied],
  // The -shm file of a write-ahead log could not be had while another connection recovers it.
  ["SQLITE_READONLY_RECOVERY", lock],
  ["SQLITE_READONLY_DBMOVED", lost],
  ["SQLITE_PERM", denied],
  ["SQLITE_AUTH", denied],
  ["SQLITE_CANTOPEN", lost],
  ["SQLITE_NOTADB", lost],
  ["SQLITE_CORRUPT", (o) => new Reason.UnknownError({ ...o, connection: "broken" })],
  ["SQLITE_FULL", (o) => new Reason.UnknownError({ ...o, connection: "usable", outcome: "not-applied" })],
  ["SQLITE_NOMEM", (o) => new Reason.UnknownError({ ...o, outcome: "not-applied" })],
  ["SQLITE_IOERR", (o) => new Reason.UnknownError(o)],
  ["SQLITE_TOOBIG", data],
  ["SQLITE_MISMATCH", data],
  ["SQLITE_RANGE", data],
  ["SQLITE_INTERRUPT", (o) => new Reason.CancelledError(o)],
  // An open query whose transaction was rolled back under it.
  ["SQLITE_ABORT", (o) => new Reason.TransactionAbortedError(o)],
  ["SQLITE_SCHEMA", syntax]
])

// By message, where one code stands for many things: SQLITE_ERROR, and the driver's own TypeError and RangeError.
const byMessage: ReadonlyArray<readonly [RegExp, Make]> = [
  [/no transaction is active|^no such savepoint|within a transaction$|^cannot (VACUUM|ATTACH|DETACH|commit|rollback)/, state],
  [/^safety level may not be changed|^cannot change into wal mode/, state],
  [/^The supplied SQL string/, syntax],
  [/^Too (few|many) parameter|^Missing named parameter|^SQLite3 can only bind|^The bound string/, data],
  [/^The database connection is not open/, (o) => new Reason.ClosedError(o)],
  [/^Cannot open database/, lost],
  [/^Cannot save backup|^Invalid backup|^Expected first argument|^Backup filename/, (o) => new Reason.ConfigError({ ...o, field: "destination" })],
  [/^(not authorized|access to )/, denied],
  [/syntax error|^no such |^incomplete input|^unrecognized token|^ambiguous column|^misuse of|^wrong number of arguments/, syntax],
  [/has no column named|already exists|^unknown /, syntax],
  [/^out of memory|^Out of memory/i, (o) => new Reason.UnknownError({ ...o, outcome: "not-applied" })]
]

/** The SqlError that a fault stands for. Its reason's `cause` is the driver's own error. */
export const toSqlError = (fault: Fault, operation: string, statement: string | undefined, cause: unknown): SqlError.SqlError => {
  const message = messageOf(fault)
  const failure = SqlError.make(reasonOf(fault, {
    message,
    operation,
    code: fault.code,
    statement,
    ...namesOf(fault),
    ...(fault.applied ? { outcome: "applied" as const } : {}),
    cause
  }))
  // What code written for the driver looks at in `cause`: the code, and the message with its values masked.
  return fault.kind === "driver" ? Object.defineProperty(failure, "cause", { value: errorOf({ ...fault, message }), enumerable: false }) : failure
}

const reasonOf = (fault: Fault, options: Reason.ReasonOptions): Reason.Reason => {
  switch (fault.kind) {
    case "config":
      return new Reason.ConfigError({ ...options, field: fault.field ?? "filename" })
    case "data":
      return new Reason.DataError(options)
    case "interrupted":
      return new Reason.CancelledError(options)
    case "aborted":
      return new Reason.TransactionAbortedError(options)
    case "state":
      return new Reason.TransactionStateError(options)
    case "syntax":
      return new Reason.SqlSyntaxError(options)
    case "closed":
      return new Reason.ClosedError(options)
    case "result":
      return new Reason.ResultError({ ...options, expected: "columns of different names", found: 0 })
    // The statement of a function that throws is undone by SQLite; the function's own text stays in the cause.
    case "script":
      return new Reason.UnknownError({ ...options, connection: "usable", outcome: "not-applied" })
    case "driver":
      return makeOf(fault)(options, fault)
  }
}

const makeOf = (fault: Fault): Make => {
  const code = fault.code ?? ""
  if (code !== "SQLITE_ERROR" && code !== "") {
    for (let part = code; part.includes("_"); part = part.slice(0, part.lastIndexOf("_"))) {
      const make = byCode.get(part)
      if (make !== undefined) return make
    }
    return (o) => new Reason.UnknownError(o)
  }
  for (const [pattern, make] of byMessage) if (pattern.test(fault.message)) return make
  // What fails while it is prepared is the statement's text; what fails while it runs is a value: malformed JSON,
  // integer overflow, a bad pattern.
  return code === "" ? (o) => new Reason.UnknownError(o) : fault.phase === "prepare" ? syntax : data
}

const messageOf = (fault: Fault): string => {
  if (fault.kind === "script") return `a function of the user failed with ${fault.name}`
  // While a statement runs, SQLite quotes values: a JSON path, a full-text query.
  if (fault.kind !== "driver" || fault.phase !== "step" || fault.code !== "SQLITE_ERROR") return fault.message
  return /^no such (savepoint|table|index|view)/.test(fault.message)
    ? fault.message
    : fault.message.replace(/'[^]*'|"[^]*"/g, "…").replace(/^(no such column: ).*$/s, "$1…")
}

type Names = Pick<Reason.ReasonOptions, "table" | "column" | "constraint">

const namesOf = (fault: Fault): Names => {
  if (fault.kind === "data") return { column: fault.field }
  if (fault.kind !== "driver") return {}
  const stored = /^cannot store \w+ value in \w+ column (.+)$/.exec(fault.message)?.[1]
  if (stored !== undefined) return columnNames([stored])
  const found = /^(UNIQUE|NOT NULL|CHECK) constraint failed: (.+)$/s.exec(fault.message)
  const what = found?.[2]
  if (found === null || what === undefined) return {}
  if (found[1] === "CHECK") return { constraint: what }
  const index = /^index '(.*)'$/s.exec(what)?.[1]
  if (index !== undefined) return { constraint: index }
  return { ...columnNames(what.split(", ")), ...(found[1] === "UNIQUE" ? { constraint: what } : {}) }
}

const columnNames = (qualified: ReadonlyArray<string>): Names => {
  const first = qualified[0] ?? ""
  const dot = first.indexOf(".")
  if (dot < 0) return {}
  return { table: first.slice(0, dot), ...(qualified.length === 1 ? { column: first.slice(dot + 1) } : {}) }
}
