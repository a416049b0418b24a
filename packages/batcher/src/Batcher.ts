/**
 * The batcher: gathers statements and sends them in batches, each in one transaction, in order.
 *
 * It does not decide when a batch is closed (that is `BatchPolicy`), holds no queue (that is `internal/buffer`) and
 * loads no rows (that is `BulkSink`). Used by programs, directly or through its layer.
 *
 * @since 0.1.0
 */
import { Database, type DatabaseId } from "@sluice/core/Database"
import { millis, refuse } from "@sluice/core/Options"
import * as Reason from "@sluice/core/Reason"
import type * as Sql from "@sluice/core/Sql"
import * as SqlError from "@sluice/core/SqlError"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { BatchError } from "./BatchError.js"
import * as BatchPolicy from "./BatchPolicy.js"
import { Buffer } from "./internal/buffer.js"
import { Engine } from "./internal/engine.js"
import { limit, oneOf } from "./internal/options.js"

/**
 * What can be added: a text as it is, or a statement with its parameters.
 *
 * A statement is compiled for the batcher's database when it is added, whichever database made it; options that it was
 * given by `.with` or `.timeout` do not count here.
 *
 * @example
 * ```ts
 * import type { Batcher } from "@sluice/batcher"
 *
 * const item: Batcher.Item = "DELETE FROM drafts"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Item = string | Sql.Fragment

/**
 * A statement that was added and is not applied, with what is needed to send it again.
 *
 * @example
 * ```ts
 * import type { Batcher } from "@sluice/batcher"
 *
 * const line = (statement: Batcher.LeftStatement) => JSON.stringify([statement.text, statement.params])
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface LeftStatement {
  /** Its place among all that was added, from 0. */
  readonly index: number
  /** Its text, compiled for the batcher's database. */
  readonly text: string
  /** Its parameters, in the order of the placeholders. */
  readonly params: ReadonlyArray<unknown>
  /** `unknown`: it was sent and its answer never came; it may be applied. */
  readonly outcome: "not-applied" | "unknown"
}

/**
 * What a batcher had not applied when it was closed, in the order in which it was added.
 *
 * @example
 * ```ts
 * import type { Batcher } from "@sluice/batcher"
 * import { Effect } from "effect"
 *
 * const onLeft = (left: Batcher.Left) => Effect.logWarning(`${left.statements.length} statements were not applied`)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Left {
  /** The statements; never empty. */
  readonly statements: ReadonlyArray<LeftStatement>
  /** The failure that stopped the batcher, where one did. */
  readonly error: BatchError | undefined
}

/**
 * How a batcher gathers and sends.
 *
 * @example
 * ```ts
 * import type { Batcher } from "@sluice/batcher"
 *
 * const options: Batcher.Options = { maxStatements: 500, linger: "50 millis", closeTimeout: "10 seconds" }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends BatchPolicy.Limits {
  /**
   * A batch is sent at the latest this long after its first statement, full or not. Longer than zero, else ConfigError.
   * Default: it waits until it is full or flushed.
   */
  readonly linger?: Duration.DurationInput | undefined
  /**
   * `false`: a full batch is not sent by itself, `add` answers `true` and the caller flushes. No producer is then
   * suspended, and what was added is bounded by the caller only. Default `true`.
   */
  readonly autoFlush?: boolean | undefined
  /** Batches under way at once, each on a connection of its own. Default 1; more only with `ordered: false`, else ConfigError. */
  readonly inFlight?: number | undefined
  /** `false`: batches may overtake each other. Default `true`. */
  readonly ordered?: boolean | undefined
  /**
   * `batch` (default): each batch in one transaction, all of it or nothing. `none` (the default where the dialect has no
   * transactions): each statement by itself, the first failure stops. `batch` without transactions is UnsupportedError.
   */
  readonly transaction?: "none" | "batch" | undefined
  /**
   * Sends a batch again, its whole transaction, after a serialization failure or a deadlock whose outcome is known (law
   * T4), and after nothing else. ConfigError with `transaction: "none"`. Default: never.
   */
  readonly retry?: Schedule.Schedule<unknown> | undefined
  /**
   * How long closing waits for what is still to be applied. What then is under way is interrupted and rolled back. Longer
   * than zero, else ConfigError. Default 30 seconds.
   */
  readonly closeTimeout?: Duration.DurationInput | undefined
  /**
   * Is given what was added and not applied when the batcher is closed; not called where there is nothing. Default: an
   * error is logged that says how many statements there were.
   */
  readonly onLeft?: ((left: Left) => Effect.Effect<void>) | undefined
}

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
  /** UTF-8 bytes of what was sent, delimiters and parameters counted. */
  readonly bytes: number
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
  /** Statements of the batches that are being sent. */
  readonly sending: number
  /** Producers that are suspended because the buffer is full (law B4). */
  readonly waiting: number
  /** Statements that will not be sent any more and are given to `onLeft` at the end. */
  readonly left: number
  /** The failure after which nothing more is sent. */
  readonly failure: BatchError | undefined
  /** Its scope is closed. */
  readonly isClosed: boolean
}

/**
 * A batcher.
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
export interface Batcher {
  /**
   * Adds a statement. `true`: a batch became full by it, and is sent at once (unless `autoFlush` is `false`); the
   * statement is in the batch either way. While the buffer is full it suspends; interrupted there, it has added nothing.
   * An empty statement is a ConfigError, one above the server's own limit a LimitError.
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
  readonly flush: () => Effect.Effect<number, BatchError | SqlError.SqlError>
  /**
   * Adds all statements of an iterable or a stream, flushes, and reports on those. The buffer suspends the stream. Where
   * the stream itself fails, what it had given stays in the batcher.
   */
  readonly process: <E = never, R = never>(
    statements: Iterable<Item> | Stream.Stream<Item, E, R>
  ) => Effect.Effect<Report, E | BatchError | SqlError.SqlError, R>
  /** As `process`, for a stream that is run into it. */
  readonly sink: Sink.Sink<Report, Item, never, BatchError | SqlError.SqlError>
  /** Where it stands now. */
  readonly state: Effect.Effect<State>
  /** What was sent since it was made. */
  readonly report: Effect.Effect<Report>
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
export const make = (options: Options = {}): Effect.Effect<Batcher, SqlError.SqlError, Scope.Scope | DatabaseId> =>
  opened(options, Exit.isSuccess)

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
  Layer.scoped(Batcher, opened(options, () => true))

const opened = (
  options: Options,
  flushesAt: (exit: Exit.Exit<unknown, unknown>) => boolean
): Effect.Effect<Batcher, SqlError.SqlError, Scope.Scope | DatabaseId> =>
  Effect.gen(function*() {
    const db = yield* Database
    const policy = yield* BatchPolicy.make(options)
    const inFlight = yield* limit("inFlight", options.inFlight, 1)
    if (inFlight > 1 && options.ordered !== false) yield* refuse("inFlight", "above 1 needs ordered: false: batches would overtake each other")
    const has = db.dialect.capabilities.transactions
    const transaction = yield* oneOf("transaction", options.transaction, ["none", "batch"], has ? "batch" : "none")
    if (transaction === "batch" && !has) {
      return yield* SqlError.fail(
        new Reason.UnsupportedError({ message: `${db.dialect.name} has no transactions: transaction must be "none"`, capability: "transactions" })
      )
    }
    if (transaction === "none" && options.retry !== undefined) yield* refuse("retry", `needs transaction: "batch"`)
    const linger = yield* millis("linger", options.linger, Number.POSITIVE_INFINITY)
    const closeTimeout = yield* millis("closeTimeout", options.closeTimeout, 30_000)
    const autoFlush = options.autoFlush ?? true
    const runtime = yield* Effect.runtime()
    const clock = yield* Effect.clock
    const buffer = new Buffer(policy, inFlight, autoFlush)
    return yield* Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => new Engine(db, buffer, policy, { autoFlush, linger, closeTimeout, transaction, retry: options.retry, onLeft: options.onLeft }, runtime, clock)),
        (engine, exit) => engine.close(flushesAt(exit))
      ),
      (engine): Batcher => engine
    )
  })
