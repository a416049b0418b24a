/**
 * TestDatabase as an app's tests use it, on SQLite: a layer for all of them, each test undone; and a file of its own.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import * as Sqlite from "@sluice/sqlite/Sqlite"
import * as TestDatabase from "@sluice/testkit/TestDatabase"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { existsSync } from "node:fs"

const schema = Effect.flatMap(Database.Database, (db) => db`CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)`.run)

/** The code under test, as an app has it: a service over the database, which knows nothing of tests. */
class Users extends Context.Tag("Users")<Users, { readonly add: (name: string) => Effect.Effect<number, SqlError.SqlError> }>() {
  static readonly Live = Layer.effect(Users, Effect.map(Database.Database, (db) => ({
    add: (name: string) => db.transaction(Effect.zipRight(db`INSERT INTO users ${db.insert({ name })}`.run, db<number>`SELECT COUNT(*) FROM users`.scalar))
  })))
}

const App = Layer.tap(TestDatabase.freshFile((filename) => Sqlite.layer({ filename })), (context) => Effect.provide(schema, context))

layer(App)("V12 each test of a suite over one pool", (it) => {
  for (const name of ["Ada", "Grace"]) {
    it.effect(`adds ${name}, and sees nobody whom another test has added`, () =>
      Effect.flatMap(Users, (users) => Effect.map(users.add(name), (count) => assert.strictEqual(count, 1))).pipe(
        Effect.provide(Users.Live),
        TestDatabase.rolledBack
      ))
  }

  it.effect("leaves nothing behind", () => Effect.gen(function*() {
    const db = yield* Database.Database
    assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM users`.scalar, 0)
  }))
})

describe("V12 a layer for each test", () => {
  for (const name of ["Ada", "Grace"]) {
    it.effect(`adds ${name}`, () =>
      Effect.flatMap(Users, (users) => Effect.map(users.add(name), (count) => assert.strictEqual(count, 1))).pipe(
        Effect.provide(Users.Live.pipe(Layer.provide(TestDatabase.rollback(App))))
      ))
  }
})

describe("V12 a file of its own", () => {
  it.effect("is there while the layer is, and is no other test's", () => Effect.gen(function*() {
    const files: Array<string> = []
    const own = TestDatabase.freshFile((filename) => {
      files.push(filename)
      return Sqlite.layer({ filename })
    })
    const test = Effect.gen(function*() {
      yield* schema
      const db = yield* Database.Database
      // Several connections see what is committed.
      yield* db`INSERT INTO users (name) VALUES ('Ada')`
      yield* Effect.scoped(Effect.flatMap(db.session, (session) => session`INSERT INTO users (name) VALUES ('Grace')`))
      assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM users`.scalar, 2)
      assert.isTrue(existsSync(files[files.length - 1]!))
    })
    yield* Effect.provide(test, Layer.fresh(own))
    yield* Effect.exit(Effect.provide(Effect.zipRight(test, Effect.die("the test's own")), Layer.fresh(own)))
    assert.strictEqual(new Set(files).size, 2)
    assert.isFalse(files.some((file) => existsSync(file)))
  }))
})
