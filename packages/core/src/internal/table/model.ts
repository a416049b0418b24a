/**
 * A table as data, whoever described it: `Table.make`, a Schema, or the catalog of a database.
 *
 * Pure. It writes no SQL (that is `ddl`, `select`, `insert` and `write`); it knows names, and what a definition got wrong.
 *
 * @internal
 */
import type * as Stock from "@effect/sql/Statement"
import type { Actions, Any } from "../../Column.js"
import type { Reference } from "../../Expression.js"
import * as Reason from "../../Reason.js"
import type { Fragment } from "../../Sql.js"
import { type Settings, settingsOf } from "../column.js"
import { nameOf, reference, sourceOf } from "../expression.js"

export interface ColumnModel {
  readonly key: string
  /** In the database, before the transform of names. */
  readonly name: string
  readonly settings: Settings
}

export interface ForeignKey {
  readonly name: string | undefined
  readonly columns: ReadonlyArray<string>
  readonly table: string
  readonly targets: ReadonlyArray<string>
  readonly actions: Actions
}

/** A promise about several columns, by their names in the database. */
export type Constraint =
  | { readonly _tag: "Key"; readonly columns: ReadonlyArray<string> }
  | { readonly _tag: "Unique"; readonly name: string | undefined; readonly columns: ReadonlyArray<string> }
  | { readonly _tag: "Index"; readonly name: string | undefined; readonly columns: ReadonlyArray<string> }
  | { readonly _tag: "Check"; readonly condition: Fragment | string }
  | { readonly _tag: "ForeignKey" } & ForeignKey

export interface Model {
  /** With its schema, if it has one: `app.users`. */
  readonly name: string
  /** Without: `users`. */
  readonly local: string
  readonly alias: string | undefined
  /** The name is the server's own: no transform is applied to it. */
  readonly exact: boolean
  readonly columns: ReadonlyArray<ColumnModel>
  readonly constraints: ReadonlyArray<Constraint>
  /** What is wrong with the definition. */
  readonly problem: Reason.ConfigError | undefined
}

export type References = Readonly<Record<string, Reference<unknown, boolean, string>>>

export const localName = (name: string): string => name.slice(name.lastIndexOf(".") + 1)

export const schemaOf = (name: string): string | undefined => name.includes(".") ? name.slice(0, name.lastIndexOf(".")) : undefined

export const make = (
  name: string,
  columns: Readonly<Record<string, Any>>,
  constraints: (columns: References) => ReadonlyArray<Constraint>,
  exact: boolean
): Model => {
  const own = Object.entries(columns).map(([key, column]): ColumnModel => {
    const settings = settingsOf(column)
    return { key, name: settings.name ?? key, settings }
  })
  const bare: Model = { name, local: localName(name), alias: undefined, exact, columns: own, constraints: [], problem: undefined }
  return { ...bare, constraints: constraints(referencesOf(bare, "unqualified")), problem: problemOf(bare) }
}

const problemOf = ({ columns, local, name }: Model): Reason.ConfigError | undefined => {
  const refuse = (field: string, what: string) => new Reason.ConfigError({ message: `${field} ${what}`, field })
  if (name.split(".").includes("")) return refuse("table", `must have a name, was ${JSON.stringify(name)}`)
  if (columns.length === 0) return refuse(local, "has no column")
  const names = new Set<string>()
  for (const { key, name, settings } of columns) {
    const field = `${local}.${key}`
    if (name === "" || name.includes(".")) return refuse(field, "must have a name without a dot: a dot separates the parts of a name")
    if (key === "__proto__") return refuse(field, "is no key that a row can have")
    if (names.has(name)) return refuse(field, `has the name ${name}, which another column has`)
    if (settings.identity && settings.type.kind !== "integer" && settings.type.kind !== "bigint") return refuse(field, "counts by itself and must be a whole number")
    names.add(name)
  }
  const counting = columns.filter(({ settings }) => settings.identity)
  return counting.length > 1 ? refuse(`${local}.${counting[1]?.key}`, `counts by itself, and ${counting[0]?.key} does so already`) : undefined
}

/** The columns as a query names them; `unqualified` where there is but one table, and its name may not stand. */
export const referencesOf = (model: Model, how: "qualified" | "unqualified"): References =>
  Object.fromEntries(model.columns.map((column) => [column.key, referenceTo(model, column, how)]))

export const referenceTo = (model: Model, { key, name, settings }: ColumnModel, how: "qualified" | "unqualified"): Reference<unknown, boolean, string> =>
  reference({
    table: model.alias ?? model.local,
    qualifier: how === "unqualified" ? [] : [nameOf(model.alias ?? model.name, model.exact)],
    name: nameOf(name, settings.exact),
    label: `${model.local}.${key}`,
    source: { table: model.name, column: name },
    held: settings,
    nullable: settings.nullable
  })

export const tableName = ({ exact, name }: Model): Stock.Segment => nameOf(name, exact)

/** What is made of a description is made once: a point query of SQLite took 35 µs of CPU without this, and 16 with it. */
export const once = <K extends object, V>(make: (key: K) => V): (key: K) => V => {
  const made = new WeakMap<K, V>()
  return (key) => {
    const known = made.get(key)
    if (known !== undefined) return known
    const value = make(key)
    made.set(key, value)
    return value
  }
}

/** The primary key's columns, in its order. */
export const keyOf = once(({ columns, constraints }: Model): ReadonlyArray<ColumnModel> => {
  const order = constraints.find((one) => one._tag === "Key")?.columns
  return order === undefined
    ? columns.filter(({ settings }) => settings.key)
    : order.map((name) => columns.find((column) => column.name === name)).filter((column) => column !== undefined)
})

export interface Several {
  readonly name: string | undefined
  readonly columns: ReadonlyArray<string>
}

export const uniquesOf = ({ columns, constraints }: Model): ReadonlyArray<Several> => [
  ...columns.filter(({ settings }) => settings.unique).map(({ name }) => ({ name: undefined, columns: [name] })),
  ...constraints.filter((one) => one._tag === "Unique")
]

export const indexesOf = ({ columns, constraints, local }: Model): ReadonlyArray<{ readonly name: string; readonly columns: ReadonlyArray<string> }> => [
  ...columns.flatMap(({ name, settings: { index } }) => index === undefined ? [] : [{ name: index === true ? undefined : index, columns: [name] }]),
  ...constraints.filter((one) => one._tag === "Index")
].map(({ columns, name }) => ({ name: name ?? `${local}_${columns.join("_")}_index`, columns }))

/** The foreign keys. Only now is a column of another table asked for: its table may be defined after this one. */
export const foreignKeysOf = ({ columns, constraints }: Model): ReadonlyArray<ForeignKey> => [
  ...columns.flatMap(({ name, settings: { references } }): ReadonlyArray<ForeignKey> => {
    if (references === undefined) return []
    const { actions, target } = references
    const { column, table } = typeof target === "string" ? parse(target) : sourceOf(target()) ?? { table: "", column: "" }
    return [{ name: undefined, columns: [name], table, targets: [column], actions }]
  }),
  ...constraints.filter((one) => one._tag === "ForeignKey")
]

const parse = (target: string) => ({ table: schemaOf(target) ?? "", column: localName(target) })
