/**
 * An app outside of the workspace that has every package from its tarball. Compiled there under --strict and run there.
 */
import { Batcher, BulkSink } from "@sluice/batcher"
import { Database, Sluice, SqlError } from "@sluice/core"
import * as NarrowDatabase from "@sluice/core/Database"
import { Mysql } from "@sluice/mysql"
import { Postgres } from "@sluice/postgres"
import { Sqlite } from "@sluice/sqlite"
import type { Conformance } from "@sluice/testkit"
import { Effect, Layer, Redacted, Stream } from "effect"
import assert from "node:assert/strict"

interface User {
  readonly id: number
  readonly name: string
}

assert.equal(NarrowDatabase.Database, Database.Database)

const program = Effect.gen(function*() {
  const db = yield* Database.Database
  yield* db`CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE)`
  const report = yield* Stream.run(Stream.fromIterable([[1, "Ada"], [2, "Grace"]]), BulkSink.make({ table: "users", columns: ["id", "name"] }))
  assert.equal(report.rows, 2)
  yield* Effect.scoped(Effect.flatMap(Batcher.make(), (batcher) => batcher.add(db`INSERT INTO users (name) VALUES (${"Alan"})`)))
  const users: ReadonlyArray<User> = yield* db<User>`SELECT id, name FROM users ORDER BY id`
  assert.deepEqual(users.map(({ name }) => name), ["Ada", "Grace", "Alan"])
  const taken: string | undefined = yield* db`INSERT INTO users (name) VALUES (${"Ada"})`.run.pipe(
    Effect.as("none"),
    SqlError.catchReason("UniqueViolation", (error) => Effect.succeed(error.reason.constraint))
  )
  assert.notEqual(taken, "none")
})

await Effect.runPromise(Effect.provide(program, Sqlite.layer({ filename: ":memory:" })))

{
  await using db = await Sluice.open(Sqlite.layer({ filename: ":memory:" }))
  const rows: ReadonlyArray<User> = await db.query<User>`SELECT 1 AS id, 'Ada' AS name`
  assert.deepEqual(rows, [{ id: 1, name: "Ada" }])
  for await (const user of db.stream<User>`SELECT 1 AS id, 'Ada' AS name`) assert.equal(user.name, "Ada")
  await assert.rejects(Promise.resolve(db.query`SELEC`), SqlError.SqlError)
}

// Nobody listens there: what fails is typed, and fails as it should.
const refused: ReadonlyArray<readonly [string, Layer.Layer<Database.DatabaseId, SqlError.SqlError>]> = [
  ["mysql", Mysql.layer({ url: Redacted.make("mysql://app@127.0.0.1:1/app"), pool: { acquireTimeout: 300 } })],
  ["postgres", Postgres.layer({ url: Redacted.make("postgres://app@127.0.0.1:1/app"), pool: { acquireTimeout: 300 } })]
]
for (const [name, layer] of refused) {
  const error = await Effect.runPromise(Effect.flip(Effect.scoped(Layer.build(layer))))
  assert.equal(error.reason._tag, "ConnectionError", name)
}

// @ts-expect-error a scalar is a number here
const wrong: Effect.Effect<string, unknown, unknown> = Effect.flatMap(Database.Database, (db) => db<number>`SELECT 1`.scalar)
assert.ok(Effect.isEffect(wrong))

const internal: string = "@sluice/core/internal/run"
await assert.rejects(import(internal), { code: "ERR_PACKAGE_PATH_NOT_EXPORTED" })

export type Options = Conformance.Options

console.log("every package works where it was installed")
