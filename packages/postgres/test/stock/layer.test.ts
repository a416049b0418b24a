/**
 * `Postgres.layerStock`: the client of @effect/sql-pg by its own tag, and its migrator.
 */
import { PgClient, PgMigrator } from "@effect/sql-pg"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import * as Postgres from "@sluice/postgres/Postgres"
import * as EffectConfig from "effect/Config"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import { map } from "effect/Record"
import * as Stream from "effect/Stream"
import { client } from "../../../testkit/test/stock/client.js"
import { migrator } from "../../../testkit/test/stock/migrator.js"
import { isMissing, url } from "../server.js"
import { driver, stock } from "./stock.js"

const refused: Readonly<Record<string, object>> = {
  types: { types: { getTypeParser: () => String } },
  ssl: { ssl: { ca: "…" } },
  stream: { stream: () => undefined },
  transformJson: { transformJson: false, transformResultNames: String }
}

describe.skipIf(isMissing)("Postgres.layerStock", () => {
  client({
    tag: PgClient.PgClient,
    typeId: PgClient.TypeId,
    stock: (config) => stock({ ...config, ssl: false }),
    configured: Postgres.layerStockConfig({ url: EffectConfig.redacted("URL") }),
    url: url ?? "postgres://127.0.0.1:1",
    database: "current_database()",
    refused: map(refused, (config) => stock(config)),
    duplicate: { code: "23505", constraint: "names_name_key", table: "names" }
  })

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
})

describe.skipIf(isMissing)("the stock PgMigrator", () => {
  migrator({
    stock,
    run: PgMigrator.run,
    layer: PgMigrator.layer,
    dumps: ({ command, env }) =>
      Effect.map(PgClient.PgClient, ({ config }) => {
        assert.strictEqual(command, "pg_dump")
        const environment = ["PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGSSLMODE"].map((name) => HashMap.unsafeGet(env, name))
        assert.deepStrictEqual(environment, [config.host, String(config.port), config.username, config.database, "prefer"])
      })
  })
})
