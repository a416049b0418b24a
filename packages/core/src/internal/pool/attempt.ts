/**
 * An attempt: one connecting, bounded, whose connection is never lost.
 *
 * An effect that is interrupted has no value, even where its last step, which nothing interrupts, has just made one; and
 * `Effect.timeout` drops the value that comes in the tick of its end (tried: both left connections open that nobody knew).
 * So a connection is held from the moment it is there, and what an attempt has left over is handed out beside its failure.
 * Called by `Opening`.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Connection } from "../../Connection.js"
import type { Options } from "../../Pool.js"
import * as SqlError from "../../SqlError.js"

/** How it ended: with a connection, or with a failure and perhaps with a connection that is to be closed. */
export type Ended<C> =
  | { readonly _tag: "opened"; readonly connection: C }
  | { readonly _tag: "failed"; readonly error: SqlError.SqlError; readonly left: C | undefined }

/**
 * To be called where interruption is masked: who waits is interrupted by `restore`, and the connecting with it, and what
 * came of it is the answer all the same.
 */
export const attempt = <C extends Connection>(
  restore: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>,
  connect: Options<C>["connect"],
  milliseconds: number,
  late: () => SqlError.SqlError
): Effect.Effect<Ended<C>> =>
  Effect.suspend(() => {
    let held: C | undefined
    let isLate = false
    const connecting = typeof connect !== "function" ? connect : Effect.suspend(() => connect((connection) => {
      held = connection
    }))
    const ended = Effect.map(Effect.exit(Effect.interruptible(connecting)), (exit): Ended<C> =>
      Exit.isSuccess(exit)
        ? { _tag: "opened", connection: exit.value }
        : { _tag: "failed", error: isLate && Cause.isInterrupted(exit.cause) ? late() : failureOf(exit.cause), left: held })
    return Effect.flatMap(Effect.forkDaemon(Effect.uninterruptible(ended)), (work) => {
      const wait = Effect.onInterrupt(Fiber.join(work), () => Fiber.interrupt(work))
      const waited = Effect.catchAllCause(restore(wait), () => Fiber.join(work))
      if (!Number.isFinite(milliseconds)) return waited
      const timer = Effect.zipRight(Effect.interruptible(Effect.sleep(milliseconds)), Effect.suspend(() => {
        isLate = true
        return Fiber.interruptFork(work)
      }))
      return Effect.flatMap(Effect.forkDaemon(timer), (timer) => Effect.ensuring(waited, Fiber.interruptFork(timer)))
    })
  })

const failureOf = (cause: Cause.Cause<SqlError.SqlError>): SqlError.SqlError =>
  Option.getOrElse(Cause.failureOption(cause), () => SqlError.refine(Cause.squash(cause)))
