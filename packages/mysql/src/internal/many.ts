/**
 * Many: one statement for many rows of parameters.
 *
 * A plain INSERT becomes INSERTs of many rows, within the packet and the count of parameters: then each row counts
 * one, since nothing else could have succeeded. Any other statement is executed row by row, prepared once. Core calls
 * it in a transaction. Called by `connection`.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Mysql } from "./connection.js"
import { encoded } from "./encoders.js"
import { literal, miscounted, refuse } from "./types.js"

type Rows = ReadonlyArray<ReadonlyArray<unknown>>

/** The affected rows of each row of parameters. */
export const execute = (connection: Mysql, query: Connection.Query, rows: Rows): Effect.Effect<ReadonlyArray<number>, SqlError.SqlError> => {
  if (rows.length === 0) return Exit.succeed([])
  for (const row of rows) {
    const wrong = miscounted(query.sql, row.length, connection.wire.backslashes)
    // A text that does not parse is told as that.
    if (wrong !== undefined) return Effect.zipRight(connection.describe(query), Exit.fail(wrong))
  }
  const head = insert.exec(query.sql)?.[1]
  if (head === undefined || rows.length === 1) return oneByOne(connection, query, rows)
  const texts = literals(connection, rows, query.sql)
  if (texts instanceof SqlError.SqlError) return Exit.fail(texts)
  return Effect.as(
    Effect.forEach(statements(`${head} VALUES `, texts, connection.maxPacket), (sql) =>
      connection.insert(sql), { discard: true }),
    rows.map(() => 1)
  )
}

// INSERT INTO t (a, b) VALUES (?, ?): nothing but placeholders, and nothing after them.
const insert = /^\s*(INSERT\s+INTO\s+(?:[\w$.]|`[^`]*`)+\s*(?:\((?:[\w$\s,]|`[^`]*`)*\))?)\s*VALUES?\s*\(\s*\?\s*(?:,\s*\?\s*)*\)\s*;?\s*$/i

const oneByOne = (connection: Mysql, query: Connection.Query, rows: Rows): Effect.Effect<ReadonlyArray<number>, SqlError.SqlError> =>
  Effect.suspend(() => {
    // What does not fit is found before anything is sent.
    const texts = literals(connection, rows, query.sql)
    return texts instanceof SqlError.SqlError ? Exit.fail(texts)
      : Effect.forEach(rows, (params) => Effect.map(connection.execute({ ...query, params }), (result) => result.rowsAffected))
  })

/** Each row as `(1,'a',NULL)`. */
export const literals = (connection: Mysql, rows: Rows, statement: string): Array<string> | SqlError.SqlError => {
  const { backslashes } = connection.wire
  const { encoders, offset } = connection.settings
  const texts = new Array<string>(rows.length)
  for (let i = 0; i < rows.length; i++) {
    const row = encoded(rows[i]!, encoders, statement, (c) => `row ${i}, value ${c + 1}`)
    if (row instanceof SqlError.SqlError) return row
    let text = "("
    for (let c = 0; c < row.length; c++) {
      const value = literal(row[c], offset, backslashes)
      if (value === undefined) return refuse(row[c], `row ${i}, value ${c + 1}`, statement)
      text += c === 0 ? value : `,${value}`
    }
    texts[i] = `${text})`
  }
  return texts
}

// Beyond a megabyte a statement gains nothing: 1,000 rows of 100 bytes are a tenth of that.
const enough = 1_000_000

/** Statements of many rows, each within the packet. A row that is too large by itself is left to the server's limit. */
export const statements = function*(head: string, rows: ReadonlyArray<string>, maxPacket: number, tail = ""): Generator<string> {
  const most = Math.min(enough, maxPacket - 1024)
  let from = 0
  let bytes = Buffer.byteLength(head) + tail.length
  for (let i = 0; i < rows.length; i++) {
    const size = Buffer.byteLength(rows[i]!) + 1
    if (i > from && bytes + size > most) {
      yield head + rows.slice(from, i).join(",") + tail
      from = i
      bytes = Buffer.byteLength(head) + tail.length
    }
    bytes += size
  }
  if (from < rows.length) yield head + rows.slice(from).join(",") + tail
}
