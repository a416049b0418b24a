/**
 * Cases of the laws P1 to P9 that an embedded server can be asked for. What it cannot do on demand (die, hang while
 * connecting) is asked of a fake one in core's own tests.
 */
import { assert } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import type { Case } from "../Case.js"
import { accounted, add, eventually, fails, ids, within } from "../internal/asking.js"

/** Holds a session until it is released. */
const hold = (db: Database.Database) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const session = yield* Scope.extend(db.session, scope)
    return { session, release: Scope.close(scope, Exit.void) }
  })

const waiting = (db: Database.Database, n: number) =>
  eventually(Effect.map(db.pool.stats, (stats) => stats.waiting === n), `${n} borrowers in the queue`)

export const pool: ReadonlyArray<Case> = [
  {
    law: "P1",
    title: "queued sessions are opened in the order in which they were asked for",
    needs: ["sessions"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { max: 1 } })
      const held = yield* hold(db)
      const order: Array<number> = []
      const fibers: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
      for (let n = 1; n <= 5; n++) {
        fibers.push(yield* Effect.fork(Effect.scoped(Effect.flatMap(db.session, (session) =>
          Effect.zipRight(Effect.sync(() => order.push(n)), session`SELECT 1`)))))
        yield* waiting(db, n)
      }
      yield* held.release
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(order, [1, 2, 3, 4, 5])
    })
  },
  {
    law: "P1",
    title: "transactions that queue for one writer are served in their order",
    needs: ["interruption"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { max: 1 } })
      const gate = yield* Deferred.make<void>()
      const first = yield* Effect.fork(db.transaction(Deferred.await(gate)))
      yield* eventually(Effect.map(db.pool.stats, (stats) => stats.lent === 1), "the first transaction")
      const fibers: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
      for (let n = 1; n <= 4; n++) {
        fibers.push(yield* Effect.fork(db.transaction(db`INSERT INTO things (name) VALUES (${`n${n}`})`)))
        yield* waiting(db, n)
      }
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll([first, ...fibers])
      assert.deepStrictEqual(yield* db`SELECT id, name FROM things ORDER BY id`.values, [[1, "n1"], [2, "n2"], [3, "n3"], [4, "n4"]])
    })
  },
  {
    law: "P2",
    title: "thirty sessions at once share `max` connections",
    needs: ["sessions", "concurrent"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { max: 3 } })
      let open = 0
      let most = 0
      const work = Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        most = Math.max(most, ++open)
        yield* session`SELECT 1`
        yield* Effect.sleep(40)
        const stats = yield* db.pool.stats
        assert.isAtMost(stats.size, stats.max)
        open--
      }))
      yield* Effect.forEach(Array.from({ length: 30 }), () => work, { concurrency: "unbounded", discard: true })
      assert.strictEqual(most, 3)
    })
  },
  {
    law: "P2",
    title: "statements one after the other open no further connection",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 1)
      yield* ids(db)
      const { opened } = yield* db.pool.stats
      yield* Effect.repeatN(Effect.zipRight(ids(db), db`UPDATE things SET amount = 1`), 30)
      assert.strictEqual((yield* db.pool.stats).opened, opened)
    })
  },
  {
    law: "P3",
    title: "waiting for a connection ends after acquireTimeout, with the pool's counts in the error",
    needs: ["sessions"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { max: 1, acquireTimeout: 500 } })
      const held = yield* hold(db)
      const start = Date.now()
      const reason = yield* fails(Effect.scoped(db.session), "PoolTimeoutError")
      assert.isBelow(Date.now() - start, 2_000)
      assert.deepStrictEqual([reason.counts.lent, reason.counts.idle, reason.isRetryable, reason.outcome], [1, 0, true, "not-applied"])
      assert.match(reason.message, /500 ms/)
      yield* held.release
      yield* Effect.scoped(db.session)
      assert.strictEqual((yield* db.pool.stats).timeouts, 1)
    })
  },
  {
    law: "P3",
    title: "a transaction that queues can be interrupted at once",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { max: 1 } })
      const gate = yield* Deferred.make<void>()
      const first = yield* Effect.fork(db.transaction(Deferred.await(gate)))
      yield* eventually(Effect.map(db.pool.stats, (stats) => stats.lent === 1), "the first transaction")
      const start = Date.now()
      const second = yield* Effect.exit(Effect.timeout(db.transaction(add(db, 1)), 100))
      assert.isTrue(Exit.isFailure(second))
      assert.isBelow(Date.now() - start, 1_000)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(first)
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "P4",
    title: "what a session left behind is gone for the next one: temporary tables, settings, a transaction",
    needs: ["sessions"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { max: 1 } })
      const { begin, setting, temporary } = bench.profile.sql
      const before = yield* Effect.scoped(Effect.flatMap(db.session, (session) => session.unsafe(setting.read).scalar))
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        yield* session.unsafe(temporary)
        yield* session.unsafe(setting.change)
        assert.notStrictEqual(yield* session.unsafe(setting.read).scalar, before)
        yield* session.unsafe(begin)
        yield* add(session, 1)
        assert.isTrue(yield* session.inTransaction)
      }))
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        assert.isFalse(yield* session.inTransaction)
        assert.strictEqual(yield* session.unsafe(setting.read).scalar, before)
        yield* fails(session`SELECT * FROM passing`, "SqlSyntaxError")
      }))
      assert.deepStrictEqual(yield* ids(db), [])
      const stats = yield* db.pool.stats
      assert.strictEqual(stats.rolledBack, 1)
      assert.isAtLeast(stats.resets, 1)
    })
  },
  {
    law: "P4",
    title: "what a reserved connection left behind is gone for the next one",
    needs: ["sessions"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { max: 1 } })
      const { begin, temporary } = bench.profile.sql
      yield* Effect.scoped(Effect.gen(function*() {
        const reserved = yield* db.reserve
        yield* reserved.executeUnprepared(temporary, [], undefined)
        yield* reserved.execute(begin, [], undefined)
        yield* reserved.executeRaw("INSERT INTO things (id, name) VALUES (1, 'one')", [])
        assert.deepStrictEqual(yield* reserved.executeValues("SELECT count(*) FROM things", []), [[1]])
      }))
      yield* Effect.scoped(Effect.gen(function*() {
        const reserved = yield* db.reserve
        yield* fails(reserved.execute("SELECT * FROM passing", [], undefined), "SqlSyntaxError")
      }))
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "P4",
    title: "a single statement that changes the session changes it for nobody else",
    needs: ["sessions"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { max: 1 } })
      const { begin, setting, temporary } = bench.profile.sql
      const before = yield* db.unsafe(setting.read).scalar
      yield* db.unsafe(setting.change)
      yield* db.unsafe(temporary)
      yield* db.unsafe(begin)
      // A text's own BEGIN ends with its call: the next statement is no part of it.
      yield* add(db, 1)
      yield* accounted(db)
      assert.strictEqual(yield* db.unsafe(setting.read).scalar, before)
      yield* fails(db.transaction(db`SELECT * FROM passing`), "SqlSyntaxError")
      assert.deepStrictEqual(yield* ids(db), [1])
    })
  },
  {
    law: "P6",
    title: "sessions' connections are closed when they idled for idleTimeout",
    needs: ["sessions", "concurrent"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { max: 4, idleTimeout: 100 } })
      yield* Effect.all([Effect.scoped(Effect.zipRight(db.session, Effect.sleep(50))), Effect.scoped(Effect.zipRight(db.session, Effect.sleep(50)))], { concurrency: 2 })
      yield* eventually(Effect.map(db.pool.stats, (stats) => stats.closed >= 2), "closing what idled")
      yield* add(db, 1)
      assert.deepStrictEqual(yield* ids(db), [1])
    })
  },
  {
    law: "P7",
    title: "a session that is held longer than leakAfter is reported with the place that took it",
    needs: ["sessions"],
    run: (bench) => {
      const logged: Array<string> = []
      const logger = Logger.make(({ message }) => {
        logged.push(String(message))
      })
      return Effect.gen(function*() {
        const db = yield* bench.open({ pool: { max: 1, leakAfter: 50 } })
        yield* Effect.scoped(Effect.zipRight(db.session, Effect.sleep(300)))
        const reports = logged.filter((line) => line.includes("leakAfter"))
        assert.strictEqual(reports.length, 1)
        assert.match(reports[0] ?? "", /at .+:\d+/)
        assert.strictEqual((yield* db.pool.stats).leaks, 1)
      }).pipe(Effect.provide(Logger.add(logger)))
    }
  },
  {
    law: "P7",
    title: "closing waits for borrowers, and no longer than closeTimeout",
    needs: ["sessions"],
    run: (bench) => Effect.gen(function*() {
      const scope = yield* Scope.make()
      const db = Context.get(yield* Scope.extend(bench.build({ pool: { max: 1, closeTimeout: 300 } }), scope), Database.Database)
      yield* hold(db)
      const start = Date.now()
      yield* within(Scope.close(scope, Exit.void), 5_000, "closing")
      assert.isAtLeast(Date.now() - start, 250)
    })
  },
  {
    law: "P7",
    title: "closing lets a borrower finish its work",
    needs: ["sessions"],
    run: (bench) => Effect.gen(function*() {
      const scope = yield* Scope.make()
      const db = Context.get(yield* Scope.extend(bench.build({ pool: { max: 1 } }), scope), Database.Database)
      const borrower = yield* Effect.fork(Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        yield* Effect.sleep(150)
        return yield* session<number>`SELECT 7`.scalar
      })))
      yield* eventually(Effect.map(db.pool.stats, (stats) => stats.lent === 1), "the session")
      yield* within(Scope.close(scope, Exit.void), 5_000, "closing")
      assert.strictEqual(yield* Fiber.join(borrower), 7)
      assert.strictEqual((yield* db.pool.stats).size, 0)
    })
  }
]
