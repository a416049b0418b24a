/**
 * MySQL and MariaDB, over mysql2, as a `Database`.
 *
 * One pool of core's serves everything; the driver's own pool is not used. This file reads the config and wires the pool
 * and the control connections by which statements are stopped; what a connection does is in `internal/connection`.
 *
 * @since 0.1.0
 */
import type * as Reactivity from "@effect/experimental/Reactivity"
import type * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@sluice/core/Connection"
import * as Database from "@sluice/core/Database"
import * as Doctor from "@sluice/core/Doctor"
import * as Hosts from "@sluice/core/Hosts"
import * as Reason from "@sluice/core/Reason"
import type * as Session from "@sluice/core/Session"
import * as SqlError from "@sluice/core/SqlError"
import * as EffectConfig from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Config } from "./Config.js"
import * as Internal from "./internal/connection.js"
import { assignments, charsetOf } from "./internal/charset.js"
import * as Control from "./internal/control.js"
import { dialectAt, raw } from "./internal/dialect.js"
import { examinationOf } from "./internal/doctor.js"
import { at, endpointOf, type Place, settings } from "./internal/options.js"
import { refusedSetting } from "./internal/session.js"
import { wireOf } from "./internal/wire.js"
import * as Stock from "./Stock.js"

export { type Decoders, type Encoder, encoder, type Parameter } from "./Codecs.js"
export type { Config } from "./Config.js"
export { type Called, callProcedure, kill } from "./Procedure.js"
export type { StockClient, StockConfig } from "./Stock.js"

/**
 * Connects to a server; the pool is closed with its scope.
 *
 * Fails with ConnectionError where the server cannot be reached, AuthenticationError where it refuses the user,
 * ConfigError where a field cannot work or the database is not there.
 *
 * @example
 * ```ts
 * import { Mysql } from "@sluice/mysql"
 * import * as Reactivity from "@effect/experimental/Reactivity"
 * import { Effect } from "effect"
 *
 * const one = Effect.scoped(Effect.flatMap(Mysql.make({ host: "127.0.0.1" }), (db) => db<number>`SELECT 1`.scalar))
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
    // Before the pool, and so closed after it: what the pool gives up may have to be stopped.
    const controls = yield* Control.make
    const isOne = checked.places.length === 1
    const servers = isOne ? checked.endpoint : checked.places.map(endpointOf).join(",")
    const dialect = dialectAt(checked.offset, checked.hasEscapes)
    const write = yield* Hosts.pool<Connection, Place>({
      ...config.pool,
      ...checked.target,
      dialect,
      name: `${servers}${checked.database === undefined ? "" : `/${checked.database}`}`,
      endpoints: checked.places.map((place) => ({ label: isOne ? checked.endpoint : endpointOf(place), endpoint: place })),
      connect: (place, demoted, opened) => Internal.connect(at(checked, place, demoted), controls, opened),
      role: Internal.role
    })
    return yield* Database.make({
      ...config,
      dialect,
      raw,
      examination: examinationOf(checked, controls),
      withTransaction: { implicitCommit: config.implicitCommit },
      pools: { write, read: undefined, session: undefined },
      attributes: {
        // Which of several a statement goes to is not known when its span begins.
        ...(isOne ? { "server.address": checked.host, "server.port": checked.port } : {}),
        ...(checked.database === undefined ? {} : { "db.namespace": checked.database })
      }
    })
  })

/**
 * A layer that provides the database under `Database` and under the stock `SqlClient`, one object.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Mysql } from "@sluice/mysql"
 * import { Effect, Redacted } from "effect"
 *
 * const program = Effect.flatMap(Database.Database, (db) => db`SELECT 1 AS one`).pipe(
 *   Effect.provide(Mysql.layer({ url: Redacted.make("mysql://app:secret@localhost/orders") }))
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
 * import { Mysql } from "@sluice/mysql"
 * import { Config } from "effect"
 *
 * const layer = Mysql.layerConfig({ url: Config.redacted("DATABASE_URL"), pool: { max: Config.integer("DATABASE_POOL") } })
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
 * import { Mysql } from "@sluice/mysql"
 * import { Context } from "effect"
 *
 * class Archive extends Context.Tag("Archive")<Archive, Database.Database>() {}
 * const layer = Mysql.layerAs(Archive, { host: "archive.example.com", database: "archive" })
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
 * As `layer`, and under the tag `MysqlClient` of @effect/sql-mysql2, too: an app that was written for that package moves
 * over by this one import, its migrator, repositories, resolvers and query builders with it.
 *
 * @example
 * ```ts
 * import { SqlClient } from "@effect/sql"
 * import { Mysql } from "@sluice/mysql"
 * import { Effect, Redacted } from "effect"
 *
 * // Before: MysqlClient.layer({ … })
 * const layer = Mysql.layerStock({ url: Redacted.make("mysql://app:secret@localhost/orders"), maxConnections: 20 })
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
 * import { Mysql } from "@sluice/mysql"
 * import { Config } from "effect"
 *
 * const layer = Mysql.layerStockConfig({ url: Config.redacted("DATABASE_URL") })
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
 * import { Mysql } from "@sluice/mysql"
 * import { Effect, Redacted } from "effect"
 *
 * const program = Effect.flatMap(Mysql.doctor({ url: Redacted.make("mysql://app:secret@localhost/orders") }), Doctor.print)
 * ```
 *
 * @category diagnosis
 * @since 0.1.0
 */
export const doctor = (config: Config): Effect.Effect<Doctor.Report> =>
  Effect.scoped(Effect.flatMap(Control.make, (controls) => Doctor.run("mysql", Effect.map(settings(config), (checked) => examinationOf(checked, controls)))))

/**
 * Changes the character set of a session, with a collation of it where one is given: utf8mb4, utf8mb3, utf8, latin1 or
 * ascii. It is `charset` of the config again when the session's scope closes.
 *
 * Another one is a ConfigError, a session of another dialect an UnsupportedError.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Mysql } from "@sluice/mysql"
 * import { Effect } from "effect"
 *
 * const legacy = Effect.scoped(Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   const session = yield* db.session
 *   yield* Mysql.setCharset(session, "latin1", "latin1_german2_ci")
 *   return yield* session`SELECT 'Straße' = 'Strasse' AS same`
 * }))
 * ```
 *
 * @category sessions
 * @since 0.1.0
 */
export const setCharset: {
  (charset: string, collation?: string): (session: Session.Session) => Effect.Effect<void, SqlError.SqlError>
  (session: Session.Session, charset: string, collation?: string): Effect.Effect<void, SqlError.SqlError>
} = dual(
  (args) => typeof args[0] !== "string",
  (session: Session.Session, charset: string, collation?: string): Effect.Effect<void, SqlError.SqlError> =>
    Effect.gen(function*() {
      const chosen = yield* charsetOf(charset, collation)
      const wire = wireOf(yield* session.native)
      if (wire === undefined) {
        return yield* SqlError.fail(new Reason.UnsupportedError({ message: "the session is not one of MySQL", capability: "setCharset" }))
      }
      yield* Effect.mapError(session.unsafe(`SET ${assignments(chosen)}`).unprepared, refusedSetting)
      wire.charset = chosen
    })
)
