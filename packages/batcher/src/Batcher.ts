/**
 * The batcher: gathers statements and sends them in batches, each in one transaction, in order.
 *
 * It does not decide when a batch is closed (that is `BatchPolicy`), holds no queue (that is `internal/buffer`) and
 * loads no rows (that is `BulkSink`). Used by programs, directly or through its layer.
 *
 * @since 0.1.0
 */
import type { Result } from "@sluice/core/Connection"
import { Database, type DatabaseId } from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import type * as ConfigError from "effect/ConfigError"
import * as EffectConfig from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { Item, LeftStatement, Metadata } from "./Batch.js"
import type { BatchError } from "./BatchError.js"
import type { CallbackOptions, Options } from "./BatchOptions.js"
import { Engine } from "./internal/engine.js"
import * as Settings from "./internal/settings.js"
import type { QueryCollector } from "./QueryCollector.js"

export type { Item, Left, LeftStatement, Metadata } from "./Batch.js"
export type { CallbackOptions, Execute, Options } from "./BatchOptions.js"

/**
 * What was sent.
 *
 * @example
 * ```ts
 * import type { Batcher } from "@sluice/batcher"
 *
 * const perSecond = (report: Batcher.Report) => report.statements / (report.milliseconds / 1000)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  /** Statements that were added. */
  readonly statements: number
  /** Statements that were sent and applied. */
  readonly sent: number
  /** Batches in which they were sent. */
  readonly batches: number
  /** UTF-8 bytes of what was sent, delimiters and parameters counted, before merging. */
  readonly bytes: number
  /** Rows of INSERTs that went in another's statement. */
  readonly rowsMerged: number
  /** Statements that the database refused, and that the dead letter took. */
  readonly deadLettered: number
  /** How often a batch was sent again. */
  readonly retries: number
  /** From the first of it until now. */
  readonly milliseconds: number
}

/**
 * Where a batcher stands.
 *
 * @example
 * ```ts
 * import type { Batcher } from "@sluice/batcher"
 *
 * const isIdle = (state: Batcher.State) => state.pending === 0 && state.sending === 0
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface State {
  /** Statements that were added and are not sent yet. */
  readonly pending: number
  /** Their UTF-8 bytes, delimiters and parameters counted. */
  readonly bytes: number
  /** Statements of the batches that are being sent; with `transaction: "all"` those, too, that wait for COMMIT. */
  readonly sending: number
  /** Producers that are suspended because the buffer is full (law B4). */
  readonly waiting: number
  /** Statements that will not be sent any more and are given to `onLeft` at the end. */
  readonly left: number
  /** The columns of the first INSERT since the last flush, with `autoAdjustForColumns`. */
  readonly columns: number | undefined
  /** What `maxBytes` is multiplied by now: for its columns, and what `adaptive` has found. */
  readonly factor: number
  /** The bytes that a batch may have now: `maxBytes` times the factor, and no more than the server takes. */
  readonly limit: number
  /** The failure after which nothing more is sent. */
  readonly failure: BatchError | undefined
  /** Its scope is closed. */
  readonly isClosed: boolean
}

/**
 * What `flush` says about the batches that it sends.
 *
 * @example
 * ```ts
 * import type { Batcher } from "@sluice/batcher"
 *
 * const options: Batcher.FlushOptions = { metadata: { file: "flights.csv" } }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface FlushOptions {
  /** Comes back in the records and the dead letters. */
  readonly metadata?: Metadata | undefined
  /** Collects these batches, in the place of the batcher's own collector. */
  readonly collector?: QueryCollector | undefined
}

/**
 * A batcher. `A` is what a statement answers: a Result of a database, or what a callback answers to a batch.
 *
 * After a batch has failed nothing later is sent (law B3): every verb fails with that BatchError from then on, and what
 * is left is given to `onLeft` when the scope closes. After its scope every verb fails with ClosedError.
 *
 * @example
 * ```ts
 * import { Batcher } from "@sluice/batcher"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const batcher = yield* Batcher.make({ maxStatements: 1_000 })
 *   yield* batcher.add("DELETE FROM drafts")
 *   return yield* batcher.flush()
 * }).pipe(Effect.scoped)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Batcher<out A = Result> {
  /**
   * Adds a statement. `true`: a batch became full by it, and is sent at once (unless `autoFlush` is `false`); the
   * statement is in the batch either way. While the buffer is full it suspends; interrupted there, it has added nothing.
   * An empty statement is a ConfigError, one above the server's own limit a LimitError, and one that begins or ends a
   * transaction a TransactionStateError, unless it is for a callback.
   */
  readonly add: (statement: Item) => Effect.Effect<boolean, BatchError | SqlError.SqlError>
  /**
   * Adds a statement and completes when its batch is applied. It fails with the statement's own SqlError where that is
   * what failed, and with the BatchError where it was another. Where neither `linger` is set nor `autoFlush` is off, the
   * batch is sent with what is added in the same tick. Interrupted, it leaves the statement in its batch.
   */
  readonly addAwait: (statement: Item) => Effect.Effect<void, BatchError | SqlError.SqlError>
  /**
   * Sends what was added and completes when it is applied: the number of statements that it waited for, those already
   * under way included. Interrupting it stops the waiting, not the sending.
   */
  readonly flush: (options?: FlushOptions) => Effect.Effect<number, BatchError | SqlError.SqlError>
  /**
   * Adds all statements of an iterable or a stream, flushes, and reports on those. The buffer suspends the stream. Where
   * the stream itself fails, what it had given stays in the batcher.
   */
  readonly process: <E = never, R = never>(
    statements: Iterable<Item> | Stream.Stream<Item, E, R>,
    metadata?: Metadata,
    collector?: QueryCollector
  ) => Effect.Effect<Report, E | BatchError | SqlError.SqlError, R>
  /**
   * As `process`, and answers with the results in the order of the statements: one for each, where they are merged that of
   * the merged INSERT; through a callback one for each call. In a dry run there are none, and what the dead letter took has
   * `undefined` in its place. They are all in memory at the end.
   */
  readonly processBatch: <E = never, R = never>(
    statements: Iterable<Item> | Stream.Stream<Item, E, R>,
    metadata?: Metadata,
    collector?: QueryCollector
  ) => Effect.Effect<ReadonlyArray<A>, E | BatchError | SqlError.SqlError, R>
  /** `processBatch` for a stream. */
  readonly processStream: <E, R>(
    statements: Stream.Stream<Item, E, R>,
    metadata?: Metadata,
    collector?: QueryCollector
  ) => Effect.Effect<ReadonlyArray<A>, E | BatchError | SqlError.SqlError, R>
  /** As `process`, for a stream that is run into it. */
  readonly sink: Sink.Sink<Report, Item, never, BatchError | SqlError.SqlError>
  /** Where it stands now. */
  readonly state: Effect.Effect<State>
  /** What was sent since it was made. */
  readonly report: Effect.Effect<Report>
  /**
   * Forgets what was added and is not being sent, and answers with it: it will not be handed over. `addAwait` of it fails.
   * The columns are forgotten too.
   */
  readonly reset: Effect.Effect<ReadonlyArray<LeftStatement>>
}

/**
 * The identity of the `Batcher` tag.
 *
 * @example
 * ```ts
 * import type { Batcher } from "@sluice/batcher"
 * import type { Effect } from "effect"
 *
 * type Program = Effect.Effect<void, never, Batcher.BatcherId>
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface BatcherId {
  /** Nobody's value has it: the tag stands for itself only. */
  readonly _: unique symbol
}

/**
 * The tag of the batcher.
 *
 * @example
 * ```ts
 * import { Batcher } from "@sluice/batcher"
 * import { Effect } from "effect"
 *
 * const log = (text: string) => Effect.flatMap(Batcher.Batcher, (batcher) => batcher.add(text))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export const Batcher: Context.Tag<BatcherId, Batcher> = Context.GenericTag<BatcherId, Batcher>("@sluice/batcher/Batcher")

/**
 * Makes a batcher over the database, for a scope.
 *
 * When the scope succeeds it flushes; when it fails or is interrupted it lets the batches under way end and sends no
 * other. Either way it takes `closeTimeout` at most, and what is left then is given to `onLeft` (law B1). An option that
 * cannot work is a ConfigError that names it.
 *
 * @example
 * ```ts
 * import { Batcher } from "@sluice/batcher"
 * import { Sqlite } from "@sluice/sqlite"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const batcher = yield* Batcher.make({ maxBytes: 500_000, linger: "20 millis" })
 *   const report = yield* batcher.process(["DELETE FROM a", "DELETE FROM b"])
 *   yield* Effect.log(`${report.sent} statements in ${report.batches} batches`)
 * }).pipe(Effect.scoped, Effect.provide(Sqlite.layer({ filename: "app.db" })))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export function make<A>(options: CallbackOptions<A>): Effect.Effect<Batcher<A>, SqlError.SqlError, Scope.Scope>
export function make(options?: Options): Effect.Effect<Batcher, SqlError.SqlError, Scope.Scope | DatabaseId>
export function make(options: Options | CallbackOptions<unknown> = {}): Effect.Effect<Batcher<unknown>, SqlError.SqlError, Scope.Scope | DatabaseId> {
  return "execute" in options ? opened(options, { db: undefined, execute: options.execute }, Exit.isSuccess) : ofDatabase(options, Exit.isSuccess)
}

/**
 * A layer of a batcher. At shutdown it flushes within `closeTimeout` whatever the exit was, then hands over the rest.
 *
 * @example
 * ```ts
 * import { Batcher } from "@sluice/batcher"
 * import { Sqlite } from "@sluice/sqlite"
 * import { Layer } from "effect"
 *
 * const live = Batcher.layer({ linger: "100 millis" }).pipe(Layer.provide(Sqlite.layer({ filename: "app.db" })))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<BatcherId, SqlError.SqlError, DatabaseId> =>
  Layer.scoped(Batcher, ofDatabase(options, () => true))

/**
 * As `layer`, with options from the config provider.
 *
 * @example
 * ```ts
 * import { Batcher } from "@sluice/batcher"
 * import { Config } from "effect"
 *
 * const live = Batcher.layerConfig({ maxBytes: Config.integer("BATCH_BYTES"), dryRun: Config.boolean("DRY_RUN") })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  config: EffectConfig.Config.Wrap<Options>
): Layer.Layer<BatcherId, SqlError.SqlError | ConfigError.ConfigError, DatabaseId> =>
  Layer.unwrapEffect(Effect.map(EffectConfig.unwrap(config), layer))

type FlushesAt = (exit: Exit.Exit<unknown, unknown>) => boolean

const ofDatabase = (options: Options, flushesAt: FlushesAt): Effect.Effect<Batcher<never>, SqlError.SqlError, Scope.Scope | DatabaseId> =>
  Effect.flatMap(Database, (db) => opened(options, { db, execute: undefined }, flushesAt))

const opened = (options: Options, receiver: Settings.Receiver, flushesAt: FlushesAt): Effect.Effect<Batcher<never>, SqlError.SqlError, Scope.Scope> =>
  Effect.gen(function*() {
    const settings = yield* Settings.make(options, receiver)
    const runtime = yield* Effect.runtime()
    const engine = yield* Effect.acquireRelease(
      Effect.sync(() => new Engine<never>(settings, runtime)),
      (engine, exit) => engine.close(flushesAt(exit))
    )
    if (settings.own !== undefined) yield* settings.own.beforeCommit(engine.flushedBeforeCommit)
    return engine
  })
