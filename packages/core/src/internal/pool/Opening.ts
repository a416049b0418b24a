/**
 * Opening: how a pool comes by its connections. As many as are waited for, and one backoff for all while connecting
 * fails (law P8).
 *
 * It lends nothing: what it opened it hands over. Called by `Lending`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Schedule from "effect/Schedule"
import type { Connection } from "../../Connection.js"
import type { Options } from "../../Pool.js"
import * as Reason from "../../Reason.js"
import * as Retry from "../../Retry.js"
import * as SqlError from "../../SqlError.js"
import { attempt } from "./attempt.js"
import type { Settings } from "./config.js"
import type { State } from "./State.js"

/** What opening needs of the pool that it serves. */
export interface Owner<C> {
  readonly fork: (effect: Effect.Effect<unknown>) => Fiber.RuntimeFiber<unknown, unknown>
  readonly opened: (connection: C, generation: number, milliseconds: number) => void
  /** Takes a connection over that was opened too late, or only in part: it is to be closed. */
  readonly left: (connection: C) => void
  /** Is told of each failure, and how many there were since a connection was opened. */
  readonly failed: (error: SqlError.SqlError, attempt: number) => void
  /** Tells those who wait that connecting cannot succeed; or those who have somewhere else to go that it did not. */
  readonly refuse: (error: SqlError.SqlError, whom: "all" | "impatient") => void
}

export class Opening<C extends Connection> {
  failures = 0
  lastFailure: SqlError.SqlError | undefined = undefined
  private readonly attempts = new Set<Fiber.RuntimeFiber<unknown, unknown>>()
  private backingOff = false
  private failedInARow = 0
  private backoff: Schedule.ScheduleDriver<unknown> | undefined = undefined

  constructor(
    private readonly options: Options<C>,
    private readonly settings: Settings,
    private readonly state: State<C>,
    private readonly owner: Owner<C>
  ) {}

  /** Opens what is waited for and what `min` lacks, unless a backoff is under way. */
  onDemand(): void {
    if (this.backingOff || this.state.size >= this.settings.max) return
    // After a failure one connection is tried, and the others follow when it is there.
    const failing = this.backoff !== undefined
    if (failing && this.state.connecting > 0) return
    for (let n = failing ? Math.min(1, this.state.demand()) : this.state.demand(); n > 0; n--) {
      this.state.opening()
      const fiber = this.owner.fork(this.one)
      this.attempts.add(fiber)
      fiber.addObserver(() => this.attempts.delete(fiber))
    }
  }

  /** Gives up what is being opened: nobody waits for it any more. */
  stop(): void {
    for (const fiber of this.attempts) fiber.unsafeInterruptAsFork(FiberId.none)
  }

  private get one(): Effect.Effect<void> {
    return Effect.uninterruptibleMask((restore) => Effect.suspend(() => {
      const { generation } = this.state
      const start = performance.now()
      return Effect.flatMap(attempt(restore, this.options.connect, this.settings.acquireTimeout, () => this.late()), (ended) => {
        if (ended._tag === "opened") {
          this.backoff = undefined
          this.lastFailure = undefined
          this.failedInARow = 0
          this.owner.opened(ended.connection, generation, performance.now() - start)
          this.onDemand()
          return Effect.void
        }
        if (ended.left === undefined) this.state.openFailed()
        else this.owner.left(ended.left)
        return this.state.closed ? Effect.void : restore(this.failed(ended.error))
      })
    }))
  }

  private late(): SqlError.SqlError {
    return SqlError.make(
      new Reason.ConnectionError({
        message: `${this.options.name}: connecting took longer than ${this.settings.acquireTimeout} ms`,
        operation: "connect",
        outcome: "not-applied"
      })
    )
  }

  private failed(error: SqlError.SqlError): Effect.Effect<void> {
    this.failures++
    this.lastFailure = error
    // What a second attempt cannot mend (a wrong password) is told to those who wait, when nothing else can serve them.
    const isDown = this.state.size === this.state.connecting
    if (isDown) this.owner.refuse(error, error.isRetryable ? "impatient" : "all")
    const backsOff = !(isDown && !error.isRetryable) && !this.backingOff && !this.state.closed
    if (backsOff) this.backingOff = true
    // Told at the end: who is told may ask for a connection at once.
    this.owner.failed(error, ++this.failedInARow)
    if (!backsOff) return Effect.void
    const driver = this.backoff === undefined ? Schedule.driver(Retry.connect) : Effect.succeed(this.backoff)
    return Effect.flatMap(driver, (driver) => {
      this.backoff = driver
      return Effect.ensuring(
        Effect.ignore(driver.next(error)),
        Effect.sync(() => {
          this.backingOff = false
          this.onDemand()
        })
      )
    })
  }
}
