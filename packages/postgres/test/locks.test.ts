/**
 * Advisory locks and settings of a transaction: what holds for how long, and who sees it.
 */
import { assert, describe, it } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import * as Postgres from "@sluice/postgres/Postgres"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { inspect } from "node:util"
import { on, quiet, reasonOf } from "./asking.js"
import { isMissing } from "./server.js"

/** Advisory locks that sessions of this database hold or wait for. */
const locks = (db: Database.Database) =>
  db<number>`SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`.scalar

describe.skipIf(isMissing)("Postgres, advisory locks", () => {
  for (const key of [42, -(2n ** 63n), [7, -42]] as const) {
    it.live(`one holder at a time, until its scope closes (${typeof key})`, () =>
      on({ pool: { max: 4 } }, (db) => Effect.gen(function*() {
        yield* Effect.scoped(Effect.gen(function*() {
          const lock = yield* Postgres.advisoryLock(db, key)
          const refused = yield* reasonOf(Effect.scoped(Postgres.advisoryLock(db, key, { wait: false })))
          assert.deepStrictEqual([refused._tag, refused.isRetryable], ["LockTimeoutError", true])
          const start = performance.now()
          const late = yield* reasonOf(Effect.scoped(Postgres.advisoryLock(db, key, { wait: 100 })))
          assert.deepStrictEqual([late._tag, late.sqlState], ["LockTimeoutError", "55P03"])
          assert.isAbove(performance.now() - start, 90)
          assert.strictEqual(yield* lock.whileHeld(Effect.succeed("done")), "done")
          assert.strictEqual(yield* locks(db), 1)
        }))
        yield* Effect.scoped(Postgres.advisoryLock(db, key, { wait: false }))
        assert.strictEqual(yield* locks(db), 0)
      })))
  }

  it.live("who waits gets it when the holder's scope closes, and an interrupted wait leaves nothing", () =>
    on({ pool: { max: 4 } }, (db) => Effect.gen(function*() {
      const waiting = yield* Effect.scoped(Effect.gen(function*() {
        yield* Postgres.advisoryLock(db, 1)
        const given = yield* Effect.fork(Effect.scoped(Postgres.advisoryLock(db, 1)))
        yield* Effect.repeat(locks(db), { until: (n) => n === 2 })
        yield* Fiber.interrupt(given)
        yield* Effect.timeout(Effect.repeat(locks(db), { until: (n) => n === 1 }), 2_000)
        return yield* Effect.fork(Effect.scoped(Postgres.advisoryLock(db, 1, { wait: "5 seconds" })))
      }))
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(waiting)))
      yield* quiet(db)
      assert.strictEqual(yield* locks(db), 0)
      assert.strictEqual((yield* db.pool.stats).closed, 0)
    })))

  it.live("a lock that is taken where interruption is masked ends with its scope", () =>
    on({ pool: { max: 2 } }, (db) => Effect.gen(function*() {
      yield* Effect.timeout(Effect.disconnect(Effect.uninterruptible(Effect.scoped(Postgres.advisoryLock(db, 1)))), 3_000)
      assert.strictEqual(yield* locks(db), 0)
    })))

  it.live("shared holders stand beside each other, and keep out who wants it alone", () =>
    on({ pool: { max: 4 } }, (db) => Effect.scoped(Effect.gen(function*() {
      yield* Postgres.advisoryLock(db, 1, { shared: true })
      yield* Postgres.advisoryLock(db, 1, { shared: true, wait: false })
      assert.strictEqual((yield* reasonOf(Effect.scoped(Postgres.advisoryLock(db, 1, { wait: false }))))._tag, "LockTimeoutError")
    }))))

  it.live("a holder whose session is lost is told so, and what it does under the lock is interrupted", () =>
    on({ pool: { max: 3 } }, (db) => Effect.gen(function*() {
      const interrupted = yield* Deferred.make<void>()
      const reason = yield* reasonOf(Effect.scoped(Effect.gen(function*() {
        const lock = yield* Postgres.advisoryLock(db, 1)
        const work = Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
        const kill = db`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'`
        yield* Effect.fork(Effect.delay(kill, 30))
        return yield* Effect.timeout(lock.whileHeld(work), 5_000)
      })))
      assert.deepStrictEqual([reason._tag, reason.outcome], ["ConnectionError", "not-applied"])
      yield* Deferred.await(interrupted)
      yield* Effect.scoped(Postgres.advisoryLock(db, 1, { wait: "1 second" }))
    })))

  it.live("a transaction's lock ends with it, and waiting too long for one leaves the transaction whole", () =>
    on({ pool: { max: 3 } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (id INTEGER)`
      assert.strictEqual((yield* reasonOf(Postgres.transactionLock(db, 1)))._tag, "TransactionStateError")
      yield* Effect.scoped(Effect.gen(function*() {
        yield* Postgres.advisoryLock(db, 1)
        yield* db.transaction(Effect.gen(function*() {
          yield* db`INSERT INTO t VALUES (1)`
          for (const wait of [false, 50] as const) assert.strictEqual((yield* reasonOf(Postgres.transactionLock(db, 1, { wait })))._tag, "LockTimeoutError")
          yield* Postgres.transactionLock(db, [1, 1], { wait: "1 second" })
          assert.strictEqual(yield* db`SHOW lock_timeout`.scalar, "0")
          assert.strictEqual(yield* locks(db), 2)
        }))
      }))
      assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 1)
      assert.strictEqual(yield* locks(db), 0)
      for (const key of [1.5, [1, 2 ** 31]] as const) assert.strictEqual((yield* reasonOf(Effect.scoped(Postgres.advisoryLock(db, key))))._tag, "ConfigError")
    })))
})

describe.skipIf(isMissing)("Postgres, behind a pooler in transaction mode", () => {
  it.live("what needs a session of its own is refused, and what a transaction holds works", () =>
    on({ pooler: "transaction" }, (db) => Effect.gen(function*() {
      const refused = yield* Effect.forEach([
        Effect.scoped(Postgres.advisoryLock(db, 1)),
        Stream.runDrain(Postgres.listen(db, "t"))
      ], (one) => reasonOf<unknown, SqlError.SqlError, never>(one))
      assert.deepStrictEqual(refused.map((reason) => reason._tag), ["UnsupportedError", "UnsupportedError"])
      const seen = yield* Postgres.withSettings(db, { "app.user": "ada" })(Effect.gen(function*() {
        yield* Postgres.transactionLock(db, 1, { wait: "1 second" })
        yield* Postgres.notify(db, "t", "x")
        return yield* db`SELECT current_setting('app.user')`.scalar
      }))
      assert.strictEqual(seen, "ada")
      yield* db`CREATE TABLE t (id INTEGER)`
      assert.strictEqual(yield* Stream.run(Stream.make([1], [2]), Postgres.copyRowsFrom(db, { table: "t" })), 2)
      assert.strictEqual(yield* Stream.runCount(Postgres.copyRowsTo(db, { table: "t" })), 2)
    })))
})

describe.skipIf(isMissing)("Postgres.withSettings", () => {
  const current = (db: Database.Database) => db<string>`SELECT COALESCE(current_setting('app.user', true), '')`.scalar

  it.live("two users see their own rows by one policy, on one connection, and nobody else's", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      const role = `sluice_reader_${process.pid}`
      yield* db`CREATE TABLE orders (id INTEGER, owner TEXT)`
      yield* db`INSERT INTO orders VALUES (1, 'ada'), (2, 'grace'), (3, 'ada')`
      yield* db`ALTER TABLE orders ENABLE ROW LEVEL SECURITY`
      yield* db`CREATE POLICY own ON orders USING (owner = current_setting('app.user', true))`
      yield* db.unsafe(`CREATE ROLE ${role}`)
      yield* db.unsafe(`GRANT SELECT, INSERT ON orders TO ${role}`)
      const as = (user: string) => Postgres.withSettings(db, { role, "app.user": Redacted.make(user) })
      const ids = db<{ id: number }>`SELECT id FROM orders ORDER BY id`.column("id")
      yield* Effect.ensuring(
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* as("ada")(ids), [1, 3])
          assert.deepStrictEqual(yield* as("grace")(ids), [2])
          assert.deepStrictEqual(yield* as("'; DROP TABLE orders")(ids), [])
          const reason = yield* reasonOf(as("grace")(db`INSERT INTO orders VALUES (4, 'ada')`))
          assert.strictEqual(reason._tag, "AuthorizationError")
          assert.deepStrictEqual(yield* ids, [1, 2, 3])
        }),
        Effect.orDie(Effect.zipRight(db.unsafe(`DROP OWNED BY ${role}`), db.unsafe(`DROP ROLE ${role}`)))
      )
    })))

  it.live("nested they hold inside, and after it the outer ones hold again; none after any end", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      const as = (user: string) => Postgres.withSettings(db, { "app.user": user })
      const seen = yield* as("outer")(Effect.gen(function*() {
        const inner = yield* as("inner")(current(db))
        const after = yield* current(db)
        yield* Effect.ignore(as("inner")(Effect.fail("no")))
        return [inner, after, yield* current(db)]
      }))
      assert.deepStrictEqual(seen, ["inner", "outer", "outer"])
      assert.strictEqual(yield* current(db), "")
      const fiber = yield* Effect.fork(as("gone")(db`SELECT pg_sleep(10)`))
      yield* Effect.sleep(50)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* current(db), "")
      assert.strictEqual(yield* db.transaction(Effect.zipRight(as("in it")(current(db)), current(db))), "")
    })))

  it.live("E4 a value is printed nowhere, not where it is refused either", () =>
    on({}, (db) => Effect.gen(function*() {
      const refused = yield* Effect.exit(Postgres.withSettings(db, { "app.user": "s3cret", lock_timeout: "s3cret" })(Effect.void))
      assert.isTrue(Exit.isFailure(refused))
      assert.notInclude(inspect(refused, { depth: 9 }), "s3cret")
      assert.strictEqual((yield* reasonOf(Postgres.withSettings(db, { none: "s3cret" })(Effect.void)))._tag, "SqlSyntaxError")
    })))
})
