/**
 * Verbs of tables that are no queries: to make them, to drop them, to look what is there. `Table` passes them on.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type { Actions } from "../../Column.js"
import type { Database } from "../../Database.js"
import type { ColumnType } from "../../Dialect.js"
import * as SqlError from "../../SqlError.js"
import type { Statement } from "../../Statement.js"
import type { Any, Table } from "../../Table.js"
import type * as Column from "../../Column.js"
import type { Client } from "../client.js"
import { transaction } from "../transaction.js"
import * as Catalog from "./catalog.js"
import * as Ddl from "./ddl.js"
import { modelOf, tableOf } from "./made.js"
import { foreignKeysOf, indexesOf, keyOf, type Model, uniquesOf } from "./model.js"
import { clientOf } from "./sending.js"

interface Create {
  /** A table that is there already stays as it is. Default false. */
  readonly ifNotExists?: boolean | undefined
}

interface Drop {
  /** A table that is not there is no failure. Default false. */
  readonly ifExists?: boolean | undefined
}

/** A table that was read from a database: every column is there, and TypeScript does not know which. */
export type Reflected = Table<string, Readonly<Record<string, Column.Column<unknown, boolean, boolean, boolean>>>>

/**
 * The statements that make a table: CREATE TABLE, and CREATE INDEX for indexes that do not stand in it.
 *
 * @example
 * ```ts
 * import { Column, type Database, Table } from "@sluice/core"
 *
 * const users = Table.make("users", { id: Column.integer().primaryKey() })
 * const text = (db: Database.Database) => Table.createStatements(db, users).map((statement) => statement.compile()[0])
 * ```
 */
export const createStatements = (db: Database, table: Any, options: Create = {}): ReadonlyArray<Statement<unknown>> =>
  Ddl.create(clientOf(db), modelOf(table), options.ifNotExists ?? false)

/**
 * Makes a table and its indexes; in one transaction where the dialect has DDL in transactions.
 *
 * @example
 * ```ts
 * import { Column, Database, Table } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const users = Table.make("users", { id: Column.integer().primaryKey() })
 * const both = Effect.flatMap(Database.Database, (db) => Table.create(db, users, { ifNotExists: true }))
 * const same = Effect.flatMap(Database.Database, Table.create(users, { ifNotExists: true }))
 * ```
 */
export const create: {
  (table: Any, options?: Create): (db: Database) => Effect.Effect<void, SqlError.SqlError>
  (db: Database, table: Any, options?: Create): Effect.Effect<void, SqlError.SqlError>
} = dual((args) => typeof args[0] === "function", (db: Database, table: Any, options: Create = {}) => createAll(db, [table], options))

/**
 * Drops a table, with its indexes.
 *
 * @example
 * ```ts
 * import { Column, Database, Table } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const users = Table.make("users", { id: Column.integer().primaryKey() })
 * const drop = Effect.flatMap(Database.Database, Table.drop(users, { ifExists: true }))
 * ```
 */
export const drop: {
  (table: Any, options?: Drop): (db: Database) => Effect.Effect<void, SqlError.SqlError>
  (db: Database, table: Any, options?: Drop): Effect.Effect<void, SqlError.SqlError>
} = dual((args) => typeof args[0] === "function", (db: Database, table: Any, options: Drop = {}) => dropAll(db, [table], options))

/**
 * Makes several tables, in an order in which each foreign key finds its table. Where tables refer to each other in a circle,
 * it is a ConfigError that tells the circle, and nothing is sent: leave one of the keys out, and add it by ALTER TABLE.
 *
 * @example
 * ```ts
 * import { Column, Database, Table } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const teams = Table.make("teams", { id: Column.integer().primaryKey() })
 * const users = Table.make("users", { id: Column.integer().primaryKey(), team: Column.integer().references(() => teams.id) })
 * const migrate = Effect.flatMap(Database.Database, Table.createAll([users, teams], { ifNotExists: true }))
 * ```
 */
export const createAll: {
  (tables: ReadonlyArray<Any>, options?: Create): (db: Database) => Effect.Effect<void, SqlError.SqlError>
  (db: Database, tables: ReadonlyArray<Any>, options?: Create): Effect.Effect<void, SqlError.SqlError>
} = dual((args) => typeof args[0] === "function", (db: Database, tables: ReadonlyArray<Any>, options: Create = {}) => {
  const client = clientOf(db)
  return together(client, tables, (models) => models.flatMap((model) => Ddl.create(client, model, options.ifNotExists ?? false)))
})

/**
 * Drops several tables, those first that refer to others.
 *
 * @example
 * ```ts
 * import { Column, Database, Table } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const users = Table.make("users", { id: Column.integer().primaryKey() })
 * const clear = Effect.flatMap(Database.Database, Table.dropAll([users], { ifExists: true }))
 * ```
 */
export const dropAll: {
  (tables: ReadonlyArray<Any>, options?: Drop): (db: Database) => Effect.Effect<void, SqlError.SqlError>
  (db: Database, tables: ReadonlyArray<Any>, options?: Drop): Effect.Effect<void, SqlError.SqlError>
} = dual((args) => typeof args[0] === "function", (db: Database, tables: ReadonlyArray<Any>, options: Drop = {}) => {
  const client = clientOf(db)
  return together(client, tables, (models) => models.toReversed().map((model) => Ddl.drop(client, model, options.ifExists ?? false)))
})

const together = (
  client: Client,
  tables: ReadonlyArray<Any>,
  statementsOf: (models: ReadonlyArray<Model>) => ReadonlyArray<Statement<unknown>>
): Effect.Effect<void, SqlError.SqlError> =>
  Effect.flatMap(Effect.mapError(Ddl.inOrder(tables.map(modelOf)), (circle): SqlError.SqlError => SqlError.make(circle)), (models) => {
    const statements = statementsOf(models)
    const all = Effect.forEach(statements, (statement) => statement.run, { discard: true })
    return client.dialect.tables?.isTransactional === true && statements.length > 1 ? transaction(client, {}, undefined)(all) : all
  })

/**
 * Whether a table is there: one of yours, or any by its name. A dot, or `schema`, says where to look.
 *
 * @example
 * ```ts
 * import { Database, Table } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const there = Effect.flatMap(Database.Database, (db) => Table.exists(db, "users", { schema: "app" }))
 * ```
 */
export const exists = (db: Database, table: Any | string, options: { readonly schema?: string | undefined } = {}): Effect.Effect<boolean, SqlError.SqlError> => {
  if (typeof table === "string") return Catalog.exists(clientOf(db), table, options.schema, false)
  const model = modelOf(table)
  return Catalog.exists(clientOf(db), model.name, options.schema, model.exact)
}

/**
 * The names of the tables that are there, as the server has them, in order.
 *
 * @example
 * ```ts
 * import { Database, Table } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const all = Effect.flatMap(Database.Database, (db) => Table.names(db))
 * ```
 */
export const names = (db: Database, options: { readonly schema?: string | undefined } = {}): Effect.Effect<ReadonlyArray<string>, SqlError.SqlError> =>
  Catalog.names(clientOf(db), options.schema)

/**
 * Reads a table that is there: columns, types, defaults, primary key, uniques, foreign keys, indexes. What comes out works as
 * a table that you described; `describe` tells what was found. Checks are not read. A table that is not there is a SqlSyntaxError.
 *
 * @example
 * ```ts
 * import { Database, Table } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const dump = (name: string) =>
 *   Effect.gen(function*() {
 *     const db = yield* Database.Database
 *     const table = yield* Table.reflect(db, name)
 *     return { columns: Table.describe(table).columns, rows: yield* table.select(db).limit(100) }
 *   })
 * ```
 */
export const reflect = (db: Database, name: string, options: { readonly schema?: string | undefined } = {}): Effect.Effect<Reflected, SqlError.SqlError> =>
  Effect.map(Catalog.reflect(clientOf(db), name, options.schema), tableOf)

/** A table as data. Columns are named as the database has them. */
export interface Description {
  readonly name: string
  readonly columns: ReadonlyArray<{
    /** Its name in rows. */
    readonly key: string
    readonly name: string
    readonly type: ColumnType
    /** Its type in the words of the dialects that were told, or asked. */
    readonly native: Readonly<Record<string, string>>
    readonly isNullable: boolean
    /** A value, SQL, or `now`; `undefined` where there is none. */
    readonly default: { readonly value: unknown } | { readonly sql: string } | "now" | undefined
    readonly isIdentity: boolean
  }>
  readonly primaryKey: ReadonlyArray<string>
  readonly uniques: ReadonlyArray<ReadonlyArray<string>>
  readonly indexes: ReadonlyArray<{ readonly name: string; readonly columns: ReadonlyArray<string> }>
  readonly foreignKeys: ReadonlyArray<{
    readonly columns: ReadonlyArray<string>
    readonly table: string
    readonly targets: ReadonlyArray<string>
    readonly actions: Actions
  }>
}

/**
 * What a table is, as data.
 *
 * @example
 * ```ts
 * import { Column, Table } from "@sluice/core"
 *
 * Table.describe(Table.make("users", { id: Column.integer().primaryKey() })).primaryKey // ["id"]
 * ```
 */
export const describe = (table: Any): Description => {
  const model = modelOf(table)
  return {
    name: model.name,
    columns: model.columns.map(({ key, name, settings }) => ({
      key,
      name,
      type: settings.type,
      native: settings.native,
      isNullable: settings.nullable,
      default: settings.default,
      isIdentity: settings.identity
    })),
    primaryKey: keyOf(model).map(({ name }) => name),
    uniques: uniquesOf(model).map(({ columns }) => columns),
    indexes: indexesOf(model),
    foreignKeys: foreignKeysOf(model).map(({ actions, columns, table, targets }) => ({ columns, table, targets, actions }))
  }
}
