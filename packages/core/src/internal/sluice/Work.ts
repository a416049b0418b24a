/**
 * Work: effects as promises. One for an open database, one for each of its transactions.
 *
 * It knows no SQL. What rejects is the failure itself, the signal's reason, or the defect; never a wrapper of a fiber. Used
 * by the other files of this folder.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import * as Reason from "../../Reason.js"
import * as SqlError from "../../SqlError.js"

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

export class Work<R> {
  /** Everything that runs. */
  private readonly fibers = new Set<AnyFiber>()
  /** What gives its connection back only when its consumer says so: nobody waits for it. */
  private readonly streams = new Set<AnyFiber>()
  private refusal: SqlError.SqlError | undefined

  constructor(
    private readonly runtime: Runtime.Runtime<R>,
    /** The signals of the transactions that this is the work of, the innermost one first. */
    readonly outer: ReadonlyArray<AbortSignal>
  ) {}

  /** The promise of an effect, which begins at once. */
  promise<A, E>(effect: Effect.Effect<A, E, R>, signal: AbortSignal | undefined): Promise<A> {
    return new Promise((resolve, reject) => {
      this.start(this.fibers, effect, signal, (exit) => Exit.isSuccess(exit) ? resolve(exit.value) : reject(this.thrown(exit.cause, signal)))
    })
  }

  /** Runs a stream's fiber; `undefined` where `ended` was called without one. */
  stream<E>(effect: Effect.Effect<void, E, R>, signal: AbortSignal | undefined, ended: (failure: { readonly error: unknown } | undefined) => void): AnyFiber | undefined {
    return this.start(this.streams, effect, signal, (exit) => ended(Exit.isSuccess(exit) ? undefined : { error: this.thrown(exit.cause, signal) }))
  }

  /** Waits for what runs now but for the streams, whatever becomes of it. */
  readonly settled: Effect.Effect<void> = Effect.suspend(() => Fiber.awaitAll(this.fibers))

  /** Interrupts all that runs, and waits for its end. */
  readonly stopped: Effect.Effect<void> = Effect.suspend(() => Fiber.interruptAll([...this.fibers, ...this.streams]))

  /** From now on everything is refused, and streams are ended. */
  close(refusal: SqlError.SqlError): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.refusal = refusal
      return Fiber.interruptAll(this.streams)
    })
  }

  private start<A, E>(
    running: Set<AnyFiber>,
    effect: Effect.Effect<A, E, R>,
    signal: AbortSignal | undefined,
    ended: (exit: Exit.Exit<A, unknown>) => void
  ): AnyFiber | undefined {
    if (this.refusal !== undefined) {
      ended(Exit.fail(this.refusal))
      return undefined
    }
    if (signal?.aborted === true) {
      ended(Exit.fail(signal.reason))
      return undefined
    }
    const fiber = Runtime.runFork(this.runtime)(effect)
    const abort = () => fiber.unsafeInterruptAsFork(fiber.id())
    signal?.addEventListener("abort", abort, { once: true })
    running.add(fiber)
    fiber.addObserver((exit) => {
      running.delete(fiber)
      // A signal may live as long as the process.
      signal?.removeEventListener("abort", abort)
      ended(exit)
    })
    return fiber
  }

  private thrown(cause: Cause.Cause<unknown>, signal: AbortSignal | undefined): unknown {
    if (!Cause.isInterruptedOnly(cause)) return Cause.squash(cause)
    const aborted = [signal, ...this.outer].find((signal) => signal?.aborted === true)
    if (aborted !== undefined) return aborted.reason
    return this.refusal ?? SqlError.make(new Reason.CancelledError({ message: "the statement was interrupted by the end of what it was part of" }))
  }
}
