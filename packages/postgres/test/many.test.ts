/**
 * executeMany where a row is given or checked by what looks at the rows before it, and what it fails with in the middle.
 */
import { assert, describe, it } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { on, reasonOf, seeded } from "./asking.js"
import { isMissing } from "./server.js"

/** A function that counts the rows of a table: its answer is the same all through a statement. */
const counting = (db: Database.Database, table: string) =>
  db.unsafe(`CREATE FUNCTION ${table}_rows() RETURNS BIGINT LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT COUNT(*) FROM ${table}'`)

/** How many rows were told before the failure, and the failure. */
const told = (db: Database.Database, sql: string, rows: ReadonlyArray<ReadonlyArray<unknown>>) =>
  Effect.gen(function*() {
    let before = 0
    const onRow = (): void => {
      before++
    }
    const reason = yield* reasonOf(db.executeMany(sql, rows, { onRow }))
    assert.strictEqual(reason.statement, sql)
    return [reason._tag, before] as const
  })

const ids = (value: (id: number) => ReadonlyArray<unknown> = (id) => [id]) => Array.from({ length: 700 }, (_, id) => value(id))

describe.skipIf(isMissing)("Postgres, many rows", () => {
  it.live("each row sees those before it, in a default, a CHECK, a domain, a policy and a key to the table itself", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE given (id INTEGER)`
      yield* counting(db, "given")
      yield* db`ALTER TABLE given ADD COLUMN at BIGINT DEFAULT given_rows()`
      yield* db.executeMany("INSERT INTO given (id) VALUES ($1)", ids())
      assert.strictEqual(yield* db`SELECT COUNT(*)::int FROM given WHERE at = id`.scalar, 700)

      yield* db`CREATE TABLE checked (id INTEGER)`
      yield* counting(db, "checked")
      yield* db`ALTER TABLE checked ADD CHECK (checked_rows() < 650)`
      assert.deepStrictEqual(yield* told(db, "INSERT INTO checked VALUES ($1)", ids()), ["ConstraintError", 650])

      yield* db`CREATE TABLE held (id INTEGER)`
      yield* counting(db, "held")
      yield* db`CREATE DOMAIN few AS INTEGER CHECK (held_rows() < 650)`
      yield* db`ALTER TABLE held ALTER COLUMN id TYPE few`
      assert.deepStrictEqual(yield* told(db, "INSERT INTO held VALUES ($1)", ids()), ["ConstraintError", 650])

      yield* db`CREATE TABLE kin (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES kin (id))`
      // As anywhere, a parent comes before its children.
      const children = ids((id) => [id, id === 640 ? 641 : null])
      assert.deepStrictEqual(yield* told(db, "INSERT INTO kin VALUES ($1, $2)", children), ["ConstraintError", 640])
    })))

  it.live("a row that is too large for an index is told by its number", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE named (name TEXT PRIMARY KEY)`
      const random = seeded(5)
      const long = Array.from({ length: 3_800 }, () => String.fromCharCode(33 + Math.floor(random() * 90))).join("")
      assert.deepStrictEqual(yield* told(db, "INSERT INTO named VALUES ($1)", ids((id) => [id === 640 ? long : `${id}`])), ["LimitError", 640])
      assert.strictEqual(yield* db`SELECT COUNT(*)::int FROM named`.scalar, 0)
    })))

  it.live("a policy sees each row, and what must not be looked into is refused in the statement's own name", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE guarded (id INTEGER)`
      yield* counting(db, "guarded")
      yield* db`ALTER TABLE guarded ENABLE ROW LEVEL SECURITY`
      yield* db`CREATE POLICY few ON guarded WITH CHECK (guarded_rows() < 650)`
      yield* db`CREATE SCHEMA hidden`
      yield* db`CREATE TABLE hidden.things (id INTEGER)`
      const asRole = (sql: string) => db.transaction(Effect.zipRight(db`SET LOCAL ROLE many_rows`, Effect.either(told(db, sql, ids()))))
      yield* Effect.acquireUseRelease(
        db`CREATE ROLE many_rows`,
        () => Effect.gen(function*() {
          yield* db`GRANT INSERT ON guarded TO many_rows`
          assert.deepStrictEqual(yield* asRole("INSERT INTO guarded VALUES ($1)"), Either.right(["AuthorizationError", 650] as const))
          assert.deepStrictEqual(yield* asRole("INSERT INTO hidden.things VALUES ($1)"), Either.right(["AuthorizationError", 0] as const))
        }),
        () => Effect.ignore(Effect.zipRight(db`DROP OWNED BY many_rows`, db`DROP ROLE many_rows`))
      )
    })))
})
