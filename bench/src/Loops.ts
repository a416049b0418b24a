/**
 * Loops of callbacks and of promises: for contenders that know no fibers, as many as there would be fibers.
 *
 * Called by the measurements of single statements.
 */
import * as Effect from "effect/Effect"
import type { Work } from "./Work.js"

export type Done = (error: unknown) => void

/** Each item begins where the one before calls back. */
export const callbacks = (count: number, item: (index: number, done: Done) => void): Work => (items) =>
  Effect.async<void, unknown>((resume) => {
    let running = count
    for (let loop = 0; loop < count; loop++) {
      let i = loop
      const next: Done = (error) => {
        if (error !== null && error !== undefined) return resume(Effect.fail(error))
        if (i < items) {
          const index = i
          i += count
          return item(index, next)
        }
        if (--running === 0) resume(Effect.void)
      }
      next(null)
    }
  })

/** Each item begins when the one before has come. */
export const promises = (count: number, item: (index: number) => PromiseLike<unknown>): Work => (items) =>
  Effect.promise(() =>
    Promise.all(Array.from({ length: count }, async (_, loop) => {
      for (let i = loop; i < items; i += count) await item(i)
    }))
  )
