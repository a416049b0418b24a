/**
 * Cases of law B3, and of a batcher's transactions: a dead letter, one transaction for all, a transaction of the user's.
 */
import { assert } from "@effect/vitest"
import * as Batcher from "@sluice/batcher/Batcher"
import * as BatchError from "@sluice/batcher/BatchError"
import type * as DeadLetter from "@sluice/batcher/DeadLetter"
import * as Database from "@sluice/core/Database"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Case } from "../Case.js"
import { add, ids, misuse } from "../internal/asking.js"

const insert = (db: Database.Database, id: number) => db`INSERT INTO things (id, name) VALUES (${id}, ${`n${id}`})`

const text = (id: number, name = `'n${id}'`) => `INSERT INTO things (id, name) VALUES (${id}, ${name})`

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n)

const batcher = (db: Database.Database, options: Batcher.Options) => Batcher.make(options).pipe(Effect.provideService(Database.Database, db))

/** A dead letter that remembers. */
const drawer = () => {
  const letters: Array<DeadLetter.Letter> = []
  return { letters, deadLetter: (more: ReadonlyArray<DeadLetter.Letter>) => Effect.sync(() => void letters.push(...more)) }
}

/** The same database, which counts what is sent to it together. */
const counting = (db: Database.Database) => {
  const calls = { batches: 0 }
  const batch: Database.Database["batch"] = (statements, options) => {
    calls.batches++
    return db.batch(statements, options)
  }
  return { calls, counted: new Proxy(db, { get: (target, key) => key === "batch" ? batch : Reflect.get(target, key, target) }) }
}

export const deadLetters: ReadonlyArray<Case> = [
  {
    law: "B3",
    title: "with a dead letter a bad statement goes there alone, found in few round trips, and the others are applied",
    needs: ["savepoints"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 500)
      const { calls, counted } = counting(db)
      const { deadLetter, letters } = drawer()
      const statements = range(1, 1_000).map((id) => id === 77 ? db.unsafe(text(id, "NULL")) : id === 900 ? db.unsafe("INSERT INTO nowhere VALUES (1)") : insert(db, id))
      const report = yield* Effect.scoped(Effect.flatMap(batcher(counted, { deadLetter }), (batch) => batch.process(statements, { job: "night" })))
      assert.deepStrictEqual([report.statements, report.sent, report.deadLettered, report.batches], [1_000, 997, 3, 1])
      assert.deepStrictEqual(letters.map(({ error, index, metadata, outcome }) => [index, error?._tag === "SqlError" ? error.reason._tag : error?._tag, outcome, metadata]), [
        [76, "ConstraintError", "not-applied", { job: "night" }], [499, "UniqueViolation", "not-applied", { job: "night" }], [899, "SqlSyntaxError", "not-applied", { job: "night" }]
      ])
      assert.deepStrictEqual(yield* ids(db), range(1, 1_000).filter((id) => id !== 77 && id !== 900))
      // Three bad ones of a thousand by halves: at most twice log2 of 1,000 for each.
      assert.isAtMost(calls.batches, 1 + 3 * 2 * 10)
    })
  },
  {
    law: "B3",
    title: "a bad row among merged INSERTs is found by halves",
    needs: ["savepoints"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 300)
      const { deadLetter, letters } = drawer()
      const statements = range(1, 600).map((id) => text(id, id === 17 ? "NULL" : undefined))
      const report = yield* Effect.scoped(Effect.flatMap(batcher(db, { deadLetter, mergeInserts: true }), (batch) => batch.process(statements)))
      assert.deepStrictEqual(letters.map((letter) => [letter.index, letter.text]), [[16, text(17, "NULL")], [299, text(300)]])
      assert.deepStrictEqual([report.sent, report.deadLettered], [598, 2])
      assert.isAbove(report.rowsMerged, 500)
      assert.deepStrictEqual(yield* ids(db), range(1, 600).filter((id) => id !== 17))
    })
  },
  {
    law: "B3",
    title: "a bad row that COMMIT alone refuses, for a deferred constraint, is found by transactions of their own, and the others are applied",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      for (const sql of bench.profile.sql.deferred) yield* db.unsafe(sql)
      yield* db`INSERT INTO parents (id) VALUES (1)`
      for (const mergeInserts of [false, true]) {
        yield* db`DELETE FROM children`
        const { deadLetter, letters } = drawer()
        const statements = range(1, 40).map((id) => `INSERT INTO children (id, parent) VALUES (${id}, ${id === 14 || id === 31 ? 99 : 1})`)
        const report = yield* Effect.scoped(Effect.flatMap(batcher(db, { deadLetter, mergeInserts, maxStatements: 25 }), (batch) => batch.process(statements)))
        assert.deepStrictEqual(letters.map(({ error, index, outcome }) => [index, error?._tag === "SqlError" ? error.reason._tag : error?._tag, outcome]), [
          [13, "ConstraintError", "not-applied"], [30, "ConstraintError", "not-applied"]
        ])
        assert.deepStrictEqual([report.sent, report.deadLettered], [38, 2])
        assert.deepStrictEqual(yield* db<{ id: number }>`SELECT id FROM children ORDER BY id`.column("id"), range(1, 40).filter((id) => id !== 14 && id !== 31))
      }
    })
  },
  {
    law: "B3",
    title: "without transactions every statement but the bad one is applied, too",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 5)
      const { deadLetter, letters } = drawer()
      yield* Effect.scoped(Effect.flatMap(batcher(db, { deadLetter, transaction: "none", maxStatements: 4 }), (batch) => batch.process(range(1, 10).map((id) => insert(db, id)))))
      assert.deepStrictEqual(letters.map((letter) => letter.index), [4])
      assert.deepStrictEqual(yield* ids(db), range(1, 10))
    })
  },
  {
    law: "B3",
    title: "what the dead letter does not take is left, and nothing later is sent",
    needs: ["savepoints"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 2)
      const left: Array<number> = []
      yield* Effect.scoped(Effect.gen(function*() {
        const batch = yield* batcher(db, {
          maxStatements: 3,
          deadLetter: () => Effect.fail("full"),
          onLeft: ({ statements }) => Effect.sync(() => void left.push(...statements.map((statement) => statement.index)))
        })
        const error = yield* Effect.flip(batch.process(range(1, 6).map((id) => insert(db, id))))
        assert.isTrue(BatchError.isBatchError(error))
        if (BatchError.isBatchError(error)) assert.deepStrictEqual(error.counts, { applied: 2, notApplied: 1, unknown: 0 })
      }))
      assert.strictEqual(left[0], 1)
      assert.deepStrictEqual(yield* ids(db), [1, 2, 3])
    })
  },
  {
    law: "B1",
    title: "one transaction for all: committed by flush, and after a failure nothing of it is there",
    needs: ["sessions"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* Effect.scoped(Effect.gen(function*() {
        const batch = yield* batcher(db, { transaction: "all", maxStatements: 10, onLeft: () => Effect.void })
        const report = yield* batch.process(range(1, 95).map((id) => insert(db, id)))
        assert.deepStrictEqual([report.sent, report.batches], [95, 10])
        assert.deepStrictEqual(yield* ids(db), range(1, 95))
        const error = yield* Effect.flip(batch.process([...range(101, 150), 7].map((id) => insert(db, id))))
        assert.isTrue(BatchError.isBatchError(error))
        if (BatchError.isBatchError(error)) {
          assert.deepStrictEqual([error.counts.applied, error.counts.unknown, error.failed?.index], [0, 0, 145])
          assert.isAtLeast(error.counts.notApplied, 50)
        }
      }))
      assert.deepStrictEqual(yield* ids(db), range(1, 95))
      const scope = yield* Scope.make()
      const batch = yield* Scope.extend(batcher(db, { transaction: "all", maxStatements: 2, onLeft: () => Effect.void }), scope)
      yield* Effect.forEach(range(201, 206), (id) => batch.add(insert(db, id)))
      yield* Scope.close(scope, Exit.fail("no"))
      assert.deepStrictEqual(yield* ids(db), range(1, 95))
    })
  },
  {
    law: "B1",
    title: "a batcher made in a transaction is a part of it, and is flushed before COMMIT",
    needs: ["savepoints"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const fill = (from: number, to: number) =>
        Effect.flatMap(batcher(db, { maxStatements: 4, onLeft: () => Effect.void }), (batch) => Effect.forEach(range(from, to), (id) => batch.add(insert(db, id)), { discard: true }))
      // The batcher's scope ends after the transaction.
      yield* Effect.scoped(db.transaction(fill(1, 10)))
      assert.deepStrictEqual(yield* ids(db), range(1, 10))
      yield* Effect.exit(Effect.scoped(db.transaction(Effect.zipRight(fill(11, 20), Effect.fail("no")))))
      assert.deepStrictEqual(yield* ids(db), range(1, 10))
      // What it cannot send fails the transaction.
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Effect.scoped(db.transaction(Effect.zipRight(add(db, 50), fill(10, 12)))))))
      assert.deepStrictEqual(yield* ids(db), range(1, 10))
    })
  },
  {
    law: "B1",
    title: "a batcher made in a savepoint is undone with it, and what its transaction's batcher sends is not",
    needs: ["savepoints"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const left: Array<number> = []
      yield* Effect.scoped(db.transaction(Effect.gen(function*() {
        const outer = yield* batcher(db, {})
        yield* outer.add(insert(db, 1))
        const inner = db.transaction(Effect.scoped(Effect.gen(function*() {
          yield* misuse(outer.add(insert(db, 9)), "TransactionStateError")
          const batch = yield* batcher(db, { onLeft: ({ statements }) => Effect.sync(() => void left.push(...statements.map(({ index }) => index))) })
          yield* batch.add(insert(db, 2))
          yield* batch.flush()
          yield* batch.add(insert(db, 3))
          return yield* Effect.fail("undone")
        })))
        assert.strictEqual(yield* Effect.flip(inner), "undone")
        yield* db.transaction(Effect.scoped(Effect.flatMap(batcher(db, {}), (batch) => batch.add(insert(db, 4)))))
        yield* outer.add(insert(db, 5))
      })))
      assert.deepStrictEqual([yield* ids(db), left], [[1, 4, 5], [1]])
    })
  },
  {
    law: "B1",
    title: "in a transaction nothing can be added to a batcher from outside of it, unless it is detached",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* Effect.scoped(Effect.gen(function*() {
        const outer = yield* batcher(db, {})
        const detached = yield* batcher(db, { detached: true })
        yield* Effect.exit(db.transaction(Effect.gen(function*() {
          for (const effect of [outer.add(insert(db, 1)), outer.addAwait(insert(db, 1)), outer.process([insert(db, 1)])]) {
            yield* misuse(effect, "TransactionStateError")
          }
          yield* detached.add(insert(db, 2))
          return yield* Effect.fail("rolled back")
        })))
        yield* outer.add(insert(db, 3))
      }))
      assert.deepStrictEqual(yield* ids(db), [2, 3])
    })
  },
  {
    law: "B1",
    title: "processBatch answers with the results of all statements, in order",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const results = yield* Effect.scoped(Effect.flatMap(batcher(db, { maxStatements: 3 }), (batch) =>
        batch.processBatch([insert(db, 1), insert(db, 2), db`SELECT name FROM things ORDER BY id`, insert(db, 3), db`DELETE FROM things`])))
      assert.deepStrictEqual(results.map((result) => result.rows.length > 0 ? result.rows : result.rowsAffected), [1, 1, [{ name: "n1" }, { name: "n2" }], 1, 3])
    })
  },
  {
    law: "B1",
    title: "processBatch has the results of its own statements in their places, whatever was refused and whoever else is in the batch",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const statements = [1, 2, 2, 3, 3, 3, 4].map((n) => insert(db, n))
      const deadLetter = () => Effect.void
      for (const maxStatements of [1, 2, 3, 100]) {
        yield* db`DELETE FROM things`
        const answered = yield* Effect.scoped(Effect.gen(function*() {
          const batch = yield* batcher(db, { maxStatements, deadLetter })
          yield* batch.add(db`UPDATE things SET amount = ${1}`)
          const [first, second] = yield* Effect.all([batch.processBatch(statements), batch.process([db`SELECT 1`])], { concurrency: 2 })
          assert.deepStrictEqual([second.statements, second.sent, second.deadLettered], [1, 1, 0])
          return first.map((result) => result?.rowsAffected)
        }))
        assert.deepStrictEqual(answered, [1, 1, undefined, 1, undefined, undefined, 1], `${maxStatements} a batch`)
      }
    })
  },
  {
    law: "B6",
    title: "the parameters of a batch are limited, all of its statements together",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const report = yield* Effect.scoped(Effect.flatMap(batcher(db, { maxParameters: 10 }), (batch) => batch.process(range(1, 23).map((id) => insert(db, id)))))
      assert.deepStrictEqual([report.sent, report.batches], [23, 5])
      assert.deepStrictEqual(yield* ids(db), range(1, 23))
    })
  }
]
