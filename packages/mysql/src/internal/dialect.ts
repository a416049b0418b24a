/**
 * The dialect of MySQL and MariaDB: how SQL is written, its limits, and what a connection can do.
 *
 * Pure data; error codes are in `errors`, values in `types`. Read by `connection` and by the public module.
 *
 * @since 0.1.0
 */
import type { Result } from "@sluice/core/Connection"
import * as Dialect from "@sluice/core/Dialect"
import * as SqlScript from "@sluice/core/SqlScript"
import { tables } from "./tables.js"

/** What every server of this dialect can do; MariaDB answers INSERT and DELETE with rows, too. */
export const capabilities: Dialect.Capabilities = {
  transactions: true,
  savepoints: true,
  isolation: ["read-uncommitted", "read-committed", "repeatable-read", "serializable"],
  readOnlyTransactions: true,
  deferrable: false,
  access: [],
  sessions: true,
  // KILL QUERY from a connection beside it.
  cancel: "server",
  streaming: true,
  // The protocol answers one statement at a time, and the driver has no cursors.
  statementsBesideStream: false,
  returning: false,
  multipleResultSets: true,
  describe: true,
  lastInsertId: true,
  bulk: true,
  unprepared: true,
  bytes: true
}

const lexicon: SqlScript.Lexicon = {
  ...SqlScript.ansi,
  backslashEscapes: true,
  backticks: true,
  hashComments: true,
  spacedDashes: true,
  executableComments: true,
  delimiterCommand: true,
  bodies: "routine"
}

/** The dialect. */
export const dialect: Dialect.Dialect = {
  name: "mysql",
  stock: "mysql",
  system: "mysql",
  quoteIdentifier: Dialect.quoteWith("`"),
  placeholder: () => "?",
  defaultKeyword: "DEFAULT",
  returning: "suffix",
  lastIdIsFirst: true,
  // UPDATE has no FROM; what stands here is joined to the table: UPDATE t INNER JOIN <this> ON d.id = t.id SET …
  updateValues: ({ alias, columns, rows }) => {
    const [first, ...rest] = rows.map((row, i) => `SELECT ${row.map((value, c) => i === 0 ? `${value} AS ${columns[c]}` : value).join(", ")}`)
    return `(${[first, ...rest].join(" UNION ALL ")}) AS ${alias}`
  },
  lexicon,
  // COM_STMT_PREPARE counts parameters in 16 bits; max_allowed_packet is at least 16 MB unless a server is set lower, and at most 1 GB.
  limits: { maxParameters: 65_535, maxStatementBytes: 16_777_216 - 1024, longestStatementBytes: 1_073_741_824, maxInsertRows: Number.POSITIVE_INFINITY },
  capabilities,
  // https://dev.mysql.com/doc/refman/8.4/en/implicit-commit.html; temporary tables are made and dropped without.
  commits: /(?:CREATE|DROP)\s+(?!TEMPORARY\b)|(?:ALTER|ANALYZE|CHANGE|CHECK|FLUSH|GRANT|IMPORT|INSTALL|LOCK|OPTIMIZE|RENAME|REPAIR|RESET|REVOKE|TRUNCATE|UNINSTALL|UNLOCK)\b|CACHE\s+INDEX\b|LOAD\s+INDEX\b|SET\s+PASSWORD\b|(?:START|STOP)\s+(?:REPLICA|SLAVE)\b/i,
  leavesState: /\b(GET_LOCK|RELEASE_LOCK|RELEASE_ALL_LOCKS)\s*\(|:=|\bINTO\s+@/i,
  tables: tables(0)
}

/** The lexicon of sessions in which a backslash escapes, or does not: NO_BACKSLASH_ESCAPES. */
export const lexiconOf = (hasEscapes: boolean): SqlScript.Lexicon => hasEscapes ? lexicon : literal

const literal: SqlScript.Lexicon = { ...lexicon, backslashEscapes: false }

/** The dialect of a database whose sessions are so many minutes from UTC. */
export const dialectAt = (offset: number, hasEscapes: boolean): Dialect.Dialect =>
  offset === 0 && hasEscapes ? dialect : { ...dialect, lexicon: lexiconOf(hasEscapes), tables: tables(offset) }

/** What mysql2 answers: rows for a statement that has them, else a result header. */
export const raw = (result: Result): unknown =>
  result.columns.length > 0 ? result.rows : {
    fieldCount: 0,
    affectedRows: result.rowsAffected,
    insertId: result.lastInsertId ?? 0,
    info: "",
    serverStatus: 2,
    warningStatus: result.messages.length,
    changedRows: 0
  }
