/**
 * `layerStock` of a dialect: the stock driver's client by its own tag. What every such client must be; what its values are,
 * and what only its driver has, each dialect's tests ask themselves.
 *
 * It stands among the tests, since it knows what the stock drivers' clients have in common: a dialect's tests call it by its path.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import * as StockError from "@effect/sql/SqlError"
import { assert, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as SqlError from "@sluice/core/SqlError"
import * as Cause from "effect/Cause"
import type * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { inspect } from "node:util"

/** What the tests read of a stock client beside what all have. */
interface Client extends SqlClient.SqlClient {
  readonly config: {
    readonly host?: string | undefined
    readonly port?: number | undefined
    readonly username?: string | undefined
    readonly database?: string | undefined
    readonly password?: Redacted.Redacted | undefined
    readonly maxConnections?: number | undefined
  }
}

/** The database under the stock tags, new each time the layer is built. */
export type Stock<I> = (
  config?: { readonly maxConnections?: number; readonly connectionTTL?: Duration.DurationInput }
) => Layer.Layer<Database.DatabaseId | SqlClient.SqlClient | I, SqlError.SqlError>

/** A dialect's drop-in, as these tests see it. */
export interface Options<I, S extends Client> {
  readonly tag: Context.Tag<I, S>
  readonly typeId: keyof S
  readonly stock: Stock<I>
  /** The same by `layerStockConfig`, whose `url` is named URL. */
  readonly configured: Layer.Layer<I, SqlError.SqlError | ConfigError.ConfigError>
  readonly url: string
  /** The name of the session's database, as an expression. */
  readonly database: string
  /** Layers whose config has what cannot be taken over, by its field. */
  readonly refused: Readonly<Record<string, ReturnType<Stock<I>>>>
  /** What the driver's error of a duplicate in `names (name)` has, for code that was written for the driver. */
  readonly duplicate: object
}

export const client = <I, S extends Client>({ configured, database, duplicate, refused, stock, tag, typeId, url }: Options<I, S>): void => {
  it.live("is the stock client by its own tag, the stock SqlClient and the Database: one object", () =>
    Effect.gen(function*() {
      const client = yield* tag
      const sql: SqlClient.SqlClient = yield* SqlClient.SqlClient
      const db: SqlClient.SqlClient = yield* Database.Database
      assert.isTrue(client === sql && sql === db)
      assert.isTrue(Object.is(client[typeId], typeId))
      assert.deepStrictEqual(yield* client`SELECT ${1} AS one`, [{ one: 1 }])
      const caught = yield* client`SELECT none`.pipe(Effect.catchTag("SqlError", (error) => Effect.succeed(error)))
      assert.instanceOf(caught, StockError.SqlError)
      assert.isTrue(SqlError.isSqlError(caught))
    }).pipe(Effect.provide(stock())))

  it.live("its config tells host, port, user and database apart, with the url's parts; the password stays redacted", () =>
    Effect.gen(function*() {
      const { config } = yield* tag
      const name = yield* (yield* Database.Database).unsafe<{ readonly name: string }>(`SELECT ${database} AS name`).scalar
      const reached = new URL(url)
      assert.deepStrictEqual(
        [config.host, config.port, config.username, config.database, config.maxConnections],
        [reached.hostname, Number(reached.port), reached.username, name, 3]
      )
      if (config.password !== undefined) assert.isTrue(Redacted.isRedacted(config.password))
    }).pipe(Effect.provide(stock({ maxConnections: 3, connectionTTL: "1 minute" }))))

  it.live("maxConnections is the pool's size, and what cannot be taken over is refused by its name", () =>
    Effect.gen(function*() {
      const stats = yield* Effect.flatMap(Database.Database, (db) => db.pool.stats).pipe(Effect.provide(stock({ maxConnections: 3 })))
      assert.strictEqual(stats.max, 3)
      for (const [field, layer] of Object.entries(refused)) {
        const { reason } = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
        assert.deepStrictEqual([reason._tag, reason._tag === "ConfigError" ? reason.field : ""], ["ConfigError", field])
      }
    }))

  it.live("reads its fields from Effect's Config", () =>
    Effect.gen(function*() {
      const layer = Layer.provide(configured, Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["URL", url]]))))
      assert.deepStrictEqual(yield* Effect.flatMap(tag, (sql) => sql`SELECT 1 AS one`).pipe(Effect.provide(layer)), [{ one: 1 }])
    }))

  it.live("E4 an error's cause has what code for the driver looks at, and shows no value", () =>
    Effect.gen(function*() {
      const sql = yield* tag
      yield* sql`CREATE TABLE names (name VARCHAR(20) UNIQUE)`
      yield* sql`INSERT INTO names VALUES (${"s3cret"})`
      const exit = yield* Effect.exit(sql`INSERT INTO names VALUES (${"s3cret"})`)
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isSuccess(exit)) return
      const error = Cause.failureOption(exit.cause)
      const cause: object = error._tag === "Some" && error.value.cause instanceof Error ? error.value.cause : {}
      assert.deepInclude(cause, duplicate)
      for (const shown of [Cause.pretty(exit.cause, { renderErrorCause: true }), inspect(exit, { depth: 9 }), JSON.stringify(exit), inspect(cause), String(cause)]) {
        assert.notInclude(shown, "s3cret")
      }
    }).pipe(Effect.provide(stock())))
}
