/**
 * Cases of T1: several databases in one program.
 */
import * as StockClient from "@effect/sql/SqlClient"
import { assert } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Case } from "../Case.js"
import { add, fails, ids } from "../internal/asking.js"

/** Both databases, once the one as the outer and once the other. */
const bothWays = <E>(a: Database.Database, b: Database.Database, run: (outer: Database.Database, inner: Database.Database, from: number) => Effect.Effect<void, E>) =>
  Effect.zipRight(run(a, b, 10), run(b, a, 20))

export const databases: ReadonlyArray<Case> = [
  {
    law: "T1",
    title: "inside a transaction of one database a statement of another runs on that other one",
    run: (bench) => Effect.gen(function*() {
      const a = yield* bench.open()
      const b = yield* bench.open()
      const error = yield* Effect.flip(a.transaction(Effect.gen(function*() {
        yield* add(a, 1)
        yield* add(b, 2)
        assert.deepStrictEqual(yield* ids(a), [1])
        assert.deepStrictEqual(yield* ids(b), [2])
        yield* b.transaction(Effect.zipRight(add(b, 3), add(a, 4)))
        return yield* Effect.fail("no" as const)
      })))
      assert.strictEqual(error, "no")
      assert.deepStrictEqual(yield* ids(a), [])
      assert.deepStrictEqual(yield* ids(b), [2, 3])
    })
  },
  {
    law: "T1",
    title: "stock code that forwards only the stock transaction tag stays in the transaction",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* Effect.ignore(db.transaction(Effect.gen(function*() {
        const connection = yield* Effect.serviceOption(StockClient.TransactionConnection)
        assert.isTrue(Option.isSome(connection))
        if (Option.isSome(connection)) {
          // As SqlResolver does it: another fiber, and nothing but this key.
          const write = Effect.provideService(add(db, 1), StockClient.TransactionConnection, connection.value)
          yield* Effect.promise(() => Effect.runPromise(write))
        }
        assert.deepStrictEqual(yield* ids(db), [1])
        return yield* Effect.fail("no")
      })))
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "T1",
    title: "of two databases whose transactions are nested each commits or rolls back by itself, whichever is inside",
    run: (bench) => Effect.gen(function*() {
      const a = yield* bench.open()
      const b = yield* bench.open()
      const found = (db: Database.Database, from: number) => Effect.map(ids(db), (all) => all.filter((id) => id >= from && id < from + 10).map((id) => id - from))
      yield* bothWays(a, b, (outer, inner, from) => Effect.gen(function*() {
        // The inner one rolls back, and what it wrote to the outer one stays with the outer one.
        yield* outer.transaction(Effect.gen(function*() {
          yield* add(outer, from + 1)
          yield* Effect.ignore(inner.transaction(Effect.gen(function*() {
            yield* add(inner, from + 1)
            yield* add(outer, from + 2)
            assert.deepStrictEqual([yield* found(outer, from), yield* found(inner, from)], [[1, 2], [1]])
            return yield* Effect.fail("no")
          })))
          assert.deepStrictEqual(yield* found(inner, from), [])
          yield* add(inner, from + 2)
        }))
        assert.deepStrictEqual([yield* found(outer, from), yield* found(inner, from)], [[1, 2], [2]])
        // The inner one commits, and the outer one's failure does not undo it.
        yield* Effect.ignore(outer.transaction(Effect.gen(function*() {
          yield* add(outer, from + 3)
          yield* inner.withTransaction(add(inner, from + 3))
          return yield* Effect.fail("no")
        })))
        assert.deepStrictEqual([yield* found(outer, from), yield* found(inner, from)], [[1, 2], [2, 3]])
      }))
      for (const db of [a, b]) yield* fails(db.currentTransaction, "TransactionStateError")
    })
  },
  {
    law: "T1",
    title: "back in the first database inside of the second one's transaction is a savepoint of the first",
    needs: ["savepoints"],
    run: (bench) => Effect.gen(function*() {
      const a = yield* bench.open()
      const b = yield* bench.open()
      const depths = Effect.all([a.currentTransaction, b.currentTransaction]).pipe(Effect.map((both) => both.map(({ depth }) => depth)))
      yield* a.transaction(Effect.gen(function*() {
        yield* add(a, 1)
        yield* b.transaction(Effect.gen(function*() {
          assert.deepStrictEqual(yield* depths, [0, 0])
          yield* Effect.ignore(a.transaction(Effect.gen(function*() {
            assert.deepStrictEqual(yield* depths, [1, 0])
            yield* add(a, 2)
            yield* add(b, 2)
            return yield* Effect.fail("no")
          })))
          yield* a.withTransaction(b.withTransaction(Effect.zipRight(add(a, 3), add(b, 3))))
        }))
      }))
      assert.deepStrictEqual([yield* ids(a), yield* ids(b)], [[1, 3], [2, 3]])
    })
  },
  {
    law: "T1",
    title: "fibers in transactions of two databases see of the other's what is committed, and write to their own",
    needs: ["concurrent"],
    run: (bench) => Effect.gen(function*() {
      const a = yield* bench.open()
      const b = yield* bench.open()
      const wrote = { a: yield* Deferred.make<void>(), b: yield* Deferred.make<void>() }
      const saw = { a: yield* Deferred.make<void>(), b: yield* Deferred.make<void>() }
      const side = (own: Database.Database, other: Database.Database, mine: "a" | "b", theirs: "a" | "b", end: Effect.Effect<void, string>) =>
        own.transaction(Effect.gen(function*() {
          yield* Effect.forEach([1, 2, 3], (id) => add(own, id), { concurrency: "unbounded" })
          yield* Deferred.succeed(wrote[mine], undefined)
          yield* Deferred.await(wrote[theirs])
          assert.deepStrictEqual([yield* ids(own), yield* ids(other)], [[1, 2, 3], []])
          yield* Deferred.succeed(saw[mine], undefined)
          yield* Deferred.await(saw[theirs])
          yield* end
        }))
      yield* Effect.all([side(a, b, "a", "b", Effect.void), Effect.ignore(side(b, a, "b", "a", Effect.fail("no")))], { concurrency: 2 })
      assert.deepStrictEqual([yield* ids(a), yield* ids(b)], [[1, 2, 3], []])
    })
  },
  {
    law: "T1",
    title: "fibers inside of both transactions write to each, in turns, and the stock verbs do as well",
    run: (bench) => Effect.gen(function*() {
      const a = yield* bench.open()
      const b = yield* bench.open()
      const numbers = Array.from({ length: 20 }, (_, n) => n + 1)
      yield* Effect.ignore(a.withTransaction(Effect.gen(function*() {
        yield* b.withTransaction(Effect.forEach(numbers, (id) => Effect.zipRight(add(id % 2 === 0 ? a : b, id), add(id % 2 === 0 ? b : a, id + 100)), { concurrency: 8 }))
        return yield* Effect.fail("no")
      })))
      assert.deepStrictEqual(yield* ids(a), [])
      assert.deepStrictEqual(yield* ids(b), [...numbers.filter((id) => id % 2 === 1), ...numbers.filter((id) => id % 2 === 0).map((id) => id + 100)])
    })
  }
]
