/**
 * A batch error: what became of each part of a batch that failed, and why.
 *
 * It is not a SqlError: it holds one. Statements are told one by one, rows of a bulk load are counted. Made by `Batcher`
 * and `BulkSink`.
 *
 * @since 0.1.0
 */
import type * as Reason from "@sluice/core/Reason"
import type { SqlError } from "@sluice/core/SqlError"
import * as Data from "effect/Data"
import { NodeInspectSymbol } from "effect/Inspectable"

/**
 * A statement of a batch. Its parameters are not here: what is left of a batch with them is given to `onLeft`.
 *
 * @example
 * ```ts
 * import type { BatchError } from "@sluice/batcher"
 *
 * const show = (item: BatchError.Item) => `#${item.index}: ${item.text}`
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Item {
  /** Its place among all that was added to the batcher, from 0. */
  readonly index: number
  /** Its text, with placeholders. */
  readonly text: string
}

/**
 * How many statements or rows had which outcome.
 *
 * @example
 * ```ts
 * import type { BatchError } from "@sluice/batcher"
 *
 * const total = (counts: BatchError.Counts) => counts.applied + counts.notApplied + counts.unknown
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Counts {
  /** They are in the database. */
  readonly applied: number
  /** They are not: refused, rolled back, or never sent. */
  readonly notApplied: number
  /** They were sent and the answer never came. */
  readonly unknown: number
}

/**
 * What a batch error is made of.
 *
 * @example
 * ```ts
 * import type { BatchError } from "@sluice/batcher"
 * import { Reason, SqlError } from "@sluice/core"
 *
 * const options: BatchError.Options = {
 *   error: SqlError.make(new Reason.UniqueViolation({ message: "duplicate key" })),
 *   unit: "rows",
 *   counts: { applied: 10_000, notApplied: 10_000, unknown: 0 }
 * }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Why. */
  readonly error: SqlError
  /** What the counts count. */
  readonly unit: "statements" | "rows"
  /**
   * Of a batch of statements: those of the batch that failed. Of a bulk load: all rows that were taken from the stream
   * up to the failure.
   */
  readonly counts: Counts
  /** The statement that was refused, where it was one. */
  readonly failed?: Item | undefined
  /** Statements that took effect. Empty where the unit is rows. */
  readonly applied?: ReadonlyArray<Item> | undefined
  /** Statements that did not. Empty where the unit is rows. */
  readonly notApplied?: ReadonlyArray<Item> | undefined
  /** Statements of which nobody can tell. Empty where the unit is rows. */
  readonly unknown?: ReadonlyArray<Item> | undefined
}

/**
 * A batch failed.
 *
 * @example
 * ```ts
 * import { Batcher } from "@sluice/batcher"
 * import { Effect } from "effect"
 *
 * const load = Effect.flatMap(Batcher.Batcher, (batcher) => batcher.process(["DELETE FROM a", "DELETE FROM b"])).pipe(
 *   Effect.catchTag("BatchError", (e) => Effect.logError(`${e.counts.applied} applied, then: ${e.error.message}`))
 * )
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class BatchError extends Data.TaggedError("BatchError")<{ readonly message: string }> {
  /** Why: the database's answer. */
  readonly error: SqlError
  readonly unit: "statements" | "rows"
  readonly counts: Counts
  readonly failed: Item | undefined
  readonly applied: ReadonlyArray<Item>
  readonly notApplied: ReadonlyArray<Item>
  readonly unknown: ReadonlyArray<Item>

  constructor(options: Options) {
    super({ message: sentence(options) })
    this.error = options.error
    this.unit = options.unit
    this.counts = options.counts
    this.failed = options.failed
    this.applied = options.applied ?? []
    this.notApplied = options.notApplied ?? []
    this.unknown = options.unknown ?? []
  }

  /** Whether the same work may succeed when it is done again. */
  get isRetryable(): boolean {
    return this.error.isRetryable
  }

  /** The outcome of the batch as a whole: `applied` means at least a part of it. */
  get outcome(): Reason.Outcome {
    return this.counts.unknown > 0 ? "unknown" : this.counts.applied > 0 ? "applied" : "not-applied"
  }

  // A batch holds thousands of texts: what is printed is the sentence, the counts and the reason.
  override toJSON(): unknown {
    return { _tag: this._tag, message: this.message, unit: this.unit, counts: this.counts, failed: this.failed, error: this.error.toJSON() }
  }

  override [NodeInspectSymbol](): unknown {
    return this.stack ?? this.message
  }
}

/**
 * Whether a value is a batch error.
 *
 * @example
 * ```ts
 * import { BatchError } from "@sluice/batcher"
 *
 * BatchError.isBatchError(new Error("no")) // false
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isBatchError = (u: unknown): u is BatchError => u instanceof BatchError

const sentence = ({ counts, error, failed, unit }: Options): string => {
  const what = failed === undefined ? `a batch of ${unit} failed` : `statement ${failed.index} failed`
  const unknown = counts.unknown > 0 ? `, ${counts.unknown} unknown` : ""
  return `${what}; ${unit}: ${counts.applied} applied, ${counts.notApplied} not applied${unknown}; ${error.message}`
}
