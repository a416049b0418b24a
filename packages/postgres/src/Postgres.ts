/**
 * PostgreSQL, over pg, as a `Database`.
 *
 * One pool of core's serves everything; pg's own pool is not used. This file reads the config and wires the pool; what a
 * connection does is in `internal/connection`.
 *
 * @since 0.1.0
 */
import type * as Reactivity from "@effect/experimental/Reactivity"
import type * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@sluice/core/Connection"
import * as Database from "@sluice/core/Database"
import * as Doctor from "@sluice/core/Doctor"
import * as Hosts from "@sluice/core/Hosts"
import type * as SqlError from "@sluice/core/SqlError"
import * as EffectConfig from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Config } from "./Config.js"
import * as Internal from "./internal/connection.js"
import { dialectOf, raw } from "./internal/dialect.js"
import { examinationOf } from "./internal/doctor.js"
import * as Listening from "./internal/listening.js"
import { at, endpointOf, type Place, settings } from "./internal/options.js"
import * as Stock from "./Stock.js"

export { type AdvisoryLock, advisoryLock, type LockKey, type LockOptions, transactionLock } from "./AdvisoryLock.js"
export { copyFrom, type CopyOptions, copyRowsFrom, copyRowsTo, type CopySource, type CopyTarget, copyTo } from "./Copy.js"
export { type Codec, composite, hstore, vector } from "./Codecs.js"
export type { Config } from "./Config.js"
export { type EmbeddedConfig, type EmbeddedServer, layerEmbedded, makeEmbedded } from "./Embedded.js"
export { type Event, listen, type ListenOptions, notifications, notify } from "./Listen.js"
export { explain, type ExplainOptions, serverVersion } from "./Explain.js"
export { withSettings } from "./Settings.js"
export type { StockClient, StockConfig } from "./Stock.js"

/**
 * Connects to a server; the pool is closed with its scope.
 *
 * Fails with ConnectionError where the server cannot be reached, AuthenticationError where it refuses the user,
 * ConfigError where a field cannot work or the database is not there.
 *
 * @example
 * ```ts
 * import { Postgres } from "@sluice/postgres"
 * import * as Reactivity from "@effect/experimental/Reactivity"
 * import { Effect } from "effect"
 *
 * const one = Effect.scoped(Effect.flatMap(Postgres.make({ host: "127.0.0.1" }), (db) => db<number>`SELECT 1`.scalar))
 *   .pipe(Effect.provide(Reactivity.layer))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  config: Config
): Effect.Effect<Database.Database, SqlError.SqlError, Scope.Scope | Reactivity.Reactivity> =>
  Effect.gen(function*() {
    const checked = yield* settings(config)
    const isOne = checked.places.length === 1
    // One of its own for each database: what belongs to a database is found by it.
    const dialect = dialectOf(config.json ?? "string", checked)
    const write = yield* Hosts.pool<Connection, Place>({
      ...config.pool,
      ...checked.target,
      lanes: checked.lanes,
      dialect,
      name: `${checked.places.map(endpointOf).join(",")}/${checked.database}`,
      endpoints: checked.places.map((place) => ({ label: endpointOf(place), endpoint: place })),
      connect: (place, demoted, opened) => Internal.connect(at(checked, place, demoted), opened),
      role: Internal.role
    })
    yield* Listening.attach(dialect, checked)
    return yield* Database.make({
      ...config,
      dialect,
      raw,
      examination: examinationOf(checked),
      pools: { write, read: undefined, session: undefined },
      attributes: {
        // Which of several a statement goes to is not known when its span begins.
        ...(isOne ? { "server.address": checked.host, "server.port": checked.port } : {}),
        "db.namespace": checked.database
      }
    })
  })

/**
 * A layer that provides the database under `Database` and under the stock `SqlClient`, one object.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Postgres } from "@sluice/postgres"
 * import { Effect, Redacted } from "effect"
 *
 * const program = Effect.flatMap(Database.Database, (db) => db`SELECT 1 AS one`).pipe(
 *   Effect.provide(Postgres.layer({ url: Redacted.make("postgres://app:secret@localhost/orders") }))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (config: Config): Layer.Layer<Database.DatabaseId | SqlClient.SqlClient, SqlError.SqlError> =>
  Database.layer(make(config))

/**
 * As `layer`, from Effect's Config.
 *
 * @example
 * ```ts
 * import { Postgres } from "@sluice/postgres"
 * import { Config } from "effect"
 *
 * const layer = Postgres.layerConfig({ url: Config.redacted("DATABASE_URL"), pool: { max: Config.integer("DATABASE_POOL") } })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  config: EffectConfig.Config.Wrap<Config>
): Layer.Layer<Database.DatabaseId | SqlClient.SqlClient, SqlError.SqlError | ConfigError.ConfigError> =>
  Layer.unwrapEffect(Effect.map(EffectConfig.unwrap(config), layer))

/**
 * A layer that provides the database under a tag of your own only: several databases in one app.
 *
 * @example
 * ```ts
 * import type { Database } from "@sluice/core"
 * import { Postgres } from "@sluice/postgres"
 * import { Context } from "effect"
 *
 * class Archive extends Context.Tag("Archive")<Archive, Database.Database>() {}
 * const layer = Postgres.layerAs(Archive, { host: "archive.example.com", database: "archive" })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerAs: <I, S extends SqlClient.SqlClient>(
  tag: Context.Tag<I, S>,
  config: Database.Database extends S ? Config : never
) => Layer.Layer<I, SqlError.SqlError> = Database.layerAsOf(make)

/**
 * As `layer`, and under the tag `PgClient` of @effect/sql-pg, too: an app that was written for that package moves
 * over by this one import, its migrator, repositories, resolvers and query builders with it.
 *
 * @example
 * ```ts
 * import { SqlClient } from "@effect/sql"
 * import { Postgres } from "@sluice/postgres"
 * import { Effect, Redacted } from "effect"
 *
 * // Before: PgClient.layer({ … })
 * const layer = Postgres.layerStock({ url: Redacted.make("postgres://app:secret@localhost/orders"), maxConnections: 20 })
 * const program = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT 1 AS one`).pipe(Effect.provide(layer))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerStock = (
  config: Stock.StockConfig
): Layer.Layer<Database.DatabaseId | SqlClient.SqlClient | Stock.StockClient, SqlError.SqlError> => Stock.layer(config, make)

/**
 * As `layerStock`, from Effect's Config.
 *
 * @example
 * ```ts
 * import { Postgres } from "@sluice/postgres"
 * import { Config } from "effect"
 *
 * const layer = Postgres.layerStockConfig({ url: Config.redacted("DATABASE_URL") })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerStockConfig = (
  config: EffectConfig.Config.Wrap<Stock.StockConfig>
): Layer.Layer<Database.DatabaseId | SqlClient.SqlClient | Stock.StockClient, SqlError.SqlError | ConfigError.ConfigError> =>
  Layer.unwrapEffect(Effect.map(EffectConfig.unwrap(config), layerStock))

/**
 * Examines what a config leads to, without a database: every server is connected to, step by step, and asked. It never fails,
 * and never hangs: what is wrong is a step of the report, a config that cannot work as well. `db.doctor` is the same for
 * a database that is there, and looks at its pool.
 *
 * @example
 * ```ts
 * import { Doctor } from "@sluice/core"
 * import { Postgres } from "@sluice/postgres"
 * import { Effect, Redacted } from "effect"
 *
 * const program = Effect.flatMap(Postgres.doctor({ url: Redacted.make("postgres://app:secret@localhost/orders") }), Doctor.print)
 * ```
 *
 * @category diagnosis
 * @since 0.1.0
 */
export const doctor = (config: Config): Effect.Effect<Doctor.Report> => Doctor.run("postgres", Effect.map(settings(config), examinationOf))
