/**
 * `Mysql.layerStock`: the client of @effect/sql-mysql2 by its own tag, and its migrator.
 */
import { MysqlClient, MysqlMigrator } from "@effect/sql-mysql2"
import { assert, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as SqlError from "@sluice/core/SqlError"
import * as Mysql from "@sluice/mysql/Mysql"
import * as EffectConfig from "effect/Config"
import * as Effect from "effect/Effect"
import { client } from "../../../testkit/test/stock/client.js"
import { migrator } from "../../../testkit/test/stock/migrator.js"
import { onServers } from "./stock.js"

const pooled: MysqlClient.MysqlClientConfig = { poolConfig: { maxIdle: 2 } }

onServers("Mysql.layerStock", (stock, server) => {
  client({
    tag: MysqlClient.MysqlClient,
    typeId: MysqlClient.TypeId,
    stock,
    configured: Mysql.layerStockConfig({ url: EffectConfig.redacted("URL") }),
    url: server.url,
    database: "DATABASE()",
    refused: { poolConfig: stock(pooled) },
    duplicate: { code: "ER_DUP_ENTRY", errno: 1062, sqlState: "23000" }
  })

  it.live("values are the stock driver's: Dates, Buffers, decimals as text, and objects written as JSON", () =>
    Effect.gen(function*() {
      const sql = yield* MysqlClient.MysqlClient
      yield* sql`CREATE TABLE t (id INTEGER PRIMARY KEY, at DATETIME(3), day DATE, price DECIMAL(10, 2), bytes VARBINARY(4), doc JSON)`
      const at = new Date("2024-02-29T12:34:56.789Z")
      yield* sql`INSERT INTO t ${sql.insert({ id: 1, at, day: "2024-02-29", price: "1.50", bytes: new Uint8Array([1, 255]), doc: { a: [1, "x"] } })}`
      const [row] = yield* sql<{ at: Date; day: Date; price: string; bytes: Buffer; doc: unknown }>`SELECT * FROM t`
      assert.deepStrictEqual([row?.at, row?.day, row?.price, row?.bytes.toString("hex")], [at, new Date("2024-02-29T00:00:00Z"), "1.50", "01ff"])
      assert.deepStrictEqual(server.name === "mysql" ? row?.doc : JSON.parse(String(row?.doc)), { a: [1, "x"] })
    }).pipe(Effect.provide(stock())))
})

onServers("the stock MysqlMigrator", (stock) => {
  migrator({
    stock,
    run: MysqlMigrator.run,
    layer: MysqlMigrator.layer,
    dumps: ({ args, command }) =>
      Effect.map(MysqlClient.MysqlClient, ({ config }) => {
        assert.strictEqual(command, "mysqldump")
        assert.deepStrictEqual(args.slice(0, 7), ["-h", config.host, "-P", String(config.port), "-u", config.username, config.database])
      })
  })
})

onServers("T7 DDL in a transaction", (stock) => {
  const body = (db: Database.Database, from: number, table: string) => Effect.gen(function*() {
    yield* db`INSERT INTO t VALUES (${from})`
    yield* db.unsafe(`CREATE TABLE ${table} (id INTEGER)`)
    yield* db`INSERT INTO t VALUES (${from + 1})`
    return yield* Effect.fail("no")
  })

  const on = <A, E>(use: (db: Database.Database) => Effect.Effect<A, E>) =>
    Effect.gen(function*() {
      const db = yield* Database.Database
      yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY)`
      yield* use(db)
      // The one connection carries nothing over: what runs on it is in autocommit, and in no transaction.
      assert.isFalse(yield* Effect.scoped(Effect.flatMap(db.session, (session) => session.inTransaction)))
      assert.deepStrictEqual([(yield* db.pool.stats).rolledBack, (yield* db.pool.stats).closed], [0, 0])
    }).pipe(Effect.provide(stock({ pool: { max: 1 } })))

  it.live("ends `transaction`, of layerStock too", () =>
    on((db) => Effect.gen(function*() {
      const ended = yield* Effect.flip(db.transaction(body(db, 1, "a")))
      assert.isTrue(SqlError.isSqlError(ended) && ended.reason._tag === "TransactionAbortedError")
      assert.deepStrictEqual(yield* db`SELECT id FROM t`.values, [[1]])
    })))

  it.live("`withTransaction` of layerStock goes on in autocommit, as the stock driver does", () =>
    on((db) => Effect.gen(function*() {
      assert.strictEqual(yield* Effect.flip(db.withTransaction(body(db, 1, "a"))), "no")
      assert.deepStrictEqual(yield* db`SELECT id FROM t ORDER BY id`.values, [[1], [2]])
      yield* db.withTransaction(Effect.gen(function*() {
        yield* db`INSERT INTO t VALUES (3)`
        // It commits, and then fails.
        yield* Effect.ignore(db.unsafe("CREATE TABLE a (id INTEGER)"))
        // Inside of it a transaction is one again.
        yield* Effect.ignore(db.withTransaction(Effect.zipRight(db`INSERT INTO t VALUES (4)`, Effect.fail("no"))))
        yield* db.withTransaction(db`INSERT INTO t VALUES (5)`)
        yield* db`INSERT INTO t VALUES (6)`
      }))
      assert.deepStrictEqual(yield* db`SELECT id FROM t ORDER BY id`.values, [[1], [2], [3], [5], [6]])
    })))

  it.live("`withTransaction` without DDL is a transaction, and after a deadlock nothing of it goes on", () =>
    on((db) => Effect.gen(function*() {
      yield* Effect.ignore(db.withTransaction(Effect.zipRight(db`INSERT INTO t VALUES (1)`, Effect.fail("no"))))
      // What a deadlock does to its victim: everything is rolled back, and the answer is a failure.
      yield* db.unsafe("CREATE PROCEDURE victim() BEGIN ROLLBACK; SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213; END")
      const ended = yield* Effect.flip(db.withTransaction(Effect.gen(function*() {
        yield* db`INSERT INTO t VALUES (2)`
        yield* Effect.ignore(db`CALL victim()`)
        yield* db`INSERT INTO t VALUES (3)`
      })))
      assert.strictEqual(ended.reason._tag, "TransactionAbortedError")
      assert.deepStrictEqual(yield* db`SELECT id FROM t`.values, [])
    })))
})
