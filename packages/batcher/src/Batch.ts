/**
 * A batch: the statements that are sent together, as hooks and callbacks see them, and what is said of one afterwards.
 *
 * It gathers nothing and sends nothing (that is `Batcher`). Read by `beforeBatch`, `execute`, `onLeft`.
 *
 * @since 0.1.0
 */
import type * as Sql from "@sluice/core/Sql"
import type { BatchError } from "./BatchError.js"

/**
 * What can be added: a text as it is, or a statement with its parameters.
 *
 * A statement is compiled for the batcher's database when it is added, whichever database made it; options that it was
 * given by `.with` or `.timeout` do not count here. A delimiter at the end of a text is not a part of it.
 *
 * @example
 * ```ts
 * import type { Batch } from "@sluice/batcher"
 *
 * const item: Batch.Item = "DELETE FROM drafts"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Item = string | Sql.Fragment

/**
 * What the user says about a batch: it comes back in its record and in its dead letters, and is sent to nobody.
 *
 * @example
 * ```ts
 * import type { Batch } from "@sluice/batcher"
 *
 * const metadata: Batch.Metadata = { job: "nightly", file: "flights.csv" }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Metadata = Readonly<Record<string, unknown>>

/**
 * A statement as it is sent.
 *
 * @example
 * ```ts
 * import type { Batch } from "@sluice/batcher"
 *
 * const line = (statement: Batch.Statement) => JSON.stringify([statement.text, statement.params])
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Statement {
  /** Its place among all that was added, from 0. Of merged statements it is that of the first. */
  readonly index: number
  /** Its text, compiled for the batcher's database. */
  readonly text: string
  /** Its parameters, in the order of the placeholders. */
  readonly params: ReadonlyArray<unknown>
}

/**
 * A batch that is about to be sent.
 *
 * @example
 * ```ts
 * import { Batcher } from "@sluice/batcher"
 * import { Effect } from "effect"
 *
 * const options: Batcher.Options = {
 *   beforeBatch: (batch) => Effect.logDebug(`batch ${batch.id}: ${batch.statements.length} statements, ${batch.bytes} bytes`)
 * }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Batch {
  /** Counts up from 0. */
  readonly id: number
  /** Its statements in order; where INSERTs are merged, as they were merged. */
  readonly statements: ReadonlyArray<Statement>
  /** The statements' texts, a delimiter after each. Joined when it is first read. */
  readonly text: string
  /** UTF-8 bytes as the limits count them: texts, delimiters and parameters, before merging. */
  readonly bytes: number
  /** What was given to `flush` or `process`. */
  readonly metadata: Metadata | undefined
}

/**
 * A statement that was added and is not applied, with what is needed to send it again.
 *
 * @example
 * ```ts
 * import type { Batch } from "@sluice/batcher"
 *
 * const mayBeSentAgain = (statement: Batch.LeftStatement) => statement.outcome === "not-applied"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface LeftStatement extends Statement {
  /** `unknown`: it was sent and its answer never came; it may be applied. */
  readonly outcome: "not-applied" | "unknown"
}

/**
 * What a batcher had not applied when it was closed, in the order in which it was added.
 *
 * @example
 * ```ts
 * import type { Batch } from "@sluice/batcher"
 * import { Effect } from "effect"
 *
 * const onLeft = (left: Batch.Left) => Effect.logWarning(`${left.statements.length} statements were not applied`)
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
