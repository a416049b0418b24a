/**
 * Merging inside of a batch: neighbouring INSERTs become one statement, and it stays known which entries that stands for.
 *
 * What may be merged is `merge/Merger`'s to say. Called by `sending` where `mergeInserts` is on.
 *
 * @internal
 */
import type * as Dialect from "@sluice/core/Dialect"
import type { Batch, Unit } from "./buffer.js"
import { type Merged, Merger } from "./merge/Merger.js"

type Words = Pick<Dialect.Dialect, "lexicon" | "limits" | "lastIdIsFirst" | "placeholder">

/** What is sent of a batch. In a session that outlives it the next one may ask for the key of the last INSERT. */
export const merging = ({ lastIdIsFirst, lexicon, limits, placeholder }: Words, maxBytes: number, outlives: boolean): (batch: Batch) => ReadonlyArray<Unit> => {
  const isLastAlone = outlives && lastIdIsFirst === true
  const merger = new Merger(
    { lexicon, functions: new Set(), upserts: false, placeholder },
    {
      maxBytes: Math.min(maxBytes, limits.maxStatementBytes),
      maxRows: limits.maxInsertRows,
      maxParameters: limits.maxParameters,
      lastIdIsFirst: lastIdIsFirst === true
    }
  )
  return ({ entries }) => {
    const units: Array<Unit> = []
    const out: Array<Merged> = []
    let at = 0
    const take = (): void => {
      for (const { params, statements, text } of out.splice(0)) {
        const covered = entries.slice(at, at += statements)
        const [first] = covered
        if (first !== undefined) units.push(covered.length === 1 ? first : { index: first.index, text, params, entries: covered })
      }
    }
    for (const entry of entries) {
      if (merger.add(entry.text, out, entry.params) < 0) continue
      // Its place is behind what is held.
      merger.flush(out, false)
      take()
      units.push(entry)
      at++
    }
    merger.flush(out, isLastAlone)
    take()
    return units
  }
}
