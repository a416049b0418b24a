/**
 * Many: one statement for many rows of parameters, and which of them failed.
 *
 * Many rows are sent in parts, and are undone together. Called by `connection`.
 *
 * @since 0.1.0
 */
import type * as Connection from "@sluice/core/Connection"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import { toSqlError } from "./errors.js"
import { errorOf } from "./fault.js"
import { inParts, type Rows } from "./parts.js"
import type { Transport } from "./transport.js"
import { encodeOne, refuse } from "./types.js"
import type { Value } from "./values.js"

// Two of them under way are enough to keep the thread busy, and small enough to be young garbage.
const rowsPerPart = 2_000

/** The affected rows of each row of parameters, which all have as many values. */
export const execute = (
  transport: Transport,
  { prepare, sql }: Connection.Query,
  rows: Rows,
  answered?: (rowsAffected: number) => void
): Effect.Effect<ReadonlyArray<number>, SqlError.SqlError> => {
  const width = rows[0]?.length ?? 0
  const all: Array<number> = []
  let isOver = false
  const send = (part: Rows, from: number): Effect.Effect<void, SqlError.SqlError> => {
    const values = flatten(part, width, sql, from)
    if (values instanceof SqlError.SqlError) return Exit.fail(values)
    return joined(transport.call("many", { sql, values, width, count: part.length, keep: prepare, inside: transport.inTransaction }, sql, ({ counts, fault }) => {
      // What was under way behind a failure is undone with it.
      if (isOver) return Either.void
      for (const count of counts) {
        all.push(count)
        answered?.(count)
      }
      isOver = fault !== undefined
      return fault === undefined ? Either.void : Either.left(toSqlError(fault, "many", sql, errorOf(fault)))
    }))
  }
  const sent = rows.length > rowsPerPart ? inParts(transport, rows, rowsPerPart, send) : rows.length === 0 ? Exit.void : send(rows, 0)
  return Effect.as(sent, all)
}

const flatten = (rows: Rows, width: number, sql: string, from: number): Array<Value> | SqlError.SqlError => {
  const values = new Array<Value>(rows.length * width)
  for (let i = 0, at = 0; i < rows.length; i++) {
    const row = rows[i]!
    for (let c = 0; c < width; c++) {
      const value = encodeOne(row[c])
      if (value === undefined) return refuse(row[c], `row ${from + i}, value ${c + 1}`, sql)
      values[at++] = value
    }
  }
  return values
}

/** What is there already stays an Exit. */
export const joined = <A>(sent: Effect.Effect<Either.Either<A, SqlError.SqlError>, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> =>
  Exit.isExit(sent)
    ? Exit.flatMap(sent as Exit.Exit<Either.Either<A, SqlError.SqlError>, SqlError.SqlError>, Either.match({ onLeft: Exit.fail, onRight: Exit.succeed<A> }))
    : Effect.flatten(sent)
