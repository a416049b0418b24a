/**
 * The capabilities that each dialect must claim: the suite's own table, so that a dialect which stops claiming one fails.
 *
 * It is not read from the dialects. A new capability of a dialect is entered here by hand, with its case.
 *
 * @since 0.1.0
 */
import type * as Dialect from "@sluice/core/Dialect"

/**
 * What each dialect must claim, by the dialect's name.
 *
 * @example
 * ```ts
 * import { capabilities } from "@sluice/testkit/capabilities"
 *
 * capabilities["sqlite"]?.savepoints // true
 * ```
 *
 * @category tables
 * @since 0.1.0
 */
export const capabilities: Readonly<Record<string, Dialect.Capabilities>> = {
  sqlite: {
    transactions: true,
    savepoints: true,
    isolation: ["serializable"],
    readOnlyTransactions: true,
    deferrable: false,
    access: ["deferred", "immediate", "exclusive"],
    sessions: true,
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
  },
  // A client of promises over SQLite: one session, and what it is told to claim.
  generic: {
    transactions: true,
    savepoints: true,
    isolation: [],
    readOnlyTransactions: false,
    deferrable: false,
    access: [],
    sessions: false,
    cancel: "detached",
    streaming: false,
    statementsBesideStream: true,
    returning: true,
    multipleResultSets: false,
    describe: false,
    lastInsertId: false,
    bulk: false,
    unprepared: false,
    bytes: false
  },
  mysql: {
    transactions: true,
    savepoints: true,
    isolation: ["read-uncommitted", "read-committed", "repeatable-read", "serializable"],
    readOnlyTransactions: true,
    deferrable: false,
    access: [],
    sessions: true,
    cancel: "server",
    streaming: true,
    statementsBesideStream: false,
    returning: false,
    multipleResultSets: true,
    describe: true,
    lastInsertId: true,
    bulk: true,
    unprepared: true,
    bytes: true
  },
  postgres: {
    transactions: true,
    savepoints: true,
    isolation: ["read-uncommitted", "read-committed", "repeatable-read", "serializable"],
    readOnlyTransactions: true,
    deferrable: true,
    access: [],
    sessions: true,
    cancel: "server",
    streaming: true,
    statementsBesideStream: true,
    returning: true,
    multipleResultSets: false,
    describe: true,
    lastInsertId: false,
    bulk: true,
    unprepared: true,
    bytes: true
  },
  "postgres with lanes": {
    transactions: true,
    savepoints: true,
    isolation: ["read-uncommitted", "read-committed", "repeatable-read", "serializable"],
    readOnlyTransactions: true,
    deferrable: true,
    access: [],
    sessions: true,
    cancel: "detached",
    streaming: true,
    statementsBesideStream: true,
    returning: true,
    multipleResultSets: false,
    describe: true,
    lastInsertId: false,
    bulk: true,
    unprepared: true,
    bytes: true
  },
  "postgres behind PgBouncer": {
    transactions: true,
    savepoints: true,
    isolation: ["read-uncommitted", "read-committed", "repeatable-read", "serializable"],
    readOnlyTransactions: true,
    deferrable: true,
    access: [],
    sessions: false,
    cancel: "server",
    streaming: true,
    statementsBesideStream: true,
    returning: true,
    multipleResultSets: false,
    describe: true,
    lastInsertId: false,
    bulk: true,
    unprepared: true,
    bytes: true
  },
  pglite: {
    transactions: true,
    savepoints: true,
    isolation: ["read-uncommitted", "read-committed", "repeatable-read", "serializable"],
    readOnlyTransactions: true,
    deferrable: true,
    access: [],
    sessions: true,
    cancel: "none",
    streaming: true,
    statementsBesideStream: true,
    returning: true,
    multipleResultSets: false,
    describe: true,
    lastInsertId: false,
    bulk: true,
    unprepared: true,
    bytes: true
  }
}
