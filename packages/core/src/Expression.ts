/**
 * An expression: a value inside of a query. A table's column is one, with the comparisons that make conditions of it.
 *
 * It defines no column (that is `Column`). Values in comparisons are parameters, encoded as the column is; names are
 * quoted. It is a fragment, so that `users.name` fits into any statement. Made by `Table.make`, taken by a query's
 * `columns`, `where` and `orderBy`.
 *
 * @since 0.1.0
 */
import type * as Stock from "@effect/sql/Statement"
import type { Condition } from "./Condition.js"
import * as Internal from "./internal/expression.js"
import type { Fragment } from "./Sql.js"

/**
 * A value of type `A` inside of a query.
 *
 * @example
 * ```ts
 * import { type Database, Expression } from "@sluice/core"
 *
 * const count = (db: Database.Database): Expression.Expression<number> => Expression.of(db`COUNT(*)`)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Expression<out A> extends Fragment {
  /** @internal */
  readonly [Internal.TypeId]: Internal.Carried<A>
}

/**
 * A column of a table, as it stands in a query. `T` is the table's name, or its alias.
 *
 * To compare with NULL is a type error, and a ConfigError where no type looks: in SQL it is never true. Say `isNull()`.
 *
 * @example
 * ```ts
 * import { Column, Table } from "@sluice/core"
 *
 * const users = Table.make("users", { id: Column.integer().primaryKey(), name: Column.text(), boss: Column.integer() })
 * const some = [users.id.in([1, 2]), users.boss.eq(users.id), users.name.startsWith("100%"), users.boss.isNull()]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Reference<out A, out Nullable extends boolean, out T extends string> extends Expression<Nullable extends true ? A | null : A> {
  /** The table's name, or its alias. */
  readonly table: T
  /** Equal. */
  eq(value: A | Fragment): Condition
  /** Different; neither true nor false of NULL, as in SQL. */
  ne(value: A | Fragment): Condition
  /** Less. */
  lt(value: A | Fragment): Condition
  /** Less or equal. */
  lte(value: A | Fragment): Condition
  /** Greater. */
  gt(value: A | Fragment): Condition
  /** Greater or equal. */
  gte(value: A | Fragment): Condition
  /** One of a list, or of a query with one column. Of an empty list it is false. */
  in(values: ReadonlyArray<A> | Fragment): Condition
  /** None of a list, or of a query with one column. Of an empty list it is true. */
  notIn(values: ReadonlyArray<A> | Fragment): Condition
  /** Matches a pattern, in which `%` stands for any text and `_` for one character. The server decides about case. */
  like(this: Expression<string | null>, pattern: string): Condition
  /** Begins with this text, whatever characters are in it. The server decides about case. */
  startsWith(this: Expression<string | null>, text: string): Condition
  /** Ends with this text. */
  endsWith(this: Expression<string | null>, text: string): Condition
  /** Holds this text. */
  contains(this: Expression<string | null>, text: string): Condition
  /** Is NULL. */
  isNull(): Condition
  /** Is not NULL. */
  isNotNull(): Condition
  /** In ascending order. */
  asc(): Fragment
  /** In descending order. */
  desc(): Fragment
}

/**
 * The type of an expression's value.
 *
 * @example
 * ```ts
 * import type { Expression } from "@sluice/core"
 *
 * type Text = Expression.Value<Expression.Expression<string | null>> // string | null
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Value<E> = E extends Expression<infer A> ? A : never

/**
 * An expression that is SQL of your own. Its value is what the server sends; its type is what you say.
 *
 * @example
 * ```ts
 * import { Column, type Database, Expression, Table } from "@sluice/core"
 *
 * const users = Table.make("users", { name: Column.text().notNull() })
 * const lengths = (db: Database.Database) =>
 *   users.select(db).columns({ name: users.name, length: Expression.of<number>(db`LENGTH(${users.name})`) })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = <A>(fragment: Fragment): Expression<A> => Internal.plain<A>(fragment.segments as ReadonlyArray<Stock.Segment>)
