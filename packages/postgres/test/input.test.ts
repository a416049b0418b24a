/**
 * Input that is wrong, and servers that refuse: each its own reason.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Postgres from "@sluice/postgres/Postgres"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { readFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { on, reasonOf, running } from "./asking.js"
import { instance } from "./own.js"
import { asRoot, isMissing, url } from "./server.js"

const open = (config: Postgres.Config) => Effect.scoped(Effect.provide(Database.Database, Postgres.layer(config)))

const failing = (config: Postgres.Config) => reasonOf(open(config))

const field = (config: Postgres.Config) => Effect.map(failing(config), (reason) => reason._tag === "ConfigError" ? reason.field : reason._tag)

describe.skipIf(isMissing)("Postgres, input that is wrong", () => {
  it.live("a field that cannot work is named", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* field({ url: "postgres://localhost/x?sslmod=none" }), "url.sslmod")
      assert.strictEqual(yield* field({ url: "postgres://u:p#w@localhost" }), "url.fragment")
      assert.strictEqual(yield* field({ url: "localhost:5432" }), "url.scheme")
      assert.strictEqual(yield* field({ port: 70_000 }), "port")
      assert.strictEqual(yield* field({ port: 1.5 }), "port")
      assert.strictEqual(yield* field({ host: "" }), "host")
      assert.strictEqual(yield* field({ database: "a\0b" }), "database")
      assert.strictEqual(yield* field({ connectTimeout: -1 }), "connectTimeout")
      assert.strictEqual(yield* field({ maxPreparedStatements: -1 }), "maxPreparedStatements")
      assert.strictEqual(yield* field({ parameters: { DateStyle: "German" } }), "parameters.DateStyle")
      assert.strictEqual(yield* field({ url, types: { "no such type": { decode: String } } }), "types.no such type")
    }))

  it.live("no part of a failure to connect shows the password", () =>
    Effect.gen(function*() {
      for (const config of [{ url, username: "scram", password: Redacted.make("s3cr3t") }, { url: Redacted.make("postgres://scram:s3cr3t@127.0.0.1:1/x") }, { url: Redacted.make("postgres://scram:s3cr3t@[::") }]) {
        const exit = yield* Effect.exit(open({ ...config, pool: { acquireTimeout: 300 } }))
        assert.isTrue(Exit.isFailure(exit))
        assert.notInclude(JSON.stringify(exit), "s3cr3t")
        assert.notInclude(String(exit), "s3cr3t")
      }
    }))

  it.live("SCRAM: the right password opens, a wrong one and none are AuthenticationErrors", () =>
    Effect.acquireUseRelease(
      asRoot((db) => db.unsafe("CREATE ROLE scram LOGIN PASSWORD 'pa ss''wörd'")),
      () => Effect.gen(function*() {
        const open = Effect.flatMap(Database.Database, (db) => db<string>`SELECT current_user::text`.scalar)
        assert.strictEqual(yield* open.pipe(Effect.provide(Postgres.layer({ url, username: "scram", password: Redacted.make("pa ss'wörd") }))), "scram")
        for (const password of ["wrong", ""]) {
          const reason = yield* failing({ url, username: "scram", password: Redacted.make(password) })
          assert.deepStrictEqual([reason._tag, reason.isRetryable, reason.outcome, reason.connection], ["AuthenticationError", false, "not-applied", "broken"], password)
        }
        assert.strictEqual((yield* failing({ url, username: "scram" }))._tag, "AuthenticationError")
      }),
      () => Effect.orDie(asRoot((db) => db.unsafe("DROP ROLE scram")))
    ))

  it.live("an unknown database is a ConfigError, an unknown parameter too, and neither is tried again for long", () =>
    Effect.gen(function*() {
      const start = Date.now()
      const reason = yield* failing({ url, database: "no_such_database" })
      assert.deepStrictEqual([reason._tag, reason.sqlState, reason.isRetryable], ["ConfigError", "3D000", false])
      assert.include(reason.message, "no_such_database")
      assert.strictEqual((yield* failing({ url, parameters: { no_such: "1" } }))._tag, "SqlSyntaxError")
      assert.strictEqual((yield* failing({ url, initCommand: "SELEC" }))._tag, "SqlSyntaxError")
      assert.strictEqual((yield* failing({ url, initCommand: ["CREATE TEMPORARY TABLE t (a INTEGER)", "COPY t FROM STDIN"] }))._tag, "UnsupportedError")
      assert.isBelow(Date.now() - start, 5_000)
    }))

  it.live("too many connections are a ConnectionError that may be tried again, and the server that lets nobody in is waited for", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* instance({ max_connections: 5, superuser_reserved_connections: 0, max_wal_senders: 0 })
      const five = yield* Effect.forkScoped(Effect.provide(
        Effect.flatMap(Database.Database, (db) => Effect.all(Array.from({ length: 5 }, () => db`SELECT pg_sleep(1.5)`), { concurrency: 5 })),
        Postgres.layer({ url: server.url, pool: { max: 5 } })
      ))
      yield* Effect.sleep(500)
      const reason = yield* failing({ url: server.url, pool: { acquireTimeout: 200 } })
      assert.deepStrictEqual([reason._tag, reason.sqlState, reason.isRetryable, reason.outcome], ["ConnectionError", "53300", true, "not-applied"])
      yield* open({ url: server.url, pool: { acquireTimeout: "5 seconds" } })
      yield* Fiber.join(five)
    })), 30_000)

  it.live("TLS: a server that wants it, one that lacks it, a certificate that nobody vouches for; and cancelling through it", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* instance({}, true)
      const wanted = yield* failing({ url: server.url })
      assert.deepStrictEqual([wanted._tag, wanted.sqlState, wanted.isRetryable], ["AuthenticationError", "28000", false])
      const start = Date.now()
      const untrusted = yield* failing({ url: server.url, tls: true })
      assert.deepStrictEqual([untrusted._tag, untrusted.code, untrusted.isRetryable], ["ConnectionError", "DEPTH_ZERO_SELF_SIGNED_CERT", false])
      const lacking = yield* failing({ url, tls: true })
      assert.deepStrictEqual([lacking._tag, lacking.isRetryable], ["ConnectionError", false])
      assert.isBelow(Date.now() - start, 3_000, "what stays as it is is not tried again")
      const ca = readFileSync(join(server.folder, "server.crt"), "utf8")
      for (const tls of [{ ca }, { mode: "require" as const }]) {
        yield* Effect.gen(function*() {
          const db = yield* Database.Database
          assert.strictEqual(yield* db`SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`.scalar, true as never)
          const fiber = yield* Effect.fork(db`SELECT pg_sleep(60)`)
          yield* Effect.repeat(running(db), { until: (n) => n === 1 })
          yield* Fiber.interrupt(fiber)
          yield* Effect.repeat(running(db), { until: (n) => n === 0 })
          assert.strictEqual(yield* Stream.runCount(db`SELECT generate_series(1, 20000), repeat('x', 100)`.stream), 20_000)
          assert.strictEqual((yield* db.pool.stats).closed, 0)
        }).pipe(Effect.timeout(10_000), Effect.provide(Postgres.layer({ url: server.url, tls })))
      }
      // By the folder of its socket, where TLS has no use.
      yield* open({ host: server.folder, port: server.port, username: "postgres" })
      yield* open({ url: `postgres://postgres@/postgres?host=${encodeURIComponent(server.folder)}`, port: server.port })
    })), 40_000)

  it.live("a server that says nothing, or speaks another protocol, is given up after connectTimeout", () =>
    Effect.scoped(Effect.gen(function*() {
      for (const says of ["", "HTTP/1.1 400 Bad Request\r\n\r\n"]) {
        const server = yield* Effect.acquireRelease(
          Effect.async<ReturnType<typeof createServer>>((resume) => {
            const server = createServer((socket) => socket.on("error", () => {}).write(says)).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
          }),
          (server) => Effect.sync(() => server.close())
        )
        const address = server.address()
        const port = address === null || typeof address === "string" ? 0 : address.port
        const start = Date.now()
        const reason = yield* failing({ host: "127.0.0.1", port, connectTimeout: 300, pool: { acquireTimeout: 400 } })
        assert.include(["ConnectionError", "PoolTimeoutError"], reason._tag)
        assert.isBelow(Date.now() - start, 2_000)
      }
    })))

  it.live("each of these has its own reason, and says what became of the connection and whether to try again", () =>
    on({ pool: { max: 2 } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE things (id INTEGER PRIMARY KEY, day DATE, amount NUMERIC(4, 2), flags BOOLEAN[])`
      const usable = (what: string, effect: Effect.Effect<unknown, unknown>, tag: string, sqlState: string | undefined, isRetryable: boolean) =>
        Effect.map(reasonOf(effect), (reason) =>
          assert.deepStrictEqual([reason._tag, reason.sqlState, reason.isRetryable, reason.connection, reason.outcome], [tag, sqlState, isRetryable, "usable", "not-applied"], what))
      const refused = (what: string, config: Postgres.Config, tag: string, code: string, isRetryable: boolean) =>
        Effect.map(failing({ ...config, pool: { acquireTimeout: 500 } }), (reason) =>
          assert.deepStrictEqual([reason._tag, reason.code, reason.isRetryable, reason.connection, reason.outcome], [tag, code, isRetryable, "broken", "not-applied"], what))

      yield* refused("no such host", { host: "nowhere.invalid" }, "ConnectionError", "ENOTFOUND", true)
      yield* refused("nobody listens", { host: "127.0.0.1", port: 1 }, "ConnectionError", "ECONNREFUSED", true)
      yield* refused("no such socket", { host: "/nowhere" }, "ConnectionError", "ENOENT", true)
      yield* refused("no such database", { url, database: "no_such_database" }, "ConfigError", "3D000", false)
      yield* refused("no such user", { url, username: "nobody_here" }, "AuthenticationError", "28000", false)
      yield* refused("a user who may not log in", { url, username: "pg_monitor" }, "AuthenticationError", "28000", false)

      const into = (column: string, value: unknown) => db.unsafe(`INSERT INTO things (id, ${column}) VALUES (1, $1)`, [value])
      yield* usable("out of an integer's range", db`INSERT INTO things (id) VALUES (${3_000_000_000})`, "DataError", "22003", false)
      yield* usable("out of int8's range", db`SELECT ${2n ** 63n}::int8`, "DataError", "22003", false)
      yield* usable("out of a numeric's range", into("amount", 100), "DataError", "22003", false)
      yield* usable("no number", db`INSERT INTO things (id) VALUES (${"one"})`, "DataError", "22P02", false)
      yield* usable("no day of any month", into("day", "2024-02-30"), "DataError", "22008", false)
      yield* usable("no date", into("day", "soon"), "DataError", "22007", false)
      yield* usable("no array", into("flags", "{true"), "DataError", "22P02", false)
      yield* usable("a NUL", db`SELECT ${"a\0b"}`, "DataError", undefined, false)
      yield* usable("half of a character", db`SELECT ${"\ud800"}`, "DataError", undefined, false)
      yield* usable("too few parameters", db.unsafe("SELECT $1::int4 + $2::int4", [1]), "DataError", "08P01", false)
      yield* usable("the server's timeout", db.transaction(Effect.zipRight(db`SET LOCAL statement_timeout = 50`, db`SELECT pg_sleep(10)`)), "StatementTimeoutError", "57014", true)
      yield* usable("a lock that is not to be had", Effect.scoped(Effect.gen(function*() {
        const other = yield* db.session
        yield* other.begin()
        yield* other`LOCK TABLE things`
        yield* db.transaction(Effect.zipRight(db`SET LOCAL lock_timeout = 50`, db`SELECT id FROM things`))
      })), "LockTimeoutError", "55P03", true)
      assert.strictEqual(yield* db<number>`SELECT count(*)::int FROM things`.scalar, 0)
      assert.strictEqual((yield* db.pool.stats).closed, 0)
    })))

  it.live("a server that is shut down says so to every session, and the pool heals when it is back", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* instance()
      yield* Effect.flatMap(Database.Database, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (id INTEGER)`
        for (const signal of ["SIGINT", "SIGQUIT"] as const) {
          const alone = yield* Effect.fork(reasonOf(db`INSERT INTO t SELECT 1 FROM pg_sleep(30)`))
          const inTransaction = yield* Effect.fork(reasonOf(db.transaction(db`INSERT INTO t SELECT 2 FROM pg_sleep(30)`)))
          yield* Effect.repeat(Effect.zipRight(Effect.sleep(20), running(db)), { until: (n) => n === 2 })
          const back = yield* Effect.fork(Effect.promise(() => server.restart(signal)))
          const reasons = [yield* Fiber.join(alone), yield* Fiber.join(inTransaction)]
          assert.deepStrictEqual(reasons.map((reason) => [reason._tag, reason.connection, reason.outcome]), [
            ["ConnectionError", "broken", "unknown"], ["ConnectionError", "broken", "not-applied"]
          ])
          // The immediate one may not get to say it.
          if (signal === "SIGINT") assert.deepStrictEqual(reasons.map((reason) => reason.sqlState), ["57P01", "57P01"])
          yield* Fiber.join(back)
          assert.strictEqual(yield* db<number>`SELECT count(*)::int FROM t`.scalar, 0)
        }
        const stats = yield* db.pool.stats
        assert.deepStrictEqual([stats.lent, stats.waiting, stats.retired], [0, 0, 0])
      })).pipe(Effect.provide(Postgres.layer({ url: server.url, pool: { max: 3 } })))
    })), 40_000)

  it.live("more parameters than the protocol counts, and texts of many megabytes, fail before anything is sent", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      const reason = yield* reasonOf(db.unsafe("SELECT 1", Array.from({ length: 65_536 }, () => 1)))
      assert.deepStrictEqual([reason._tag, reason.outcome, reason.connection], ["LimitError", "not-applied", "usable"])
      const most = Array.from({ length: 65_535 }, (_, n) => n)
      const list = most.map((n) => `$${n + 1}::int4`).join(",")
      assert.strictEqual(yield* db.unsafe<{ n: number }>(`SELECT cardinality(ARRAY[${list}]) AS n`, most).scalar, 65_535 as never)
      assert.strictEqual(yield* db<number>`SELECT length(${"x".repeat(20_000_000)})`.scalar, 20_000_000)
      assert.strictEqual((yield* reasonOf(db`SELECT ${"a\0b"}`))._tag, "DataError")
      assert.strictEqual((yield* db.pool.stats).opened, 1)
    })))
})
