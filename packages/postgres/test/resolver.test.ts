/**
 * Rows by their key on PostgreSQL: one text, and so one plan, for every number of keys.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Resolver from "@sluice/core/Resolver"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { on } from "./asking.js"
import { isMissing } from "./server.js"

describe.skipIf(isMissing)("Postgres, rows by their key", () => {
  it.live("1, 7 and 40 keys are one prepared statement of the server", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (id bigint PRIMARY KEY, name text)`
      yield* db`INSERT INTO t SELECT i, 'n' || i FROM generate_series(1, 30) AS i`
      const byId = yield* Resolver.byKey(db, "ById", { table: "t", key: "id", Key: Schema.Number, Result: Schema.Struct({ id: Schema.Number, name: Schema.String }) })
      for (const size of [1, 7, 40, 7]) {
        const found = yield* Effect.forEach(Array.from({ length: size }, (_, n) => n + 1), byId.execute, { batching: true })
        assert.strictEqual(found.filter(Option.isSome).length, Math.min(size, 30))
      }
      const prepared = yield* db<{ statement: string }>`SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%ANY(%' AND statement NOT LIKE '%pg_prepared%'`.column("statement")
      assert.deepStrictEqual(prepared, [`SELECT * FROM "t" WHERE "id" = ANY($1)`])
    })))

  it.live("a uuid in capitals and a text with quotes find their rows", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE u (id uuid PRIMARY KEY, name text UNIQUE)`
      yield* db`INSERT INTO u VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'it''s {"a", b}')`
      const Result = Schema.Struct({ id: Schema.String, name: Schema.String })
      const byId = yield* Resolver.byKey(db, "ById", { table: "u", key: "id", Key: Schema.String, Result })
      assert.isTrue(Option.isSome(yield* byId.execute("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11")))
      const byName = yield* Resolver.byKey(db, "ByName", { table: "u", key: "name", Key: Schema.String, Result })
      const found = yield* Effect.forEach([`it's {"a", b}`, "NULL", ""], byName.execute, { batching: true })
      assert.deepStrictEqual(found.map(Option.isSome), [true, false, false])
    })))
})
