/**
 * `Postgres.layerStock`: the client of @effect/sql-pg by its own tag, and its migrator.
 */
import * as CommandExecutor from "@effect/platform/CommandExecutor"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import { PgClient, PgMigrator } from "@effect/sql-pg"
import * as SqlClient from "@effect/sql/SqlClient"
import * as StockError from "@effect/sql/SqlError"
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as SqlError from "@sluice/core/SqlError"
import * as Postgres from "@sluice/postgres/Postgres"
import * as Cause from "effect/Cause"
import * as ConfigProvider from "effect/ConfigProvider"
import * as EffectConfig from "effect/Config"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { inspect } from "node:util"
import { isMissing, url } from "../server.js"
import { driver, stock } from "./stock.js"

describe.skipIf(isMissing)("Postgres.layerStock", () => {
  it.live("is the stock client by its own tag, the stock SqlClient and the Database: one object", () =>
    Effect.gen(function*() {
      const client = yield* PgClient.PgClient
      const sql = yield* SqlClient.SqlClient
      const db = yield* Database.Database
      assert.isTrue(client as unknown === db && sql as unknown === db)
      assert.strictEqual(client[PgClient.TypeId], PgClient.TypeId)
      assert.deepStrictEqual(yield* client`SELECT ${1} AS one`, [{ one: 1 }])
      const caught = yield* client`SELECT none`.pipe(Effect.catchTag("SqlError", (error) => Effect.succeed(error)))
      assert.instanceOf(caught, StockError.SqlError)
      assert.isTrue(SqlError.isSqlError(caught))
    }).pipe(Effect.provide(stock())))

  it.live("its config tells host, port, user and database apart, with the url's parts; the password stays redacted", () =>
    Effect.gen(function*() {
      const { config } = yield* PgClient.PgClient
      const [database] = yield* (yield* Database.Database)<{ name: string }>`SELECT current_database() AS name`.column("name")
      const reached = new URL(String(url))
      assert.deepStrictEqual(
        [config.host, config.port, config.username, config.database, config.maxConnections],
        [reached.hostname, Number(reached.port), reached.username, database, 3]
      )
      if (config.password !== undefined) assert.isTrue(Redacted.isRedacted(config.password))
    }).pipe(Effect.provide(stock({ maxConnections: 3, connectionTTL: "1 minute" }))))

  it.live("maxConnections is the pool's size, and what cannot be taken over is refused by its name", () =>
    Effect.gen(function*() {
      const stats = yield* Effect.flatMap(Database.Database, (db) => db.pool.stats).pipe(Effect.provide(stock({ maxConnections: 3, ssl: false })))
      assert.strictEqual(stats.max, 3)
      const wrong: ReadonlyArray<readonly [string, object]> = [
        ["types", { types: { getTypeParser: () => String } }],
        ["ssl", { ssl: { ca: "…" } }],
        ["stream", { stream: () => undefined }],
        ["transformJson", { transformJson: false, transformResultNames: String }]
      ]
      for (const [field, config] of wrong) {
        const refused = yield* Effect.flip(Effect.scoped(Layer.build(stock(config))))
        assert.deepStrictEqual([refused.reason._tag, refused.reason._tag === "ConfigError" ? refused.reason.field : ""], ["ConfigError", field])
      }
    }))

  it.live("reads its fields from Effect's Config", () =>
    Effect.gen(function*() {
      const layer = Postgres.layerStockConfig({ url: EffectConfig.redacted("URL") }).pipe(
        Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["URL", String(url)]]))))
      )
      assert.deepStrictEqual(yield* Effect.flatMap(PgClient.PgClient, (sql) => sql`SELECT 1 AS one`).pipe(Effect.provide(layer)), [{ one: 1 }])
    }))

  it.live("values are the stock driver's: int8 and numeric as text, Dates, Buffers, intervals, JSON parsed", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const sql = yield* PgClient.PgClient
        yield* sql`CREATE TABLE t (id BIGINT, at TIMESTAMPTZ, day DATE, local TIMESTAMP, price NUMERIC(10, 2), bytes BYTEA, doc JSONB, span INTERVAL, place POINT, list BIGINT[], flag BOOLEAN, far DATE)`
        const at = new Date("2024-02-29T12:34:56.789Z")
        yield* sql`INSERT INTO t ${sql.insert({ id: 1n, at, day: "2024-02-29", local: "2024-02-29 12:34:56.789123", price: "1.50", bytes: new Uint8Array([1, 255]), doc: sql.json({ a: [1, "x"] }), span: "1 day 02:03:04", place: "(1,2)", list: [1, null], flag: true, far: "infinity" })}`
        return yield* sql`SELECT *, COUNT(*) OVER () AS n, now() AS now FROM t`
      })
      const [[ours], [theirs]] = yield* Effect.all([Effect.provide(program, stock()), Effect.provide(program, driver)])
      assert.instanceOf(ours?.["now"], Date)
      assert.isTrue(Buffer.isBuffer(ours?.["bytes"]))
      // It reads them in the process's zone, and ours in UTC.
      const inUtc = new Date().getTimezoneOffset() === 0 ? {} : { day: 0, local: 0 }
      assert.deepStrictEqual({ ...ours, now: 0, ...inUtc }, { ...theirs, now: 0, ...inUtc })
    }))

  it.live("integers and dates are what the config says they are, where it says so", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      assert.deepStrictEqual(yield* sql`SELECT 1::BIGINT AS id, '2024-02-29'::DATE AS day`, [{ id: 1, day: "2024-02-29" }])
    }).pipe(Effect.provide(stock({ integers: "number", dates: "string" }))))

  it.live("json is a parameter, whatever the value; and keys inside of it have the names' transform", () =>
    Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      yield* sql`CREATE TABLE docs (doc JSONB)`
      for (const value of [[1, "it's"], { someKey: { innerKey: null } }, "text", 1, null, true]) yield* sql`INSERT INTO docs VALUES (${sql.json(value)})`
      assert.deepStrictEqual(yield* sql`SELECT doc::TEXT AS doc FROM docs`.values, [["[1, \"it's\"]"], ["{\"some_key\": {\"inner_key\": null}}"], ["\"text\""], ["1"], ["null"], ["true"]])
      assert.deepStrictEqual(yield* sql`SELECT doc FROM docs WHERE doc @> ${sql.json({ someKey: {} })}`, [{ doc: { someKey: { innerKey: null } } }])
    }).pipe(Effect.provide(stock({
      transformQueryNames: (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      transformResultNames: (name) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
    }))))

  it.live("listen and notify are ours, through the stock tag", () =>
    Effect.gen(function*() {
      const client = yield* PgClient.PgClient
      const first = yield* Effect.fork(Stream.runHead(client.listen("t")))
      yield* Effect.repeat(Effect.zipRight(client.notify("t", "hello"), Effect.sleep(20)), { until: () => first.unsafePoll() !== null })
      assert.deepStrictEqual(yield* Fiber.join(first), Option.some("hello"))
    }).pipe(Effect.provide(stock())))

  it.live("E4 an error's cause has what code for the driver looks at, and shows no value", () =>
    Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      yield* sql`CREATE TABLE t (name VARCHAR(20) UNIQUE)`
      yield* sql`INSERT INTO t VALUES (${"s3cret"})`
      const exit = yield* Effect.exit(sql`INSERT INTO t VALUES (${"s3cret"})`)
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isSuccess(exit)) return
      const error = Cause.failureOption(exit.cause)
      const cause: object = error._tag === "Some" && error.value.cause instanceof Error ? error.value.cause : {}
      assert.deepInclude(cause, { code: "23505", constraint: "t_name_key", table: "t" })
      for (const shown of [Cause.pretty(exit.cause), inspect(exit, { depth: 9 }), JSON.stringify(exit)]) assert.notInclude(shown, "s3cret")
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

describe.skipIf(isMissing)("the stock PgMigrator", () => {
  it.live("migrates, records what it ran, and has nothing to do the second time", () =>
    Effect.gen(function*() {
      const migrate = (count: 1 | 2) => PgMigrator.run({
        loader: PgMigrator.fromRecord(count === 1 ? { "1_people": people } : { "1_people": people, "2_names": names })
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
      assert.deepStrictEqual(yield* sql`SELECT name FROM people`, [{ name: "Ada" }])
    }).pipe(Effect.provide(
      PgMigrator.layer({ loader: PgMigrator.fromRecord({ "1_people": people, "2_names": names }) }).pipe(Layer.provideMerge(stock()), Layer.provide(none))
    )))

  it.live("of several that start at once one migrates, and the others find it done or locked", () =>
    Effect.gen(function*() {
      // Its own table must be there: PostgreSQL lets one of several make it, and fails the others.
      yield* PgMigrator.run({ loader: PgMigrator.fromRecord({ "1_people": people }) })
      const migrate = PgMigrator.run({ loader: PgMigrator.fromRecord({ "1_people": people, "2_names": names }) })
      const all = yield* Effect.all([migrate, migrate, migrate], { concurrency: 3 })
      assert.deepStrictEqual(all.flat(), [[2, "names"]])
      const sql = yield* SqlClient.SqlClient
      assert.deepStrictEqual(yield* sql`SELECT * FROM people`, [{ id: 1, name: "Ada" }])
    }).pipe(Effect.provide([stock(), none])))

  it.live("a migration that fails is told with its name, and nothing of the others stays either", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const broken = sql`INSERT INTO nowhere VALUES (1)`
      const exit = yield* Effect.exit(PgMigrator.run({ loader: PgMigrator.fromRecord({ "1_people": people, "2_names": names, "3_broken": broken }) }))
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isFailure(exit)) assert.include(Cause.pretty(exit.cause), "3_broken")
      // DDL is a part of the transaction, and the records are: nothing of the run is there.
      assert.deepStrictEqual(yield* sql`SELECT to_regclass('people') AS people`, [{ people: null }])
    }).pipe(Effect.provide([stock(), none])))

  it.live("dumps the schema of the database that the config names", () =>
    Effect.gen(function*() {
      const commands: Array<readonly [ReadonlyArray<string>, ReadonlyArray<unknown>]> = []
      const written = new Map<string, string>()
      const executor = CommandExecutor.makeExecutor((command) => {
        if (command._tag === "StandardCommand") {
          const environment = new Map(command.env)
          commands.push([[command.command, ...command.args], ["PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGSSLMODE"].map((name) => environment.get(name))])
        }
        return Effect.succeed({ stdout: Stream.make(new TextEncoder().encode("CREATE TABLE people")) } as Partial<CommandExecutor.Process> as CommandExecutor.Process)
      })
      yield* PgMigrator.run({ loader: PgMigrator.fromRecord({ "1_people": people }), schemaDirectory: "schema" }).pipe(Effect.provide(platform(executor, written)))
      const { config } = yield* PgClient.PgClient
      for (const [command, environment] of commands) {
        assert.strictEqual(command[0], "pg_dump")
        assert.deepStrictEqual(environment, [config.host, String(config.port), config.username, config.database, "prefer"])
      }
      assert.strictEqual(commands.length, 2)
      assert.deepStrictEqual([...written], [["schema/_schema.sql", "CREATE TABLE people\n\nCREATE TABLE people"]])
    }).pipe(Effect.provide(stock())))
})
