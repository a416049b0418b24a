/**
 * Copy: rows into a table by COPY FROM STDIN, in its text format, one command for one write.
 *
 * The command, its data and its end go in one round trip: where the server refuses the command, it skips the data.
 * https://www.postgresql.org/docs/15/protocol-flow.html#PROTOCOL-COPY. Called by `bulk`.
 *
 * @internal
 */
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Postgres } from "./connection.js"
import type { DriverError } from "./driver.js"
import { messages } from "./messages.js"
import { affectedOf } from "./run.js"
import { Task } from "./task.js"
import { refuse, textOf } from "./types.js"

type Rows = ReadonlyArray<ReadonlyArray<unknown>>

/** Characters of one CopyData message. */
const enough = 65_536

/** Copies these rows, all or none; ends with their number. */
export const send = (connection: Postgres, sql: string, rows: Rows): Effect.Effect<number, SqlError.SqlError> =>
  Effect.async((resume) => {
    const harmless = connection.wire.inTransaction
    messages.query(sql)
    const refusal = write(rows, sql)
    if (refusal !== undefined) {
      messages.clear()
      return resume(Exit.fail(refusal))
    }
    messages.copyDone()
    connection.wire.send(new Copying((error, count) =>
      resume(error === undefined ? Exit.succeed(count) : Exit.fail(connection.failure(error, { sql, readOnly: false }, "bulk", harmless)))))
  })

// Values are separated by tabs and rows by line feeds; these, and the backslash, are written with one.
// A text with none of them, no NUL and no half of a surrogate pair goes as it is.
const special = /[\\\n\r\t\0\ud800-\udfff]/
const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }

const write = (rows: Rows, sql: string): SqlError.SqlError | undefined => {
  let text = ""
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!
    for (let c = 0; c < row.length; c++) {
      const value = row[c]
      if (c > 0) text += "\t"
      // A template drops the sign of -0.
      if ((typeof value === "number" && value !== 0) || (typeof value === "string" && !special.test(value))) {
        text += value
        continue
      }
      const cell = textOf(value)
      if (cell === undefined) return refuse(value, `row ${i}, value ${c + 1}`, sql)
      if (cell === null) text += "\\N"
      else text += special.test(cell) ? cell.replace(/[\\\n\r\t]/g, (one) => escapes[one] ?? one) : cell
    }
    text += "\n"
    if (text.length >= enough) {
      messages.copyData(text)
      text = ""
    }
  }
  if (text !== "") messages.copyData(text)
  return undefined
}

class Copying extends Task {
  override readonly takesCopy = true
  private count = 0

  constructor(private readonly done: (error: DriverError | undefined, count: number) => void) {
    super()
  }

  override completed(tag: string): void {
    this.count = affectedOf(tag)
  }

  ready(): void {
    this.done(this.fault, this.count)
  }

  lost(error: DriverError): void {
    this.done(error, 0)
  }
}
