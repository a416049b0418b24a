/**
 * The catalog: what tables a database has, and what one of them is like.
 *
 * The dialect has the queries, whose rows are read by position; here they become names and a table's description.
 *
 * @internal
 */
import type * as Stock from "@effect/sql/Statement"
import * as Effect from "effect/Effect"
import type { Any } from "../../Column.js"
import type { Lookup, Tables } from "../../Dialect.js"
import * as Reason from "../../Reason.js"
import * as SqlError from "../../SqlError.js"
import type { Client } from "../client.js"
import { make as column } from "../column.js"
import { type Constraint, localName, make, type Model, schemaOf } from "./model.js"
import { lacking, statement } from "./sending.js"

type Rows = ReadonlyArray<ReadonlyArray<unknown>>

const ask = (client: Client, lookup: (tables: Tables) => Lookup): Effect.Effect<Rows, SqlError.SqlError> => {
  const { tables } = client.dialect
  if (tables === undefined) return SqlError.fail(lacking(client.dialect))
  const { params, sql } = lookup(tables)
  const part: Stock.Literal = { _tag: "Literal", value: sql, params }
  return statement(client, () => [part], {}).values
}

export const names = (client: Client, schema: string | undefined): Effect.Effect<ReadonlyArray<string>, SqlError.SqlError> =>
  Effect.map(ask(client, (tables) => tables.names(schema, undefined)), (rows) => rows.map(([name]) => String(name)))

/** `exact`: the name is the server's own. */
export const exists = (client: Client, name: string, schema: string | undefined, exact: boolean): Effect.Effect<boolean, SqlError.SqlError> =>
  Effect.map(
    ask(client, (tables) => tables.names(schema ?? schemaOf(name), inDatabase(client, localName(name), exact))),
    (rows) => rows.length > 0
  )

const inDatabase = ({ transformName }: Client, name: string, exact: boolean): string => exact || transformName === undefined ? name : transformName(name)

/** A table that is there, as if it had been described here. */
export const reflect = (client: Client, name: string, within: string | undefined): Effect.Effect<Model, SqlError.SqlError> =>
  Effect.gen(function*() {
    const schema = within ?? schemaOf(name)
    const table = inDatabase(client, localName(name), false)
    const columns = yield* ask(client, (tables) => tables.columns(schema, table))
    if (columns.length === 0) return yield* SqlError.fail(new Reason.SqlSyntaxError({ message: `there is no table ${name}`, operation: "reflect", table: name }))
    const indexes = grouped(yield* ask(client, (tables) => tables.indexes(schema, table)))
    const foreignKeys = grouped(yield* ask(client, (tables) => tables.foreignKeys(schema, table)))
    const key = columns.filter(([, , , , position]) => Number(position) > 0).toSorted((a, b) => Number(a[4]) - Number(b[4])).map(([name]) => String(name))
    const constraints: ReadonlyArray<Constraint> = [
      { _tag: "Key", columns: key },
      ...indexes.map((rows): Constraint => ({
        _tag: is(rows[0]?.[1]) ? "Unique" : "Index",
        name: String(rows[0]?.[0]),
        columns: rows.map(([, , name]) => String(name))
      })),
      ...foreignKeys.map((rows): Constraint => ({
        _tag: "ForeignKey",
        name: typeof rows[0]?.[0] === "string" ? rows[0][0] : undefined,
        columns: rows.map(([, name]) => String(name)),
        table: String(rows[0]?.[2]),
        targets: rows.map(([, , , name]) => String(name)),
        actions: { onDelete: action(rows[0]?.[4]), onUpdate: action(rows[0]?.[5]) }
      }))
    ]
    const own = columns.map(([name, native, isNullable, initial, position, isIdentity]): readonly [string, Any] => {
      const type = String(native)
      return [keyOf(client, String(name)), column(client.dialect.tables?.typeOf(type) ?? { kind: "unknown" }, {
        name: String(name),
        exact: true,
        native: { [client.dialect.name]: type },
        nullable: is(isNullable),
        key: Number(position) > 0,
        identity: is(isIdentity),
        default: initial === null || initial === undefined ? undefined : { sql: String(initial) }
      })]
    })
    return make(schema === undefined ? table : `${schema}.${table}`, Object.fromEntries(own), () => constraints, true)
  })

// One entry per first cell, in order of appearance: the catalog has a row for each column of an index.
const grouped = (rows: Rows): ReadonlyArray<Rows> => {
  const groups = new Map<unknown, Array<ReadonlyArray<unknown>>>()
  for (const row of rows) {
    const group = groups.get(row[0])
    if (group === undefined) groups.set(row[0], [row])
    else group.push(row)
  }
  return [...groups.values()]
}

const is = (value: unknown): boolean => value === true || value === 1 || value === 1n

/** A column's key is the name that rows have for it: through the transform of names, where there is one. */
const keyOf = ({ transformRows }: Client, name: string): string =>
  transformRows === undefined ? name : Object.keys(transformRows([{ [name]: null }])[0] ?? {})[0] ?? name

const actions = ["cascade", "restrict", "set null", "set default"] as const

// NO ACTION is what there is without a word: it is left out.
const action = (words: unknown): typeof actions[number] | undefined => actions.find((known) => known === String(words).toLowerCase())
