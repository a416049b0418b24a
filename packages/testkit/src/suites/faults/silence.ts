/**
 * Cases of the laws P3, P5, S3 and S5: the network falls silent without a word, and nothing waits for longer than it was
 * told to.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Case } from "../../Case.js"
import type { Bench } from "../../Faults.js"
import { add, eventually, fails, ids, interrupted, within } from "../../internal/asking.js"

export const silence: ReadonlyArray<Case<Bench>> = [
  {
    law: "P3",
    title: "a server that is mute at any point of connecting is given up at connectTimeout, tried again, and leaves no socket",
    needs: ["server"],
    within: 40_000,
    run: (bench) => Effect.gen(function*() {
      const proxy = yield* bench.proxy
      const start = (yield* proxy.bytes).down
      const end = yield* Effect.scoped(Effect.zipRight(bench.open(proxy), proxy.bytes))
      const all = end.down - start
      for (const share of [0, 0.1, 0.3, 0.6, 0.8, 0.99]) {
        yield* Effect.scoped(Effect.gen(function*() {
          yield* proxy.set({ kind: "silence", after: Math.floor(all * share) })
          const db = yield* bench.open(proxy, { connectTimeout: 250, pool: { max: 1, lazy: true } })
          const begin = performance.now()
          const fiber = yield* Effect.fork(ids(db))
          yield* within(eventually(Effect.map(db.pool.stats, (stats) => stats.connectFailures === 1), "the failure"), 1_000, `connecting that is mute after ${share}`)
          assert.isAtLeast(performance.now() - begin, 200)
          yield* proxy.set({ kind: "none" })
          yield* within(Fiber.join(fiber), 3_000, "the second attempt")
          yield* eventually(Effect.map(proxy.open, (open) => open === 1), "the end of the first socket")
        }))
      }
    })
  },
  {
    law: "P3",
    title: "a borrower waits for a mute server no longer than acquireTimeout, and is told why",
    needs: ["server"],
    run: (bench) => Effect.gen(function*() {
      const proxy = yield* bench.proxy
      yield* proxy.set({ kind: "silence" })
      const db = yield* bench.open(proxy, { connectTimeout: 150, pool: { lazy: true, acquireTimeout: 500 } })
      const begin = performance.now()
      const reason = yield* fails(within(ids(db), 2_000, "acquiring"), "PoolTimeoutError")
      assert.isBelow(performance.now() - begin, 1_000)
      assert.isString(reason.lastConnectFailure)
      yield* proxy.set({ kind: "none" })
      yield* within(ids(db), 5_000, "the next borrower")
    })
  },
  {
    law: "P5",
    title: "a connection that fell silent while it idled costs its borrower a ping and nothing more",
    needs: ["server"],
    run: (bench) => Effect.gen(function*() {
      const proxy = yield* bench.proxy
      const db = yield* bench.open(proxy, { pool: { max: 1, validateAfter: 0, cancelTimeout: 300, acquireTimeout: 8_000 } })
      yield* ids(db)
      yield* Effect.sleep(5)
      yield* proxy.set({ kind: "silence" })
      const fiber = yield* Effect.fork(ids(db))
      yield* Effect.sleep(100)
      yield* proxy.set({ kind: "none" })
      yield* within(Fiber.join(fiber), 2_000, "the statement")
      assert.strictEqual((yield* db.pool.stats).opened, 2)
    })
  },
  {
    law: "S5",
    title: "a server that is mute in a statement: its timeout holds, and the connection is replaced at cancelTimeout",
    needs: ["server"],
    run: (bench) => Effect.gen(function*() {
      const proxy = yield* bench.proxy
      const db = yield* bench.open(proxy, { pool: { max: 1, cancelTimeout: 300 } })
      yield* ids(db)
      yield* proxy.set({ kind: "silence" })
      const begin = performance.now()
      yield* fails(db.unsafe("SELECT 1").timeout(200), "StatementTimeoutError")
      assert.isBelow(performance.now() - begin, 500)
      yield* eventually(Effect.map(db.pool.stats, (stats) => stats.closed + stats.retired === 1), "the end of the connection")
      assert.isBelow(performance.now() - begin, 1_200)
      yield* proxy.set({ kind: "none" })
      yield* within(add(db, 1), 3_000, "the next statement")
    })
  },
  {
    law: "S5",
    title: "after a silence statements are stopped as before it",
    needs: ["server"],
    run: (bench) => Effect.gen(function*() {
      const proxy = yield* bench.proxy
      const db = yield* bench.open(proxy, { pool: { max: 1, cancelTimeout: 400 } })
      const sleeping = Effect.gen(function*() {
        const fiber = yield* Effect.fork(db.unsafe(bench.texts.sleep(20)))
        yield* eventually(Effect.map(bench.sessions, (all) => [...all.values()].some(Boolean)), "the statement")
        return fiber
      })
      // Whatever connection stops statements is there, and then mute.
      yield* interrupted(yield* sleeping)
      yield* ids(db)
      const struck = yield* sleeping
      yield* proxy.set({ kind: "silence" })
      yield* interrupted(struck)
      yield* eventually(Effect.map(db.pool.stats, (stats) => stats.closed === 1), "the end of the connection")
      yield* proxy.set({ kind: "none" })
      // Who was stopped by nobody is on the server still, until that hears of it.
      yield* eventually(Effect.map(bench.sessions, (all) => ![...all.values()].some(Boolean)), "the end of what was left")
      for (let n = 0; n < 3; n++) {
        yield* interrupted(yield* sleeping)
        yield* within(ids(db), 350, "the connection, stopped and not replaced")
      }
      assert.strictEqual((yield* db.pool.stats).closed, 1)
    })
  },
  {
    law: "S3",
    title: "a server that falls silent in the middle of a stream: the stream's timeout holds for every chunk",
    needs: ["server", "streaming"],
    run: (bench) => Effect.gen(function*() {
      const proxy = yield* bench.proxy
      for (const inTransaction of [false, true]) {
        yield* proxy.set({ kind: "none" })
        const db = yield* bench.open(proxy, { pool: { max: 1, cancelTimeout: 300 } })
        let rows = 0
        const stream = db.unsafe(bench.profile.sql.endless).with({ fetchSize: 2 }).timeout(400).stream.pipe(
          Stream.runForEach(() => Effect.suspend(() => ++rows === 5 ? proxy.set({ kind: "silence" }) : Effect.void))
        )
        const work = inTransaction ? db.transaction(stream) : stream
        yield* fails(within(work, 5_000, "the stream's failure"), "StatementTimeoutError")
        assert.isAtLeast(rows, 5)
        yield* proxy.set({ kind: "none" })
        yield* within(ids(db), 3_000, "the next statement")
      }
    })
  },
  {
    law: "S1",
    title: "a consumer may pause for longer than the stream's timeout, which is the server's time",
    needs: ["server", "streaming"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open("directly")
      const sum = db.unsafe<{ i: number }>(bench.profile.sql.rows(30)).with({ fetchSize: 10 }).timeout(150).stream.pipe(
        Stream.tap(({ i }) => Number(i) % 10 === 0 ? Effect.sleep(250) : Effect.void),
        Stream.runFold(0, (sum, { i }) => sum + Number(i))
      )
      assert.strictEqual(yield* sum, 465)
    })
  },
  {
    law: "T5",
    title: "a COMMIT that is never answered is unknown when the connection ends, and with statementTimeout at its time",
    needs: ["server"],
    run: (bench) => Effect.gen(function*() {
      const proxy = yield* bench.proxy
      const db = yield* bench.open(proxy, { pool: { max: 1, cancelTimeout: 300, closeTimeout: 200 } })
      const fiber = yield* Effect.fork(Effect.exit(db.transaction(Effect.zipRight(add(db, 1), proxy.set({ kind: "silence" })))))
      // Nobody answers, and nobody may guess: it ends when the network tells us.
      yield* Effect.sleep(300)
      assert.isNull(fiber.unsafePoll())
      yield* proxy.reset
      yield* proxy.set({ kind: "none" })
      const reason = yield* fails(within(Effect.flatten(Fiber.join(fiber)), 2_000, "the answer"), "ConnectionError")
      assert.strictEqual(reason.outcome, "unknown")
      yield* within(ids(db), 3_000, "the next statement")
      const timed = yield* bench.open(proxy, { statementTimeout: 300, pool: { max: 1, cancelTimeout: 300, closeTimeout: 200 } })
      const late = yield* fails(within(timed.transaction(Effect.zipRight(add(timed, 2), proxy.set({ kind: "silence" }))), 2_000, "the timeout"), "StatementTimeoutError")
      assert.strictEqual(late.outcome, "unknown")
      yield* proxy.set({ kind: "none" })
      yield* within(ids(timed), 3_000, "the next statement")
    })
  },
  {
    law: "E3",
    title: "a ROLLBACK that is never answered hides no failure, and holds nobody up for longer than cancelTimeout",
    needs: ["server"],
    run: (bench) => Effect.gen(function*() {
      const proxy = yield* bench.proxy
      const db = yield* bench.open(proxy, { pool: { max: 1, cancelTimeout: 250, closeTimeout: 200 } })
      const work = db.transaction(Effect.all([add(db, 1), proxy.set({ kind: "silence" }), Effect.fail("the body's own")]))
      assert.strictEqual(yield* within(Effect.flip(work), 1_500, "the failure"), "the body's own")
      yield* proxy.set({ kind: "none" })
      yield* within(ids(db), 3_000, "the next statement")
      assert.deepStrictEqual(yield* ids(bench.side), [])
    })
  }
]
