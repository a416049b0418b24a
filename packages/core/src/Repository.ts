/**
 * Repository: what `Model.makeRepository` and `Model.makeDataLoaders` of @effect/sql give, with failures that are typed.
 *
 * The models are the stock ones (`@effect/sql/Model`). The stock repository turns every failure into a defect and puts every
 * row into a span; here a failure is a `SqlError`, and spans hold no value. It is no mapper of objects: `Table` describes
 * tables and makes queries, this reads and writes rows of one by their id. Called by users.
 *
 * @since 0.1.0
 */
import type * as Model from "@effect/sql/Model"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Database } from "./Database.js"
import * as Loaders from "./internal/repository/loaders.js"
import { repository } from "./internal/repository/repository.js"
import type { SqlError } from "./SqlError.js"

/**
 * The fields of a model that may be its id.
 *
 * @example
 * ```ts
 * import { Model } from "@effect/sql"
 * import type { Repository } from "@sluice/core"
 * import { Schema } from "effect"
 *
 * class User extends Model.Class<User>("User")({ id: Model.Generated(Schema.Number), email: Schema.String }) {}
 * const id: Repository.Key<typeof User> = "id"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Key<S extends Model.Any> = keyof S["Type"] & keyof S["update"]["Type"] & keyof S["fields"] & string

/**
 * The type of a model's id.
 *
 * @example
 * ```ts
 * import { Model } from "@effect/sql"
 * import type { Repository } from "@sluice/core"
 * import { Schema } from "effect"
 *
 * class User extends Model.Class<User>("User")({ id: Model.Generated(Schema.Number), email: Schema.String }) {}
 * const id: Repository.Id<typeof User, "id"> = 1
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Id<S extends Model.Any, K extends Key<S>> = S["fields"][K] extends Schema.Schema.Any ? Schema.Schema.Type<S["fields"][K]> : never

type IdContext<S extends Model.Any, K extends Key<S>> = S["fields"][K] extends Schema.Schema.Any ? Schema.Schema.Context<S["fields"][K]> : never

/**
 * Where a model's rows are.
 *
 * @example
 * ```ts
 * import type { Repository } from "@sluice/core"
 *
 * const options: Repository.Options<"id"> = { tableName: "users", idColumn: "id" }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options<K extends string> {
  /** The table's name. */
  readonly tableName: string
  /** The field that tells rows apart, under the name that the model gives it. */
  readonly idColumn: K
  /** Spans are named `${spanPrefix}.insert` and so on. Default: the table's name. */
  readonly spanPrefix?: string | undefined
}

/**
 * The rows of a model, by their id. Every verb fails with SqlError: a row that does not fit the model's Schema is a DecodeError
 * with its column, a value that the Schema refuses a DataError with its column, before anything is sent.
 *
 * @example
 * ```ts
 * import { Model } from "@effect/sql"
 * import { type Repository, SqlError } from "@sluice/core"
 * import { Effect, Schema } from "effect"
 *
 * class User extends Model.Class<User>("User")({ id: Model.Generated(Schema.Number), email: Schema.String }) {}
 *
 * const register = (users: Repository.Repository<typeof User, "id">, email: string) =>
 *   users.insert(User.insert.make({ email })).pipe(
 *     Effect.map((user) => `user ${user.id}`),
 *     SqlError.catchReason("UniqueViolation", () => Effect.succeed("taken"))
 *   )
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Repository<S extends Model.Any, K extends Key<S>> {
  /** Inserts a row and answers with it as the database has it: with its id and its defaults. */
  readonly insert: (row: S["insert"]["Type"]) => Effect.Effect<S["Type"], SqlError, S["Context"] | S["insert"]["Context"]>
  /** Inserts a row. */
  readonly insertVoid: (row: S["insert"]["Type"]) => Effect.Effect<void, SqlError, S["insert"]["Context"]>
  /** Changes the row with this id and answers with it as the database has it; ResultError where there is none. */
  readonly update: (row: S["update"]["Type"]) => Effect.Effect<S["Type"], SqlError, S["Context"] | S["update"]["Context"]>
  /** Changes the row with this id, if there is one. */
  readonly updateVoid: (row: S["update"]["Type"]) => Effect.Effect<void, SqlError, S["update"]["Context"]>
  /** The row with this id, if there is one. */
  readonly findById: (id: Id<S, K>) => Effect.Effect<Option.Option<S["Type"]>, SqlError, S["Context"] | IdContext<S, K>>
  /** Deletes the row with this id, if there is one. */
  readonly delete: (id: Id<S, K>) => Effect.Effect<void, SqlError, IdContext<S, K>>
}

/**
 * Makes the repository of a model on a database. It holds no connection: in a transaction its statements are that
 * transaction's. Where the dialect has no RETURNING, `insert` and `update` read the row again in a transaction of their own,
 * or in a savepoint.
 *
 * @example
 * ```ts
 * import { Model } from "@effect/sql"
 * import { Database, Repository } from "@sluice/core"
 * import { Effect, Schema } from "effect"
 *
 * class User extends Model.Class<User>("User")({
 *   id: Model.Generated(Schema.Number),
 *   email: Schema.String,
 *   createdAt: Model.DateTimeInsert
 * }) {}
 *
 * const program = Effect.gen(function*() {
 *   const users = yield* Effect.map(Database.Database, Repository.make(User, { tableName: "users", idColumn: "id" }))
 *   const ada = yield* users.insert(User.insert.make({ email: "ada@example.com" }))
 *   return yield* users.findById(ada.id)
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  <S extends Model.Any, const K extends Key<S>>(model: S, options: Options<K>): (db: Database) => Repository<S, K>
  <S extends Model.Any, const K extends Key<S>>(db: Database, model: S, options: Options<K>): Repository<S, K>
} = dual(3, <S extends Model.Any, K extends Key<S>>(db: Database, model: S, options: Options<K>): Repository<S, K> => repository(db, model, options))

/**
 * How data loaders gather.
 *
 * @example
 * ```ts
 * import type { Repository } from "@sluice/core"
 *
 * const options: Repository.LoaderOptions<"id"> = { tableName: "users", idColumn: "id", window: "5 millis", maxBatchSize: 100 }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface LoaderOptions<K extends string> extends Options<K> {
  /** How long the first of a batch waits for others. `0` is until all fibers that are ready have run. */
  readonly window: Duration.DurationInput
  /** A batch of so many is sent at once. Default: what one statement of the dialect takes. */
  readonly maxBatchSize?: number | undefined
}

/**
 * Verbs that many fibers call for one row each, and that are sent together.
 *
 * @example
 * ```ts
 * import { Model } from "@effect/sql"
 * import type { Repository } from "@sluice/core"
 * import { Effect, Schema } from "effect"
 *
 * class User extends Model.Class<User>("User")({ id: Model.Generated(Schema.Number), email: Schema.String }) {}
 *
 * const all = (users: Repository.DataLoaders<typeof User, "id">, ids: ReadonlyArray<number>) =>
 *   Effect.forEach(ids, users.findById, { concurrency: "unbounded" })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface DataLoaders<S extends Model.AnyNoContext, K extends Key<S>> {
  /** As `Repository.insert`. A row that the database refuses fails alone. */
  readonly insert: (row: S["insert"]["Type"]) => Effect.Effect<S["Type"], SqlError>
  /** As `Repository.insertVoid`. A row that the database refuses fails alone. */
  readonly insertVoid: (row: S["insert"]["Type"]) => Effect.Effect<void, SqlError>
  /** As `Repository.findById`. Whoever asks for one id is answered, and it is asked for once. */
  readonly findById: (id: Id<S, K>) => Effect.Effect<Option.Option<S["Type"]>, SqlError>
  /** As `Repository.delete`. A row that the database refuses to delete fails alone. */
  readonly delete: (id: Id<S, K>) => Effect.Effect<void, SqlError>
}

/**
 * Makes the data loaders of a model: what fibers ask for within a window goes in one statement. What is asked for in a
 * transaction is gathered for that transaction alone. When the scope closes, whoever still waits fails with ClosedError.
 *
 * @example
 * ```ts
 * import { Model } from "@effect/sql"
 * import { Database, Repository } from "@sluice/core"
 * import { Effect, Schema } from "effect"
 *
 * class User extends Model.Class<User>("User")({ id: Model.Generated(Schema.Number), email: Schema.String }) {}
 *
 * const program = Effect.gen(function*() {
 *   const users = yield* Effect.flatMap(Database.Database, Repository.makeDataLoaders(User, { tableName: "users", idColumn: "id", window: "2 millis" }))
 *   return yield* Effect.forEach([1, 2, 3, 1], users.findById, { concurrency: "unbounded" })
 * }).pipe(Effect.scoped)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeDataLoaders: {
  <S extends Model.AnyNoContext, const K extends Key<S>>(model: S, options: LoaderOptions<K>): (db: Database) => Effect.Effect<DataLoaders<S, K>, SqlError, Scope.Scope>
  <S extends Model.AnyNoContext, const K extends Key<S>>(db: Database, model: S, options: LoaderOptions<K>): Effect.Effect<DataLoaders<S, K>, SqlError, Scope.Scope>
} = dual(3, <S extends Model.AnyNoContext, K extends Key<S>>(db: Database, model: S, options: LoaderOptions<K>) => Loaders.make(db, model, options))
