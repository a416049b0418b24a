/**
 * The database as a stock client, where a file of SQLite is not as any other database. What runs on every dialect is law V5.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import * as StockError from "@effect/sql/SqlError"
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import { Sqlite } from "@sluice/sqlite"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { newFile } from "./fixtures.js"

const layer = (config: Partial<Sqlite.Config> = {}) => Layer.fresh(Sqlite.layer({ filename: newFile(), ...config }))

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
