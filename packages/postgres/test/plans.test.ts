/**
 * Prepared statements whose tables are altered by somebody else: in a transaction, where they cannot be prepared again.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Retry from "@sluice/core/Retry"
import * as Effect from "effect/Effect"
import { on, reasonOf } from "./asking.js"
import { alongside, isMissing } from "./server.js"

const three = <A, E>(effect: Effect.Effect<A, E>) => Effect.all([effect, effect, effect], { concurrency: 3 })

/** A table, and a query of it that three connections have prepared. */
const prepared = (db: Database.Database) =>
  Effect.gen(function*() {
    yield* db`CREATE TABLE t (a INTEGER)`
    yield* db`INSERT INTO t VALUES (1)`
    const all = db`SELECT * FROM t`
    yield* three(db.transaction(Effect.zipRight(db`SELECT pg_sleep(0.1)`, all)))
    assert.strictEqual((yield* db.pool.stats).size, 3)
    return all
  })

describe.skipIf(isMissing)("Postgres, prepared statements", () => {
  it.live("a table that this database has altered is read anew in every connection's transactions", () =>
    on({ pool: { max: 3 } }, (db) => Effect.gen(function*() {
      const all = yield* prepared(db)
      yield* db`ALTER TABLE t ADD COLUMN b INTEGER`
      assert.deepStrictEqual(yield* three(db.transaction(all)), [[{ a: 1, b: null }], [{ a: 1, b: null }], [{ a: 1, b: null }]])
      // What is prepared before the COMMIT is prepared for the table as it was.
      yield* db.transaction(Effect.zipRight(db`SELECT pg_advisory_xact_lock(1)`, db`ALTER TABLE t ADD COLUMN c INTEGER`))
      const row = { a: 1, b: null, c: null }
      assert.deepStrictEqual(yield* three(db.transaction(all)), [[row], [row], [row]])
    })))

  it.live("one that another process has altered ends the transaction, which may be run again, and only one", () =>
    on({ pool: { max: 3 } }, (db) => Effect.gen(function*() {
      const all = yield* prepared(db)
      const [name] = yield* db<{ name: string }>`SELECT current_database() AS name`.column("name")
      const alter = (column: string) => Effect.provide(Effect.flatMap(Database.Database, (other) => other`ALTER TABLE t ADD COLUMN ${other(column)} INTEGER`), alongside(name!))
      yield* alter("b")
      const reason = yield* reasonOf(db.transaction(all))
      assert.deepStrictEqual([reason._tag, reason.isRetryable, reason.outcome], ["SerializationError", true, "not-applied"])
      assert.deepStrictEqual(yield* three(db.transaction(all)), [[{ a: 1, b: null }], [{ a: 1, b: null }], [{ a: 1, b: null }]])
      yield* alter("c")
      assert.deepStrictEqual(yield* db.transaction({ retry: Retry.transient })(all), [{ a: 1, b: null, c: null }])
    })))
})
