/**
 * What is connected to, and as whom: fields, a url, libpq's keywords, a service, the environment and the password file; and
 * what is said where one of them is wrong.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Credentials from "@sluice/core/Credentials"
import * as Database from "@sluice/core/Database"
import * as Postgres from "@sluice/postgres/Postgres"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { homedir, tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import { Client } from "pg"
import { without } from "../../testkit/test/without.js"
import { reasonOf } from "./asking.js"
import { asRoot, isMissing, url } from "./server.js"

const server = new URL(url ?? "postgres://postgres@127.0.0.1:1/postgres")
const at = { host: server.hostname, port: Number(server.port) }

/** Who we are there, and what the session is called. */
const told = (config: Postgres.Config, environment: Readonly<Record<string, string>> = {}) =>
  Effect.flatMap(Database.Database, (db) =>
    Effect.map(db<{ u: string; d: string; a: string }>`SELECT current_user::text AS u, current_database()::text AS d, current_setting('application_name') AS a`.one,
      ({ a, d, u }) => [u, d, a].join(" ").trim())).pipe(
    Effect.provide(Postgres.layer(config)),
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(environment))))
  )

const field = (config: Postgres.Config, environment: Readonly<Record<string, string>> = {}) =>
  Effect.map(reasonOf(told({ ...config, pool: { acquireTimeout: 2_000 } }, environment)), (reason) => {
    assert.notInclude(reason.message, "s3cr3t")
    return reason._tag === "ConfigError" ? reason.field : reason._tag
  })

/** A folder for the files of one test. */
const folder = Effect.acquireRelease(Effect.sync(() => mkdtempSync(join(tmpdir(), "sluice-connecting-"))), (path) =>
  Effect.sync(() => rmSync(path, { recursive: true, force: true })))

const written = (path: string, text: string, mode = 0o600): string => {
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

/** A role that needs this password. */
const scram = (password: string) =>
  Effect.acquireRelease(Effect.orDie(asRoot((db) => db.unsafe(`CREATE ROLE scram2 LOGIN PASSWORD '${password}'`))), () =>
    Effect.orDie(asRoot((db) => db.unsafe("DROP ROLE scram2"))))

/** The user's own folder is another one meanwhile. */
const atHome = (path: string) =>
  Effect.acquireRelease(Effect.sync(() => {
    const before = process.env["HOME"]
    process.env["HOME"] = path
    return before
  }), (before) => Effect.sync(() => {
    if (before === undefined) delete process.env["HOME"]
    else process.env["HOME"] = before
  }))

describe.skipIf(isMissing)("Postgres, connecting", () => {
  it.scopedLive("a pg of another version, without what its sessions are read by, is refused by its name", () =>
    Effect.gen(function*() {
      yield* without(Client.prototype, "getStartupConf")
      const reason = yield* reasonOf(told({ ...at, username: server.username }))
      assert.deepStrictEqual([reason._tag, reason._tag === "UnsupportedError" ? reason.capability : "", reason.connection, reason.outcome], ["UnsupportedError", "pg", "broken", "not-applied"])
    }))

  it.scopedLive("fields win over the url, the url over the service, the service over the environment", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const serviceFile = written(join(path, "services"), [
        "# ours", "[other]", "host=nowhere.invalid", "[ours]", `host=${at.host}`, `port=${at.port}`, "user=postgres", "dbname=template1", "application_name=service", ""
      ].join("\n"))
      const variables = { PGHOST: "nowhere.invalid", PGPORT: "1", PGUSER: "nobody", PGDATABASE: "none", PGAPPNAME: "environment" }
      const own = { PGHOST: at.host, PGPORT: String(at.port), PGUSER: "postgres", PGDATABASE: "postgres", PGAPPNAME: "environment" }

      assert.strictEqual(yield* told({ environment: true }, own), "postgres postgres environment")
      assert.strictEqual(yield* told({ environment: true, service: "ours", serviceFile }, variables), "postgres template1 service")
      assert.strictEqual(yield* told({ environment: true }, { ...variables, PGSERVICE: "ours", PGSERVICEFILE: serviceFile }), "postgres template1 service")
      const named = `postgres:///postgres?service=ours&application_name=url`
      assert.strictEqual(yield* told({ url: named, serviceFile }), "postgres postgres url")
      assert.strictEqual(yield* told({ url: `service=ours application_name='the url'`, serviceFile }), "postgres template1 the url")
      assert.strictEqual(yield* told({ url: named, serviceFile, database: "template1", applicationName: "field" }), "postgres template1 field")
      assert.strictEqual(yield* told({ url: `host=nowhere.invalid port=1 user=postgres dbname=postgres`, ...at }), "postgres postgres")
      // A port alone is for the host that another source names.
      assert.strictEqual(yield* told({ url: `postgres://postgres@:${at.port}/postgres`, environment: true }, { ...variables, PGHOST: at.host }), "postgres postgres environment")
      assert.strictEqual(yield* told({ url: "postgres://postgres@/postgres", environment: true }, { ...own, PGUSER: "nobody" }), "postgres postgres environment")
      assert.strictEqual(yield* told({ url: `postgres://postgres@${at.host}/postgres`, environment: true }, { ...own, PGHOST: "nowhere.invalid", PGHOSTADDR: "192.0.2.1" }), "postgres postgres environment")
      // Without `environment` nothing of it is looked at.
      assert.strictEqual(yield* told({ url }, variables), "postgres postgres")
    }))

  it.scopedLive("the driver reads nothing of the environment by itself", () =>
    Effect.gen(function*() {
      const variables = { PGSSLNEGOTIATION: "direct", PGAPPNAME: "ours", PGOPTIONS: "-c work_mem=123kB", PGSSLMODE: "require" }
      yield* Effect.acquireRelease(Effect.sync(() => Object.assign(process.env, variables)), () =>
        Effect.sync(() => Object.keys(variables).forEach((name) => delete process.env[name])))
      assert.strictEqual(yield* told({ url }), "postgres postgres")
    }))

  it.scopedLive("PGOPTIONS, PGTZ, PGCONNECT_TIMEOUT and PGTARGETSESSIONATTRS mean what they mean to libpq", () =>
    Effect.gen(function*() {
      const own = { PGHOST: at.host, PGPORT: String(at.port), PGUSER: "postgres" }
      const shown = yield* Effect.flatMap(Database.Database, (db) => db<{ m: string; z: string }>`SELECT current_setting('work_mem') AS m, current_setting('TimeZone') AS z`.one).pipe(
        Effect.provide(Postgres.layer({ environment: true })),
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries({ ...own, PGOPTIONS: "-c work_mem=123kB", PGTZ: "Asia/Tokyo", PGCONNECT_TIMEOUT: "5" }))))
      )
      assert.deepStrictEqual(shown, { m: "123kB", z: "Asia/Tokyo" })
      assert.strictEqual(yield* field({ environment: true }, { ...own, PGTARGETSESSIONATTRS: "standby" }), "ConnectionError")
      assert.strictEqual(yield* field({ environment: true }, { ...own, PGTARGETSESSIONATTRS: "slave" }), "PGTARGETSESSIONATTRS")
      assert.strictEqual(yield* field({ environment: true }, { ...own, PGCONNECT_TIMEOUT: "soon" }), "PGCONNECT_TIMEOUT")
      assert.strictEqual(yield* field({ environment: true }, { ...own, PGSSLMODE: "on" }), "PGSSLMODE")
      assert.strictEqual(yield* field({ environment: true }, { ...own, PGSSLCRLDIR: "/etc" }), "PGSSLCRLDIR")
      assert.strictEqual(yield* field({ environment: true }, { ...own, PGPORT: "x" }), "PGPORT")
    }))

  it.scopedLive("a password file is read as libpq reads it: wildcards, escapes, the first line that fits", () =>
    Effect.gen(function*() {
      yield* scram("a:b\\c")
      const path = yield* folder
      const lines = [
        "# a comment", "", "nowhere.invalid:*:*:*:wrong", `${at.host}:${at.port}:other:scram2:wrong`, `${at.host}:1:*:*:wrong`,
        `${at.host}:*:post\\gres:scram2:a\\:b\\\\c`, "*:*:*:*:wrong"
      ]
      const passFile = written(join(path, "one"), lines.join("\n"))
      const who = { ...at, username: "scram2", database: "postgres" }
      assert.strictEqual(yield* told({ ...who, passFile }), "scram2 postgres")
      assert.strictEqual(yield* told({ ...at, url: `user=scram2 dbname=postgres passfile='${passFile}'` }), "scram2 postgres")
      assert.strictEqual(yield* told({ ...who, environment: true }, { PGPASSFILE: passFile }), "scram2 postgres")
      // A colon of the password may stand as it is.
      assert.strictEqual(yield* told({ ...who, passFile: written(join(path, "two"), `*:*:*:*:a:b\\\\c\r\n`) }), "scram2 postgres")
      assert.strictEqual(yield* field({ ...who, passFile: written(join(path, "three"), `*:*:*:other:a\n`) }), "AuthenticationError")
      // What is said wins.
      assert.strictEqual(yield* field({ ...who, passFile, password: Redacted.make("wrong") }), "AuthenticationError")
      assert.strictEqual(yield* field({ ...who, passFile, environment: true }, { PGPASSWORD: "wrong" }), "AuthenticationError")
      // It is read at each connect.
      yield* Effect.flatMap(Database.Database, (db) => Effect.gen(function*() {
        yield* asRoot((root) => root.unsafe("ALTER ROLE scram2 PASSWORD 'rotated'"))
        written(passFile, "*:*:*:scram2:rotated\n")
        yield* Effect.scoped(Effect.flatMap(Effect.all([db.reserve, db.reserve]), () => Effect.void))
        assert.strictEqual((yield* db.pool.stats).opened, 2)
      })).pipe(Effect.provide(Postgres.layer({ ...who, passFile, pool: { max: 2 } })))
    }))

  it.scopedLive("a password file that others may read is not used, and a warning says so; without its password", () =>
    Effect.gen(function*() {
      yield* scram("s3cr3t")
      const passFile = written(join(yield* folder, "open"), "*:*:*:*:s3cr3t\n", 0o640)
      const warnings: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => void (logLevel.label === "WARN" && warnings.push(String(message))))
      const reason = yield* reasonOf(told({ ...at, username: "scram2", database: "postgres", passFile })).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      assert.deepStrictEqual([reason._tag, reason.message], ["AuthenticationError", "the server asks for a password, and none is given"])
      assert.include(warnings.join("\n"), `passFile: ${passFile} may be read by others`)
      assert.notInclude(warnings.join("\n"), "s3cr3t")
    }))

  it.scopedLive("with `environment` the user's own files are read where they are there", () =>
    Effect.gen(function*() {
      yield* scram("pw")
      const home = yield* folder
      yield* atHome(home)
      assert.strictEqual(homedir(), home)
      const who = { ...at, username: "scram2", database: "postgres" }
      assert.strictEqual(yield* field({ ...who, environment: true }), "AuthenticationError")
      written(join(home, ".pgpass"), "*:*:*:scram2:pw\n")
      written(join(home, ".pg_service.conf"), `[mine]\nhost=${at.host}\nport=${at.port}\nuser=scram2\ndbname=postgres\n`)
      assert.strictEqual(yield* told({ ...who, environment: true }), "scram2 postgres")
      assert.strictEqual(yield* told({ environment: true }, { PGSERVICE: "mine" }), "scram2 postgres")
      assert.strictEqual(yield* field(who), "AuthenticationError", "and only then")
      // Certificates too; a key that is nobody's is refused.
      mkdirSync(join(home, ".postgresql"))
      written(join(home, ".postgresql", "root.crt"), "nothing")
      assert.strictEqual(yield* told({ ...who, environment: true }), "scram2 postgres", "TLS is not asked for")
      assert.strictEqual(yield* field({ ...who, environment: true, sslmode: "require" }), "environment")
    }))

  it.scopedLive("a file that is not there, or is malformed, is named by the field and the line, and never quoted", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const none = join(path, "none")
      const service = (text: string) => ({ service: "x", serviceFile: written(join(path, "service"), text) })
      assert.strictEqual(yield* field({ ...at, passFile: none }), "passFile")
      assert.strictEqual(yield* field({ ...at, environment: true }, { PGPASSFILE: none }), "PGPASSFILE")
      assert.strictEqual(yield* field({ ...at, url: `postgres://u@h/d?passfile=${encodeURIComponent(none)}` }), "url.passfile")
      const malformed = yield* reasonOf(told({ ...at, passFile: written(join(path, "pass"), "# ok\n\n*:*:s3cr3t\n") }))
      assert.match(malformed.message, /^passFile names a file whose line 3 is not host:port:database:user:password/)
      assert.notInclude(malformed.message, "s3cr3t")

      assert.strictEqual(yield* field({ service: "x", serviceFile: none }), "serviceFile")
      assert.strictEqual(yield* field({ environment: true }, { PGSERVICE: "x", PGSERVICEFILE: none }), "PGSERVICEFILE")
      assert.strictEqual(yield* field({ serviceFile: none }), "serviceFile")
      assert.strictEqual(yield* field(service("[y]\nhost=a\n")), "service")
      assert.strictEqual(yield* field(service("[x]\nhost\n")), "serviceFile")
      assert.strictEqual(yield* field(service("[x]\npassword s3cr3t = 1\n")), "serviceFile")
      assert.strictEqual(yield* field(service("[x]\nservice=y\n")), "serviceFile")
      assert.strictEqual(yield* field(service("[x]\nldap://host/\n")), "serviceFile")
      assert.strictEqual(yield* field(service("[x]\nsslmod=require\n")), "service.sslmod")
      assert.strictEqual(yield* field(service("[x]\nsslmode=yes\n")), "service.sslmode")
      assert.strictEqual(yield* field(service("[x]\nport=s3cr3t\n")), "service.port")
      // A group that is not ours may hold what it likes.
      assert.strictEqual(yield* told({ ...service(`[y]\nwhatever\n[x]\nhost=${at.host}\nport=${at.port}\nuser=postgres\n`) }), "postgres postgres")
    }))

  it.live("a keyword that cannot be kept is refused by its name, and an empty one is as none", () =>
    Effect.gen(function*() {
      const cases = [
        "sslmode=on", "gssencmode=require", "sslcrldir=/x", "requirepeer=root", "sslnegotiation=direct", "replication=database", "client_encoding=latin1",
        "channel_binding=yes", "require_auth=scram", "require_auth=md5,!none", "ssl_min_protocol_version=SSLv3", "load_balance_hosts=yes", "connect_timeout=1s", "keepalives=yes"
      ]
      for (const option of cases) assert.strictEqual(yield* field({ url: `host=${at.host} ${option}` }), `url.${option.split("=")[0]}`, option)
      assert.strictEqual(yield* field({ url: "host=a,b hostaddr=127.0.0.1" }), "url.hostaddr")
      assert.strictEqual(yield* field({ sslmode: "on" as "require" }), "sslmode")
      assert.strictEqual(yield* field({ channelBinding: "yes" as "require" }), "channelBinding")
      assert.strictEqual(yield* field({ requireAuth: "kerberos" }), "requireAuth")
      assert.strictEqual(yield* field({ channelBinding: "require", sslmode: "disable" }), "channelBinding")
      const own = `host=${at.host} port=${at.port} user=postgres dbname=postgres`
      assert.strictEqual(yield* told({ url: `${own} sslmode='' gssencmode=prefer sslsni=1 sslcompression=0 client_encoding=UTF8 keepalives=1 connect_timeout=0 fallback_application_name=f` }), "postgres postgres f")
      // The name is not looked up where the address is given.
      assert.strictEqual(yield* told({ url: `host=nowhere.invalid hostaddr=${at.host} port=${at.port} user=postgres` }), "postgres postgres")
    }))

  it.live("without a username it is the process's own, as libpq has it", () =>
    Effect.gen(function*() {
      const reason = yield* reasonOf(told({ ...at }))
      assert.deepStrictEqual([reason._tag, reason.sqlState], ["AuthenticationError", "28000"])
      assert.include(reason.message, userInfo().username)
    }))

  it.scopedLive("P8 credentials are asked for at each connect, and kept ones that are refused once more", () =>
    Effect.gen(function*() {
      yield* scram("first")
      let asked = 0
      let secret = "first"
      const source = Effect.sync(() => {
        asked++
        return Redacted.make(secret)
      })
      const who = { ...at, username: "scram2", database: "postgres" }
      assert.strictEqual(yield* told({ ...who, password: source }), "scram2 postgres")
      const cached = yield* Credentials.cachedInvalidate(source, { timeToLive: "1 hour" })
      assert.strictEqual(yield* told({ ...who, password: cached }), "scram2 postgres")
      yield* asRoot((root) => root.unsafe("ALTER ROLE scram2 PASSWORD 'second'"))
      secret = "second"
      assert.strictEqual(yield* told({ ...who, password: cached }), "scram2 postgres")
      assert.strictEqual(asked, 3)
    }))
})
