/**
 * Stock: the database as the client of @effect/sql-mysql2, so that an app moves over by changing one import.
 *
 * The tags of Effect are keyed by their names: what is provided under that package's name is found by code that was
 * written for it, and the package itself is not needed here. It holds defaults and no behaviour of its own. Called by
 * `Mysql.layerStock`, which is the way to it.
 *
 * @since 0.1.0
 */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Database from "@sluice/core/Database"
import * as Options from "@sluice/core/Options"
import type * as SqlError from "@sluice/core/SqlError"
import * as BigDecimal from "effect/BigDecimal"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { type Decoders, encoder } from "./Codecs.js"
import { settings } from "./internal/options.js"
import type { Config } from "./Config.js"

/**
 * A config of ours, with the two fields that the stock client has under other names.
 *
 * What an app sees is the stock driver's where ours differs by default: DATE, DATETIME and TIMESTAMP are Dates (text with
 * `dates: "string"`), bytes are Buffers, JSON is parsed where the server names it (MariaDB does not), objects and arrays are
 * written as JSON, and `withTransaction` goes on after DDL in it, in autocommit. What stays ours: BIGINT has one type, geometry is
 * bytes, and `timezone` is UTC: where the app wrote its dates in another zone, say which. `poolConfig` is the driver's own pool,
 * which is not used: it is refused. A text of several statements is refused, too, unless `multipleStatements` says otherwise;
 * `.results` then has the answer of each. The repositories of `Model` need no such setting.
 *
 * @example
 * ```ts
 * import type { Mysql } from "@sluice/mysql"
 *
 * const config: Mysql.StockConfig = { host: "db.example.com", database: "orders", maxConnections: 20 }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface StockConfig extends Config {
  /** `pool.max`, which wins over it. */
  readonly maxConnections?: number | undefined
  /** `pool.maxLifetime`, which wins over it. */
  readonly connectionTTL?: Duration.DurationInput | undefined
}

/**
 * What code written for the stock client finds under its tag: a SqlClient with its config. The config tells where the
 * connection goes, with the url's parts in fields of their own, as migrators that call `mysqldump` read them.
 *
 * @example
 * ```ts
 * import type { Mysql } from "@sluice/mysql"
 *
 * const where = (client: Mysql.StockClient) => `${client.config.host}:${client.config.port}/${client.config.database}`
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface StockClient extends SqlClient.SqlClient {
  /** Where the connection goes, and as whom. */
  readonly config: {
    /** The host, or a socket's path. */
    readonly host: string
    /** The port. */
    readonly port: number
    /** The database that unqualified names are in. */
    readonly database: string | undefined
    /** The user. */
    readonly username: string
    /** The password, as it was when the layer was built. */
    readonly password: Redacted.Redacted | undefined
    /** The most connections at a time. */
    readonly maxConnections: number | undefined
    /** As it was given. */
    readonly spanAttributes: Readonly<Record<string, unknown>> | undefined
    /** As it was given. */
    readonly transformResultNames: ((name: string) => string) | undefined
    /** As it was given. */
    readonly transformQueryNames: ((name: string) => string) | undefined
  }
}

const TypeId = Symbol.for("@effect/sql-mysql2/MysqlClient")

const tag = Context.GenericTag<StockClient>("@effect/sql-mysql2/MysqlClient")

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

// As the stock driver reads them.
const bytes: Decoders = {
  BIT: asBuffer, BINARY: asBuffer, VARBINARY: asBuffer, TINYBLOB: asBuffer, BLOB: asBuffer, MEDIUMBLOB: asBuffer, LONGBLOB: asBuffer
}

const midnight = (offset: number) => (text: string): Date => {
  const date = new Date(Date.parse(`${text}T00:00:00Z`) - offset * 60_000)
  // A decoder says by throwing that it cannot read a value: a DataError that names the column comes of it.
  if (Number.isNaN(date.getTime())) throw new RangeError("no Date can be that")
  return date
}

const hasJson = (value: object): boolean => "toJSON" in value && typeof value.toJSON === "function"

// The stock driver writes objects as JSON, whatever the column is.
const objects = encoder(
  (value: unknown): value is object =>
    typeof value === "object" && value !== null && !(value instanceof Date) && !ArrayBuffer.isView(value) && !BigDecimal.isBigDecimal(value) &&
    (Array.isArray(value) || value.constructor === Object || hasJson(value)),
  (value) => JSON.stringify(value)
)

/** The same with the stock client's defaults and names. */
const translated = ({ connectionTTL, maxConnections, ...config }: StockConfig, offset: number): Config => ({
  dates: "date",
  implicitCommit: "autocommit",
  ...config,
  decoders: {
    ...bytes,
    JSON: (text) => JSON.parse(text),
    ...(config.dates === "string" ? {} : { DATE: midnight(offset) }),
    ...config.decoders
  },
  encoders: [...(config.encoders ?? []), objects],
  pool: {
    ...(maxConnections === undefined ? {} : { max: maxConnections }),
    ...(connectionTTL === undefined ? {} : { maxLifetime: connectionTTL }),
    ...config.pool
  }
})

/**
 * One database under three tags: ours, the stock SqlClient's and the stock MysqlClient's.
 *
 * @internal
 */
export const layer = (
  stock: StockConfig,
  make: (config: Config) => Effect.Effect<Database.Database, SqlError.SqlError, Scope.Scope | Reactivity.Reactivity>
): Layer.Layer<Database.DatabaseId | SqlClient.SqlClient | StockClient, SqlError.SqlError> =>
  Layer.scopedContext(Effect.gen(function*() {
    if ("poolConfig" in stock && stock.poolConfig !== undefined) {
      yield* Options.refuse("poolConfig", "is the driver's own pool, which is not used: see `pool`")
    }
    const { database, driver, host, offset, port, secret } = yield* settings(stock)
    const config = translated(stock, offset)
    const db = yield* make(config)
    const client: StockClient = Object.assign(db, {
      [TypeId]: TypeId,
      config: {
        host,
        port,
        database,
        username: driver.user ?? "",
        password: secret === undefined ? undefined : yield* secret.credentials,
        maxConnections: config.pool?.max,
        spanAttributes: config.spanAttributes,
        transformResultNames: config.transformResultNames,
        transformQueryNames: config.transformQueryNames
      }
    })
    return Context.make(Database.Database, db).pipe(Context.add(SqlClient.SqlClient, db), Context.add(tag, client))
  })).pipe(Layer.provide(Reactivity.layer))
