/**
 * Handing over: what a batcher had not applied when it was closed goes to whoever wants it.
 *
 * @internal
 */
import { inTime } from "@sluice/core/Bounded"
import * as Effect from "effect/Effect"
import type { Left, LeftStatement } from "../Batch.js"
import type { BatchError } from "../BatchError.js"
import type { DeadLetter } from "../DeadLetter.js"
import type * as Buffer from "./buffer.js"

export interface Takers {
  readonly onLeft: ((left: Left) => Effect.Effect<void>) | undefined
  readonly deadLetter: DeadLetter | undefined
  /** Milliseconds that the dead letter has; Infinity is for ever. */
  readonly closeTimeout: number
}

/** Hands over what is left, in the order in which it was added. */
export const handOver = ({ closeTimeout, deadLetter, onLeft }: Takers, left: ReadonlyArray<Buffer.Left>, error: BatchError | undefined): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (left.length === 0) return Effect.void
    const ordered = left.toSorted((a, b) => a.entry.index - b.entry.index)
    const statements = ordered.map(({ entry, outcome }): LeftStatement => ({ index: entry.index, text: entry.text, params: entry.params, outcome }))
    if (onLeft !== undefined) return onLeft({ statements, error })
    const lost = (why: string) => Effect.logError(`a batcher was closed with ${statements.length} statements that were not applied, and ${why}`)
    if (deadLetter === undefined) return lost("no onLeft to take them")
    const letters = statements.map((statement, i) => ({ ...statement, error, metadata: ordered[i]!.entry.run?.about?.metadata }))
    // Nobody may be there any more to make room in a queue that is full.
    const taken = inTime(Effect.suspend(() => deadLetter(letters)), closeTimeout)
    return Effect.flatMap(taken, (isTaken) => isTaken ? Effect.void : lost("the dead letter did not take them"))
  })
