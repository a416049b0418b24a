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
import * as Hosts from "@sluice/core/Hosts"
import type * as SqlError from "@sluice/core/SqlError"
import * as EffectConfig from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Internal from "./internal/connection.js"
import * as Control from "./internal/control.js"
import { dialect, raw } from "./internal/dialect.js"
import { at, endpointOf, type Place, settings } from "./internal/options.js"
import * as Stock from "./Stock.js"

export { type Called, callProcedure, kill } from "./Procedure.js"
export type { StockClient, StockConfig } from "./Stock.js"

/**
 * How TLS is spoken. The server's certificate and its name are checked unless this says otherwise.
 *
 * @example
 * ```ts
 * import type { Mysql } from "@sluice/mysql"
 * import { readFileSync } from "node:fs"
 *
 * const tls: Mysql.Tls = { ca: readFileSync("ca.pem", "utf8") }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Tls {
  /** Certificates that are trusted, in PEM. Default: Node's own. */
  readonly ca?: string | undefined
  /** The client's certificate, in PEM. */
  readonly cert?: string | undefined
  /** The client's key, in PEM. */
  readonly key?: Redacted.Redacted | undefined
  /** The passphrase of the client's key. */
  readonly passphrase?: Redacted.Redacted | undefined
  /** Whether a certificate that nobody vouches for fails the connecting. Default true. */
  readonly rejectUnauthorized?: boolean | undefined
  /** Whether the certificate must be for this host. Default as `rejectUnauthorized`. */
  readonly verifyIdentity?: boolean | undefined
}

/**
 * How a server is reached, and what every session is opened with. Durations are milliseconds where they are numbers. A
 * field that cannot work fails the layer with a ConfigError that names it.
 *
 * Several `hosts`: a server is a standby when `read_only` is on, and then `read-only` as well; `primary` and `read-write` are
 * the others. A user who may write all the same (SUPER, READ ONLY ADMIN) is not warned by the server. Where writes are
 * wanted, a statement that is refused because the server has become read-only is a retryable ConnectionError.
 *
 * Types: BIGINT is a number, or a bigint with `integers: "bigint"`, and a value that a number would round is a DataError;
 * smaller integers are always numbers. DECIMAL, DATE, TIME and JSON are their exact text, BIT, binary strings, geometry
 * and vectors are bytes. A Date goes in as its wall clock in `timezone`, with milliseconds.
 *
 * @example
 * ```ts
 * import type { Mysql } from "@sluice/mysql"
 * import { Redacted } from "effect"
 *
 * const config: Mysql.Config = {
 *   url: "mysql://app@db.example.com/orders?charset=utf8mb4",
 *   password: Redacted.make("…"),
 *   sqlMode: "STRICT_ALL_TABLES",
 *   pool: { max: 20 }
 * }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Config extends Database.Config, Hosts.Config {
  /**
   * `mysql://user:password@host:port/database`, or `mariadb:`; several hosts are separated by commas. Its options are
   * `unixSocket`, `charset`, `collation`, `timezone`, `targetSessionAttrs` and `loadBalanceHosts`; another one is a
   * ConfigError. A field beside it wins.
   */
  readonly url?: string | Redacted.Redacted | undefined
  /** Default `localhost`. */
  readonly host?: string | undefined
  /** Default 3306. */
  readonly port?: number | undefined
  /** The path of a socket, in the place of host and port. */
  readonly unixSocket?: string | undefined
  /** The database that unqualified names are in. Default: none. */
  readonly database?: string | undefined
  /** Default `root`. */
  readonly username?: string | undefined
  /** Default: none. */
  readonly password?: Redacted.Redacted | undefined
  /** `true`: a server that is not proven to be the one fails the connecting. Default false. */
  readonly tls?: boolean | Tls | undefined
  /** zlib over the whole connection. Default false. */
  readonly compress?: boolean | undefined
  /** How long one connecting may take, the login included; then ConnectionError. Default 10 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** The connection's character set: utf8mb4 (default), utf8mb3, utf8, latin1 or ascii. */
  readonly charset?: string | undefined
  /** The connection's collation. Default: the server's for the character set. */
  readonly collation?: string | undefined
  /** `sql_mode` of every session. Default: the server's. */
  readonly sqlMode?: string | undefined
  /** Statements that every session runs when it is new, and again after every reset. */
  readonly initCommand?: string | ReadonlyArray<string> | undefined
  /** `time_zone` of every session, and the wall clock of a Date: `Z` (default) or an offset such as `+02:00`. */
  readonly timezone?: string | undefined
  /**
   * DATETIME and TIMESTAMP as their exact text (default), or as Date: then a zero date, or microseconds beyond a
   * Date's milliseconds, is a DataError.
   */
  readonly dates?: "string" | "date" | undefined
  /** `rowsAffected` of an UPDATE: rows that were found (default), or those that it changed. */
  readonly affectedRows?: "found" | "changed" | undefined
  /**
   * What `withTransaction`, the stock verb, does after a statement in it that commits by itself, as DDL does: `fail`
   * (default), as `transaction` by law T7, or `autocommit`: what follows runs outside of a transaction, as the stock
   * driver has it and its Migrator needs it. The default of `layerStock` is `autocommit`.
   */
  readonly implicitCommit?: "fail" | "autocommit" | undefined
  /** Whether the server may ask for a file at all; no file is given yet. Default false. */
  readonly localInfile?: boolean | undefined
  /** Prepared statements that each connection keeps. Default 200. */
  readonly maxPreparedStatements?: number | undefined
  /** How long a stream's consumer may pause before the server gives up: its `net_write_timeout`. Default 1 hour. */
  readonly streamTimeout?: Duration.DurationInput | undefined
  /**
   * Bytes that are read and dropped while a stopped stream runs out; beyond them the connection is replaced. Default
   * 16 MiB, which is more than the sockets' buffers hold.
   */
  readonly discardLimit?: number | undefined
}

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
    const write = yield* Hosts.pool<Connection, Place>({
      ...config.pool,
      ...checked.target,
      name: `${servers}${checked.database === undefined ? "" : `/${checked.database}`}`,
      endpoints: checked.places.map((place) => ({ label: isOne ? checked.endpoint : endpointOf(place), endpoint: place })),
      connect: (place, demoted) => Internal.connect(at(checked, place, demoted), controls),
      role: Internal.role
    })
    return yield* Database.make({
      ...config,
      dialect,
      raw,
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
export const layerAs = <I, S extends SqlClient.SqlClient>(
  tag: Context.Tag<I, S>,
  config: Database.Database extends S ? Config : never
): Layer.Layer<I, SqlError.SqlError> =>
  // The conditional type lets no other S through, and TypeScript cannot see through it.
  Database.layerAs(tag as unknown as Context.Tag<I, Database.Database>, make(config))

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
