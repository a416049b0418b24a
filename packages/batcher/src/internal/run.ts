/**
 * A run: what one `process` has done so far, and what its caller says about its batches.
 *
 * It only counts. Made by the engine, counted up by `buffer`.
 *
 * @internal
 */
import type { Metadata } from "../Batch.js"
import type { QueryCollector } from "../QueryCollector.js"

/** What the caller of `flush` or `process` says about its batches. */
export interface About {
  readonly metadata?: Metadata | undefined
  readonly collector?: QueryCollector | undefined
}

/** What one `process` has done so far. */
export interface Run {
  readonly about: About | undefined
  statements: number
  sent: number
  batches: number
  bytes: number
  rowsMerged: number
  deadLettered: number
  retries: number
  /** The batch that it was told of last, and the one of which something was applied. */
  lastBatch: number
  lastApplied: number
  /** The answers of its batches, where somebody wants them. */
  readonly answers: Array<{ readonly batch: number; readonly results: ReadonlyArray<unknown> }> | undefined
}

export const newRun = (about?: About, answers?: Run["answers"]): Run => ({
  about,
  statements: 0,
  sent: 0,
  batches: 0,
  bytes: 0,
  rowsMerged: 0,
  deadLettered: 0,
  retries: 0,
  lastBatch: -1,
  lastApplied: -1,
  answers
})
