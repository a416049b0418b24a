/**
 * Stock: the database as the client of @effect/sql-pg, so that an app moves over by changing one import.
 *
 * The tags of Effect are keyed by their names: what is provided under that package's name is found by code that was
 * written for it, and the package itself is not needed here. It holds defaults and no behaviour of its own. Called by
 * `Postgres.layerStock`, which is the way to it.
 *
 * @since 0.1.0
 */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import * as StockStatement from "@effect/sql/Statement"
import * as Database from "@sluice/core/Database"
import * as Options from "@sluice/core/Options"
import type * as SqlError from "@sluice/core/SqlError"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Config } from "./Config.js"
import { parserOf } from "./internal/driver.js"
import { numbers } from "./internal/oids.js"
import { settings } from "./internal/options.js"
import { listen, notify } from "./Listen.js"

/**
 * A config of ours, with the fields that the stock client has under other names.
 *
 * What an app sees is the stock driver's where ours differs by default: int8 is text (a number or a bigint with `integers`),
 * dates and timestamps are Dates to the millisecond (text with `dates: "string"`), intervals, points and circles are its
 * objects, bytea is a Buffer, JSON is parsed. What stays ours: date and timestamp without a zone are UTC, where the stock driver
 * has the process's zone. `stream`, and `types` and `ssl` in the driver's own form, are refused: see `types`, `tls` and `sslmode`.
 *
 * @example
 * ```ts
 * import type { Postgres } from "@sluice/postgres"
 *
 * const config: Postgres.StockConfig = { host: "db.example.com", database: "orders", maxConnections: 20 }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface StockConfig extends Config {
  /** `pool.max`, which wins over it. */
  readonly maxConnections?: number | undefined
  /** `pool.min`, which wins over it. */
  readonly minConnections?: number | undefined
  /** `pool.maxLifetime`, which wins over it. */
  readonly connectionTTL?: Duration.DurationInput | undefined
  /** `pool.idleTimeout`, which wins over it. */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /** `tls`, which wins over it. */
  readonly ssl?: boolean | undefined
  /** Whether `transformQueryNames` and `transformResultNames` change the keys inside of JSON, too. Default true. */
  readonly transformJson?: boolean | undefined
}

/**
 * What code written for the stock client finds under its tag. The config tells where the connection goes, with the url's parts in
 * fields of their own, as migrators that call `pg_dump` read them.
 *
 * @example
 * ```ts
 * import type { Postgres } from "@sluice/postgres"
 *
 * const where = (client: Postgres.StockClient) => `${client.config.host}:${client.config.port}/${client.config.database}`
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface StockClient extends SqlClient.SqlClient {
  /** A value as JSON, for a parameter's place. */
  readonly json: (value: unknown) => StockStatement.Fragment
  /** `Postgres.listen`. */
  readonly listen: (channel: string) => Stream.Stream<string, SqlError.SqlError>
  /** `Postgres.notify`. */
  readonly notify: (channel: string, payload: string) => Effect.Effect<void, SqlError.SqlError>
  /** Where the connection goes, and as whom. */
  readonly config: {
    /** The first host, or the folder of its socket. */
    readonly host: string
    /** The port. */
    readonly port: number
    /** The database. */
    readonly database: string
    /** The user. */
    readonly username: string
    /** The password, as it was when the layer was built. */
    readonly password: Redacted.Redacted | undefined
    /** Whether TLS is spoken. */
    readonly ssl: boolean
    /** The most connections at a time. */
    readonly maxConnections: number | undefined
    /** As it was given. */
    readonly applicationName: string | undefined
    /** As it was given. */
    readonly spanAttributes: Readonly<Record<string, unknown>> | undefined
    /** As it was given. */
    readonly transformResultNames: ((name: string) => string) | undefined
    /** As it was given. */
    readonly transformQueryNames: ((name: string) => string) | undefined
    /** As it was given. */
    readonly transformJson: boolean | undefined
  }
}

const TypeId = "~@effect/sql-pg/PgClient"

const tag = Context.GenericTag<StockClient>("@effect/sql-pg/PgClient")

const parser = (name: string): (text: string) => unknown => parserOf(numbers.get(name)?.[0] ?? 0)

const instant = parser("timestamptz")

// A text without a zone, in UTC; the infinities have none.
const inUtc = (text: string, rest: string): unknown =>
  text.endsWith("infinity") ? instant(text) : text.endsWith(" BC") ? instant(`${text.slice(0, -3)}${rest} BC`) : instant(`${text}${rest}`)

// As the stock driver reads them.
const readers: Readonly<Record<string, (text: string) => unknown>> = {
  int8: (text) => text,
  bytea: parser("bytea"),
  interval: parser("interval"),
  point: parser("point"),
  circle: parser("circle"),
  date: (text) => inUtc(text, " 00:00:00+00"),
  timestamp: (text) => inUtc(text, "+00"),
  timestamptz: instant
}

/** The same with the stock client's defaults and names. */
const translated = ({ connectionTTL, idleTimeout, maxConnections, minConnections, ssl, transformJson: _, ...config }: StockConfig): Config => {
  const ours = [...(config.integers === undefined ? [] : ["int8"]), ...(config.dates === undefined ? [] : ["date", "timestamp", "timestamptz"])]
  return {
    json: "parsed",
    ...(ssl === undefined || config.sslmode !== undefined ? {} : { tls: ssl }),
    ...config,
    types: {
      ...Object.fromEntries(Object.entries(readers).filter(([name]) => !ours.includes(name)).map(([name, decode]) => [name, { decode }])),
      ...config.types
    },
    pool: {
      ...(maxConnections === undefined ? {} : { max: maxConnections }),
      ...(minConnections === undefined ? {} : { min: minConnections }),
      ...(connectionTTL === undefined ? {} : { maxLifetime: connectionTTL }),
      ...(idleTimeout === undefined ? {} : { idleTimeout }),
      ...config.pool
    }
  }
}

/** What the stock client takes and we do not. */
const checked = (stock: StockConfig): Options.Checked<unknown> => {
  if ("stream" in stock && stock.stream !== undefined) return Options.refuse("stream", "is a socket of the driver's, which is not used")
  if (typeof stock.types === "object" && "getTypeParser" in stock.types) return Options.refuse("types", "must be codecs by the types' names, and not the driver's own")
  if (stock.ssl !== undefined && typeof stock.ssl !== "boolean") return Options.refuse("ssl", "must be true or false: certificates go in `tls`, and who is checked in `sslmode`")
  // Core changes the names of a row and of all that is in it.
  return stock.transformJson === false && stock.transformResultNames !== undefined && stock.json !== "string"
    ? Options.refuse("transformJson", "is false, and with transformResultNames parsed JSON is changed, too: say `json: \"string\"`")
    : Either.right(undefined)
}

/**
 * One database under three tags: ours, the stock SqlClient's and the stock PgClient's.
 *
 * @internal
 */
export const layer = (
  stock: StockConfig,
  make: (config: Config) => Effect.Effect<Database.Database, SqlError.SqlError, Scope.Scope | Reactivity.Reactivity>
): Layer.Layer<Database.DatabaseId | SqlClient.SqlClient | StockClient, SqlError.SqlError> =>
  Layer.scopedContext(Effect.gen(function*() {
    yield* checked(stock)
    const config = translated(stock)
    const { database, driver, host, port, secret, ways } = yield* settings(config)
    const db = yield* make(config)
    const { transformQueryNames } = config
    const renamed = transformQueryNames === undefined || stock.transformJson === false ? undefined : StockStatement.defaultTransforms(transformQueryNames).value
    const client: StockClient = Object.assign(db, {
      [TypeId]: TypeId,
      // As text: an array would be one of PostgreSQL's.
      json: (value: unknown) => db`${JSON.stringify(renamed === undefined ? value : renamed(value))}`,
      listen: (channel: string) => listen(db, channel),
      notify: (channel: string, payload: string) => notify(db, channel, payload),
      config: {
        host,
        port,
        database,
        username: driver.user,
        password: secret === undefined ? undefined : yield* secret.credentials,
        ssl: ways[0] !== false,
        maxConnections: config.pool?.max,
        applicationName: config.applicationName,
        spanAttributes: config.spanAttributes,
        transformResultNames: config.transformResultNames,
        transformQueryNames,
        transformJson: stock.transformJson
      }
    })
    return Context.make(Database.Database, db).pipe(Context.add(SqlClient.SqlClient, db), Context.add(tag, client))
  })).pipe(Layer.provide(Reactivity.layer))
