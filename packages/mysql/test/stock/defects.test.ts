/**
 * What the stock driver gets wrong on MySQL, each beside ours: one program, one server, two layers.
 *
 * Cases that need more than a layer are in the conformance suite: cancelling (S5), acquiring (P3), streams (S2, S4),
 * failed COMMITs (E1), siblings (T2), other databases (T1), fragments of two dialects (Q4).
 */
import { MysqlClient } from "@effect/sql-mysql2"
import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlResolver from "@effect/sql/SqlResolver"
import { assert, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Resolver from "@sluice/core/Resolver"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { Server } from "../server.js"
import { onServers } from "./stock.js"

/** The stock driver on a database of the test's own. */
const theirs = (server: Server) =>
  server.freshAs(({ database, url }) => {
    const reached = new URL(String(url))
    reached.pathname = `/${String(database)}`
    return Layer.orDie(MysqlClient.layer({ url: Redacted.make(reached.href), maxConnections: 2 }))
  })

onServers("what the stock driver gets wrong", (stock, server) => {
  const both = <A, E>(program: Effect.Effect<A, E, SqlClient.SqlClient>) =>
    Effect.all([Effect.exit(Effect.provide(program, stock({ pool: { max: 2 } }))), Effect.exit(Effect.provide(program, theirs(server)))])

  it.live("Q1 a BIGINT has one type: bigint where it is asked for, and never a text", () =>
    Effect.gen(function*() {
      const program = Effect.flatMap(SqlClient.SqlClient, (sql) => sql<{ id: unknown }>`SELECT CAST(1 AS SIGNED) AS id UNION ALL SELECT 9007199254740993`)
      const safe = Effect.provideService(program, SqlClient.SafeIntegers, true)
      const [ours, stocks] = yield* both(safe)
      assert.deepStrictEqual(ours, Exit.succeed([{ id: 1n }, { id: 9_007_199_254_740_993n }]))
      assert.deepStrictEqual(Exit.isSuccess(stocks) ? stocks.value.map(({ id }) => typeof id) : stocks, ["number", "string"])
    }))

  it.live("Q2 a second statement in a text is refused", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE TABLE t (id INTEGER)`
        yield* Effect.ignore(sql.unsafe("SELECT 1; INSERT INTO t VALUES (1)").unprepared)
        return yield* sql`SELECT COUNT(*) AS n FROM t`
      })
      assert.deepStrictEqual(yield* both(program), [Exit.succeed([{ n: 0 }]), Exit.succeed([{ n: 1 }])])
    }))

  it.live("Q3 an insert of rows with different keys uses all of them", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE TABLE t (a INTEGER, b INTEGER DEFAULT 7)`
        yield* sql`INSERT INTO t ${sql.insert([{ a: 1 }, { a: 2, b: 5 }])}`
        return yield* sql`SELECT * FROM t ORDER BY a`
      })
      assert.deepStrictEqual(yield* both(program), [
        Exit.succeed([{ a: 1, b: 7 }, { a: 2, b: 5 }]),
        Exit.succeed([{ a: 1, b: 7 }, { a: 2, b: 7 }])
      ])
    }))

  it.live("updateValues changes many rows at once: a derived table that is joined", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(20), price DECIMAL(10, 2), at DATETIME(3))`
        yield* sql`INSERT INTO people (id) VALUES (1), (2), (3)`
        const at = new Date("2024-02-29T12:34:56.789Z")
        yield* sql`
          UPDATE people INNER JOIN ${sql.updateValues([{ id: 1, name: "Ada", price: "1.25", at }, { id: 2, name: "日本", price: null, at: null }], "data")}
          ON data.id = people.id SET people.name = data.name, people.price = data.price, people.at = data.at`
        return yield* sql`SELECT id, name, price, CAST(at AS CHAR) AS at FROM people ORDER BY id`
      })
      const [ours, stocks] = yield* both(program)
      assert.deepStrictEqual(ours, Exit.succeed([
        { id: 1, name: "Ada", price: "1.25", at: "2024-02-29 12:34:56.789" },
        { id: 2, name: "日本", price: null, at: null },
        { id: 3, name: null, price: null, at: null }
      ]))
      assert.isTrue(Exit.isFailure(stocks))
    }))

  it.live("updateValues takes rows with different keys, and is the same unprepared", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b VARCHAR(10))`
      yield* sql`INSERT INTO t VALUES (1, 0, 'x'), (2, 0, 'y')`
      const set = sql`UPDATE t JOIN ${sql.updateValues([{ id: 1, a: 5 }, { id: 2, b: "it's" }], "d")} ON d.id = t.id SET t.a = COALESCE(d.a, t.a), t.b = COALESCE(d.b, t.b)`
      yield* set.unprepared
      assert.deepStrictEqual(yield* sql`SELECT * FROM t ORDER BY id`, [{ id: 1, a: 5, b: "x" }, { id: 2, a: 0, b: "it's" }])
    }).pipe(Effect.provide(stock())))

  it.live("findById of one id twice answers both askers", () =>
    Effect.gen(function*() {
      const ask = (repair: "as it is" | "distinct") => Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const found = yield* SqlResolver.findById("One", {
          Id: Schema.Number, Result: Schema.Struct({ id: Schema.Number }), ResultId: (row) => row.id,
          execute: (ids) => sql`SELECT 1 AS id WHERE 1 IN ${sql.in(ids)}`
        })
        const resolver = repair === "distinct" ? Resolver.distinct(found) : found
        const all = yield* Effect.forEach([1, 1], (id) => resolver.execute(id), { batching: true })
        return all.length
      })
      const [ours] = yield* both(ask("distinct"))
      const [, stocks] = yield* both(ask("as it is"))
      assert.deepStrictEqual(ours, Exit.succeed(2))
      assert.isTrue(Exit.isInterrupted(stocks))
    }))

  it.live("P2 an idle connection is kept, and the url leaves the pool's options alone", () =>
    Effect.gen(function*() {
      const ids = (pause: number) => Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const seen = new Set<unknown>()
        for (let round = 0; round < 3; round++) {
          seen.add((yield* sql<{ id: number }>`SELECT CONNECTION_ID() AS id`)[0]?.id)
          yield* Effect.sleep(pause)
        }
        return seen.size
      })
      assert.deepStrictEqual(yield* Effect.exit(Effect.provide(ids(50), stock({ pool: { max: 2 } }))), Exit.succeed(1))
      const stats = yield* Effect.flatMap(Database.Database, (db) => db.pool.stats).pipe(Effect.provide(stock({ maxConnections: 2 })))
      assert.deepStrictEqual([stats.max, stats.opened, stats.closed], [2, 1, 0])
    }))

  it.live("P3 reserve is interruptible, and bounded by acquireTimeout", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* sql.reserve
      const start = Date.now()
      const late = yield* Effect.exit(Effect.timeout(Effect.scoped(sql.reserve), 50))
      assert.isTrue(Exit.isFailure(late))
      const refused = yield* Effect.flip(Effect.scoped(sql.reserve))
      assert.include(refused.message, "PoolTimeoutError")
      assert.isBelow(Date.now() - start, 2_000)
    }).pipe(Effect.scoped, Effect.provide(stock({ pool: { max: 1, acquireTimeout: 300 } }))))
})
