/**
 * Rows: a plain INSERT with many rows of parameters, a hundred of them in a statement.
 *
 * A row costs the server 4 µs so, and 6 as a statement by itself. Each counts one: so it is done only in a table whose rows nothing
 * else looks at, neither a trigger nor a rule, and which has no parts. What a row is given or checked by must not see the rows before
 * it either: those of its own statement it would not see. What fails is undone, and `many` sends it row by row to see which it was.
 * Called by `many`.
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

/** Bytes of a part, and how many parts are under way: one is written while the server inserts another. */
const enough = 131_072
const underWay = 3

/** Rows of so many characters gain nothing by company, and a statement of a hundred could be too large. */
const longest = 4_096

const statementName = "sluice_rows"
const savepoint = "sluice_rows"

/** An INSERT of one row that is nothing but placeholders: its text up to VALUES, its table, and the schema of it. */
const plain = /^\s*(INSERT\s+INTO\s+((?:([\w$]+|"(?:[^"]|"")*")\.)?(?:[\w$]+|"(?:[^"]|"")*"))\s*(?:\((?:[\w$\s,]|"(?:[^"]|"")*")*\))?\s*VALUES\s*)(\(\s*\$1\s*(?:,\s*\$\d+\s*)*\))\s*;?\s*$/i

/** Where rows go that may share a statement. */
export interface Target {
  readonly head: string
  readonly width: number
  /** Rows of a statement. */
  readonly rows: number
}

/** The target of a statement for so many rows; `undefined` where each row is to be a statement of its own. */
export const target = (connection: Postgres, query: Connection.Query, rows: ReadonlyArray<ReadonlyArray<Encoded>>, width: number): Effect.Effect<Target | undefined, SqlError.SqlError> => {
  const [, head, table, schema, row] = plain.exec(query.sql) ?? []
  if (rows.length < fewest || head === undefined || table === undefined || row?.replaceAll(/\s/g, "") !== tuple(0, width)) return Exit.succeed(undefined)
  if (connection.wire.status !== Status.open || rows.some((row) => sizeOf(row) > longest)) return Exit.succeed(undefined)
  const size = Math.min(perStatement, Math.floor(mostParameters / width))
  const asked = { ...query, sql: isOrdinary, params: [table, schema ?? null], rowMode: "array" as const, readOnly: true, returnsRows: true }
  return Effect.map(connection.execute(asked), (result) => {
    const [answer] = result.rows
    return Array.isArray(answer) && answer[0] === true && size > 1 ? { head, width, rows: size } : undefined
  })
}

const sizeOf = (row: ReadonlyArray<Encoded>): number => {
  let size = 0
  for (const value of row) size += value === null ? 0 : value.length
  return size
}

// Functions of users' in a default, a CHECK or a policy may count rows, as a key of the table to itself does; the domains of columns
// have checks of their own. A schema that must not be looked into is left to the statement, which says so in its own words.
const isOrdinary = `SELECT relkind = 'r' AND NOT relhasrules AND NOT relrowsecurity
 AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = t.oid AND NOT tgisinternal)
 AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = t.oid AND confrelid = t.oid)
 AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute JOIN pg_catalog.pg_type y ON y.oid = atttypid WHERE attrelid = t.oid AND typtype = 'd')
 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend WHERE refclassid = 'pg_catalog.pg_proc'::regclass
  AND (classid = 'pg_catalog.pg_attrdef'::regclass AND objid IN (SELECT oid FROM pg_catalog.pg_attrdef WHERE adrelid = t.oid)
   OR classid = 'pg_catalog.pg_constraint'::regclass AND objid IN (SELECT oid FROM pg_catalog.pg_constraint WHERE conrelid = t.oid)))
 FROM pg_catalog.pg_class t WHERE oid = CASE
  WHEN $2::text IS NULL OR pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace($2::text), 'USAGE') THEN pg_catalog.to_regclass($1) END`

const tuple = (from: number, width: number): string => {
  let text = `($${from + 1}`
  for (let i = 2; i <= width; i++) text += `,$${from + i}`
  return `${text})`
}

const textOf = ({ head, rows, width }: Target): string => head + Array.from({ length: rows }, (_, i) => tuple(i * width, width)).join(",")

/**
 * Inserts as many of the rows as fill statements, and tells how many are there with each answer. It ends before the first part in
 * which a row was refused, and nothing of that part is there.
 */
export const insert = (
  connection: Postgres,
  query: Connection.Query,
  target: Target,
  rows: ReadonlyArray<ReadonlyArray<Encoded>>,
  types: ReadonlyArray<number>,
  inserted: (rows: number) => void
): Effect.Effect<void, SqlError.SqlError> =>
  Effect.suspend(() => {
    const all = Array.from({ length: target.rows }, () => types).flat()
    const last = rows.length - rows.length % target.rows
    const sent = Effect.async<void, SqlError.SqlError>((resume) => {
      let at = 0
      let open = 0
      let failure: DriverError | undefined
      let isInterrupted = false
      const ended = (count: number, error: DriverError | undefined): void => {
        open--
        if (failure === undefined) {
          if (error === undefined) inserted(count)
          // What is under way behind it fails because of it.
          else failure = error
        }
        more()
        if (open === 0) resume(failure === undefined ? Exit.void : Exit.fail(connection.failure(failure, query, "executeMany", true)))
      }
      const mayGoOn = (): boolean => open < underWay && failure === undefined && !isInterrupted && at < last
      const more = (): void => {
        while (mayGoOn()) {
          const from = at
          messages.run(`SAVEPOINT ${savepoint}`)
          if (from === 0) messages.closeStatement(statementName).parse(statementName, textOf(target), all)
          for (; at < last && messages.size < enough; at += target.rows) messages.bind("", statementName, joined(rows, at, target)).execute("", 0)
          if (at === last) messages.closeStatement(statementName)
          messages.run(`RELEASE ${savepoint}`).sync()
          const count = at - from
          open++
          connection.wire.send(new Inserting((error) => ended(count, error)))
        }
      }
      more()
      // Nothing is sent behind an interruption: the connection is settled by what is under way.
      return Effect.sync(() => {
        isInterrupted = true
      })
    })
    return Effect.catchAll(sent, (error) =>
      !notOfRows.has(error.reason._tag) && connection.wire.status === Status.failed ? Effect.zipRight(connection.rollbackTo(savepoint), connection.release(savepoint)) : Exit.fail(error))
  })

const joined = (rows: ReadonlyArray<ReadonlyArray<Encoded>>, from: number, { rows: count, width }: Target): ReadonlyArray<Encoded> => {
  const params = new Array<Encoded>(count * width)
  for (let i = 0, at = 0; i < count; i++) {
    const row = rows[from + i]!
    for (let c = 0; c < width; c++) params[at++] = row[c]!
  }
  return params
}

/** What is no row's: to send them again one by one would meet it, or hide it. */
const notOfRows: ReadonlySet<string> = new Set<Reason.Reason["_tag"]>([
  "CancelledError", "ClosedError", "ConnectionError", "DeadlockError", "LockTimeoutError", "SerializationError", "StatementTimeoutError"
])

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
