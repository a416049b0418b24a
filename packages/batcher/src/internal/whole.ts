/**
 * The whole: one transaction on a session of its own, for everything from the first batch to the next COMMIT.
 *
 * One batch or COMMIT at a time, together with what is to be remembered of it: what was sent in it is known to the buffer;
 * here it is begun, committed and rolled back. Used by `shipment` and the engine with `transaction: "all"`.
 *
 * @internal
 */
import type { Database } from "@sluice/core/Database"
import type { Session } from "@sluice/core/Session"
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

/** Makes interruptible what was so before. */
export type Restore = <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>

interface Open {
  readonly session: Session
  readonly scope: Scope.CloseableScope
}

export class Whole {
  private open: Open | undefined
  private readonly gate = Effect.unsafeMakeSemaphore(1)

  constructor(private readonly db: Database) {}

  /** One at a time, and uninterruptible but for what the work restores: whoever sends a batch must tell of its end, even before it has begun. */
  turn<A, E>(work: (restore: Restore) => Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.uninterruptibleMask((restore) => Effect.zipRight(this.gate.take(1), Effect.ensuring(Effect.suspend(() => work(restore)), this.gate.release(1))))
  }

  /** Runs work in the transaction, which is begun by the first; to be called in a turn. A failure is the end of the transaction. */
  run<A, E>(work: Effect.Effect<A, E>): Effect.Effect<A, E | SqlError.SqlError> {
    return Effect.onError(Effect.flatMap(this.begun, ({ session }) => session.provide(work)), () => this.dropped)
  }

  /** Commits, and tells how that ended before anybody else has a turn; there may be nothing to commit. */
  commit(told: (failure: SqlError.SqlError | undefined) => void): Effect.Effect<void, SqlError.SqlError> {
    return this.turn(() => {
      const { open } = this
      this.open = undefined
      const ended = open === undefined ? Effect.void : Effect.onExit(open.session.commit, (exit) =>
        // A COMMIT that is refused may leave the transaction open: SQLite's does for a deferred constraint.
        Effect.zipRight(Exit.isSuccess(exit) ? Effect.void : Effect.ignore(open.session.rollback), Scope.close(open.scope, exit)))
      return Effect.tapBoth(ended, { onSuccess: () => Effect.sync(() => told(undefined)), onFailure: (error) => Effect.sync(() => told(error)) })
    })
  }

  /** Rolls back what is open, in a turn of its own. */
  readonly rollback: Effect.Effect<void> = Effect.suspend(() => this.turn(() => this.dropped))

  private readonly begun: Effect.Effect<Open, SqlError.SqlError> = Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      if (this.open !== undefined) return Effect.succeed(this.open)
      return Effect.flatMap(Scope.make(), (scope) =>
        Effect.onError(
          Effect.map(restore(Effect.tap(Scope.extend(this.db.session, scope), (session) => session.begin())), (session) => this.open = { session, scope }),
          () => Scope.close(scope, Exit.void)
        ))
    })
  )

  /** Rolls back what is open; to be called in a turn. */
  readonly dropped: Effect.Effect<void> = Effect.uninterruptible(Effect.suspend(() => {
    const { open } = this
    this.open = undefined
    return open === undefined ? Effect.void : Effect.zipRight(Effect.ignore(open.session.rollback), Scope.close(open.scope, Exit.void))
  }))
}
