/**
 * Logging in, with each authentication plugin that the driver has, and those that it has not.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Credentials from "@sluice/core/Credentials"
import * as Database from "@sluice/core/Database"
import * as Mysql from "@sluice/mysql/Mysql"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { authority } from "@sluice/testkit/Certificates"
import { asking } from "./logins.js"
import { isMissing, real, servers } from "./server.js"

const using = <A, E>(config: Mysql.Config, body: (db: Database.Database) => Effect.Effect<A, E>) =>
  Effect.flatMap(Database.Database, body).pipe(Effect.provide(Mysql.layer({ pool: { max: 1, acquireTimeout: 5_000 }, ...config })))

const user = (config: Mysql.Config) => using(config, (db) => db<string>`SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)`.scalar)

const refusal = (config: Mysql.Config) => Effect.map(Effect.timeout(Effect.flip(user(config)), 4_000), ({ reason }) => reason)

let users = 0

/** A user of its own, dropped afterwards. */
const created = (url: string, identified: string) =>
  Effect.acquireRelease(
    Effect.gen(function*() {
      const name = `sluice_${process.pid}_${++users}`
      yield* using({ url }, (db) => db.unsafe(`CREATE USER '${name}'@'%' ${identified}`))
      return name
    }),
    (name) => Effect.orDie(Effect.interruptible(using({ url }, (db) => db.unsafe(`DROP USER '${name}'@'%'`))))
  )

const secret = Redacted.make("pä$$ 'word'")

describe.skipIf(isMissing)("authentication", () => {
  const mysql = real("mysql")?.url
  const mariadb = real("mariadb")?.url

  it.scopedLive.skipIf(mysql === undefined)("caching_sha2_password: by RSA, by what the server kept, and over TLS", () =>
    Effect.gen(function*() {
      const url = mysql!
      const username = yield* created(url, `IDENTIFIED WITH caching_sha2_password BY "pä$$ 'word'"`)
      const login = { url, username, password: secret }
      // The first login of a user is the full one, the next is answered from the server's cache.
      assert.strictEqual(yield* user(login), username)
      assert.strictEqual(yield* user(login), username)
      yield* using({ url }, (db) => db.unsafe("FLUSH PRIVILEGES"))
      assert.strictEqual(yield* user({ ...login, tls: { mode: "require" } }), username)
      yield* using({ url }, (db) => db.unsafe("FLUSH PRIVILEGES"))
      const { Value: serverPublicKey } = yield* using({ url }, (db) => db<{ Value: string }>`SHOW STATUS LIKE 'Caching_sha2_password_rsa_public_key'`.one)
      assert.strictEqual(yield* user({ ...login, serverPublicKey }), username)
      const wrong = yield* refusal({ ...login, password: Redacted.make("wrong") })
      assert.deepStrictEqual([wrong._tag, wrong.isRetryable, wrong.connection, wrong.outcome], ["AuthenticationError", false, "broken", "not-applied"])
    }))

  it.scopedLive.skipIf(mysql === undefined)("a server's key that is not the given one does not get the password", () =>
    Effect.gen(function*() {
      const url = mysql!
      const username = yield* created(url, `IDENTIFIED WITH caching_sha2_password BY "pä$$ 'word'"`)
      const { Value } = yield* using({ url }, (db) => db<{ Value: string }>`SHOW STATUS LIKE 'Caching_sha2_password_rsa_public_key'`.one)
      const { generateKeyPairSync } = yield* Effect.promise(() => import("node:crypto"))
      const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048, publicKeyEncoding: { type: "spki", format: "pem" }, privateKeyEncoding: { type: "pkcs8", format: "pem" } })
      assert.notStrictEqual(publicKey, Value)
      assert.strictEqual((yield* refusal({ url, username, password: secret, serverPublicKey: publicKey }))._tag, "AuthenticationError")
      const named = yield* refusal({ url, serverPublicKey: "/path/of/key.pem" })
      assert.strictEqual(named._tag === "ConfigError" ? named.field : named._tag, "serverPublicKey")
    }))

  it.scopedLive.skipIf(mysql === undefined)("sha256_password: by RSA, and over TLS", () =>
    Effect.gen(function*() {
      const url = mysql!
      const username = yield* created(url, `IDENTIFIED WITH sha256_password BY "pä$$ 'word'"`)
      assert.strictEqual(yield* user({ url, username, password: secret }), username)
      assert.strictEqual(yield* user({ url, username, password: secret, tls: { mode: "require" } }), username)
    }))

  it.scopedLive.skipIf(mariadb === undefined)("mysql_native_password", () =>
    Effect.gen(function*() {
      const username = yield* created(mariadb!, `IDENTIFIED BY "pä$$ 'word'"`)
      assert.strictEqual(yield* user({ url: mariadb, username, password: secret }), username)
      const wrong = yield* refusal({ url: mariadb, username, password: Redacted.make("wrong") })
      assert.deepStrictEqual([wrong._tag, wrong.isRetryable, wrong.connection, wrong.outcome], ["AuthenticationError", false, "broken", "not-applied"])
    }))

  it.scopedLive.skipIf(mariadb === undefined)("a plugin that the driver does not have is named: MariaDB's ed25519", () =>
    Effect.gen(function*() {
      const url = mariadb!
      yield* Effect.ignore(using({ url }, (db) => db.unsafe("INSTALL SONAME 'auth_ed25519'")))
      const username = yield* created(url, `IDENTIFIED VIA ed25519 USING PASSWORD("pä$$ 'word'")`)
      const reason = yield* refusal({ url, username, password: secret })
      assert.deepStrictEqual([reason._tag, reason.connection, reason.outcome], ["AuthenticationError", "broken", "not-applied"])
      assert.include(reason.message, "client_ed25519")
    }))

  it.scopedLive("a password is sent in clear text over TLS only", () =>
    Effect.gen(function*() {
      const login = { host: "127.0.0.1", username: "app", password: Redacted.make("s3cr3t"), connectTimeout: 2_000 }
      const open = yield* asking("mysql_clear_password")
      const reason = yield* refusal({ ...login, port: open.port })
      assert.deepStrictEqual([reason._tag, reason.isRetryable, reason.connection, reason.outcome], ["AuthenticationError", false, "broken", "not-applied"])
      assert.include(reason.message, "mysql_clear_password")
      yield* Effect.sleep(50)
      assert.deepStrictEqual(open.answers(), [])

      const { ca, issue } = yield* authority
      const encrypted = yield* asking("mysql_clear_password", issue("server", "IP:127.0.0.1"))
      // Under `prefer` nobody knows beforehand whether there will be TLS.
      for (const { port } of [open, encrypted]) assert.strictEqual((yield* refusal({ ...login, port, tls: { mode: "prefer" } }))._tag, "AuthenticationError")
      yield* Effect.sleep(50)
      assert.deepStrictEqual([open.answers(), encrypted.answers()], [[], []])
      yield* refusal({ ...login, port: encrypted.port, tls: { ca }, connectTimeout: 500, pool: { acquireTimeout: 600 } })
      assert.strictEqual(encrypted.answers()[0], "s3cr3t\0")
    }))

  it.scopedLive("a plugin of any other name gets nothing", () =>
    Effect.gen(function*() {
      for (const plugin of ["dialog", "auth_gssapi_client", "__proto__", "mysql_old_password"]) {
        const server = yield* asking(plugin)
        const reason = yield* refusal({ host: "127.0.0.1", port: server.port, username: "app", password: Redacted.make("s3cr3t"), connectTimeout: 2_000 })
        assert.strictEqual(reason._tag, "AuthenticationError")
        assert.include(reason.message, plugin)
        assert.deepStrictEqual(server.answers(), [])
      }
    }))

  for (const { name, url } of servers) {
    it.scopedLive(`P8 on ${name} a secret is asked for at each connect; one that is kept and was rotated is asked for again`, () =>
      Effect.gen(function*() {
        const username = yield* created(url, "IDENTIFIED BY 'first'")
        let current = "first"
        let asked = 0
        const source = Effect.sync(() => {
          asked++
          return Redacted.make(current)
        })
        const cache = yield* Credentials.cachedInvalidate(source, { timeToLive: Duration.infinity })
        const login = { url, username, pool: { max: 2, acquireTimeout: 2_000 } }
        assert.strictEqual(yield* user({ ...login, password: source }), username)
        const before = asked
        assert.strictEqual(yield* user({ ...login, password: cache }), username)
        assert.strictEqual(yield* user({ ...login, password: cache }), username)
        assert.strictEqual(asked, before + 1)
        yield* using({ url }, (db) => db.unsafe(`ALTER USER '${username}'@'%' IDENTIFIED BY 'second'`))
        current = "second"
        assert.strictEqual(yield* user({ ...login, password: cache }), username)
        assert.strictEqual(asked, before + 2)
        current = "wrong"
        yield* cache.invalidate
        assert.strictEqual((yield* refusal({ ...login, password: cache }))._tag, "AuthenticationError")
        assert.strictEqual(asked, before + 4, "a secret that is refused twice is refused")
      }))
  }
})
