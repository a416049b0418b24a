/**
 * Cases of the laws T5, E2 and S3: the connection is cut after every byte of some work, in both directions, and what is
 * reported must be what the server has.
 */
import { assert } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Case } from "../../Case.js"
import type { Bench } from "../../Faults.js"
import { add, eventually, failure, ids, within } from "../../internal/asking.js"
import type * as TcpProxy from "../../TcpProxy.js"

type Bytes = Readonly<Record<TcpProxy.Direction, number>>

const config = { pool: { max: 1, closeTimeout: 200, cancelTimeout: 200 } }

/** What one piece of work did on a connection that was cut after some of its bytes. */
interface Cut<A> {
  readonly exit: Exit.Exit<A, SqlError.SqlError>
  /** Bytes of the work that would have passed. */
  readonly bytes: Bytes
}

/** Runs work on a connection of its own, which is cut after so many of the work's bytes; ends when its session is gone. */
const cut = <A>(
  bench: Bench,
  proxy: TcpProxy.TcpProxy,
  where: { readonly direction: TcpProxy.Direction; readonly after: number } | undefined,
  work: (db: Database.Database) => Effect.Effect<A, SqlError.SqlError>
): Effect.Effect<Cut<A>, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const start = yield* proxy.bytes
    const result = yield* Effect.scoped(Effect.gen(function*() {
      const db = yield* bench.open(proxy, config)
      const before = yield* proxy.bytes
      if (where !== undefined) {
        const { after, direction } = where
        yield* proxy.set({ kind: "cut", direction, after: before[direction] - start[direction] + after })
      }
      const exit = yield* within(Effect.exit(work(db)), 3_000, "the answer to a cut")
      const after = yield* proxy.bytes
      return { exit, bytes: { up: after.up - before.up, down: after.down - before.down } }
    }))
    yield* proxy.set({ kind: "none" })
    // The server may still be at work with what reached it.
    yield* eventually(Effect.map(bench.sessions, (all) => all.size === 0), "the end of the session")
    return result
  })

/** Every place at which work may be cut: after each byte, in each direction, and once after the last one. */
const everywhere = (bytes: Bytes) =>
  (["up", "down"] as const).flatMap((direction) => Array.from({ length: bytes[direction] + 1 }, (_, after) => ({ direction, after })))

/** How often each report was given: each must have been seen, or the case asks nothing. */
type Tally = Record<"done" | "not-applied" | "applied" | "unknown", number>

/** Compares a report with what the server has. */
const compared = (tally: Tally, exit: Exit.Exit<unknown, SqlError.SqlError>, isThere: boolean, at: string): Effect.Effect<SqlError.SqlError | undefined, Error> =>
  Effect.gen(function*() {
    if (Exit.isSuccess(exit)) {
      tally.done++
      assert.isTrue(isThere, `${at}: reported as done, and not there`)
      return undefined
    }
    const error = yield* failure(exit)
    tally[error.outcome]++
    assert.notStrictEqual(error.connection, "usable", `${at}: ${error.message}`)
    if (error.outcome !== "unknown") assert.strictEqual(isThere, error.outcome === "applied", `${at}: reported as ${error.outcome}: ${error.message}`)
    return error
  })

/**
 * Where only answers are cut, what we sent has arrived: what is there is unknown to us, and what is not was never sent,
 * which we know. But once (1): the reset that follows a whole answer may cross with what is sent next.
 */
const arrived = (error: SqlError.SqlError, isThere: boolean, at: string): Effect.Effect<0 | 1> =>
  Effect.sync(() => {
    if (!isThere && error.outcome === "unknown") return 1
    assert.strictEqual(error.outcome, isThere ? "unknown" : "not-applied", `${at}: ${error.message}`)
    return 0
  })

export const cuts: ReadonlyArray<Case<Bench>> = [
  {
    law: "T5",
    title: "a transaction that is cut after any of its bytes is reported as what it became; unknown only once COMMIT was sent",
    needs: ["server"],
    within: 90_000,
    run: (bench) => Effect.gen(function*() {
      const proxy = yield* bench.proxy
      let isCommitting = false
      const work = (id: number) => (db: Database.Database) => db.transaction(Effect.gen(function*() {
        isCommitting = false
        yield* add(db, id)
        yield* db`UPDATE things SET amount = 7 WHERE id = ${id}`.run
        isCommitting = true
      }))
      const { bytes } = yield* cut(bench, proxy, undefined, work(1_000))
      const tally: Tally = { done: 0, "not-applied": 0, applied: 0, unknown: 0 }
      let crossed = 0
      let id = 1_000
      for (const where of everywhere(bytes)) {
        id++
        const { exit } = yield* cut(bench, proxy, where, work(id))
        const rows = yield* bench.side<{ amount: number }>`SELECT amount FROM things WHERE id = ${id}`
        // The whole of it or nothing.
        assert.isTrue(rows.length === 0 || Number(rows[0]?.amount) === 7)
        const at = `${where.direction} ${where.after} of ${bytes[where.direction]}`
        const error = yield* compared(tally, exit, rows.length === 1, at)
        if (error === undefined) continue
        if (!isCommitting) assert.strictEqual(error.outcome, "not-applied", `${at}, before COMMIT: ${error.message}`)
        if (where.direction === "down") crossed += yield* arrived(error, rows.length === 1, at)
      }
      assert.isAtMost(crossed, 1)
      assert.isTrue(tally.done >= 1 && tally["not-applied"] > 50 && tally.unknown > 5, JSON.stringify(tally))
    })
  },
  {
    law: "E2",
    title: "an INSERT that is cut after any of its bytes is reported as what it became",
    needs: ["server"],
    within: 60_000,
    run: (bench) => Effect.gen(function*() {
      const proxy = yield* bench.proxy
      const { bytes } = yield* cut(bench, proxy, undefined, (db) => add(db, 1_000))
      const tally: Tally = { done: 0, "not-applied": 0, applied: 0, unknown: 0 }
      let crossed = 0
      let id = 1_000
      for (const where of everywhere(bytes)) {
        id++
        const { exit } = yield* cut(bench, proxy, where, (db) => add(db, id))
        const isThere = (yield* bench.side`SELECT id FROM things WHERE id = ${id}`).length === 1
        const at = `${where.direction} ${where.after} of ${bytes[where.direction]}`
        const error = yield* compared(tally, exit, isThere, at)
        if (error !== undefined && where.direction === "down") crossed += yield* arrived(error, isThere, at)
      }
      assert.isAtMost(crossed, 1)
      assert.isTrue(tally.done >= 1 && tally.unknown > 5, JSON.stringify(tally))
    })
  },
  {
    law: "E2",
    title: "a SELECT of a function that writes is unknown where its answer was cut: that it reads, its words alone say",
    needs: ["server", "procedures"],
    within: 60_000,
    run: (bench) => Effect.gen(function*() {
      const proxy = yield* bench.proxy
      yield* bench.side.unsafe(bench.profile.sql.adding ?? "")
      const work = (id: number) => (db: Database.Database) => db.unsafe(`SELECT adding(${id}) AS n`)
      const { bytes } = yield* cut(bench, proxy, undefined, work(1_000))
      const tally: Tally = { done: 0, "not-applied": 0, applied: 0, unknown: 0 }
      let id = 1_000
      for (const where of everywhere(bytes)) {
        id++
        const { exit } = yield* cut(bench, proxy, where, work(id))
        const isThere = (yield* bench.side`SELECT id FROM things WHERE id = ${id}`).length === 1
        yield* compared(tally, exit, isThere, `${where.direction} ${where.after} of ${bytes[where.direction]}`)
      }
      assert.isTrue(tally.done >= 1 && tally.unknown > 5, JSON.stringify(tally))
    })
  },
  {
    law: "S3",
    title: "a stream that is cut after any of its bytes gives the rows before it, then a failure",
    needs: ["server", "streaming"],
    within: 60_000,
    run: (bench) => Effect.gen(function*() {
      const proxy = yield* bench.proxy
      const rows: Array<number> = []
      const work = (db: Database.Database) => {
        rows.length = 0
        return Stream.runForEach(db.unsafe<{ i: number }>(bench.profile.sql.rows(10)).with({ fetchSize: 3 }).stream, ({ i }) => Effect.sync(() => rows.push(Number(i))))
      }
      const { bytes } = yield* cut(bench, proxy, undefined, work)
      const before: Array<number> = []
      for (const where of everywhere(bytes)) {
        const { exit } = yield* cut(bench, proxy, where, work)
        const at = `${where.direction} ${where.after} of ${bytes[where.direction]}`
        assert.deepStrictEqual(rows, Array.from({ length: rows.length }, (_, n) => n + 1), at)
        if (Exit.isSuccess(exit)) {
          assert.strictEqual(rows.length, 10, at)
          continue
        }
        const error = yield* failure(exit)
        assert.deepStrictEqual([error.reason._tag, error.connection, error.outcome], ["ConnectionError", "broken", "not-applied"], at)
        before.push(rows.length)
      }
      // Some rows were there before the cut, as far as their chunk was whole.
      assert.isAbove(Math.max(...before), 2)
    })
  },
  {
    law: "E1",
    title: "connecting that is cut after any of its bytes is tried again, and leaves no session behind",
    needs: ["server"],
    within: 180_000,
    run: (bench) => Effect.gen(function*() {
      const bytes = yield* Effect.scoped(Effect.gen(function*() {
        const proxy = yield* bench.proxy
        yield* bench.open(proxy, config)
        return yield* proxy.bytes
      }))
      // Most of the time is waited, for the second attempt: each has a network of its own, and many are under way at a time.
      yield* Effect.forEach(everywhere(bytes), ({ after, direction }) =>
        Effect.scoped(Effect.gen(function*() {
          const proxy = yield* bench.proxy
          const db = yield* bench.open(proxy, { ...config, pool: { ...config.pool, lazy: true } })
          yield* proxy.set({ kind: "cut", direction, after })
          const fiber = yield* Effect.fork(ids(db))
          yield* eventually(Effect.map(db.pool.stats, (stats) => stats.connectFailures + stats.opened > 0), "the first attempt")
          yield* proxy.set({ kind: "none" })
          // Where the cut came with the last byte, the one attempt succeeded and the statement may have been hit.
          const exit = yield* within(fiber.await, 5_000, "the second attempt")
          if (Exit.isFailure(exit) && after < bytes[direction]) assert.fail(`${direction} ${after} of ${bytes[direction]}: ${String(exit.cause)}`)
        })), { concurrency: 16, discard: true })
    })
  }
]
