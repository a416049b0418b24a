/**
 * A transaction: all of its statements or none. Nested ones are savepoints.
 *
 * This file holds what users see; how it begins and ends is in `internal/transaction`. Reached by `db.transaction`,
 * `db.withTransaction` and, from inside, `db.currentTransaction`.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type { BeginOptions } from "./Connection.js"
import type { SqlError } from "./SqlError.js"

/**
 * How a transaction runs. What the dialect lacks is refused with UnsupportedError before anything is sent; inside
 * another transaction only `timeout` and `name` apply, and anything else is a TransactionStateError.
 *
 * @example
 * ```ts
 * import { Retry, type Transaction } from "@sluice/core"
 *
 * const options: Transaction.Options = { isolation: "serializable", retry: Retry.transient, timeout: "5 seconds" }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends BeginOptions {
  /**
   * The whole transaction may take this long; then it is rolled back and fails with StatementTimeoutError. A COMMIT that was
   * sent is not called back by it: `statementTimeout` of the database bounds that, and nothing does by default. On a network
   * that fell silent it then ends when TCP gives up: about a minute where the server had taken the COMMIT (keep-alive), a
   * quarter of an hour where it had not (the kernel's retransmissions on Linux). A ROLLBACK ends within the pool's
   * `cancelTimeout`.
   */
  readonly timeout?: Duration.DurationInput | undefined
  /**
   * Runs the whole outermost transaction again, COMMIT included, after a serialization failure or a deadlock whose
   * outcome is known, and after nothing else (law T4).
   */
  readonly retry?: Schedule.Schedule<unknown> | undefined
}

/**
 * The transaction that a fiber is in.
 *
 * `commit` and `rollback` end it early: its exit then does nothing, and a later statement of it fails with
 * TransactionStateError.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   yield* db.transaction(Effect.gen(function*() {
 *     const transaction = yield* db.currentTransaction
 *     yield* db`DELETE FROM drafts`.run
 *     yield* transaction.rollback
 *   }))
 * })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Transaction {
  /** 0 for the outermost one, 1 for a savepoint in it, and so on. */
  readonly depth: number
  /** Commits now: COMMIT, or RELEASE of the savepoint. */
  readonly commit: Effect.Effect<void, SqlError>
  /** Rolls back now: ROLLBACK, or ROLLBACK TO the savepoint. */
  readonly rollback: Effect.Effect<void, SqlError>
  /**
   * Runs an effect before this COMMIT, or before the RELEASE of this savepoint, in the order of registration; its failure
   * is the transaction's.
   */
  readonly beforeCommit: (effect: Effect.Effect<void, SqlError>) => Effect.Effect<void>
  /** Runs an effect after the outermost COMMIT, and not at all if it or this savepoint is rolled back. */
  readonly afterCommit: (effect: Effect.Effect<void>) => Effect.Effect<void>
}

/**
 * Runs an effect in a transaction: `db.transaction(effect)`, or `effect.pipe(db.transaction(options))`.
 *
 * It commits when the effect succeeds, and rolls back when it fails or is interrupted. A COMMIT that did not commit
 * is a failure; a failing ROLLBACK never hides the effect's own failure.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   yield* db`INSERT INTO audit (what) VALUES ('login')`.run.pipe(db.transaction({ readOnly: false }))
 * })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Run {
  (options: Options): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SqlError, R>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError, R>
}
