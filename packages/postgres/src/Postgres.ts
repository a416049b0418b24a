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
import * as Pool from "@sluice/core/Pool"
import type * as SqlError from "@sluice/core/SqlError"
import * as EffectConfig from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { Codec } from "./Codec.js"
import * as Internal from "./internal/connection.js"
import { dialect, raw } from "./internal/dialect.js"
import { settings } from "./internal/options.js"

/**
 * How TLS is spoken. The server's certificate and its name are checked unless this says otherwise.
 *
 * @example
 * ```ts
 * import type { Postgres } from "@sluice/postgres"
 * import { readFileSync } from "node:fs"
 *
 * const tls: Postgres.Tls = { ca: readFileSync("ca.pem", "utf8") }
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
 * field that cannot work fails the layer with a ConfigError that names it; the environment's `PG*` are not read.
 *
 * Types out: int8 is a number, or a bigint with `integers: "bigint"`, and a value that a number would round is a DataError;
 * smaller integers and floats are numbers. numeric, date, time, interval, timestamps, uuid, json, enums, ranges and
 * composites are their exact text, bytea is bytes, arrays are arrays of those.
 *
 * Types in: a number means what the same literal would, int4, int8 or numeric; a bigint int8 or numeric; bytes are bytea.
 * Text, a Date, arrays and objects (as JSON) take the type of the place where they stand; where there is none, as in
 * `SELECT ${"a"}`, that is text.
 *
 * @example
 * ```ts
 * import type { Postgres } from "@sluice/postgres"
 * import { Redacted } from "effect"
 *
 * const config: Postgres.Config = {
 *   url: "postgres://app@db.example.com/orders?application_name=orders",
 *   password: Redacted.make("…"),
 *   parameters: { search_path: "orders, public" },
 *   pool: { max: 20 }
 * }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Config extends Database.Config {
  /**
   * `postgres://user:password@host:port/database`, or `postgresql:`. Its options are `application_name`, `search_path`,
   * `TimeZone`, `statement_timeout`, `lock_timeout`, `options`, and `host` for the folder of a socket; another one is a
   * ConfigError. A field beside it wins.
   */
  readonly url?: string | Redacted.Redacted | undefined
  /** A name, an address, or the folder of a socket, which begins with a slash. Default `localhost`. */
  readonly host?: string | undefined
  /** Default 5432. */
  readonly port?: number | undefined
  /** Default: the username. */
  readonly database?: string | undefined
  /** Default `postgres`. */
  readonly username?: string | undefined
  /** Default: none. */
  readonly password?: Redacted.Redacted | undefined
  /** `true`: a server that is not proven to be the one fails the connecting. Default false. */
  readonly tls?: boolean | Tls | undefined
  /** How long one connecting may take, the login included; then ConnectionError. Default 10 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** What the server's list of sessions calls it. Default: nothing. */
  readonly applicationName?: string | undefined
  /** Run-time parameters of every session, as `search_path`; a reset of the session comes back to them. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
  /** Statements that every session runs when it is new, and again after every reset. */
  readonly initCommand?: string | ReadonlyArray<string> | undefined
  /** `TimeZone` of every session: what a timestamptz is shown in. Default: the server's for the user and the database. */
  readonly timezone?: string | undefined
  /**
   * timestamp and timestamptz as their exact text (default), or as Date, a timestamp in UTC: then an infinity, or
   * microseconds beyond a Date's milliseconds, is a DataError.
   */
  readonly dates?: "string" | "date" | undefined
  /** json and jsonb as their exact text (default), or parsed, where numbers are a double's. */
  readonly json?: "string" | "parsed" | undefined
  /**
   * Codecs of types that PostgreSQL is not built with, by the types' names: `{ hstore: Codec.hstore }`. A type that is not
   * there fails the connecting with a ConfigError. Default: their exact text.
   */
  readonly types?: Readonly<Record<string, Pick<Codec<unknown>, "decode">>> | undefined
  /**
   * A statement that fails in a transaction, or is interrupted there, leaves it as it was before: each runs in a savepoint.
   * Without it the transaction has failed for all of its statements, as the server has it. Streams have none. Default
   * false.
   */
  readonly statementSavepoints?: boolean | undefined
  /** Prepared statements that each connection keeps on the server; 0 prepares none by name. Default 200. */
  readonly maxPreparedStatements?: number | undefined
}

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
    const write = yield* Pool.make<Connection>({
      ...config.pool,
      name: `${checked.endpoint}/${checked.database}`,
      connect: Internal.connect(checked)
    })
    return yield* Database.make({
      ...config,
      dialect,
      raw,
      pools: { write, read: undefined, session: undefined },
      attributes: {
        "server.address": checked.host,
        "server.port": checked.port,
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
export const layerAs = <I, S extends SqlClient.SqlClient>(
  tag: Context.Tag<I, S>,
  config: Database.Database extends S ? Config : never
): Layer.Layer<I, SqlError.SqlError> =>
  // The conditional type lets no other S through, and TypeScript cannot see through it.
  Database.layerAs(tag as unknown as Context.Tag<I, Database.Database>, make(config))
