/**
 * `Mysql.layerStock`: the client of @effect/sql-mysql2 by its own tag, and its migrator.
 */
import * as CommandExecutor from "@effect/platform/CommandExecutor"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import { MysqlClient, MysqlMigrator } from "@effect/sql-mysql2"
import * as SqlClient from "@effect/sql/SqlClient"
import * as StockError from "@effect/sql/SqlError"
import { assert, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as SqlError from "@sluice/core/SqlError"
import * as Mysql from "@sluice/mysql/Mysql"
import * as Cause from "effect/Cause"
import * as ConfigProvider from "effect/ConfigProvider"
import * as EffectConfig from "effect/Config"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { inspect } from "node:util"
import { onServers } from "./stock.js"

onServers("Mysql.layerStock", (stock, server) => {
  it.live("is the stock client by its own tag, the stock SqlClient and the Database: one object", () =>
    Effect.gen(function*() {
      const client = yield* MysqlClient.MysqlClient
      const sql = yield* SqlClient.SqlClient
      const db = yield* Database.Database
      assert.isTrue(client as unknown === db && sql as unknown === db)
      assert.strictEqual(client[MysqlClient.TypeId], MysqlClient.TypeId)
      assert.deepStrictEqual(yield* client`SELECT ${1} AS one`, [{ one: 1 }])
      const caught = yield* client`SELECT none`.pipe(Effect.catchTag("SqlError", (error) => Effect.succeed(error)))
      assert.instanceOf(caught, StockError.SqlError)
      assert.isTrue(SqlError.isSqlError(caught))
    }).pipe(Effect.provide(stock())))

  it.live("its config tells host, port, user and database apart, with the url's parts; the password stays redacted", () =>
    Effect.gen(function*() {
      const { config } = yield* MysqlClient.MysqlClient
      const [database] = yield* (yield* Database.Database)<{ name: string }>`SELECT DATABASE() AS name`.column("name")
      const reached = new URL(server.url)
      assert.deepStrictEqual(
        [config.host, config.port, config.username, config.database, config.maxConnections],
        [reached.hostname, Number(reached.port), reached.username, database, 3]
      )
      assert.isUndefined(config.url)
      if (config.password !== undefined) assert.isTrue(Redacted.isRedacted(config.password))
    }).pipe(Effect.provide(stock({ maxConnections: 3, connectionTTL: "1 minute" }))))

  it.live("maxConnections is the pool's size, and the driver's own poolConfig is refused by its name", () =>
    Effect.gen(function*() {
      const stats = yield* Effect.flatMap(Database.Database, (db) => db.pool.stats).pipe(Effect.provide(stock({ maxConnections: 3 })))
      assert.strictEqual(stats.max, 3)
      const config: MysqlClient.MysqlClientConfig = { poolConfig: { maxIdle: 2 } }
      const refused = yield* Effect.flip(Effect.scoped(Layer.build(stock(config))))
      assert.deepStrictEqual([refused.reason._tag, refused.reason._tag === "ConfigError" ? refused.reason.field : ""], ["ConfigError", "poolConfig"])
    }))

  it.live("reads its fields from Effect's Config", () =>
    Effect.gen(function*() {
      const layer = Mysql.layerStockConfig({ url: EffectConfig.redacted("URL") }).pipe(
        Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["URL", server.url]]))))
      )
      assert.deepStrictEqual(yield* Effect.flatMap(MysqlClient.MysqlClient, (sql) => sql`SELECT 1 AS one`).pipe(Effect.provide(layer)), [{ one: 1 }])
    }))

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

  it.live("E4 an error's cause has what code for the driver looks at, and shows no value", () =>
    Effect.gen(function*() {
      const sql = yield* MysqlClient.MysqlClient
      yield* sql`CREATE TABLE t (name VARCHAR(20) UNIQUE)`
      yield* sql`INSERT INTO t VALUES (${"s3cret"})`
      const exit = yield* Effect.exit(sql`INSERT INTO t VALUES (${"s3cret"})`)
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isSuccess(exit)) return
      const error = Cause.failureOption(exit.cause)
      const cause: object = error._tag === "Some" && error.value.cause instanceof Error ? error.value.cause : {}
      assert.deepInclude(cause, { code: "ER_DUP_ENTRY", errno: 1062, sqlState: "23000" })
      for (const shown of [Cause.pretty(exit.cause, { renderErrorCause: true }), inspect(exit, { depth: 9 }), JSON.stringify(exit), inspect(cause), String(cause)]) {
        assert.notInclude(shown, "s3cret")
      }
    }).pipe(Effect.provide(stock())))
})

// The migrator wants them in its type; it uses them only to dump a schema.
const platform = (executor: CommandExecutor.CommandExecutor, written: Map<string, string> = new Map()) =>
  Layer.mergeAll(
    Path.layer,
    Layer.succeed(CommandExecutor.CommandExecutor, executor),
    FileSystem.layerNoop({
      makeDirectory: () => Effect.void,
      writeFileString: (file, text) => Effect.sync(() => {
        written.set(file, text)
      })
    })
  )

const none = platform(CommandExecutor.makeExecutor(() => Effect.die("no command is expected")))

const people = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`CREATE TABLE people (id INTEGER PRIMARY KEY)`)
const names = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.zipRight(sql`ALTER TABLE people ADD COLUMN name VARCHAR(20)`, sql`INSERT INTO people VALUES (1, 'Ada')`))

onServers("the stock MysqlMigrator", (stock) => {
  it.live("migrates, records what it ran, and has nothing to do the second time", () =>
    Effect.gen(function*() {
      const migrate = (count: 1 | 2) => MysqlMigrator.run({
        loader: MysqlMigrator.fromRecord(count === 1 ? { "1_people": people } : { "1_people": people, "2_names": names })
      })
      assert.deepStrictEqual(yield* migrate(1), [[1, "people"]])
      assert.deepStrictEqual(yield* migrate(2), [[2, "names"]])
      assert.deepStrictEqual(yield* migrate(2), [])
      const sql = yield* SqlClient.SqlClient
      assert.deepStrictEqual(yield* sql`SELECT migration_id, name FROM effect_sql_migrations ORDER BY 1`, [
        { migration_id: 1, name: "people" }, { migration_id: 2, name: "names" }
      ])
      assert.deepStrictEqual(yield* sql`SELECT * FROM people`, [{ id: 1, name: "Ada" }])
    }).pipe(Effect.provide([stock(), none])))

  it.live("runs as a layer beneath the app", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      assert.deepStrictEqual(yield* sql`SELECT COUNT(*) AS n FROM people`, [{ n: 1 }])
    }).pipe(Effect.provide(
      MysqlMigrator.layer({ loader: MysqlMigrator.fromRecord({ "1_people": people, "2_names": names }) }).pipe(Layer.provideMerge(stock()), Layer.provide(none))
    )))

  it.live("of several that start at once one migrates, and the others find it done or locked", () =>
    Effect.gen(function*() {
      const migrate = MysqlMigrator.run({ loader: MysqlMigrator.fromRecord({ "1_people": people, "2_names": names }) })
      const all = yield* Effect.all([migrate, migrate, migrate], { concurrency: 3 })
      assert.deepStrictEqual(all.flat(), [[1, "people"], [2, "names"]])
      const sql = yield* SqlClient.SqlClient
      assert.deepStrictEqual(yield* sql`SELECT * FROM people`, [{ id: 1, name: "Ada" }])
    }).pipe(Effect.provide([stock(), none])))

  it.live("a migration that fails is told with its name, and what the others wrote stays with their records", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const broken = sql`INSERT INTO nowhere VALUES (1)`
      const exit = yield* Effect.exit(MysqlMigrator.run({ loader: MysqlMigrator.fromRecord({ "1_people": people, "2_names": names, "3_broken": broken }) }))
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isFailure(exit)) assert.include(Cause.pretty(exit.cause), "3_broken")
      // DDL commits: from the first migration on nothing is undone, and so nothing that is recorded may be missing.
      assert.deepStrictEqual(yield* sql`SELECT * FROM people`, [{ id: 1, name: "Ada" }])
    }).pipe(Effect.provide([stock(), none])))

  it.live("dumps the schema of the database that the config names", () =>
    Effect.gen(function*() {
      const commands: Array<ReadonlyArray<string>> = []
      const written = new Map<string, string>()
      const executor = CommandExecutor.makeExecutor((command) => {
        if (command._tag === "StandardCommand") commands.push([command.command, ...command.args])
        return Effect.succeed({ stdout: Stream.make(new TextEncoder().encode("CREATE TABLE people")) } as Partial<CommandExecutor.Process> as CommandExecutor.Process)
      })
      yield* MysqlMigrator.run({ loader: MysqlMigrator.fromRecord({ "1_people": people }), schemaDirectory: "schema" }).pipe(Effect.provide(platform(executor, written)))
      const { config } = yield* MysqlClient.MysqlClient
      const to = ["mysqldump", "-h", config.host, "-P", String(config.port), "-u", config.username, config.database]
      for (const command of commands) assert.deepStrictEqual(command.slice(0, 8), to)
      assert.strictEqual(commands.length, 2)
      assert.deepStrictEqual([...written], [["schema/_schema.sql", "CREATE TABLE people\n\nCREATE TABLE people"]])
    }).pipe(Effect.provide(stock())))
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
