/**
 * A spool error: why a spool cannot go on, and what of its folder is lost.
 *
 * What the database answers is a SqlError as everywhere. Made by `Spool`.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * A part of a spool's folder that holds no whole records.
 *
 * @example
 * ```ts
 * import type { SpoolError } from "@sluice/batcher"
 *
 * const isLoss = (damage: SpoolError.Damage) => damage.kind === "damaged"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Damage {
  /** `torn`: a write that was cut short by a crash; it was never acknowledged, and is cut off. `damaged`: acknowledged records are lost. */
  readonly kind: "torn" | "damaged"
  /** The file. */
  readonly file: string
  /** Where in it, in bytes. */
  readonly offset: number
  /** How many bytes. */
  readonly bytes: number
  /** The place of the first record that is lost, among all that the spool ever took. */
  readonly first: number
  /** How many are lost; `undefined` where that cannot be told. */
  readonly count: number | undefined
}

/**
 * Why a spool cannot go on.
 *
 * `Full`: the disk is; what was there is kept, and it goes on where there is room. `Damaged`: acknowledged records are lost. `InUse`: another
 * process has it open. `Foreign`: the target knows another place of it. `Closed`: its scope has ended. `Io`: all else a file system says.
 *
 * @example
 * ```ts
 * import type { Spool } from "@sluice/batcher"
 * import { Effect } from "effect"
 *
 * const patient = (spool: Spool.Spool, line: string) =>
 *   Effect.retry(spool.append([line]), { while: (e) => e._tag === "SpoolError" && e.reason === "Full" })
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class SpoolError extends Data.TaggedError("SpoolError")<{
  /** What kind of failure it is. */
  readonly reason: "Full" | "Damaged" | "InUse" | "Foreign" | "Closed" | "Io"
  /** What happened, with the file's name. */
  readonly message: string
  /** The file, where it is one. */
  readonly file?: string | undefined
  /** What is lost, with `Damaged`. */
  readonly damages?: ReadonlyArray<Damage> | undefined
  /** What the file system said. */
  readonly cause?: unknown
}> {}

/**
 * Whether a value is a spool error.
 *
 * @example
 * ```ts
 * import { SpoolError } from "@sluice/batcher"
 *
 * SpoolError.isSpoolError(new Error("no")) // false
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isSpoolError = (u: unknown): u is SpoolError => u instanceof SpoolError
