/**
 * Bulk: rows into one table by INSERT statements of many rows, a write at a time.
 *
 * It gathers nothing (that is the batcher); each write is all or nothing, in a savepoint or in a transaction of its
 * own. The handle splits it into statements. Called by `connection`.
 *
 * @since 0.1.0
 */
import type * as Bulk from "@sluice/core/Bulk"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { dialect } from "./dialect.js"
import { inParts, type Rows } from "./parts.js"
import type { Transport } from "./transport.js"
import { encodeOne, refuse } from "./types.js"
import type { Value } from "./values.js"

// INSERT OR IGNORE leaves out what NOT NULL and CHECK refuse, too; ON CONFLICT is of keys alone.
const tails = { error: "", ignore: " ON CONFLICT DO NOTHING", replace: "" } as const

/** A writer on an open connection. */
export const writer = (transport: Transport, target: Bulk.Target): Effect.Effect<Bulk.Writer, SqlError.SqlError> => {
  const width = target.columns.length
  if (width === 0) return SqlError.fail(new Reason.ConfigError({ message: "a bulk load needs at least one column", field: "columns", operation: "bulk" }))
  if (width > dialect.limits.maxParameters) {
    return SqlError.fail(new Reason.LimitError({
      message: `a bulk load of ${width} columns`,
      limit: "maxParameters",
      maximum: dialect.limits.maxParameters,
      actual: width,
      operation: "bulk"
    }))
  }
  const quoted = (name: string): string => `"${name.replaceAll("\"", "\"\"")}"`
  const head = `${target.onConflict === "replace" ? "INSERT OR REPLACE" : "INSERT"} INTO ${dialect.quoteIdentifier(target.table)} (${target.columns.map(quoted).join(", ")}) VALUES `
  let applied = 0
  let rejected = 0
  const send = (rows: Rows): Effect.Effect<number, SqlError.SqlError> => {
    const values = flatten(rows, width, head)
    return values instanceof SqlError.SqlError
      ? Exit.fail(values)
      : transport.call("bulk", { head, tail: tails[target.onConflict], width, values, inside: transport.inTransaction }, head, (affected) => affected)
  }
  const count = (rows: number, affected: number): void => {
    applied += affected
    if (target.onConflict === "ignore") rejected += rows - affected
  }
  // One write is under way while the next is encoded, so that this thread and the database's work at once.
  let ahead: Fiber.Fiber<void, SqlError.SqlError> | undefined
  const drained = Effect.suspend(() => {
    const fiber = ahead
    ahead = undefined
    return fiber === undefined ? Effect.void : Fiber.join(fiber)
  })
  return Exit.succeed({
    write: (rows) =>
      Effect.suspend(() => {
        if (rows.length === 0) return Effect.void
        if (rows.length > rowsPerRequest) {
          let all = 0
          const part = (rows: Rows): Effect.Effect<void, SqlError.SqlError> =>
            Effect.map(send(rows), (affected) => {
              all += affected
            })
          return Effect.zipRight(drained, Effect.map(inParts(transport, rows, rowsPerRequest, part), () => count(rows.length, all)))
        }
        const answer = send(rows)
        const sent = Effect.map(answer, (affected) => count(rows.length, affected))
        // Done already: without a thread, or a row that was refused before it was sent. What went before it is not left under way.
        if (Exit.isExit(answer)) return Effect.zipRight(drained, sent)
        return Effect.flatMap(Effect.forkDaemon(sent), (fiber) =>
          Effect.ensuring(drained, Effect.sync(() => {
            ahead = fiber
          })))
      }),
    finish: Effect.map(drained, () => ({ rows: applied, rejected }))
  })
}

// A million rows in one message: 287k rows/s and all of it in memory twice; by 10,000: 634k.
const rowsPerRequest = 10_000

const flatten = (rows: Rows, width: number, head: string): Array<Value> | SqlError.SqlError => {
  const values = new Array<Value>(rows.length * width)
  for (let i = 0, at = 0; i < rows.length; i++) {
    const row = rows[i] ?? []
    if (row.length !== width) {
      return SqlError.make(new Reason.DataError({ message: `row ${i} has ${row.length} values for ${width} columns`, operation: "bulk", statement: head }))
    }
    for (let c = 0; c < width; c++) {
      const value = encodeOne(row[c])
      if (value === undefined) return refuse(row[c], `row ${i}, value ${c + 1}`, head)
      values[at++] = value
    }
  }
  return values
}
