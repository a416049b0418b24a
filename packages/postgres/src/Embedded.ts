/**
 * PostgreSQL inside the process, as PGlite is: for tests, and for demos of who has no server.
 *
 * It is one session, on this thread. What a connection does is in `internal/connection`, as for a server; what stands for the
 * socket is in `internal/embedded`. Exported through `Postgres`.
 *
 * @since 0.1.0
 */
import type * as Reactivity from "@effect/experimental/Reactivity"
import type * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@sluice/core/Connection"
import * as Database from "@sluice/core/Database"
import * as Options from "@sluice/core/Options"
import * as Pool from "@sluice/core/Pool"
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Config } from "./Config.js"
import * as Internal from "./internal/connection.js"
import { dialectOf, raw } from "./internal/dialect.js"
import { examinationOf } from "./internal/doctor.js"
import { Backend, EmbeddedSocket, start } from "./internal/embedded.js"
import * as Listening from "./internal/listening.js"
import { type Checked, settings } from "./internal/options.js"

/**
 * A PGlite: what is used of it.
 *
 * @example
 * ```ts
 * import { Postgres } from "@sluice/postgres"
 *
 * const layer = (server: Postgres.EmbeddedServer) => Postgres.layerEmbedded({ server })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface EmbeddedServer {
  /** Answers messages of PostgreSQL's protocol with messages of it. */
  readonly execProtocolRawStream: (message: Uint8Array, options: { readonly onRawData: (data: Uint8Array) => void }) => Promise<void>
  /** Ends it. */
  readonly close: () => Promise<void>
}

/**
 * How an embedded database is opened. The fields that a server's config has, too, mean the same.
 *
 * @example
 * ```ts
 * import type { Postgres } from "@sluice/postgres"
 *
 * const config: Postgres.EmbeddedConfig = { dataDir: "./demo-data", json: "parsed" }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface EmbeddedConfig extends
  Pick<
    Config,
    | keyof Database.Config
    | "applicationName"
    | "dates"
    | "initCommand"
    | "json"
    | "maxPreparedStatements"
    | "parameters"
    | "statementSavepoints"
    | "timezone"
    | "types"
  >
{
  /** The folder of its data, which is made where it is not there. Default: in memory, gone with the layer. */
  readonly dataDir?: string | undefined
  /**
   * A PGlite of your own, as one with extensions: it is not closed with the layer, and has nobody else while that is there.
   * Default: one is started, for which `@electric-sql/pglite` must be installed; else ConfigError.
   */
  readonly server?: EmbeddedServer | undefined
}

/**
 * Opens a PostgreSQL inside the process.
 *
 * It is PGlite, and the same code runs on it as on a server. It lacks what cannot be there: a second connection (`pool.max`
 * is 1, so that a transaction waits for the one before it; nobody listens), and cancelling: a statement that runs stops the event loop until
 * its end, so that no timeout and no interruption comes in between (`capabilities.cancel` is `"none"`).
 *
 * Fails with ConfigError where the package is not installed or a field cannot work, and with ConnectionError where PGlite does
 * not start.
 *
 * @example
 * ```ts
 * import { Postgres } from "@sluice/postgres"
 * import * as Reactivity from "@effect/experimental/Reactivity"
 * import { Effect } from "effect"
 *
 * const two = Effect.scoped(Effect.flatMap(Postgres.makeEmbedded(), (db) => db<number>`SELECT 1 + 1`.scalar))
 *   .pipe(Effect.provide(Reactivity.layer))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeEmbedded = (
  config: EmbeddedConfig = {}
): Effect.Effect<Database.Database, SqlError.SqlError, Scope.Scope | Reactivity.Reactivity> =>
  Effect.gen(function*() {
    const { dataDir, server: own, ...rest } = config
    if (dataDir !== undefined && own !== undefined) yield* Options.refuse("dataDir", "is for a PGlite that is started here: server is given")
    if (dataDir === "") yield* Options.refuse("dataDir", "must not be empty")
    if ((config.pool?.max ?? 1) !== 1) yield* Options.refuse("pool.max", `must be 1: PGlite has one connection, was ${config.pool?.max}`)
    const checked = yield* settings({ ...rest, host: "localhost", username: "postgres", database: "postgres" })
    // Its session ends before it.
    const server = own ?? (yield* Effect.acquireRelease(start(dataDir), (server) => Effect.ignore(Effect.tryPromise(() => server.close()))))
    const backend = Backend.of(server)
    const embedded: Checked = {
      ...checked,
      endpoint: dataDir ?? "pglite",
      isEmbedded: true,
      driver: { ...checked.driver, stream: () => new EmbeddedSocket(backend) },
      // It knows no parameters of a startup packet.
      session: [...Object.entries(config.parameters ?? {}), ...named(config)].map(set).concat(checked.session)
    }
    const dialect = dialectOf(config.json ?? "string", embedded)
    const write = yield* Pool.make<Connection>({
      ...config.pool,
      max: 1,
      name: embedded.endpoint,
      dialect,
      connect: (opened) => Internal.connect(embedded, opened)
    })
    yield* Listening.attach(dialect, embedded)
    return yield* Database.make({
      ...config,
      dialect,
      raw,
      examination: examinationOf(embedded),
      pools: { write, read: undefined, session: undefined },
      attributes: { "db.namespace": "postgres" }
    })
  })

const named = ({ applicationName, timezone }: EmbeddedConfig): ReadonlyArray<readonly [name: string, value: string]> => [
  ...(applicationName === undefined ? [] : [["application_name", applicationName] as const]),
  ...(timezone === undefined ? [] : [["TimeZone", timezone] as const])
]

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

const set = ([name, value]: readonly [name: string, value: string]): string => `SELECT set_config(${literal(name)}, ${literal(value)}, false)`

/**
 * A layer that provides an embedded database under `Database` and under the stock `SqlClient`, one object.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Postgres } from "@sluice/postgres"
 * import { Effect } from "effect"
 *
 * const program = Effect.flatMap(Database.Database, (db) => db`SELECT 1 AS one`).pipe(Effect.provide(Postgres.layerEmbedded()))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerEmbedded = (config: EmbeddedConfig = {}): Layer.Layer<Database.DatabaseId | SqlClient.SqlClient, SqlError.SqlError> =>
  Database.layer(makeEmbedded(config))
