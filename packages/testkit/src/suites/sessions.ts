/**
 * Cases of V3 and V4: sessions, and misuse.
 */
import { assert } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Case } from "../Case.js"
import { accounted, add, failure, fails, ids, misuse } from "../internal/asking.js"

export const sessions: ReadonlyArray<Case> = [
  {
    law: "V3",
    title: "begin, savepoints by name, release, rollback to, commit",
    needs: ["sessions", "savepoints"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        assert.isFalse(yield* session.inTransaction)
        yield* session.begin()
        assert.isTrue(yield* session.inTransaction)
        yield* add(session, 1)
        yield* session.savepoint("a")
        yield* add(session, 2)
        yield* session.savepoint("b")
        yield* add(session, 3)
        yield* session.rollbackTo("b")
        yield* add(session, 4)
        yield* session.rollbackTo("a")
        yield* misuse(session.rollbackTo("b"), "TransactionStateError")
        yield* add(session, 5)
        yield* session.release("a")
        yield* misuse(session.release("a"), "TransactionStateError")
        yield* session.commit
        assert.isFalse(yield* session.inTransaction)
      }))
      assert.deepStrictEqual(yield* ids(db), [1, 5])
    })
  },
  {
    law: "V3",
    title: "a verb in the wrong state is a TransactionStateError, and nothing is sent",
    needs: ["sessions", "savepoints"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const session = yield* db.session
      yield* misuse(session.commit, "TransactionStateError")
      yield* misuse(session.rollback, "TransactionStateError")
      yield* misuse(session.savepoint("a"), "TransactionStateError")
      yield* misuse(session.release("a"), "TransactionStateError")
      yield* session.begin()
      yield* misuse(session.begin(), "TransactionStateError")
      assert.include((yield* misuse(session.rollbackTo("never_set"), "TransactionStateError")).message, "never_set")
      yield* session.rollback
    })
  },
  {
    law: "V3",
    title: "autocommit off: the scope commits on success and rolls back on failure",
    needs: ["sessions"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { max: 1 } })
      const off = (work: (session: Database.Database | Effect.Effect.Success<Database.Database["session"]>) => Effect.Effect<unknown, unknown>) =>
        Effect.exit(Effect.scoped(Effect.flatMap(db.session, (session) => Effect.zipRight(session.autocommit(false), work(session)))))
      yield* off((session) => Effect.zipRight(add(session, 1), add(session, 2)))
      yield* accounted(db)
      assert.deepStrictEqual(yield* ids(db), [1, 2])
      yield* off((session) => Effect.zipRight(add(session, 3), Effect.fail("no")))
      yield* accounted(db)
      assert.deepStrictEqual(yield* ids(db), [1, 2])
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        yield* session.autocommit(false)
        yield* add(session, 4)
        yield* session.rollback
        yield* add(session, 5)
        yield* session.autocommit(true)
        assert.isFalse(yield* session.inTransaction)
        yield* add(session, 6)
      }))
      assert.deepStrictEqual(yield* ids(db), [1, 2, 5, 6])
    })
  },
  {
    law: "V3",
    title: "transactions, streams and the database's own statements inside a session are on its connection",
    needs: ["sessions"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        yield* session.unsafe(bench.profile.sql.temporary)
        yield* session`INSERT INTO passing VALUES (1)`
        yield* session.transaction(session`INSERT INTO passing VALUES (2)`)
        yield* Effect.ignore(session.transaction(Effect.zipRight(session`INSERT INTO passing VALUES (3)`, Effect.fail("no"))))
        assert.deepStrictEqual(yield* session.provide(db`SELECT a FROM passing ORDER BY a`), [{ a: 1 }, { a: 2 }])
        yield* session.provide(db.transaction(db`INSERT INTO passing VALUES (4)`))
        assert.strictEqual(yield* Stream.runCount(session`SELECT a FROM passing`.stream), 3)
        yield* session.ping
      }))
    })
  },
  {
    law: "V3",
    title: "a session that is closed fails with ClosedError",
    needs: ["sessions"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const session = yield* Effect.scoped(db.session)
      yield* misuse(session`SELECT 1`, "ClosedError")
      yield* misuse(session.begin(), "ClosedError")
      yield* misuse(session.commit, "ClosedError")
      yield* misuse(session.savepoint("a"), "ClosedError")
      yield* misuse(session.ping, "ClosedError")
      yield* misuse(session.transaction(Effect.void), "ClosedError")
    })
  },
  {
    law: "V3",
    title: "an interrupted transaction of a session is rolled back, and no warning calls it a text of the user's",
    needs: ["sessions"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { max: 1 } })
      const warnings: Array<string> = []
      const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
        if (logLevel === LogLevel.Warning) warnings.push(String(message))
      })
      const work = Effect.scoped(Effect.flatMap(db.session, (session) => session.transaction(Effect.zipRight(add(session, 1), Effect.sleep(10)))))
      yield* Effect.gen(function*() {
        for (let round = 0; round < 60; round++) {
          const fiber = yield* Effect.fork(work)
          yield* Effect.sleep(round % 6)
          yield* Fiber.interrupt(fiber)
        }
        yield* accounted(db)
      }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      assert.deepStrictEqual(warnings, [])
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "V4",
    title: "what is registered to run before COMMIT runs in its transaction, and its failure rolls back",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* misuse(db.beforeCommit(Effect.void), "TransactionStateError")
      assert.isTrue(Option.isNone(yield* db.transactionOption))
      yield* db.transaction(Effect.gen(function*() {
        yield* db.beforeCommit(Effect.zipRight(add(db, 2), db.beforeCommit(add(db, 3))))
        yield* add(db, 1)
        assert.isTrue(Option.contains(yield* db.transactionOption, yield* db.currentTransaction))
      }))
      assert.deepStrictEqual(yield* ids(db), [1, 2, 3])
      yield* fails(db.transaction(Effect.zipRight(add(db, 4), db.beforeCommit(add(db, 1)))), "UniqueViolation")
      yield* Effect.ignore(db.transaction(Effect.zipRight(db.beforeCommit(add(db, 5)), Effect.fail("no"))))
      yield* db.transaction(Effect.gen(function*() {
        yield* db.beforeCommit(add(db, 6))
        yield* (yield* db.currentTransaction).commit
      }))
      assert.deepStrictEqual(yield* ids(db), [1, 2, 3, 6])
    })
  },
  {
    law: "V4",
    title: "options that cannot work are ConfigErrors that name their field",
    run: (bench) => Effect.gen(function*() {
      const field = (config: Database.Config) => Effect.map(fails(Effect.scoped(bench.build(config)), "ConfigError"), (reason) => reason.field)
      assert.strictEqual(yield* field({ pool: { acquireTimeout: -1 } }), "pool.acquireTimeout")
      assert.strictEqual(yield* field({ pool: { jitter: 2 } }), "pool.jitter")
      assert.strictEqual(yield* field({ statementTimeout: -5 }), "statementTimeout")
      assert.strictEqual(yield* field({ fetchSize: 0 }), "fetchSize")
      const db = yield* bench.open()
      assert.strictEqual((yield* misuse(db`SELECT 1`.timeout(-1), "ConfigError")).field, "timeout")
      assert.strictEqual((yield* misuse(Stream.runDrain(db`SELECT 1`.with({ fetchSize: 0 }).stream), "ConfigError")).field, "fetchSize")
      assert.strictEqual((yield* misuse(db.transaction({ timeout: "-1 seconds" as "1 seconds" })(Effect.void), "ConfigError")).field, "transaction.timeout")
    })
  },
  {
    law: "V4",
    title: "the wrong number of parameters is a typed failure, and nothing is run",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const text = db`INSERT INTO things (id, name) VALUES (${1}, ${"a"})`.compile()[0]
      for (const params of [[], [1], [1, "a", "more"]]) {
        const error = yield* failure(db.unsafe(text, params))
        assert.deepStrictEqual([error.isRetryable, error.connection, error.outcome], [false, "usable", "not-applied"])
      }
      assert.deepStrictEqual(yield* ids(db), [])
    })
  }
]
