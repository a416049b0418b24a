/**
 * A primary and a replica, two servers of this file's own. Beside what every dialect is asked for: what happens when the two
 * exchange their roles, and that nobody else is killed by the id of a session.
 */
import { assert } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import * as Mysql from "@sluice/mysql/Mysql"
import { mariadb } from "@sluice/testkit/profiles/mysql"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Net from "node:net"
import { hosts } from "../../testkit/test/hosts/hosts.js"
import { type Member, Members, until, within } from "../../testkit/test/hosts/members.js"
import { cluster, exchange, isMissing, promote, setReadOnly } from "./cluster.js"

/** A database of several hosts, as a user who is bound by read_only. */
const on = (hosts: ReadonlyArray<Member>, config: Mysql.Config) =>
  Mysql.layer({ hosts: hosts.map((host) => host.endpoint), username: "app", database: "app", ...config })

const portOf = (db: Database.Database) => db<number>`SELECT @@port`.scalar

/** An address that belongs to one server, and then to another: what was open stays where it was. */
const movable = (first: Member) =>
  Effect.gen(function*() {
    let target = first.port
    const sockets = new Set<Net.Socket>()
    const server = yield* Effect.acquireRelease(
      Effect.async<Net.Server>((resume) => {
        const server = Net.createServer((client) => {
          const upstream = Net.connect(target, "127.0.0.1")
          for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
            sockets.add(from)
            from.on("error", () => to.destroy()).on("close", () => to.destroy()).pipe(to)
          }
        }).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) => Effect.async<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
    )
    const address = server.address()
    return {
      at: { host: "127.0.0.1", port: typeof address === "object" && address !== null ? address.port : 0 },
      to: (member: Member) => {
        target = member.port
      }
    }
  })

/** Sessions of the tests' user there. */
const sessions = (member: Member) => member.ask<number>("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'app'")

hosts("Mysql", {
  isMissing,
  pair: cluster,
  layer: (config) => Mysql.layer({ localInfile: true, ...config }),
  url: { scheme: "mysql", target: "targetSessionAttrs", balance: "loadBalanceHosts" },
  texts: mariadb.faults!,
  port: "@@port",
  refusal: { code: 1290, sqlState: "HY000" },
  setReadOnly,
  promote
}, (it) => {
  it.effect("a socket stands beside no hosts", () =>
    Effect.gen(function*() {
      const { reason } = yield* Effect.flip(within(Mysql.layer({ hosts: ["a"], unixSocket: "socket" }), portOf))
      assert.strictEqual(reason._tag === "ConfigError" ? reason.field : reason._tag, "hosts")
    }))

  it.effect("S5 where another server answers at the address of before, nothing is killed", () =>
    Effect.gen(function*() {
      const { pair: [a, b] } = yield* Members
      const moving = yield* movable(a)
      // Ids count from each server's start: those that come next there are made the same as the one here.
      const next = (member: Member) => member.ask<number>("SELECT CONNECTION_ID()")
      const floor = yield* next(b)
      yield* Effect.repeat(next(a), { until: (id) => id > floor + 20 })
      yield* within(Mysql.layer({ ...moving.at, username: "app", database: "app", pool: { cancelTimeout: "1 second" } }), (db) => Effect.gen(function*() {
        // Longer than a hundred connections take on cores that have other work.
        const victim = yield* Effect.fork(db`SELECT SLEEP(60)`)
        yield* until(Effect.map(a.ask<number>("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP(60)%'"), (n) => n === 1))
        // The address belongs to the other one now.
        moving.to(b)
        const id = yield* a.ask<number>("SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP(60)%'")
        yield* Effect.addFinalizer(() => Effect.ignore(a.run(`KILL ${id}`)))
        yield* within(on([b], { targetSessionAttrs: "any", pool: { max: 200, min: 0 } }), (there) => Effect.gen(function*() {
          const held = yield* Effect.forEach(Array.from({ length: 100 }), () => there.reserve, { concurrency: 20 })
          const ids = yield* Effect.forEach(held, (one) => Effect.map(one.executeValues("SELECT CONNECTION_ID()", []), (rows) => Number(rows[0]?.[0])))
          assert.include(ids, id)
          yield* Fiber.interrupt(victim)
          yield* until(Effect.map(db.pool.stats, (stats) => stats.lent + stats.retired === 0))
          for (const [index, one] of held.entries()) {
            const again = yield* Effect.exit(one.executeValues("SELECT CONNECTION_ID()", []))
            assert.isTrue(Exit.isSuccess(again), `session ${ids[index]} is as it was`)
          }
        }).pipe(Effect.scoped))
        assert.strictEqual(yield* portOf(db), b.port)
      }))
    }).pipe(Effect.scoped))

  it.effect("S5 a connection by which statements are stopped is opened again when it was lost, and closed with the database", () =>
    Effect.gen(function*() {
      const { pair: [a, b] } = yield* Members
      const moving = yield* movable(a)
      const sleeping = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP(30)%'"
      yield* within(Mysql.layer({ ...moving.at, username: "app", database: "app" }), (db) => Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        const id = yield* session<number>`SELECT CONNECTION_ID()`.scalar
        const stopped = Effect.gen(function*() {
          const victim = yield* Effect.fork(session`SELECT SLEEP(30)`)
          yield* until(Effect.map(a.ask<number>(sleeping), (n) => n === 1))
          yield* Fiber.interrupt(victim)
          yield* until(Effect.map(a.ask<number>(sleeping), (n) => n === 0))
          assert.strictEqual(yield* session<number>`SELECT CONNECTION_ID()`.scalar, id)
        })
        yield* stopped
        yield* a.run(`KILL ${yield* a.ask<number>(`SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'app' AND ID <> ${id}`)}`)
        yield* until(Effect.map(sessions(a), (n) => n === 1))
        // Meanwhile the address leads elsewhere, for another borrower.
        moving.to(b)
        assert.strictEqual(yield* portOf(db), b.port)
        moving.to(a)
        yield* stopped
        assert.strictEqual(yield* sessions(a), 2)
      })))
      yield* until(Effect.map(sessions(a), (n) => n === 0))
    }).pipe(Effect.scoped))

  it.effect("a primary that becomes read-only empties the pool: one failure says so, and the next write is on the new one", () =>
    Effect.gen(function*() {
      const members = yield* Members
      const [a, b] = members.pair
      yield* within(on([a, b], { targetSessionAttrs: "read-write", pool: { max: 8 } }), (db) => Effect.gen(function*() {
        yield* Effect.forEach(Array.from({ length: 8 }), () => db`SELECT SLEEP(0.05)`, { concurrency: 8, discard: true })
        assert.strictEqual((yield* db.pool.stats).idle, 8)
        yield* exchange(a, b)
        const error = yield* Effect.flip(db`INSERT INTO marks VALUES (1, @@port)`.run)
        assert.strictEqual(error.reason._tag, "ConnectionError")
        assert.strictEqual(error.reason.code, 1290)
        assert.deepStrictEqual([error.isRetryable, error.outcome, error.connection], [true, "not-applied", "broken"])
        yield* db`INSERT INTO marks VALUES (2, @@port)`.run
        assert.strictEqual(yield* portOf(db), b.port)
        yield* until(Effect.map(sessions(a), (n) => n === 0))
        const stats = yield* db.pool.stats
        assert.deepStrictEqual([stats.lent, stats.retired, stats.waiting], [0, 0, 0])
      }))
      assert.strictEqual(yield* b.ask<string>("SELECT GROUP_CONCAT(id, ':', port) FROM app.marks"), `2:${b.port}`)
      members.pair = [b, a]
    }))

  it.effect("a transaction that meets a primary become read-only fails as a whole, and its retry is on the new one", () =>
    Effect.gen(function*() {
      const members = yield* Members
      const [a, b] = members.pair
      yield* within(on([a, b], { targetSessionAttrs: "primary" }), (db) => Effect.gen(function*() {
        yield* db`SELECT 1`
        yield* exchange(a, b)
        const attempt = db.transaction(db`INSERT INTO marks VALUES (10, @@port)`.run)
        const error = yield* Effect.flip(attempt)
        assert.deepStrictEqual([error.reason._tag, error.isRetryable, error.outcome], ["ConnectionError", true, "not-applied"])
        yield* attempt
      }))
      assert.strictEqual(yield* b.ask<number>("SELECT COUNT(*) FROM app.marks WHERE id = 10"), 1)
      members.pair = [b, a]
    }))
})
