/**
 * A column's definition: what it holds, and what its table promises of it.
 *
 * It has no name yet (`Table.make` gives it one) and compares nothing (that is `Expression`). A definition is immutable: each
 * of its verbs answers with another. A column may be NULL unless it says otherwise, as in SQL.
 *
 * @since 0.1.0
 */
import type * as BigDecimal from "effect/BigDecimal"
import * as Schema from "effect/Schema"
import type { ColumnType } from "./Dialect.js"
import type { Reference } from "./Expression.js"
import * as Internal from "./internal/column.js"
import type { Fragment } from "./Sql.js"

/**
 * What happens to a row whose foreign row is deleted or gets another key.
 *
 * @example
 * ```ts
 * import type { Column } from "@sluice/core"
 *
 * const actions: Column.Actions = { onDelete: "cascade" }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Actions {
  /** When the foreign row is deleted. Default: it is refused. */
  readonly onDelete?: "cascade" | "restrict" | "set null" | "set default" | "no action" | undefined
  /** When the foreign row's key changes. Default: it is refused. */
  readonly onUpdate?: "cascade" | "restrict" | "set null" | "set default" | "no action" | undefined
}

/**
 * A column that holds an `A`. `Optional`: an insert may leave it out. `Key`: it is a part of the primary key.
 *
 * @example
 * ```ts
 * import { Column, Table } from "@sluice/core"
 *
 * const teams = Table.make("teams", { id: Column.integer().primaryKey().autoIncrement() })
 * const users = Table.make("users", {
 *   id: Column.integer().primaryKey().autoIncrement(),
 *   email: Column.text(191).notNull().unique(),
 *   age: Column.integer().check((age) => age.gte(0)),
 *   team: Column.integer().references(() => teams.id, { onDelete: "set null" }).index(),
 *   admin: Column.boolean().notNull().default(false),
 *   created: Column.timestamp().notNull().defaultNow()
 * })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Column<out A, out Nullable extends boolean, out Optional extends boolean, out Key extends boolean> {
  /** @internal */
  readonly [Internal.TypeId]: Internal.Carried<A, Nullable, Optional, Key>
  /** It is never NULL. */
  notNull(): Column<A, false, Optional, Key>
  /** It is the primary key, or, where several columns say so, a part of it. It is never NULL. */
  primaryKey(): Column<A, false, Optional, true>
  /** The server counts: an insert may leave it out. For whole numbers, one column a table; it is a primary key. */
  autoIncrement(this: Column<number | bigint, boolean, boolean, boolean>): Column<A, false, true, true>
  /** No two rows have the same value; NULL is no value. */
  unique(): Column<A, Nullable, Optional, Key>
  /** It has an index, which is named after the table and the column unless it is named here. */
  index(name?: string): Column<A, Nullable, Optional, Key>
  /** What it is where an insert leaves it out. */
  default(value: A): Column<A, Nullable, true, Key>
  /** As `default`: an expression in the SQL of the database, as it stands. Never from a user's input. */
  defaultSql(sql: string): Column<A, Nullable, true, Key>
  /** As `default`: the server's time. For `timestamp`. */
  defaultNow(this: Column<Date, boolean, boolean, boolean>): Column<A, Nullable, true, Key>
  /**
   * A foreign key: a column of another table, or `"table.column"` where the two tables know each other or a table knows
   * itself, which TypeScript cannot infer.
   */
  references(target: (() => Reference<A, boolean, string>) | string, actions?: Actions): Column<A, Nullable, Optional, Key>
  /** What the server checks of every row: a condition, or SQL as it stands. */
  check(condition: ((self: Reference<A, Nullable, string>) => Fragment) | string): Column<A, Nullable, Optional, Key>
  /** Its name in the database, where that is not its name here. */
  named(name: string): Column<A, Nullable, Optional, Key>
  /** Its type in the words of a dialect, by the dialect's name: `{ mysql: "MEDIUMTEXT" }`. */
  native(types: Readonly<Record<string, string>>): Column<A, Nullable, Optional, Key>
  /** A Schema over what it holds: it decodes what is read and encodes what is written, and in comparisons, too. */
  schema<B, I extends A>(schema: Schema.Schema<B, I>): Column<B, Nullable, Optional, Key>
}

/**
 * Any column.
 *
 * @example
 * ```ts
 * import { Column } from "@sluice/core"
 *
 * const any: Column.Any = Column.text()
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Any = Column<unknown, boolean, boolean, boolean>

/**
 * A column as it is new: it may be NULL, and is no key.
 *
 * @example
 * ```ts
 * import { Column } from "@sluice/core"
 *
 * const money = (): Column.New<string> => Column.decimal(12, 2)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type New<A> = Column<A, true, false, false>

/**
 * A whole number within 2^53. 32 bits in servers that have them: `bigint` is for more.
 *
 * @example
 * ```ts
 * import { Column } from "@sluice/core"
 *
 * const id = Column.integer().primaryKey().autoIncrement()
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const integer = (): New<number> => made({ kind: "integer" })

/**
 * A whole number of 64 bits, as a bigint whatever the database's `integers` says.
 *
 * @example
 * ```ts
 * import { Column } from "@sluice/core"
 *
 * const views = Column.bigint().notNull().default(0n)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const bigint = (): New<bigint> => made({ kind: "bigint" })

/**
 * A floating-point number of 64 bits.
 *
 * @example
 * ```ts
 * import { Column } from "@sluice/core"
 *
 * const weight = Column.double()
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const double = (): New<number> => made({ kind: "double" })

/**
 * A decimal of so many digits, `scale` of them after the point, as its exact text: with every digit that the scale has.
 *
 * One that does not fit is refused with DataError: no digit is rounded away. SQLite has no decimals: there it is a text,
 * which is equal as the decimal is, and has no order (UnsupportedError).
 *
 * @example
 * ```ts
 * import { Column } from "@sluice/core"
 *
 * const price = Column.decimal(12, 2).notNull()
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const decimal = (precision: number, scale: number): New<string> => made({ kind: "decimal", precision, scale })

/**
 * As `decimal`, as an Effect BigDecimal.
 *
 * @example
 * ```ts
 * import { Column } from "@sluice/core"
 *
 * const rate = Column.bigDecimal(20, 10)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const bigDecimal = (precision: number, scale: number): New<BigDecimal.BigDecimal> => decimal(precision, scale).schema(Schema.BigDecimal)

/**
 * A text, of at most so many characters where a length is given. MySQL takes only one with a length into keys and indexes.
 *
 * @example
 * ```ts
 * import { Column } from "@sluice/core"
 *
 * const email = Column.text(191).notNull().unique()
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const text = (length?: number): New<string> => made({ kind: "text", length })

/**
 * A boolean; 1 and 0 in servers that have none.
 *
 * @example
 * ```ts
 * import { Column } from "@sluice/core"
 *
 * const active = Column.boolean().notNull().default(true)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const boolean = (): New<boolean> => made({ kind: "boolean" })

/**
 * An instant, to the millisecond, as a Date.
 *
 * @example
 * ```ts
 * import { Column } from "@sluice/core"
 *
 * const created = Column.timestamp().notNull().defaultNow()
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const timestamp = (): New<Date> => made({ kind: "timestamp" })

/**
 * A day of the calendar, without a time and without a zone: `2024-02-29`.
 *
 * @example
 * ```ts
 * import { Column } from "@sluice/core"
 *
 * const born = Column.date()
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const date = (): New<string> => made({ kind: "date" })

/**
 * A UUID, in lower case.
 *
 * @example
 * ```ts
 * import { Column } from "@sluice/core"
 *
 * const id = Column.uuid().primaryKey()
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const uuid = (): New<string> => made({ kind: "uuid" })

/**
 * Bytes.
 *
 * @example
 * ```ts
 * import { Column } from "@sluice/core"
 *
 * const picture = Column.bytes()
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const bytes = (): New<Uint8Array> => made({ kind: "bytes" })

/**
 * A value as JSON, decoded and encoded by a Schema; without one it is what `JSON.parse` gives.
 *
 * @example
 * ```ts
 * import { Column } from "@sluice/core"
 * import { Schema } from "effect"
 *
 * const tags = Column.json(Schema.Array(Schema.String))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const json: {
  <A, I>(schema: Schema.Schema<A, I>): New<A>
  (): New<unknown>
} = <A, I>(schema?: Schema.Schema<A, I>): New<never> => Internal.make({ kind: "json" }, { schema })

const made = (type: ColumnType): New<never> => Internal.make(type)
