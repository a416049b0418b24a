/**
 * Cases of the laws P9, S2, S5 and T6: interruption in every phase, and what is left after it.
 */
import { assert } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Database from "@sluice/core/Database"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Bench, Case } from "../Case.js"
import { accounted, add, eventually, fails, ids, interrupted, within } from "../internal/asking.js"
import { seeded } from "../internal/load.js"

const lent = (db: Database.Database, n: number) => eventually(Effect.map(db.pool.stats, (stats) => stats.lent >= n), `${n} lent`)

/** Interrupts an effect while it is at work, and asks whether the database still serves everybody. */
const stopping = <A>(bench: Bench, config: Database.Config, effect: (db: Database.Database) => Effect.Effect<A, unknown>) =>
  Effect.gen(function*() {
    const db = yield* bench.open(config)
    const fiber = yield* Effect.fork(effect(db))
    yield* lent(db, 1)
    yield* Effect.sleep(30)
    assert.isBelow(yield* interrupted(fiber), 500, "who interrupts does not wait")
    yield* within(Effect.zipRight(add(db, 1), ids(db)), 5_000, "the next statement")
    yield* accounted(db)
    assert.deepStrictEqual(yield* ids(db), [1])
  })

export const interruption: ReadonlyArray<Case> = [
  {
    law: "P9",
    title: "interrupted while it queues for a session",
    needs: ["sessions"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { max: 1 } })
      yield* Effect.scoped(Effect.gen(function*() {
        yield* db.session
        const fiber = yield* Effect.fork(Effect.scoped(db.session))
        yield* eventually(Effect.map(db.pool.stats, (stats) => stats.waiting === 1), "the queue")
        assert.isBelow(yield* interrupted(fiber), 500)
        assert.strictEqual((yield* db.pool.stats).waiting, 0)
      }))
      yield* Effect.scoped(db.session)
    })
  },
  {
    law: "P9",
    title: "interrupted while connecting",
    run: (bench) => Effect.gen(function*() {
      const random = seeded(1)
      for (let n = 0; n < 10; n++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const db = Context.get(yield* bench.build({ pool: { lazy: true } }), Database.Database)
          const fiber = yield* Effect.fork(db`SELECT 1`)
          yield* Effect.sleep(random() * 40)
          yield* Fiber.interrupt(fiber)
          assert.deepStrictEqual(yield* db`SELECT 2 AS two`, [{ two: 2 }])
          yield* accounted(db)
        }))
      }
    })
  },
  { law: "P9", title: "interrupted while a query runs", needs: ["interruption"], run: (bench) =>
    stopping(bench, {}, (db) => db.unsafe(bench.profile.sql.endless)) },
  { law: "P9", title: "interrupted while a query runs in a transaction", needs: ["interruption"], run: (bench) =>
    stopping(bench, {}, (db) => db.transaction(Effect.zipRight(add(db, 5), db.unsafe(bench.profile.sql.endless)))) },
  { law: "P9", title: "interrupted while a query runs in a nested transaction", needs: ["interruption", "savepoints"], run: (bench) =>
    stopping(bench, {}, (db) => db.transaction(db.transaction(Effect.zipRight(add(db, 5), db.unsafe(bench.profile.sql.endless))))) },
  { law: "P9", title: "interrupted while a session's query runs", needs: ["interruption", "sessions"], run: (bench) =>
    stopping(bench, { pool: { max: 1 } }, (db) => Effect.scoped(Effect.flatMap(db.session, (session) => session.unsafe(bench.profile.sql.endless)))) },
  { law: "P9", title: "interrupted while a stream waits for its next rows", needs: ["interruption", "streaming"], run: (bench) =>
    stopping(bench, {}, (db) => Stream.runDrain(db.unsafe(bench.profile.sql.endless).stream)) },
  { law: "P9", title: "interrupted while a stream's consumer is at work", needs: ["streaming"], run: (bench) =>
    stopping(bench, {}, (db) => Stream.runForEach(db.unsafe(bench.profile.sql.endless).with({ fetchSize: 1 }).stream, () => Effect.never)) },
  { law: "P9", title: "interrupted while a stream in a transaction waits", needs: ["interruption", "streaming"], run: (bench) =>
    stopping(bench, {}, (db) => db.transaction(Effect.zipRight(add(db, 5), Stream.runDrain(db.unsafe(bench.profile.sql.endless).stream)))) },
  {
    law: "P9",
    title: "interrupted in the middle of a transaction, which is rolled back",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const inside = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(db.transaction(Effect.all([add(db, 1), Deferred.succeed(inside, undefined), Effect.never])))
      yield* Deferred.await(inside)
      assert.isBelow(yield* interrupted(fiber), 500)
      yield* accounted(db)
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "P9",
    title: "transactions interrupted at any moment, BEGIN, COMMIT and release among them, are there as a whole or not at all",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const random = seeded(11)
      const committed: Array<number> = []
      for (let n = 1; n <= 150; n++) {
        const work = db.transaction(Effect.zipRight(add(db, 2 * n), add(db, 2 * n + 1)))
        const fiber = yield* Effect.fork(work)
        const delay = random() * 2
        yield* delay < 0.5 ? Effect.repeatN(Effect.yieldNow(), Math.floor(random() * 10)) : Effect.sleep(delay)
        if (Exit.isSuccess(yield* Fiber.interrupt(fiber))) committed.push(n)
      }
      yield* accounted(db)
      const there = new Set(yield* ids(db))
      for (let n = 1; n <= 150; n++) assert.strictEqual(there.has(2 * n), there.has(2 * n + 1), `both rows of transaction ${n} or none`)
      for (const n of committed) assert.isTrue(there.has(2 * n), `transaction ${n} said that it was committed`)
    })
  },
  {
    law: "P9",
    title: "after two hundred fibers of every kind, many of them interrupted, the counts add up",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { max: 3 } })
      const random = seeded(5)
      const kinds: ReadonlyArray<(n: number) => Effect.Effect<unknown, unknown>> = [
        (n) => add(db, n),
        () => db.unsafe(bench.profile.sql.rows(500)),
        () => Stream.runDrain(db.unsafe(bench.profile.sql.rows(500)).with({ fetchSize: 50 }).stream),
        () => Stream.runDrain(Stream.take(db.unsafe(bench.profile.sql.rows(500)).with({ fetchSize: 10 }).stream, 3)),
        (n) => db.transaction(add(db, n)),
        (n) => db.transaction(db.transaction(add(db, n))),
        () => Effect.scoped(Effect.flatMap(db.session, (session) => session`SELECT 1`)),
        () => Effect.scoped(Effect.flatMap(db.unsafe(bench.profile.sql.rows(500)).cursor, (cursor) => cursor.fetchMany(7)))
      ]
      yield* Effect.forEach(Array.from({ length: 200 }, (_, n) => n + 1), (n) => Effect.gen(function*() {
        const kind = kinds[n % kinds.length] ?? (() => Effect.void)
        const fiber = yield* Effect.fork(kind(n))
        if (random() < 0.5) {
          yield* Effect.sleep(random() * 20)
          yield* Fiber.interrupt(fiber)
        } else {
          yield* Fiber.await(fiber)
        }
      }), { concurrency: 16, discard: true })
      yield* accounted(db)
      yield* within(add(db, 1_000), 5_000, "the next statement")
    })
  },
  {
    law: "S2",
    title: "the first rows of an endless query end it",
    needs: ["streaming"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const first = Stream.runCollect(Stream.take(db.unsafe<{ i: number }>(bench.profile.sql.endless).with({ fetchSize: 2 }).stream, 5))
      const rows = yield* within(first, 3_000, "five rows")
      assert.strictEqual(rows.length, 5)
      yield* within(accounted(db), 2_000, "the end of the rest")
      // The same connection serves the next one.
      yield* within(Effect.repeatN(first, 4), 5_000, "the next streams")
    })
  },
  {
    law: "S5",
    title: "interrupting one statement stops no other",
    needs: ["interruptionAmidOthers", "concurrent"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const innocent = yield* Effect.fork(Effect.repeatN(db.unsafe(bench.profile.sql.rows(200)).values, 150))
      for (let n = 0; n < 30; n++) {
        const victim = yield* Effect.fork(db.unsafe(bench.profile.sql.endless))
        yield* Effect.sleep(5)
        yield* Fiber.interrupt(victim)
      }
      assert.strictEqual((yield* Fiber.join(innocent)).length, 200)
    })
  },
  {
    law: "S5",
    title: "in a transaction the interrupted statement is over before the next one is sent",
    needs: ["interruption", "failedStatement"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db.transaction(Effect.gen(function*() {
        yield* add(db, 1)
        for (let n = 0; n < 5; n++) {
          const fiber = yield* Effect.fork(db.unsafe(bench.profile.sql.endless))
          yield* Effect.sleep(10)
          assert.isBelow(yield* interrupted(fiber), 500)
          assert.deepStrictEqual(yield* within(ids(db), 5_000, "the next statement"), [1])
        }
        yield* add(db, 2)
      }))
      assert.deepStrictEqual(yield* ids(db), [1, 2])
    })
  },
  {
    law: "S5",
    title: "a statement's own timeout cancels it and says whose it was",
    needs: ["interruption"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const endless = db.unsafe(bench.profile.sql.endless)
      const start = Date.now()
      const reason = yield* fails(endless.timeout(100), "StatementTimeoutError")
      assert.isBelow(Date.now() - start, 2_000)
      assert.deepStrictEqual([reason.timeout, reason.isRetryable, reason.outcome], ["statement", true, "not-applied"])
      yield* within(add(db, 1), 3_000, "the next statement")
      assert.deepStrictEqual(yield* ids(db), [1])
    })
  },
  {
    law: "S5",
    title: "a statement's own timeout inside a transaction leaves the transaction as it was",
    needs: ["interruption", "failedStatement"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db.transaction(Effect.gen(function*() {
        yield* add(db, 1)
        yield* fails(db.unsafe(bench.profile.sql.endless).timeout(100), "StatementTimeoutError")
        yield* within(add(db, 2), 3_000, "the next statement")
      }))
      assert.deepStrictEqual(yield* ids(db), [1, 2])
    })
  },
  {
    law: "S5",
    title: "statementTimeout holds for every statement, and says so",
    needs: ["interruption"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ statementTimeout: 500 })
      const reason = yield* fails(db.unsafe(bench.profile.sql.endless), "StatementTimeoutError")
      assert.strictEqual(reason.timeout, "database")
      assert.strictEqual((yield* fails(db.unsafe(bench.profile.sql.endless).timeout(50), "StatementTimeoutError")).timeout, "statement")
      yield* within(add(db, 1), 3_000, "the next statement")
    })
  },
  {
    law: "S5",
    title: "a transaction's timeout rolls it back and says so",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const reason = yield* fails(db.transaction({ timeout: 100 })(Effect.zipRight(add(db, 1), Effect.sleep("5 seconds"))), "StatementTimeoutError")
      assert.strictEqual(reason.outcome, "not-applied")
      yield* accounted(db)
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "S5",
    title: "a read that cannot be stopped is left alone, counted until it ends, and replaced meanwhile",
    needs: ["longStepBesideOthers"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { cancelTimeout: 200 } })
      const fiber = yield* Effect.fork(db.unsafe(bench.profile.sql.longStep?.read ?? ""))
      yield* lent(db, 1)
      yield* Effect.sleep(50)
      assert.isBelow(yield* interrupted(fiber), 500)
      yield* eventually(Effect.map(db.pool.stats, (stats) => stats.retired === 1), "retiring")
      yield* within(Effect.zipRight(add(db, 1), Effect.all([ids(db), ids(db), ids(db)], { concurrency: 3 })), 1_500, "other statements")
      yield* accounted(db, 15_000)
    })
  },
  {
    law: "S5",
    title: "a write that cannot be stopped fails the writes meanwhile, with an error that says so, and no read",
    needs: ["longStepBesideOthers"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { cancelTimeout: 200 } })
      const fiber = yield* Effect.fork(db.unsafe(bench.profile.sql.longStep?.write ?? ""))
      yield* lent(db, 1)
      yield* Effect.sleep(50)
      assert.isBelow(yield* interrupted(fiber), 500)
      const reason = yield* fails(within(add(db, 1), 1_500, "the refusal"), "StatementTimeoutError")
      assert.deepStrictEqual([reason.timeout, reason.outcome], ["worker", "not-applied"])
      assert.deepStrictEqual(yield* within(ids(db), 1_500, "a read"), [])
      yield* accounted(db, 15_000)
      yield* add(db, 2)
      assert.deepStrictEqual((yield* ids(db)).filter((id) => id !== 999), [2])
    })
  },
  {
    law: "S5",
    title: "a step that cannot be stopped, on the only connection, fails the others with an error that says so, and nothing is lost",
    needs: ["longStep"],
    run: (bench) => Effect.gen(function*() {
      if (bench.profile.has.has("concurrent")) return
      const db = yield* bench.open({ pool: { cancelTimeout: 200 } })
      yield* add(db, 1)
      const fiber = yield* Effect.fork(db.unsafe(bench.profile.sql.longStep?.read ?? ""))
      yield* lent(db, 1)
      yield* Effect.sleep(50)
      assert.isBelow(yield* interrupted(fiber), 500)
      const reason = yield* fails(within(ids(db), 1_500, "the refusal"), "StatementTimeoutError")
      assert.deepStrictEqual([reason.timeout, reason.outcome], ["worker", "not-applied"])
      yield* accounted(db, 15_000)
      assert.deepStrictEqual(yield* ids(db), [1])
    })
  },
  {
    law: "T6",
    title: "a statement that comes in the moment in which an interrupted one is settled gets its turn",
    needs: ["interruption"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db.transaction(Effect.gen(function*() {
        for (let round = 1; round <= 20; round++) {
          const isHeld = yield* Deferred.make<void>()
          const holder = yield* Effect.fork(db.withConnection(() => Effect.zipRight(Deferred.succeed(isHeld, undefined), Effect.never)))
          yield* Deferred.await(isHeld)
          yield* Fiber.interrupt(holder)
          for (let tick = 0; tick < round % 5; tick++) yield* Effect.yieldNow()
          yield* within(add(db, round), 2_000, "the turn")
        }
      }))
      assert.strictEqual((yield* ids(db)).length, 20)
    })
  }
]
