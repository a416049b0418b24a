/**
 * TestDatabase on a server: a database of its own for what needs several connections and COMMIT. Each server's tests call it.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import * as TestDatabase from "@sluice/testkit/TestDatabase"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

type Live = Layer.Layer<Database.DatabaseId | SqlClient.SqlClient, SqlError.SqlError>

/** A server, as these tests see it. */
export interface Options {
  /** Who may make databases there. */
  readonly admin: Live
  /** The layer of one that was made. */
  readonly layer: (config: { readonly database: string }) => Live
  /** The text that lists the server's databases as `name`. */
  readonly databases: string
}

export const ownDatabase = ({ admin, databases, layer }: Options): void => {
  const names: Array<string> = []

  const own = TestDatabase.fresh({
    admin,
    layer: (database) => {
      names.push(database)
      return layer({ database })
    }
  })

  /** The databases of these tests that the server has. */
  const there = Effect.provide(
    Effect.flatMap(Database.Database, (db) => db.unsafe<{ name: string }>(databases).column("name")),
    Layer.fresh(admin)
  ).pipe(Effect.map((all) => all.filter((name) => names.includes(name))))

  describe("V12 a database of its own", () => {
    it.effect("is made for the layer, is one for all of its connections, and is dropped with it", () => Effect.gen(function*() {
      const test = Effect.gen(function*() {
        const db = yield* Database.Database
        yield* db`CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL UNIQUE)`
        yield* Effect.forEach([1, 2, 3], (id) => db.transaction(db`INSERT INTO users (id, name) VALUES (${id}, ${`user ${id}`})`.run), { concurrency: 3, discard: true })
        yield* Effect.scoped(Effect.flatMap(db.session, (session) => session`INSERT INTO users (id, name) VALUES (4, '日本')`))
        assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM users`.scalar, 4)
        assert.deepStrictEqual(yield* there, [names[names.length - 1]])
      })
      yield* Effect.provide(test, Layer.fresh(own))
      yield* Effect.exit(Effect.provide(Effect.zipRight(test, Effect.die("the test's own")), Layer.fresh(own)))
      assert.strictEqual(new Set(names).size, 2)
      assert.deepStrictEqual(yield* there, [])
    }))

    it.effect("may be rolled back for each test, which may fail statements as it does without", () => Effect.gen(function*() {
      const db = yield* Database.Database
      yield* db`CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL UNIQUE)`
      const add = (id: number) => Effect.flatMap(Database.Database, (db) => db`INSERT INTO users (id, name) VALUES (${id}, ${`user ${id}`})`.run)
      for (let n = 0; n < 2; n++) {
        yield* TestDatabase.rolledBack(Effect.gen(function*() {
          yield* add(1)
          assert.strictEqual((yield* Effect.flip(add(1)))._tag, "SqlError")
          yield* add(2)
          const own = yield* Database.Database
          assert.strictEqual(yield* own<number>`SELECT COUNT(*) FROM users`.scalar, 2)
        }))
      }
      assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM users`.scalar, 0)
    }).pipe(Effect.provide(Layer.fresh(own))))
  })
}
