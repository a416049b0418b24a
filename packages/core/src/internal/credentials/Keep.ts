/**
 * A secret that is kept: for a share of its life, and asked for once for all who wait.
 *
 * The asking runs in a fiber of its own, so that it belongs to none of the waiters; the last of them to leave takes it
 * along. State changes in single synchronous steps. Made by `Credentials.cached`.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type { Cached, Failure, Issued } from "../../Credentials.js"

interface Asking {
  readonly answer: Deferred.Deferred<Redacted.Redacted, Failure>
  waiters: number
  fiber: Fiber.Fiber<unknown, unknown> | undefined
}

export class Keep implements Cached {
  private kept: { readonly secret: Redacted.Redacted; readonly until: number } | undefined
  private asking: Asking | undefined

  constructor(
    private readonly issue: Effect.Effect<Issued, Failure>,
    private readonly interrupted: Failure,
    private readonly timeToLive: number,
    private readonly share: number
  ) {}

  // The wall clock: a token dies by it, also while a machine sleeps.
  readonly credentials: Effect.Effect<Redacted.Redacted, Failure> = Effect.clockWith((clock) => {
    const now = clock.unsafeCurrentTimeMillis()
    return this.kept !== undefined && now < this.kept.until ? Effect.succeed(this.kept.secret) : this.wait
  })

  readonly invalidate: Effect.Effect<void> = Effect.sync(() => {
    this.kept = undefined
  })

  private readonly wait: Effect.Effect<Redacted.Redacted, Failure> = Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const asking = this.asking
      if (asking === undefined) return Effect.flatMap(this.ask, (started) => this.join(started, restore))
      asking.waiters += 1
      return this.join(asking, restore)
    })
  )

  private join(asking: Asking, restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) {
    return Effect.ensuring(
      restore(Deferred.await(asking.answer)),
      Effect.suspend(() => {
        asking.waiters -= 1
        if (asking.waiters > 0 || this.asking !== asking || asking.fiber === undefined) return Effect.void
        this.asking = undefined
        // Not awaited: who was interrupted leaves at once.
        return Fiber.interruptFork(asking.fiber)
      })
    )
  }

  private readonly ask: Effect.Effect<Asking> = Effect.clockWith((clock) => {
    const asked = clock.unsafeCurrentTimeMillis()
    const asking: Asking = { answer: Deferred.unsafeMake(FiberId.none), waiters: 1, fiber: undefined }
    this.asking = asking
    const run = Effect.onExit(Effect.interruptible(this.issue), (exit) => {
      // One that was left by all is not there any more, and what it still brings is not kept.
      if (this.asking === asking) {
        this.asking = undefined
        if (Exit.isSuccess(exit)) this.keep(exit.value, asked)
      }
      return Deferred.done(asking.answer, this.answerOf(exit))
    })
    return Effect.map(Effect.forkDaemon(Effect.exit(run)), (fiber) => {
      asking.fiber = fiber
      return asking
    })
  })

  private answerOf(exit: Exit.Exit<Issued, Failure>): Exit.Exit<Redacted.Redacted, Failure> {
    if (Exit.isSuccess(exit)) return Exit.succeed(exit.value.secret)
    // Else the waiters would seem to have been interrupted themselves.
    return Cause.isInterruptedOnly(exit.cause) ? Exit.fail(this.interrupted) : Exit.failCause(exit.cause)
  }

  private keep(issued: Issued, asked: number): void {
    const life = issued.expiresIn === undefined
      ? this.timeToLive
      : Option.match(Duration.decodeUnknown(issued.expiresIn), { onNone: () => 0, onSome: Duration.toMillis })
    // A life of zero, or one that is none, is not kept.
    this.kept = life > 0 ? { secret: issued.secret, until: asked + life * this.share } : undefined
  }
}
