/**
 * The public module: layers, config, and what becomes of a step that cannot be stopped.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import type * as Reason from "@sluice/core/Reason"
import type * as SqlError from "@sluice/core/SqlError"
import { Sqlite } from "@sluice/sqlite"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { readdirSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { directory, newFile, setupFile } from "./fixtures.js"

const run = <A, E>(config: Sqlite.Config, use: (db: Database.Database) => Effect.Effect<A, E, Database.DatabaseId>) =>
  Effect.flatMap(Database.Database, use).pipe(Effect.provide(Layer.fresh(Sqlite.layer(config))))

const refusal = (config: Sqlite.Config): Effect.Effect<Reason.Reason, unknown> =>
  Effect.map(Effect.flip(run(config, (db) => db.ping)), (error) => (error as SqlError.SqlError).reason)

// A step that ends by itself after about a second, and that nothing can stop before.
const step = "(SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 8000000) SELECT i FROM n))"

const threads = () => readdirSync("/proc/self/task").length

describe("layers", () => {
  it.effect("provide one object under our tag and under the stock one", () =>
    Effect.gen(function*() {
      const db = yield* Database.Database
      assert.strictEqual(db as unknown, yield* SqlClient.SqlClient)
      assert.deepStrictEqual(yield* db`SELECT 1 AS one`, [{ one: 1 }])
    }).pipe(Effect.provide(Sqlite.layer({ filename: ":memory:" }))))

  it.effect("under a tag of the user's provide that tag only", () => {
    class Archive extends Context.Tag("test/Archive")<Archive, Database.Database>() {}
    return Effect.gen(function*() {
      const archive = yield* Archive
      assert.strictEqual(yield* archive<number>`SELECT 2`.scalar, 2)
      assert.isTrue((yield* Effect.serviceOption(Database.Database))._tag === "None")
    }).pipe(Effect.provide(Sqlite.layerAs(Archive, { filename: ":memory:" })))
  })

  it.effect("come from Effect's Config", () =>
    Effect.gen(function*() {
      const db = yield* Database.Database
      assert.strictEqual(yield* db<number>`SELECT 3`.scalar, 3)
    }).pipe(
      Effect.provide(Sqlite.layerConfig({ filename: Config.string("FILE") })),
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["FILE", ":memory:"]])))
    ))

  it.live("leave no thread behind", () =>
    Effect.gen(function*() {
      const before = threads()
      yield* run({ filename: newFile(), readers: 3 }, (db) =>
        Effect.gen(function*() {
          yield* db`CREATE TABLE t (id INTEGER PRIMARY KEY)`
          yield* Effect.all(Array.from({ length: 8 }, () => db`SELECT * FROM t`), { concurrency: 8 })
          yield* Effect.scoped(Effect.zipRight(db.session, db.session))
        }))
      assert.strictEqual(threads(), before)
    }))
})

describe("where the database is", () => {
  it.effect("a URL names a relative file, an absolute one, or memory; a filename beside it wins", () =>
    Effect.gen(function*() {
      const endpoint = (config: Sqlite.Config) => run(config, (db) => db.withConnection((connection) => Effect.succeed(connection.endpoint)))
      const file = newFile()
      assert.strictEqual(yield* endpoint({ url: `sqlite:////${file.slice(1)}` }), file)
      assert.strictEqual(yield* endpoint({ url: Redacted.make(`sqlite:///${relative(process.cwd(), file)}`) }), relative(process.cwd(), file))
      assert.strictEqual(yield* endpoint({ url: "sqlite://" }), ":memory:")
      assert.strictEqual(yield* endpoint({ url: "sqlite:///elsewhere.db", filename: ":memory:" }), ":memory:")
    }))

  it.effect("what names no database is a ConfigError with its field", () =>
    Effect.gen(function*() {
      for (const [config, field] of [
        [{}, "filename"],
        [{ url: "postgres://x" }, "url"],
        [{ url: "sqlite://host/file" }, "url"],
        [{ url: "sqlite:///%zz" }, "url"],
        [{ filename: ":memory:", readers: 1 }, "readers"],
        [{ filename: ":memory:", pool: { max: 2 } }, "pool.max"],
        [{ filename: newFile(), readers: -1 }, "readers"],
        [{ filename: newFile(), pool: { max: 0 } }, "pool.max"],
        [{ filename: newFile(), pool: { min: 3, max: 2 } }, "pool.min"],
        [{ filename: newFile(), pool: { acquireTimeout: -1 } }, "pool.acquireTimeout"],
        [{ filename: newFile(), busyTimeout: -5 }, "busyTimeout"],
        [{ filename: newFile(), statementTimeout: "-1 second" as never }, "statementTimeout"],
        [{ filename: newFile(), pragmas: { "drop table": 1 } }, "pragmas.drop table"]
      ] as const satisfies ReadonlyArray<readonly [Sqlite.Config, string]>) {
        const reason = yield* refusal(config)
        assert.strictEqual(reason._tag, "ConfigError", JSON.stringify(config))
        assert.strictEqual(reason._tag === "ConfigError" && reason.field, field)
      }
    }))

  it.effect("a missing file opened read-only, a folder and a file that is no database fail the layer, typed", () =>
    Effect.gen(function*() {
      const noDatabase = join(directory, "letter.db")
      writeFileSync(noDatabase, "Dear Sir or Madam, ".repeat(200))
      for (const config of [{ filename: newFile(), readOnly: true }, { filename: directory }, { filename: noDatabase }]) {
        const reason = yield* refusal(config)
        assert.strictEqual(reason._tag, "ConnectionError", JSON.stringify(reason))
        assert.isFalse(reason.isRetryable)
        assert.strictEqual(reason.outcome, "not-applied")
      }
    }))

  it.effect("a database that is closed says so", () =>
    Effect.gen(function*() {
      const db = yield* run({ filename: newFile() }, Effect.succeed)
      const error = yield* Effect.flip(db`SELECT 1`)
      assert.strictEqual(error.reason._tag, "ClosedError")
    }))

  it.effect("a database opened read-only reads, and refuses to write", () =>
    Effect.gen(function*() {
      const filename = newFile()
      yield* run({ filename }, (db) => db`CREATE TABLE t (id INTEGER)`)
      const reason = yield* run({ filename, readOnly: true }, (db) =>
        Effect.zipRight(db`SELECT * FROM t`, Effect.flip(db`INSERT INTO t VALUES (1)`)))
      assert.strictEqual(reason.reason._tag, "AuthorizationError")
    }))
})

describe("setup", () => {
  it.effect("registers functions in every connection; a throw fails the layer", () =>
    Effect.gen(function*() {
      const setup = setupFile("export default (db) => { db.function('twice', (x) => x * 2) }")
      yield* run({ filename: newFile(), setup }, (db) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* db<number>`SELECT twice(${21})`.scalar, 42)
          assert.strictEqual(yield* db.transaction(db<number>`SELECT twice(${4})`.scalar), 8)
          assert.strictEqual(yield* Effect.scoped(Effect.flatMap(db.session, (session) => session<number>`SELECT twice(${5})`.scalar)), 10)
        }))
      const reason = yield* refusal({ filename: newFile(), setup: setupFile("export default () => { throw new Error('no') }") })
      assert.strictEqual(reason._tag === "ConfigError" && reason.field, "setup")
    }))
})

describe("copies", () => {
  it.effect("backup and export hold the rows; what is no extension is refused, typed", () =>
    run({ filename: newFile() }, (db) =>
      Effect.gen(function*() {
        yield* db.script("CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (1), (2)")
        const copy = newFile()
        yield* Sqlite.backup(copy)
        const bytes = yield* Sqlite.export
        const exported = newFile()
        writeFileSync(exported, bytes)
        for (const filename of [copy, exported]) {
          assert.strictEqual(yield* run({ filename }, (other) => other<number>`SELECT COUNT(*) FROM t`.scalar), 2)
        }
        assert.isTrue(Exit.isFailure(yield* Effect.exit(Sqlite.loadExtension("/nowhere/ext.so"))))
      })))
})

describe("a step that cannot be stopped", () => {
  it.live("on a reader: the fiber is free at once, the thread is retired, replaced, and counted until it ends", () =>
    run({ filename: newFile(), readers: 1, pool: { cancelTimeout: 100 } }, (db) =>
      Effect.gen(function*() {
        // The thread is there before the step is: what is interrupted must be the step, and not the opening.
        yield* db`SELECT 1`
        const fiber = yield* Effect.fork(db.unsafe(`SELECT ${step}`))
        yield* Effect.sleep(100)
        const start = Date.now()
        yield* Fiber.interrupt(fiber)
        assert.isBelow(Date.now() - start, 50)
        // The second statement waits for the replacement, not for the step.
        assert.strictEqual(yield* db<number>`SELECT 1`.scalar, 1)
        assert.strictEqual((yield* db.pool.stats).retired, 1)
        yield* Effect.repeat(db.pool.stats, { until: (stats) => stats.retired === 0, schedule: Schedule.spaced("50 millis") })
      })))

  it.live("on the writer: writes say so until it ends, and then go on; reads are not held up", () =>
    run({ filename: newFile(), pool: { cancelTimeout: 100 } }, (db) =>
      Effect.gen(function*() {
        yield* db`CREATE TABLE t (id INTEGER)`
        const fiber = yield* Effect.fork(db.unsafe(`INSERT INTO t SELECT ${step}`).run)
        yield* Effect.sleep(100)
        yield* Fiber.interrupt(fiber)
        const error = yield* Effect.flip(db`INSERT INTO t VALUES (1)`.run)
        assert.strictEqual(error.reason._tag === "StatementTimeoutError" && error.reason.timeout, "worker")
        assert.strictEqual(error.outcome, "not-applied")
        assert.match(error.message, /write lock/)
        assert.deepStrictEqual(yield* db`SELECT * FROM t WHERE id = ${1}`, [])
        yield* Effect.retry(db`INSERT INTO t VALUES (1)`.run, { schedule: Schedule.spaced("50 millis"), times: 200 })
        assert.deepStrictEqual(yield* db`SELECT * FROM t WHERE id = ${1}`, [{ id: 1 }])
      })))

  it.live("in memory: statements say so until it ends, and the data is still there", () =>
    run({ filename: ":memory:", pool: { cancelTimeout: 100 } }, (db) =>
      Effect.gen(function*() {
        yield* db.script("CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (7)")
        const fiber = yield* Effect.fork(db.unsafe(`SELECT ${step}`))
        yield* Effect.sleep(100)
        yield* Fiber.interrupt(fiber)
        const error = yield* Effect.flip(db`SELECT * FROM t`)
        assert.match(error.message, /in-memory database, which would be lost/)
        const rows = yield* Effect.retry(db`SELECT * FROM t`, { schedule: Schedule.spaced("50 millis"), times: 200 })
        assert.deepStrictEqual(rows, [{ id: 7 }])
      })))
})

describe("one connection in memory", () => {
  it.live("sessions take turns, and no pool verb loses the data", () =>
    run({ filename: ":memory:" }, (db) =>
      Effect.gen(function*() {
        yield* db.script("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)")
        const add = Effect.scoped(Effect.gen(function*() {
          const session = yield* db.session
          yield* session.begin()
          const next = (yield* session<number>`SELECT MAX(id) FROM t`.scalar) + 1
          yield* Effect.sleep(5)
          yield* session`INSERT INTO t VALUES (${next})`.run
          yield* session.commit
        }))
        yield* Effect.all([add, add, add, add], { concurrency: "unbounded" })
        yield* db.pool.clear
        assert.deepStrictEqual(yield* db<{ id: number }>`SELECT id FROM t`.column("id"), [1, 2, 3, 4, 5])
      })))
})

describe("texts of a program's making", () => {
  it.live("are not kept by the hundred: memory holds one of those that are long", () =>
    run({ filename: ":memory:" }, (db) =>
      Effect.gen(function*() {
        yield* db`CREATE TABLE t (a, b)`
        const before = process.memoryUsage.rss()
        for (let n = 0; n < 100; n++) {
          yield* db.unsafe(`INSERT INTO t VALUES ${Array.from({ length: 20_000 }, (_, i) => `(${n}, ${i})`).join(",")}`)
          yield* db`DELETE FROM t`
        }
        // Kept, they were three times as much.
        assert.isBelow((process.memoryUsage.rss() - before) / 1e6, 200)
      })), 30_000)
})
