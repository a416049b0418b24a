/**
 * The table of errors of MySQL and MariaDB: from the server's number, or the network's code, to a reason.
 *
 * It decides nothing about retries (that is core) and lets no value through: what a message quotes is masked, but for
 * names of tables, columns and keys. Called by `connection` and `control` for every failure.
 *
 * @since 0.1.0
 */
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import type { DriverError } from "./driver.js"
import { refusal } from "./refused.js"

type Make = (options: Reason.ReasonOptions) => Reason.Reason

const unique: Make = (o) => new Reason.UniqueViolation(o)
const constraint: Make = (o) => new Reason.ConstraintError(o)
const data: Make = (o) => new Reason.DataError(o)
const syntax: Make = (o) => new Reason.SqlSyntaxError(o)
const denied: Make = (o) => new Reason.AuthorizationError(o)
const state: Make = (o) => new Reason.TransactionStateError(o)
const lock: Make = (o) => new Reason.LockTimeoutError(o)
const login: Make = (o) => new Reason.AuthenticationError(o)
const field = (name: string): Make => (o) => new Reason.ConfigError({ ...o, field: name, connection: "broken" })
/** The server refused to serve: nothing was run. */
const refused: Make = (o) => new Reason.ConnectionError({ ...o, outcome: "not-applied" })
const lost: Make = (o) => new Reason.ConnectionError(o)
const unsupported = (capability: string): Make => (o) => new Reason.UnsupportedError({ ...o, capability })
const timeout: Make = (o) => new Reason.StatementTimeoutError({ outcome: "not-applied", ...o, timeout: "server" })
const undone: Make = (o) => new Reason.UnknownError({ outcome: "not-applied", ...o, connection: "usable" })
const limit = (name: string, maximum: (message: string) => number = () => Number.NaN): Make => (o) =>
  new Reason.LimitError({ ...o, limit: name, maximum: maximum(o.message), actual: Number.NaN })

const groups: ReadonlyArray<readonly [Make, ReadonlyArray<number>]> = [
  [unique, [1022, 1062, 1169, 1557, 1586, 1859]],
  // 1048 and 1364: a column without a value; 1451 to 1217: foreign keys; 3819 and 4025: CHECK; 1369: a view's; 1644: SIGNAL of a trigger.
  [constraint, [1048, 1216, 1217, 1364, 1369, 1451, 1452, 1526, 1644, 1748, 3819, 4025]],
  [data, [
    1242, 1264, 1265, 1292, 1300, 1365, 1366, 1367, 1406, 1411, 1416, 1425, 1426, 1439, 1441, 1690, 1977, 3140, 3141, 3143, 3156, 3157,
    3854, 3988, 4037, 4038, 4078
  ]],
  [syntax, [
    1051, 1052, 1054, 1055, 1056, 1060, 1061, 1063, 1064, 1065, 1066, 1067, 1068, 1071, 1072, 1074, 1075, 1091, 1093, 1101, 1103, 1109,
    1110, 1111, 1113, 1115, 1120, 1128, 1136, 1140, 1146, 1149, 1166, 1176, 1191, 1193, 1221, 1222, 1231, 1232, 1239, 1241, 1243,
    1247, 1248, 1267, 1271, 1273, 1318, 1327, 1347, 1356, 1360, 1442, 1459, 1463, 1582, 1583, 1584, 1630, 4161
  ]],
  [syntax, [1007, 1008, 1050, 1304, 1359]],
  // The server's words for "this statement is refused in this state".
  // Of a routine, or of a savepoint.
  [(o) => o.message.startsWith("SAVEPOINT ") ? state(o) : syntax(o), [1305]],
  [state, [1179, 1399, 1400, 1402, 1568, 1622, 1679, 1694, 1766, 1768]],
  [denied, [1044, 1095, 1142, 1143, 1227, 1290, 1370, 1410, 1419, 1471, 1792, 1836]],
  // 3118 and 4151: the account is locked.
  [login, [1045, 1131, 1132, 1133, 1251, 1275, 1524, 1698, 1820, 1862, 1873, 3118, 3150, 3955, 4151]],
  [field("database"), [1049, 1046]],
  [refused, [1040, 1041, 1042, 1043, 1129, 1130, 1203, 1226, 1053, 1077, 3168]],
  [lost, [1080, 1152, 1154, 1156, 1157, 1158, 1159, 1160, 1161, 1184, 1927, 3169, 4031]],
  [(o) => new Reason.DeadlockError(o), [1213, 1614]],
  // Since this transaction's snapshot the row was changed (MariaDB's snapshot isolation), or the table; 1615: between preparing and
  // executing, and again in each of the server's own attempts.
  [(o) => new Reason.SerializationError(o), [1020, 3101, 1412, 1615]],
  [lock, [1205, 3572, 1015]],
  [timeout, [1969, 3024]],
  [(o) => new Reason.CancelledError(o), [1317]],
  [unsupported("preparing"), [1295]],
  [unsupported("statement"), [1235, 1289]],
  [unsupported("localInfile"), [1148, 3948, 4166]],
  [(o) => limit("max_allowed_packet")({ ...o, connection: "broken" }), [1153]],
  [limit("max_allowed_packet"), [1105, 1301, 1162]],
  [limit("parameters", () => 65_535), [1390]],
  // The server's, for all of its sessions together.
  [limit("max_prepared_stmt_count", (message) => Number(/current value: (\d+)/.exec(message)?.[1])), [1461]],
  // Parameters that do not fit their statement.
  [data, [1210, 1835]],
  [undone, [1021, 1030, 1037, 1038, 1114, 1206, 1180]]
]

const byNumber: ReadonlyMap<number, Make> = new Map(groups.toReversed().flatMap(([make, codes]) => codes.map((code) => [code, make] as const)))

// By SQLSTATE's class, where the number is not in the table.
const byClass: Readonly<Record<string, Make>> = { "08": lost, "21": data, "22": data, "23": constraint, "28": login, "42": syntax, "45": constraint }

/** What is known of the failed work besides the error. */
export interface About {
  readonly operation: string
  readonly statement?: string | undefined
  /** No byte of it was sent, or it writes nothing: a lost connection applied nothing. */
  readonly harmless?: boolean | undefined
  /** There where the server was chosen because it can be written to: called when it says that it cannot any more. */
  readonly demoted?: (() => void) | undefined
}

/** The SqlError of an error of the driver, which stays its `cause`. */
export const toSqlError = (error: DriverError, about: About): SqlError.SqlError => {
  const code = error.errno !== undefined && error.errno > 0 && error.sqlState !== undefined ? error.errno : undefined
  const options: Reason.ReasonOptions = {
    message: code === undefined ? error.message || String(error.code) : masked(code, error.sqlMessage ?? error.message),
    operation: about.operation,
    code: code ?? error.code,
    sqlState: error.sqlState,
    statement: about.statement,
    // Whatever it was, the connection is not kept, and nothing but its settings was sent.
    ...(error.partly === true ? { outcome: "unknown" as const } : {}),
    ...(about.operation === "connect" ? { connection: "broken" as const, outcome: "not-applied" as const } : {}),
    ...(code === undefined ? {} : namesOf(code, error.sqlMessage ?? error.message, about.statement ?? "")),
    cause: error
  }
  if (code === undefined) return SqlError.make(byDriver(error, options, about))
  const failure = SqlError.make(about.demoted !== undefined && isReadOnly(error) ? lostRole(options, about.demoted) : byServer(code, options, about))
  // What code that was written for the driver looks at: its error without the values that its texts quote (law E4).
  return Object.defineProperty(failure, "cause", { value: new ServerError(options.message, error), enumerable: false })
}

class ServerError extends Error {
  readonly code: string | undefined
  readonly errno: number | undefined
  readonly sqlState: string | undefined
  readonly sqlMessage: string

  constructor(message: string, error: DriverError) {
    super(message)
    this.code = error.code
    this.errno = error.errno
    this.sqlState = error.sqlState
    this.sqlMessage = message
    // Where it was thrown says nothing: the driver's parser.
    this.stack = `${error.code ?? "Error"}: ${message}`
  }
}

const byServer = (code: number, options: Reason.ReasonOptions, about: About): Reason.Reason => {
  const make = byNumber.get(code) ?? byClass[options.sqlState?.slice(0, 2) ?? ""]
  // 1105 is ER_UNKNOWN_ERROR; only MariaDB's words tell a packet that was too large from the rest.
  if (make === undefined || (code === 1105 && !options.message.includes("max_allowed_packet"))) {
    return undone(options)
  }
  return make === lost && about.harmless === true ? refused(options) : make(options)
}

const byDriver = (error: DriverError, options: Reason.ReasonOptions, about: About): Reason.Reason => {
  const known = refusal(error, options)
  if (known !== undefined) return known
  return new Reason.ConnectionError({
    ...options,
    ...(about.harmless === true ? { outcome: "not-applied" as const } : {})
  })
}

/** A failure that is no answer of the server: the connection is gone. */
export const isFatal = (error: DriverError): boolean => error.fatal === true || error.sqlState === undefined || error.errno === 1927 || error.errno === 4031

// Refused, so nothing was done; and the next connection goes to whoever is the primary now.
const lostRole = (options: Reason.ReasonOptions, demoted: () => void): Reason.Reason => {
  demoted()
  return new Reason.ConnectionError({ ...options, connection: "broken", outcome: "not-applied" })
}

/**
 * The server refuses to write: 1290 under --read-only and --super-read-only (and for other options, which it names), 1836
 * and 1874 where all of it or InnoDB is read-only. A read-only transaction is 1792 and none of these.
 */
const isReadOnly = (error: DriverError): boolean =>
  error.errno === 1836 || error.errno === 1874 || (error.errno === 1290 && /read[-_]only/.test(error.sqlMessage ?? error.message))

// ---- messages ----

// These quote names, never values.
const quotesNames: ReadonlySet<number> = new Set([
  1007, 1008, 1044, 1048, 1049, 1050, 1051, 1054, 1060, 1061, 1091, 1142, 1143, 1146, 1193, 1227, 1264, 1265, 1290, 1305, 1364, 1406, 1451,
  1452, 1792, 3819, 4025
])

const masked = (code: number, message: string): string => {
  if (quotesNames.has(code)) return message
  if (code === 1062) return message.replace(/^Duplicate entry '[^]*' for key /, "Duplicate entry … for key ")
  // "Incorrect integer value: 'abc' for column `db`.`t`.`c` at row 1": the value may hold quotes itself.
  const column = message.search(/ for column [`'][^]*$/)
  const head = column === -1 ? message : message.slice(0, message.lastIndexOf(" for column "))
  const tail = column === -1 ? "" : message.slice(message.lastIndexOf(" for column "))
  return head.replace(/'[^]*'|"[^]*"/g, "…") + tail
}

type Names = Pick<Reason.ReasonOptions, "table" | "column" | "constraint">

const namesOf = (code: number, message: string, statement: string): Names => {
  switch (code) {
    case 1022:
    case 1062:
    case 1586:
      return ofKey(/ for key '([^']*)'$/.exec(message)?.[1], statement)
    case 1048:
      return { ...tableOf(statement), column: /^Column '([^']*)'/.exec(message)?.[1] }
    case 1364:
      return { ...tableOf(statement), column: /^Field '([^']*)'/.exec(message)?.[1] }
    case 1451:
    case 1452: {
      const found = /\(`[^`]*`\.`([^`]*)`, CONSTRAINT `([^`]*)` FOREIGN KEY \(`([^`]*)`\)/.exec(message)
      return { table: found?.[1], constraint: found?.[2], column: found?.[3] }
    }
    case 3819:
      return { ...tableOf(statement), constraint: /^Check constraint '([^']*)'/.exec(message)?.[1] }
    case 4025: {
      const found = /^CONSTRAINT `(.*)` failed for `[^`]*`\.`([^`]*)`$/.exec(message)
      // A column's own CHECK has the name `table.column` there.
      const [table, column] = found?.[1]?.split(".") ?? []
      return { table: found?.[2] ?? table, constraint: found?.[1], column }
    }
    case 1146:
      return { table: /^Table '(?:[^']*\.)?([^'.]*)'/.exec(message)?.[1] }
    default: {
      const found = / (?:for|in) column (?:`[^`]*`\.`([^`]*)`\.`([^`]*)`|'([^']*)')/.exec(message)
      return found === null ? {} : { ...tableOf(statement), ...(found[1] === undefined ? {} : { table: found[1] }), column: found[2] ?? found[3] }
    }
  }
}

/**
 * MySQL 8 says `table.key`, MariaDB the key alone: the table is then the one that the statement writes to. A key that
 * was given no name has that of its first column: where the statement names such a column, that is the column.
 */
const ofKey = (key: string | undefined, statement: string): Names => {
  if (key === undefined) return {}
  const dot = key.lastIndexOf(".")
  const constraint = key.slice(dot + 1)
  const isColumn = constraint !== "PRIMARY" && new RegExp(`(?<![\\w$])${constraint.replace(/\W/g, "\\$&")}(?![\\w$])`).test(statement)
  return { ...(dot === -1 ? tableOf(statement) : { table: key.slice(0, dot) }), constraint, ...(isColumn ? { column: constraint } : {}) }
}

const written = /^\s*(?:INSERT|REPLACE|UPDATE)\s+(?:LOW_PRIORITY\s+|DELAYED\s+|HIGH_PRIORITY\s+|IGNORE\s+|INTO\s+)*(?:`[^`]*`\.|[\w$]+\.)?(?:`([^`]*)`|([\w$]+))/i

const tableOf = (statement: string): Names => {
  const found = written.exec(statement)
  const table = found?.[1] ?? found?.[2]
  return table === undefined ? {} : { table }
}
