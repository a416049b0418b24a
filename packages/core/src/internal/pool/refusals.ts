/**
 * Why a pool lends nothing, in words: closed, too late, or its only connection is stuck.
 *
 * @internal
 */
import * as Reason from "../../Reason.js"
import type { SqlError } from "../../SqlError.js"

export const closed = (name: string): Reason.ClosedError =>
  new Reason.ClosedError({ message: `${name} is closed`, operation: "acquire" })

export const late = (
  name: string,
  settings: { readonly acquireTimeout: number; readonly max: number },
  counts: Reason.PoolCounts,
  last: SqlError | undefined
): Reason.PoolTimeoutError =>
  new Reason.PoolTimeoutError({
    message: `${name}: no connection within ${settings.acquireTimeout} ms ` +
      `(max ${settings.max}, lent ${counts.lent}, idle ${counts.idle}, connecting ${counts.connecting}, waiting ${counts.waiting})` +
      (last === undefined ? "" : `; the last connecting failed with ${last.message}`),
    operation: "acquire",
    counts,
    lastConnectFailure: last?.message,
    cause: last
  })

export const stuck = (name: string, milliseconds: number, why: string): Reason.StatementTimeoutError =>
  new Reason.StatementTimeoutError({
    message: `${name}: an interrupted statement has been running for ${milliseconds} ms and cannot be stopped within its step; ${why}`,
    operation: "acquire",
    timeout: "worker",
    outcome: "not-applied"
  })

/** What a verb of ours was not answered by. It is cancelled by giving the connection up, so that nothing of it stays. */
export const unanswered = (operation: string, milliseconds: number | undefined, outcome: Reason.Outcome = "not-applied"): Reason.StatementTimeoutError =>
  new Reason.StatementTimeoutError({ message: `${operation} was not answered within ${milliseconds} ms`, operation, timeout: "database", outcome })
