/**
 * The dialect of PostgreSQL: how SQL is written, its limits, and what a connection can do.
 *
 * Pure data; error codes are in `errors`, values in `types` and `decode`. Read by `connection` and by the public module.
 *
 * @internal
 */
import type { Result } from "@sluice/core/Connection"
import * as Dialect from "@sluice/core/Dialect"
import * as SqlScript from "@sluice/core/SqlScript"
import type { Settings } from "./options.js"
import { tables } from "./tables.js"

/** What every server of this dialect can do. */
export const capabilities: Dialect.Capabilities = {
  transactions: true,
  savepoints: true,
  isolation: ["read-uncommitted", "read-committed", "repeatable-read", "serializable"],
  readOnlyTransactions: true,
  deferrable: true,
  access: [],
  sessions: true,
  // A CancelRequest on a socket of its own.
  cancel: "server",
  streaming: true,
  // A named portal survives the Sync of the statements beside it.
  statementsBesideStream: true,
  returning: true,
  // Several statements in one text are refused, and none alone has several results.
  multipleResultSets: false,
  describe: true,
  lastInsertId: false,
  bulk: true,
  unprepared: true,
  bytes: true
}

/** The dialect. */
export const dialect: Dialect.Dialect = {
  name: "postgres",
  stock: "pg",
  system: "postgresql",
  quoteIdentifier: Dialect.quoteWith("\""),
  placeholder: (index) => `$${index}`,
  defaultKeyword: "DEFAULT",
  returning: "suffix",
  arrays: true,
  updateValues: ({ alias, columns, rows }) =>
    `(values ${rows.map((row) => `(${row.join(",")})`).join(",")}) as ${alias}(${columns.join(",")})`,
  lexicon: { ...SqlScript.ansi, escapeStrings: true, dollarQuotes: true, nestedComments: true, psqlCommands: true, bodies: "atomic" },
  // Bind counts parameters in 16 bits; a message has at most 2^30 - 1 bytes.
  limits: { maxParameters: 65_535, maxStatementBytes: 0x3fffffff - 1024, maxInsertRows: Number.POSITIVE_INFINITY },
  capabilities,
  leavesState: /\b(?:pg_(?:try_)?advisory_(?:lock|unlock)\w*|set_config|setseed)\s*\(|\bINTO\s+(?:LOCAL\s+|GLOBAL\s+)?TEMP/i,
  tables: tables("string")
}

/** What is left of it where a pooler lends another session to every transaction. */
const pooled: Dialect.Capabilities = { ...capabilities, sessions: false }

/** What is left of it where statements share connections: one that others stand behind runs to its end. */
const shared: Dialect.Capabilities = { ...capabilities, cancel: "detached" }

/** What is left of it inside of this process. */
const embedded: Dialect.Capabilities = { ...capabilities, cancel: "none" }

/** Where a server is, as far as it matters to what can be done. */
type Where = Pick<Settings, "isEmbedded" | "isPooled" | "maxInFlight">

/** What a connection of these settings can do. */
export const capabilitiesOf = ({ isEmbedded, isPooled, maxInFlight }: Where): Dialect.Capabilities =>
  isEmbedded ? embedded : isPooled ? pooled : maxInFlight > 1 ? shared : capabilities

/** The dialect of a database whose JSON comes as text, or parsed. */
export const dialectOf = (json: "string" | "parsed", where: Where): Dialect.Dialect => ({ ...dialect, capabilities: capabilitiesOf(where), tables: tables(json) })

/** What pg answers. */
export const raw = (result: Result): unknown => ({
  command: "",
  rowCount: result.columns.length > 0 ? result.rows.length : result.rowsAffected,
  oid: null,
  rows: result.rows,
  fields: result.columns.map(({ name }) => ({ name }))
})
