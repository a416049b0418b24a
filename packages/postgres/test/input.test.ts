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
      for (const tls of [{ ca }, { rejectUnauthorized: false }]) {
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

  it.live("more parameters than the protocol counts, and texts of many megabytes, fail before anything is sent", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      const reason = yield* reasonOf(db.unsafe("SELECT 1", Array.from({ length: 65_536 }, () => 1)))
      assert.deepStrictEqual([reason._tag, reason.outcome, reason.connection], ["LimitError", "not-applied", "usable"])
      assert.strictEqual(yield* db<number>`SELECT length(${"x".repeat(20_000_000)})`.scalar, 20_000_000)
      assert.strictEqual((yield* reasonOf(db`SELECT ${"a\0b"}`))._tag, "DataError")
      assert.strictEqual((yield* db.pool.stats).opened, 1)
    })))
})
