/**
 * The types of repositories: what rows, ids, errors and services are. The compiler is what tests them: the functions in here are
 * never called, as there is no database.
 */
import * as Model from "@effect/sql/Model"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Scope } from "effect/Scope"
import { describe, expectTypeOf, it } from "vitest"
import type { Database, DatabaseId } from "../src/Database.js"
import * as Databases from "../src/Database.js"
import * as Repository from "../src/Repository.js"
import type { SqlError } from "../src/SqlError.js"

const UserId = Schema.Number.pipe(Schema.brand("UserId"))
type UserId = typeof UserId.Type

class User extends Model.Class<User>("User")({
  id: Model.Generated(UserId),
  email: Schema.String,
  password: Model.Sensitive(Schema.String),
  createdAt: Model.DateTimeInsert
}) {}

class Key extends Context.Tag("Key")<Key, string>() {}
const Sealed = Schema.transformOrFail(Schema.String, Schema.String, { decode: (text) => Effect.as(Key, text), encode: (text) => Effect.as(Key, text) })
class Note extends Model.Class<Note>("Note")({ id: Schema.String, text: Sealed }) {}

const at = { tableName: "users", idColumn: "id" } as const

describe("V10 the types of a repository", () => {
  it("rows are the model's, ids those of its id, and every failure is a SqlError", () => {
    expectTypeOf((db: Database) => {
      const users = Repository.make(db, User, at)
      expectTypeOf(users).toEqualTypeOf<Repository.Repository<typeof User, "id">>()
      expectTypeOf(users.insert(User.insert.make({ email: "a", password: "b" }))).toEqualTypeOf<Effect.Effect<User, SqlError>>()
      expectTypeOf(users.insertVoid).returns.toEqualTypeOf<Effect.Effect<void, SqlError>>()
      expectTypeOf(users.update).parameter(0).toEqualTypeOf<typeof User.update.Type>()
      expectTypeOf(users.findById).parameters.toEqualTypeOf<[id: UserId]>()
      expectTypeOf(users.findById).returns.toEqualTypeOf<Effect.Effect<Option.Option<User>, SqlError>>()
      // @ts-expect-error any number is no UserId
      users.delete(1)
      // @ts-expect-error the database makes the id
      users.insert({ id: 1, email: "a", password: "b" })
      // @ts-expect-error there is no such field
      Repository.make(db, User, { tableName: "users", idColumn: "uuid" })
    }).toBeFunction()
  })

  it("services that a model's Schema needs are asked for where it is used, and data loaders take no such model", () => {
    expectTypeOf((db: Database) => {
      const notes = Repository.make(db, Note, { tableName: "notes", idColumn: "id" })
      expectTypeOf(notes.findById).returns.toEqualTypeOf<Effect.Effect<Option.Option<Note>, SqlError, Key>>()
      expectTypeOf(notes.insertVoid).returns.toEqualTypeOf<Effect.Effect<void, SqlError, Key>>()
      expectTypeOf(notes.delete).returns.toEqualTypeOf<Effect.Effect<void, SqlError>>()
      // @ts-expect-error its batches run in fibers of their own
      Repository.makeDataLoaders(db, Note, { tableName: "notes", idColumn: "id", window: 1 })
    }).toBeFunction()
  })

  it("with the database last it is asked for in the context", () => {
    const users = Effect.map(Databases.Database, Repository.make(User, at))
    expectTypeOf(users).toEqualTypeOf<Effect.Effect<Repository.Repository<typeof User, "id">, never, DatabaseId>>()
    const loaders = Effect.flatMap(Databases.Database, Repository.makeDataLoaders(User, { ...at, window: "2 millis" }))
    expectTypeOf(loaders).toEqualTypeOf<Effect.Effect<Repository.DataLoaders<typeof User, "id">, SqlError, DatabaseId | Scope>>()
  })
})
