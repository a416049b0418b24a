/**
 * Results: what a statement's answer is to core. Columns are described only when somebody looks.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import { outcomeOf } from "@sluice/core/Connection"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import { Unfit } from "./decode.js"
import type { Run } from "./run.js"

const none: ReadonlyArray<never> = []

/** The result of a run. Core copies it, so that everything is a property of its own. */
export const answer = ({ affected, messages, rows, shape }: Run): Connection.Result => ({
  rows,
  get columns() {
    return shape === undefined ? none : shape.columns
  },
  rowsAffected: affected,
  lastInsertId: undefined,
  messages: messages ?? none,
  outParameters: undefined
})

/** A DataError for what a decoder threw. */
export const unfit = (error: unknown, query: Connection.Query): SqlError.SqlError =>
  SqlError.make(new Reason.DataError({
    message: error instanceof Error ? error.message : "a value cannot be read",
    column: error instanceof Unfit ? error.column : undefined,
    operation: "decode",
    statement: query.sql,
    outcome: outcomeOf(query, "answered"),
    cause: error
  }))
