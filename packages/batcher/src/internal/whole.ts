/**
 * The whole: one transaction on a session of its own, for everything from the first batch to the next COMMIT.
 *
 * One batch or COMMIT at a time. What was sent in it is remembered by the buffer; here it is begun, committed and rolled
 * back. Used by `shipment` and the engine with `transaction: "all"`.
 *
 * @internal
 */
import type { Database } from "@sluice/core/Database"
import type { Session } from "@sluice/core/Session"
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

interface Open {
  readonly session: Session
  readonly scope: Scope.CloseableScope
}

export class Whole {
  private open: Open | undefined
  private readonly gate = Effect.unsafeMakeSemaphore(1)

  constructor(private readonly db: Database) {}

  /** Runs work in the transaction, which is begun by the first. A failure is the end of the transaction. */
  run<A, E>(work: Effect.Effect<A, E>): Effect.Effect<A, E | SqlError.SqlError> {
    return this.gate.withPermits(1)(
      Effect.onError(Effect.flatMap(this.begun, ({ session }) => session.provide(work)), () => this.dropped)
    )
  }

  /** Commits; there may be nothing to commit. */
  readonly commit: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() =>
    this.gate.withPermits(1)(Effect.uninterruptible(Effect.suspend(() => {
      const { open } = this
      this.open = undefined
      return open === undefined ? Effect.void : Effect.onExit(open.session.commit, (exit) =>
        // A COMMIT that is refused may leave the transaction open: SQLite's does for a deferred constraint.
        Effect.zipRight(Exit.isSuccess(exit) ? Effect.void : Effect.ignore(open.session.rollback), Scope.close(open.scope, exit)))
    })))
  )

  /** Rolls back what is open. */
  readonly rollback: Effect.Effect<void> = Effect.suspend(() => this.gate.withPermits(1)(this.dropped))

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

  // The pool rolls back what a closed session leaves open.
  private readonly dropped: Effect.Effect<void> = Effect.uninterruptible(Effect.suspend(() => {
    const { open } = this
    this.open = undefined
    return open === undefined ? Effect.void : Effect.zipRight(Effect.ignore(open.session.rollback), Scope.close(open.scope, Exit.void))
  }))
}
