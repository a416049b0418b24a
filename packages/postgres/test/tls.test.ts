/**
 * TLS against servers with certificates that the test makes: every `sslmode`, who is trusted and who is not, clients'
 * certificates, what is revoked, what SCRAM is bound to, and cancelling.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Postgres from "@sluice/postgres/Postgres"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { chmodSync } from "node:fs"
import { reasonOf, running } from "./asking.js"
import { authority } from "@sluice/testkit/Certificates"
import { admin, rules, serving } from "./own.js"
import { isMissing, url } from "./server.js"

/** Whether the session is over TLS, and the name of the client's certificate. */
const seen = (config: Postgres.Config) =>
  Effect.flatMap(Database.Database, (db) => db<{ s: boolean; c: string | null }>`SELECT ssl AS s, client_dn AS c FROM pg_stat_ssl WHERE pid = pg_backend_pid()`.one).pipe(
    Effect.map(({ c, s }) => c === null ? s ? "tls" : "plain" : c),
    Effect.provide(Postgres.layer(config))
  )

const refusal = (config: Postgres.Config) =>
  Effect.map(reasonOf(Effect.timeout(seen({ ...config, pool: { acquireTimeout: 5_000 } }), 4_000)), (reason) =>
    [reason._tag, reason.code, reason.isRetryable, reason.connection, reason.outcome])

const untrusted = ["ConnectionError", "SELF_SIGNED_CERT_IN_CHAIN", false, "broken", "not-applied"]
const wrongName = ["ConnectionError", "ERR_TLS_CERT_ALTNAME_INVALID", false, "broken", "not-applied"]
const lacking = ["ConnectionError", undefined, false, "broken", "not-applied"]
const letNobodyIn = ["AuthenticationError", "28000", false, "broken", "not-applied"]

describe.skipIf(isMissing)("Postgres, TLS", () => {
  it.scopedLive("sslmode means what it means to libpq: whom it checks, and what it does where the server will or will not", () =>
    Effect.gen(function*() {
      const { ca, file, issue } = yield* authority
      const other = yield* authority
      const server = yield* serving(issue("server", "DNS:localhost"), file)
      const at = { host: "localhost", port: server.port, username: "postgres" }
      const query = (options: string): Postgres.Config => ({ url: `postgres://postgres@localhost:${server.port}/postgres?${options}` })
      const root = `sslrootcert=${encodeURIComponent(file)}`
      const stranger = `sslrootcert=${encodeURIComponent(other.file)}`

      // A server that has TLS and insists on nothing.
      yield* rules(server, "host all all all trust")
      const chosen = { disable: "plain", allow: "plain", prefer: "tls", require: "tls" } as const
      for (const [sslmode, expected] of Object.entries(chosen)) {
        assert.strictEqual(yield* seen({ ...at, sslmode: sslmode as "require" }), expected, sslmode)
        assert.strictEqual(yield* seen(query(`sslmode=${sslmode}`)), expected, sslmode)
      }
      assert.strictEqual(yield* seen(at), "plain", "by default there is none")
      assert.strictEqual(yield* seen(query("ssl=true")), "tls")
      for (const sslmode of ["verify-ca", "verify-full"] as const) {
        assert.strictEqual(yield* seen({ ...at, sslmode, tls: { ca } }), "tls")
        assert.deepStrictEqual(yield* refusal({ ...at, sslmode }), untrusted)
        assert.deepStrictEqual((yield* refusal({ ...at, sslmode, tls: { ca: other.ca } })).filter((_, index) => index !== 1), ["ConnectionError", false, "broken", "not-applied"])
        assert.strictEqual(yield* seen(query(`sslmode=${sslmode}&${root}`)), "tls")
      }
      // With an authority `require` is verify-ca; without a mode an authority is verify-full.
      assert.strictEqual((yield* refusal(query(`sslmode=require&${stranger}`)))[0], "ConnectionError")
      assert.strictEqual(yield* seen(query(`sslmode=prefer&${stranger}`)), "tls", "whom it speaks to, prefer does not check")
      const address = { ...at, host: "127.0.0.1" }
      assert.strictEqual(yield* seen({ ...address, sslmode: "require", tls: { ca } }), "tls")
      assert.strictEqual(yield* seen({ ...address, sslmode: "verify-ca", tls: { ca } }), "tls")
      assert.deepStrictEqual(yield* refusal({ ...address, sslmode: "verify-full", tls: { ca } }), wrongName)
      assert.deepStrictEqual(yield* refusal({ ...address, tls: { ca } }), wrongName)
      assert.deepStrictEqual(yield* refusal({ url: `host=127.0.0.1 port=${server.port} user=postgres sslrootcert='${file}'` }), wrongName)
      // The name is that of `host`, whatever address it stands for.
      assert.strictEqual(yield* seen({ url: `host=localhost hostaddr=127.0.0.1 port=${server.port} user=postgres sslmode=verify-full sslrootcert='${file}'` }), "tls")
      assert.deepStrictEqual(yield* refusal({ url: `host=db.invalid hostaddr=127.0.0.1 port=${server.port} user=postgres sslmode=verify-full sslrootcert='${file}'` }), wrongName)
      assert.deepStrictEqual(yield* refusal({ ...at, tls: { ca: "system" } }), untrusted)
      // A field wins over the url.
      assert.strictEqual(yield* seen({ ...query("sslmode=verify-full"), tls: false }), "plain")
      assert.strictEqual(yield* seen({ ...query("sslmode=disable"), sslmode: "require" }), "tls")
      assert.strictEqual(yield* seen({ ...query(`sslmode=verify-full&${stranger}`), tls: { ca } }), "tls")

      // A server that insists on it: allow tries again.
      yield* rules(server, "hostssl all all all trust")
      assert.strictEqual(yield* seen({ ...at, sslmode: "allow" }), "tls")
      assert.deepStrictEqual(yield* refusal({ ...at, sslmode: "disable" }), letNobodyIn)
      // One that lets nobody in by TLS: prefer tries again, and nothing stronger does.
      yield* rules(server, "hostnossl all all all trust")
      assert.strictEqual(yield* seen({ ...at, sslmode: "prefer" }), "plain")
      assert.deepStrictEqual(yield* refusal({ ...at, sslmode: "require" }), letNobodyIn)
      assert.deepStrictEqual(yield* refusal({ ...at, sslmode: "verify-full", tls: { ca } }), letNobodyIn)
      // By the folder of a socket there is no TLS, whatever is asked for.
      assert.strictEqual(yield* seen({ ...at, host: server.folder, sslmode: "verify-full" }), "plain")

      // One that has none.
      const bare = { url, sslmode: "require" } as const
      for (const sslmode of ["require", "verify-ca", "verify-full"] as const) assert.deepStrictEqual(yield* refusal({ ...bare, sslmode }), lacking, sslmode)
      for (const sslmode of ["disable", "allow", "prefer"] as const) assert.strictEqual(yield* seen({ ...bare, sslmode }), "plain", sslmode)
    }), 60_000)

  it.scopedLive("a client's certificate: asked for, given in PEM or by files, with a key under a passphrase, and refused", () =>
    Effect.gen(function*() {
      const { ca, file, folder, issue, lock } = yield* authority
      const server = yield* serving(issue("server", "DNS:localhost"), file)
      const client = issue("certified", "DNS:certified")
      const { file: locked, key: lockedKey } = lock(client, "s3cr3t")
      chmodSync(client.files.key, 0o600)
      yield* admin(server, "CREATE ROLE certified LOGIN", "CREATE ROLE another LOGIN")
      yield* rules(server, "hostssl all certified,another all cert")
      const at = { host: "localhost", port: server.port, username: "certified", database: "postgres" }
      const key = Redacted.make(client.key)

      assert.deepStrictEqual(yield* refusal({ ...at, tls: { ca } }), letNobodyIn)
      assert.strictEqual(yield* seen({ ...at, tls: { ca, cert: client.cert, key } }), "/CN=certified")
      assert.strictEqual((yield* refusal({ ...at, username: "another", tls: { ca, cert: client.cert, key } }))[0], "AuthenticationError")
      const passphrase = Redacted.make("s3cr3t")
      assert.strictEqual(yield* seen({ ...at, tls: { ca, cert: client.cert, key: Redacted.make(lockedKey), passphrase } }), "/CN=certified")
      const byFiles = `host=localhost port=${server.port} user=certified dbname=postgres sslmode=verify-full sslrootcert='${file}' sslcert='${client.files.cert}'`
      assert.strictEqual(yield* seen({ url: `${byFiles} sslkey='${client.files.key}'` }), "/CN=certified")
      assert.strictEqual(yield* seen({ url: `${byFiles} sslkey='${locked}' sslpassword=s3cr3t` }), "/CN=certified")

      // A certificate of somebody whom the server does not know.
      const stranger = yield* authority
      const foreign = stranger.issue("certified", "DNS:certified")
      const [tag, , isRetryable] = yield* refusal({ ...at, tls: { ca, cert: foreign.cert, key: Redacted.make(foreign.key) } })
      assert.include(["AuthenticationError", "ConnectionError"], tag)
      assert.isDefined(isRetryable)

      const field = (config: Postgres.Config) => Effect.map(reasonOf(seen(config)), (reason) => {
        assert.notInclude(reason.message, "BEGIN")
        assert.notInclude(reason.message, "s3cr3t")
        return reason._tag === "ConfigError" ? reason.field : reason._tag
      })
      // A key that others may read is no secret.
      chmodSync(client.files.key, 0o644)
      assert.strictEqual(yield* field({ url: `${byFiles} sslkey='${client.files.key}'` }), "url.sslkey")
      assert.strictEqual(yield* field({ url: `${byFiles} sslkey='${folder}/none'` }), "url.sslkey")
      assert.strictEqual(yield* field({ url: `${byFiles} sslkey='${locked}' sslpassword=wrong-s3cr3t` }), "tls.passphrase")
      assert.strictEqual(yield* field({ url: `${byFiles} sslkey='${locked}'` }), "tls.passphrase")
      assert.strictEqual(yield* field({ url: byFiles }), "tls.key")
      assert.strictEqual(yield* field({ url: `host=localhost sslmode=require sslrootcert=system` }), "sslmode")
      assert.strictEqual(yield* field({ tls: { ca: `${folder}/ca.pem` } }), "tls.ca")
      assert.strictEqual(yield* field({ tls: { ca, cert: client.cert } }), "tls.key")
      assert.strictEqual(yield* field({ tls: { ca, key } }), "tls.cert")
      assert.strictEqual(yield* field({ tls: { ca, cert: client.cert, key: Redacted.make(foreign.key) } }), "tls.key")
      assert.strictEqual(yield* field({ tls: { ca, crl: "nothing" } }), "tls.crl")
      assert.strictEqual(yield* field({ tls: true, sslmode: "require" }), "sslmode")
      assert.strictEqual(yield* field({ tls: { mode: "require" }, sslmode: "require" }), "sslmode")
    }), 60_000)

  it.scopedLive("a server whose certificate is revoked is not spoken to", () =>
    Effect.gen(function*() {
      const { ca, file, issue, revocations, revoke } = yield* authority
      const certificate = issue("server", "DNS:localhost")
      const server = yield* serving(certificate, file)
      yield* rules(server, "host all all all trust")
      const at = { host: "localhost", port: server.port, username: "postgres" }
      assert.strictEqual(yield* seen({ ...at, tls: { ca, crl: revocations().crl } }), "tls")
      revoke(certificate)
      const { crl, file: list } = revocations()
      const revoked = ["ConnectionError", "CERT_REVOKED", false, "broken", "not-applied"]
      assert.deepStrictEqual(yield* refusal({ ...at, tls: { ca, crl } }), revoked)
      assert.deepStrictEqual(yield* refusal({ url: `host=localhost port=${server.port} user=postgres sslmode=verify-ca sslrootcert='${file}' sslcrl='${list}'` }), revoked)
    }), 60_000)

  it.scopedLive("SCRAM is bound to the channel where the server has it; what a server may ask for is said before it gets anything", () =>
    Effect.gen(function*() {
      const { ca, file, issue } = yield* authority
      const server = yield* serving(issue("server", "DNS:localhost"), file)
      yield* admin(server, "CREATE ROLE scrammed LOGIN PASSWORD 'pw'", "CREATE ROLE hashed LOGIN PASSWORD 'pw'")
      yield* rules(server, "host all scrammed all scram-sha-256", "host all hashed all password", "host all all all trust")
      const at = { host: "localhost", port: server.port, database: "postgres", password: Redacted.make("pw") }
      const scrammed = { ...at, username: "scrammed" }
      const hashed = { ...at, username: "hashed" }
      for (const channelBinding of ["disable", "prefer", "require"] as const) {
        assert.strictEqual(yield* seen({ ...scrammed, channelBinding, tls: { ca } }), "tls", channelBinding)
      }
      // pg keeps the mechanism nowhere; but a server without TLS has no channel to bind to.
      assert.strictEqual(yield* seen({ ...scrammed, channelBinding: "prefer" }), "plain")
      const message = (config: Postgres.Config) => Effect.map(reasonOf(seen(config)), (reason) => `${reason._tag}: ${reason.message}`)
      const unbound = "AuthenticationError: channelBinding is require, and the server offers no authentication that is bound to the channel"
      assert.strictEqual(yield* message({ ...hashed, channelBinding: "require", tls: { ca } }), unbound)
      assert.strictEqual(yield* message({ ...at, username: "postgres", channelBinding: "require", tls: { ca } }), unbound)
      assert.strictEqual(yield* message({ ...hashed, requireAuth: "scram-sha-256,md5" }), "AuthenticationError: requireAuth does not allow the method that the server asks for: password")
      assert.strictEqual(yield* message({ ...hashed, requireAuth: "!password" }), "AuthenticationError: requireAuth does not allow the method that the server asks for: password")
      assert.strictEqual(yield* message({ ...at, username: "postgres", requireAuth: "!none" }), "AuthenticationError: requireAuth does not allow a server that asks for no password")
      assert.strictEqual(yield* seen({ ...hashed, requireAuth: "password" }), "plain")
      assert.strictEqual(yield* seen({ ...scrammed, url: "postgres://localhost?require_auth=scram-sha-256&channel_binding=require&sslmode=require" }), "tls")
      const { password: _, ...without } = scrammed
      assert.strictEqual(yield* message(without), "AuthenticationError: the server asks for a password, and none is given")
    }), 60_000)

  for (const algorithm of ["ed25519", "ed448"]) {
    it.scopedLive(`a certificate with a signature of ${algorithm}, which nothing can be bound to, is no hindrance unless that is required`, () =>
      Effect.gen(function*() {
        const { alone } = yield* authority
        const certificate = alone("server", "DNS:localhost", algorithm)
        const server = yield* serving(certificate, certificate.files.cert)
        yield* admin(server, "CREATE ROLE scrammed LOGIN PASSWORD 'pw'")
        yield* rules(server, "host all scrammed all scram-sha-256")
        const at = { host: "localhost", port: server.port, database: "postgres", username: "scrammed", password: Redacted.make("pw"), tls: { ca: certificate.cert } }
        for (const channelBinding of ["disable", "prefer"] as const) assert.strictEqual(yield* seen({ ...at, channelBinding }), "tls", channelBinding)
        assert.strictEqual((yield* refusal({ ...at, channelBinding: "require" }))[0], "AuthenticationError")
      }), 60_000)
  }

  it.scopedLive("S5 a statement is stopped over TLS, with a client's certificate and a name that is checked", () =>
    Effect.gen(function*() {
      const { ca, file, issue } = yield* authority
      const server = yield* serving(issue("server", "DNS:localhost"), file)
      const client = issue("certified", "DNS:certified")
      yield* admin(server, "CREATE ROLE certified LOGIN")
      yield* rules(server, "hostssl all certified all cert")
      const stops = (config: Postgres.Config) => Effect.flatMap(Database.Database, (db) => Effect.gen(function*() {
        const id = yield* db<number>`SELECT pg_backend_pid()`.scalar
        const fiber = yield* Effect.fork(db`SELECT pg_sleep(60)`)
        yield* Effect.sleep(200)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* db<number>`SELECT pg_backend_pid()`.scalar, id, "the connection is kept")
        assert.strictEqual(yield* running(db), 0)
      })).pipe(Effect.timeout(10_000), Effect.provide(Postgres.layer({ host: "localhost", port: server.port, username: "certified", database: "postgres", pool: { max: 1 }, ...config })))
      const tls = { ca, cert: client.cert, key: Redacted.make(client.key) }
      yield* stops({ tls })
      yield* stops({ tls, sslmode: "require" })
      // The way that was found is the way of the cancelling as well.
      yield* rules(server, "hostnossl all certified all trust")
      yield* stops({ sslmode: "prefer" })
      yield* rules(server, "hostssl all certified all trust")
      yield* stops({ sslmode: "allow" })
    }), 60_000)

  it.scopedLive("P7 what runs when its database is closed is stopped on the server, also where TLS takes longer than closing may", () =>
    Effect.gen(function*() {
      const { file, issue } = yield* authority
      const server = yield* serving(issue("server", "DNS:localhost"), file)
      yield* rules(server, "hostssl all all all trust")
      const at = { host: "localhost", port: server.port, username: "postgres", sslmode: "require" } as const
      const watching = Context.get(yield* Layer.build(Postgres.layer(at)), Database.Database)
      yield* Effect.gen(function*() {
        const { unsafe } = yield* Database.Database
        yield* Effect.forEach([1, 2, 3, 4], () => Effect.forkDaemon(Effect.exit(unsafe("SELECT pg_sleep(20)"))))
        yield* Effect.repeat(running(watching), { until: (n) => n === 4 })
      }).pipe(Effect.provide(Postgres.layer({ ...at, pool: { max: 4, closeTimeout: 1, cancelTimeout: 1 } })))
      yield* Effect.repeat(Effect.zipRight(Effect.sleep(20), running(watching)), { until: (n) => n === 0 }).pipe(
        Effect.timeoutFail({ duration: "3 seconds", onTimeout: () => new Error("statements are left on the server") })
      )
    }), 60_000)
})
