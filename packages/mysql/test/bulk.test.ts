/**
 * Bulk loads of MySQL and MariaDB: LOAD DATA stores what INSERT stores and fails as INSERT fails, and a server that asks
 * for a file gets none.
 *
 * What every dialect promises of bulk is in the conformance suite; this is about the two ways of this one.
 */
import { assert, describe, it } from "@effect/vitest"
import * as BulkSink from "@sluice/batcher/BulkSink"
import type * as Bulk from "@sluice/core/Bulk"
import * as Database from "@sluice/core/Database"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Mysql from "@sluice/mysql/Mysql"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { through } from "./between.js"
import { isMissing, type Server, servers } from "./server.js"

type Rows = ReadonlyArray<ReadonlyArray<unknown>>

const written = (db: Database.Database, target: Bulk.Target, ...writes: ReadonlyArray<Rows>): Effect.Effect<Bulk.Summary, SqlError.SqlError> =>
  db.withConnection((connection) =>
    Effect.scoped(Effect.gen(function*() {
      const writer = yield* connection.bulk!(target)
      for (const rows of writes) yield* writer.write(rows)
      return yield* writer.finish
    }))
  )

const into = (table: string, columns: ReadonlyArray<string>, onConflict: Bulk.Target["onConflict"] = "error"): Bulk.Target => ({ table, columns, onConflict })

const reasonOf = <A>(effect: Effect.Effect<A, SqlError.SqlError>): Effect.Effect<Reason.Reason, Error> =>
  Effect.matchEffect(effect, {
    onSuccess: (value) => Effect.fail(new Error(`expected a failure, was ${JSON.stringify(value)}`)),
    onFailure: (error) => Effect.succeed(error.reason)
  })

/** How often this session has run a command: to be asked in the transaction, since a reset forgets it. */
const count = (db: Database.Database, command: string): Effect.Effect<number, SqlError.SqlError> =>
  Effect.map(db.unsafe<{ Value: string }>(`SHOW SESSION STATUS LIKE '${command}'`).one, ({ Value }) => Number(Value))

/** Runs something while the server takes files or does not, which MySQL does only where it is told to; then as it was. */
const taking = (server: Server, isOn: boolean) => <A, E>(use: Effect.Effect<A, E>): Effect.Effect<A, E> => {
  const asked = (sql: string) =>
    Effect.orDie(Effect.flatMap(Database.Database, (db) => db.unsafe<{ was: number }>(sql)).pipe(Effect.provide(server.fresh({ pool: { max: 1 } }))))
  const set = (value: number | undefined) => asked(`SET GLOBAL local_infile = ${value}`)
  return Effect.acquireUseRelease(Effect.zipLeft(asked("SELECT @@GLOBAL.local_infile AS was"), set(isOn ? 1 : 0)), () => use, ([row]) => set(row?.was))
}

const awkward = [
  "", "\t", "\n", "\\", "\\N", "NULL", "\\\\N", "\\t", "a\tb\nc\\d\re\0f\x1ag'h\"i", "\0", "😀 日本 ü é", "x".repeat(500) + "\t\\", "ü".repeat(300), "'); DROP TABLE t; --", " padded ", "\b\f", "0", "007"
]

describe.skipIf(isMissing)("bulk", () => {
  for (const server of servers) {
    const on = <A, E>(config: Mysql.Config, body: (db: Database.Database) => Effect.Effect<A, E>) =>
      Effect.flatMap(Database.Database, body).pipe(Effect.provide(server.fresh({ ...config, pool: { max: 1 } })), taking(server, true))

    describe(`${server.name} ${server.version}`, () => {
      for (const sqlMode of [undefined, "NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES", "ANSI_QUOTES,STRICT_TRANS_TABLES", ""]) {
        it.live(`Q1 LOAD DATA stores every value as INSERT does, sql_mode ${sqlMode ?? "as the server has it"}`, () =>
          on({ integers: "bigint", ...(sqlMode === undefined ? {} : { sqlMode }) }, (db) => Effect.gen(function*() {
            const columns = ["id", "s", "c", "l", "b", "raw", "i", "big", "d", "f", "t", "at", "y", "bits", "e", "j"]
            const table = (name: string) => db.unsafe(`CREATE TABLE ${name} (id INT PRIMARY KEY, s VARCHAR(600), c CHAR(3), l VARCHAR(600) CHARACTER SET utf16, b BOOLEAN, raw LONGBLOB, i INT,
              big BIGINT UNSIGNED, d DECIMAL(38, 10), f DOUBLE, t TEXT, at DATETIME(3), y YEAR, bits BIT(12), e ENUM ('1', '2', 'a,b'), j JSON) COLLATE utf8mb4_bin`)
            yield* table("loaded")
            yield* table("inserted")
            const every = Uint8Array.from({ length: 256 }, (_, n) => n)
            const rows = awkward.map((text, n) => [
              n, text, null, text, n % 2 === 0, n === 3 ? new Uint8Array(0) : every.subarray(n), -n, 2n ** 64n - 1n - BigInt(n), "12345678901234567890.1234567890",
              n === 0 ? -0 : n / 7, text, new Date(Date.UTC(2024, 1, 29, 12, 34, 56, n)), 2000 + n, n * 100, n % 2 === 0 ? "2" : "a,b", JSON.stringify({ text })
            ])
            const loads = yield* db.transaction(Effect.zipRight(written(db, into("loaded", columns), rows), count(db, "Com_load")))
            assert.strictEqual(loads, 1, "it went by LOAD DATA")
            assert.strictEqual((yield* db.unsafe<{ n: bigint }>("SELECT COUNT(*) AS n FROM loaded")).at(0)?.n, BigInt(rows.length))
            yield* Effect.forEach(rows, (row) => db.unsafe(`INSERT INTO inserted (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`, row))
            const all = (name: string) => db.unsafe(`SELECT *, HEX(l) AS h FROM ${name} ORDER BY id`).values
            assert.deepStrictEqual(yield* all("loaded"), yield* all("inserted"))
            assert.deepStrictEqual(yield* db<string>`SELECT s FROM loaded ORDER BY id`.column("s"), awkward)
            // No value of a row stays behind in the session.
            assert.isNull(yield* db`SELECT CONCAT(@sluice_load_0, @sluice_load_1) AS v`.scalar)
          })))
      }

      it.live("Q1 a table whose texts are all in utf8mb4 is loaded as its INSERTs would: characters are counted, keys compared by collation", () =>
        on({}, (db) => Effect.gen(function*() {
          const columns = ["id", "s", "c", "t", "at", "price"]
          const table = (name: string) => db.unsafe(`CREATE TABLE ${name} (id INT PRIMARY KEY, s VARCHAR(600), c CHAR(3), t TEXT, at DATETIME, price DECIMAL(10, 2), UNIQUE (c)) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci`)
          yield* table("loaded")
          yield* table("inserted")
          const rows = awkward.map((text, n) => [n, text, `é${String(n).padStart(2, "0")}`, text, "2024-02-29 12:34:56", "-12345.67"])
          const loads = yield* db.transaction(Effect.zipRight(written(db, into("loaded", columns), rows), count(db, "Com_load")))
          assert.strictEqual(loads, 1, "it went by LOAD DATA")
          yield* db.executeMany(`INSERT INTO inserted (${columns.join(", ")}) VALUES (?, ?, ?, ?, ?, ?)`, rows)
          const all = (name: string) => db.unsafe(`SELECT *, HEX(s) AS s1, HEX(c) AS c1, HEX(t) AS t1 FROM ${name} ORDER BY id`).values
          assert.deepStrictEqual(yield* all("loaded"), yield* all("inserted"))
          for (const [c, tag] of [["😀😀😀😀", "DataError"], ["key", "UniqueViolation"]] as const) {
            const reason = yield* reasonOf(written(db, into("loaded", ["id", "c"]), [[100, "KEY"], [101, c]]))
            assert.strictEqual(reason._tag, tag)
          }
          assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM loaded WHERE id >= 100`.scalar, 0)
        })))

      it.live("Q1 what LOAD DATA reads otherwise than INSERT goes by INSERT: fractions, numbers as words, generated keys", () =>
        on({}, (db) => Effect.gen(function*() {
          yield* db`CREATE TABLE odd (id INT PRIMARY KEY AUTO_INCREMENT, i INT, e ENUM ('3', '2', '1'), s VARCHAR(40))`
          assert.strictEqual((yield* written(db, into("odd", ["i", "e", "s"]), [[2.5, 1, 0.1], [1, "1", 1e21], [true, null, "x"]])).rows, 3)
          yield* db.unsafe("CREATE TABLE same LIKE odd")
          for (const row of [[2.5, 1, 0.1], [1, "1", 1e21], [true, null, "x"]]) yield* db.unsafe("INSERT INTO same (i, e, s) VALUES (?, ?, ?)", row)
          assert.deepStrictEqual(yield* db`SELECT i, e, s FROM odd ORDER BY id`, yield* db`SELECT i, e, s FROM same ORDER BY id`)
          yield* written(db, into("odd", ["id", "i"]), [[null, 7], [0, 8], [100, 9], [undefined, 10]])
          assert.deepStrictEqual(yield* db`SELECT id FROM odd WHERE i >= 7 ORDER BY id`.column("id"), [4, 5, 100, 101])
        })))

      for (const localInfile of [true, false]) {
        it.live(`E2 a failing row says what is wrong and where, ${localInfile ? "loaded" : "inserted"}; nothing of its write is applied`, () =>
          on({ localInfile }, (db) => Effect.gen(function*() {
            yield* db`CREATE TABLE parents (id INT PRIMARY KEY)`
            yield* db`CREATE TABLE t (id TINYINT PRIMARY KEY, name VARCHAR(5) NOT NULL, code INT, parent INT, at DATE,
              UNIQUE KEY t_code (code), CONSTRAINT t_parent FOREIGN KEY (parent) REFERENCES parents (id), CONSTRAINT t_code_check CHECK (code <> 13))`
            yield* db`INSERT INTO t (id, name, code) VALUES (1, 'one', 1)`
            const columns = ["id", "name", "code", "parent", "at"]
            const row = (id: unknown, name: unknown = "n", code: unknown = null, parent: unknown = null, at: unknown = null) => [id, name, code, parent, at]
            const fails = (bad: ReadonlyArray<unknown>, onConflict: Bulk.Target["onConflict"] = "error") =>
              Effect.map(reasonOf(written(db, into("t", columns, onConflict), [row(50), bad, row(51)])), ({ _tag, column, constraint, outcome, table }) => {
                assert.strictEqual(outcome, "not-applied")
                return { _tag, table, name: constraint ?? column }
              })
            assert.deepStrictEqual(yield* fails(row(1)), { _tag: "UniqueViolation", table: "t", name: "PRIMARY" })
            assert.deepStrictEqual(yield* fails(row(2, "b", 1)), { _tag: "UniqueViolation", table: "t", name: "t_code" })
            for (const onConflict of ["error", "ignore", "replace"] as const) {
              assert.deepStrictEqual(yield* fails(row(999), onConflict), { _tag: "DataError", table: "t", name: "id" })
              assert.deepStrictEqual(yield* fails(row(2, "too long"), onConflict), { _tag: "DataError", table: "t", name: "name" })
              assert.deepStrictEqual(yield* fails(row(2, "b", "x1"), onConflict), { _tag: "DataError", table: "t", name: "code" })
              assert.deepStrictEqual(yield* fails(row(2, "b", 3, null, "2024-02-31"), onConflict), { _tag: "DataError", table: "t", name: "at" })
              assert.deepStrictEqual(yield* fails(row(2, null), onConflict), { _tag: "ConstraintError", table: "t", name: "name" })
              assert.deepStrictEqual(yield* fails(row(2, "b", 3, 7), onConflict), { _tag: "ConstraintError", table: "t", name: "t_parent" })
              assert.deepStrictEqual(yield* fails(row(2, "b", 13), onConflict), { _tag: "ConstraintError", table: "t", name: "t_code_check" })
            }
            assert.strictEqual((yield* reasonOf(written(db, into("nowhere", ["id"]), [[1]])))._tag, "SqlSyntaxError")
            assert.strictEqual((yield* reasonOf(written(db, into("t", ["nothing"]), [[1]])))._tag, "SqlSyntaxError")
            assert.deepStrictEqual(yield* db`SELECT id FROM t`.column("id"), [1])
          })))
      }

      it.live("B1 duplicates that are left out are counted alike by a load and by INSERTs, many or one, whichever rows the server counts", () =>
        Effect.forEach([true, false], (localInfile) => Effect.forEach(["found", "changed"] as const, (affectedRows) => on({ localInfile, affectedRows }, (db) => Effect.gen(function*() {
          yield* db`CREATE TABLE t (a INT PRIMARY KEY, b INT UNIQUE, c VARCHAR(10))`
          yield* db`INSERT INTO t VALUES (1, 1, 'x')`
          const ignored = (rows: Rows) => Effect.map(written(db, into("t", ["c", "b", "a"], "ignore"), rows), ({ rejected }) => rejected)
          assert.strictEqual(yield* ignored([["x", 1, 1]]), 1)
          assert.strictEqual(yield* ignored([["y", 9, 1]]), 1)
          assert.strictEqual(yield* ignored([["y", 1, 2]]), 1)
          assert.strictEqual(yield* ignored([["y", 2, 2]]), 0)
          assert.strictEqual(yield* ignored([["z", 1, 1], ["z", 2, 9], ["z", 3, 3], ["z", 3, 4], ["z", 5, 3]]), 4)
          assert.deepStrictEqual(yield* db`SELECT * FROM t ORDER BY a`.values, [[1, 1, "x"], [2, 2, "y"], [3, 3, "z"]])
        })))))

      it.live("B1 no value for a moment that must have one is what an INSERT makes of it, and not the time of the load", () =>
        on({}, (db) => Effect.gen(function*() {
          yield* db`CREATE TABLE moments (id INT PRIMARY KEY, at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), other TIMESTAMP NULL)`
          const inserted = yield* Effect.either(db`INSERT INTO moments (id, at) VALUES (0, ${null})`)
          const loaded = yield* Effect.either(written(db, into("moments", ["id", "at"]), [[1, "2024-02-29 12:34:56.789"], [2, null]]))
          assert.strictEqual(loaded._tag, inserted._tag)
          const loads = yield* db.transaction(Effect.zipRight(written(db, into("moments", ["id", "at", "other"]), [[3, new Date(1_000), null]]), count(db, "Com_load")))
          assert.strictEqual(loads, 1)
          assert.deepStrictEqual(yield* db`SELECT at, other FROM moments WHERE id = 3`.values, [["1970-01-01 00:00:01.000", null]])
        })))

      it.live("B1 what LOAD DATA would take in silence is refused as an INSERT refuses it: no value for a column, a column twice", () =>
        on({}, (db) => Effect.gen(function*() {
          yield* db.unsafe("CREATE TABLE needy (id INT PRIMARY KEY, name VARCHAR(5) NOT NULL COMMENT 'no DEFAULT, AUTO_INCREMENT or GENERATED ALWAYS', n INT NOT NULL DEFAULT 7)")
          assert.strictEqual((yield* reasonOf(written(db, into("needy", ["id"]), [[1]])))._tag, "ConstraintError")
          assert.strictEqual((yield* reasonOf(written(db, into("needy", ["id", "name", "NAME"]), [[1, "a", "b"]])))._tag, "SqlSyntaxError")
          const loads = yield* db.transaction(Effect.zipRight(written(db, into("needy", ["id", "name"]), [[1, "a"]]), count(db, "Com_load")))
          assert.strictEqual(loads, 1)
          assert.deepStrictEqual(yield* db`SELECT id, name, n FROM needy`.values, [[1, "a", 7]])
        })))

      it.live("B1 a generated column is refused and not dropped, a trigger's refusal is the load's, and what it did is undone", () =>
        on({}, (db) => Effect.gen(function*() {
          yield* db`CREATE TABLE g (id INT PRIMARY KEY, twice INT AS (id * 2) STORED)`
          yield* reasonOf(written(db, into("g", ["id", "twice"]), [[1, 5]]))
          assert.strictEqual((yield* written(db, into("g", ["id"]), [[1], [2]])).rows, 2)
          yield* db`CREATE TABLE log (id INT PRIMARY KEY)`
          yield* db`CREATE TABLE t (id INT PRIMARY KEY)`
          yield* db.unsafe(`CREATE TRIGGER told AFTER INSERT ON t FOR EACH ROW
            BEGIN IF NEW.id = 13 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not thirteen'; END IF; INSERT INTO log VALUES (NEW.id MOD 10); END`).unprepared
          assert.strictEqual((yield* written(db, into("t", ["id"]), [[1], [2]])).rows, 2)
          assert.include((yield* reasonOf(written(db, into("t", ["id"]), [[4], [13]]))).message, "not thirteen")
          assert.strictEqual((yield* reasonOf(written(db, into("t", ["id"]), [[5], [11]])))._tag, "UniqueViolation")
          assert.deepStrictEqual(yield* db`SELECT id FROM log`.column("id"), [1, 2])
          assert.deepStrictEqual(yield* db`SELECT id FROM t`.column("id"), [1, 2])
        })))

      it.live("B1 tables without transactions, views and temporary tables are loaded, the first two by INSERT", () =>
        on({}, (db) => Effect.gen(function*() {
          yield* db`CREATE TABLE isam (id INT PRIMARY KEY) ENGINE = MyISAM`
          yield* db`CREATE TABLE base (id INT PRIMARY KEY, e ENUM ('a', 'b'))`
          yield* db`CREATE VIEW seen AS SELECT id FROM base`
          for (const table of ["isam", "seen"]) {
            const work = Effect.all([written(db, into(table, ["id"]), [[1], [2]], [[3]]), count(db, "Com_load")])
            assert.deepStrictEqual(yield* db.transaction(work), [{ rows: 3, rejected: 0 }, 0])
          }
          yield* db.withConnection((connection) =>
            Effect.gen(function*() {
              const run = (sql: string) => connection.execute({
                sql, params: [], rowMode: "array", prepare: false, readOnly: false, returnsRows: true, integers: undefined, duplicates: "last", fetchSize: 1, timeout: undefined
              })
              // It hides the other one, and its column is a number.
              yield* run("CREATE TEMPORARY TABLE base (id INT PRIMARY KEY, e INT)")
              yield* Effect.scoped(Effect.flatMap(connection.bulk!(into("base", ["id", "e"])), (writer) => Effect.zipRight(writer.write([[1, 2]]), writer.finish)))
              assert.deepStrictEqual((yield* run("SELECT e FROM base")).rows, [[2]])
            })
          )
        })))

      it.live("B1 where the server takes no file, or the config offers none, rows go by INSERT", () =>
        Effect.gen(function*() {
          const load = (config: Mysql.Config) =>
            Effect.flatMap(Database.Database, (db) => Effect.gen(function*() {
              yield* db`CREATE TABLE t (id INT PRIMARY KEY, b BLOB)`
              const rows = Array.from({ length: 2_000 }, (_, n) => [n, new Uint8Array([n % 256, 0, 39, 92])] as const)
              const before = yield* db.transaction(Effect.zipRight(written(db, into("t", ["id", "b"]), rows.slice(0, 1_000), rows.slice(1_000)), count(db, "Com_load")))
              assert.deepStrictEqual(yield* db`SELECT b FROM t ORDER BY id`.column("b"), rows.map(({ 1: b }) => b))
              return before
            })).pipe(Effect.provide(server.fresh({ ...config, pool: { max: 1 } })))
          yield* taking(server, false)(load({}))
          assert.strictEqual(yield* load({ localInfile: false }), 0)
        }))

      const ways: ReadonlyArray<readonly [string, Mysql.Config]> =
        [["as they are", {}], ["compressed", { compress: true }], ...(server.name === "mysql" ? [["over TLS", { tls: { mode: "require" } }] as const] : [])]
      for (const [how, config] of ways) {
        it.live(`Q1 short and long texts arrive byte by byte where more of them come than the server takes at once, ${how}`, () =>
          on(config, (db) => Effect.gen(function*() {
            yield* db`CREATE TABLE t (id INT PRIMARY KEY, name LONGTEXT NOT NULL) CHARACTER SET utf8mb4`
            const lengthOf = (n: number) => n % 1_999 === 0 ? 1_300_000 : n % 97 === 0 ? 70_000 : n * 31 % 300
            const rows = Array.from({ length: 6_000 }, (_, n): readonly [number, string] => [n, `${n.toString(36).repeat(6)}é\n`.repeat(lengthOf(n) / 10)])
            const writes = Array.from({ length: 6 }, (_, n) => rows.slice(n * 1_000, n * 1_000 + 1_000))
            assert.strictEqual((yield* written(db, into("t", ["id", "name"]), ...writes)).rows, rows.length)
            const kept = yield* db<{ id: number; sum: string }>`SELECT id, SHA2(name, 256) AS sum FROM t ORDER BY id`
            const sha = (text: string) => createHash("sha256").update(text).digest("hex")
            assert.deepStrictEqual(kept.map(({ id, sum }) => `${id} ${sum}`), rows.map(([id, name]) => `${id} ${sha(name)}`))
          })), 60_000)
      }

      it.live("B1 a write is under way while the next is encoded, and the failure of one comes out before the end", () =>
        on({}, (db) => Effect.gen(function*() {
          yield* db`CREATE TABLE t (id INT PRIMARY KEY, name TEXT)`
          const rows = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => [from + n, `name ${from + n}`])
          const writes = yield* db.withConnection((connection) =>
            Effect.scoped(Effect.gen(function*() {
              const writer = yield* connection.bulk!(into("t", ["id", "name"]))
              yield* writer.write(rows(0, 20_000))
              const second = yield* Effect.either(writer.write([...rows(20_000, 30_000), [1, "again"]]))
              const third = yield* Effect.either(writer.write(rows(40_000, 40_010)))
              return [second._tag, third._tag]
            }))
          )
          assert.deepStrictEqual(writes, ["Right", "Left"])
          assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 20_000)
        })))

      it.live("S5 fifty loads interrupted at random leave whole writes or none, and hit nothing that comes after them", () =>
        on({}, (db) => Effect.gen(function*() {
          yield* db`CREATE TABLE t (id INT PRIMARY KEY, b BLOB, name TEXT)`
          const rows = Array.from({ length: 10_000 }, (_, n) => [n, new Uint8Array(20), `name ${n}`])
          for (let i = 0; i < 50; i++) {
            const fiber = yield* Effect.fork(written(db, into("t", ["id", "b", "name"]), rows))
            yield* Effect.sleep(i * 2)
            yield* Fiber.interrupt(fiber)
            const left = yield* db<number>`SELECT COUNT(*) FROM t`.scalar
            assert.include([0, 10_000], left, `after ${i * 2} ms`)
            yield* db`DELETE FROM t`
          }
          assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND COMMAND <> 'Sleep' AND ID <> CONNECTION_ID()`.scalar, 0)
        })), 60_000)

      it.live("E1 a connection that is cut while it loads is a ConnectionError, and nothing of the write is applied", () =>
        on({}, (db) => Effect.gen(function*() {
          yield* db`CREATE TABLE t (id INT PRIMARY KEY, name TEXT)`
          const name = yield* db<string>`SELECT DATABASE()`.scalar
          const rows = Array.from({ length: 20_000 }, (_, n) => [n, `name ${n}`])
          for (const bytes of [1, 10_000, 100_000]) {
            let left = Number.POSITIVE_INFINITY
            const reason = yield* through(server, name, {
              onServer: (packet) => {
                if (packet.includes("\xfbsluice rows", 0, "latin1")) left = bytes
              },
              onClient: (packet) => (left -= packet.length) > 0
            }, (db) => reasonOf(written(db, into("t", ["id", "name"]), rows)))
            assert.deepInclude(reason, { _tag: "ConnectionError", connection: "broken", outcome: "not-applied" })
            assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 0)
          }
        })))

      it.live("E2 a server that asks for another file than the one that was offered gets nothing, and nothing is loaded", () =>
        on({}, (db) => Effect.gen(function*() {
          yield* db`CREATE TABLE t (id INT PRIMARY KEY)`
          const name = yield* db<string>`SELECT DATABASE()`.scalar
          const sent: Array<Buffer> = []
          let asked = false
          // A server that lies: it is the real one, but for the name of the file.
          const reason = yield* through(server, name, {
            onServer: (packet) => {
              const at = packet.indexOf("\xfbsluice rows", 0, "latin1")
              if (at === -1) return
              asked = true
              packet.write("/etc/passwd", at + 1, "latin1")
            },
            onClient: (packet) => {
              if (asked) sent.push(packet)
              return true
            }
          }, (db) => reasonOf(written(db, into("t", ["id"]), [[1], [2]])))
          assert.isTrue(asked)
          assert.strictEqual(reason._tag, "ConnectionError")
          assert.include(reason.message, "another file")
          // An empty packet, and no byte of a file or of a row.
          assert.deepStrictEqual([...sent[0]!.subarray(0, 3)], [0, 0, 0])
          assert.notInclude(Buffer.concat(sent).toString("latin1"), "root:")
          assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 0)
        })))

      for (const [how, run] of [
        ["a text", (db: Database.Database) => db.unsafe("SELECT 'ask me' AS answer").unprepared],
        ["a prepared statement", (db: Database.Database) => db.unsafe("SELECT 'ask me' AS answer, ? AS one", [1])]
      ] as const) {
        it.live(`E1 a server that answers ${how} by asking for a file gets nothing, and the query fails`, () =>
          on({}, (db) => Effect.gen(function*() {
            const name = yield* db<string>`SELECT DATABASE()`.scalar
            const sent: Array<Buffer> = []
            let asked = false
            const reason = yield* through(server, name, {
              // The header of the rows becomes a request for a file; what follows it is cut off.
              onServer: (packet) => {
                if (asked || !packet.includes("answer", 0, "latin1") || !packet.includes("ask me", 0, "latin1")) return
                asked = true
                const file = Buffer.from("\xfb/etc/passwd", "latin1")
                return Buffer.concat([Buffer.from([file.length, 0, 0, packet[3]!]), file])
              },
              onClient: (packet) => {
                if (asked) sent.push(packet)
                return true
              }
            }, (db) => reasonOf(Effect.timeoutFail(run(db), { duration: "3 seconds", onTimeout: () => SqlError.make(new Reason.UnknownError({ message: "hangs" })) })))
            assert.isTrue(asked)
            assert.strictEqual(reason._tag, "ConnectionError", reason.message)
            assert.notInclude(Buffer.concat(sent).toString("latin1"), "root:")
            assert.isBelow(Buffer.concat(sent).length, 50)
          })))
      }

      it.live("B1 a load in one transaction asks once what its table is like, however many chunks it has", () =>
        on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
          yield* db`CREATE TABLE t (id INT PRIMARY KEY, name TEXT)`
          yield* db.transaction(Effect.gen(function*() {
            const rows = Stream.range(1, 1_000).pipe(Stream.map((id) => [id, `name ${id}`]))
            const options = { table: "t", columns: ["id", "name"], chunkSize: 100, transaction: "all" } as const
            const before = yield* count(db, "Com_show_create_table")
            const report = yield* BulkSink.load(rows, options).pipe(Effect.provideService(Database.Database, db))
            assert.deepInclude(report, { rows: 1_000, rejected: 0, chunks: 10 })
            assert.strictEqual((yield* count(db, "Com_show_create_table")) - before, 1)
          }))
          assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 1_000)
        })))

      it.live("Q5 a row beyond max_allowed_packet is refused before it is sent where it would be one packet, and the connection stays", () =>
        on({ localInfile: false, pool: { max: 1 } }, (db) => Effect.gen(function*() {
          const maximum = yield* db<number>`SELECT @@max_allowed_packet`.scalar
          yield* db`CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB)`
          const id = yield* db<number>`SELECT CONNECTION_ID()`.scalar
          const reason = yield* reasonOf(written(db, into("t", ["id", "b"]), [[1, new Uint8Array(3)], [2, new Uint8Array(maximum + 1)]]))
          assert.deepInclude(reason, { _tag: "LimitError", limit: "max_allowed_packet", maximum, connection: "usable", outcome: "not-applied" })
          assert.strictEqual(yield* db<number>`SELECT CONNECTION_ID()`.scalar, id)
          assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM t`.scalar, 0)
        })), 60_000)

      it.live("Q5 a load has packets of its own, and takes a row beyond max_allowed_packet whole", () =>
        on({ pool: { max: 1 } }, (db) => taking(server, true)(Effect.gen(function*() {
          const maximum = yield* db<number>`SELECT @@max_allowed_packet`.scalar
          yield* db`CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB)`
          yield* written(db, into("t", ["id", "b"]), [[1, new Uint8Array(3)], [2, new Uint8Array(maximum + 1).fill(7)]])
          assert.strictEqual(yield* db<number>`SELECT LENGTH(b) FROM t WHERE id = 2`.scalar, maximum + 1)
          assert.strictEqual(yield* db<string>`SELECT SHA2(b, 256) FROM t WHERE id = 2`.scalar, createHash("sha256").update(new Uint8Array(maximum + 1).fill(7)).digest("hex"))
        }))), 60_000)

      it.live("Q1 a character that the session's charset lacks is stored as it is or is a DataError, and never a question mark", () =>
        on({ charset: "latin1", pool: { max: 1 } }, (db) => Effect.gen(function*() {
          yield* db`CREATE TABLE narrow (id INT PRIMARY KEY, name VARCHAR(20)) CHARACTER SET latin1`
          yield* db`CREATE TABLE wide (id INT PRIMARY KEY, name VARCHAR(20)) CHARACTER SET utf8mb4`
          const kept = yield* db<number>`SELECT CONNECTION_ID()`.scalar
          for (const [n, table] of ["narrow", "wide"].entries()) {
            const refused: ReadonlyArray<Effect.Effect<unknown, SqlError.SqlError>> = [
              db.unsafe(`INSERT INTO ${table} VALUES (1, ?)`, ["日本"]),
              db.unsafe(`INSERT INTO ${table} VALUES (1, ?)`, ["日本"]).unprepared,
              db.unsafe(`INSERT INTO ${table} VALUES (1, '日本')`).unprepared,
              db.executeMany(`INSERT INTO ${table} VALUES (?, ?)`, [[1, "a"], [2, "日本"]]),
              ...(n === 0 ? [written(db, into(table, ["id", "name"]), [[1, "a"], [2, "日本"]])] : [])
            ]
            for (const one of refused) {
              const reason = yield* reasonOf(one)
              assert.deepInclude(reason, { _tag: "DataError", connection: "usable" }, table)
              assert.include(reason.message, "latin1")
            }
            assert.strictEqual(yield* db.unsafe<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table}`).scalar, 0)
          }
          // A load says its own character set; where its column has a place for the character, it goes there.
          const wide = yield* Effect.either(written(db, into("wide", ["id", "name"]), [[1, "a"], [2, "日本"], [3, "é€"]]))
          const names = yield* db<string>`SELECT HEX(CONVERT(name USING utf8mb4)) FROM wide ORDER BY id`.column("HEX(CONVERT(name USING utf8mb4))")
          assert.deepStrictEqual(names, wide._tag === "Left" ? [] : ["a", "日本", "é€"].map((text) => Buffer.from(text).toString("hex").toUpperCase()))
          if (wide._tag === "Left") assert.strictEqual(wide.left.reason._tag, "DataError")
          assert.deepStrictEqual((yield* written(db, into("narrow", ["id", "name"]), [[1, "é€"]])).rows, 1)
          assert.strictEqual(yield* db<string>`SELECT name FROM narrow`.scalar, "é€")
          assert.strictEqual(yield* db<number>`SELECT CONNECTION_ID()`.scalar, kept)
        })))
    })
  }
})
