/**
 * Doctor: what a database's connection looks like from here, as timed steps.
 *
 * It changes nothing and shows no secret. Reached by `db.doctor`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Pool } from "./Pool.js"
import type * as Pools from "./Pool.js"
import type { SqlError } from "./SqlError.js"

/**
 * One step of an examination.
 *
 * @example
 * ```ts
 * import type { Doctor } from "@sluice/core"
 *
 * const isWell = (step: Doctor.Step) => step.status === "ok"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Step {
  /** What was tried. */
  readonly name: "acquire" | "round trip"
  /** `slow` is above 500 ms. */
  readonly status: "ok" | "slow" | "failed"
  /** How long it took. */
  readonly milliseconds: number
  /** What failed, in words; `undefined` where nothing did. */
  readonly hint: string | undefined
}

/**
 * An examination: its steps in order, and the pool's counters afterwards. After a failed step there is none.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const report = Effect.flatMap(Database.Database, (db) => db.doctor)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  /** The name of the dialect. */
  readonly dialect: string
  /** Where the connection leads; `undefined` where none was had. */
  readonly endpoint: string | undefined
  /** In the order in which they were tried. */
  readonly steps: ReadonlyArray<Step>
  /** The counts afterwards. */
  readonly pool: Pools.Stats
}

/** A step that takes longer than this, in milliseconds, is called slow. */
const slow = 500

/**
 * Examines a pool: borrows a connection and pings it.
 *
 * @internal
 */
export const examine = (dialect: string, pool: Pool): Effect.Effect<Report> =>
  Effect.gen(function*() {
    const steps: Array<Step> = []
    let endpoint: string | undefined
    const timed = <A, R>(name: Step["name"], effect: Effect.Effect<A, SqlError, R>) =>
      Effect.suspend(() => {
        const start = performance.now()
        return Effect.tapBoth(effect, {
          onSuccess: () => Effect.sync(() => {
            const milliseconds = performance.now() - start
            steps.push({ name, status: milliseconds > slow ? "slow" : "ok", milliseconds, hint: undefined })
          }),
          onFailure: (error) => Effect.sync(() => {
            steps.push({ name, status: "failed", milliseconds: performance.now() - start, hint: error.message })
          })
        })
      })
    const borrowed = Effect.flatMap(timed("acquire", pool.get), (connection) => {
      endpoint = connection.endpoint
      return timed("round trip", connection.ping)
    })
    yield* Effect.ignore(Effect.scoped(borrowed))
    return { dialect, endpoint, steps, pool: yield* pool.stats }
  })
