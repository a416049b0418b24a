/**
 * A table: its columns described once, and from that its DDL, its queries and the types of its rows.
 *
 * It holds no database: each verb takes one, so that one description serves SQLite in tests and a server in production. It is no
 * mapper of objects: rows are records, a query is one statement, and nothing is loaded that was not asked for. `Database`
 * knows nothing of it. What a dialect must know of tables is `Dialect.Tables`; where it has none, all of this is
 * UnsupportedError.
 *
 * @since 0.1.0
 */
import { dual } from "effect/Function"
import type * as Schema from "effect/Schema"
import type * as AST from "effect/SchemaAST"
import type * as Column from "./Column.js"
import type { Database } from "./Database.js"
import type { Reference } from "./Expression.js"
import * as FromSchema from "./internal/table/fromSchema.js"
import * as Model from "./internal/table/model.js"
import { sourceOf } from "./internal/expression.js"
import { modelOf, tableOf } from "./internal/table/made.js"
import type * as Query from "./Query.js"
import type { InsertOf, KeyOf, LocalName, ReferencesOf, RowOf, UpdateOf } from "./Query.js"
import type { Fragment } from "./Sql.js"

/**
 * Columns by their names.
 *
 * @example
 * ```ts
 * import { Column, type Table } from "@sluice/core"
 *
 * const audited = { created: Column.timestamp().notNull().defaultNow() } satisfies Table.Columns
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Columns = Readonly<Record<string, Column.Any>>

/**
 * A row of a table.
 *
 * @example
 * ```ts
 * import { Column, Table } from "@sluice/core"
 *
 * const users = Table.make("users", { id: Column.integer().primaryKey(), name: Column.text() })
 * type User = Table.Row<typeof users> // { readonly id: number; readonly name: string | null }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Row<T> = T extends Definition<infer _N, infer C> ? RowOf<C> : never

/**
 * What an insert takes: the columns that may be left out are optional. A value may be SQL of your own.
 *
 * @example
 * ```ts
 * import { Column, Table } from "@sluice/core"
 *
 * const users = Table.make("users", { id: Column.integer().autoIncrement(), name: Column.text().notNull() })
 * const ada: Table.NewRow<typeof users> = { name: "Ada" }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type NewRow<T> = T extends Definition<infer _N, infer C> ? InsertOf<C> : never

/**
 * The primary key of a table: of one column its value, of several a record, of none `undefined`.
 *
 * @example
 * ```ts
 * import { Column, Table } from "@sluice/core"
 *
 * const seats = Table.make("seats", { row: Column.integer().primaryKey(), seat: Column.text(2).primaryKey() })
 * const key: Table.Key<typeof seats> = { row: 12, seat: "A" }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Key<T> = T extends Definition<infer _N, infer C> ? KeyOf<C> : never

export {
  create, createAll, createStatements, describe, drop, dropAll, exists, names, reflect, type Description, type Reflected
} from "./internal/table/verbs.js"
export { adopter, encoder, type Encoder } from "./internal/table/values.js"

/**
 * What every table has: its columns, and its verbs. A column whose name is none of these stands beside them: `users.name`; one
 * whose name is, is found in `columns`.
 *
 * @example
 * ```ts
 * import { Column, Table } from "@sluice/core"
 *
 * const odd = Table.make("odd", { select: Column.text(), name: Column.text() })
 * const both = [odd.name.isNull(), odd.columns.select.isNull()]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Definition<N extends string, C> extends Query.Source<LocalName<N>, RowOf<C>> {
  /** Every column by its name. */
  readonly columns: ReferencesOf<LocalName<N>, C>
  /** A query of its rows. */
  select(db: Database): Query.Select<RowOf<C>, { readonly [K in LocalName<N>]: RowOf<C> }>
  /** Inserts a row, or several with one statement, and answers with their primary keys. No row sends nothing. */
  insert(db: Database, row: InsertOf<C>): Query.Insert<KeyOf<C>, RowOf<C>>
  /** Several rows. */
  insert(db: Database, rows: ReadonlyArray<InsertOf<C>>): Query.Insert<ReadonlyArray<KeyOf<C>>, RowOf<C>>
  /** The same, with the database last. */
  insert(row: InsertOf<C>): (db: Database) => Query.Insert<KeyOf<C>, RowOf<C>>
  /** The same, with the database last. */
  insert(rows: ReadonlyArray<InsertOf<C>>): (db: Database) => Query.Insert<ReadonlyArray<KeyOf<C>>, RowOf<C>>
  /** Changes columns, of the rows that are said next: `where`, or `all`. What is undefined is left as it is. */
  update(db: Database, set: UpdateOf<C>): Query.Unbounded<RowOf<C>>
  /** The same, with the database last. */
  update(set: UpdateOf<C>): (db: Database) => Query.Unbounded<RowOf<C>>
  /** Deletes the rows that are said next: `where`, or `all`. */
  delete(db: Database): Query.Unbounded<RowOf<C>>
}

/**
 * A table.
 *
 * @example
 * ```ts
 * import { Column, Table } from "@sluice/core"
 *
 * const tags: Table.Table<"tags", { readonly name: ReturnType<typeof Column.text> }> = Table.make("tags", { name: Column.text() })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Table<N extends string, C> =
  & Definition<N, C>
  & (string extends keyof C ? unknown : Omit<ReferencesOf<LocalName<N>, C>, keyof Definition<string, Columns>>)

/**
 * A table that is only read under another name.
 *
 * @example
 * ```ts
 * import { Column, type Database, Table } from "@sluice/core"
 *
 * const id = Column.integer().primaryKey()
 * const bosses: Table.Alias<"bosses", { readonly id: typeof id }> = Table.as(Table.make("users", { id }), "bosses")
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Alias<N extends string, C> =
  & Pick<Definition<N, C>, "columns" | "select" | typeof Query.SourceId>
  & (string extends keyof C ? unknown : Omit<ReferencesOf<N, C>, "columns" | "select">)

/**
 * Any table.
 *
 * @example
 * ```ts
 * import { Column, Table } from "@sluice/core"
 *
 * const tables: ReadonlyArray<Table.Any> = [Table.make("tags", { name: Column.text() })]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Any {
  /** @internal */
  readonly [Query.SourceId]: Query.Carried<string, unknown>
  /** Every column by its name. */
  readonly columns: Readonly<Record<string, Reference<unknown, boolean, string>>>
}

/**
 * A promise about several columns of a table.
 *
 * @example
 * ```ts
 * import { Column, Table } from "@sluice/core"
 *
 * const seats = Table.make("seats", { hall: Column.integer(), seat: Column.integer() }, (seats): ReadonlyArray<Table.Constraint> => [
 *   Table.unique([seats.hall, seats.seat])
 * ])
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Constraint {
  /** @internal */
  readonly constraint: Model.Constraint
}

type AnyReference = Reference<unknown, boolean, string>

/**
 * Describes a table. A dot separates schema and name: `"app.users"`. A definition that cannot work is a ConfigError of every
 * statement that is made of it, before anything is sent.
 *
 * @example
 * ```ts
 * import { Column, Database, Table } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const users = Table.make("users", {
 *   id: Column.integer().primaryKey().autoIncrement(),
 *   name: Column.text().notNull(),
 *   age: Column.integer()
 * }, (users) => [Table.index([users.name, users.age])])
 *
 * const program = Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   yield* Table.create(db, users)
 *   const id = yield* users.insert(db, { name: "Ada", age: 36 })
 *   yield* users.update(db, { age: 37 }).where(users.id.eq(id))
 *   return yield* users.select(db).where(users.name.startsWith("A")).orderBy(users.age.desc()).limit(10)
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <const N extends string, C extends Columns>(
  name: N,
  columns: C,
  constraints: (columns: ReferencesOf<LocalName<N>, C>) => ReadonlyArray<Constraint> = () => []
): Table<N, C> =>
  tableOf(Model.make(name, columns, (own) => constraints(own as ReferencesOf<LocalName<N>, C>).map(({ constraint }) => constraint), false))

/**
 * A table of a Schema's fields: of a struct or a class, under the name that it gives itself unless another one is given.
 *
 * A field is stored as its type where a database has one, else as what it is encoded to, else as JSON of that; `Schema.Int` is
 * an integer, `Schema.maxLength(n)` a text of that length, a BigDecimal a decimal of 38 digits, 18 of them after the point.
 * What may be null or left out may be NULL. `columns` says of single columns what no Schema does: keys, defaults, references.
 *
 * @example
 * ```ts
 * import { Table } from "@sluice/core"
 * import { Schema } from "effect"
 *
 * class User extends Schema.Class<User>("users")({ id: Schema.Int, email: Schema.String, born: Schema.NullOr(Schema.Date) }) {}
 * const users = Table.fromSchema(User, {
 *   columns: { id: (id) => id.primaryKey(), email: (email) => email.unique() }
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromSchema = <F extends Schema.Struct.Fields, const N extends string = string, R extends Refinements<F> = Record<never, never>>(
  schema: { readonly fields: F; readonly ast: AST.AST },
  options: {
    readonly name?: N
    readonly columns?: R & Refinements<F>
    readonly constraints?: (columns: ReferencesOf<LocalName<N>, Refined<F, R>>) => ReadonlyArray<Constraint>
  } = {}
): Table<N, Refined<F, R>> => {
  const refinements: Readonly<Record<string, ((column: never) => Column.Any) | undefined>> = options.columns ?? {}
  const columns = Object.fromEntries(Object.entries(FromSchema.columnsOf(schema.fields)).map(([key, column]) =>
    [key, refinements[key]?.(column as never) ?? column]))
  return tableOf(Model.make(options.name ?? FromSchema.nameOf(schema) ?? "", columns, (own) =>
    (options.constraints?.(own as ReferencesOf<LocalName<N>, Refined<F, R>>) ?? []).map(({ constraint }) => constraint), false))
}

type Types<F extends Schema.Struct.Fields> = Schema.Struct.Type<F>

/** @internal */
export type SchemaColumns<F extends Schema.Struct.Fields> = {
  readonly [K in keyof Types<F>]-?: Column.Column<
    NonNullable<Types<F>[K]>,
    null extends Types<F>[K] ? true : undefined extends Types<F>[K] ? true : false,
    false,
    false
  >
}

/** @internal */
export type Refinements<F extends Schema.Struct.Fields> = { readonly [K in keyof SchemaColumns<F>]?: (column: SchemaColumns<F>[K]) => Column.Any }

/** @internal */
export type Refined<F extends Schema.Struct.Fields, R> = {
  readonly [K in keyof SchemaColumns<F>]: K extends keyof R ? R[K] extends (column: never) => infer C ? C : SchemaColumns<F>[K] : SchemaColumns<F>[K]
}

/**
 * The same table under another name, for a query that reads it twice.
 *
 * @example
 * ```ts
 * import { Column, type Database, Table } from "@sluice/core"
 *
 * const users = Table.make("users", { id: Column.integer().primaryKey(), name: Column.text(), boss: Column.integer() })
 * const bosses = Table.as(users, "bosses")
 * const pairs = (db: Database.Database) =>
 *   users.select(db).leftJoin(bosses, bosses.id.eq(users.boss)).columns({ name: users.name, boss: bosses.name })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const as: {
  <const A extends string>(name: A): <N extends string, C>(self: Definition<N, C>) => Alias<A, C>
  <N extends string, C, const A extends string>(self: Definition<N, C>, name: A): Alias<A, C>
} = dual(2, <N extends string, C, A extends string>(self: Definition<N, C>, name: A): Alias<A, C> => tableOf({ ...modelOf(self), alias: name }))

/**
 * No two rows have the same values in these columns.
 *
 * @example
 * ```ts
 * import { Column, Table } from "@sluice/core"
 *
 * const seats = Table.make("seats", { hall: Column.integer(), seat: Column.integer() }, (seats) => [Table.unique([seats.hall, seats.seat])])
 * ```
 *
 * @category constraints
 * @since 0.1.0
 */
export const unique = (columns: ReadonlyArray<AnyReference>, name?: string): Constraint => ({ constraint: { _tag: "Unique", name, columns: namesOf(columns) } })

/**
 * An index over these columns, named after the table and them unless it is named here.
 *
 * @example
 * ```ts
 * import { Column, Table } from "@sluice/core"
 *
 * const logs = Table.make("logs", { level: Column.text(9), at: Column.timestamp() }, (logs) => [Table.index([logs.level, logs.at])])
 * ```
 *
 * @category constraints
 * @since 0.1.0
 */
export const index = (columns: ReadonlyArray<AnyReference>, name?: string): Constraint => ({ constraint: { _tag: "Index", name, columns: namesOf(columns) } })

/**
 * A foreign key of several columns.
 *
 * @example
 * ```ts
 * import { Column, Table } from "@sluice/core"
 *
 * const seats = Table.make("seats", { hall: Column.integer().primaryKey(), seat: Column.integer().primaryKey() })
 * const tickets = Table.make("tickets", { hall: Column.integer(), seat: Column.integer() }, (tickets) => [
 *   Table.foreignKey([tickets.hall, tickets.seat], [seats.hall, seats.seat], { onDelete: "cascade" })
 * ])
 * ```
 *
 * @category constraints
 * @since 0.1.0
 */
export const foreignKey = (columns: ReadonlyArray<AnyReference>, targets: ReadonlyArray<AnyReference>, actions: Column.Actions = {}): Constraint => ({
  constraint: {
    _tag: "ForeignKey",
    name: undefined,
    columns: namesOf(columns),
    table: targets.map((target) => sourceOf(target)?.table ?? "")[0] ?? "",
    targets: namesOf(targets),
    actions
  }
})

/**
 * What the server checks of every row: a condition, or SQL as it stands. Never from a user's input.
 *
 * @example
 * ```ts
 * import { Column, Table } from "@sluice/core"
 *
 * const spans = Table.make("spans", { from: Column.integer(), to: Column.integer() }, (spans) => [Table.check(spans.from.lte(spans.to))])
 * ```
 *
 * @category constraints
 * @since 0.1.0
 */
export const check = (condition: Fragment | string): Constraint => ({ constraint: { _tag: "Check", condition } })

const namesOf = (columns: ReadonlyArray<AnyReference>): ReadonlyArray<string> => columns.map((column) => sourceOf(column)?.column ?? "")
