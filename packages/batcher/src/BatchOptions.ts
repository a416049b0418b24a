/**
 * The options of a batcher.
 *
 * They are checked when a batcher is made (`internal/settings`): what cannot work is a ConfigError that names its field.
 * Passed on by `Batcher`.
 *
 * @since 0.1.0
 */
import type * as CircuitBreaker from "@sluice/core/CircuitBreaker"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type { Batch, Left } from "./Batch.js"
import type * as BatchPolicy from "./BatchPolicy.js"
import type { DeadLetter } from "./DeadLetter.js"
import type { Record } from "./QueryCollector.js"

/**
 * How a batcher gathers and sends.
 *
 * @example
 * ```ts
 * import type { BatchOptions } from "@sluice/batcher"
 *
 * const options: BatchOptions.Options = { maxStatements: 500, linger: "50 millis", closeTimeout: "10 seconds" }
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
  /** `false`: each statement is a batch of its own. Default `true`. */
  readonly batchMode?: boolean | undefined
  /** `true`: nothing is sent; all else goes on as if it were, and the collector sees it. Default `false`. */
  readonly dryRun?: boolean | undefined
  /** Batches under way at once, each on a connection of its own. Default 1; more only with `ordered: false`, else ConfigError. */
  readonly inFlight?: number | undefined
  /** `false`: batches may overtake each other. Default `true`. */
  readonly ordered?: boolean | undefined
  /**
   * `batch` (default): each batch in one transaction, all of it or nothing; inside of another transaction, in a savepoint.
   * `all`: one transaction for everything up to a `flush`, the end of a `process` or the closing, which is then committed;
   * its statements stay in memory until then. `none` (the default where the dialect has no transactions): each statement
   * by itself, the first failure stops. What the dialect lacks is UnsupportedError. What commits by itself, as MySQL's DDL,
   * is with `batch` a batch alone, and where others would be committed with it TransactionStateError. What a procedure
   * commits is not seen: what was sent before in its batch may then be told as not applied.
   */
  readonly transaction?: "none" | "batch" | "all" | undefined
  /**
   * Sends again what is surely not applied, after a failure that may pass: a lost connection, a deadlock, a busy pool.
   * Never what may be applied, and never inside of a transaction that is not the batcher's own. With `transaction: "all"`
   * a ConfigError. Default: never.
   */
  readonly retry?: Schedule.Schedule<unknown> | undefined
  /**
   * A breaker, or the config of one, that every batch goes through. It stands inside of `retry`: each attempt is a call of
   * it, and while it is open, CircuitOpenError is not tried again. Default: none.
   */
  readonly circuitBreaker?: CircuitBreaker.CircuitBreaker | CircuitBreaker.Config | undefined
  /**
   * Where a statement goes that the database refuses by itself (a constraint, a value, its syntax), while the others of its
   * batch are applied (law B3): in savepoints, or in transactions of their own where there are none or where COMMIT was
   * refused. It also gets what is left when the batcher is closed, unless there is an `onLeft`. Default: the batch fails,
   * and nothing later is sent.
   */
  readonly deadLetter?: DeadLetter | undefined
  /**
   * Sends compatible INSERTs that follow each other as one of many rows, with their parameters (`InsertMerge`). Default `false`. MySQL
   * refuses a value in company as it does alone only by a strict sql_mode, in a table with transactions.
   */
  readonly mergeInserts?: boolean | undefined
  /**
   * Multiplies `maxBytes` by `referenceColumnCount` through the columns of the first INSERT, within the two factors: wide
   * rows go in smaller batches. The columns are forgotten by `flush` and `reset`. Default `false`.
   */
  readonly autoAdjustForColumns?: boolean | undefined
  /** The columns at which `maxBytes` holds as it is. Default 10. */
  readonly referenceColumnCount?: number | undefined
  /** The least that `maxBytes` is multiplied by for its columns. Above 0, else ConfigError. Default 0.5. */
  readonly minAdjustmentFactor?: number | undefined
  /** The most. Not below the least, else ConfigError. Default 2. */
  readonly maxAdjustmentFactor?: number | undefined
  /**
   * Finds the size of a batch by itself, below `maxBytes`: from a sixteenth of it upwards while the time per byte falls,
   * and half of it after a timeout, whose statements are then sent again in halves. Default `false`.
   */
  readonly adaptive?: boolean | undefined
  /** Is run before a batch is sent, outside of its transaction; the batch waits for it. */
  readonly beforeBatch?: ((batch: Batch) => Effect.Effect<void>) | undefined
  /** Is run when the outcome of a batch is known, before the next one is told to be sent by it. */
  readonly afterBatch?: ((record: Record) => Effect.Effect<void>) | undefined
  /**
   * `true`: statements may be added inside of transactions, and are none of them: what is rolled back there stays here. By
   * default `add` fails there with TransactionStateError, unless the batcher was made in that same transaction: they would
   * be sent on another connection. A batcher that was itself made in a transaction is a part of that one either way.
   */
  readonly detached?: boolean | undefined
  /**
   * How long closing waits for what is still to be applied. What then is under way is interrupted and rolled back, hooks,
   * collectors and dead letters among it. A dead letter has as long again for what is left. Longer than zero, else
   * ConfigError. Default 30 seconds.
   */
  readonly closeTimeout?: Duration.DurationInput | undefined
  /**
   * Is given what was added and not applied when the batcher is closed; not called where there is nothing. Default: the
   * dead letter has it, and without one an error is logged that says how many statements there were.
   */
  readonly onLeft?: ((left: Left) => Effect.Effect<void>) | undefined
}

/**
 * Sends a batch in a way of the user's: `text` is its statements joined. A statement with parameters comes by itself, and
 * `batch.statements` has them. What it answers is a result of `processBatch`. A SqlError of it keeps its outcome; after any
 * other failure the outcome of the whole batch is unknown.
 *
 * @example
 * ```ts
 * import type { BatchOptions } from "@sluice/batcher"
 * import { Effect } from "effect"
 *
 * const print: BatchOptions.Execute<void> = (text) => Effect.log(text)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Execute<A> = (text: string, batch: Batch) => Effect.Effect<A, unknown>

/**
 * Options of a batcher without a database.
 *
 * @example
 * ```ts
 * import type { BatchOptions } from "@sluice/batcher"
 * import { Effect } from "effect"
 *
 * const options: BatchOptions.CallbackOptions<void> = { maxBytes: 500_000, execute: (text) => Effect.log(text) }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface CallbackOptions<A> extends Options {
  /** Sends a batch. `transaction` is then "none": what a batch is to the receiver, only it knows. */
  readonly execute: Execute<A>
}
