/**
 * Loading: the rows of one write by LOAD DATA LOCAL, and whether the server took them exactly as they are.
 *
 * LOCAL implies IGNORE: a duplicate is skipped, what does not fit is cut, and both are a success with warnings. So a load
 * counts only if nothing was warned of, nothing skipped and every row is there; after any other the caller undoes it and
 * sends the same rows by INSERT, which says what is wrong. Where an undoing is not sure (a table without transactions),
 * or where LOAD DATA differs without a warning (a generated column, one without a value), there is no plan. Called by `bulk`.
 *
 * @internal
 */
import type * as Bulk from "@sluice/core/Bulk"
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Mysql } from "./connection.js"
import type { Buffers } from "./buffers.js"
import { dialect } from "./dialect.js"
import { Encoder, format, type Kind, Source } from "./infile.js"

type Rows = ReadonlyArray<ReadonlyArray<unknown>>

/** How a target is loaded. */
export interface Plan {
  readonly sql: string
  readonly kinds: ReadonlyArray<Kind>
  /** A duplicate may be skipped. */
  readonly skips: boolean
  /** Clears the variables by which values that are no texts are read. */
  readonly cleanup: string | undefined
}

/** What a load did; `undefined` where it is to be undone. */
export type Loaded = { readonly skipped: number } | undefined

const kinds: Readonly<Record<string, Kind>> = {
  tinyint: "integer", smallint: "integer", mediumint: "integer", int: "integer", bigint: "integer",
  float: "real", double: "real", decimal: "real",
  char: "text", varchar: "text", tinytext: "text", text: "text", mediumtext: "text", longtext: "text",
  // A number in one of these is not what its digits are.
  enum: "words", set: "words", json: "words", uuid: "words", inet4: "words", inet6: "words",
  // A Date in one of the first two loses a part of itself, and the server notes that.
  date: "words", time: "words", datetime: "date", timestamp: "date",
  bit: "bits", year: "bits",
  binary: "bytes", varbinary: "bytes", tinyblob: "bytes", blob: "bytes", mediumblob: "bytes", longblob: "bytes"
}

/** Engines that undo a part of a transaction, as a failed statement is one. */
const undoes = /^(?:InnoDB|ROCKSDB|TokuDB|ndbcluster)$/i

/** The plan for a target; `undefined` where INSERTs are the way. */
export const plan = (connection: Mysql, target: Bulk.Target): Effect.Effect<Plan | undefined, SqlError.SqlError> => {
  if (!connection.settings.localInfile || connection.refusesInfile) return Exit.succeed(undefined)
  return Effect.map(described(connection, target.table), (table) => table === undefined ? undefined : planned(table, target))
}

/** Whether a failed statement leaves nothing behind in a table. */
export const isTransactional = (connection: Mysql, table: string): Effect.Effect<boolean> =>
  Effect.map(Effect.orElseSucceed(described(connection, table), () => undefined), (text) => text !== undefined && undoes.test(engineOf(text)))

/**
 * Whether a value is refused in any row of an INSERT as it is in the only one. Where the session's sql_mode is not strict, a NULL is
 * an empty value in company; and the usual mode is strict in a table without transactions for the first row alone.
 */
export const isStrict = (connection: Mysql, table: string): Effect.Effect<boolean, SqlError.SqlError> =>
  Effect.flatMap(connection.wire.text("SELECT @@SESSION.sql_mode", "bulk"), ({ rows: [row] }) => {
    const mode = Array.isArray(row) ? String(row[0]) : ""
    return mode.includes("STRICT_ALL_TABLES") ? Exit.succeed(true) : mode.includes("STRICT_TRANS_TABLES") ? isTransactional(connection, table) : Exit.succeed(false)
  })

// It sees a temporary table before one that it hides, takes no snapshot and no lock on rows. Whoever may insert and not
// look has no plan.
const described = (connection: Mysql, table: string): Effect.Effect<string | undefined, SqlError.SqlError> =>
  Effect.matchEffect(connection.wire.text(`SHOW CREATE TABLE ${dialect.quoteIdentifier(table)}`, "bulk"), {
    onSuccess: ({ rows }) => {
      const row = rows[0]
      const text: unknown = Array.isArray(row) ? row[1] : undefined
      return Exit.succeed(typeof text === "string" ? text : undefined)
    },
    onFailure: (error) => error.connection === "usable" ? Exit.succeed(undefined) : Exit.fail(error)
  })

const engineOf = (table: string): string => /^\).*? ENGINE=(\w+)/m.exec(table)?.[1] ?? ""

const planned = (table: string, target: Bulk.Target): Plan | undefined => {
  if (!undoes.test(engineOf(table))) return undefined
  const known = new Map<string, Kind>()
  const charset = /^\).*? CHARSET=(\w+)/m.exec(table)?.[1] ?? ""
  const foreign = new Set<string>()
  const wanted = new Set(target.columns.map((column) => column.toLowerCase()))
  // Of a column that is named twice LOAD DATA takes the second value, where an INSERT is refused.
  if (wanted.size < target.columns.length) return undefined
  for (const [, quoted = "", name = "", type = "", words = ""] of table.matchAll(/^  ([`"])((?:[^`"]|``|"")*)\1 (\w+)(.*)$/gm)) {
    // What a comment says is not so.
    const [rest = ""] = words.split(" COMMENT '", 1)
    // LOAD DATA drops the value of a generated column without a word.
    if (rest.includes("GENERATED ALWAYS")) continue
    const column = name.replaceAll(quoted + quoted, quoted).toLowerCase()
    const isNeeded = / NOT NULL\b/.test(rest)
    const kind = isNeeded && type.toLowerCase() === "timestamp" ? "moment" : kinds[type.toLowerCase()] ?? "opaque"
    known.set(column, kind)
    // MySQL fills it with an empty value, and warns of nothing.
    if (!wanted.has(column) && isNeeded && !/ (?:DEFAULT|AUTO_INCREMENT)\b/.test(rest)) return undefined
    if (kind === "words" || (kind === "text" && (/ CHARACTER SET (\w+)/.exec(rest)?.[1] ?? charset) !== "utf8mb4")) foreign.add(column)
  }
  // What is UTF-8 already and goes into a column of that is not looked at character by character: 2 % of a load's time.
  const source = target.columns.some((column) => foreign.has(column.toLowerCase())) ? "utf8mb4" : "binary"
  const own: Array<Kind> = []
  const fields: Array<string> = []
  const reads: Array<string> = []
  const variables: Array<string> = []
  for (const column of target.columns) {
    const kind = known.get(column.toLowerCase())
    if (kind === undefined) return undefined
    own.push(kind)
    const quoted = `\`${column.replaceAll("`", "``")}\``
    if (kind !== "bytes" && kind !== "bits") {
      fields.push(quoted)
      continue
    }
    const variable = `@sluice_load_${variables.length}`
    variables.push(variable)
    fields.push(variable)
    reads.push(`${quoted} = ${kind === "bytes" ? `UNHEX(${variable})` : `CAST(${variable} AS UNSIGNED)`}`)
  }
  const how = target.onConflict === "error" ? "" : target.onConflict === "replace" ? "REPLACE " : "IGNORE "
  return {
    sql: `LOAD DATA LOCAL INFILE '${file}' ${how}INTO TABLE ${dialect.quoteIdentifier(target.table)} CHARACTER SET ${source} ${format} (${fields.join(", ")})` +
      (reads.length === 0 ? "" : ` SET ${reads.join(", ")}`),
    kinds: own,
    skips: target.onConflict === "ignore",
    cleanup: variables.length === 0 ? undefined : `SET ${variables.map((name) => `${name} = NULL`).join(", ")}`
  }
}

/** What the server is to ask for: no file has this name, and nothing is given for another. */
const file = "sluice rows"

/** The rows, the first of them encoded already; more of them where another write is still under way. */
export const encoder = (connection: Mysql, plan: Plan, rows: Rows, buffers: Buffers, isBehind: boolean): Encoder =>
  new Encoder(rows, plan.kinds, connection.settings.offset, connection.settings.encoders, buffers).prepare(isBehind ? ahead : 1)

// The server takes what is sent while the rest is encoded. Behind another write there is time to encode more.
const ahead = 1_048_576

/** Sends one load. To be called where it can be undone. */
export const load = (connection: Mysql, plan: Plan, rows: number, encoder: Encoder, statement: string): Effect.Effect<Loaded, SqlError.SqlError> =>
  Effect.suspend(() => {
    const source = new Source(file, encoder, Math.min(1_048_576, connection.maxPacket - 1024))
    const sent = Effect.onExit(connection.write({ sql: plan.sql, infile: source }, { operation: "bulk", statement }), (exit) =>
      Effect.sync(() => Exit.isInterrupted(exit) ? source.stop() : source.close()))
    return Effect.flatMap(sent, ([header]) => {
      // Records, deleted, skipped, warnings: in the server's own language.
      const [records, , skipped] = header?.info.match(/\d+/g) ?? []
      if (encoder.isUnfit || Number(records) !== rows) return Exit.succeed(undefined)
      if (header?.warnings === 0) return Exit.succeed(skipped === "0" ? { skipped: 0 } : undefined)
      return plan.skips ? onlyDuplicates(connection, Number(skipped), header?.warnings) : Exit.succeed(undefined)
    })
  })

// Beside duplicates IGNORE skips what a foreign key or a CHECK forbids: each has to be looked at, and MariaDB keeps 64.
const onlyDuplicates = (connection: Mysql, skipped: number, warnings: number | undefined): Effect.Effect<Loaded, SqlError.SqlError> =>
  skipped !== warnings || warnings > 64 ? Exit.succeed(undefined) : Effect.map(connection.wire.text("SHOW WARNINGS", "bulk"), ({ rows }) =>
    rows.length === skipped && rows.every((row) => Array.isArray(row) && Number(row[1]) === duplicate) ? { skipped } : undefined)

const duplicate = 1062
