/**
 * A batch policy: when is a batch closed.
 *
 * It only decides: synchronous, with no clock, no effect and no statement inside, so that the property tests drive the
 * object that the batcher uses. It does not hold what was added (that is the batcher's buffer) and knows no linger
 * (that is the batcher's clock). Called by `Batcher`.
 *
 * @since 0.1.0
 */
import type * as Reason from "@sluice/core/Reason"
import type * as SqlError from "@sluice/core/SqlError"
import * as Either from "effect/Either"
import { utf8 } from "./internal/bytes.js"
import { delimiter, limit } from "./internal/options.js"

/**
 * The limits of a batch. All of them hold together: the first that is reached closes the batch (law B6).
 *
 * @example
 * ```ts
 * import type { BatchPolicy } from "@sluice/batcher"
 *
 * const limits: BatchPolicy.Limits = { maxBytes: 600_000, maxStatements: 500 }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Limits {
  /**
   * UTF-8 bytes of a batch: its statements, a delimiter after each, and their parameters. Default 1,000,000, at least
   * 1, else ConfigError. A statement that is longer goes alone.
   */
  readonly maxBytes?: number | undefined
  /** Statements of a batch. At least 1, else ConfigError. Default: no limit. */
  readonly maxStatements?: number | undefined
  /** Parameters of a batch, of all its statements together. At least 1, else ConfigError. Default: no limit. */
  readonly maxParameters?: number | undefined
  /**
   * What stands after each statement in a joined text; one of letters, as GO, on a line of its own. Not empty, else
   * ConfigError. Default ";".
   */
  readonly delimiter?: string | undefined
}

/**
 * What a statement does to the open batch.
 *
 * @example
 * ```ts
 * import type { BatchPolicy } from "@sluice/batcher"
 *
 * const sendsSomething = (decision: BatchPolicy.Decision) => decision.closesBefore || decision.closesAfter
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Decision {
  /** It does not fit: the open batch is closed without it, and it begins the next one. */
  readonly closesBefore: boolean
  /** With it the batch is full, and is closed. */
  readonly closesAfter: boolean
}

/**
 * A policy with the state of one open batch.
 *
 * @example
 * ```ts
 * import { BatchPolicy } from "@sluice/batcher"
 * import { Either } from "effect"
 *
 * const decision = Either.map(BatchPolicy.make({ maxStatements: 2 }), (policy) => policy.add(policy.sizeOf("SELECT 1")))
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface BatchPolicy {
  /** Statements in the open batch. */
  readonly statements: number
  /** Bytes of the open batch, delimiters counted. */
  readonly bytes: number
  /** The bytes that a batch may have now: `maxBytes` times the factor, and no more than the server takes. */
  readonly limit: number
  /** What `maxBytes` is multiplied by; 1 unless it was scaled. */
  readonly factor: number
  /** What a text counts: its UTF-8 bytes and the delimiter's. */
  readonly sizeOf: (text: string) => number
  /** Puts a statement of this size into the open batch, or into the next one where it does not fit. */
  readonly add: (size: number, parameters?: number) => Decision
  /** From the next statement on the limit is `maxBytes` times this. */
  readonly scale: (factor: number) => void
  /** Empties the open batch. */
  readonly close: () => void
}

const joins: Decision = { closesBefore: false, closesAfter: false }
const fills: Decision = { closesBefore: false, closesAfter: true }
const follows: Decision = { closesBefore: true, closesAfter: false }
const goesAlone: Decision = { closesBefore: true, closesAfter: true }

/**
 * Makes a policy, or refuses a limit that cannot work with a ConfigError that names it. `serverBytes` is what the server
 * takes at once.
 *
 * @example
 * ```ts
 * import { BatchPolicy } from "@sluice/batcher"
 * import { Either } from "effect"
 *
 * Either.isLeft(BatchPolicy.make({ maxBytes: 0 })) // true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (limits: Limits = {}, serverBytes = Number.POSITIVE_INFINITY): Either.Either<BatchPolicy, SqlError.SqlError<Reason.ConfigError>> =>
  Either.gen(function*() {
    const maxBytes = yield* limit("maxBytes", limits.maxBytes, 1_000_000)
    const maxStatements = yield* limit("maxStatements", limits.maxStatements, Number.POSITIVE_INFINITY)
    const maxParameters = yield* limit("maxParameters", limits.maxParameters, Number.POSITIVE_INFINITY)
    return new Policy(maxBytes, maxStatements, maxParameters, utf8(yield* delimiter(limits.delimiter)), serverBytes)
  })

class Policy implements BatchPolicy {
  statements = 0
  bytes = 0
  limit: number
  factor = 1
  private parameters = 0

  constructor(
    private readonly maxBytes: number,
    private readonly maxStatements: number,
    private readonly maxParameters: number,
    private readonly delimiter: number,
    private readonly serverBytes: number
  ) {
    this.limit = Math.min(maxBytes, serverBytes)
  }

  sizeOf(text: string): number {
    return utf8(text) + this.delimiter
  }

  add(size: number, parameters = 0): Decision {
    const closesBefore = this.statements > 0 && (this.bytes + size > this.limit || this.parameters + parameters > this.maxParameters)
    if (closesBefore) this.close()
    this.statements++
    this.bytes += size
    this.parameters += parameters
    const closesAfter = this.bytes >= this.limit || this.statements >= this.maxStatements || this.parameters >= this.maxParameters
    if (closesAfter) this.close()
    return closesBefore ? (closesAfter ? goesAlone : follows) : closesAfter ? fills : joins
  }

  scale(factor: number): void {
    this.factor = factor
    this.limit = Math.min(Math.trunc(this.maxBytes * factor), this.serverBytes)
  }

  close(): void {
    this.statements = 0
    this.bytes = 0
    this.parameters = 0
  }
}
