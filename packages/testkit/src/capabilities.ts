/**
 * The capabilities that each dialect must claim: the suite's own table, so that a dialect which stops claiming one fails.
 *
 * It is not read from the dialects. A new capability of a dialect is entered here by hand, with its case.
 *
 * @since 0.1.0
 */
import type * as Dialect from "@sluice/core/Dialect"

const postgres: Dialect.Capabilities = {
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
}

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
  postgres,
  // A statement that others stand behind runs to its end.
  "postgres with lanes": { ...postgres, cancel: "detached" },
  // A connection is no session.
  "postgres behind PgBouncer": { ...postgres, sessions: false },
  // Inside of the process, on its one thread.
  pglite: { ...postgres, cancel: "none" }
}
