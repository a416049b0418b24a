/**
 * Many: one statement for many rows of parameters, prepared once and sent in few round trips.
 *
 * Every row is bound and executed behind the other without waiting, about a megabyte at a time: the count of each is the
 * server's own. Rows of a plain INSERT share statements where nothing can tell. Core calls it in a transaction. Called by `connection`.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Postgres } from "./connection.js"
import type { DriverError } from "./driver.js"
import { type Encoded, messages } from "./messages.js"
import { miscounted } from "./placeholders.js"
import * as Multiple from "./rows.js"
import { affectedOf } from "./run.js"
import { Task } from "./task.js"
import { common, encode, typeOf } from "./types.js"

type Rows = ReadonlyArray<ReadonlyArray<unknown>>

/** Is told the count of each row as it comes. */
export type Answered = (rowsAffected: number) => void

/** Bytes that are sent before the answers are waited for. */
const enough = 1_048_576

const statementName = "sluice_many"

/** The affected rows of each row of parameters. */
export const execute = (connection: Postgres, query: Connection.Query, rows: Rows, answered: Answered = ignore): Effect.Effect<ReadonlyArray<number>, SqlError.SqlError> => {
  if (rows.length === 0) return Exit.succeed([])
  const encoded = new Array<ReadonlyArray<Encoded>>(rows.length)
  for (let i = 0; i < rows.length; i++) {
    // What does not fit is found before anything is sent.
    const row = encode(rows[i]!, query.sql, i)
    if (row instanceof SqlError.SqlError) return Exit.fail(row)
    encoded[i] = row
  }
  const wrong = miscounted(query.sql, rows[0]!.length)
  // A text that does not parse is told as that.
  if (wrong !== undefined) return Effect.zipRight(connection.describe(query), Exit.fail(wrong))
  const types = typesOf(rows)
  const counts: Array<number> = []
  const count = (affected: number): void => {
    counts.push(affected)
    answered(affected)
  }
  const rest: Effect.Effect<ReadonlyArray<number>, SqlError.SqlError> = Effect.suspend(() =>
    counts.length === rows.length ? Exit.succeed(counts) : Effect.flatMap(send(connection, query, encoded, types, counts.length, count), () => rest))
  const inserted = (rows: number): void => {
    for (let i = 0; i < rows; i++) count(1)
  }
  return Effect.flatMap(Multiple.target(connection, query, encoded, types.length), (target) =>
    target === undefined ? rest : Effect.zipRight(Multiple.insert(connection, query, target, encoded, types, inserted), rest))
}

const ignore = (): void => {}

/** Each column has one type for all of its values. */
const typesOf = (rows: Rows): ReadonlyArray<number> => {
  const types = new Array<number>(rows[0]!.length).fill(-1)
  for (const row of rows) {
    for (let c = 0; c < types.length; c++) {
      const value = row[c]
      if (value !== null && value !== undefined) types[c] = common(types[c]!, typeOf(value))
    }
  }
  return types.map((type) => type === -1 ? 0 : type)
}

const send = (
  connection: Postgres,
  query: Connection.Query,
  rows: ReadonlyArray<ReadonlyArray<Encoded>>,
  types: ReadonlyArray<number>,
  from: number,
  count: (affected: number) => void
): Effect.Effect<void, SqlError.SqlError> =>
  Effect.async((resume) => {
    const harmless = connection.wire.inTransaction
    messages.closeStatement(statementName).parse(statementName, query.sql, types)
    let at = from
    while (at < rows.length && messages.size < enough) messages.bind("", statementName, rows[at++]!).execute("", 0)
    messages.closeStatement(statementName).sync()
    connection.wire.send(new Counting(count, (error) =>
      resume(error === undefined ? Exit.void : Exit.fail(connection.failure(error, query, "executeMany", harmless)))))
  })

class Counting extends Task {
  constructor(private readonly count: (affected: number) => void, private readonly done: (error: DriverError | undefined) => void) {
    super()
  }

  override completed(tag: string): void {
    this.count(affectedOf(tag))
  }

  ready(): void {
    this.done(this.fault)
  }

  lost(error: DriverError): void {
    this.done(error)
  }
}
