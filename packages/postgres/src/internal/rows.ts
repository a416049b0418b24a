/**
 * Rows: a plain INSERT with many rows of parameters, a hundred of them in a statement.
 *
 * A row costs the server 4 µs so, and 6 as a statement by itself. Each counts one: so it is done only in a table whose rows nothing
 * else looks at, neither a trigger nor a rule, and which has no parts. What fails is undone, and `many` sends it row by row to see
 * which it was. Called by `many`.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import type * as Reason from "@sluice/core/Reason"
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Postgres } from "./connection.js"
import type { DriverError } from "./driver.js"
import { type Encoded, messages } from "./messages.js"
import { Task } from "./task.js"
import { Status } from "./wire.js"

const perStatement = 100
const mostParameters = 65_535

/** Fewer rows are not worth asking what the table is. */
const fewest = 500

/** Bytes that are sent before the answers are waited for. */
const enough = 1_048_576

const statementName = "sluice_rows"
const savepoint = "sluice_rows"

/** An INSERT of one row that is nothing but placeholders: its text up to VALUES, and its table. */
const plain = /^\s*(INSERT\s+INTO\s+((?:[\w$.]|"(?:[^"]|"")*")+)\s*(?:\((?:[\w$\s,]|"(?:[^"]|"")*")*\))?\s*VALUES\s*)(\(\s*\$1\s*(?:,\s*\$\d+\s*)*\))\s*;?\s*$/i

/** Where rows go that may share a statement. */
export interface Target {
  readonly head: string
  readonly width: number
  /** Rows of a statement. */
  readonly rows: number
}

/** The target of a statement for so many rows; `undefined` where each row is to be a statement of its own. */
export const target = (connection: Postgres, query: Connection.Query, rows: number, width: number): Effect.Effect<Target | undefined, SqlError.SqlError> => {
  const [, head, table, row] = plain.exec(query.sql) ?? []
  if (rows < fewest || head === undefined || table === undefined || row?.replaceAll(/\s/g, "") !== tuple(0, width)) return Exit.succeed(undefined)
  if (connection.wire.status !== Status.open) return Exit.succeed(undefined)
  const size = Math.min(perStatement, Math.floor(mostParameters / width))
  const asked = { ...query, sql: isOrdinary, params: [table], rowMode: "array" as const, readOnly: true, returnsRows: true }
  return Effect.map(connection.execute(asked), (result) => {
    const [answer] = result.rows
    return Array.isArray(answer) && answer[0] === true && size > 1 ? { head, width, rows: size } : undefined
  })
}

const isOrdinary = `SELECT relkind = 'r' AND NOT relhasrules AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = pg_class.oid AND NOT tgisinternal)
 FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass($1)`

const tuple = (from: number, width: number): string => {
  let text = `($${from + 1}`
  for (let i = 2; i <= width; i++) text += `,$${from + i}`
  return `${text})`
}

const textOf = ({ head, rows, width }: Target): string => head + Array.from({ length: rows }, (_, i) => tuple(i * width, width)).join(",")

/**
 * Inserts rows from one on, about a megabyte of them, in a savepoint: how many. None, and nothing of them is there, where one of
 * them was refused.
 */
export const insert = (
  connection: Postgres,
  query: Connection.Query,
  target: Target,
  rows: ReadonlyArray<ReadonlyArray<Encoded>>,
  types: ReadonlyArray<number>,
  from: number
): Effect.Effect<number, SqlError.SqlError> =>
  Effect.suspend(() => {
    const sent = Effect.async<number, SqlError.SqlError>((resume) => {
      messages.run(`SAVEPOINT ${savepoint}`).closeStatement(statementName)
        .parse(statementName, textOf(target), Array.from({ length: target.rows }, () => types).flat())
      let to = from
      for (; to + target.rows <= rows.length && messages.size < enough; to += target.rows) {
        messages.bind("", statementName, rows.slice(to, to + target.rows).flat()).execute("", 0)
      }
      messages.closeStatement(statementName).run(`RELEASE ${savepoint}`).sync()
      connection.wire.send(new Inserting((error) =>
        resume(error === undefined ? Exit.succeed(to - from) : Exit.fail(connection.failure(error, query, "executeMany", true)))))
    })
    return Effect.catchAll(sent, (error) =>
      ofRows.has(error.reason._tag) ? Effect.as(Effect.zipRight(connection.rollbackTo(savepoint), connection.release(savepoint)), 0) : Exit.fail(error))
  })

/** What a row is refused with. */
const ofRows: ReadonlySet<string> = new Set<Reason.Reason["_tag"]>(["UniqueViolation", "ConstraintError", "DataError"])

class Inserting extends Task {
  constructor(private readonly done: (error: DriverError | undefined) => void) {
    super()
  }

  ready(): void {
    this.done(this.fault)
  }

  lost(error: DriverError): void {
    this.done(error)
  }
}
