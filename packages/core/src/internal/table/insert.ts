/**
 * Insert: rows into a table, and the primary key that they got.
 *
 * @internal
 */
import type * as Stock from "@effect/sql/Statement"
import { isFragment } from "@effect/sql/Statement"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Either from "effect/Either"
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Reason from "../../Reason.js"
import * as SqlError from "../../SqlError.js"
import type { Run } from "../../Statement.js"
import type { Client } from "../client.js"
import { bound, literal, reader } from "../codec.js"
import { type Decoded, Misfit } from "../decoded.js"
import { nameOf, problem } from "../expression.js"
import { transaction } from "../transaction.js"
import { type ColumnModel, keyOf, type Model, tableName } from "./model.js"
import { byTables, guard, separated } from "./sending.js"
import { plain, rowsOf, unknownColumn, valueOf } from "./write.js"

type Row = Readonly<Record<string, unknown>>
type Segments = ReadonlyArray<Stock.Segment>

/** Where no type looks, there may be no row at all: then compiling says so. */
export const insert = (client: Client, model: Model, rows: Row | ReadonlyArray<Row> | undefined): InsertImpl =>
  isRows(rows) ? new InsertImpl(client, model, rows, true) : new InsertImpl(client, model, rows === undefined ? [] : [rows], false)

const isRows = (rows: Row | ReadonlyArray<Row> | undefined): rows is ReadonlyArray<Row> => Array.isArray(rows)

class InsertImpl extends Effectable.Class<unknown, SqlError.SqlError> {
  constructor(readonly client: Client, readonly model: Model, readonly rows: ReadonlyArray<Row>, readonly many: boolean) {
    super()
  }

  override commit(): Effect.Effect<unknown, SqlError.SqlError> {
    if (this.many && this.rows.length === 0) return Effect.succeed([])
    return Effect.map(this.keys, (keys) => this.many ? keys : keys[0])
  }

  get statement(): Decoded<Row> {
    return plain(this.client, () => partsOf(this.model, this.rows))
  }

  get returning(): Decoded<Row> {
    return rowsOf(this.client, () => partsOf(this.model, this.rows), this.model.columns)
  }

  toJSON(): unknown {
    return this.statement.toJSON()
  }

  // Its rows are values of users, and are shown to nobody (law E4).
  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  private get keys(): Effect.Effect<ReadonlyArray<unknown>, SqlError.SqlError> {
    const { client, model, rows } = this
    const key = keyOf(model)
    if (key.length === 0) return Effect.as(this.statement.run, rows.map(() => undefined))
    if (client.dialect.capabilities.returning) {
      return Effect.map(rowsOf(client, () => partsOf(model, rows), key), (found) => inOrder(key, rows, found).map((row) => keyFrom(key, row)))
    }
    const missing = key.filter((column) => rows.some((row) => !isGiven(row[column.key])))
    if (missing.length === 0) return Effect.as(this.statement.run, rows.map((row) => keyFrom(key, row)))
    const other = missing.find(({ settings }) => !settings.identity)
    if (other !== undefined) {
      return SqlError.fail(
        new Reason.UnsupportedError({
          message: `${client.dialect.name} does not tell the value that it gave ${model.local}.${other.key}: insert it by statement.run, or give the value`,
          capability: "returning"
        })
      )
    }
    if (rows.length === 1) return Effect.map(this.generated(rows[0] ?? {}, key), (one) => [one])
    // The server tells the first key of several only, and the others are not its successors everywhere.
    return transaction(client, {}, undefined)(Effect.forEach(rows, (row) => new InsertImpl(client, model, [row], false).generated(row, key)))
  }

  private generated(row: Row, key: ReadonlyArray<ColumnModel>): Effect.Effect<unknown, SqlError.SqlError> {
    return Effect.flatMap(this.statement.run, (run) => {
      const values: Record<string, unknown> = { ...row }
      for (const column of key) {
        if (isGiven(row[column.key])) continue
        const value = told(this.client, column, run)
        if (value instanceof Misfit) {
          return SqlError.fail(new Reason.DecodeError({ message: `the generated key of ${this.model.local}.${column.key} ${value.why}`, column: column.key, outcome: "applied" }))
        }
        values[column.key] = value
      }
      return Effect.succeed(keyFrom(key, values))
    })
  }
}

const told = ({ dialect }: Client, { settings }: ColumnModel, { lastInsertId }: Run): unknown =>
  lastInsertId === undefined ? new Misfit(undefined, "was not told by the server") : reader(settings, false, dialect)(lastInsertId)

const isGiven = (value: unknown): boolean => value !== undefined && value !== null && !isFragment(value)

const keyFrom = (key: ReadonlyArray<ColumnModel>, row: Row): unknown => {
  const [first] = key
  return key.length === 1 && first !== undefined ? row[first.key] : Object.fromEntries(key.map((column) => [column.key, row[column.key]]))
}

// RETURNING promises no order. Keys that the server counted are in the order of the rows when they ascend.
const inOrder = (key: ReadonlyArray<ColumnModel>, rows: ReadonlyArray<Row>, found: ReadonlyArray<Row>): ReadonlyArray<Row> => {
  const [first] = key
  if (found.length < 2 || first === undefined) return found
  if (key.every((column) => rows.every((row) => isGiven(row[column.key])))) return rows
  return key.length === 1 && first.settings.identity && first.settings.schema === undefined && rows.every((row) => !isGiven(row[first.key]))
    ? found.toSorted((a, b) => ascending(a[first.key], b[first.key]))
    : found
}

// Numbers, or bigints beyond a number's precision.
const ascending = (a: unknown, b: unknown): number => (a as number | bigint) < (b as number | bigint) ? -1 : 1

const partsOf = (model: Model, rows: ReadonlyArray<Row>) => {
  const unknown = rows.flatMap((row) => Object.keys(row)).find((key) => !model.columns.some((column) => column.key === key))
  const given = model.columns.filter(({ key }) => rows.some((row) => row[key] !== undefined))
  const start = [guard(model), ...(unknown === undefined ? [] : [unknownColumn(model, "insert", unknown)]), ...within(rows.length), literal("INSERT INTO "), tableName(model)]
  if (rows.length === 0) return { head: [problem(new Reason.ConfigError({ message: `insert into ${model.local} was given no row`, field: "insert" }))], output: "INSERTED" as const, tail: [] }
  if (given.length > 0) return { head: [...start, literal(" ("), ...names(given), literal(")")], output: "INSERTED" as const, tail: [literal(" VALUES "), ...separated(rows.map((row) => valuesOf(model, given, row)), ", ")] }
  // A row of nothing but defaults. Several of them name a column, and say DEFAULT for it.
  const first = model.columns.slice(0, 1)
  return rows.length === 1
    ? { head: start, output: "INSERTED" as const, tail: [literal(" "), byTables((tables) => Either.right([literal(tables.emptyRow)]))] }
    : { head: [...start, literal(" ("), ...names(first), literal(")")], output: "INSERTED" as const, tail: [literal(" VALUES "), ...separated(rows.map((row) => valuesOf(model, first, row)), ", ")] }
}

const names = (columns: ReadonlyArray<ColumnModel>): Segments => separated(columns.map(({ name, settings }) => [nameOf(name, settings.exact)]), ", ")

const valuesOf = (model: Model, columns: ReadonlyArray<ColumnModel>, row: Row): Segments => [
  literal("("),
  ...separated(columns.map((column) => row[column.key] === undefined ? [defaultOf(model, column)] : valueOf(model, column, row[column.key])), ", "),
  literal(")")
]

// Where VALUES knows no DEFAULT, what the definition says stands in its place; a key that counts by itself takes NULL for it.
const defaultOf = (model: Model, { key, settings }: ColumnModel): Stock.Segment =>
  byTables((tables, dialect) => {
    if (dialect.defaultKeyword !== undefined) return Either.right([literal(dialect.defaultKeyword)])
    if (settings.default === undefined) return Either.right([{ _tag: "Parameter", value: null }])
    if (settings.default === "now") return Either.right([literal(`(${tables.now})`)])
    return Either.right([
      "sql" in settings.default ? literal(`(${settings.default.sql})`) : bound(settings, `${model.local}.${key}`, settings.default.value, "store")
    ])
  })

const within = (rows: number): Segments => [
  byTables((_, { limits: { maxInsertRows }, name }) =>
    rows <= maxInsertRows ? Either.right([]) : Either.left(
      new Reason.LimitError({ message: `one INSERT of ${name} takes ${maxInsertRows} rows, was given ${rows}`, limit: "maxInsertRows", maximum: maxInsertRows, actual: rows })
    ))
]
