/**
 * Queries of a table: select, insert, update and delete, as values that run when they are yielded.
 *
 * Each compiles to one `Statement` of its database, runs in the fiber's transaction, and reads its rows by the columns'
 * definitions. They are immutable: each verb answers with another. Made by a table (see `Table`), never by hand.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Column from "./Column.js"
import type { Expression, Reference, Value } from "./Expression.js"
import type { Fragment } from "./Sql.js"
import type { SqlError } from "./SqlError.js"
import type { Statement } from "./Statement.js"

/**
 * What a query can read from: a table, or an alias of one.
 *
 * @example
 * ```ts
 * import { Column, type Query, Table } from "@sluice/core"
 *
 * const users: Query.Source<"users", { readonly id: number }> = Table.make("users", { id: Column.integer().notNull() })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Source<out Name extends string, out Row> {
  /** @internal */
  readonly [SourceId]: Carried<Name, Row>
}

/**
 * Where a source carries what it is.
 *
 * @internal
 */
export const SourceId: unique symbol = Symbol.for("@sluice/core/Query/Source")

/**
 * What a source carries: types, of which no value is there, and its description.
 *
 * @internal
 */
export interface Carried<out Name extends string, out Row> {
  readonly _Name?: () => Name
  readonly _Row?: () => Row
  readonly model: unknown
}

/**
 * A query whose columns are chosen. It is a `Statement` of its rows; only `.values` and `.raw` are arrays as the server sends
 * them. `.first`, `.scalar` and `.scalarOption` ask for one row.
 *
 * @example
 * ```ts
 * import { Column, type Database, Table } from "@sluice/core"
 *
 * const users = Table.make("users", { id: Column.integer().primaryKey(), name: Column.text() })
 * const page = (db: Database.Database, n: number) =>
 *   users.select(db).where(users.name.isNotNull()).orderBy(users.name, users.id.desc()).limit(10).offset(10 * n)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Query<A> extends Statement<A, A[keyof A]> {
  /** Only rows for which this holds, too. */
  where(condition: Fragment): this
  /** In this order: columns, `column.desc()`, or SQL of your own. */
  orderBy(...terms: ReadonlyArray<Fragment>): this
  /** At most so many rows. Another number than a whole one of at least 0 is a ConfigError. */
  limit(count: number): this
  /** Without so many of the first rows. */
  offset(count: number): this
  /** Without rows that are there already. */
  distinct(): this
  /** How many rows it has, counted by the server. */
  readonly count: Effect.Effect<number, SqlError>
}

/**
 * A query over tables. Of one table its rows are that table's; with a join they hold a record for each table, by its name.
 *
 * @example
 * ```ts
 * import { Column, type Database, Table } from "@sluice/core"
 *
 * const teams = Table.make("teams", { id: Column.integer().primaryKey(), title: Column.text() })
 * const users = Table.make("users", { id: Column.integer().primaryKey(), team: Column.integer() })
 * // ReadonlyArray<{ users: { id, team }, teams: { id, title } | null }>
 * const both = (db: Database.Database) => users.select(db).leftJoin(teams, teams.id.eq(users.team))
 * // ReadonlyArray<{ user: number, team: string | null }>
 * const flat = (db: Database.Database) => both(db).columns({ user: users.id, team: teams.title })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Select<A, Tables> extends Query<A> {
  /** With the rows of another table for which the condition holds. */
  innerJoin<Name extends string, Row>(source: Source<Name, Row>, on: Fragment): Joined<Tables & { readonly [K in Name]: Row }>
  /** As `innerJoin`, and with null where no row of the other table fits. */
  leftJoin<Name extends string, Row>(source: Source<Name, Row>, on: Fragment): Joined<Tables & { readonly [K in Name]: Row | null }>
  /** With these columns only. Those of a table that was joined from the left may be null. */
  columns<P extends Readonly<Record<string, Expression<unknown>>>>(picks: P): Query<{ readonly [K in keyof P]: Picked<P[K], Tables> }>
}

/**
 * A query over joined tables.
 *
 * @example
 * ```ts
 * import type { Query } from "@sluice/core"
 *
 * type Both = Query.Joined<{ readonly users: { readonly id: number }; readonly teams: { readonly id: number } | null }>
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Joined<Tables> = Select<{ readonly [K in keyof Tables]: Tables[K] }, { readonly [K in keyof Tables]: Tables[K] }>

/**
 * The type of a chosen column: null, too, where its table may have no row.
 *
 * @example
 * ```ts
 * import type { Expression, Query } from "@sluice/core"
 *
 * type Title = Query.Picked<Expression.Reference<string, false, "teams">, { readonly teams: object | null }> // string | null
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Picked<E, Tables> = E extends Reference<infer _A, infer _N, infer T>
  ? T extends keyof Tables ? null extends Tables[T] ? Value<E> | null : Value<E> : Value<E>
  : Value<E>

/**
 * An INSERT. As an Effect it answers with the primary key: of one column its value, of several a record, of none
 * `undefined`; for several rows an array in their order.
 *
 * The key comes from RETURNING where the dialect has it, else from what the server says that it generated, else it is what was
 * given. A key that an expression of the server's makes, in a dialect without RETURNING, is an UnsupportedError before
 * anything is sent, and so is `returning`: `statement.run` inserts all the same. Several rows whose keys are generated there
 * are sent one by one, in a transaction.
 *
 * @example
 * ```ts
 * import { Column, type Database, Table } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const users = Table.make("users", { id: Column.integer().autoIncrement(), name: Column.text().notNull() })
 * const add = (db: Database.Database) =>
 *   Effect.gen(function*() {
 *     const id: number = yield* users.insert(db, { name: "Ada" })
 *     const ids: ReadonlyArray<number> = yield* users.insert(db, [{ name: "Grace" }, { name: "Alan" }])
 *     return [id, ...ids]
 *   })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Insert<Key, Row> extends Effect.Effect<Key, SqlError> {
  /** The INSERT alone, whose `.run` tells the rows affected. */
  readonly statement: Statement<Row, Row[keyof Row]>
  /** The INSERT, answering with the rows as they are stored. */
  readonly returning: Statement<Row, Row[keyof Row]>
}

/**
 * An UPDATE or DELETE. As an Effect it answers with the number of rows affected.
 *
 * @example
 * ```ts
 * import { Column, type Database, Table } from "@sluice/core"
 *
 * const users = Table.make("users", { id: Column.integer().primaryKey(), name: Column.text() })
 * const rename = (db: Database.Database) => users.update(db, { name: "Dan" }).where(users.id.eq(1))
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Write<Row> extends Effect.Effect<number, SqlError> {
  /** Only rows for which this holds, too. */
  where(condition: Fragment): Write<Row>
  /** The statement alone. */
  readonly statement: Statement<Row, Row[keyof Row]>
  /** The statement, answering with the rows as they are now, or were before they were deleted. */
  readonly returning: Statement<Row, Row[keyof Row]>
}

/**
 * An UPDATE or DELETE that does not yet say of which rows. It is no Effect: a forgotten condition does not compile, and
 * changes nothing.
 *
 * @example
 * ```ts
 * import { Column, type Database, Table } from "@sluice/core"
 *
 * const users = Table.make("users", { id: Column.integer().primaryKey(), name: Column.text() })
 * const everyone = (db: Database.Database) => users.delete(db).all()
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Unbounded<Row> {
  /** Of rows for which this holds. */
  where(condition: Fragment): Write<Row>
  /** Of every row of the table. */
  all(): Write<Row>
}

// ---- from columns to rows, inserts and keys; here, since the declarations of whoever uses a table name them ----

// Shown as what it is, in an editor and in declarations.
type Shown<T> = T extends infer R ? R : never

type Held<C> = C extends Column.Column<infer A, infer N, boolean, boolean> ? N extends true ? A | null : A : never

/** @internal */
export type RowOf<C> = Shown<{ readonly [K in keyof C]: Held<C[K]> }>

type Needed<C> = { [K in keyof C]: C[K] extends Column.Column<unknown, false, false, boolean> ? K : never }[keyof C]

/** @internal */
export type InsertOf<C> =
  & { readonly [K in Needed<C>]: Held<C[K]> | Fragment }
  & { readonly [K in Exclude<keyof C, Needed<C>>]?: Held<C[K]> | Fragment | undefined }

/** @internal */
export type UpdateOf<C> = { readonly [K in keyof C]?: Held<C[K]> | Fragment | undefined }

type Keys<C> = { [K in keyof C]: C[K] extends Column.Column<unknown, boolean, boolean, infer P> ? true extends P ? K : never : never }[keyof C]

type IsUnion<T, U = T> = [T] extends [never] ? false : T extends unknown ? [U] extends [T] ? false : true : false

/** @internal */
export type KeyOf<C> = string extends keyof C ? unknown
  : [Keys<C>] extends [never] ? undefined
  : IsUnion<Keys<C>> extends true ? { readonly [K in Keys<C>]: Held<C[K]> }
  : Held<C[Keys<C>]>

/** @internal */
export type LocalName<N extends string> = N extends `${string}.${infer Rest}` ? LocalName<Rest> : N

/** @internal */
export type ReferencesOf<N extends string, C> = {
  readonly [K in keyof C]: C[K] extends Column.Column<infer A, infer Nullable, boolean, boolean> ? Reference<A, Nullable, N> : never
}
