/**
 * Values: rows for a table as lists of what its driver binds, for whoever writes them by another way than INSERT.
 *
 * Rows are the table's own, as `insert` takes them (`encoder`), or whatever another database has answered with (`adopter`). One row
 * costs a loop over its columns. Exported by `Table`; called by bulk loads.
 *
 * @internal
 */
import type { Database } from "../../Database.js"
import type { ColumnType, Dialect } from "../../Dialect.js"
import type { Checked } from "../../Options.js"
import { refuse } from "../../Options.js"
import type { Any } from "../../Table.js"
import * as Either from "effect/Either"
import * as SqlError from "../../SqlError.js"
import { reader, refused, writer } from "../codec.js"
import { Misfit } from "../decoded.js"
import { modelOf } from "./made.js"
import type { ColumnModel, Model } from "./model.js"
import { adopting } from "./moment.js"
import { clientOf } from "./sending.js"

/** How rows become values. */
export interface Encoder {
  /** The table's name in the database. */
  readonly table: string
  /** The columns' names in the database, in the order of the values. */
  readonly columns: ReadonlyArray<string>
  /** The values of a record; or the DataError of one that its column does not hold. `index` is the row's place, for its message. */
  readonly encode: (row: object, index: number) => ReadonlyArray<unknown> | SqlError.SqlError
}

/**
 * How rows of a table become what its driver binds: for bulk loads.
 *
 * The columns are named as in the table's rows; without names all of them. What a row lacks is NULL. A column that is not there is a ConfigError.
 *
 * @example
 * ```ts
 * import { Column, Database, Table } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const users = Table.make("users", { id: Column.integer().primaryKey(), born: Column.timestamp() })
 * const values = Effect.gen(function*() {
 *   const { encode } = yield* Table.encoder(yield* Database.Database, users)
 *   return encode({ id: 1, born: new Date(0) }, 0)
 * })
 * ```
 *
 * @category verbs
 * @since 0.1.0
 */
export const encoder = (db: Database, table: Any, columns?: ReadonlyArray<string>): Checked<Encoder> =>
  made(db, table, columns, ({ settings }) => writer(settings))

/**
 * How rows that another database has answered with become what this one's driver binds: for copies between two of them.
 *
 * Each value is read in whatever form `from` sends the column's kind, and written as this table holds it: 1 is a boolean where the column is one, an instant is one in every
 * dialect, JSON is JSON. What cannot be that kind, or would lose a digit, is a DataError.
 *
 * @example
 * ```ts
 * import { type Database, Table } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const adopt = (from: Database.Database, to: Database.Database) =>
 *   Effect.flatMap(Table.reflect(to, "users"), (users) => Table.adopter(to, users, from.dialect, ["id", "name"]))
 * ```
 *
 * @category verbs
 * @since 0.1.0
 */
export const adopter = (db: Database, table: Any, from: Dialect, columns?: ReadonlyArray<string>): Checked<Encoder> =>
  made(db, table, columns, ({ settings }) => {
    const { native, type } = settings
    const { name, tables } = db.dialect
    const moment = tables === undefined ? undefined : adopting(type, native[name] ?? String(tables.type(type, false)), tables)
    const heard = (kind: ColumnType["kind"], value: unknown): unknown => from.tables === undefined ? value : from.tables.read({ kind }, value)
    const read = reader({ type, schema: undefined, schemaTakesNull: false }, true, from)
    const write = writer({ type, schema: undefined, schemaTakesNull: false })
    return (value) => {
      if (value === null || value === undefined) return null
      const at = moment?.(heard("timestamp", value))
      if (at !== undefined) return at instanceof Date ? write(at) : at
      if (type.kind === "unknown") return value
      // What the text says is looked at, and the text is kept: its numbers may have more digits, and its null is not ours.
      const text = type.kind === "json" ? heard("json", value) : undefined
      const found = read(loosened(type, value))
      if (found instanceof Misfit) return type.kind === "integer" && isLong(value) ? value : found
      return typeof text === "string" ? text : write(found)
    }
  })

/** Of 64 bits, which a column of whole numbers may hold: what it does not is refused by its server. */
const isLong = (value: unknown): boolean => typeof value === "bigint" && BigInt.asIntN(64, value) === value

/** What one dialect has and another has another word for. */
const loosened = ({ kind }: ColumnType, value: unknown): unknown => {
  if (typeof value === "boolean") return kind === "integer" || kind === "bigint" || kind === "double" || kind === "decimal" ? Number(value) : kind === "text" ? String(value) : value
  if (kind === "text" && (typeof value === "number" || typeof value === "bigint")) return String(value)
  if (kind === "double" && typeof value === "string" && value.trim() !== "" && !Number.isNaN(Number(value))) return Number(value)
  if (kind === "date" && value instanceof Date && value.getTime() % 86_400_000 === 0) return value.toISOString().slice(0, 10)
  return value
}

const made = (
  db: Database,
  table: Any,
  keys: ReadonlyArray<string> | undefined,
  convert: (column: ColumnModel) => (value: unknown) => unknown
): Checked<Encoder> => {
  const model: Model = modelOf(table)
  const { transformName } = clientOf(db)
  const inDatabase = (name: string, exact: boolean): string => exact || transformName === undefined ? name : transformName(name)
  const columns: Array<{ readonly key: string; readonly name: string; readonly convert: (value: unknown) => unknown }> = []
  for (const key of keys ?? model.columns.map((column) => column.key)) {
    const column = model.columns.find((each) => each.key === key)
    if (column === undefined) return refuse("columns", `names ${key}, which ${model.local} does not have`)
    columns.push({ key, name: inDatabase(column.name, column.settings.exact), convert: convert(column) })
  }
  const encode = (row: object, index: number): ReadonlyArray<unknown> | SqlError.SqlError => {
    // An object is read by the columns' names; what they are for is not known to its type.
    const record = row as Readonly<Record<string, unknown>>
    const values = new Array<unknown>(columns.length)
    for (let c = 0; c < columns.length; c++) {
      const { convert, key } = columns[c]!
      const value = convert(record[key])
      if (value instanceof Misfit) return SqlError.make(refused(`rows[${index}].${key}`, value))
      values[c] = value
    }
    return values
  }
  return Either.right({ table: inDatabase(model.name, model.exact), columns: columns.map(({ name }) => name), encode })
}
