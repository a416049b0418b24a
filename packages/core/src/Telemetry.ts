/**
 * Telemetry: spans and metrics by OpenTelemetry's semantic conventions for databases.
 *
 * Nothing is built when nobody listens: a span only where a tracer other than Effect's own is set, a metric only under
 * `Telemetry.layerMetrics`. Called on the slow side of the path of a query, and by the pool's observer.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { Dialect } from "./Dialect.js"
import type { Observer } from "./internal/pool/Observer.js"
import type { Log } from "./internal/telemetry/log.js"
import { millis } from "./Options.js"
import * as SqlError from "./SqlError.js"

/**
 * Whether the databases and pools that are made below this context record metrics. Default false.
 *
 * @example
 * ```ts
 * import { Telemetry } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const isOn = Effect.map(Telemetry.Metrics, (on) => on)
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Metrics extends Context.Reference<Metrics>()("@sluice/core/Telemetry/Metrics", {
  defaultValue: (): boolean => false
}) {}

/**
 * Turns the metrics on for the databases that are built with this layer below them: `db.client.operation.duration`
 * (seconds) and `db.client.connection.*`. They appear in Effect's metric registry, where an exporter finds them.
 *
 * @example
 * ```ts
 * import { Telemetry } from "@sluice/core"
 * import { Sqlite } from "@sluice/sqlite"
 * import { Layer } from "effect"
 *
 * const database = Sqlite.layer({ filename: ":memory:" }).pipe(Layer.provide(Telemetry.layerMetrics))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMetrics: Layer.Layer<never> = Layer.succeed(Metrics, true)

/**
 * Which statements are logged, and how.
 *
 * @example
 * ```ts
 * import type { Telemetry } from "@sluice/core"
 * import { LogLevel } from "effect"
 *
 * const slow: Telemetry.LogOptions = { level: LogLevel.Warning, slowerThan: "200 millis" }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface LogOptions {
  /** The level of the lines. Default Debug, which Effect's loggers leave out unless `Logger.minimumLogLevel` says otherwise. */
  readonly level?: LogLevel.LogLevel | undefined
  /**
   * Only statements that take at least so long, waiting for a connection included, and a stream's whole life. Those that fail
   * or are interrupted are logged however long they took. Default: all.
   */
  readonly slowerThan?: Duration.DurationInput | undefined
}

/**
 * Whether the databases that are made below this context log their statements. Default: they do not.
 *
 * @example
 * ```ts
 * import { Telemetry } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const isOn = Effect.map(Telemetry.StatementLog, (options) => options !== undefined)
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class StatementLog extends Context.Reference<StatementLog>()("@sluice/core/Telemetry/StatementLog", {
  defaultValue: (): LogOptions | undefined => undefined
}) {}

/**
 * Logs the statements of the databases that are built with this layer below them, by Effect's Logger in the fiber that runs
 * them: the text with its placeholders, and as annotations `database`, `operation` (the verb), `duration` (milliseconds), `rows`
 * (or the rows affected), `label`, and `reason` where it failed. Parameters are never logged. BEGIN, COMMIT and what
 * else is no statement of yours is not logged; `ErrorHook` sees where those fail.
 *
 * @example
 * ```ts
 * import { Telemetry } from "@sluice/core"
 * import { Sqlite } from "@sluice/sqlite"
 * import { Layer, LogLevel } from "effect"
 *
 * const database = Sqlite.layer({ filename: "app.db" }).pipe(
 *   Layer.provide(Telemetry.logStatements({ level: LogLevel.Warning, slowerThan: "200 millis" }))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const logStatements = (options: LogOptions = {}): Layer.Layer<never> => Layer.succeed(StatementLog, options)

/**
 * The log that a database is made with, checked.
 *
 * @internal
 */
export const statementLog: Effect.Effect<Log | undefined, SqlError.SqlError> = Effect.flatMap(StatementLog, (options) =>
  options === undefined ? Either.right(undefined) : Either.map(millis("logStatements.slowerThan", options.slowerThan, 0, "zero"), (slowerThan) => ({
    level: options.level ?? LogLevel.Debug,
    slowerThan
  })))

// The buckets that the conventions advise for db.client.operation.duration, in seconds.
const seconds = MetricBoundaries.fromIterable([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10])

const operationDuration = Metric.histogram("db.client.operation.duration", seconds, "Duration of database client operations, in seconds")
const connectionCount = Metric.gauge("db.client.connection.count")
const pending = Metric.gauge("db.client.connection.pending_requests")
const timeouts = Metric.counter("db.client.connection.timeouts")
const createTime = Metric.histogram("db.client.connection.create_time", seconds)
const waitTime = Metric.histogram("db.client.connection.wait_time", seconds)
const useTime = Metric.histogram("db.client.connection.use_time", seconds)

/**
 * Records a pool's doings as `db.client.connection.*`, under `db.client.connection.pool.name`.
 *
 * @internal
 */
export const poolObserver = (name: string): Observer => {
  const tag = <Type, In, Out>(metric: Metric.Metric<Type, In, Out>) => Metric.tagged(metric, "db.client.connection.pool.name", name)
  const idle = Metric.tagged(tag(connectionCount), "db.client.connection.state", "idle")
  const used = Metric.tagged(tag(connectionCount), "db.client.connection.state", "used")
  const [waiting, timedOut, create, wait, use] = [tag(pending), tag(timeouts), tag(createTime), tag(waitTime), tag(useTime)]
  return {
    counts: (idleNow, usedNow, waitingNow) => {
      idle.unsafeUpdate(idleNow, [])
      used.unsafeUpdate(usedNow, [])
      waiting.unsafeUpdate(waitingNow, [])
    },
    created: (ms) => create.unsafeUpdate(ms / 1000, []),
    waited: (ms) => wait.unsafeUpdate(ms / 1000, []),
    used: (ms) => use.unsafeUpdate(ms / 1000, []),
    timedOut: () => timedOut.unsafeUpdate(1, [])
  }
}

const silentTracer = Context.get(DefaultServices.liveServices, Tracer.Tracer)

/**
 * Whether a tracer listens: Effect's own keeps spans for nobody.
 *
 * @internal
 */
export const isTraced = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean => fiber.currentTracer !== silentTracer

/** What telemetry needs of a database. */
interface Subject {
  readonly attributes: ReadonlyArray<readonly [string, unknown]>
  readonly dialect: Dialect
  readonly measured: boolean
}

/**
 * Runs a statement inside a `sql.execute` span, and measures it where metrics are on.
 *
 * @internal
 */
export const statementSpan = <A, R>(
  client: Subject,
  { label, sql, verb }: { readonly verb: string; readonly sql: string; readonly label: string | undefined },
  scoped: "scoped" | undefined,
  work: (span: Tracer.Span) => Effect.Effect<A, SqlError.SqlError, R>
): Effect.Effect<A, SqlError.SqlError, R> => {
  const attributes: Record<string, unknown> = {
    ...Object.fromEntries(client.attributes),
    "db.operation.name": verb,
    "db.query.text": sql,
    ...(label === undefined ? {} : { "db.query.summary": label })
  }
  const run = (span: Tracer.Span) => measured(client, verb, annotated(span, work(span)))
  const options: Tracer.SpanOptions = { kind: "client", captureStackTrace: false, attributes }
  return scoped === undefined
    ? Effect.useSpan("sql.execute", options, run)
    : Effect.flatMap(scopedSpan(options), run) as Effect.Effect<A, SqlError.SqlError, R>
}

const scopedSpan = (options: Tracer.SpanOptions): Effect.Effect<Tracer.Span, never, Scope.Scope> =>
  Effect.makeSpanScoped("sql.execute", options)

const annotated = <A, R>(span: Tracer.Span, effect: Effect.Effect<A, SqlError.SqlError, R>): Effect.Effect<A, SqlError.SqlError, R> =>
  Effect.tapError(effect, (error) =>
    Effect.sync(() => {
      if (!SqlError.isSqlError(error)) return
      span.attribute("error.type", error.reason._tag)
      const status = error.reason.sqlState ?? error.reason.code
      if (status !== undefined) span.attribute("db.response.status_code", String(status))
    }))

const measured = <A, R>(client: Subject, verb: string, effect: Effect.Effect<A, SqlError.SqlError, R>): Effect.Effect<A, SqlError.SqlError, R> => {
  if (!client.measured) return effect
  return Effect.suspend(() => {
    const start = performance.now()
    return Effect.onExit(effect, (exit) =>
      Effect.sync(() => {
        let metric = Metric.tagged(Metric.tagged(operationDuration, "db.system.name", client.dialect.system), "db.operation.name", verb)
        if (Exit.isFailure(exit)) metric = Metric.tagged(metric, "error.type", errorType(exit))
        metric.unsafeUpdate((performance.now() - start) / 1000, [])
      }))
  })
}

const errorType = (exit: Exit.Failure<unknown, SqlError.SqlError>): string =>
  Option.match(Exit.causeOption(exit).pipe(Option.flatMap((cause) => cause._tag === "Fail" ? Option.some(cause.error) : Option.none())), {
    onNone: () => "interrupted",
    onSome: (error) => error.reason._tag
  })

/**
 * Runs a transaction inside a `sql.transaction` span, where a tracer listens.
 *
 * @internal
 */
export const transactionSpan = <A, E, R>(client: Subject, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  spanned(effect, "sql.transaction", () => ({ kind: "client", attributes: Object.fromEntries(client.attributes) }))

/**
 * Runs an effect inside a span, where a tracer listens.
 *
 * @internal
 */
export const spanned = <A, E, R>(effect: Effect.Effect<A, E, R>, name: string, options: () => Tracer.SpanOptions): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) => isTraced(fiber) ? Effect.withSpan(effect, name, { captureStackTrace: false, ...options() }) : effect)
