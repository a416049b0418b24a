/**
 * Shapes: the texts of call sites, compiled once. What changes from one statement of a site to the next are its values.
 *
 * A site has a shape where its arguments are plain parameters, and rows of plain values that are inserted one at a time: of such
 * a row the columns are compared. Anything else is compiled each time. Called by statements.
 *
 * @internal
 */
import * as Either from "effect/Either"
import * as Sql from "../../Sql.js"
import type * as SqlError from "../../SqlError.js"
import type { Client, Shape } from "../client.js"
import { classify } from "./classify.js"

export interface Site {
  readonly strings: TemplateStringsArray
  readonly args: ReadonlyArray<unknown>
}

/** The text of a site and the values of this statement of it; `undefined` where it has no shape. */
export const shaped = (
  client: Client,
  { args, strings }: Site,
  compiled: () => Either.Either<Sql.Compiled, SqlError.SqlError>
): Either.Either<Shape & Sql.Compiled, SqlError.SqlError> | undefined => {
  const known = client.shapes.get(strings)
  if (known !== undefined) {
    const params = known.columns === undefined ? args.every(Sql.isParameter) ? args : undefined : valuesOf(args, known.columns)
    if (params !== undefined) return Either.right({ sql: known.sql, classification: known.classification, columns: known.columns, params })
  }
  const columns = columnsOf(args)
  if (columns === undefined) return undefined
  return Either.map(compiled(), ({ params, sql }) => {
    const shape = { sql, classification: classify(client, sql), columns: columns.every((each) => each === undefined) ? undefined : columns }
    client.shapes.set(strings, shape)
    return { ...shape, params }
  })
}

/** The columns of each argument that is a row; `undefined` where one is neither that nor a parameter. */
const columnsOf = (args: ReadonlyArray<unknown>): ReadonlyArray<ReadonlyArray<string> | undefined> | undefined => {
  const columns: Array<ReadonlyArray<string> | undefined> = []
  for (const arg of args) {
    if (Sql.isParameter(arg)) columns.push(undefined)
    else {
      const row = Sql.rowOf(arg)
      const keys = row === undefined ? [] : Object.keys(row)
      if (row === undefined || keys.length === 0 || !keys.every((key) => Sql.isParameter(row[key]))) return undefined
      columns.push(keys)
    }
  }
  return columns
}

const valuesOf = (args: ReadonlyArray<unknown>, columns: ReadonlyArray<ReadonlyArray<string> | undefined>): ReadonlyArray<unknown> | undefined => {
  const values: Array<unknown> = []
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]
    const known = columns[i]
    if (known === undefined) {
      if (!Sql.isParameter(arg)) return undefined
      values.push(arg)
      continue
    }
    const row = Sql.rowOf(arg)
    if (row === undefined) return undefined
    const keys = Object.keys(row)
    if (keys.length !== known.length) return undefined
    for (let k = 0; k < keys.length; k++) {
      const value = row[keys[k]!]
      if (keys[k] !== known[k] || !Sql.isParameter(value)) return undefined
      values.push(value === undefined ? null : value)
    }
  }
  return values
}
