/**
 * Cases of V5: the stock Migrator, which runs DDL in `withTransaction`.
 */
import * as Migrator from "@effect/sql/Migrator"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import * as Table from "@sluice/core/Table"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Case } from "../../Case.js"
import { on, total } from "./asking.js"

const folk = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`CREATE TABLE folk (id INTEGER PRIMARY KEY)`)
const named = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.zipRight(sql`ALTER TABLE folk ADD COLUMN name VARCHAR(20)`, sql`INSERT INTO folk VALUES (1, 'Ada')`))
const broken = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`INSERT INTO nowhere VALUES (1)`)

const migrate = (db: Database.Database, migrations: Record<string, Effect.Effect<unknown, unknown, SqlClient.SqlClient>>) =>
  on(db)(Migrator.make({})({ loader: Migrator.fromRecord(Object.fromEntries(Object.entries(migrations).map(([name, run]) => [name, Effect.asVoid(run)]))) }))

export const migrations: ReadonlyArray<Case> = [
  {
    law: "V5",
    title: "the stock Migrator migrates, records what it ran, and has nothing to do the second time",
    needs: ["migrations"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      assert.deepStrictEqual(yield* migrate(db, { "1_folk": folk }), [[1, "folk"]])
      assert.deepStrictEqual(yield* migrate(db, { "1_folk": folk, "2_named": named }), [[2, "named"]])
      assert.deepStrictEqual(yield* migrate(db, { "1_folk": folk, "2_named": named }), [])
      assert.deepStrictEqual(yield* db`SELECT migration_id, name FROM effect_sql_migrations ORDER BY 1`.values, [[1, "folk"], [2, "named"]])
      assert.deepStrictEqual(yield* db`SELECT * FROM folk`, [{ id: 1, name: "Ada" }])
    })
  },
  {
    law: "V5",
    title: "of several Migrators that start at once one migrates, and the others find it done or locked",
    needs: ["migrations", "concurrent"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      // Its own table must be there: some servers let one of several make it, and fail the others.
      yield* migrate(db, {})
      const run = migrate(db, { "1_folk": folk, "2_named": named })
      const all = yield* Effect.all([run, run, run], { concurrency: 3 })
      assert.deepStrictEqual(all.flat(), [[1, "folk"], [2, "named"]])
      assert.strictEqual(yield* total(db, "folk"), 1)
    })
  },
  {
    law: "V5",
    title: "a migration that fails is told by its name, and what is recorded as run has been run",
    needs: ["migrations"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const exit = yield* Effect.exit(migrate(db, { "1_folk": folk, "2_named": named, "3_broken": broken }))
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isFailure(exit)) assert.include(Cause.pretty(exit.cause), "3_broken")
      const isThere = yield* Table.exists(db, "folk")
      const recorded = yield* total(db, "effect_sql_migrations")
      // Where DDL commits by itself nothing of the run is undone, where it does not everything is.
      assert.deepStrictEqual([isThere, recorded], db.dialect.tables?.isTransactional === true ? [false, 0] : [true, 3])
    })
  }
]
