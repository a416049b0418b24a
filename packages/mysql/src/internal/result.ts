/**
 * Results: what a statement's answer is to core, its rows as their columns' types say, or why a row cannot be read so.
 * Called by `connection`.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import { outcomeOf } from "@sluice/core/Connection"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import type { Unfit } from "./decode.js"
import type { Fields } from "./fields.js"
import type { Header } from "./header.js"
import type { Settings } from "./options.js"
import type { Part } from "./run.js"
import { isSeveral } from "./text.js"

const none: ReadonlyArray<never> = []

/** What a statement answered: its first rows, or what it changed, and a procedure's out parameters. */
export const readFirst = (
  query: Connection.Query,
  parts: ReadonlyArray<Part>,
  hasOuts: boolean
): Connection.Result | SqlError.SqlError => {
  const last = parts[parts.length - 1]
  if (!hasOuts) return read(query, parts.find((one) => one.header === undefined) ?? last, last?.header)
  const { outs, sets } = divided(parts)
  const result = read(query, sets[0], last?.header)
  return result instanceof SqlError.SqlError ? result : withOuts(query, result, outs)
}

/** Every result set of a statement. A procedure's out parameters, and what it changed, are with the last one. */
export const readAll = (
  query: Connection.Query,
  settings: Settings,
  parts: ReadonlyArray<Part>,
  hasOuts: boolean
): ReadonlyArray<Connection.Result> | SqlError.SqlError => {
  // Of several statements each has an answer of its own.
  const { header, outs, sets } = settings.multipleStatements && isSeveral(query.sql, settings.hasEscapes) ? { header: undefined, outs: undefined, sets: parts } : divided(parts, hasOuts)
  const out: Array<Connection.Result> = []
  for (const part of sets) {
    const result = read(query, part, part.header)
    if (result instanceof SqlError.SqlError) return result
    out.push(result)
  }
  const last = out[out.length - 1]
  if (last === undefined || header === undefined) return out
  const whole = outs === undefined ? last : withOuts(query, last, outs)
  return whole instanceof SqlError.SqlError ? whole : [...out.slice(0, -1), { ...whole, columns: whole.columns, rowsAffected: Number(header.affectedRows) }]
}

interface Divided {
  readonly sets: ReadonlyArray<Part>
  readonly outs: Part | undefined
  /** That of the CALL, which is no result set of the procedure unless it has no other. */
  readonly header: Header | undefined
}

const divided = (parts: ReadonlyArray<Part>, hasOuts = true): Divided => {
  const last = parts[parts.length - 1]
  if (last?.header === undefined || parts.length === 1) return { sets: parts, outs: undefined, header: undefined }
  const sets = parts.slice(0, hasOuts ? -2 : -1)
  return { sets: sets.length > 0 ? sets : [last], outs: hasOuts ? parts[parts.length - 2] : undefined, header: last.header }
}

const withOuts = (
  query: Connection.Query,
  result: Connection.Result,
  outs: Part | undefined
): Connection.Result | SqlError.SqlError => {
  const found = read(query, outs, undefined)
  if (found instanceof SqlError.SqlError) return found
  const row = found.rows[0]
  const names = outs?.fields?.list.map((field) => field.name) ?? []
  const outParameters = Array.isArray(row) ? Object.fromEntries(names.map((name, i) => [name, row[i]])) : row as Record<string, unknown> | undefined
  return { ...result, columns: result.columns, outParameters }
}

/** The result of a part of an answer; the header is that of the whole. */
const read = (
  query: Connection.Query,
  part: Part | undefined,
  header: Header | undefined
): Connection.Result | SqlError.SqlError => {
  if (part === undefined || part.fields === undefined) return answer(none, undefined, header)
  const { fields, rows, unfit } = part
  if (query.duplicates === "error" && query.rowMode === "object") {
    const twice = duplicate(fields, query)
    if (twice !== undefined) return twice
  }
  return unfit === undefined ? answer(rows, fields, header) : unread(unfit, query)
}

/** A value that could not be read, as a DataError. */
export const unread = (unfit: Unfit, query: Connection.Query): SqlError.SqlError => {
  const { column, message } = unfit
  const outcome = outcomeOf(query, "answered")
  return SqlError.make(new Reason.DataError({ message, column, operation: "decode", statement: query.sql, outcome, cause: unfit }))
}

// Core copies it, so that everything is a property of its own.
export const answer = (rows: ReadonlyArray<unknown>, fields: Fields | undefined, header: Header | undefined): Connection.Result => ({
  rows,
  // Not by a getter, which costs 1 µs to define: a prepared statement has described them before.
  columns: fields === undefined ? none : fields.columns,
  rowsAffected: fields !== undefined || header === undefined ? 0 : Number(header.affectedRows),
  lastInsertId: header === undefined || header.insertId === 0 ? undefined : header.insertId,
  messages: none,
  outParameters: undefined
})

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
export const duplicate = ({ duplicate }: Fields, query: Connection.Query): SqlError.SqlError | undefined =>
  duplicate === undefined ? undefined : SqlError.make(new Reason.ResultError({
    message: `two columns are named "${duplicate}", and a row can hold one: give them names, or read arrays`,
    expected: "columns of different names",
    found: 0,
    column: duplicate,
    statement: query.sql,
    outcome: outcomeOf(query, "answered")
  }))
