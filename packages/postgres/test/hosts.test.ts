/**
 * A primary and its standby, two servers of this file's own: which one is connected to, what happens when the primary refuses
 * to write and when it is killed under load, and where a statement is stopped.
 */
import { assert, describe, layer } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import type * as Hosts from "@sluice/core/Hosts"
import * as SqlError from "@sluice/core/SqlError"
import * as Postgres from "@sluice/postgres/Postgres"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { cluster, isMissing, type Member, promote, setReadOnly } from "./cluster.js"

class Cluster extends Context.Tag("Cluster")<Cluster, { readonly members: readonly [Member, Member] }>() {}

const members = Layer.scoped(Cluster, Effect.map(cluster, (members) => ({ members })))

/** A database of several hosts, as a user who owns it and no more. */
const on = (hosts: ReadonlyArray<Member>, target: Hosts.TargetSessionAttrs, config: Postgres.Config = {}) =>
  Postgres.layer({ hosts: hosts.map((host) => host.endpoint), targetSessionAttrs: target, username: "app", database: "app", ...config })

const within = <A, E, R>(layer: Layer.Layer<Database.DatabaseId, SqlError.SqlError>, body: (db: Database.Database) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(Database.Database, body).pipe(Effect.provide(layer))

const portOf = (db: Database.Database) => db<number>`SELECT inet_server_port()`.scalar

/** Sessions of the tests' user there that run this. */
const running = (member: Member, sql: string) =>
  member.ask<number>(`SELECT count(*)::int FROM pg_stat_activity WHERE usename = 'app' AND state = 'active' AND query LIKE '${sql}%'`)

const until = <E>(effect: Effect.Effect<boolean, E>) =>
  Effect.repeat(Effect.tap(effect, (is) => is ? Effect.void : Effect.sleep(20)), { until: (is) => is }).pipe(
    Effect.timeoutFail({ duration: "10 seconds", onTimeout: () => new Error("it did not come to that") })
  )

describe.skipIf(isMissing)("Postgres, several hosts", () => {
  layer(members, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.effect("targetSessionAttrs chooses by what a server says of itself, in whatever order the hosts are given", () =>
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

    it.effect("hosts and their options stand in a URL, in libpq's keywords and in the environment as well; fields beside them win", () =>
      Effect.gen(function*() {
        const { members: [a, b] } = yield* Cluster
        const url = `postgres://app@${b.endpoint},${a.endpoint}/app?target_session_attrs=primary&load_balance_hosts=random`
        const keywords = `host=${b.host},${a.host} port=${b.port},${a.port} user=app dbname=app target_session_attrs=read-write`
        assert.strictEqual(yield* within(Postgres.layer({ url }), portOf), a.port)
        assert.strictEqual(yield* within(Postgres.layer({ url: keywords }), portOf), a.port)
        assert.strictEqual(yield* within(Postgres.layer({ url, targetSessionAttrs: "standby" }), portOf), b.port)
        assert.strictEqual(yield* within(Postgres.layer({ url, host: b.host, port: b.port, targetSessionAttrs: "any" }), portOf), b.port)
        assert.strictEqual(yield* within(Postgres.layer({ url: "postgres://app@nowhere.invalid/app", hosts: [{ host: a.host }, b.endpoint], port: a.port }), portOf), a.port)
        const variables = { PGHOST: `${a.host},${b.host}`, PGPORT: `${a.port},${b.port}`, PGUSER: "app", PGTARGETSESSIONATTRS: "standby" }
        const fromEnvironment = Effect.withConfigProvider(within(Postgres.layer({ environment: true }), portOf), ConfigProvider.fromMap(new Map(Object.entries(variables))))
        assert.strictEqual(yield* fromEnvironment, b.port)
        const field = (config: Postgres.Config) => Effect.map(Effect.flip(within(Postgres.layer(config), portOf)), ({ reason }) => reason._tag === "ConfigError" ? reason.field : reason._tag)
        assert.strictEqual(yield* field({ url: "postgres://a,b/x?target_session_attrs=master" }), "url.target_session_attrs")
        assert.strictEqual(yield* field({ url: "postgres://u:s3cr3t@a,:1/x" }), "url.host")
        assert.strictEqual(yield* field({ hosts: ["a"], host: "b" }), "hosts")
        assert.strictEqual(yield* field({ hosts: ["a", "b:x"] }), "hosts[1]")
        assert.strictEqual(yield* field({ hosts: [] }), "hosts")
      }))

    it.effect("a host where nobody listens is passed over; when none is left, the error names each and no secret", () =>
      Effect.gen(function*() {
        const { members: [a] } = yield* Cluster
        const config: Postgres.Config = { hosts: ["127.0.0.1:1", a.endpoint], username: "app", database: "app" }
        assert.strictEqual(yield* within(Postgres.layer({ ...config, targetSessionAttrs: "primary" }), portOf), a.port)
        assert.strictEqual(yield* within(Postgres.layer(config), portOf), a.port)
        const error = yield* Effect.flip(within(Postgres.layer({ url: "postgres://app:s3cr3t@127.0.0.1:1,127.0.0.1:2/app", pool: { acquireTimeout: 500 } }), portOf))
        assert.match(error.message, /127\.0\.0\.1:1.*127\.0\.0\.1:2/)
        assert.notInclude(error.message, "s3cr3t")
      }))

    it.effect("a span names the server where there is one, and none of several", () =>
      Effect.gen(function*() {
        const { members: [a, b] } = yield* Cluster
        const spanOf = (layer: Layer.Layer<Database.DatabaseId, SqlError.SqlError>) => Effect.gen(function*() {
          const spans: Array<Tracer.Span> = []
          const native = yield* Effect.tracer
          const tracer = Tracer.make({
            span: (...about) => {
              const span = native.span(...about)
              spans.push(span)
              return span
            },
            context: (f) => f()
          })
          yield* Effect.withTracer(within(layer, portOf), tracer)
          return spans.map(({ attributes }) => attributes.get("server.port")).find((port) => port !== undefined)
        })
        assert.strictEqual(yield* spanOf(on([a], "any")), a.port)
        assert.isUndefined(yield* spanOf(on([a, b], "any")))
      }))

    it.effect("S5 a statement is stopped on the server where it runs, and none elsewhere", () =>
      Effect.gen(function*() {
        const { members: [a, b] } = yield* Cluster
        // The first of the hosts is not where it runs.
        yield* within(on([a, b], "standby", { pool: { max: 8 } }), (there) =>
          within(on([a], "primary", { pool: { max: 40 } }), (innocent) => Effect.gen(function*() {
            const statements = yield* Effect.fork(Effect.forEach(Array.from({ length: 40 }), () => innocent<string>`SELECT pg_sleep(1.5)::text`.scalar, { concurrency: 40 }))
            yield* Effect.sleep(100)
            for (let round = 0; round < 10; round++) {
              const victims = yield* Effect.fork(Effect.forEach(Array.from({ length: 8 }), () => there`SELECT pg_sleep(30)`, { concurrency: 8 }))
              yield* Effect.sleep(20)
              yield* Fiber.interrupt(victims)
              yield* until(Effect.map(there.pool.stats, (stats) => stats.lent + stats.retired === 0))
            }
            assert.strictEqual(yield* running(b, "SELECT pg_sleep(30)"), 0)
            assert.strictEqual((yield* there.pool.stats).closed, 0)
            assert.strictEqual((yield* Fiber.join(statements)).length, 40)
          })))
      }))

    it.effect("every way to write says that a primary refuses to; who comes next waits until one can be written to", () =>
      Effect.gen(function*() {
        const { members: [a, b] } = yield* Cluster
        yield* within(on([a, b], "read-write", { pool: { max: 2 } }), (db) => Effect.gen(function*() {
          yield* db`CREATE TABLE ways (id INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name VARCHAR(10))`
          const ways: Readonly<Record<string, Effect.Effect<unknown, SqlError.SqlError>>> = {
            prepared: db`INSERT INTO ways (name) VALUES (${"a"})`.run,
            unprepared: db`INSERT INTO ways (name) VALUES (${"a"})`.unprepared,
            stream: Stream.runDrain(db`INSERT INTO ways (name) VALUES (${"a"}) RETURNING id`.stream),
            executeMany: db.executeMany("INSERT INTO ways (name) VALUES ($1)", [["a"], ["b"]]),
            batch: db.batch([db`INSERT INTO ways (name) VALUES ('a')`]),
            transaction: db.transaction(db`INSERT INTO ways (name) VALUES ('a')`.run),
            session: Effect.scoped(Effect.flatMap(db.session, (session) => session`INSERT INTO ways (name) VALUES ('a')`.run)),
            bulk: Effect.scoped(db.withConnection((connection) =>
              Effect.gen(function*() {
                const writer = yield* connection.bulk!({ table: "ways", columns: ["name"], onConflict: "error" })
                yield* writer.write([["a"], ["b"]])
                yield* writer.finish
              })))
          }
          for (const [name, way] of Object.entries(ways)) {
            yield* setReadOnly(a, true)
            // What is open already is told by the refusal; a new one says what it is.
            const error = yield* Effect.flip(way)
            assert.deepStrictEqual([error.reason._tag, error.reason.sqlState, error.isRetryable, error.outcome, error.connection], ["ConnectionError", "25006", true, "not-applied", "broken"], `${name}: ${error.message}`)
            const next = yield* Effect.fork(way)
            yield* Effect.sleep(100)
            assert.isNull(next.unsafePoll(), name)
            yield* setReadOnly(a, false)
            yield* Fiber.join(next)
          }
          assert.strictEqual(yield* db<number>`SELECT count(*)::int FROM ways`.scalar, 10)
          yield* until(Effect.map(db.pool.stats, (stats) => stats.lent + stats.retired + stats.waiting === 0))
        }))
        // `primary` asks for no more than that.
        yield* setReadOnly(a, true)
        assert.strictEqual(yield* within(on([b, a], "primary"), portOf), a.port)
        assert.strictEqual(yield* within(on([a, b], "read-only"), portOf), a.port)
        yield* setReadOnly(a, false)
      }), { timeout: 60_000 })

    it.effect("a transaction that is read-only by its own wish is refused to write, and nothing is thought of the server", () =>
      Effect.gen(function*() {
        const { members: [a, b] } = yield* Cluster
        yield* within(on([a, b], "read-write"), (db) => Effect.gen(function*() {
          const insert = db`INSERT INTO marks VALUES (11, 0)`.run
          for (const way of [db.transaction({ readOnly: true })(insert), db.transaction(Effect.zipRight(db`SET TRANSACTION READ ONLY`, insert))]) {
            const error = yield* Effect.flip(way)
            assert.deepStrictEqual([error.reason._tag, error.connection], ["AuthorizationError", "usable"])
          }
          assert.strictEqual((yield* db.pool.stats).closed, 0)
        }))
        // Without a wish a standby's refusal is the same.
        yield* within(on([b], "any"), (db) => Effect.gen(function*() {
          const error = yield* Effect.flip(db`INSERT INTO marks VALUES (11, 0)`.run)
          assert.deepStrictEqual([error.reason._tag, error.connection], ["AuthorizationError", "usable"])
          assert.strictEqual((yield* db.pool.stats).closed, 0)
        }))
      }))

    it.effect("a standby promoted under load: the pool heals on it, nothing committed is lost, every failure is typed and none hangs", () =>
      Effect.gen(function*() {
        const { members: [a, b] } = yield* Cluster
        const committed = new Set<number>()
        const refused = new Set<number>()
        const unknown = new Set<number>()
        const seen = { last: 0, isOver: false }
        yield* within(on([a, b], "read-write", { pool: { max: 8, acquireTimeout: "5 seconds" } }), (db) => Effect.gen(function*() {
          const writer = (n: number) => Effect.gen(function*() {
            for (let i = 0; !seen.isOver; i++) {
              const id = 1_000_000 * (n + 1) + i
              const insert = db`INSERT INTO marks VALUES (${id}, inet_server_port())`.run
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
          const heard = yield* Effect.fork(Stream.runHead(Postgres.listen(db, "promoted")))
          // Readers of the standby stay where they are.
          yield* within(on([a, b], "prefer-standby", { pool: { max: 4 } }), (reads) => Effect.gen(function*() {
            assert.strictEqual(yield* portOf(reads), b.port)
            yield* until(Effect.sync(() => committed.size > 500))
            yield* a.kill
            const killed = Date.now()
            yield* Effect.sleep(300)
            yield* promote(b)
            yield* until(Effect.sync(() => seen.last > killed))
            const before = committed.size
            yield* until(Effect.sync(() => committed.size > before + 500))
            assert.strictEqual(yield* portOf(reads), b.port)
          }))
          seen.isOver = true
          // Who listened to the old primary hears the new one.
          yield* until(Effect.map(Effect.zip(Postgres.notify(db, "promoted", "b"), heard.poll), ([, exit]) => Option.isSome(exit)))
          assert.deepStrictEqual(yield* Fiber.join(heard), Option.some("b"))
          yield* Fiber.join(writers).pipe(Effect.timeoutFail({ duration: "10 seconds", onTimeout: () => new Error("a writer hangs") }))
          assert.strictEqual(yield* portOf(db), b.port)
          yield* until(Effect.map(db.pool.stats, (stats) => stats.lent + stats.retired + stats.waiting + stats.connecting === 0))
        }))
        const rows = new Set<number>()
        const text = yield* within(on([b], "any"), (db) => db<string>`SELECT json_agg(id)::text FROM marks WHERE id >= 1000000`.scalar)
        for (const id of JSON.parse(text) as ReadonlyArray<number>) rows.add(id)
        assert.deepStrictEqual([...committed].filter((id) => !rows.has(id)), [], "committed and lost")
        assert.deepStrictEqual([...refused].filter((id) => rows.has(id)), [], "said not to be applied, and there")
        assert.isAbove(refused.size + unknown.size, 0)
        assert.deepStrictEqual([...rows].filter((id) => !committed.has(id) && !unknown.has(id)), [], "there, and nobody was told")
      }), { timeout: 60_000 })
  })
})
