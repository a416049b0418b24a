/**
 * TLS against servers with certificates that the test makes: who is trusted, who is not, and what a refusal says.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Tls from "@sluice/core/Tls"
import * as Mysql from "@sluice/mysql/Mysql"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { authority, replace } from "@sluice/testkit/Certificates"
import { kinds } from "./own.js"
import { isMissing, real } from "./server.js"

const cipher = (config: Mysql.Config) =>
  Effect.flatMap(Database.Database, (db) => db<{ Value: string }>`SHOW SESSION STATUS LIKE 'Ssl_cipher'`.one).pipe(
    Effect.map(({ Value }) => Value),
    Effect.provide(Mysql.layer(config))
  )

const refusal = (config: Mysql.Config) =>
  Effect.map(
    Effect.timeout(Effect.flip(cipher({ ...config, pool: { acquireTimeout: 5_000 } })), 4_000),
    (error) => [error.reason._tag, error.reason.code, error.isRetryable, error.connection, error.outcome]
  )

describe.skipIf(isMissing)("TLS", () => {
  for (const { launch, name } of kinds) {
    it.scopedLive(`${name}: trusted, untrusted, under another name, and with a client's certificate`, () =>
      Effect.gen(function*() {
        const { ca, file, issue } = yield* authority
        const server = issue("server", "IP:127.0.0.1")
        const { port } = yield* launch([`--ssl-ca=${file}`, `--ssl-cert=${server.files.cert}`, `--ssl-key=${server.files.key}`])
        const config = { host: "127.0.0.1", port, username: "root" }
        const wrongName = ["ConnectionError", "ERR_TLS_CERT_ALTNAME_INVALID", false, "broken", "not-applied"]

        assert.strictEqual(yield* cipher({ ...config, tls: false }), "")
        assert.notStrictEqual(yield* cipher({ ...config, tls: { ca } }), "")
        assert.deepStrictEqual(yield* refusal({ ...config, host: "localhost", tls: { ca } }), wrongName)
        assert.notStrictEqual(yield* cipher({ ...config, tls: { ca }, compress: true }), "", "compressed inside of it")

        assert.deepStrictEqual(yield* refusal({ ...config, tls: true }), ["ConnectionError", "SELF_SIGNED_CERT_IN_CHAIN", false, "broken", "not-applied"])
        assert.notStrictEqual(yield* cipher({ ...config, tls: { mode: "require" } }), "", "nobody is checked where that is asked for")

        // A certificate for a client only.
        const client = issue("client", "DNS:client")
        yield* Effect.provide(
          Effect.flatMap(Database.Database, (db) =>
            Effect.zipRight(db.unsafe(`CREATE USER certified@127.0.0.1 IDENTIFIED BY 'pw' REQUIRE X509`), db.unsafe("GRANT ALL ON *.* TO certified@127.0.0.1"))),
          Mysql.layer(config)
        )
        const certified = { ...config, username: "certified", password: Redacted.make("pw") }
        assert.deepStrictEqual(yield* refusal({ ...certified, tls: { ca } }), ["AuthenticationError", 1045, false, "broken", "not-applied"])
        const tls = { ca, cert: client.cert, key: Redacted.make(client.key) }
        assert.notStrictEqual(yield* cipher({ ...certified, tls }), "")

        // The server's certificate is exchanged for one of another name; what was agreed on before does not help.
        replace(server.files, issue("other", "DNS:localhost").files)
        yield* Effect.provide(
          Effect.flatMap(Database.Database, (db) => db.unsafe(name === "mysql" ? "ALTER INSTANCE RELOAD TLS" : "FLUSH SSL")),
          Mysql.layer(config)
        )
        assert.deepStrictEqual(yield* refusal({ ...config, tls: { ca } }), wrongName)
        assert.notStrictEqual(yield* cipher({ ...config, tls: { ca, mode: "verify-ca" } }), "")
        assert.notStrictEqual(yield* cipher({ ...config, host: "localhost", tls: { ca } }), "")
      }), 60_000)
  }

  for (const { launch, name } of kinds) {
    it.scopedLive(`S5 ${name}: a statement is stopped over TLS as well, by a connection that checks the server's name`, () =>
      Effect.gen(function*() {
        const { ca, file, issue } = yield* authority
        const server = issue("server", "DNS:localhost")
        const { port } = yield* launch([`--ssl-ca=${file}`, `--ssl-cert=${server.files.cert}`, `--ssl-key=${server.files.key}`, "--require-secure-transport=ON"])
        yield* Effect.flatMap(Database.Database, (db) => Effect.gen(function*() {
          const id = yield* db<number>`SELECT CONNECTION_ID()`.scalar
          assert.isTrue(Option.isNone(yield* Effect.timeoutOption(db`SELECT SLEEP(30)`, "300 millis")))
          // The same connection answers: the statement was stopped, and the connection not given up.
          assert.strictEqual(yield* db<number>`SELECT CONNECTION_ID()`.scalar, id)
        })).pipe(Effect.provide(Mysql.layer({ host: "localhost", port, username: "root", tls: { ca }, pool: { max: 1 } })))
      }), 60_000)
  }

  it.live.skipIf(real("mariadb") === undefined)("a server that offers no TLS is not spoken to without it", () =>
    Effect.map(refusal({ url: real("mariadb")?.url, tls: true }), (found) =>
      assert.deepStrictEqual(found, ["ConnectionError", "HANDSHAKE_NO_SSL_SUPPORT", false, "broken", "not-applied"])))

  it.scopedLive("what is no certificate, no key, or not the key of the certificate is named before anything is sent", () =>
    Effect.gen(function*() {
      const { ca, folder, issue } = yield* authority
      const [one, two] = [issue("one", "DNS:one"), issue("two", "DNS:two")]
      const locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n"
      const field = (tls: Tls.Tls) => Effect.map(Effect.flip(cipher({ host: "host.invalid", tls })), ({ reason }) => {
        assert.notInclude(reason.message, "BEGIN")
        return reason._tag === "ConfigError" ? reason.field : reason._tag
      })
      assert.strictEqual(yield* field({ ca: `${folder}/ca.pem` }), "tls.ca")
      assert.strictEqual(yield* field({ ca: `${ca}\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n` }), "tls.ca")
      assert.strictEqual(yield* field({ ca, cert: "garbage", key: Redacted.make(one.key) }), "tls.cert")
      assert.strictEqual(yield* field({ ca, cert: one.cert, key: Redacted.make("garbage") }), "tls.key")
      assert.strictEqual(yield* field({ ca, cert: one.cert, key: Redacted.make(locked) }), "tls.key")
      assert.strictEqual(yield* field({ ca, cert: one.cert, key: Redacted.make(two.key) }), "tls.key")
      assert.strictEqual(yield* field({ ca, cert: one.cert }), "tls.key")
      assert.strictEqual(yield* field({ ca, key: Redacted.make(one.key) }), "tls.cert")
    }))
})
