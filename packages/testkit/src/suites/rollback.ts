/**
 * Cases of the law V12: a database for a test, all of whose work is undone.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { assert } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as SqlError from "@sluice/core/SqlError"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Case } from "../Case.js"
import { add, fails, ids } from "../internal/asking.js"
import * as TestDatabase from "../TestDatabase.js"

/** Runs a test over a database that is rolled back, and answers with how it ended. */
const tested = <A, E>(db: Database.Database, test: (db: Database.Database) => Effect.Effect<A, E, Scope.Scope>) =>
  Effect.exit(Effect.scoped(Effect.flatMap(Database.rolledBack(db), test)))

const passes = <A, E>(db: Database.Database, test: (db: Database.Database) => Effect.Effect<A, E, Scope.Scope>) =>
  Effect.map(tested(db, test), (exit) => assert.isTrue(Exit.isSuccess(exit), Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""))

export const rollback: ReadonlyArray<Case> = [
  {
    law: "V12",
    title: "what a test wrote is there until it ends, by whatever verb, and is undone then",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 1)
      for (let n = 0; n < 2; n++) {
        yield* passes(db, (db) => Effect.gen(function*() {
          yield* add(db, 2)
          yield* db.transaction(add(db, 3))
          yield* db.executeMany(`INSERT INTO things (id, name) VALUES (${db.dialect.placeholder(1)}, ${db.dialect.placeholder(2)})`, [[4, "d"], [5, "e"]])
          yield* db.batch([db`INSERT INTO things (id, name) VALUES (6, 'f')`, db`DELETE FROM things WHERE id = 1`])
          yield* db.script("INSERT INTO things (id, name) VALUES (7, 'g');")
          yield* db.withoutTransforms()`INSERT INTO things (id, name) VALUES (8, 'h')`
          assert.deepStrictEqual(yield* ids(db), [2, 3, 4, 5, 6, 7, 8])
        }))
        assert.deepStrictEqual(yield* ids(db), [1])
      }
      const failed = yield* tested(db, (db) => Effect.zipRight(add(db, 2), Effect.fail("the test's own")))
      assert.deepStrictEqual(failed, Exit.fail("the test's own"))
      const fiber = yield* Effect.fork(tested(db, (db) => Effect.zipRight(add(db, 2), Effect.never)))
      yield* Effect.sleep(30)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* ids(db), [1])
    })
  },
  {
    law: "V12",
    title: "a transaction of what is tested is a savepoint: its failure undoes it alone, and afterCommit runs behind it",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* passes(db, (db) => Effect.gen(function*() {
        yield* add(db, 1)
        const told: Array<string> = []
        const after = (what: string) => db.afterCommit(Effect.sync(() => told.push(what)))
        yield* Effect.flip(db.transaction(Effect.zipRight(Effect.zipRight(add(db, 2), after("undone")), Effect.fail("no"))))
        yield* db.transaction(Effect.gen(function*() {
          yield* add(db, 3)
          yield* db.transaction(after("inner"))
          yield* after("outer")
          assert.deepStrictEqual(told, [])
          yield* fails(db.transaction(add(db, 1)), "UniqueViolation")
        }))
        assert.deepStrictEqual(told, ["inner", "outer"])
        yield* after("at once")
        assert.deepStrictEqual(told, ["inner", "outer", "at once"])
        yield* fails(db.currentTransaction, "TransactionStateError")
        assert.deepStrictEqual(yield* ids(db), [1, 3])
        yield* fails(db.transaction({ readOnly: true })(ids(db)), "TransactionStateError")
      }))
      const [isolation] = db.dialect.capabilities.isolation
      yield* Effect.scoped(Effect.gen(function*() {
        const own = yield* Database.rolledBack(db, { isolation })
        yield* own.transaction({ isolation })(add(own, 1))
      }))
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "V12",
    title: "fibers and streams of a test share its connection",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* passes(db, (db) => Effect.gen(function*() {
        yield* Effect.forEach([1, 2, 3, 4, 5], (id) => db.transaction(add(db, id)), { concurrency: "unbounded", discard: true })
        const fiber = yield* Effect.forkDaemon(add(db, 6))
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(yield* ids(db), [1, 2, 3, 4, 5, 6])
        const rows = Stream.map(db<{ id: number }>`SELECT id FROM things WHERE id < 10 ORDER BY id`.with({ fetchSize: 2 }).stream, ({ id }) => id)
        assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(rows)), [1, 2, 3, 4, 5, 6])
        if (bench.profile.has.has("statementsBesideStream")) yield* Stream.runForEach(rows, (id) => add(db, id + 10))
        // One that reads all rows before it gives the first has no statement beside it.
        else if (bench.profile.has.has("streaming")) assert.isTrue(Exit.isFailure(yield* Effect.exit(Stream.runForEach(rows, (id) => add(db, id + 10)))), "as in any transaction")
        yield* Stream.runDrain(Stream.take(rows, 1))
        assert.strictEqual((yield* ids(db))[0], 1)
      }))
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "V12",
    title: "a session of a test begins, commits and rolls back inside of it",
    needs: ["sessions"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* passes(db, (db) => Effect.gen(function*() {
        yield* Effect.scoped(Effect.gen(function*() {
          const session = yield* db.session
          yield* add(session, 1)
          yield* session.begin()
          yield* add(session, 2)
          yield* add(db, 3)
          yield* session.savepoint("here")
          yield* add(session, 4)
          yield* session.rollbackTo("here")
          yield* session.commit
          yield* session.begin()
          yield* add(session, 5)
          yield* session.rollback
          yield* fails(session.commit, "TransactionStateError")
          assert.isFalse(yield* session.inTransaction)
          yield* session.transaction(add(session, 6))
          yield* session.autocommit(false)
          yield* add(session, 7)
        }))
        yield* Effect.exit(Effect.scoped(Effect.gen(function*() {
          const session = yield* db.session
          yield* session.autocommit(false)
          yield* add(session, 8)
          return yield* Effect.fail("no")
        })))
        assert.deepStrictEqual(yield* ids(db), [1, 2, 3, 6, 7])
      }))
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "V12",
    title: "a statement that fails undoes itself alone",
    needs: ["failedStatement"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* passes(db, (db) => Effect.gen(function*() {
        yield* add(db, 1)
        yield* fails(add(db, 1), "UniqueViolation")
        yield* add(db, 2)
        assert.deepStrictEqual(yield* ids(db), [1, 2])
      }))
    })
  },
  {
    law: "V12",
    title: "a test that commits by itself is told, and one whose DDL is in the transaction leaves no table",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const exit = yield* tested(db, (db) => Effect.zipRight(add(db, 1), db`CREATE TABLE made (id INTEGER)`.run))
      if (db.dialect.tables?.isTransactional === true) {
        assert.isTrue(Exit.isSuccess(exit))
        yield* fails(db`SELECT * FROM made`, "SqlSyntaxError")
        return assert.deepStrictEqual(yield* ids(db), [])
      }
      const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.isTrue(SqlError.isSqlError(defect) && defect.reason._tag === "TransactionAbortedError")
      assert.include(String(defect), "what it did has stayed")
      assert.deepStrictEqual(yield* ids(db), [1])
      const later = yield* tested(db, (db) => Effect.zipRight(db`CREATE TABLE again (id INTEGER)`.run, Effect.exit(add(db, 2))))
      assert.isTrue(Exit.isFailure(later))
      assert.deepStrictEqual(yield* ids(db), [1])
    })
  },
  {
    law: "V12",
    title: "as a layer and as an operator it stands for every tag of the database; where there is none it is a ConfigError",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      class Own extends Context.Tag("Own")<Own, Database.Database>() {}
      const layer = Layer.succeedContext(Context.make(Database.Database, db).pipe(Context.add(SqlClient.SqlClient, db), Context.add(Own, db)))
      const test = (id: number) => Effect.gen(function*() {
        const own = yield* Own
        assert.strictEqual(yield* Database.Database, own)
        const stock = yield* SqlClient.SqlClient
        yield* stock.withTransaction(stock`INSERT INTO things (id, name) VALUES (${id}, 'a')`)
        assert.deepStrictEqual(yield* ids(own), [id])
      })
      yield* Effect.provide(test(1), TestDatabase.rollback(layer))
      yield* Effect.provide(Effect.zipRight(TestDatabase.rolledBack(test(2)), TestDatabase.rolledBack(test(3))), layer)
      assert.deepStrictEqual(yield* ids(db), [])
      yield* fails(TestDatabase.rolledBack(Effect.void), "ConfigError")
    })
  },
  {
    law: "V12",
    title: "what still runs when the test ends is undone as well, and nothing of it is left",
    needs: ["interruption"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const going = yield* Deferred.make<void>()
      yield* tested(db, (db) => Effect.gen(function*() {
        yield* Effect.forkScoped(db.transaction(Effect.zipRight(Effect.zipRight(add(db, 1), Deferred.succeed(going, undefined)), Effect.never)))
        yield* Deferred.await(going)
      }))
      assert.deepStrictEqual(yield* ids(db), [])
    })
  }
]
