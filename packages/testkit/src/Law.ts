/**
 * The laws: what every dialect promises, in one sentence each.
 *
 * A table, read by the suite (each case names its law) and by `promises`, which puts the cases under them. What is held
 * by tests that need no server stands in `elsewhere`.
 *
 * @since 0.1.0
 */

/**
 * What is known of a law besides its cases.
 *
 * @example
 * ```ts
 * import { Law } from "@sluice/testkit"
 *
 * const sentence = (text: Law.Text) => text.promise
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Text {
  /** The promise, as a user would recognise it. */
  readonly promise: string
  /** Tests that hold it without a server of its own, as files of the repository. */
  readonly elsewhere?: ReadonlyArray<string>
  /** Why no dialect has a case yet. */
  readonly missing?: string
}

const pool = ["packages/core/test/pool-borrowing.test.ts", "packages/core/test/pool-lifetimes.test.ts"]
const state = "packages/core/test/pool-state.test.ts"
const ends = "packages/core/test/transaction-ends.test.ts"

/**
 * Every law by its name, in the order of the design: errors, statements, pool, transactions, streams, batches, verbs, connecting.
 *
 * @example
 * ```ts
 * import { Law } from "@sluice/testkit"
 *
 * Law.laws.T2.promise
 * ```
 *
 * @category tables
 * @since 0.1.0
 */
export const laws = {
  E1: { promise: "Whatever the server or the network says is a typed failure, never a defect: BEGIN, COMMIT, ROLLBACK, opening, streams and unprepared statements included.", elsewhere: [ends] },
  E2: { promise: "An error's three answers are right: whether trying again may help, whether the connection is still good, whether the statement took effect." },
  E3: { promise: "A ROLLBACK that fails never hides why the transaction failed.", elsewhere: [ends] },
  E4: { promise: "Credentials appear nowhere, and no parameter's value in a printed error, a statement, a span or a log." },
  Q1: { promise: "Every value comes back as it went in, or is refused with DataError." },
  Q2: { promise: "One call sends one statement, unless a script is asked for." },
  Q3: { promise: "An insert of rows with different keys uses all of the keys." },
  Q4: { promise: "SQL is compiled for its own dialect, never another's, and never for another list's length.", elsewhere: ["packages/core/test/sql.test.ts"] },
  Q5: { promise: "The server's limits are checked before anything is sent." },
  P1: { promise: "Connections are lent first come, first served; no newcomer passes a borrower that was woken.", elsewhere: [state, ...pool] },
  P2: { promise: "There are never more than `max` connections, and none is opened that nobody waits for, except to restore `min` and `minIdle`.", elsewhere: [state, ...pool] },
  P3: { promise: "Acquiring can be interrupted and is bounded by one `acquireTimeout`, whose error tells the pool's counts.", elsewhere: pool },
  P4: { promise: "A returned connection carries nothing over to its next borrower; an open transaction is always seen and rolled back.", elsewhere: pool },
  P5: { promise: "A connection that idled for long is pinged before it is lent; one whose end has reached us is never lent.", elsewhere: pool },
  P6: { promise: "Connections end after `maxLifetime` (with jitter) and `idleTimeout`, and are kept alive in between.", elsewhere: pool },
  P7: { promise: "A connection held for too long is reported with the place that took it; closing waits for borrowers for a bounded time.", elsewhere: pool },
  P8: { promise: "Failures to connect back off once for all who wait; credentials are read for every physical connect.", elsewhere: pool },
  P9: { promise: "After any interruption the counts add up, and the server runs nothing of ours.", elsewhere: [state, ...pool] },
  T1: { promise: "A statement of one database never runs on another's connection." },
  T2: { promise: "Nested transactions are savepoints; siblings take turns, and nothing that was committed is lost." },
  T3: { promise: "Isolation, read-only, deferrable and access modes are typed; what is lacking is UnsupportedError before anything is sent." },
  T4: { promise: "`retry` runs the whole outermost transaction again after a serialization failure or a deadlock, and after nothing else.", elsewhere: [ends] },
  T5: { promise: "A COMMIT that did not commit says so, and `unknown` is said only where it is.", elsewhere: [ends] },
  T6: { promise: "Fibers inside one transaction or session share its connection, one statement at a time." },
  T7: { promise: "A transaction that the server ended is known before the next statement: every later one fails, none runs by itself.", elsewhere: [ends] },
  S1: { promise: "Rows are fetched on demand; memory does not grow with the result, and a consumer may pause." },
  S2: { promise: "Taking the first rows ends the work for the rest." },
  S3: { promise: "A server that dies in the middle of a stream is a failure, never a hang." },
  S4: { promise: "A stream and a statement in one transaction both work, or the statement is refused at once; they never wait for each other." },
  S5: { promise: "Interrupting returns at once and stops that statement and no other; the connection is settled before it is used again." },
  B1: { promise: "What was added to a batch is sent exactly once, in order, or reported back." },
  B2: { promise: "Merging statements changes no meaning.", elsewhere: ["packages/batcher/test/insert-merge.test.ts"] },
  B3: { promise: "With a dead-letter sink a bad row fails alone, and the rest is applied." },
  B4: { promise: "A full buffer suspends its producers." },
  B5: { promise: "With a spool, a process that was killed resumes with nothing lost and nothing twice.", missing: "the spool comes with a later version of the batcher" },
  B6: { promise: "Limits of bytes, rows and parameters hold together, and under the server's own." },
  V1: { promise: "Every way to read a statement answers as its name says: rows, first, one, scalar, column, run, result, cursor." },
  V2: { promise: "executeMany, batch, script and describe do what they say, and nothing where there is nothing to do." },
  V3: { promise: "A session is one connection, with begin, commit, savepoints and autocommit in the user's hands." },
  V4: { promise: "Misuse has a reason of its own, names its field, is not retryable and was not applied.", elsewhere: ["packages/core/test/options.test.ts"] },
  V5: { promise: "The database is a stock SqlClient: what is written for @effect/sql runs on it." },
  V6: { promise: "With replicas, what only reads goes to one that is well; transactions, writes, and what a fiber reads after a write go to the primary.", elsewhere: ["packages/core/test/replicas.test.ts"] },
  V7: { promise: "A table that is described once makes its DDL, its statements and the types of its rows; it forgets no condition, and reads back what is there.", elsewhere: ["packages/core/test/table.test.ts"] },
  V8: { promise: "Without Effect the same holds: a call is a Promise that rejects with the SqlError itself, and an aborted signal or a `for await` that is left ends the work on the server.", elsewhere: ["packages/sqlite/test/promised.test.ts"] },
  V9: { promise: "Who looks on sees everything and changes nothing: an error hook each SqlError once, the log each statement that is slow or failed. Neither shows a parameter, nor does a preview.", elsewhere: ["packages/core/test/error-hook.test.ts", "packages/core/test/statement-log.test.ts", "packages/core/test/preview.test.ts"] },
  V10: { promise: "A repository over a model of @effect/sql has typed failures and shows no value; its data loaders answer everyone, and let one fail alone." },
  V11: { promise: "A row decoder makes the rows of one statement, or of all that run where it is provided; and rows may be had as the server's bytes, or it is refused." },
  V12: { promise: "A database that is rolled back undoes all that a test did on it, its transactions, sessions, streams and fibers included, and says so where it cannot.", elsewhere: ["packages/sqlite/test/test-database.test.ts", "packages/mysql/test/test-database.test.ts", "packages/postgres/test/test-database.test.ts"] },
  C1: { promise: "TLS means the same in every dialect: whom each mode checks, who is refused, and what the refusal says; no key is in any message.", elsewhere: ["packages/testkit/test/tls.test.ts", "packages/core/test/tls.test.ts"] },
  C2: { promise: "The doctor names the step at which a connection fails, in time, with a hint that helps and without a secret." }
} as const satisfies Readonly<Record<string, Text>>

/**
 * A law's name.
 *
 * @example
 * ```ts
 * import type { Law } from "@sluice/testkit"
 *
 * const name: Law.Law = "P3"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Law = keyof typeof laws
