/**
 * A cursor: an open query with one position, for those who fetch step by step. A Stream is the usual way.
 *
 * The position is shared: two fibers that fetch get different rows. It is closed with its scope. Made by
 * `statement.cursor`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Column, Rows } from "./Connection.js"
import * as Reason from "./Reason.js"
import * as SqlError from "./SqlError.js"

/**
 * An open cursor. After its scope closed every fetch fails with ClosedError.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const firstTwenty = Effect.scoped(Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   const cursor = yield* db<{ id: number }>`SELECT id FROM events ORDER BY id`.cursor
 *   const one = yield* cursor.fetchOne
 *   const more = yield* cursor.fetchMany(19)
 *   return { one, more }
 * }))
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Cursor<A> {
  /** The columns of the rows. */
  readonly columns: ReadonlyArray<Column>
  /** The next row; None at the end. */
  readonly fetchOne: Effect.Effect<Option.Option<A>, SqlError.SqlError>
  /** The next `n` rows, default 1, or as many as there are; empty at the end. An n below 1 is a ConfigError. */
  readonly fetchMany: (n?: number) => Effect.Effect<ReadonlyArray<A>, SqlError.SqlError>
  /** All that is left. */
  readonly fetchAll: Effect.Effect<ReadonlyArray<A>, SqlError.SqlError>
}

/**
 * A cursor over open rows.
 *
 * @internal
 */
export const make = <A>(rows: Rows, isOpen: () => boolean): Effect.Effect<Cursor<A>> =>
  Effect.map(Effect.makeSemaphore(1), (semaphore) => {
    let buffer: Array<A> = []
    let at = 0
    let ended = false
    const take = (n: number): Effect.Effect<ReadonlyArray<A>, SqlError.SqlError> =>
      Effect.gen(function*() {
        if (!isOpen()) return yield* SqlError.fail(new Reason.ClosedError({ message: "the cursor is closed", operation: "fetch" }))
        while (!ended && buffer.length - at < n) {
          // What the server sends has the type that the user gave it.
          const chunk = (yield* rows.next) as ReadonlyArray<A>
          if (chunk.length === 0) ended = true
          buffer = at === 0 ? buffer.concat(chunk) : buffer.slice(at).concat(chunk)
          at = 0
        }
        const out = buffer.slice(at, at + n)
        at += out.length
        return out
      })
    // Two fibers that fetch at once must not pull the same chunk.
    const fetch = (n: number) => semaphore.withPermits(1)(take(n))
    return {
      columns: rows.columns,
      fetchOne: Effect.map(fetch(1), (rows) => Option.fromNullable(rows[0])),
      fetchMany: (n = 1) =>
        Number.isInteger(n) && n >= 1
          ? fetch(n)
          : SqlError.fail(new Reason.ConfigError({ message: `fetchMany takes a whole number of at least 1, was ${n}`, field: "fetchMany.n" })),
      fetchAll: fetch(Number.POSITIVE_INFINITY)
    }
  })
