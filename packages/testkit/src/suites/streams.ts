/**
 * Cases of the laws S1 and S4: rows on demand, and streams inside transactions.
 */
import { assert } from "@effect/vitest"
import * as SqlError from "@sluice/core/SqlError"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Case } from "../Case.js"
import { add, fails, held, ids, within } from "../internal/asking.js"

export const streams: ReadonlyArray<Case> = [
  {
    law: "S1",
    title: "every row arrives once and in order, in chunks of fetchSize",
    needs: ["streaming"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      for (const [n, fetchSize] of [[0, 10], [1, 10], [9, 10], [10, 10], [11, 10], [2_500, 1_000]] as const) {
        const stream = db.unsafe<{ i: number }>(bench.profile.sql.rows(Math.max(n, 1))).with({ fetchSize }).stream
        const limited = n === 0 ? db<{ i: number }>`SELECT id AS i FROM things WHERE 1 = 0`.stream : stream
        const chunks = Chunk.toReadonlyArray(yield* Stream.runCollect(Stream.chunks(limited)))
        assert.deepStrictEqual(chunks.flatMap((chunk) => [...chunk].map(({ i }) => i)), Array.from({ length: n }, (_, i) => i + 1))
        assert.isTrue(chunks.every((chunk) => chunk.length <= fetchSize))
      }
    })
  },
  {
    law: "S1",
    title: "memory does not grow with the result",
    needs: ["streaming"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      let rows = 0
      let asked = 0
      let most = 0
      const start = yield* held
      yield* Stream.runForEachChunk(db.unsafe<{ i: number }>(bench.profile.sql.rows(600_000)).stream, (chunk) => Effect.gen(function*() {
        rows += chunk.length
        if (rows < asked + 50_000) return
        asked = rows
        most = Math.max(most, (yield* held) - start)
      }))
      assert.strictEqual(rows, 600_000)
      // Gathered, these rows take more than 40 MB as objects and their chunks.
      assert.isBelow(most, 10_000_000)
    })
  },
  {
    law: "S1",
    title: "a consumer that pauses still gets every row",
    needs: ["streaming"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const rows = db.unsafe<{ i: number }>(bench.profile.sql.rows(50)).with({ fetchSize: 10 }).stream.pipe(
        Stream.tap(({ i }) => i % 10 === 0 ? Effect.sleep(120) : Effect.void),
        Stream.runFold(0, (sum, { i }) => sum + i)
      )
      assert.strictEqual(yield* rows, 1_275)
    })
  },
  {
    law: "S1",
    title: "a stream may be run twice, and two at once",
    needs: ["streaming", "concurrent"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const sum = Stream.runFold(db.unsafe<{ i: number }>(bench.profile.sql.rows(3_000)).stream, 0, (sum, { i }) => sum + i)
      assert.deepStrictEqual(yield* Effect.all([sum, sum, sum], { concurrency: 2 }), [4_501_500, 4_501_500, 4_501_500])
    })
  },
  {
    law: "S4",
    title: "a statement per row of a stream in one transaction: both work",
    needs: ["streaming", "statementsBesideStream"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const work = db.transaction(
        db.unsafe<{ i: number }>(bench.profile.sql.rows(300)).with({ fetchSize: 20 }).stream.pipe(
          Stream.mapEffect(({ i }) => add(db, i)),
          Stream.runDrain
        )
      )
      yield* within(work, 15_000, "the transaction")
      assert.strictEqual((yield* ids(db)).length, 300)
    })
  },
  {
    law: "S4",
    title: "two streams and statements in one session",
    needs: ["streaming", "statementsBesideStream", "sessions"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const session = yield* db.session
      const one = session.unsafe<{ i: number }>(bench.profile.sql.rows(100)).with({ fetchSize: 7 }).stream
      const two = session.unsafe<{ i: number }>(bench.profile.sql.rows(100)).with({ fetchSize: 9 }).stream
      const pairs = Stream.zip(one, two).pipe(Stream.tap(() => session`SELECT 1`), Stream.runCount)
      assert.strictEqual(yield* within(pairs, 15_000, "the streams"), 100)
    })
  },
  {
    law: "S4",
    title: "beside an open stream of the same transaction a statement runs or is refused at once; stream and COMMIT are none the worse",
    needs: ["streaming"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const beside = bench.profile.has.has("statementsBesideStream")
      const tried = (effect: Effect.Effect<unknown, SqlError.SqlError>) =>
        beside ? Effect.asVoid(effect) : Effect.asVoid(within(fails(effect, "UnsupportedError"), 500, "the refusal"))
      const rows = yield* db.transaction(Effect.gen(function*() {
        yield* add(db, 1)
        const rows = yield* db.unsafe<{ i: number }>(bench.profile.sql.rows(4_000)).with({ fetchSize: 100 }).stream.pipe(
          Stream.tap(({ i }) => Number(i) % 1_000 === 0 ? Effect.all([tried(add(db, 1 + Number(i))), tried(ids(db))]) : Effect.void),
          Stream.runCount
        )
        yield* add(db, 2)
        return rows
      }))
      assert.strictEqual(rows, 4_000)
      assert.deepStrictEqual(yield* ids(db), beside ? [1, 2, 1_001, 2_001, 3_001, 4_001] : [1, 2])
    })
  },
  {
    law: "S4",
    title: "a stream that fails, or is interrupted, leaves its transaction as it was",
    needs: ["streaming", "failedStatement"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db.transaction(Effect.gen(function*() {
        yield* add(db, 1)
        assert.isTrue(Exit.isFailure(yield* Effect.exit(Stream.runDrain(db.unsafe(bench.profile.sql.failsAfterFive).with({ fetchSize: 2 }).stream))))
        yield* add(db, 2)
        if (bench.profile.has.has("interruption")) {
          const fiber = yield* Effect.fork(Stream.runDrain(db.unsafe(bench.profile.sql.endless).stream))
          yield* Effect.sleep(30)
          yield* Fiber.interrupt(fiber)
        }
        yield* within(add(db, 3), 5_000, "the next statement")
      }))
      assert.deepStrictEqual(yield* ids(db), [1, 2, 3])
    })
  },
  {
    law: "S4",
    title: "a savepoint beside an open stream is set or refused at once, and ends no stream",
    needs: ["streaming", "savepoints"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const beside = bench.profile.has.has("statementsBesideStream")
      const inner = db.transaction(add(db, 2))
      const rows = yield* db.transaction(db.unsafe<{ i: number }>(bench.profile.sql.rows(4_000)).with({ fetchSize: 100 }).stream.pipe(
        Stream.tap(({ i }) => Number(i) === 150 ? beside ? Effect.asVoid(inner) : Effect.asVoid(within(fails(inner, "UnsupportedError"), 500, "the refusal")) : Effect.void),
        Stream.runCount
      ))
      assert.strictEqual(rows, 4_000)
      assert.deepStrictEqual(yield* ids(db), beside ? [2] : [])
    })
  },
  ...(["COMMIT", "ROLLBACK"] as const).map((how): Case => ({
    law: "S4",
    title: `${how} ends the streams of its transaction that another fiber still reads: that one is told, and ${how} succeeds`,
    needs: ["streaming"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const first = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<void>()
      let rows = 0
      const read = db.unsafe(bench.profile.sql.rows(20_000)).with({ fetchSize: 50 }).stream.pipe(
        Stream.chunks,
        Stream.runForEach((chunk) => {
          rows += chunk.length
          return Effect.zipRight(Deferred.succeed(first, undefined), Deferred.await(ended))
        })
      )
      const body = Effect.gen(function*() {
        yield* add(db, 1)
        const fiber = yield* Effect.forkDaemon(read)
        yield* Deferred.await(first)
        return yield* how === "COMMIT" ? Effect.succeed(fiber) : Effect.fail(fiber)
      })
      const work = db.transaction(body)
      const fiber = yield* within(how === "COMMIT" ? work : Effect.catchAll(work, (fiber) => SqlError.isSqlError(fiber) ? Effect.fail(fiber) : Effect.succeed(fiber)), 3_000, how)
      yield* Deferred.succeed(ended, undefined)
      yield* fails(within(Fiber.join(fiber), 3_000, "the stream's failure"), "TransactionStateError")
      assert.strictEqual(rows, 50)
      assert.deepStrictEqual(yield* ids(db), how === "COMMIT" ? [1] : [])
    })
  })),
  {
    law: "S4",
    title: "a session's COMMIT ends the streams that are open there, and its next statement runs",
    needs: ["streaming", "sessions"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        yield* session.begin()
        yield* add(session, 1)
        const cursor = yield* session.unsafe(bench.profile.sql.rows(20_000)).with({ fetchSize: 50 }).cursor
        assert.strictEqual((yield* cursor.fetchMany(50)).length, 50)
        yield* within(session.commit, 3_000, "COMMIT")
        yield* fails(cursor.fetchAll, "TransactionStateError")
        yield* add(session, 2)
      }))
      assert.deepStrictEqual(yield* ids(db), [1, 2])
    })
  },
  {
    law: "S4",
    title: "a stream that outlives its transaction fails typed, and its connection is free",
    needs: ["streaming"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* Effect.scoped(Effect.gen(function*() {
        const cursor = yield* db.transaction(db.unsafe<{ i: number }>(bench.profile.sql.rows(5_000)).with({ fetchSize: 10 }).cursor)
        const failed = yield* Effect.either(cursor.fetchAll)
        assert.strictEqual(failed._tag, "Left")
      }))
      yield* add(db, 1)
      yield* fails(db.transaction(Effect.zipRight(db`SELECT 1`, add(db, 1))), "UniqueViolation")
    })
  }
]
