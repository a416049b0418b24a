/**
 * A dialect: how one kind of database writes SQL, and what it can do. Pure data and functions.
 *
 * It opens no connection (that is `Connection`) and holds no error codes (those are each dialect's own table). It is
 * open: a new dialect is a new value of this type and edits no file of core. Made by the dialect packages, read by
 * `Sql` to compile and by `Database` to refuse what is lacking before anything is sent.
 *
 * @since 0.1.0
 */
import type { Lexicon } from "./SqlScript.js"

/**
 * The isolation levels of the SQL standard, and snapshot isolation.
 *
 * @example
 * ```ts
 * import type { Dialect } from "@sluice/core"
 *
 * const level: Dialect.IsolationLevel = "repeatable-read"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type IsolationLevel = "read-uncommitted" | "read-committed" | "repeatable-read" | "snapshot" | "serializable"

/**
 * How far the cancelling of a statement reaches.
 *
 * `server`: the server stops it. `between rows`: it stops at its next row. `detached`: its result is discarded.
 * `none`: it runs to its end.
 *
 * @example
 * ```ts
 * import type { Dialect } from "@sluice/core"
 *
 * const cancel: Dialect.Cancel = "between rows"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Cancel = "server" | "between rows" | "detached" | "none"

/**
 * What a dialect, or the server that a connection reached, can do. The conformance suite holds the table of what each
 * dialect must claim.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const canSave = Effect.map(Database.Database, (db) => db.dialect.capabilities.savepoints)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Capabilities {
  /** BEGIN, COMMIT, ROLLBACK. */
  readonly transactions: boolean
  /** SAVEPOINT, and so nested transactions. */
  readonly savepoints: boolean
  /** The isolation levels that may be asked for. */
  readonly isolation: ReadonlyArray<IsolationLevel>
  /** Transactions in which the server refuses to write. */
  readonly readOnlyTransactions: boolean
  /** Deferrable transactions. */
  readonly deferrable: boolean
  /** Lock modes of BEGIN, as SQLite has them. */
  readonly access: ReadonlyArray<"deferred" | "immediate" | "exclusive">
  /** One connection held over many statements: `session`, `reserve`. */
  readonly sessions: boolean
  /** How far cancelling reaches. */
  readonly cancel: Cancel
  /** Rows arrive on demand. */
  readonly streaming: boolean
  /** Law S4: a statement may run in a transaction while a stream is open there. */
  readonly statementsBesideStream: boolean
  /** INSERT, UPDATE and DELETE may answer with rows. */
  readonly returning: boolean
  /** One statement may answer with several result sets. */
  readonly multipleResultSets: boolean
  /** The columns of a statement are known without running it. */
  readonly describe: boolean
  /** The server tells the key that an INSERT generated. */
  readonly lastInsertId: boolean
  /** Connections have a fast path for rows. */
  readonly bulk: boolean
  /** `true` where `.unprepared` differs from the prepared way. */
  readonly unprepared: boolean
  /** Rows may be had as the bytes that the server sent: `.bytes`. */
  readonly bytes: boolean
}

/**
 * The server's own limits, checked before anything is sent. `Infinity` where there is none.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const most = Effect.map(Database.Database, (db) => db.dialect.limits.maxParameters)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Limits {
  /** Bound parameters of one statement. */
  readonly maxParameters: number
  /** UTF-8 bytes of one statement's text. What we write ourselves is never longer. */
  readonly maxStatementBytes: number
  /**
   * The same where a server can be set to take more: then only a text beyond this is refused for every server, and a connection
   * refuses what is beyond its own server's setting. Default: `maxStatementBytes`.
   */
  readonly longestStatementBytes?: number | undefined
  /** Rows of one VALUES list. */
  readonly maxInsertRows: number
}

/**
 * A dialect. `name` is ours (`sqlite`), `stock` is what @effect/sql's `onDialect` knows it as, where it does.
 *
 * @example
 * ```ts
 * import type { Dialect } from "@sluice/core"
 *
 * const quote = (dialect: Dialect.Dialect) => dialect.quoteIdentifier("order")
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Dialect {
  /** Our name of it. */
  readonly name: string
  /** The name that `onDialect` of @effect/sql knows it by. */
  readonly stock: "sqlite" | "pg" | "mysql" | "mssql" | "clickhouse" | undefined
  /** `db.system.name` of OpenTelemetry's database conventions. */
  readonly system: string
  /** Quotes a name; a dot separates the parts of a qualified one. */
  readonly quoteIdentifier: (name: string) => string
  /** The placeholder of parameter `index`, from 1. */
  readonly placeholder: (index: number) => string
  /** What stands in VALUES for a column that a row lacks; without it, NULL is bound. */
  readonly defaultKeyword: string | undefined
  /** Where the returning clause of INSERT and UPDATE stands: after the statement, or before VALUES (OUTPUT). */
  readonly returning: "suffix" | "output"
  /** `true` where the session's last generated key is, after an INSERT of several rows, that of the first (MySQL). */
  readonly lastIdIsFirst?: boolean | undefined
  /** `true` where a list is one parameter: `id = ANY($1)` is one text, and so one plan, for every number of ids (PostgreSQL). */
  readonly arrays?: boolean | undefined
  /** The FROM part of an UPDATE of many rows; `undefined` where the dialect has none. */
  readonly updateValues: ((options: UpdateValues) => string) | undefined
  /** Its quotes and comments. */
  readonly lexicon: Lexicon
  /** Its limits. */
  readonly limits: Limits
  /** What it can do at best; a connection knows what its server can. */
  readonly capabilities: Capabilities
  /** Whether this text leaves something behind on its session that the first word does not tell: lock functions, set_config. */
  readonly leavesState: RegExp | undefined
  /** Statements that commit the transaction in which they stand, by the words with which they begin: MySQL's DDL. Default: none does. */
  readonly commits?: RegExp | undefined
  /** How its tables are made, written to and looked up; without it, `Table` answers with UnsupportedError. */
  readonly tables?: Tables | undefined
}

/**
 * A kind of column, whatever a dialect calls it. `unknown` is what only the dialect knows: found by reflection.
 *
 * @example
 * ```ts
 * import type { Dialect } from "@sluice/core"
 *
 * const money: Dialect.ColumnType = { kind: "decimal", precision: 12, scale: 2 }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface ColumnType {
  /** What it holds. */
  readonly kind:
    | "integer" | "bigint" | "double" | "decimal" | "text" | "boolean" | "timestamp" | "date" | "uuid" | "bytes" | "json" | "unknown"
  /** The most characters of a text; without it there is no bound. */
  readonly length?: number | undefined
  /** Digits of a decimal in all. */
  readonly precision?: number | undefined
  /** Digits of a decimal after the point. */
  readonly scale?: number | undefined
}

/**
 * A query of the catalog: its text with the dialect's placeholders, and their values. Its rows are read by position.
 *
 * @example
 * ```ts
 * import type { Dialect } from "@sluice/core"
 *
 * const lookup: Dialect.Lookup = { sql: "SELECT name FROM pragma_table_list WHERE schema = ?", params: ["main"] }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Lookup {
  /** The text. */
  readonly sql: string
  /** One value per placeholder. */
  readonly params: ReadonlyArray<unknown>
}

/**
 * How a dialect's tables are made, written to and looked up: what `Table` must know of it. Pure.
 *
 * @example
 * ```ts
 * import type { Dialect } from "@sluice/core"
 *
 * const text = (tables: Dialect.Tables) => tables.type({ kind: "text", length: 40 }, false)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Tables {
  /**
   * The name of a type. `isKey`: the column stands in a key or an index. Where the dialect cannot, an object that says why.
   */
  readonly type: (type: ColumnType, isKey: boolean) => string | { readonly refusal: string }
  /**
   * A column that counts by itself: its type, and the words after it. `isPrimaryKey`: the words say PRIMARY KEY, too, so
   * that it can only be the whole of the key.
   */
  readonly identity: (type: ColumnType) => { readonly type: string; readonly words: string; readonly isPrimaryKey: boolean }
  /** A value as a literal, for what takes no parameters: defaults and checks. `undefined` where it has none. */
  readonly literal: (value: unknown) => string | undefined
  /** The expression of the present moment, as its `timestamp` holds it. */
  readonly now: string
  /** What stands after INSERT INTO and the table for a row of defaults only. */
  readonly emptyRow: string
  /** LIMIT and OFFSET; a number is bound as a parameter in its place. */
  readonly page: (limit: number | undefined, offset: number | undefined) => ReadonlyArray<string | number>
  /** The characters of LIKE that stand for others. */
  readonly wildcards: string
  /** What a parameter must be cast to, so that it is compared as the column is; `undefined` where it need not be. */
  readonly cast: (type: ColumnType) => string | undefined
  /** Whether `<`, `>` and ORDER BY follow the values of this type, and not the form in which they are stored. */
  readonly isOrdered: (type: ColumnType) => boolean
  /** Brings a value of this type from the form in which the server sends it to one that core reads. */
  readonly read: (type: ColumnType, value: unknown) => unknown
  /** Several statements of DDL are one transaction. */
  readonly isTransactional: boolean
  /** Indexes stand inside of CREATE TABLE (`INDEX name (a, b)`), and not in statements of their own. */
  readonly inlineIndexes: boolean
  /** A schema is a database beside this one: an index is made in it by its own name, and a table there knows no other's. */
  readonly schemasAreApart: boolean
  /** The tables, by name: `[name]`; only the one with this name, where one is given. */
  readonly names: (schema: string | undefined, name: string | undefined) => Lookup
  /**
   * The columns of a table in order: `[name, type, isNullable, default, position in the primary key or 0, isIdentity]`. The default is
   * SQL, or NULL; what is asked with `is` is 1 or 0, or a boolean.
   */
  readonly columns: (schema: string | undefined, name: string) => Lookup
  /** The indexes without the primary key's, one row per column in order: `[index, isUnique, column]`. */
  readonly indexes: (schema: string | undefined, name: string) => Lookup
  /** The foreign keys, one row per column in order: `[key, column, table, its column, on delete, on update]`. */
  readonly foreignKeys: (schema: string | undefined, name: string) => Lookup
  /** What a type is that the catalog names. */
  readonly typeOf: (native: string) => ColumnType
}

/**
 * What `updateValues` of a dialect gets: the rows' placeholders, the alias and the columns, quoted.
 *
 * @example
 * ```ts
 * import type { Dialect } from "@sluice/core"
 *
 * const pg = ({ alias, columns, rows }: Dialect.UpdateValues) =>
 *   `(values ${rows.map((row) => `(${row.join(",")})`).join(",")}) as ${alias}(${columns.join(",")})`
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface UpdateValues {
  /** The placeholders of each row. */
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
  /** The alias, unquoted. */
  readonly alias: string
  /** The columns, quoted. */
  readonly columns: ReadonlyArray<string>
}

/**
 * A quoting function of the usual form: doubles the quote inside, and quotes each part of a dotted name by itself.
 *
 * @example
 * ```ts
 * import { Dialect } from "@sluice/core"
 *
 * Dialect.quoteWith('"')('main.odd"name') // "main"."odd""name"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const quoteWith = (open: string, close: string = open): (name: string) => string => {
  const quote = (part: string) => open + (part.includes(close) ? part.replaceAll(close, close + close) : part) + close
  // Most names have one part, and no quote in it.
  return (name) => name.includes(".") ? name.split(".").map(quote).join(".") : quote(name)
}
