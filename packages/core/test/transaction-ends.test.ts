/**
 * How transactions end when the server misbehaves: a BEGIN, COMMIT or ROLLBACK that fails, an answer that never comes,
 * a transaction that the server ended by itself.
 *
 * Over a fake server under TestClock: no embedded one does any of this on demand.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/TestClock"
import * as Reason from "../src/Reason.js"
import * as SqlError from "../src/SqlError.js"
import { accounted, failures, FakeServer, reasonOf } from "./fake.js"

const opened = Effect.gen(function*() {
  const server = new FakeServer()
  const db = yield* server.database({ pool: { max: 1 } })
  // What the words of a fake statement make the pool reset is no part of a transaction.
  const sent = () => server.log.map((line) => line.slice(line.indexOf(" ") + 1)).filter((what) => what !== "reset")
  return { server, db, sent }
})

const ready = TestClock.adjust(1)

describe("E1 whatever the server says is a typed failure", () => {
  it.scoped("a BEGIN that fails", () => Effect.gen(function*() {
    const { db, server } = yield* opened
    server.failing.set("begin", failures["unique"]!)
    let ran = false
    const reason = yield* reasonOf(db.transaction(Effect.sync(() => {
      ran = true
    })))
    assert.strictEqual(reason._tag, "UniqueViolation")
    assert.isFalse(ran)
    yield* db.transaction(db`SELECT`)
    yield* accounted(server, db.pool)
  }))

  it.scoped("a COMMIT that fails: what is open is rolled back, and COMMIT is sent once", () => Effect.gen(function*() {
    const { db, sent, server } = yield* opened
    server.failing.set("commit", failures["serialization"]!)
    const reason = yield* reasonOf(db.transaction(db`INSERT`))
    assert.strictEqual(reason._tag, "SerializationError")
    assert.deepStrictEqual(sent(), ["begin", "INSERT", "commit", "rollback"])
    yield* ready
    yield* accounted(server, db.pool)
  }))

  for (const what of ["savepoint", "release"]) {
    it.scoped(`a failing ${what.toUpperCase()}: the outer transaction goes on`, () => Effect.gen(function*() {
      const { db, server } = yield* opened
      server.failing.set(`${what} sluice_1`, failures["unique"]!)
      const fiber = yield* Effect.fork(Effect.exit(db.transaction(Effect.gen(function*() {
        assert.strictEqual((yield* reasonOf(db.transaction(Effect.void)))._tag, "UniqueViolation")
        // A savepoint that is over must not keep the connection from its outer transaction.
        yield* db`SELECT`
      }))))
      yield* TestClock.adjust("1 minute")
      const exit = yield* Fiber.join(fiber)
      assert.isTrue(Exit.isSuccess(exit), String(exit))
      yield* ready
      yield* accounted(server, db.pool)
    }))
  }

  it.scoped("a ROLLBACK that fails when the connection comes back: it is replaced", () => Effect.gen(function*() {
    const { db, server } = yield* opened
    server.failing.set("rollback", failures["lost"]!)
    const inside = yield* Effect.fork(db.transaction(Effect.never))
    yield* ready
    yield* Fiber.interrupt(inside)
    yield* ready
    assert.deepStrictEqual(server.connections[0]!.closes, ["destroy"])
    yield* db`SELECT`
    yield* accounted(server, db.pool)
  }))
})

describe("E3 a failing ROLLBACK never hides the body's failure", () => {
  it.scoped("of an outermost transaction", () => Effect.gen(function*() {
    const { db, server } = yield* opened
    server.failing.set("rollback", failures["lost"]!)
    assert.strictEqual(yield* Effect.flip(db.transaction(Effect.fail("the body's own"))), "the body's own")
    yield* ready
    yield* db`SELECT`
    yield* accounted(server, db.pool)
  }))

  it.scoped("of a nested transaction", () => Effect.gen(function*() {
    const { db, server } = yield* opened
    yield* db.transaction(Effect.gen(function*() {
      server.failing.set("rollbackTo sluice_1", failures["unique"]!)
      assert.strictEqual(yield* Effect.flip(db.transaction(Effect.fail("inner"))), "inner")
    })).pipe(Effect.exit)
    yield* ready
    yield* accounted(server, db.pool)
  }))
})

describe("T5 a COMMIT whose answer never came says unknown", () => {
  it.scoped("the outcome is unknown, it is not retried, and the connection is not used again", () => Effect.gen(function*() {
    const { db, sent, server } = yield* opened
    server.failing.set("commit", failures["lost"]!)
    const fiber = yield* Effect.fork(reasonOf(db.transaction({ retry: Schedule.recurs(5) })(db`INSERT`)))
    yield* TestClock.adjust("1 minute")
    const reason = yield* Fiber.join(fiber)
    assert.deepStrictEqual([reason._tag, reason.outcome], ["ConnectionError", "unknown"])
    assert.strictEqual(sent().filter((what) => what === "INSERT").length, 1)
    assert.deepStrictEqual(yield* db`SELECT`, [{ id: 2 }], "on another connection")
    yield* accounted(server, db.pool)
  }))

  it.scoped("a connection that is lost before COMMIT: nothing was applied", () => Effect.gen(function*() {
    const { db, server } = yield* opened
    const reason = yield* reasonOf(db.transaction(Effect.gen(function*() {
      yield* db`INSERT`
      server.connections[0]!.isClosed = true
      yield* Effect.ignore(db`INSERT`)
    })))
    assert.strictEqual(reason.outcome, "not-applied")
    yield* ready
    yield* db`SELECT`
    yield* accounted(server, db.pool)
  }))
})

describe("T4 what is run again", () => {
  it.scoped("a serialization failure at COMMIT runs the whole transaction again", () => Effect.gen(function*() {
    const { db, sent, server } = yield* opened
    server.failing.set("commit", failures["serialization"]!)
    const fiber = yield* Effect.fork(db.transaction({ retry: Schedule.recurs(2) })(db`INSERT`))
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(fiber)
    assert.deepStrictEqual(sent(), ["begin", "INSERT", "commit", "rollback", "begin", "INSERT", "commit"])
    yield* accounted(server, db.pool)
  }))

  it.scoped("a deadlock's victim runs again from BEGIN", () => Effect.gen(function*() {
    const { db, server } = yield* opened
    let runs = 0
    const work = Effect.suspend(() => ++runs === 1 ? db`doom` : db`INSERT`)
    const fiber = yield* Effect.fork(db.transaction({ retry: Schedule.recurs(2) })(work))
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(fiber)
    assert.strictEqual(runs, 2)
    yield* accounted(server, db.pool)
  }))

  it.scoped("a deadlock that the body swallowed: COMMIT fails, retryable, and the whole runs again", () => Effect.gen(function*() {
    const { db, sent } = yield* opened
    let runs = 0
    const work = Effect.suspend(() => ++runs === 1 ? Effect.ignore(db`doom`) : Effect.asVoid(db`INSERT`))
    const fiber = yield* Effect.fork(db.transaction({ retry: Schedule.recurs(2) })(work))
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(fiber)
    assert.strictEqual(runs, 2)
    assert.deepStrictEqual(sent(), ["begin", "doom", "begin", "INSERT", "commit"])
  }))
})

describe("T7 a transaction that the server ended", () => {
  it.scoped("a deadlock's victim runs no later statement, and COMMIT is not sent", () => Effect.gen(function*() {
    const { db, sent, server } = yield* opened
    const reason = yield* reasonOf(db.transaction(Effect.gen(function*() {
      yield* Effect.ignore(db`doom`)
      const later = yield* reasonOf(db`INSERT`)
      assert.strictEqual(later._tag, "TransactionAbortedError")
      assert.isTrue(later.isRetryable)
    })))
    assert.strictEqual(reason._tag, "TransactionAbortedError")
    assert.deepStrictEqual(sent(), ["begin", "doom"])
    yield* ready
    yield* accounted(server, db.pool)
  }))

  it.scoped("an implicit commit by DDL: no later statement runs in autocommit", () => Effect.gen(function*() {
    const { db, sent } = yield* opened
    const exit = yield* Effect.exit(db.transaction(Effect.gen(function*() {
      yield* db`CREATE TABLE t`
      assert.strictEqual((yield* reasonOf(db`INSERT`))._tag, "TransactionAbortedError")
    })))
    assert.isTrue(Exit.isFailure(exit))
    assert.notInclude(sent(), "INSERT")
  }))

  it.scoped("in a session: rollback acknowledges it, and the session goes on", () => Effect.gen(function*() {
    const { db } = yield* opened
    const session = yield* db.session
    yield* session.begin()
    yield* Effect.ignore(session`doom`)
    assert.strictEqual((yield* reasonOf(session`INSERT`))._tag, "TransactionAbortedError")
    yield* session.rollback
    yield* session`INSERT`
    assert.isFalse(yield* session.inTransaction)
  }))

  it.scoped("in a session: commit says what happened", () => Effect.gen(function*() {
    const { db } = yield* opened
    const session = yield* db.session
    yield* session.begin()
    yield* Effect.ignore(session`doom`)
    assert.strictEqual((yield* reasonOf(session.commit))._tag, "TransactionAbortedError")
    yield* session`INSERT`
  }))
})

describe("interruption of a transaction", () => {
  it.scoped("a COMMIT that is being sent is waited for: what it answers is true", () => Effect.gen(function*() {
    const { db, sent, server } = yield* opened
    server.commitTime = 100
    const fiber = yield* Effect.fork(db.transaction(db`INSERT`))
    yield* TestClock.adjust(50)
    const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
    yield* TestClock.adjust(49)
    assert.isNull(fiber.unsafePoll())
    yield* TestClock.adjust(1)
    yield* Fiber.join(interrupting)
    assert.deepStrictEqual(sent(), ["begin", "INSERT", "commit"])
    assert.strictEqual(server.connections[0]!.settles, 0)
    yield* accounted(server, db.pool)
  }))

  it.scoped("one that is interrupted while it runs a statement is settled, rolled back and not committed", () => Effect.gen(function*() {
    const { db, sent, server } = yield* opened
    const fiber = yield* Effect.fork(db.transaction(db`sleep 100`))
    yield* TestClock.adjust(50)
    yield* Fiber.interrupt(fiber)
    yield* ready
    assert.notInclude(sent(), "commit")
    assert.strictEqual(server.connections[0]!.settles, 1)
    assert.include(sent(), "rollback")
    yield* accounted(server, db.pool)
  }))

  it.scoped("a statement's timeout in a transaction settles the connection before the next statement", () => Effect.gen(function*() {
    const { db, server } = yield* opened
    server.settleTime = 30
    const fiber = yield* Effect.fork(db.transaction(Effect.gen(function*() {
      const reason = yield* reasonOf(db`sleep 1000`.timeout(100))
      assert.strictEqual(reason._tag, "StatementTimeoutError")
      return yield* db`SELECT`
    })))
    yield* TestClock.adjust(200)
    assert.deepStrictEqual(yield* Fiber.join(fiber), [{ id: 1 }])
    assert.deepStrictEqual(server.violations, [])
    yield* accounted(server, db.pool)
  }))

  it.scoped("a nested transaction that is interrupted is rolled back before the outer one's next statement", () => Effect.gen(function*() {
    const { db, sent, server } = yield* opened
    server.settleTime = 30
    const fiber = yield* Effect.fork(db.transaction(Effect.gen(function*() {
      const inner = yield* Effect.fork(db.transaction(db`sleep 1000`))
      yield* Effect.sleep(50)
      yield* Fiber.interrupt(inner)
      yield* db`SELECT`
    })))
    yield* TestClock.adjust(500)
    yield* Fiber.join(fiber)
    assert.deepStrictEqual(sent(), ["begin", "savepoint sluice_1", "sleep 1000", "rollbackTo sluice_1", "release sluice_1", "SELECT", "commit"])
    yield* accounted(server, db.pool)
  }))

  it.scoped("the retry of a failing body sees the error that it failed with", () => Effect.gen(function*() {
    const { db } = yield* opened
    let runs = 0
    const fiber = yield* Effect.fork(reasonOf(db.transaction({ retry: Schedule.recurs(1) })(Effect.suspend(() => {
      runs++
      return SqlError.fail(new Reason.SerializationError({ message: `run ${runs}` }))
    }))))
    yield* TestClock.adjust("1 second")
    assert.strictEqual((yield* Fiber.join(fiber)).message, "run 2")
  }))
})

describe("P9 interrupted while a connection is released", () => {
  it.scoped("the next borrower gets it clean, an interrupted one leaves the queue, and the counts add up", () => Effect.gen(function*() {
    const { db, server } = yield* opened
    server.resetTime = 100
    const session = yield* Effect.fork(Effect.scoped(Effect.flatMap(db.session, (session) => session`SET x`)))
    yield* ready
    // The session's scope has closed; its connection is still being reset.
    assert.strictEqual((yield* db.pool.stats).lent, 1)
    const impatient = yield* Effect.fork(db`SELECT 1`)
    const patient = yield* Effect.fork(db`SELECT 2`)
    yield* ready
    assert.strictEqual((yield* db.pool.stats).waiting, 2)
    yield* Fiber.interrupt(session)
    yield* Fiber.interrupt(impatient)
    yield* TestClock.adjust(100)
    yield* Fiber.join(patient)
    const words = server.log.map((line) => line.slice(line.indexOf(" ") + 1))
    assert.deepStrictEqual(words.filter((what) => what.startsWith("SELECT") || what === "reset"), ["reset", "SELECT 2"])
    yield* accounted(server, db.pool)
  }))
})

describe("implicitCommit: autocommit", () => {
  it.scoped("a statement that commits by itself ends the transaction, and the rest runs in autocommit", () => Effect.gen(function*() {
    const { db, sent, server } = yield* opened
    const lenient = db.transaction({ implicitCommit: "autocommit" })
    assert.strictEqual(yield* lenient(Effect.as(Effect.all([db`INSERT`, db`CREATE`, db`INSERT`]), "done")), "done")
    assert.deepStrictEqual(sent(), ["begin", "INSERT", "CREATE", "INSERT"], "there is nothing to commit")
    assert.strictEqual(yield* Effect.flip(lenient(Effect.zipRight(db`CREATE`, Effect.fail("no")))), "no")
    assert.deepStrictEqual(sent().slice(4), ["begin", "CREATE"], "nor to roll back")
    yield* ready
    yield* accounted(server, db.pool)
  }))

  it.scoped("a transaction inside of the rest is a real one again, and strict unless it says otherwise", () => Effect.gen(function*() {
    const { db, sent, server } = yield* opened
    yield* db.transaction({ implicitCommit: "autocommit" })(Effect.gen(function*() {
      yield* db`CREATE`
      yield* db.transaction(db`INSERT`)
      yield* Effect.ignore(db.transaction(Effect.zipRight(db`UPDATE`, Effect.fail("no"))))
      const reason = yield* reasonOf(db.transaction(Effect.zipRight(db`CREATE`, db`DELETE`)))
      assert.strictEqual(reason._tag, "TransactionAbortedError")
      yield* db`SELECT`
    }))
    assert.deepStrictEqual(sent(), ["begin", "CREATE", "begin", "INSERT", "commit", "begin", "UPDATE", "rollback", "begin", "CREATE", "SELECT"])
    yield* ready
    yield* accounted(server, db.pool)
  }))

  it.scoped("without such a statement it is committed and rolled back as ever, and a rollback by the server is no commit", () => Effect.gen(function*() {
    const { db, sent, server } = yield* opened
    const lenient = db.transaction({ implicitCommit: "autocommit" })
    yield* lenient(db`INSERT`)
    yield* Effect.ignore(lenient(Effect.zipRight(db`UPDATE`, Effect.fail("no"))))
    const reason = yield* reasonOf(lenient(Effect.gen(function*() {
      yield* Effect.ignore(db`doom`)
      yield* db`DELETE`
    })))
    assert.strictEqual(reason._tag, "TransactionAbortedError")
    assert.deepStrictEqual(sent(), ["begin", "INSERT", "commit", "begin", "UPDATE", "rollback", "begin", "doom"])
    yield* ready
    yield* accounted(server, db.pool)
  }))
})
