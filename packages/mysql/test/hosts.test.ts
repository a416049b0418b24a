/**
 * A primary and a replica, two servers of this file's own: which one is connected to, what happens when they exchange their
 * roles and when the primary is killed under load, and where a statement is stopped.
 */
import { assert, describe, layer } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import type * as Hosts from "@sluice/core/Hosts"
import * as SqlError from "@sluice/core/SqlError"
import * as Mysql from "@sluice/mysql/Mysql"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Net from "node:net"
import { cluster, exchange, isMissing, type Member, promote } from "./cluster.js"

class Cluster extends Context.Tag("Cluster")<Cluster, { members: readonly [Member, Member] }>() {}

const members = Layer.scoped(Cluster, Effect.map(cluster, (members) => ({ members })))

/** A database of several hosts, as a user who is bound by read_only. */
const on = (hosts: ReadonlyArray<Member>, target: Hosts.TargetSessionAttrs, config: Mysql.Config = {}) =>
  Mysql.layer({ hosts: hosts.map((host) => host.endpoint), targetSessionAttrs: target, username: "app", database: "app", ...config })

const within = <A, E, R>(layer: Layer.Layer<Database.DatabaseId, SqlError.SqlError>, body: (db: Database.Database) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(Database.Database, body).pipe(Effect.provide(layer))

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

const until = (effect: Effect.Effect<boolean, SqlError.SqlError>) =>
  Effect.repeat(Effect.tap(effect, (is) => is ? Effect.void : Effect.sleep(20)), { until: (is) => is }).pipe(
    Effect.timeoutFail({ duration: "10 seconds", onTimeout: () => new Error("it did not come to that") })
  )

describe.skipIf(isMissing)("Mysql, several hosts", () => {
  layer(members, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.effect("targetSessionAttrs chooses by read_only, in whatever order the hosts are given", () =>
      Effect.gen(function*() {
        const { members: [a, b] } = yield* Cluster
        const cases = [
          ["primary", [b, a], a], ["read-write", [b, a], a], ["standby", [a, b], b], ["read-only", [a, b], b],
          ["prefer-standby", [a, b], b], ["prefer-standby", [a], a], ["any", [b, a], b]
        ] as const
        for (const [target, hosts, expected] of cases) {
          yield* within(on(hosts, target), (db) => Effect.gen(function*() {
            assert.strictEqual(yield* portOf(db), expected.port, target)
            assert.strictEqual(yield* db.withConnection((connection) => Effect.succeed(connection.endpoint)), expected.endpoint)
          }))
        }
        const error = yield* Effect.flip(within(on([b], "primary", { pool: { acquireTimeout: 500 } }), portOf))
        assert.strictEqual(error.reason._tag, "ConnectionError")
        assert.include(error.message, `${b.endpoint} is a standby`)
      }))

    it.effect("hosts and their options stand in a URL as well; fields beside it win", () =>
      Effect.gen(function*() {
        const { members: [a, b] } = yield* Cluster
        const url = `mysql://app@${b.endpoint},${a.endpoint}/app?targetSessionAttrs=primary&loadBalanceHosts=random`
        assert.strictEqual(yield* within(Mysql.layer({ url }), portOf), a.port)
        assert.strictEqual(yield* within(Mysql.layer({ url, targetSessionAttrs: "standby" }), portOf), b.port)
        assert.strictEqual(yield* within(Mysql.layer({ url, host: b.host, port: b.port, targetSessionAttrs: "any" }), portOf), b.port)
        assert.strictEqual(yield* within(Mysql.layer({ url: "mysql://app@nowhere.invalid/app", hosts: [{ host: a.host }, b.endpoint], port: a.port }), portOf), a.port)
        const field = (config: Mysql.Config) => Effect.map(Effect.flip(within(Mysql.layer(config), portOf)), ({ reason }) => reason._tag === "ConfigError" ? reason.field : reason._tag)
        assert.strictEqual(yield* field({ url: "mysql://a,b/x?targetSessionAttrs=master" }), "url.targetSessionAttrs")
        assert.strictEqual(yield* field({ url: "mysql://a,b/x?loadBalanceHosts=yes" }), "url.loadBalanceHosts")
        assert.strictEqual(yield* field({ url: "mysql://u:s3cr3t@a,:1/x" }), "url.host")
        assert.strictEqual(yield* field({ hosts: ["a"], host: "b" }), "hosts")
        assert.strictEqual(yield* field({ hosts: ["a"], unixSocket: "socket" }), "hosts")
        assert.strictEqual(yield* field({ hosts: ["a", "b:x"] }), "hosts[1]")
        assert.strictEqual(yield* field({ hosts: [] }), "hosts")
      }))

    it.effect("a host where nobody listens is passed over; when none is left, the error names each and no secret", () =>
      Effect.gen(function*() {
        const { members: [a] } = yield* Cluster
        const config: Mysql.Config = { hosts: ["127.0.0.1:1", a.endpoint], username: "app", database: "app" }
        assert.strictEqual(yield* within(Mysql.layer({ ...config, targetSessionAttrs: "primary" }), portOf), a.port)
        assert.strictEqual(yield* within(Mysql.layer(config), portOf), a.port)
        const error = yield* Effect.flip(within(Mysql.layer({ url: "mysql://app:s3cr3t@127.0.0.1:1,127.0.0.1:2/app", pool: { acquireTimeout: 500 } }), portOf))
        assert.match(error.message, /127\.0\.0\.1:1.*127\.0\.0\.1:2/)
        assert.notInclude(error.message, "s3cr3t")
      }))

    it.effect("S5 a statement is stopped on the server where it runs, and no session of the same id elsewhere", () =>
      Effect.gen(function*() {
        const { members: [a, b] } = yield* Cluster
        // The first of the hosts is not where it runs.
        yield* within(on([a, b], "standby", { pool: { max: 8 } }), (there) =>
          within(on([a], "primary", { pool: { max: 40 } }), (innocent) => Effect.gen(function*() {
            const statements = yield* Effect.fork(Effect.forEach(Array.from({ length: 40 }), () => innocent`SELECT SLEEP(1.5) AS slept`, { concurrency: 40 }))
            yield* Effect.sleep(100)
            for (let round = 0; round < 10; round++) {
              const victims = yield* Effect.fork(Effect.forEach(Array.from({ length: 8 }), () => there`SELECT SLEEP(30)`, { concurrency: 8 }))
              yield* Effect.sleep(20)
              yield* Fiber.interrupt(victims)
              yield* until(Effect.map(there.pool.stats, (stats) => stats.lent + stats.retired === 0))
            }
            const running = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP(30)%'"
            assert.strictEqual(yield* b.ask<number>(running), 0)
            const slept = yield* Fiber.join(statements)
            // An interrupted SLEEP answers with 1.
            assert.deepStrictEqual(slept.map((rows) => Object.values(rows[0] as object)[0]), Array.from({ length: 40 }, () => 0))
          })))
      }))

    it.effect("S5 where another server answers at the address of before, nothing is killed", () =>
      Effect.gen(function*() {
        const { members: [a, b] } = yield* Cluster
        const moving = yield* movable(a)
        // Ids count from each server's start: those that come next there are made the same as the one here.
        const next = (member: Member) => member.ask<number>("SELECT CONNECTION_ID()")
        const floor = yield* next(b)
        yield* Effect.repeat(next(a), { until: (id) => id > floor + 20 })
        yield* within(Mysql.layer({ ...moving.at, username: "app", database: "app", pool: { cancelTimeout: "1 second" } }), (db) => Effect.gen(function*() {
          const victim = yield* Effect.fork(db`SELECT SLEEP(5)`)
          yield* until(Effect.map(a.ask<number>("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP(5)%'"), (n) => n === 1))
          // The address belongs to the other one now.
          moving.to(b)
          const id = yield* a.ask<number>("SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP(5)%'")
          yield* within(on([b], "any", { pool: { max: 200, min: 0 } }), (there) => Effect.gen(function*() {
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
        const { members: [a, b] } = yield* Cluster
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
        const cluster = yield* Cluster
        const [a, b] = cluster.members
        yield* within(on([a, b], "read-write", { pool: { max: 8 } }), (db) => Effect.gen(function*() {
          yield* Effect.forEach(Array.from({ length: 8 }), () => db`SELECT SLEEP(0.05)`, { concurrency: 8, discard: true })
          assert.strictEqual((yield* db.pool.stats).idle, 8)
          yield* exchange(a, b)
          const error = yield* Effect.flip(db`INSERT INTO marks VALUES (1, @@server_id)`.run)
          assert.strictEqual(error.reason._tag, "ConnectionError")
          assert.strictEqual(error.reason.code, 1290)
          assert.deepStrictEqual([error.isRetryable, error.outcome, error.connection], [true, "not-applied", "broken"])
          yield* db`INSERT INTO marks VALUES (2, @@server_id)`.run
          assert.strictEqual(yield* portOf(db), b.port)
          yield* until(Effect.map(sessions(a), (n) => n === 0))
          const stats = yield* db.pool.stats
          assert.deepStrictEqual([stats.lent, stats.retired, stats.waiting], [0, 0, 0])
        }))
        assert.strictEqual(yield* b.ask<string>("SELECT GROUP_CONCAT(id, ':', host) FROM app.marks"), "2:2")
        cluster.members = [b, a]
      }))

    it.effect("a transaction that meets a primary become read-only fails as a whole, and its retry is on the new one", () =>
      Effect.gen(function*() {
        const cluster = yield* Cluster
        const [a, b] = cluster.members
        yield* within(on([a, b], "primary"), (db) => Effect.gen(function*() {
          yield* db`SELECT 1`
          yield* exchange(a, b)
          const attempt = db.transaction(db`INSERT INTO marks VALUES (10, @@server_id)`.run)
          const error = yield* Effect.flip(attempt)
          assert.deepStrictEqual([error.reason._tag, error.isRetryable, error.outcome], ["ConnectionError", true, "not-applied"])
          yield* attempt
        }))
        assert.strictEqual(yield* b.ask<number>("SELECT COUNT(*) FROM app.marks WHERE id = 10"), 1)
        cluster.members = [b, a]
      }))

    it.effect("every way to write says so, and who comes next waits until there is a primary again", () =>
      Effect.gen(function*() {
        const { members: [a] } = yield* Cluster
        yield* within(on([a], "read-write", { localInfile: true, pool: { max: 2 } }), (db) => Effect.gen(function*() {
          yield* db`CREATE TABLE ways (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(10))`
          const ways: Readonly<Record<string, Effect.Effect<unknown, SqlError.SqlError>>> = {
            prepared: db`INSERT INTO ways (name) VALUES (${"a"})`.run,
            unprepared: db`INSERT INTO ways (name) VALUES (${"a"})`.unprepared,
            stream: Stream.runDrain(db`INSERT INTO ways (name) VALUES (${"a"}) RETURNING id`.stream),
            executeMany: db.executeMany("INSERT INTO ways (name) VALUES (?)", [["a"], ["b"]]),
            batch: db.batch([db`INSERT INTO ways (name) VALUES ('a')`]),
            session: Effect.scoped(Effect.flatMap(db.session, (session) => session`INSERT INTO ways (name) VALUES ('a')`.run)),
            bulk: Effect.scoped(db.withConnection((connection) =>
              Effect.gen(function*() {
                const writer = yield* connection.bulk!({ table: "ways", columns: ["name"], onConflict: "error" })
                yield* writer.write([["a"], ["b"]])
                yield* writer.finish
              })))
          }
          for (const [name, way] of Object.entries(ways)) {
            yield* a.run("SET GLOBAL read_only = 1")
            // What is open already is told by the refusal; a new one is asked.
            const error = yield* Effect.flip(way)
            assert.deepStrictEqual([error.reason._tag, error.isRetryable, error.outcome], ["ConnectionError", true, "not-applied"], `${name}: ${error.message}`)
            const next = yield* Effect.fork(way)
            yield* Effect.sleep(100)
            assert.isNull(next.unsafePoll(), name)
            yield* a.run("SET GLOBAL read_only = 0")
            yield* Fiber.join(next)
          }
          assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM ways`.scalar, 9)
          yield* until(Effect.map(db.pool.stats, (stats) => stats.lent + stats.retired + stats.waiting === 0))
        }))
      }))

    it.effect("without targetSessionAttrs a read-only server's refusal is what it was: an AuthorizationError", () =>
      Effect.gen(function*() {
        const { members: [, b] } = yield* Cluster
        yield* within(on([b], "any"), (db) => Effect.gen(function*() {
          const error = yield* Effect.flip(db`INSERT INTO marks VALUES (11, 0)`.run)
          assert.deepStrictEqual([error.reason._tag, error.connection], ["AuthorizationError", "usable"])
          assert.strictEqual((yield* db.pool.stats).closed, 0)
        }))
      }))

    it.effect("a primary killed under load: the pool heals on the promoted one, nothing committed is lost, every failure is typed and none hangs", () =>
      Effect.gen(function*() {
        const { members: [a, b] } = yield* Cluster
        const committed = new Set<number>()
        const refused = new Set<number>()
        const unknown = new Set<number>()
        const seen = { last: 0, isOver: false }
        yield* within(on([a, b], "primary", { pool: { max: 8, acquireTimeout: "5 seconds" } }), (db) => Effect.gen(function*() {
          const writer = (n: number) => Effect.gen(function*() {
            for (let i = 0; !seen.isOver; i++) {
              const id = 1_000_000 * (n + 1) + i
              const insert = db`INSERT INTO marks VALUES (${id}, @@server_id)`.run
              const exit = yield* Effect.exit(i % 2 === 0 ? insert : db.transaction(insert))
              if (Exit.isSuccess(exit)) {
                committed.add(id)
                seen.last = Date.now()
                continue
              }
              const error = exit.cause._tag === "Fail" ? exit.cause.error : undefined
              assert.isTrue(SqlError.isSqlError(error), String(exit.cause))
              if (error?.outcome === "not-applied") refused.add(id)
              else unknown.add(id)
              yield* Effect.sleep(5)
            }
          })
          const writers = yield* Effect.fork(Effect.forEach(Array.from({ length: 16 }, (_, n) => n), writer, { concurrency: "unbounded", discard: true }))
          yield* until(Effect.sync(() => committed.size > 500))
          yield* a.kill
          const killed = Date.now()
          yield* Effect.sleep(300)
          yield* promote(b)
          yield* until(Effect.sync(() => seen.last > killed))
          const before = committed.size
          yield* until(Effect.sync(() => committed.size > before + 500))
          seen.isOver = true
          yield* Fiber.join(writers).pipe(Effect.timeoutFail({ duration: "10 seconds", onTimeout: () => new Error("a writer hangs") }))
          assert.strictEqual(yield* portOf(db), b.port)
          yield* until(Effect.map(db.pool.stats, (stats) => stats.lent + stats.retired + stats.waiting + stats.connecting === 0))
        }))
        const rows = new Set<number>()
        const text = yield* b.ask<string>("SELECT (SELECT JSON_ARRAYAGG(id) FROM app.marks WHERE id >= 1000000)")
        for (const id of JSON.parse(text) as ReadonlyArray<number>) rows.add(id)
        assert.deepStrictEqual([...committed].filter((id) => !rows.has(id)), [], "committed and lost")
        assert.deepStrictEqual([...refused].filter((id) => rows.has(id)), [], "said not to be applied, and there")
        assert.isAbove(refused.size + unknown.size, 0)
      }), { timeout: 60_000 })
  })
})
