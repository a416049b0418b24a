/**
 * Origins: what a result's columns are in their tables. RowDescription has numbers; names, and whether a column may be NULL, stand in
 * the catalog.
 *
 * Asked for once for a shape, and again when a statement of this database's own has changed a table. A column that is NOT NULL in
 * its table may be NULL behind an outer join, and then nothing is said. Called by `connection`.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { names } from "./oids.js"
import { shapeOf, type Shapes } from "./shapes.js"

type Send = (query: Connection.Query) => Effect.Effect<Connection.Result, SqlError.SqlError>

const asked = `SELECT c.relname, c.relkind IN ('r', 'p', 'f'), a.attnotnull OR t.typnotnull, format_type(p.type, NULL)
FROM unnest($1::oid[], $2::int2[], $3::oid[]) WITH ORDINALITY AS p (rel, att, type, place)
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = p.rel AND a.attnum = p.att
LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_class c ON c.oid = a.attrelid ORDER BY p.place`

const asking = {
  sql: asked, rowMode: "array", prepare: true, readOnly: true, returnsRows: true, integers: undefined, duplicates: "last", fetchSize: 1000, timeout: undefined
} as const

// In a comment or a name it costs no more than the answer.
const outer = /\b(?:LEFT|RIGHT|FULL|ROLLUP|CUBE|GROUPING)\b/i

/** Columns with what the catalog says of them; what it does not tell stays unsaid. */
export const columnsOf = (
  columns: ReadonlyArray<Connection.Column>,
  sql: string,
  shapes: Shapes,
  send: Send
): Effect.Effect<ReadonlyArray<Connection.Column>, SqlError.SqlError> => {
  const shape = shapeOf(columns)
  if (shape === undefined || shape.fields.every(({ oid, table }) => table === 0 && names.has(oid))) return Exit.succeed(columns)
  const { fields, told } = shape
  if (told !== undefined) return Exit.succeed(behind(sql, told))
  const params = [fields.map(({ table }) => table), fields.map(({ attribute }) => attribute), fields.map(({ oid }) => oid)]
  return Effect.map(send({ ...asking, params }), ({ rows }) => {
    const known = rows as ReadonlyArray<readonly [table: string | null, isTable: boolean | null, isNotNull: boolean | null, type: string]>
    const found = columns.map((column, i): Connection.Column => {
      const [table, isTable, isNotNull, type] = known[i]!
      return {
        ...column,
        type: names.get(fields[i]!.oid) ?? type,
        table: table ?? undefined,
        nullable: isTable !== true || isNotNull === null ? undefined : !isNotNull
      }
    })
    shapes.isTold = true
    shape.told = found
    return behind(sql, found)
  })
}

const behind = (sql: string, columns: ReadonlyArray<Connection.Column>): ReadonlyArray<Connection.Column> =>
  outer.test(sql) ? columns.map((column) => column.nullable === false ? { ...column, nullable: undefined } : column) : columns
