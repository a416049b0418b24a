/**
 * Borrowing: acquire and release of a pool of 8 under 16 fibers, so that half of them queue at any time.
 *
 * The work in between is one turn of the microtask queue for each contender: `Effect.yieldNow()`, or an `await`.
 */
import { Pool } from "@sluice/core"
import * as Effect from "effect/Effect"
import * as EffectPool from "effect/Pool"
import GenericPool from "generic-pool"
import { connect } from "./FakeConnection.js"
import type { Measurement } from "../Measurement.js"
import * as Rounds from "../Rounds.js"
import * as Table from "../Table.js"
import { calibrated, fibers, type Work } from "../Work.js"

const borrowers = 16
const size = 8

const loops = (item: () => Promise<void>): Work => (items) =>
  Effect.promise(() =>
    Promise.all(Array.from({ length: borrowers }, async (_, loop) => {
      for (let i = loop; i < items; i += borrowers) await item()
    }))
  )

export const borrowing: Measurement<unknown> = {
  name: "pool",
  run: ({ rounds }) =>
    Effect.gen(function*() {
      const body = Effect.yieldNow()

      const pool = yield* Pool.make({ name: "bench", connect, max: size, min: size })

      const effectPool = yield* EffectPool.make({ acquire: connect, size })
      const borrowed = Effect.scoped(Effect.flatMap(effectPool.get, () => body))

      const genericPool = yield* Effect.acquireRelease(
        Effect.sync(() =>
          GenericPool.createPool({ create: () => Effect.runPromise(connect), destroy: async () => {} }, { max: size, min: size })
        ),
        (pool) => Effect.promise(() => pool.drain().then(() => pool.clear()))
      )
      const byPromise = async (): Promise<void> => {
        const connection = await genericPool.acquire()
        await undefined
        await genericPool.release(connection)
      }

      const samples = yield* Rounds.interleaved(rounds, {
        ours: yield* calibrated(fibers(borrowers, () => pool.use(() => body))),
        effect: yield* calibrated(fibers(borrowers, () => borrowed)),
        generic: yield* calibrated(loops(byPromise))
      })
      const toEffect = Table.faster(samples.ours, samples.effect)
      return [{
        work: `pool: ${borrowers} fibers, ${size} connections`,
        ours: Table.rate(samples.ours),
        direct: Table.rate(samples.generic),
        stock: Table.rate(samples.effect),
        toDirect: Table.factor(Table.faster(samples.ours, samples.generic)),
        toStock: Table.factor(toEffect),
        aim: Table.aim("≥ 5 × effect's Pool", toEffect >= 5)
      }]
    })
}
