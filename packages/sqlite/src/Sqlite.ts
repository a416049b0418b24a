/**
 * SQLite: better-sqlite3 in worker threads, as a `Database`.
 *
 * One connection writes, `readers` connections read beside it, and each session has one of its own, every one on a
 * thread of its own. `:memory:` is one connection for all. This file wires pools; what a connection does is in
 * `internal/connection`.
 *
 * @since 0.1.0
 */
import type * as Reactivity from "@effect/experimental/Reactivity"
import type * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@sluice/core/Connection"
import * as Database from "@sluice/core/Database"
import * as Doctor from "@sluice/core/Doctor"
import * as Options from "@sluice/core/Options"
import * as Pool from "@sluice/core/Pool"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as EffectConfig from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Internal from "./internal/connection.js"
import { dialect, raw } from "./internal/dialect.js"
import { examinationOf } from "./internal/doctor.js"
import { isPrivate } from "./internal/options.js"
import { filenameOf } from "./internal/url.js"

/**
 * How a SQLite database is opened. Durations are milliseconds where they are numbers. A field that cannot work fails
 * the layer with a ConfigError that names it.
 *
 * `pool` is about sessions: `pool.max` (default 10) sessions may be open at a time. Its timeouts hold for the reading
 * and the writing connections too.
 *
 * @example
 * ```ts
 * import type { Sqlite } from "@sluice/sqlite"
 *
 * const config: Sqlite.Config = { filename: "app.db", readers: 4, busyTimeout: "2 seconds", pragmas: { cache_size: -64000 } }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Config extends Database.Config {
  /** `sqlite:///relative`, `sqlite:////absolute`, `sqlite://` for memory. A `filename` beside it wins. */
  readonly url?: string | Redacted.Redacted | undefined
  /** A file's path, or `:memory:`. One of `url` and `filename` must be there. */
  readonly filename?: string | undefined
  /**
   * Connections that read beside the writer. Default 2 with threads, 1 without, 0 for `:memory:`, where more is a
   * ConfigError, and 0 without `wal`, where a reader would hold up the writer.
   */
  readonly readers?: number | undefined
  /** Opens an existing file for reading only. Default false. */
  readonly readOnly?: boolean | undefined
  /** Write-ahead logging with `synchronous = NORMAL`. Default true. */
  readonly wal?: boolean | undefined
  /** How long a statement waits for a lock of another connection or process; then LockTimeoutError. Default 5 seconds. */
  readonly busyTimeout?: Duration.DurationInput | undefined
  /** Pragmas of every connection, by name. Foreign keys are on unless this says otherwise. */
  readonly pragmas?: Readonly<Record<string, number | string | boolean>> | undefined
  /**
   * Path or URL of a module whose default export gets better-sqlite3's handle in each connection's thread: functions,
   * aggregates, collations. A throw of it fails the layer.
   */
  readonly setup?: string | URL | undefined
  /** Paths of extensions that every connection loads. */
  readonly extensions?: ReadonlyArray<string> | undefined
  /**
   * `false` runs every statement on the caller's thread, for scripts: the event loop stands still meanwhile, so that
   * nothing interrupts a statement and no timeout ends it. Default true.
   */
  readonly threads?: boolean | undefined
  /** Prepared statements that each connection keeps. Default 200. */
  readonly cacheSize?: number | undefined
}

/**
 * Opens a SQLite database; it is closed with its scope, and no thread of it is left.
 *
 * Fails with ConnectionError where the file cannot be opened, AuthorizationError where it may not be written,
 * ConfigError where an option cannot work or better-sqlite3's binary is not there.
 *
 * @example
 * ```ts
 * import { Sqlite } from "@sluice/sqlite"
 * import * as Reactivity from "@effect/experimental/Reactivity"
 * import { Effect } from "effect"
 *
 * const one = Effect.scoped(Effect.flatMap(Sqlite.make({ filename: ":memory:" }), (db) => db<number>`SELECT 1`.scalar))
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
    const options = yield* optionsOf(config)
    const pools = isPrivate(options.filename) ? yield* memory(config, options) : yield* file(config, options)
    return yield* Database.make({ ...config, dialect, pools, raw, examination: examinationOf(options, true), attributes: { "db.namespace": options.filename } })
  })

/**
 * A layer that provides the database under `Database` and under the stock `SqlClient`, one object.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Sqlite } from "@sluice/sqlite"
 * import { Effect } from "effect"
 *
 * const program = Effect.flatMap(Database.Database, (db) => db`SELECT 1 AS one`).pipe(
 *   Effect.provide(Sqlite.layer({ filename: "app.db" }))
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
 * import { Sqlite } from "@sluice/sqlite"
 * import { Config } from "effect"
 *
 * const layer = Sqlite.layerConfig({ filename: Config.string("DATABASE_FILE"), readers: Config.integer("READERS") })
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
 * import { Sqlite } from "@sluice/sqlite"
 * import { Context } from "effect"
 *
 * class Archive extends Context.Tag("Archive")<Archive, Database.Database>() {}
 * const layer = Sqlite.layerAs(Archive, { filename: "archive.db" })
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
 * Examines what a config leads to, without a database: the file, its permissions, its journal and its pages. It never fails and
 * makes no file: what is wrong is a step of the report. `db.doctor` is the same for a database that is open, and looks at its
 * pool.
 *
 * @example
 * ```ts
 * import { Doctor } from "@sluice/core"
 * import { Sqlite } from "@sluice/sqlite"
 * import { Effect } from "effect"
 *
 * const program = Effect.flatMap(Sqlite.doctor({ filename: "app.db" }), Doctor.print)
 * ```
 *
 * @category diagnosis
 * @since 0.1.0
 */
export const doctor = (config: Config): Effect.Effect<Doctor.Report> =>
  Doctor.run("sqlite", Effect.map(optionsOf(config), (options) => examinationOf(options, false)))

/**
 * Copies the database into a file, as it is while others write. UnsupportedError where the database is not SQLite.
 *
 * @example
 * ```ts
 * import { Sqlite } from "@sluice/sqlite"
 *
 * const nightly = Sqlite.backup("/backups/app.db")
 * ```
 *
 * @category verbs
 * @since 0.1.0
 */
export const backup = (destination: string): Effect.Effect<void, SqlError.SqlError, Database.DatabaseId> =>
  onSqlite("backup", (connection) => connection.backup(destination))

/**
 * The bytes of the database, what a file of it would hold: exported as `export`, a word that no declaration may have.
 *
 * @example
 * ```ts
 * import { Sqlite } from "@sluice/sqlite"
 * import { Effect } from "effect"
 *
 * const size = Effect.map(Sqlite.export, (bytes) => bytes.length)
 * ```
 *
 * @category verbs
 * @since 0.1.0
 */
const bytes: Effect.Effect<Uint8Array, SqlError.SqlError, Database.DatabaseId> = Effect.suspend(() =>
  onSqlite("export", (connection) => connection.serialize))

export { bytes as export }

/**
 * Loads an extension into the connection that the fiber is on: a session's, or a transaction's. For every connection
 * there is the option `extensions`.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Sqlite } from "@sluice/sqlite"
 * import { Effect } from "effect"
 *
 * const spatial = Effect.scoped(Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   const session = yield* db.session
 *   yield* session.provide(Sqlite.loadExtension("mod_spatialite"))
 * }))
 * ```
 *
 * @category verbs
 * @since 0.1.0
 */
export const loadExtension = (path: string): Effect.Effect<void, SqlError.SqlError, Database.DatabaseId> =>
  onSqlite("loadExtension", (connection) => connection.loadExtension(path))

const onSqlite = <A>(
  capability: string,
  use: (connection: Internal.SqliteConnection) => Effect.Effect<A, SqlError.SqlError>
): Effect.Effect<A, SqlError.SqlError, Database.DatabaseId> =>
  Effect.flatMap(Database.Database, (db) =>
    db.withConnection((connection) =>
      Internal.isSqlite(connection)
        ? use(connection)
        : SqlError.fail(new Reason.UnsupportedError({ message: `${db.dialect.name} has no ${capability}`, capability }))
    ))

// ---- pools ----

const optionsOf = (config: Config): Effect.Effect<Internal.Options, SqlError.SqlError> =>
  Effect.gen(function*() {
    const url = config.url === undefined || typeof config.url === "string" ? config.url : Redacted.value(config.url)
    return {
      filename: config.filename ?? (yield* filenameOf(url)),
      readOnly: config.readOnly,
      wal: config.wal,
      busyTimeout: yield* Options.millis("busyTimeout", config.busyTimeout, 5_000, "zero"),
      integers: config.integers,
      pragmas: config.pragmas,
      setup: config.setup instanceof URL ? config.setup.href : config.setup,
      extensions: config.extensions,
      threads: config.threads,
      cacheSize: config.cacheSize
    }
  })

type Pools = Database.Options["pools"]

const file = (config: Config, options: Internal.Options): Effect.Effect<Pools, SqlError.SqlError, Scope.Scope> =>
  Effect.gen(function*() {
    const synchronous = config.threads === false
    const readers = yield* Options.count("readers", config.readers, config.wal === false ? 0 : synchronous ? 1 : 2, 0)
    const shared = { ...config.pool, dialect, synchronous }
    const single = { ...shared, min: 0, minIdle: 0 }
    const write = yield* Pool.make<Connection>({
      ...single,
      name: `${options.filename} (writer)`,
      max: 1,
      connect: (opened) => Internal.connect(options, opened),
      // A second writer would only wait for the lock that the first one's step holds.
      irreplaceable: "it holds the write lock until it ends"
    })
    const read = readers === 0 ? undefined : yield* Pool.make<Connection>({
      ...single,
      name: `${options.filename} (readers)`,
      max: readers,
      lazy: true,
      connect: (opened) => Internal.connect({ ...options, pragmas: { ...options.pragmas, query_only: true } }, opened)
    })
    const session = yield* Pool.make<Connection>({
      ...shared,
      name: `${options.filename} (sessions)`,
      lazy: (config.pool?.min ?? 0) === 0 || (config.pool?.lazy ?? false),
      connect: (opened) => Internal.connect(options, opened)
    })
    return { write, read, session }
  })

// What is in memory lives in its connection: there is one, it is opened once, and nothing closes it but the scope.
const memory = (config: Config, options: Internal.Options): Effect.Effect<Pools, SqlError.SqlError, Scope.Scope> =>
  Effect.gen(function*() {
    if ((config.readers ?? 0) !== 0) yield* Options.refuse("readers", "must be 0 for an in-memory database: it is one connection")
    if ((config.pool?.max ?? 1) !== 1) yield* Options.refuse("pool.max", "must be 1 for an in-memory database: it is one connection")
    let opened = false
    const once = Effect.suspend(() => {
      if (opened) {
        return SqlError.fail(
          new Reason.ConnectionError({
            message: "the in-memory database is lost: the connection that held it has ended",
            operation: "connect",
            isRetryable: false,
            outcome: "not-applied"
          })
        )
      }
      return Effect.tap(Internal.connect(options), () => Effect.sync(() => {
        opened = true
      }))
    })
    const write = yield* Pool.make<Connection>({
      ...config.pool,
      name: ":memory:",
      dialect,
      max: 1,
      min: 0,
      minIdle: 0,
      idleTimeout: Number.POSITIVE_INFINITY,
      synchronous: config.threads === false,
      pinned: true,
      irreplaceable: "it holds the in-memory database, which would be lost with it",
      connect: once
    })
    return { write, read: undefined, session: undefined }
  })
