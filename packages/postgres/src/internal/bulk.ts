/**
 * Bulk: rows into one table, a write at a time, each all or nothing.
 *
 * By COPY where a row whose key is there already is an error; COPY knows no conflicts, so that elsewhere the rows go in as
 * one array per column, which `unnest` makes rows of again, behind INSERT … ON CONFLICT. In a transaction the next COPY is
 * sent while the server is at work on the one before. It gathers nothing (that is the batcher). Called by `connection`.
 *
 * @internal
 */
import type * as Bulk from "@sluice/core/Bulk"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Postgres } from "./connection.js"
import * as Copy from "./copy.js"
import { dialect } from "./dialect.js"
import { besideStream, guarded } from "./transactions.js"
import { refuse, textOf } from "./types.js"

type Rows = ReadonlyArray<ReadonlyArray<unknown>>

// One COPY is one round trip, in which its data goes out as it is written: COPYs of 10,000 values each took 1.3 × as long.
const valuesPerWrite = 1_000_000

/** A writer on an open connection. */
export const writer = (connection: Postgres, target: Bulk.Target): Effect.Effect<Bulk.Writer, SqlError.SqlError> => {
  if (target.columns.length === 0) return Exit.fail(problem("a bulk load needs at least one column", "columns"))
  const columns = target.columns.map(quoted)
  const table = dialect.quoteIdentifier(target.table)
  const send = target.onConflict === "error"
    ? Exit.succeed(copying(connection, `COPY ${table} (${columns.join(", ")}) FROM STDIN`))
    : Effect.map(insertOf(connection, target), (sql): Send => ({
      write: (rows) => guarded(connection, insert(connection, sql, columns.length, rows)),
      finish: Exit.succeed(0)
    }))
  let applied = 0
  let sent = 0
  return Effect.map(send, (send) => ({
    valuesPerWrite,
    write: (rows) =>
      Effect.suspend(() => {
        if (rows.length === 0) return Effect.void
        const ragged = rows.findIndex((row) => row.length !== columns.length)
        const beside = besideStream(connection, { sql: `COPY ${table}`, readOnly: false })
        if (beside !== undefined) return Exit.fail(beside)
        if (ragged !== -1) return Exit.fail(uneven(ragged, rows[ragged]?.length ?? 0, columns.length))
        sent += rows.length
        return Effect.map(send.write(rows), (count) => {
          applied += count
        })
      }),
    finish: Effect.map(send.finish, (count) => ({ rows: applied += count, rejected: sent - applied }))
  }))
}

/** Both tell of rows that were applied; those of a write may be told of by the next one, or by `finish`. */
interface Send {
  readonly write: (rows: Rows) => Effect.Effect<number, SqlError.SqlError>
  readonly finish: Effect.Effect<number, SqlError.SqlError>
}

const copying = (connection: Postgres, sql: string): Send => {
  let before: Copy.CopyIn | undefined
  const over = Effect.suspend(() => {
    const last = before
    before = undefined
    return last === undefined ? Exit.succeed(0) : last.over()
  })
  return {
    write: (rows) => {
      // Outside of a transaction one that is sent already would be applied where the one before fails.
      const isAhead = connection.wire.inTransaction && !connection.settings.statementSavepoints
      const send = Effect.suspend(() => {
        // Sent now, it would be told of the failed transaction, and not of why.
        if (before?.hasFailed === true) return over
        const copy = Copy.send(connection, sql, rows)
        if (copy instanceof SqlError.SqlError) return Exit.fail(copy)
        if (!isAhead) return copy.over()
        return Effect.zipLeft(over, Effect.sync(() => {
          before = copy
        }))
      })
      return isAhead ? send : guarded(connection, send)
    },
    finish: over
  }
}

const quoted = (name: string): string => `"${name.replaceAll("\"", "\"\"")}"`

/** INSERT from one array of texts per column, cast to the column's own type. */
const insertOf = (connection: Postgres, target: Bulk.Target): Effect.Effect<string, SqlError.SqlError> => {
  const table = dialect.quoteIdentifier(target.table)
  const columns = target.columns.map(quoted)
  const selected = columns.map((_, i) => `c${i}`)
  const arrays = columns.map((_, i) => `$${i + 1}::text[]`)
  return Effect.flatMap(connection.execute({ ...asking, sql: described, params: [table] }), ({ rows }) => {
    const found = rows as ReadonlyArray<readonly [name: string, type: string, isKey: boolean]>
    const missing = target.columns.find((name) => !found.some(([column]) => column === name))
    if (missing !== undefined) return Exit.fail(problem(`the table ${target.table} has no column "${missing}"`, "columns"))
    const types = target.columns.map((name) => found.find(([column]) => column === name)?.[1] ?? "text")
    const keys = found.filter(([, , isKey]) => isKey).map(([name]) => name)
    const others = target.columns.filter((name) => !keys.includes(name)).map(quoted)
    if (target.onConflict === "replace" && keys.length === 0) return Exit.fail(problem(`the table ${target.table} has no primary key: nothing tells which rows are replaced`, "onConflict"))
    const head = `INSERT INTO ${table} (${columns.join(", ")}) SELECT ${selected.map((c, i) => `${c}::${types[i]}`).join(", ")} FROM unnest(${arrays.join(", ")}) AS rows (${selected.join(", ")})`
    if (target.onConflict === "ignore") return Exit.succeed(`${head} ON CONFLICT DO NOTHING`)
    const set = others.length === 0 ? "NOTHING" : `UPDATE SET ${others.map((name) => `${name} = excluded.${name}`).join(", ")}`
    return Exit.succeed(`${head} ON CONFLICT (${keys.map(quoted).join(", ")}) DO ${set}`)
  })
}

// Without the column's own length: a cast to it would cut what is too long, where the column refuses it.
const described = `SELECT a.attname, format_type(a.atttypid, -1), COALESCE(a.attnum = ANY (i.indkey), false)
FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped`

const asking = {
  rowMode: "array", prepare: true, readOnly: true, returnsRows: true, integers: undefined, duplicates: "last", fetchSize: 1000, timeout: undefined
} as const

const insert = (connection: Postgres, sql: string, width: number, rows: Rows): Effect.Effect<number, SqlError.SqlError> => {
  const columns: Array<Array<string | null>> = Array.from({ length: width }, () => new Array<string | null>(rows.length))
  for (let i = 0; i < rows.length; i++) {
    for (let c = 0; c < width; c++) {
      const value = textOf(rows[i]![c])
      if (value === undefined) return Exit.fail(refuse(rows[i]![c], `row ${i}, value ${c + 1}`, sql))
      columns[c]![i] = value
    }
  }
  return Effect.map(connection.execute({ ...asking, readOnly: false, returnsRows: false, sql, params: columns }), (result) => result.rowsAffected)
}

const problem = (message: string, field: string): SqlError.SqlError => SqlError.make(new Reason.ConfigError({ message, field, operation: "bulk" }))

const uneven = (row: number, found: number, expected: number): SqlError.SqlError =>
  SqlError.make(new Reason.DataError({ message: `row ${row} has ${found} values for ${expected} columns`, operation: "bulk" }))
