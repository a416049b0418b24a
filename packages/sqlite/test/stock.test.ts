/**
 * The database as a stock client: what is written for @effect/sql runs on it, in our transactions too.
 */
import * as Migrator from "@effect/sql/Migrator"
import * as SqlClient from "@effect/sql/SqlClient"
import * as StockError from "@effect/sql/SqlError"
import * as SqlResolver from "@effect/sql/SqlResolver"
import * as SqlSchema from "@effect/sql/SqlSchema"
import * as Statement from "@effect/sql/Statement"
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import { Sqlite } from "@sluice/sqlite"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { newFile } from "./fixtures.js"

const layer = (config: Partial<Sqlite.Config> = {}) => Layer.fresh(Sqlite.layer({ filename: newFile(), ...config }))

const Person = Schema.Struct({ id: Schema.Number, name: Schema.String })

const people = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL)`
  yield* sql`INSERT INTO people ${sql.insert([{ id: 1, name: "Ada" }, { id: 2, name: "Grace" }])}`
  return sql
})

describe("stock code", () => {
  it.effect("uses the client by its own tag, and catches by the stock tag", () =>
    Effect.gen(function*() {
      const sql = yield* people
      assert.deepStrictEqual(yield* sql<{ name: string }>`SELECT name FROM people WHERE id IN ${sql.in([2])}`, [{ name: "Grace" }])
      const caught = yield* sql`INSERT INTO people VALUES (1, 'Bob')`.pipe(Effect.catchTag("SqlError", (error) => Effect.succeed(error)))
      assert.instanceOf(caught, StockError.SqlError)
      const chunk = yield* Stream.runCollect(sql`SELECT id FROM people ORDER BY id`.stream)
      assert.deepStrictEqual(Chunk.toReadonlyArray(chunk), [{ id: 1 }, { id: 2 }])
    }).pipe(Effect.provide(layer())))

  it.effect("SqlSchema and SqlResolver run, inside of our transaction", () =>
    Effect.gen(function*() {
      yield* people
      const db = yield* Database.Database
      const all = SqlSchema.findAll({ Request: Schema.Void, Result: Person, execute: () => db`SELECT * FROM people ORDER BY id` })
      assert.strictEqual((yield* all(undefined)).length, 2)
      const byId = yield* SqlResolver.findById("PersonById", {
        Id: Schema.Number,
        Result: Person,
        ResultId: (person) => person.id,
        execute: (ids) => db`SELECT * FROM people WHERE ${db.in("id", ids)}`
      })
      const found = yield* db.transaction(Effect.gen(function*() {
        yield* db`INSERT INTO people VALUES (3, 'Barbara')`.run
        // Seen only if the resolver's query runs on the transaction's own connection.
        const found = yield* Effect.all([byId.execute(3), byId.execute(1)], { batching: true })
        yield* (yield* db.currentTransaction).rollback
        return found
      }))
      assert.deepStrictEqual(found.map((person) => person._tag), ["Some", "Some"])
      assert.strictEqual((yield* all(undefined)).length, 2)
    }).pipe(Effect.provide(layer())))

  it.effect("the stock Migrator migrates", () =>
    Effect.gen(function*() {
      const migrate = Migrator.make({})({
        loader: Migrator.fromRecord({
          "1_people": Effect.flatMap(SqlClient.SqlClient, (sql) => sql`CREATE TABLE people (id INTEGER PRIMARY KEY)`),
          "2_name": Effect.flatMap(SqlClient.SqlClient, (sql) => sql`ALTER TABLE people ADD COLUMN name TEXT`)
        })
      })
      assert.strictEqual((yield* migrate).length, 2)
      assert.strictEqual((yield* migrate).length, 0)
      const db = yield* Database.Database
      assert.deepStrictEqual((yield* db`SELECT * FROM people`.result).columns.map((column) => column.name), ["id", "name"])
    }).pipe(Effect.provide(layer())))

  it.scoped("reserve gives a stock connection, which is rolled back when a transaction was left open", () =>
    Effect.gen(function*() {
      const sql = yield* people
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* sql.reserve
        yield* connection.executeUnprepared("BEGIN", [], undefined)
        yield* connection.executeRaw("DELETE FROM people", [])
        assert.deepStrictEqual(yield* connection.executeValues("SELECT COUNT(*) FROM people", []), [[0]])
      }))
      assert.deepStrictEqual(yield* sql`SELECT COUNT(*) AS n FROM people`, [{ n: 2 }])
    }).pipe(Effect.provide(layer())))

  it.effect("SafeIntegers gives bigints, and only where it is provided", () =>
    Effect.gen(function*() {
      const sql = yield* people
      const ids = sql<{ id: unknown }>`SELECT id FROM people ORDER BY id`
      assert.deepStrictEqual(yield* Effect.provideService(ids, SqlClient.SafeIntegers, true), [{ id: 1n }, { id: 2n }])
      assert.deepStrictEqual(yield* ids, [{ id: 1 }, { id: 2 }])
    }).pipe(Effect.provide(layer())))

  it.effect("a transformer sees every statement, and names are transformed both ways", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const seen: Array<string> = []
      const rows = yield* Effect.gen(function*() {
        yield* sql`CREATE TABLE names (first_name TEXT)`
        yield* sql`INSERT INTO names ${sql.insert({ firstName: "Ada" })}`
        const plain = yield* sql.withoutTransforms()`SELECT * FROM names`
        return [yield* sql`SELECT * FROM names`, plain]
      }).pipe(Statement.withTransformer((statement) => {
        seen.push(statement.compile()[0])
        return Effect.succeed(statement)
      }))
      assert.deepStrictEqual(rows, [[{ firstName: "Ada" }], [{ first_name: "Ada" }]])
      assert.strictEqual(seen.length, 4)
    }).pipe(Effect.provide(layer({
      transformQueryNames: (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      transformResultNames: (name) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
    }))))

  it.effect("withTransaction of the stock client nests in ours", () =>
    Effect.gen(function*() {
      const sql = yield* people
      const db = yield* Database.Database
      const exit = yield* Effect.exit(db.transaction(Effect.gen(function*() {
        yield* sql`INSERT INTO people VALUES (4, 'Margaret')`
        yield* Effect.ignore(sql.withTransaction(Effect.zipRight(sql`DELETE FROM people`, Effect.fail("inner"))))
        return yield* sql`SELECT COUNT(*) AS n FROM people`
      })))
      assert.deepStrictEqual(exit, Exit.succeed([{ n: 3 }]))
    }).pipe(Effect.provide(layer())))
})

describe("a transform of names that throws", () => {
  for (const threads of [true, false]) {
    it.effect(`is a defect, and neither the lease nor the transaction's turn is lost (threads: ${threads})`, () =>
      Effect.gen(function*() {
        const db = yield* Database.Database
        yield* db`CREATE TABLE t (id INTEGER)`
        yield* db`INSERT INTO t VALUES (1)`.run
        for (let i = 0; i < 5; i++) assert.isTrue(Exit.isFailure(yield* Effect.exit(db`SELECT id FROM t`)))
        assert.deepStrictEqual(yield* db.transaction(Effect.zipRight(Effect.exit(db`SELECT id FROM t`), db`SELECT id FROM t`.values)), [[1]])
        assert.strictEqual((yield* db.pool.stats).lent, 0)
      }).pipe(Effect.provide(layer({
        threads,
        transformResultNames: () => {
          throw new Error("no name is good enough")
        }
      }))))
  }
})
