/**
 * PostgreSQL inside the process: `layerEmbedded`, which needs no server, against the conformance suite.
 *
 * One PGlite for all of the cases, as it takes seconds to start: each gets it emptied.
 */
import { assert, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Postgres from "@sluice/postgres/Postgres"
import * as Conformance from "@sluice/testkit/Conformance"
import { pglite } from "@sluice/testkit/profiles/postgres"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe } from "vitest"

// Its own declarations need those of browsers, and Emscripten's: it is loaded without them.
interface PGlite extends Postgres.EmbeddedServer {
  readonly exec: (sql: string) => Promise<unknown>
}
const pgliteName: string = "@electric-sql/pglite"

// The first is for the tests here; others are for cases that need several databases at once.
const idle: Array<PGlite> = []
const all: Array<PGlite> = []
let server: PGlite

const started = async () => {
  const { PGlite } = await import(pgliteName) as { readonly PGlite: { readonly create: () => Promise<PGlite> } }
  const one = await PGlite.create()
  all.push(one)
  return one
}

beforeAll(async () => {
  server = await started()
  idle.push(server)
}, 60_000)

afterAll(() => Promise.all(all.map((one) => one.close())))

const empty = (one: PGlite) => one.exec("DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public")

const lent = Effect.acquireRelease(
  Effect.promise(async () => {
    const one = idle.pop() ?? await started()
    await empty(one)
    return one
  }),
  (one) => Effect.sync(() => idle.push(one))
)

const fresh = (config: Postgres.EmbeddedConfig = {}) =>
  Layer.unwrapScoped(Effect.map(lent, (one) => Postgres.layerEmbedded({ ...config, server: one, pool: { ...config.pool, max: 1 } })))

const onServer = (config: Postgres.EmbeddedConfig = {}) =>
  Layer.unwrapEffect(Effect.as(Effect.promise(() => empty(server)), Postgres.layerEmbedded({ ...config, server })))

const on = <A, E>(config: Postgres.EmbeddedConfig, use: (db: Database.Database) => Effect.Effect<A, E>) =>
  Effect.flatMap(Database.Database, use).pipe(Effect.provide(onServer(config)))

const refused = (config: Postgres.EmbeddedConfig) =>
  Effect.map(Effect.flip(Effect.scoped(Layer.build(Postgres.layerEmbedded(config)))), ({ reason }) => reason._tag === "ConfigError" ? reason.field : reason._tag)

describe("PGlite", () => {
  Conformance.conformance("pglite", { profile: pglite, layer: fresh })

  it.live("V4 what it lacks is refused by the field that asks for it", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* refused({ server, pool: { max: 2 } }), "pool.max")
      assert.strictEqual(yield* refused({ server, dataDir: "x" }), "dataDir")
      assert.strictEqual(yield* refused({ dataDir: "" }), "dataDir")
    }))

  it.live("V4 where the package is not installed a ConfigError says which one it is", () =>
    Effect.sync(() => {
      // A process of its own, in which the package cannot be found.
      const hooks = `export const resolve = async (name, context, next) => {
        if (name === "${pgliteName}") throw Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" })
        return next(name, context)
      }`
      const program = `
        import { register } from "node:module"
        register("data:text/javascript,${encodeURIComponent(hooks)}")
        const { Postgres } = await import("@sluice/postgres")
        const { Effect, Layer } = await import("effect")
        const { reason } = await Effect.runPromise(Effect.flip(Effect.scoped(Layer.build(Postgres.layerEmbedded()))))
        console.log(JSON.stringify([reason._tag, reason.field, reason.isRetryable, reason.message]))`
      const { stderr, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program], { cwd: new URL("..", import.meta.url), encoding: "utf8" })
      const [tag, field, isRetryable, message] = JSON.parse(stdout || JSON.stringify([stderr])) as ReadonlyArray<unknown>
      assert.deepStrictEqual([tag, field, isRetryable], ["ConfigError", "server", false])
      assert.include(message, pgliteName)
    }), 60_000)

  it.live("V4 one of its own is started in memory, and ended with the layer", () =>
    Effect.gen(function*() {
      const version = yield* Effect.flatMap(Database.Database, Postgres.serverVersion).pipe(Effect.provide(Postgres.layerEmbedded()))
      assert.isAtLeast(Number.parseInt(version), 17)
    }), 60_000)

  it.scopedLive("V4 what is in its folder is there again", () =>
    Effect.gen(function*() {
      const dataDir = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "sluice-pglite-"))),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
      )
      const opened = <A, E>(use: (db: Database.Database) => Effect.Effect<A, E>) =>
        Effect.flatMap(Database.Database, use).pipe(Effect.provide(Postgres.layerEmbedded({ dataDir })))
      yield* opened((db) => db`CREATE TABLE kept AS SELECT 7::bigint AS a`)
      assert.strictEqual(yield* opened((db) => db<number>`SELECT a FROM kept`.scalar), 7)
    }), 60_000)

  it.live("P9 connecting that is interrupted gives the one session back", () =>
    Effect.gen(function*() {
      for (let n = 0; n < 20; n++) {
        const fiber = yield* Effect.fork(on({}, (db) => db`SELECT 1`))
        yield* Effect.forEach(Array.from({ length: n }), () => Effect.yieldNow(), { discard: true })
        yield* Fiber.interrupt(fiber)
      }
      assert.strictEqual(yield* on({}, (db) => db<number>`SELECT 7`.scalar), 7)
    }))

  it.live("P4 what the config sets of its session is there, and again after a reset", () =>
    on({ parameters: { work_mem: "64kB" }, timezone: "Asia/Tokyo", applicationName: "it's" }, (db) =>
      Effect.gen(function*() {
        const state = db`SELECT current_setting('work_mem') AS mem, current_setting('TimeZone') AS zone, current_setting('application_name') AS app`
        const expected = [{ mem: "64kB", zone: "Asia/Tokyo", app: "it's" }]
        assert.deepStrictEqual(yield* state, expected)
        yield* Effect.scoped(Effect.flatMap(db.session, (session) => session`SET work_mem = '128kB'`))
        assert.deepStrictEqual(yield* state, expected)
      })))

  it.live("P4 the next layer on the same PGlite finds nothing of the session before", () =>
    Effect.gen(function*() {
      yield* on({ parameters: { work_mem: "64kB" } }, (db) => Effect.scoped(Effect.flatMap(db.session, (session) =>
        Effect.zipRight(session`CREATE TEMP TABLE passing (a INT)`, session`SELECT pg_advisory_lock(7)`))))
      yield* on({}, (db) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(
            yield* db`SELECT current_setting('work_mem') <> '64kB' AS own, to_regclass('passing') IS NULL AS gone, (SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory') AS locks`,
            [{ own: true, gone: true, locks: 0 }]
          )
        }))
    }))

  it.live("P3 a second layer on it fails typed while the first is there", () =>
    on({}, () => Effect.map(Effect.flip(Effect.scoped(Layer.build(Postgres.layerEmbedded({ server, pool: { acquireTimeout: 200 } })))), ({ reason }) => {
      assert.strictEqual(reason._tag, "ConnectionError")
      assert.include(reason.message, "one session")
    })))

  it.live("V4 to listen is refused, as it takes a second session; to notify is not", () =>
    on({}, (db) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Stream.runDrain(Postgres.listen(db, "c")))
        assert.strictEqual(error.reason._tag, "UnsupportedError")
        assert.include(error.message, "PGlite")
        yield* Postgres.notify(db, "c", "x")
      })))

  it.live("V2 rows are copied in and out, and a COPY that is refused leaves the session usable", () =>
    on({}, (db) =>
      Effect.gen(function*() {
        yield* db`CREATE TABLE t (a BIGINT PRIMARY KEY, b TEXT)`
        const bytes = (text: string) => Stream.make(...text.match(/[^]{1,3}/g) ?? []).pipe(Stream.map((part) => new TextEncoder().encode(part)))
        yield* Stream.run(bytes("1\ta\n2\tb\n"), Postgres.copyFrom(db, { table: "t" }))
        const failure = yield* Effect.flip(Stream.run(bytes("3\tc\nx\td\n"), Postgres.copyFrom(db, { table: "t" })))
        assert.strictEqual(failure.reason._tag, "DataError")
        const missing = yield* Effect.flip(Stream.run(bytes("1\n"), Postgres.copyFrom(db, { table: "no_such_table" })))
        assert.strictEqual(missing.reason._tag, "SqlSyntaxError")
        assert.strictEqual(yield* Postgres.copyTo(db, { table: "t" }).pipe(Stream.decodeText(), Stream.mkString), "1\ta\n2\tb\n")
      })))
})
