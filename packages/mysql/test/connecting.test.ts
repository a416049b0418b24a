/**
 * The options of a connection, each on every server that is here: what a session is after connecting, and after a reset.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Mysql from "@sluice/mysql/Mysql"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import mysql2 from "mysql2"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import { without } from "../../testkit/test/without.js"
import { onServers, reasonOf } from "./each.js"
import { real } from "./server.js"

const using = <A, E>(config: Mysql.Config, body: (db: Database.Database) => Effect.Effect<A, E>) =>
  Effect.flatMap(Database.Database, body).pipe(Effect.provide(Mysql.layer({ pool: { max: 1 }, ...config })))

const field = (config: Mysql.Config) =>
  Effect.map(reasonOf(using(config, (db) => db.ping)), (reason) => reason._tag === "ConfigError" ? reason.field : reason._tag)

/** A folder with these files, gone with its scope. */
const folder = (files: Readonly<Record<string, string>>) =>
  Effect.map(
    Effect.acquireRelease(Effect.sync(() => mkdtempSync(join(tmpdir(), "sluice-options-"))), (path) => Effect.sync(() => rmSync(path, { recursive: true }))),
    (path) => {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text.replaceAll("{folder}", path))
      return path
    }
  )

onServers("connecting", (on, { name, url }) => {
  const { hostname, port, username } = new URL(url)
  const place = { host: hostname, port: Number(port), username }

  it.scopedLive("a mysql2 of another version, without what its packets are read by, is refused by its name", () =>
    Effect.gen(function*() {
      yield* without(mysql2.Connection.prototype, "startTLS")
      const reason = yield* reasonOf(using(place, (db) => db.ping))
      assert.deepStrictEqual([reason._tag, reason._tag === "UnsupportedError" ? reason.capability : "", reason.connection, reason.outcome], ["UnsupportedError", "mysql2", "broken", "not-applied"])
    }))

  it.live("by host, port and user, by SQLAlchemy's url, and by the socket", () =>
    Effect.gen(function*() {
      const socket = yield* using(place, (db) => db<string>`SELECT @@socket`.scalar)
      assert.strictEqual(yield* using({ url: `mysql+aiomysql://${username}@${hostname}:${port}/?charset=utf8mb4` }, (db) => db<number>`SELECT @@port`.scalar), Number(port))
      const over = yield* using({ unixSocket: socket, username }, (db) =>
        db<{ who: string; endpoint: string }>`SELECT USER() AS who`.one.pipe(Effect.zip(db.withConnection(({ endpoint }) => Effect.succeed(endpoint)))))
      assert.deepStrictEqual([over[0].who, over[1]], [`${username}@localhost`, socket])
      const nowhere = yield* reasonOf(using({ unixSocket: `${socket}.none`, username, pool: { acquireTimeout: 300 } }, (db) => db.ping))
      assert.deepStrictEqual([nowhere._tag, nowhere.connection, nowhere.outcome], ["ConnectionError", "broken", "not-applied"])
      // The default user is that of the process.
      const own = yield* Effect.exit(using({ host: hostname, port: Number(port) }, (db) => db<string>`SELECT USER()`.scalar))
      assert.include(JSON.stringify(own), userInfo().username)
    }))

  it.scopedLive("by a named pipe: its path reaches the network as it is", () =>
    Effect.gen(function*() {
      // A pipe on Windows; elsewhere a socket of that very name in the folder of the process.
      const path = `\\\\.\\pipe\\sluice-${process.pid}-${name}`
      const pipe = createServer((client) => void client.pipe(connect(Number(port), hostname)).pipe(client).on("error", () => client.destroy()))
      yield* Effect.acquireRelease(
        Effect.async<void>((resume) => void pipe.listen(path, () => resume(Effect.void))),
        () => Effect.sync(() => pipe.close())
      )
      const [who, endpoint] = yield* using({ unixSocket: path, username }, (db) =>
        db<number>`SELECT @@port`.scalar.pipe(Effect.zip(db.withConnection(({ endpoint }) => Effect.succeed(endpoint)))))
      assert.deepStrictEqual([who, endpoint], [Number(port), path])
    }))

  it.live("charset, collation, sqlMode, timezone and initCommand hold on every connection of the pool, and after every reset", () =>
    on({
      charset: "latin1", collation: "latin1_german2_ci", sqlMode: "STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES", timezone: "+05:30",
      initCommand: ["SET @greeting = 'hi'", "SET SESSION max_join_size = 12345"], pool: { max: 3 }
    }, (db) => Effect.gen(function*() {
      const state = (session: Pick<Database.Database, "unsafe">) =>
        session.unsafe("SELECT @@character_set_connection, @@collation_connection, @@sql_mode, @@time_zone, @greeting, @@max_join_size").values
      const all = yield* Effect.scoped(Effect.flatMap(Effect.all([db.session, db.session, db.session]), (sessions) => Effect.forEach(sessions, (session) =>
        Effect.tap(state(session), () => session`SET NAMES utf8mb4, @greeting = 'changed', SESSION sql_mode = '', SESSION time_zone = '+00:00'`))))
      const expected = [["latin1", "latin1_german2_ci", "NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES", "+05:30", "hi", 12345]]
      assert.deepStrictEqual(all, [expected, expected, expected])
      const again = yield* Effect.scoped(Effect.flatMap(Effect.all([db.session, db.session, db.session]), (sessions) => Effect.forEach(sessions, state)))
      assert.deepStrictEqual(again, [expected, expected, expected])
    })))

  it.live("without options a session is the server's own, after a reset as before it", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      const state = (session: Pick<Database.Database, "unsafe">) => session.unsafe("SELECT @@sql_mode, @@global.sql_mode, @@collation_connection, @@wait_timeout").values
      const first = yield* Effect.scoped(Effect.flatMap(db.session, state))
      assert.strictEqual(first[0]?.[0], first[0]?.[1])
      assert.deepStrictEqual(yield* Effect.scoped(Effect.flatMap(db.session, state)), first)
    })))

  it.live("setCharset holds for its session alone", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      const state = (session: Pick<Database.Database, "unsafe">) => session.unsafe("SELECT @@character_set_connection, @@collation_connection").values
      const before = yield* Effect.scoped(Effect.flatMap(db.session, state))
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        yield* Mysql.setCharset(session, "latin1", "latin1_german2_ci")
        assert.deepStrictEqual(yield* state(session), [["latin1", "latin1_german2_ci"]])
        assert.strictEqual(yield* session<number>`SELECT 'Straße' = 'Strasse'`.scalar, 1)
        assert.strictEqual(yield* session<string>`SELECT ${"100 €"}`.scalar, "100 €")
        const foreign = yield* reasonOf(session`SELECT ${"日本"}`)
        assert.deepStrictEqual([foreign._tag, foreign.connection, foreign.outcome], ["DataError", "usable", "not-applied"])
        assert.strictEqual((yield* reasonOf(session.unsafe("SELECT '日本'")))._tag, "DataError")
        yield* Mysql.setCharset("utf8mb4")(session)
        assert.strictEqual(yield* session<string>`SELECT ${"日本"}`.scalar, "日本")
        const unsafe = yield* reasonOf(Mysql.setCharset(session, "gbk"))
        assert.strictEqual(unsafe._tag === "ConfigError" ? unsafe.field : unsafe._tag, "charset")
        const other = yield* reasonOf(Mysql.setCharset(session, "latin1", "utf8mb4_bin"))
        assert.strictEqual(other._tag === "ConfigError" ? other.field : other._tag, "collation")
        yield* Mysql.setCharset(session, "ascii")
      }))
      assert.deepStrictEqual(yield* Effect.scoped(Effect.flatMap(db.session, state)), before)
      assert.strictEqual(yield* db<string>`SELECT ${"日本 😀"}`.scalar, "日本 😀")
    })))

  for (const charset of ["latin1", "cp1251", "sjis", "macce", "utf8mb3"]) {
    it.live(`Q1 where somebody sets ${charset} by hand, texts go in and come out as they are, and the next borrower has none of it`, () =>
      on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE words (word VARCHAR(20)) CHARACTER SET utf8mb4`
        const text = { latin1: "grün é €", cp1251: "привет", sjis: "日本", macce: "Žluťoučký", utf8mb3: "日本" }[charset] ?? ""
        yield* Effect.scoped(Effect.gen(function*() {
          const session = yield* db.session
          yield* session.unsafe(`SET NAMES ${charset}`)
          assert.strictEqual(yield* session<string>`SELECT ${text} AS v`.scalar, text)
          assert.deepStrictEqual(yield* session`SELECT ${text} AS v`.unprepared, [{ v: text }])
          yield* session`INSERT INTO words VALUES (${text})`
        }))
        assert.strictEqual(yield* db<string>`SELECT word FROM words WHERE word = ${text}`.scalar, text)
        assert.strictEqual(yield* db<string>`SELECT ${"😀"} AS v`.scalar, "😀")
      })))
  }

  it.live("Q1 where somebody sets a character set by hand, what it has no place for is a DataError, and no question marks", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE words (\`größe €\` INTEGER, word VARCHAR(20)) CHARACTER SET utf8mb4`
      yield* db`INSERT INTO words VALUES (1, ${"€"}), (2, ${"abc"})`
      // The driver's converter has no dec8.
      for (const [charset, foreign] of [["latin1", "日本"], ["cp1251", "é"], ["dec8", "é"], ["utf8mb3", "😀"], ["utf8", "😀"], ["big5", "À"], ["gbk", "€"], ["sjis", "①"]] as const) {
        yield* Effect.scoped(Effect.gen(function*() {
          const session = yield* db.session
          const kept = session<string>`SELECT CONCAT(${"abc"}, '')`.scalar
          assert.strictEqual(yield* kept, "abc")
          yield* session.unsafe(`SET NAMES ${charset}`)
          for (const failing of [
            session`SELECT ${foreign}`, session`SELECT ${foreign}`.unprepared, session.unsafe(`SELECT '${foreign}'`), session`SELECT ${foreign}`.stream.pipe(Stream.runDrain),
            session.provide(db.executeMany("INSERT INTO words VALUES (?, ?)", [[3, "a"], [4, foreign]]))
          ]) {
            const reason = yield* reasonOf(failing)
            assert.deepStrictEqual([reason._tag, reason.connection, reason.outcome], ["DataError", "usable", "not-applied"], charset)
            assert.include(reason.message, charset)
          }
          assert.strictEqual(yield* kept, "abc")
          assert.deepStrictEqual(yield* session`SELECT word FROM words WHERE word = ${"abc"}`, [{ word: "abc" }])
          assert.strictEqual(yield* session<number>`SELECT COUNT(*) FROM words`.scalar, 2)
        }))
      }
      for (const results of ["latin1", "ucs2", "NULL"]) {
        yield* Effect.scoped(Effect.gen(function*() {
          const session = yield* db.session
          yield* session.unsafe(`SET character_set_results = ${results}`)
          for (const statement of [session`SELECT * FROM words LIMIT 1`, session`SELECT word, \`größe €\` FROM words LIMIT 1`]) {
            assert.deepStrictEqual(yield* statement, [{ "größe €": 1, word: "€" }], results)
          }
        }))
      }
      assert.deepStrictEqual(yield* db`SELECT * FROM words WHERE word = ${"€"}`, [{ "größe €": 1, word: "€" }])
    })))

  it.live("Q1 in whatever set by hand a character arrives as it is, or is a DataError", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      const sets = yield* db<string>`SELECT CHARACTER_SET_NAME AS name FROM information_schema.CHARACTER_SETS`.column("name")
      const known = [..."\\'\"é¤¯¨ÀŽŁЖ№∙א‘’€Ω①日本かｶ〜～￥繁體简体한ไ\ufffd\u0080ڈ﨑堃镕𠀀😀"]
      // Each block of the plane has its turn.
      const texts = [...known, ...Array.from({ length: 120 }, (_, n) => String.fromCodePoint(0xa0 + n * 443 + (n * n) % 443)).filter((text) => !/^[\ud800-\udfff]$/.test(text))]
      for (const set of sets) {
        yield* Effect.scoped(Effect.gen(function*() {
          const session = yield* db.session
          // Some are no client's, and in armscii8 a parenthesis is none.
          const isUsable = yield* Effect.isSuccess(Effect.zipRight(session.unsafe(`SET NAMES ${set}`), session.unsafe("SELECT HEX('a') = '61'")))
          if (!isUsable) return
          for (const text of texts) {
            for (const prepared of [true, false]) {
              const asked = session.unsafe<{ sent: string }>("SELECT HEX(CONVERT(? USING utf8mb4)) AS sent", [text])
              const answer = yield* Effect.either(prepared ? asked : asked.unprepared)
              if (answer._tag === "Left") assert.strictEqual(answer.left.reason._tag, "DataError", `${set} ${text}`)
              else if (set !== "binary") assert.strictEqual(answer.right[0]?.sent, Buffer.from(text).toString("hex").toUpperCase(), `${set} ${text}`)
            }
          }
        }))
      }
    })), 60_000)

  it.live("Q1 where somebody sets character_set_connection alone, what it has no place for is a DataError", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE words (word VARCHAR(20)) CHARACTER SET utf8mb4`
      for (const charset of ["latin1", "gbk", "utf8mb3"]) {
        yield* Effect.scoped(Effect.gen(function*() {
          const session = yield* db.session
          yield* session.unsafe(`SET character_set_connection = ${charset}`)
          for (const failing of [session`INSERT INTO words VALUES (${"😀"})`, session`SELECT ${"😀"}`.unprepared]) {
            assert.strictEqual((yield* reasonOf(failing))._tag, "DataError", charset)
          }
          assert.strictEqual(yield* session<string>`SELECT ${"é"}`.scalar, "é")
        }))
        assert.strictEqual(yield* db<string>`SELECT ${"😀"}`.scalar, "😀")
      }
      assert.deepStrictEqual(yield* db`SELECT word FROM words`, [])
    })))

  it.live("Q1 a statement that was prepared before somebody sets a character set reads its parameters in that one", () =>
    on({ pool: { max: 1 } }, (db) => Effect.scoped(Effect.gen(function*() {
      const session = yield* db.session
      const hex = (text: string) => session<string>`SELECT HEX(CONVERT(${text} USING utf8mb4))`.scalar
      for (const [charset, text] of [["latin1", "é"], ["utf8mb4", "日"], ["cp1251", "ж"], ["latin1", "é"]] as const) {
        yield* session.unsafe(`SET NAMES ${charset}`)
        assert.strictEqual(yield* hex(text), Buffer.from(text).toString("hex").toUpperCase(), charset)
      }
    }))))

  it.live("what is read is never lost to the session's character set, and what it cannot hold is never stored as something else", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE texts (id INTEGER, t TEXT CHARACTER SET utf8mb4)`
      yield* db`INSERT INTO texts VALUES (1, ${"日本 € 😀"})`
      const { database } = yield* db<{ database: string }>`SELECT DATABASE() AS \`database\``.one
      for (const [charset, held, foreign] of [["latin1", "é €", "日本"], ["ascii", "abc", "é"], ["utf8mb3", "日本", "😀"], ["utf8", "日本", "😀"]] as const) {
        yield* using({ url, database, charset }, (own) => Effect.gen(function*() {
          assert.strictEqual(yield* own<string>`SELECT t FROM texts WHERE id = 1`.scalar, "日本 € 😀", charset)
          assert.strictEqual(yield* own<string>`SELECT ${held}`.scalar, held, charset)
          assert.strictEqual(yield* own<string>`SELECT ${held}`.unprepared.pipe(Effect.map(([row]) => Object.values(row as object)[0] as string)), held, charset)
          for (const statement of [own`INSERT INTO texts VALUES (2, ${foreign})`, own.unsafe(`INSERT INTO texts VALUES (2, '${foreign}')`)]) {
            const reason = yield* reasonOf(statement)
            assert.deepStrictEqual([reason._tag, reason.connection, reason.outcome], ["DataError", "usable", "not-applied"], charset)
          }
        }))
      }
      assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM texts`.scalar, 1)
    })))

  it.live("compressed by zlib; zstd is refused before anything is sent", () =>
    Effect.gen(function*() {
      for (const compress of [true, "zlib", { algorithm: "zlib" }] as const) {
        yield* on({ compress }, (db) => Effect.gen(function*() {
          assert.strictEqual((yield* db<{ Value: string }>`SHOW SESSION STATUS LIKE 'Compression'`.one).Value, "ON")
          const text = "compress me, ".repeat(200_000)
          assert.strictEqual(yield* db<string>`SELECT ${text}`.scalar, text)
        }))
      }
      yield* on({}, (db) => Effect.map(db<{ Value: string }>`SHOW SESSION STATUS LIKE 'Compression'`.one, ({ Value }) => assert.strictEqual(Value, "OFF")))
      for (const compress of ["zstd", { algorithm: "zstd", level: 3 }] as const) {
        const reason = yield* reasonOf(using({ host: "host.invalid", compress }, (db) => db.ping))
        assert.deepStrictEqual([reason._tag, reason.outcome, reason.isRetryable], ["UnsupportedError", "not-applied", false])
      }
    }))

  it.live("client flags are announced; those that have a field of their own, or that the driver depends on, are refused", () =>
    Effect.gen(function*() {
      const timeouts = yield* using({ url }, (db) => db`SELECT @@global.wait_timeout, @@global.interactive_timeout`.values)
      yield* Effect.acquireUseRelease(
        using({ url }, (db) => db.unsafe("SET GLOBAL interactive_timeout = 4321")),
        () => Effect.gen(function*() {
          assert.strictEqual(yield* using({ url, clientFlags: ["INTERACTIVE"] }, (db) => db<number>`SELECT @@wait_timeout`.scalar), 4321)
          assert.strictEqual(yield* using({ url, clientFlags: ["-ODBC"] }, (db) => db<number>`SELECT @@wait_timeout`.scalar), timeouts[0]?.[0])
        }),
        () => Effect.orDie(using({ url }, (db) => db.unsafe(`SET GLOBAL interactive_timeout = ${String(timeouts[0]?.[1])}`)))
      )
      for (const flag of ["MULTI_STATEMENTS", "-FOUND_ROWS", "PLUGIN_AUTH", "COMPRESS", "IGNORE_SPACE", "no such flag"]) {
        assert.strictEqual(yield* field({ host: "host.invalid", clientFlags: [flag] }), "clientFlags", flag)
      }
    }))

  it.live("Q2 several statements in one call only where they are asked for, with a result for each", () =>
    Effect.gen(function*() {
      const text = "INSERT INTO t VALUES (1), (2); SELECT id FROM t ORDER BY id; UPDATE t SET id = id + 10"
      yield* on({}, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (id INTEGER)`
        assert.strictEqual((yield* reasonOf(db.unsafe(text)))._tag, "SqlSyntaxError")
        assert.strictEqual((yield* reasonOf(db.unsafe(text).unprepared))._tag, "SqlSyntaxError")
        assert.deepStrictEqual(yield* db`SELECT id FROM t`, [])
      }))
      yield* on({ multipleStatements: true }, (db) => Effect.gen(function*() {
        yield* db`CREATE TABLE t (id INTEGER)`
        const results = yield* db.unsafe(text).results
        assert.deepStrictEqual(results.map(({ rows, rowsAffected }) => [rows, rowsAffected]), [[[], 2], [[{ id: 1 }, { id: 2 }], 0], [[], 2]])
        assert.deepStrictEqual(yield* db.unsafe("SELECT ? AS a; SELECT ? AS b", [1, "x;y"]).results.pipe(Effect.map((all) => all.map(({ rows }) => rows))), [[{ a: 1 }], [{ b: "x;y" }]])
        // A failure in the middle: what stands before it is applied, and the connection goes on.
        assert.strictEqual((yield* reasonOf(db.unsafe("DELETE FROM t; SELECT nothing_here; INSERT INTO t VALUES (9)").results))._tag, "SqlSyntaxError")
        assert.deepStrictEqual(yield* db`SELECT id FROM t`, [])
        // A stream has the rows of the first that has any, and the failure of one behind it.
        const streamed = (sql: string) => Stream.runCollect(db.unsafe(sql).stream)
        assert.deepStrictEqual([...yield* streamed("INSERT INTO t VALUES (5); SELECT id FROM t; SELECT 6")], [{ id: 5 }])
        assert.strictEqual((yield* reasonOf(streamed("SELECT id FROM t; SELECT nothing_here"))).outcome, "unknown")
        assert.strictEqual((yield* db.pool.stats).closed, 0)
      }))
    }))

  it.scopedLive("an option file: its client group, another group, quotes, comments, includes and suffixes", () =>
    Effect.gen(function*() {
      const path = yield* folder({
        "my.cnf": `# a comment\n; another\n[mysqld]\nport = 1\n[client]\nhost = "${hostname}" # here\nport=${port}\nuser = 'nobody' \n` +
          "loose_database = no_such\\\\nor_\\this\ndefault-character-set=latin1\nprompt=\\u>\nskip-ssl\n!include {folder}/more.cnf\n!includedir {folder}/d\n",
        "more.cnf": `[client]\nuser=${username}\ndatabase=mysql\ninit_command="SET @a = 'x # y'"\n[Special ]\ninit-command = SET @a\\s=\\s'z'\n[ special]\nuser = wrong\n[quoted]\ninit-command = SET @a = 'p'"#'" 'q' # here\n[open]\ninit-command = SET @a = 'r' -- 's # here\n[client_prod]\ndefault_character_set = utf8mb4\n`,
        "other.cnf": "[client\nuser = x\n"
      })
      yield* Effect.sync(() => writeFileSync(join(path, "my.cnf.ignored"), "[client]\nuser=wrong\n"))
      const { mkdirSync } = yield* Effect.promise(() => import("node:fs"))
      mkdirSync(join(path, "d"))
      writeFileSync(join(path, "d", "x.cnf"), "[client]\nconnect-timeout=5\n")
      writeFileSync(join(path, "d", "x.txt"), "[client]\nuser=wrong\n")
      const readDefaultFile = join(path, "my.cnf")
      const state = (db: Database.Database) => Effect.map(db.unsafe("SELECT @@port, DATABASE(), @@character_set_connection, @a").values, ([row]) => row)
      assert.deepStrictEqual(yield* using({ readDefaultFile }, state), [Number(port), "mysql", "latin1", "x # y"])
      assert.deepStrictEqual(yield* using({ readDefaultFile, readDefaultGroup: "special" }, state), [Number(port), "mysql", "latin1", "z"])
      // A quote may stand anywhere, and one that is never closed is one of its letters.
      assert.deepStrictEqual(yield* using({ readDefaultFile, readDefaultGroup: "quoted" }, state), [Number(port), "mysql", "latin1", "p#'q"])
      assert.deepStrictEqual(yield* using({ readDefaultFile, readDefaultGroup: "open" }, state), [Number(port), "mysql", "latin1", "r"])
      const suffixed = Effect.withConfigProvider(using({ readDefaultFile }, state), ConfigProvider.fromMap(new Map([["MYSQL_GROUP_SUFFIX", "_prod"]])))
      assert.deepStrictEqual(yield* suffixed, [Number(port), "mysql", "utf8mb4", "x # y"])
      // A field wins over the url, the url over the file.
      assert.deepStrictEqual(yield* using({ readDefaultFile, url: "mysql:///information_schema?charset=ascii", charset: "utf8mb3" }, state),
        [Number(port), "information_schema", name === "mysql" ? "utf8mb3" : "utf8mb3", "x # y"])

      assert.strictEqual(yield* field({ readDefaultFile: join(path, "none.cnf") }), "readDefaultFile")
      const missing = yield* reasonOf(using({ readDefaultFile: join(path, "none.cnf") }, (db) => db.ping))
      assert.include(missing.message, "none.cnf")
      assert.deepStrictEqual([missing.isRetryable, missing.outcome], [false, "not-applied"])
      assert.strictEqual(yield* field({ readDefaultFile: join(path, "other.cnf") }), "readDefaultFile")
      chmodSync(readDefaultFile, 0o666)
      assert.strictEqual(yield* field({ readDefaultFile }), "readDefaultFile")
    }))
})

describe.skipIf(real("mysql") === undefined)("an option file", () => {
  it.scoped("says which versions and ciphers of TLS may be agreed on", () =>
    Effect.gen(function*() {
      const { hostname, port, username } = new URL(real("mysql")?.url ?? "")
      const agreed = (text: string) =>
        Effect.flatMap(folder({ "my.cnf": `[client]\nhost=${hostname}\nport=${port}\nuser=${username}\nssl-mode=REQUIRED\n${text}` }), (path) =>
          using({ readDefaultFile: join(path, "my.cnf") }, (db) => Effect.map(
            db.unsafe("SHOW SESSION STATUS WHERE Variable_name IN ('Ssl_cipher', 'Ssl_version')").values,
            (rows) => rows.map((row) => row[1])
          )))
      assert.strictEqual((yield* agreed(""))[1], "TLSv1.3")
      assert.deepStrictEqual(yield* agreed("tls-version=TLSv1.2\nssl-cipher=ECDHE-RSA-AES256-GCM-SHA384"), ["ECDHE-RSA-AES256-GCM-SHA384", "TLSv1.2"])
      assert.deepStrictEqual(yield* agreed("tls-version=tlsv1.2, TLSv1.3\ntls-ciphersuites=TLS_CHACHA20_POLY1305_SHA256"), ["TLS_CHACHA20_POLY1305_SHA256", "TLSv1.3"])
    }))
})

describe("an option file that cannot be kept", () => {
  const said = (text: string) =>
    Effect.scoped(Effect.flatMap(folder({ "my.cnf": text }), (path) =>
      Effect.map(reasonOf(using({ readDefaultFile: join(path, "my.cnf"), pool: { acquireTimeout: 300 } }, (db) => db.ping)), (reason) => [reason._tag === "ConfigError" ? reason.field : reason._tag, reason.message] as const)))

  it.live("is refused with the option's name, and without its value", () =>
    Effect.gen(function*() {
      for (const [text, word] of [
        ["[client]\npassword", "password"], ["[client]\nport = s3cr3t", "port"], ["[client]\nssl-mode = s3cr3t", "ssl-mode"],
        ["[client]\nssl-capath = /s3cr3t", "ssl-capath is not supported: name the file, with ssl-ca"],
        ["[client]\nssl-crlpath = /s3cr3t", "ssl-crlpath"], ["[client]\ntls-version = TLSv1.1,TLSv1.3", "tls-version"], ["[client]\ntls_version = s3cr3t", "tls-version"],
        ["[client\npassword = s3cr3t", "line 1"], ["[client]\nssl-ca = /no/such/ca.pem", "ca.pem"],
        ["!include /no/such/my.cnf", "/no/such/my.cnf"], ["!includedir /no/such", "/no/such"], ["!included s3cr3t", "line 1"]
      ] as const) {
        const [named, message] = yield* said(text)
        assert.strictEqual(named, text.includes("ssl-ca ") ? "readDefaultFile.ssl-ca" : "readDefaultFile", text)
        assert.include(message, word)
        assert.notInclude(message, "s3cr3t")
      }
    }))

  it.live("may not include itself for ever", () =>
    Effect.map(said("!include {folder}/my.cnf"), ([named]) => assert.strictEqual(named, "readDefaultFile")))

  it.live("its password is used and not shown, and a url in its place is read by the same rules", () =>
    Effect.gen(function*() {
      const [named, message] = yield* said("[client]\nhost=127.0.0.1\nport=1\npassword=\"s3cr#3t\"\nconnect-timeout=1")
      assert.strictEqual(named, "ConnectionError")
      assert.notInclude(message, "s3cr")
      assert.strictEqual(yield* field({ url: "mysql://localhost/x?password_of=s3cr3t" }), "url")
      assert.strictEqual(yield* field({ url: Redacted.make("mysql://u:p@host:99999/x") }), "url.port")
    }))
})
