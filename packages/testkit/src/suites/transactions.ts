/**
 * Cases of the laws T2 to T7: nesting, retries, ends.
 */
import { assert } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import * as Reason from "@sluice/core/Reason"
import * as Retry from "@sluice/core/Retry"
import * as SqlError from "@sluice/core/SqlError"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Case } from "../Case.js"
import { accounted, add, eventually, failure, fails, ids, misuse, within } from "../internal/asking.js"

const serialization = new Reason.SerializationError({ message: "could not serialize access", sqlState: "40001" })

/** A body that fails with a reason until it has run `times` times. */
const failing = (reason: Reason.Reason, times: number) => {
  let runs = 0
  return {
    body: (db: Database.Database) => Effect.suspend(() =>
      Effect.zipRight(add(db, ++runs), runs < times ? SqlError.fail(reason) : Effect.succeed(runs))),
    runs: () => runs
  }
}

export const transactions: ReadonlyArray<Case> = [
  {
    law: "T2",
    title: "a nested transaction that fails is undone alone",
    needs: ["savepoints"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db.transaction(Effect.gen(function*() {
        yield* add(db, 1)
        assert.strictEqual((yield* db.currentTransaction).depth, 0)
        yield* Effect.flip(db.transaction(Effect.gen(function*() {
          yield* add(db, 2)
          assert.strictEqual((yield* db.currentTransaction).depth, 1)
          yield* db.transaction(add(db, 3))
          return yield* Effect.fail("no")
        })))
        yield* db.withTransaction(add(db, 4))
      }))
      assert.deepStrictEqual(yield* ids(db), [1, 4])
    })
  },
  {
    law: "T2",
    title: "overlapping siblings take turns, and what one of them committed is not lost with the other",
    needs: ["savepoints"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db.transaction(Effect.gen(function*() {
        const sibling = (id: number, isGood: boolean) =>
          Effect.exit(db.transaction(Effect.gen(function*() {
            yield* add(db, id)
            yield* Effect.sleep(5)
            yield* add(db, id + 100)
            if (!isGood) return yield* Effect.fail("no")
          })))
        yield* Effect.all([1, 2, 3, 4, 5, 6, 7, 8].map((id) => sibling(id, id % 2 === 0)), { concurrency: "unbounded" })
      }))
      assert.deepStrictEqual(yield* ids(db), [2, 4, 6, 8, 102, 104, 106, 108])
    })
  },
  {
    law: "T2",
    title: "the outer transaction's statements wait for the savepoint, bounded, and then fail typed",
    needs: ["savepoints"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { acquireTimeout: 200 } })
      yield* db.transaction(Effect.gen(function*() {
        const inside = yield* Deferred.make<void>()
        const inner = yield* Effect.fork(db.transaction(Effect.all([add(db, 1), Deferred.succeed(inside, undefined), Effect.sleep(600)])))
        yield* Deferred.await(inside)
        yield* fails(within(add(db, 2), 2_000, "the refusal"), "TransactionStateError")
        yield* Fiber.join(inner)
        yield* add(db, 3)
      }))
      assert.deepStrictEqual(yield* ids(db), [1, 3])
    })
  },
  {
    law: "T2",
    title: "a thousand nested transactions one after the other release their savepoints",
    needs: ["savepoints"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db.transaction(Effect.forEach(Array.from({ length: 1_000 }, (_, n) => n + 1), (n) => db.transaction(add(db, n)), { discard: true }))
      assert.strictEqual((yield* ids(db)).length, 1_000)
    })
  },
  {
    law: "T2",
    title: "afterCommit runs once after the outermost COMMIT, and not for what was rolled back",
    needs: ["savepoints"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const seen: Array<string> = []
      const note = (what: string) => db.afterCommit(Effect.sync(() => {
        seen.push(what)
      }))
      yield* note("outside")
      yield* db.transaction(Effect.gen(function*() {
        yield* note("outer")
        yield* db.transaction(note("inner"))
        yield* Effect.ignore(db.transaction(Effect.zipRight(note("undone"), Effect.fail("no"))))
        assert.deepStrictEqual(seen, ["outside"])
      }))
      assert.deepStrictEqual(seen, ["outside", "outer", "inner"])
      yield* Effect.ignore(db.transaction(Effect.zipRight(note("rolled back"), Effect.fail("no"))))
      assert.deepStrictEqual(seen, ["outside", "outer", "inner"])
    })
  },
  {
    law: "T2",
    title: "a transaction that was ended early does nothing at its exit, and runs no later statement",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db.transaction(Effect.gen(function*() {
        yield* add(db, 1)
        yield* (yield* db.currentTransaction).rollback
        yield* misuse(add(db, 2), "TransactionStateError")
      }))
      yield* db.transaction(Effect.gen(function*() {
        yield* add(db, 3)
        const transaction = yield* db.currentTransaction
        yield* transaction.commit
        assert.deepStrictEqual((yield* failure(transaction.commit)).reason._tag, "TransactionStateError")
        yield* misuse(add(db, 4), "TransactionStateError")
      }))
      yield* Effect.flip(db.transaction(Effect.gen(function*() {
        yield* add(db, 5)
        yield* (yield* db.currentTransaction).commit
        return yield* Effect.fail("after the commit")
      })))
      assert.deepStrictEqual(yield* ids(db), [3, 5])
      yield* misuse(db.currentTransaction, "TransactionStateError")
    })
  },
  {
    law: "T3",
    title: "what the dialect lacks is UnsupportedError, and nothing is sent",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const { capabilities } = db.dialect
      const levels = ["read-uncommitted", "read-committed", "repeatable-read", "snapshot", "serializable"] as const
      for (const isolation of levels) {
        const ran = db.transaction({ isolation })(add(db, 1).pipe(Effect.zipRight(Effect.fail("ran" as const))))
        if (capabilities.isolation.includes(isolation)) assert.strictEqual(yield* Effect.flip(ran), "ran")
        else yield* misuse(ran, "UnsupportedError")
      }
      if (!capabilities.deferrable) yield* misuse(db.transaction({ deferrable: true })(Effect.void), "UnsupportedError")
      for (const access of ["deferred", "immediate", "exclusive"] as const) {
        const ran = db.transaction({ access })(Effect.succeed("ran"))
        if (capabilities.access.includes(access)) assert.strictEqual(yield* ran, "ran")
        else yield* misuse(ran, "UnsupportedError")
      }
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "T3",
    title: "a read-only transaction refuses to write, and the next one writes",
    needs: ["readOnlyTransactions"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* fails(db.transaction({ readOnly: true })(Effect.zipRight(ids(db), add(db, 1))), "AuthorizationError")
      assert.deepStrictEqual(yield* db.transaction({ readOnly: true })(ids(db)), [])
      yield* db.transaction(add(db, 2))
      yield* add(db, 3)
      assert.deepStrictEqual(yield* ids(db), [2, 3])
    })
  },
  {
    law: "T3",
    title: "options of the outermost transaction are refused for an inner one",
    needs: ["savepoints"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db.transaction(Effect.gen(function*() {
        yield* misuse(db.transaction({ isolation: "serializable" })(Effect.void), "TransactionStateError")
        yield* misuse(db.transaction({ readOnly: true })(Effect.void), "TransactionStateError")
        yield* db.transaction({ name: "inner", timeout: "1 second" })(add(db, 1))
      }))
      assert.deepStrictEqual(yield* ids(db), [1])
    })
  },
  {
    law: "T4",
    title: "a serialization failure runs the whole transaction again",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const work = failing(serialization, 3)
      assert.strictEqual(yield* db.transaction({ retry: Retry.transient })(work.body(db)), 3)
      assert.deepStrictEqual(yield* ids(db), [3])
    })
  },
  {
    law: "T4",
    title: "an inner transaction is not run again by itself: the outermost one is",
    needs: ["savepoints"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      let outer = 0
      const work = failing(serialization, 2)
      yield* db.transaction({ retry: Retry.transient })(Effect.suspend(() => {
        outer++
        return db.transaction({ retry: Retry.transient })(work.body(db))
      }))
      assert.deepStrictEqual([outer, work.runs()], [2, 2])
      assert.deepStrictEqual(yield* ids(db), [2])
    })
  },
  {
    law: "T4",
    title: "nothing else is run again: other failures, and what may have been applied",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      for (const reason of [
        new Reason.UniqueViolation({ message: "duplicate" }),
        new Reason.LockTimeoutError({ message: "busy" }),
        new Reason.ConnectionError({ message: "lost" }),
        new Reason.SerializationError({ message: "at COMMIT, and its answer was lost", outcome: "unknown" })
      ]) {
        const work = failing(reason, 5)
        yield* Effect.flip(db.transaction({ retry: Retry.transient })(work.body(db)))
        assert.strictEqual(work.runs(), 1, reason._tag)
      }
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "T4",
    title: "retrying ends with the schedule, and tells the last failure",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const work = failing(serialization, 99)
      yield* fails(db.transaction({ retry: Retry.transient })(work.body(db)), "SerializationError")
      assert.strictEqual(work.runs(), 3)
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "T5",
    title: "a COMMIT that was refused was not applied, and its transaction is over",
    needs: ["deferredConstraints"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      for (const text of bench.profile.sql.deferred) yield* db.unsafe(text)
      const error = yield* failure(db.transaction(Effect.zipRight(add(db, 1), db`INSERT INTO children (id, parent) VALUES (1, 99)`)))
      assert.deepStrictEqual([error.outcome, error.connection], ["not-applied", "usable"])
      yield* db.transaction(Effect.gen(function*() {
        yield* db`INSERT INTO children (id, parent) VALUES (2, 98)`
        const current = yield* db.currentTransaction
        yield* fails(current.commit, "ConstraintError")
        yield* misuse(add(db, 2), "TransactionStateError")
      }))
      yield* accounted(db)
      assert.deepStrictEqual(yield* ids(db), [])
      assert.strictEqual(yield* db<number>`SELECT count(*) FROM children`.scalar, 0)
    })
  },
  {
    law: "T6",
    title: "fibers inside one transaction share its connection, one statement at a time",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db.transaction(Effect.gen(function*() {
        const { lent } = yield* db.pool.stats
        yield* Effect.forEach(Array.from({ length: 50 }, (_, n) => n + 1), (n) => Effect.zipRight(add(db, n), ids(db)), { concurrency: "unbounded", discard: true })
        assert.strictEqual((yield* db.pool.stats).lent, lent)
      }))
      assert.strictEqual((yield* ids(db)).length, 50)
    })
  },
  {
    law: "T6",
    title: "a fiber of a transaction that is interrupted while it waits for its turn loses nobody's turn",
    needs: ["interruption"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db.transaction(Effect.gen(function*() {
        for (let round = 0; round < 20; round++) {
          const fibers = yield* Effect.forEach([1, 2, 3, 4, 5], (n) => Effect.fork(add(db, round * 10 + n)))
          yield* Effect.yieldNow()
          yield* Fiber.interrupt(fibers[2]!)
          for (const [n, fiber] of fibers.entries()) if (n !== 2) yield* Fiber.join(fiber)
        }
      }))
      assert.isAtLeast((yield* ids(db)).length, 80)
    })
  },
  {
    law: "T7",
    title: "a transaction that the server ended runs no later statement, and its COMMIT fails",
    needs: ["endsTransaction"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const { endsTransaction } = bench.profile.sql
      yield* add(db, 1)
      const error = yield* failure(db.transaction(Effect.gen(function*() {
        yield* add(db, 2)
        // The failure is swallowed, as a user's code may do.
        yield* Effect.ignore(db.unsafe(endsTransaction ?? ""))
        yield* fails(add(db, 3), "TransactionAbortedError")
        yield* fails(ids(db), "TransactionAbortedError")
      })))
      assert.strictEqual(error.reason._tag, "TransactionAbortedError")
      assert.strictEqual(error.outcome, "not-applied")
      assert.deepStrictEqual(yield* ids(db), [1])
      yield* db.transaction(add(db, 4))
      assert.deepStrictEqual(yield* ids(db), [1, 4])
    })
  },
  {
    law: "T7",
    title: "the same from inside a nested transaction: the outer one is over, too",
    needs: ["endsTransaction", "savepoints"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 1)
      const exit = yield* Effect.exit(db.transaction(Effect.gen(function*() {
        yield* add(db, 2)
        yield* Effect.ignore(db.transaction(db.unsafe(bench.profile.sql.endsTransaction ?? "")))
        yield* fails(add(db, 3), "TransactionAbortedError")
      })))
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(yield* ids(db), [1])
    })
  },
  {
    law: "T7",
    title: "a text's own COMMIT or ROLLBACK inside a transaction ends it, and none of the later statements runs by itself",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* fails(db.transaction(Effect.gen(function*() {
        yield* add(db, 1)
        yield* db.unsafe("ROLLBACK")
        yield* fails(add(db, 2), "TransactionAbortedError")
      })), "TransactionAbortedError")
      assert.deepStrictEqual(yield* ids(db), [])
      yield* eventually(Effect.map(db.pool.stats, (stats) => stats.lent === 0), "the hand-back")
    })
  },
  {
    law: "T7",
    title: "a text that would end the transaction and begin another is refused, whatever comments are in it, and what fails is rolled back",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      for (const text of ["COMMIT AND CHAIN", "ROLLBACK AND CHAIN;", "-- now\ncommit and chain", "/* now */ COMMIT /* a */ AND -- b\n CHAIN"]) {
        yield* Effect.flip(db.transaction(Effect.gen(function*() {
          yield* add(db, 1)
          // Where there is no such text, it is no SQL.
          assert.include(["TransactionStateError", "SqlSyntaxError"], (yield* failure(db.unsafe(text))).reason._tag, text)
          return yield* Effect.fail("back" as const)
        })))
        assert.deepStrictEqual(yield* ids(db), [], text)
      }
    })
  }
]
