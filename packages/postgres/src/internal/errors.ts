/**
 * The table of errors of PostgreSQL: from SQLSTATE, or the network's code, to a reason.
 *
 * It decides nothing about retries (that is core) and lets no value through: what a message quotes is masked, unless it
 * stands in the statement's own text or is a name that the server names in a field; `detail` and `hint` are left to the
 * `cause`. https://www.postgresql.org/docs/15/errcodes-appendix.html. Called for every failure.
 *
 * @internal
 */
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import type { DriverError } from "./driver.js"

type Make = (options: Reason.ReasonOptions) => Reason.Reason

const unique: Make = (o) => new Reason.UniqueViolation(o)
const constraint: Make = (o) => new Reason.ConstraintError(o)
const data: Make = (o) => new Reason.DataError(o)
const syntax: Make = (o) => new Reason.SqlSyntaxError(o)
const denied: Make = (o) => new Reason.AuthorizationError(o)
const state: Make = (o) => new Reason.TransactionStateError(o)
const aborted: Make = (o) => new Reason.TransactionAbortedError(o)
const lock: Make = (o) => new Reason.LockTimeoutError(o)
const login: Make = (o) => new Reason.AuthenticationError(o)
const lost: Make = (o) => new Reason.ConnectionError(o)
/** The server refused to serve: nothing was run. */
const refused: Make = (o) => new Reason.ConnectionError({ ...o, outcome: "not-applied" })
const field = (name: string): Make => (o) => new Reason.ConfigError({ ...o, field: name, connection: "broken" })
const unsupported = (capability: string): Make => (o) => new Reason.UnsupportedError({ ...o, capability })
const limit = (name: string): Make => (o) => new Reason.LimitError({ ...o, limit: name, maximum: Number.NaN, actual: Number.NaN })
const timeout: Make = (o) => new Reason.StatementTimeoutError({ outcome: "not-applied", ...o, timeout: "server" })
const undone: Make = (o) => new Reason.UnknownError({ outcome: "not-applied", ...o, connection: "usable" })

const groups: ReadonlyArray<readonly [Make, string]> = [
  [unique, "23505"],
  // 23P01: an exclusion constraint; 23001, 23502, 23503, 23514: restrict, not null, foreign key, check.
  [constraint, "23000 23001 23502 23503 23514 23P01 27000 44000"],
  [(o) => new Reason.SerializationError(o), "40001 40000 72000"],
  [(o) => new Reason.DeadlockError(o), "40P01"],
  // The constraint was deferred and COMMIT found it broken.
  [constraint, "40002"],
  [aborted, "25P02"],
  [state, "25000 25001 25002 25008 25003 25004 25005 25007 25P01 2D000 3B000 3B001 0B000 24000 34000"],
  [denied, "25006 42501 2F002 2F003 2F004 38002 38003 38004 0L000 0LP01 0P000"],
  // 25P03 idle in a transaction, 57P05 idle, 57P01 and 57P02 shutdowns, 57P04 the database was dropped: the session is gone.
  [lost, "25P03 57P01 57P02 57P04 57P05 25P04"],
  [refused, "53300 57P03 08001 08004"],
  [lock, "55P03"],
  [login, "28000 28P01"],
  [field("database"), "3D000"],
  [limit("memory"), "53200 53000"],
  [limit("disk"), "53100"],
  [limit("configuration"), "53400"],
  [limit("statement"), "54000 54001 54011 54023"],
  [unsupported("statement"), "0A000"],
  // Prepared by whom? Behind a pooler that lends sessions by the transaction, nobody can tell.
  [(o) => new Reason.UnsupportedError({ ...o, message: `${o.message}; behind a pooler in transaction mode the config needs pooler: "transaction"`, capability: "prepare" }), "26000"],
  // A string or a number that does not fit where it was put; 42804 and 42P18 a type that does not, 42846 one that cannot be cast.
  [data, "22P02 22003 22001 42804 42846"]
]

const byState: ReadonlyMap<string, Make> = new Map(groups.flatMap(([make, codes]) => codes.split(" ").map((code) => [code, make] as const)))

// By SQLSTATE's class, where the code is not in the table.
const byClass: Readonly<Record<string, Make>> = {
  "08": lost, "0A": unsupported("statement"), "21": data, "22": data, "23": constraint, "25": state, "26": syntax, "28": login, "2B": constraint,
  "3D": syntax, "3F": syntax, "42": syntax, "53": limit("resources"), "54": limit("program"), "57": lost, "P0": constraint
}

// What the network and the driver say themselves: these will not be otherwise the next time.
const final = /^(?:CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|EPROTO|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH)/

/** What is known of the failed work besides the error. */
export interface About {
  readonly operation: string
  readonly statement?: string | undefined
  /** No byte of it was sent, it writes nothing, or its transaction cannot have been committed. */
  readonly harmless?: boolean | undefined
  /** What it ran may have committed before it failed. */
  readonly partly?: boolean | undefined
  /** There where the server was chosen because it can be written to, and says that it cannot any more. */
  readonly demoted?: (() => void) | undefined
}

/** The SqlError of an error of the driver, which stays its `cause`. */
export const toSqlError = (error: DriverError, about: About): SqlError.SqlError => {
  const sqlState = stateOf(error)
  if (sqlState === undefined) return SqlError.make(byDriver(error, about))
  const options: Reason.ReasonOptions = {
    message: about.operation === "connect" ? error.message : masked(error, about.statement ?? ""),
    operation: about.operation,
    code: sqlState,
    sqlState,
    statement: about.statement,
    constraint: error.constraint,
    table: error.table,
    column: error.column ?? keyOf(error),
    position: error.position === undefined ? undefined : Number(error.position),
    ...copiedAt(error),
    ...(about.partly === true ? { outcome: "unknown" as const } : {}),
    cause: error
  }
  const failure = SqlError.make(about.demoted === undefined ? byServer(error, sqlState, options, about) : lostRole(options, about.demoted))
  return Object.defineProperty(failure, "cause", { value: new ServerError(options.message, error), enumerable: false })
}

/** What code written for the driver looks at in `cause`. No value is in it: `detail`, `hint` and `where` are left to the reason's cause. */
class ServerError extends Error {
  readonly severity: string | undefined
  readonly code: string | undefined
  readonly position: string | undefined
  readonly schema: string | undefined
  readonly table: string | undefined
  readonly column: string | undefined
  readonly dataType: string | undefined
  readonly constraint: string | undefined
  readonly routine: string | undefined

  constructor(message: string, { code, column, constraint, dataType, position, routine, schema, severity, table }: DriverError) {
    super(message)
    this.severity = severity
    this.code = code
    this.position = position
    this.schema = schema
    this.table = table
    this.column = column
    this.dataType = dataType
    this.constraint = constraint
    this.routine = routine
    // Where it was thrown says nothing: the reader of the socket.
    this.stack = `${code ?? "Error"}: ${message}`
  }
}

// Refused, so nothing was done; and the next connection goes to whoever is the primary now.
const lostRole = (options: Reason.ReasonOptions, demoted: () => void): Reason.Reason => {
  demoted()
  return new Reason.ConnectionError({ ...options, connection: "broken", outcome: "not-applied" })
}

const stateOf = (error: DriverError): string | undefined =>
  error.severity !== undefined && error.code !== undefined && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined

const byServer = (error: DriverError, code: string, options: Reason.ReasonOptions, about: About): Reason.Reason => {
  if (code === "57014") return isTimeout(error.message) ? timeout(options) : new Reason.CancelledError(options)
  // The wrong number of parameters is a violation of the protocol to the server, and no broken connection.
  if (code === "08P01" && error.severity === "ERROR") return data(options)
  // Outside of a transaction it was prepared again. The transaction that met it is over, and another one will not meet it.
  if (isOutdated(error)) return new Reason.SerializationError({ ...options, message: `a table was altered since the statement was prepared: ${options.message}` })
  // The statement named another database, as DROP DATABASE does.
  if (code === "3D000" && about.operation !== "connect") return syntax(options)
  const make = byState.get(code) ?? byClass[code.slice(0, 2)] ?? undone
  if (make === lost) return about.harmless === true || about.operation === "connect" ? refused(options) : lost(options)
  return make(options)
}

/** Whether a prepared statement would answer with other columns than it was prepared with. */
export const isOutdated = (error: DriverError): boolean => error.code === "0A000" && error.routine === "RevalidateCachedQuery"

// statement_timeout and pg_cancel_backend have one code, and the words are the server's own language.
const timeoutWords = /time-?out|timed? out|zeitüberschreitung|délai|tiempo de espera|tempo de espera|limite de tempo|тайм-аут|超时|逾時|タイムアウト|시간|zaman aşımı|časový limit|przekroczen|tidsgräns/i

const isTimeout = (message: string): boolean => timeoutWords.test(message)

const byDriver = (error: DriverError, about: About): Reason.Reason => {
  const isFinal = final.test(error.code ?? "") || /does not support SSL|establishing an SSL|SASL|SCRAM/.test(error.message)
  const options: Reason.ReasonOptions = {
    message: error.message || (error instanceof AggregateError ? String((error.errors[0] as Error | undefined)?.message) : String(error.code)),
    operation: about.operation,
    code: error.code,
    statement: about.statement,
    cause: error
  }
  if (/SASL|SCRAM/.test(error.message)) return login(options)
  return new Reason.ConnectionError({
    ...options,
    ...(isFinal ? { isRetryable: false } : {}),
    ...(about.harmless === true || about.operation === "connect" ? { outcome: "not-applied" as const } : {})
  })
}

// ---- messages ----

// The server's language has its own quotes.
const quotes = /["'«»„“”‘’]/

/** What is quoted stays where it is a name that is known: of a field of the error, or of the statement's text. */
const masked = (error: DriverError, statement: string): string => {
  const names = [error.constraint, error.table, error.column, error.schema, error.dataType].filter((name) => name !== undefined)
  const kept: Array<string> = []
  const open = error.message.replace(/"([^"]*)"/g, (quoted, name: string) => {
    if (!names.includes(name) && !stands(name, statement)) return quoted
    kept.push(quoted)
    return `\0${kept.length - 1}\0`
  })
  const first = open.search(quotes)
  if (first === -1) return open.replace(/\0(\d+)\0/g, (_, index: string) => kept[Number(index)] ?? "")
  // A value may hold quotes itself: everything from the first to the last is left out.
  let last = open.length - 1
  while (!quotes.test(open[last] ?? "")) last--
  const shown = `${open.slice(0, first)}…${open.slice(Math.max(last + 1, first + 1))}`
  return shown.replace(/\0(\d+)\0/g, (_, index: string) => kept[Number(index)] ?? "")
}

/** Whether a text holds this as a whole word. */
const stands = (name: string, statement: string): boolean => {
  if (name === "") return false
  for (let at = statement.indexOf(name); at !== -1; at = statement.indexOf(name, at + 1)) {
    if (!/[\w$]/.test(statement[at - 1] ?? " ") && !/[\w$]/.test(statement[at + name.length] ?? " ")) return true
  }
  return false
}

/** `COPY t, line 3, column b: "…"`: where the server stopped in what was copied. Its language may be another one. */
const copiedAt = (error: DriverError): { readonly line?: number; readonly column?: string } => {
  const [, line, name] = /^COPY [^\n]*?, \S+ (\d+)(?:, \S+ ([^:\n]+))?/m.exec(error.where ?? "") ?? []
  return line === undefined ? {} : { line: Number(line), ...(name === undefined || error.column !== undefined ? {} : { column: name }) }
}

/** A unique key's column stands in the detail alone: `Key (name)=(…) already exists.` Of several there is none to name. */
const keyOf = (error: DriverError): string | undefined => {
  if (error.code !== "23505" && error.code !== "23503") return undefined
  const column = /^[^(]*\(("(?:[^"]|"")+"|[^(),"]+)\)=\(/.exec(error.detail ?? "")?.[1]
  return column?.startsWith("\"") === true ? column.slice(1, -1).replaceAll("\"\"", "\"") : column
}
