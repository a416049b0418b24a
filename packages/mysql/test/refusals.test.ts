/**
 * Input that is wrong, on every server that is here: each has a reason of its own, and says rightly what became of the
 * connection and of the statement. The server is asked afterwards.
 */
import { assert, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Retry from "@sluice/core/Retry"
import type * as SqlError from "@sluice/core/SqlError"
import * as Mysql from "@sluice/mysql/Mysql"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { createServer } from "node:net"
import { onServers, reasonOf } from "./each.js"

const using = <A>(config: Mysql.Config, body: (db: Database.Database) => Effect.Effect<A, SqlError.SqlError>) =>
  Effect.provide(Effect.flatMap(Database.Database, body), Mysql.layer({ pool: { max: 1 }, ...config }))

onServers("refusals", (on, { name, url }) => {
  const place = new URL(url)
  const opening = (config: Mysql.Config) =>
    Effect.map(
      reasonOf(Effect.timeout(Effect.provide(Effect.flatMap(Database.Database, (db) => db.ping), Mysql.layer({ url, ...config })), 8_000)),
      ({ _tag, connection, isRetryable, outcome }) => ({ _tag, isRetryable, connection, outcome })
    )
  const refused = { isRetryable: false, connection: "broken", outcome: "not-applied" } as const

  it.live("a wrong password, and a user who is not there", () =>
    Effect.gen(function*() {
      const wrong = yield* opening({ username: "nobody_here", password: Redacted.make("wrong") })
      assert.deepStrictEqual(wrong, { _tag: "AuthenticationError", ...refused })
    }))

  it.live("a database that is not there, or that the user may not see", () =>
    on({}, (db) => Effect.gen(function*() {
      assert.deepStrictEqual(yield* opening({ database: "no_such_database" }), { _tag: "ConfigError", ...refused })
      const user = `sluice_${process.pid}_seer`
      yield* db.unsafe(`CREATE USER '${user}'@'%' IDENTIFIED BY 'pw'`)
      const hidden = yield* opening({ username: user, password: Redacted.make("pw"), database: "mysql" })
      yield* db.unsafe(`DROP USER '${user}'@'%'`)
      assert.deepStrictEqual(hidden, { _tag: "AuthorizationError", ...refused })
    })))

  it.live("an account that is locked", () =>
    on({}, (db) => Effect.gen(function*() {
      const user = `sluice_${process.pid}_locked`
      yield* db.unsafe(`CREATE USER '${user}'@'%' IDENTIFIED BY 'pw' ACCOUNT LOCK`)
      const locked = yield* Effect.ensuring(opening({ username: user, password: Redacted.make("pw") }), Effect.ignore(db.unsafe(`DROP USER '${user}'@'%'`)))
      assert.deepStrictEqual(locked, { _tag: "AuthenticationError", ...refused })
    })))

  it.live("a savepoint, a procedure and a row that are not there: of a transaction, of a text, of a view with CHECK OPTION", () =>
    on({}, (db) => Effect.gen(function*() {
      for (const text of ["ROLLBACK TO SAVEPOINT none", "RELEASE SAVEPOINT none"]) {
        assert.strictEqual((yield* reasonOf(db.transaction(db.unsafe(text))))._tag, "TransactionStateError")
      }
      assert.strictEqual((yield* reasonOf(db.unsafe("CALL none()")))._tag, "SqlSyntaxError")
      yield* db`CREATE TABLE base (a INTEGER)`
      yield* db`CREATE VIEW small AS SELECT a FROM base WHERE a < 10 WITH CHECK OPTION`
      const reason = yield* reasonOf(db`INSERT INTO small VALUES (10)`)
      assert.deepStrictEqual([reason._tag, reason.connection, reason.outcome], ["ConstraintError", "usable", "not-applied"])
    })))

  it.live("a port where nobody listens, and one where somebody else does", () =>
    Effect.gen(function*() {
      const closed = yield* opening({ host: place.hostname, port: 1, pool: { acquireTimeout: 300 } })
      assert.deepStrictEqual(closed, { _tag: "ConnectionError", isRetryable: true, connection: "broken", outcome: "not-applied" })
      // A web server, which waits to be asked, and a mail server, which greets in its own language.
      for (const greeting of ["", "220 mail.example.com ESMTP\r\n"]) {
        const server = createServer((socket) => void socket.on("error", () => {}).write(greeting))
        yield* Effect.acquireUseRelease(
          Effect.async<number>((resume) => {
            server.listen(0, "127.0.0.1", () => {
              const address = server.address()
              resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
            })
          }),
          (port) => Effect.gen(function*() {
            const other = yield* opening({ host: "127.0.0.1", port, connectTimeout: 300, pool: { acquireTimeout: 500 } })
            assert.deepStrictEqual([other._tag, other.connection, other.outcome], ["ConnectionError", "broken", "not-applied"], greeting)
          }),
          () => Effect.sync(() => server.close())
        )
      }
    }))

  it.live("settings that the server does not have name the config's field; an initCommand tells its own reason", () =>
    Effect.gen(function*() {
      const field = (config: Mysql.Config) =>
        Effect.map(reasonOf(Effect.provide(Effect.flatMap(Database.Database, (db) => db.ping), Mysql.layer({ url, ...config }))), (reason) => {
          assert.deepStrictEqual([reason.isRetryable, reason.outcome], [false, "not-applied"])
          // What is refused before anything is opened leaves nothing broken.
          assert.strictEqual(reason.connection, reason.code === undefined ? "usable" : "broken")
          return reason._tag === "ConfigError" ? reason.field : `${reason._tag} of ${reason.message.slice(0, reason.message.indexOf(":"))}`
        })
      assert.strictEqual(yield* field({ sqlMode: "NO_SUCH_MODE" }), "sqlMode")
      assert.strictEqual(yield* field({ sqlMode: "ANSI'; DROP" }), "sqlMode")
      assert.strictEqual(yield* field({ collation: "utf8mb4_no_such_ci" }), "collation")
      assert.strictEqual(yield* field({ charset: "latin1", collation: "utf8mb4_bin" }), "collation")
      assert.strictEqual(yield* field({ initCommand: "SELEC" }), "SqlSyntaxError of initCommand")
      assert.strictEqual(yield* field({ initCommand: ["SET @a = 1", "INSERT INTO mysql.no_such VALUES (1)"] }), "SqlSyntaxError of initCommand[1]")
    }))

  const kept = (db: Database.Database) => db<number>`SELECT CONNECTION_ID()`.scalar

  it.live("a packet over the limit is refused before it is sent, and the connection stays", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (b LONGBLOB)`
      const id = yield* kept(db)
      const limit = yield* db<number>`SELECT @@max_allowed_packet`.scalar
      const reason = yield* reasonOf(db`INSERT INTO t VALUES (${new Uint8Array(limit + 1)})`)
      assert.strictEqual(reason._tag, "LimitError")
      if (reason._tag === "LimitError") assert.deepStrictEqual([reason.limit, reason.maximum], ["max_allowed_packet", limit])
      assert.deepStrictEqual([reason.isRetryable, reason.connection, reason.outcome], [false, "usable", "not-applied"])
      assert.deepStrictEqual([yield* kept(db), yield* db<number>`SELECT COUNT(*) FROM t`.scalar], [id, 0])
    })))

  it.live("a value out of range, too long, or of no such kind is a DataError with its column, and nothing is stored", () =>
    on({ sqlMode: "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE", pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (tiny TINYINT, text VARCHAR(3), day DATE, price DECIMAL(4, 2), doc JSON, one INTEGER)`
      const id = yield* kept(db)
      const column = (statement: Effect.Effect<unknown, SqlError.SqlError>) => Effect.map(reasonOf(statement), (reason) => {
        assert.deepStrictEqual([reason.isRetryable, reason.connection, reason.outcome], [false, "usable", "not-applied"])
        return [reason._tag, reason.column]
      })
      assert.deepStrictEqual(yield* column(db`INSERT INTO t (tiny) VALUES (${999})`), ["DataError", "tiny"])
      assert.deepStrictEqual(yield* column(db`INSERT INTO t (text) VALUES (${"four"})`), ["DataError", "text"])
      assert.deepStrictEqual(yield* column(db`INSERT INTO t (day) VALUES (${"2024-02-30"})`), ["DataError", "day"])
      assert.deepStrictEqual(yield* column(db`INSERT INTO t (price) VALUES (${"123.45"})`), ["DataError", "price"])
      assert.deepStrictEqual(yield* column(db`INSERT INTO t (one) VALUES (${"one"})`), ["DataError", "one"])
      // MariaDB's JSON is a text with a constraint.
      const [tag] = yield* column(db`INSERT INTO t (doc) VALUES (${"{no json"})`)
      assert.strictEqual(tag, name === "mysql" ? "DataError" : "ConstraintError")
      assert.strictEqual((yield* reasonOf(db`SELECT 9223372036854775807 + ${1}`))._tag, "DataError")
      assert.deepStrictEqual([yield* kept(db), yield* db<number>`SELECT COUNT(*) FROM t`.scalar], [id, 0])
    })))

  it.live("LOAD DATA LOCAL of one's own is refused before it is sent: no file is ever read", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (t TEXT)`
      const id = yield* kept(db)
      const load = db.unsafe("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE t")
      for (const failing of [load, load.unprepared, Stream.runDrain(load.stream), load.result]) {
        const reason = yield* reasonOf(failing)
        assert.deepStrictEqual([reason._tag, reason.connection, reason.outcome], ["UnsupportedError", "usable", "not-applied"])
      }
      assert.deepStrictEqual([yield* kept(db), yield* db<number>`SELECT COUNT(*) FROM t`.scalar], [id, 0])
    })))

  it.live("T4 a table that was altered since the transaction's snapshot: the whole transaction is run again", () =>
    on({}, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE seen (id INTEGER)`
      yield* db`CREATE TABLE altered (id INTEGER)`
      yield* db`INSERT INTO altered VALUES (1)`
      const database = yield* db<string>`SELECT DATABASE()`.scalar
      // By another database, since a statement of this one would be of the transaction.
      const alter = (column: string) =>
        using({ url, database }, (other) => other.unsafe(`ALTER TABLE altered ADD COLUMN ${column} INTEGER DEFAULT 7, FORCE`))
      let runs = 0
      const body = (column: string) => Effect.gen(function*() {
        yield* db`SELECT * FROM seen`
        if (++runs === 1) yield* alter(column)
        return yield* db`SELECT * FROM altered`
      })
      const reason = yield* reasonOf(body("n").pipe(db.transaction({ isolation: "repeatable-read" })))
      assert.deepStrictEqual([reason._tag, reason.isRetryable, reason.connection, reason.outcome], ["SerializationError", true, "usable", "not-applied"])
      runs = 0
      assert.deepStrictEqual(yield* body("m").pipe(db.transaction({ isolation: "repeatable-read", retry: Retry.transient })), [{ id: 1, n: 7, m: 7 }])
      assert.strictEqual(runs, 2)
    })))

  it.live("invalid UTF-8 is refused, in either direction, and bytes stay bytes", () =>
    on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      yield* db`CREATE TABLE t (t VARCHAR(20) CHARACTER SET utf8mb4, l VARCHAR(20) CHARACTER SET latin1, b VARBINARY(20))`
      const id = yield* kept(db)
      const bytes = new Uint8Array([0x61, 0xff, 0xc3])
      const reasons = [
        // Half of a surrogate pair has no UTF-8.
        yield* reasonOf(db`INSERT INTO t (t) VALUES (${"a\ud800"})`),
        yield* reasonOf(db`INSERT INTO t (t) VALUES (${"\udc00"})`.unprepared),
        // Bytes that are no text, as a parameter and as a literal.
        yield* reasonOf(db`INSERT INTO t (t) VALUES (${bytes})`),
        yield* reasonOf(db.unsafe("INSERT INTO t (t) VALUES (x'61ffc3')")),
        yield* reasonOf(db.unsafe("SELECT _utf8mb4 x'61ffc3'"))
      ]
      for (const reason of reasons) {
        assert.deepStrictEqual([reason._tag, reason.isRetryable, reason.connection, reason.outcome], ["DataError", false, "usable", "not-applied"])
      }
      assert.deepStrictEqual([yield* kept(db), yield* db<number>`SELECT COUNT(*) FROM t`.scalar], [id, 0])
      yield* db`INSERT INTO t (b) VALUES (${bytes})`
      // Any byte is a character of latin1, and comes as the character that it is there.
      yield* db.unsafe("UPDATE t SET l = _latin1 x'e980'")
      assert.deepStrictEqual(yield* db`SELECT b, l FROM t`, [{ b: bytes, l: "é€" }])
    })))
})
