/**
 * A target: where the statements of a batch go. A database, or a callback.
 *
 * It sends, and tells each answer as it comes. It opens no transaction and knows no retry (that is `shipment`).
 *
 * @internal
 */
import type { Database } from "@sluice/core/Database"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import type { Statement } from "../Batch.js"
import type { Execute } from "../BatchOptions.js"
import type { Outgoing } from "./outgoing.js"
import { partsOf } from "./parts.js"

/** Gets an answer, and how many statements it is the answer to. */
export type Answered = (result: unknown, statements: number) => void

export interface Target {
  /** Several statements may have one answer: then it is not known which of them failed. */
  readonly isWhole: boolean
  /** Sends statements in order. */
  readonly send: (statements: ReadonlyArray<Statement>, batch: Outgoing, how: How, answered: Answered) => Effect.Effect<void, SqlError.SqlError>
}

export interface How {
  /** They are in a transaction, which is rolled back after a failure. */
  readonly isAtomic: boolean
  /** The answers are looked at. */
  readonly wantsResults: boolean
}

export const database = (db: Database): Target => ({
  isWhole: false,
  send: (statements, _, { isAtomic, wantsResults }, answered) => {
    if (!isAtomic || wantsResults) return apart(db, statements, answered)
    return Effect.forEach(partsOf(statements), (part) => part.isAlike ? together(db, part.statements, answered) : apart(db, part.statements, answered), { discard: true })
  }
})

const apart = (db: Database, statements: ReadonlyArray<Statement>, answered: Answered): Effect.Effect<void, SqlError.SqlError> => {
  const [first] = statements
  if (statements.length === 1 && first !== undefined) return Effect.map(db.unsafe(first.text, first.params).result, (result) => answered(result, 1))
  const all = statements.map(({ params, text }) => db.unsafe(text, params))
  return Effect.asVoid(db.batch(all, { atomic: false, onResult: (result) => answered(result, 1) }))
}

const together = (db: Database, statements: ReadonlyArray<Statement>, answered: Answered): Effect.Effect<void, SqlError.SqlError> => {
  const rows = statements.map((statement) => statement.params)
  return Effect.asVoid(db.executeMany(statements[0]!.text, rows, { atomic: false, onRow: (affected) => answered(affected, 1) }))
}

export const callback = <A>(execute: Execute<A>): Target => ({
  isWhole: true,
  send: (statements, batch, _, answered) => {
    // A joined text has no place for parameters.
    const from = statements.findIndex((statement) => statement.params.length > 0)
    const parts = from === -1 ? [statements] : separated(statements)
    const each = (part: ReadonlyArray<Statement>) => {
      const own = batch.of(part)
      return Effect.mapBoth(Effect.suspend(() => execute(own.text, own)), { onFailure: failed, onSuccess: (result) => answered(result, part.length) })
    }
    return parts.length === 1 && parts[0] !== undefined ? each(parts[0]) : Effect.forEach(parts, each, { discard: true })
  }
})

const separated = (statements: ReadonlyArray<Statement>): ReadonlyArray<ReadonlyArray<Statement>> => {
  const parts: Array<Array<Statement>> = []
  let isOpen = false
  for (const statement of statements) {
    if (statement.params.length > 0) parts.push([statement])
    else if (isOpen) parts.at(-1)!.push(statement)
    else parts.push([statement])
    isOpen = statement.params.length === 0
  }
  return parts
}

const failed = (error: unknown): SqlError.SqlError =>
  SqlError.isSqlError(error) ? error : SqlError.make(
    new Reason.UnknownError({ message: `execute failed: ${error instanceof Error ? error.message : String(error)}`, operation: "batch", outcome: "unknown", cause: error })
  )
