/**
 * Results: what a statement's answer is to core, its rows as their columns' types say, or why a row cannot be read so.
 * Columns are described only when somebody looks. Called by `connection`.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Decode from "./decode.js"
import type { Field, Header } from "./driver.js"
import type { Settings } from "./options.js"
import type { Part } from "./wire.js"

const none: ReadonlyArray<never> = []

/** The result of a part of an answer; the header is that of the whole. */
export const read = (
  query: Connection.Query,
  settings: Settings,
  part: Part | undefined,
  header: Header | undefined
): Connection.Result | SqlError.SqlError => {
  const rows = part?.rows ?? none
  const fields = part?.fields ?? none
  if (query.duplicates === "error" && query.rowMode === "object") {
    const twice = duplicate(fields, query)
    if (twice !== undefined) return twice
  }
  const unfit = fields.length === 0 ? undefined : fixed(rows, Decode.fixer(fields, query.rowMode, readingOf(query, settings)), query)
  return unfit ?? answer(rows, fields, header)
}

/** How the rows of a query are read. */
export const readingOf = (query: Connection.Query, { bigints, dates, offset }: Settings): Decode.Reading =>
  ({ bigints: query.integers === undefined ? bigints : query.integers === "bigint", dates, offset, prepared: query.prepare })

/** Does to each row what its columns need, or says which value cannot be read. */
export const fixed = (
  rows: ReadonlyArray<unknown>,
  fix: ((row: unknown) => void) | undefined,
  query: Connection.Query
): SqlError.SqlError | undefined => {
  if (fix === undefined) return undefined
  try {
    for (let i = 0; i < rows.length; i++) fix(rows[i])
    return undefined
  } catch (error) {
    const { column, message } = error as Decode.Unfit
    return SqlError.make(new Reason.DataError({
      message, column, operation: "decode", statement: query.sql, outcome: query.readOnly ? "not-applied" : "applied", cause: error
    }))
  }
}

// Core copies it, so that everything is a property of its own.
const answer = (rows: ReadonlyArray<unknown>, fields: ReadonlyArray<Field>, header: Header | undefined): Connection.Result => {
  let described: ReadonlyArray<Connection.Column> | undefined
  return {
    rows,
    get columns() {
      return described ??= fields.length === 0 ? none : Decode.columnsOf(fields)
    },
    rowsAffected: fields.length > 0 || header === undefined ? 0 : Number(header.affectedRows),
    lastInsertId: idOf(header?.insertId ?? 0),
    messages: none,
    outParameters: undefined
  }
}

// Beyond 2^53 the driver has it as a text, and as if it were signed.
const idOf = (id: number | string): number | bigint | undefined =>
  typeof id === "string" ? BigInt.asUintN(64, BigInt(id)) : id === 0 ? undefined : id

/** The same with its warnings: rows of SHOW WARNINGS, which are level, code and message. */
export const warned = (result: Connection.Result, rows: ReadonlyArray<unknown>): Connection.Result => ({
  ...result,
  messages: rows.map((row) => {
    const [level, code, text] = row as ReadonlyArray<unknown>
    const severity = level === "Note" ? "notice" as const : level === "Error" ? "error" as const : "warning" as const
    return { severity, code: Number(code), text: String(text) }
  })
})

/** A ResultError where two columns have one name. */
export const duplicate = (fields: ReadonlyArray<Field>, query: Connection.Query): SqlError.SqlError | undefined => {
  const seen = new Set<string>()
  for (const { name } of fields) {
    if (seen.has(name)) {
      return SqlError.make(new Reason.ResultError({
        message: `two columns are named "${name}", and a row can hold one: give them names, or read arrays`,
        expected: "columns of different names",
        found: 0,
        column: name,
        statement: query.sql,
        outcome: query.readOnly ? "not-applied" : "applied"
      }))
    }
    seen.add(name)
  }
  return undefined
}
