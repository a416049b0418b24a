/**
 * The dialect of SQLite: how its SQL is written, its limits, and what a connection to it can do.
 *
 * Pure data; error codes are in `errors`, values in `types`. Read by `connection` and by the public module.
 *
 * @since 0.1.0
 */
import type { Result } from "@sluice/core/Connection"
import * as Dialect from "@sluice/core/Dialect"
import * as SqlLexer from "@sluice/core/SqlLexer"
import { tables } from "./tables.js"

/** What every connection to SQLite can do: the library is inside the process, so there is one answer. */
export const capabilities: Dialect.Capabilities = {
  transactions: true,
  savepoints: true,
  // https://sqlite.org/isolation.html: transactions of different connections are always serializable.
  isolation: ["serializable"],
  readOnlyTransactions: true,
  deferrable: false,
  access: ["deferred", "immediate", "exclusive"],
  sessions: true,
  // sqlite3_interrupt() is not reachable from another thread through the driver: work stops at its next row.
  cancel: "between rows",
  streaming: true,
  statementsBesideStream: true,
  returning: true,
  multipleResultSets: false,
  describe: true,
  lastInsertId: true,
  bulk: true,
  unprepared: false,
  bytes: false
}

const quote = Dialect.quoteWith("\"")

/** The dialect. */
export const dialect: Dialect.Dialect = {
  name: "sqlite",
  stock: "sqlite",
  system: "sqlite",
  quoteIdentifier: quote,
  placeholder: () => "?",
  // VALUES knows no DEFAULT here: https://sqlite.org/lang_insert.html
  defaultKeyword: undefined,
  returning: "suffix",
  // The columns of VALUES are named column1, column2, … and an alias cannot rename them.
  updateValues: ({ alias, columns, rows }) => {
    const named = columns.map((column, i) => `column${i + 1} AS ${column}`).join(", ")
    const values = rows.map((row) => `(${row.join(", ")})`).join(", ")
    return `(SELECT ${named} FROM (VALUES ${values})) AS ${alias}`
  },
  lexicon: { ...SqlLexer.ansi, backticks: true, brackets: true, bodies: "trigger" },
  // https://sqlite.org/limits.html: SQLITE_MAX_VARIABLE_NUMBER and SQLITE_MAX_SQL_LENGTH.
  limits: { maxParameters: 32_766, maxStatementBytes: 1_000_000_000, maxInsertRows: Number.POSITIVE_INFINITY },
  capabilities,
  leavesState: undefined,
  tables
}

/** What better-sqlite3 answers: rows for a statement that has them, else the result of `run`. */
export const raw = (result: Result): unknown =>
  result.columns.length > 0 ? result.rows : { changes: result.rowsAffected, lastInsertRowid: result.lastInsertId ?? 0 }
