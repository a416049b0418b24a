/**
 * What the stock driver gets wrong on PostgreSQL, each beside ours: one program, one server, two layers.
 *
 * Cases that need more than a layer are in the conformance suite and in `interruption` and `listen`: cancelling (S5),
 * failed COMMITs (E1), siblings (T2), other databases (T1), fragments of two dialects (Q4), a lost session that listens.
 */
import { PgClient } from "@effect/sql-pg"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { quiet } from "../asking.js"
import * as Database from "@sluice/core/Database"
import * as Postgres from "@sluice/postgres/Postgres"
import { isMissing } from "../server.js"
import { driver, stock } from "./stock.js"

describe.skipIf(isMissing)("what the stock driver gets wrong", () => {
  const both = <A, E>(program: Effect.Effect<A, E, SqlClient.SqlClient | PgClient.PgClient>) =>
    Effect.all([Effect.exit(Effect.provide(program, stock({ maxConnections: 2 }))), Effect.exit(Effect.provide(program, driver))])

  it.live("T5 COMMIT of a transaction that has failed is a failure", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE TABLE t (id INTEGER)`
        return yield* sql.withTransaction(Effect.gen(function*() {
          yield* sql`INSERT INTO t VALUES (1)`
          yield* Effect.ignore(sql`SELECT none`)
          return "committed"
        }))
      })
      const [ours, theirs] = yield* both(program)
      assert.isTrue(Exit.isFailure(ours))
      assert.deepStrictEqual(theirs, Exit.succeed("committed"))
    }))

  it.live("S4 a query for each row of a stream in the same transaction", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        return yield* sql.withTransaction(
          sql<{ i: number }>`SELECT generate_series(1, 300) AS i`.stream.pipe(
            Stream.mapEffect(({ i }) => sql`SELECT ${i}::INTEGER AS i`),
            Stream.runCount,
            Effect.timeout(1_500)
          )
        )
      })
      const ours = yield* Effect.exit(Effect.provide(program, stock({ maxConnections: 2 })))
      assert.deepStrictEqual(ours, Exit.succeed(300))
      // Theirs hangs, and so does its scope: it is left to itself.
      const theirs = yield* Effect.forkDaemon(Effect.provide(program, driver))
      yield* Effect.sleep(1_000)
      assert.isNull(theirs.unsafePoll())
      yield* Fiber.interruptFork(theirs)
    }))

  it.live("notify reaches who listens, with an empty payload as well; of two who listen one may leave", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const client = yield* PgClient.PgClient
        const heard: Array<string> = []
        const stay = yield* Effect.fork(Stream.runForEach(client.listen("t"), (payload) => Effect.sync(() => {
          heard.push(payload)
        })))
        const leave = yield* Effect.fork(Stream.runDrain(client.listen("t")))
        yield* Effect.sleep(200)
        const told = yield* Effect.exit(client.notify("t", "by notify"))
        yield* client`SELECT pg_notify('t', '')`
        yield* Effect.sleep(100)
        yield* Fiber.interrupt(leave)
        yield* Effect.sleep(100)
        yield* client`SELECT pg_notify('t', 'after')`
        yield* Effect.sleep(100)
        yield* Fiber.interrupt(stay)
        return [Exit.isSuccess(told), heard]
      })
      const [ours, theirs] = yield* both(program)
      assert.deepStrictEqual(ours, Exit.succeed([true, ["by notify", "", "after"]]))
      assert.deepStrictEqual(theirs, Exit.succeed([false, []]))
    }))

  it.live("a server that never answers is given up after connectTimeout", () =>
    Effect.gen(function*() {
      const silent = createServer(() => {})
      yield* Effect.async<void>((resume) => {
        silent.listen(0, "127.0.0.1", () => resume(Effect.void))
      })
      const { port } = silent.address() as AddressInfo
      const start = performance.now()
      const error = yield* Effect.flip(Effect.scoped(Layer.build(Postgres.layerStock({ host: "127.0.0.1", port, connectTimeout: 200, pool: { acquireTimeout: 400 } }))))
      assert.include(["ConnectionError", "PoolTimeoutError"], error.reason._tag)
      assert.isBelow(performance.now() - start, 2_000)
      silent.close()
    }))

  it.live("P9 a stream that is interrupted while it waits for the pool gives nothing away", () =>
    Effect.gen(function*() {
      const db = yield* Database.Database
      const sql = yield* SqlClient.SqlClient
      for (let n = 0; n < 3; n++) {
        yield* Effect.scoped(Effect.gen(function*() {
          yield* sql.reserve
          const fiber = yield* Effect.fork(Stream.runDrain(sql`SELECT 1`.stream))
          yield* Effect.sleep(30)
          yield* Fiber.interrupt(fiber)
        }))
      }
      assert.deepStrictEqual(yield* sql`SELECT 1 AS one`, [{ one: 1 }])
      yield* quiet(db)
      assert.strictEqual((yield* db.pool.stats).lent, 0)
    }).pipe(Effect.provide(stock({ maxConnections: 1 }))))

  it.live("S3 a session that is killed in the middle of a stream ends the stream", () =>
    Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      const stream = sql<{ pid: number }>`SELECT pg_backend_pid() AS pid, generate_series(1, 1000000) AS i`.stream
      const exit = yield* Effect.exit(Effect.timeout(Stream.runForEachChunk(stream, (rows) =>
        Effect.ignore(sql`SELECT pg_terminate_backend(${[...rows][0]?.pid})`)), 5_000))
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isFailure(exit)) assert.include(String(exit.cause), "SqlError")
    }).pipe(Effect.provide(stock({ maxConnections: 2 }))))
})
