/**
 * Parts: much work on one connection as several requests, all of them or none, and two of them under way.
 *
 * While the database's thread does one of them, this one encodes the next: both work at once. Called by `bulk` and `many`.
 *
 * @since 0.1.0
 */
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Transport } from "./transport.js"

export type Rows = ReadonlyArray<ReadonlyArray<unknown>>

/** Sends rows, `size` of them at a time, inside one savepoint or one transaction; `send` is told where a part begins. */
export const inParts = (
  transport: Transport,
  rows: Rows,
  size: number,
  send: (part: Rows, from: number) => Effect.Effect<void, SqlError.SqlError>
): Effect.Effect<void, SqlError.SqlError> => {
  const next = (from: number, ahead: Effect.Effect<void, SqlError.SqlError>): Effect.Effect<void, SqlError.SqlError> =>
    Effect.suspend(() => {
      if (from >= rows.length) return ahead
      const sent = send(rows.slice(from, from + size), from)
      const rest = Effect.flatMap(sent, () => next(from + size, Effect.void))
      // Without a thread, or a row that was refused before it was sent.
      if (Exit.isExit(sent)) return Effect.zipRight(ahead, rest)
      return Effect.flatMap(Effect.fork(sent), (fiber) => Effect.zipRight(ahead, next(from + size, Fiber.join(fiber))))
    })
  return whole(transport, next(0, Effect.void))
}

const name = "sluice parts"

const nothing = (): void => {}

const whole = (transport: Transport, work: Effect.Effect<void, SqlError.SqlError>): Effect.Effect<void, SqlError.SqlError> => {
  const nested = transport.inTransaction
  const undo = Effect.suspend(() => {
    // A failure may have rolled everything back already.
    if (!transport.inTransaction) return Effect.void
    return nested
      ? Effect.zipRight(transport.call("rollbackTo", name, undefined, nothing), Effect.suspend(() => transport.call("release", name, undefined, nothing)))
      : transport.call("rollback", undefined, undefined, nothing)
  })
  return Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() =>
      nested ? transport.call("savepoint", name, undefined, nothing) : transport.call("begin", { access: "IMMEDIATE", readOnly: false }, undefined, nothing)
    ).pipe(
      Effect.zipRight(restore(work)),
      Effect.tap(() => nested ? transport.call("release", name, undefined, nothing) : transport.call("commit", undefined, undefined, nothing)),
      Effect.onError(() => Effect.ignore(undo))
    )
  )
}
