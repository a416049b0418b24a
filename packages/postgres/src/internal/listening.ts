/**
 * Listening: the one session of a database that hears notifications, outside of its pool.
 *
 * It is opened for the first who listens and closed after the last; a channel is listened to once, however many subscribe
 * to it. When the session is lost a new one is tried for, with growing pauses, and whoever subscribed is told once it
 * listens again. It keeps nothing for who is not there. A database finds its own by its dialect, which `withoutTransforms` and
 * replicas share with it. Made by the public module, called by `Listen`.
 *
 * @internal
 */
import type * as Dialect from "@sluice/core/Dialect"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Mailbox from "effect/Mailbox"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type { Event } from "../Listen.js"
import { at, type Checked } from "./options.js"
import * as Session from "./session.js"
import type { Wire } from "./wire.js"

/** The pause before the first new attempt, and the longest one. */
const [shortest, longest] = [50, 10_000]

/** How often the session is asked whether it is still there, and how long it may take to say so. */
const [heartbeat, patience] = [20_000, 10_000]

interface Subscriber {
  readonly mailbox: Mailbox.Mailbox<Event, SqlError.SqlError>
  readonly onLost: "reconnect" | "fail"
}

export class Listening {
  private readonly channels = new Map<string, Set<Subscriber>>()
  private wire: Wire | undefined = undefined
  private restoring: Fiber.RuntimeFiber<void> | undefined = undefined
  private isClosed = false
  // What is sent on the session goes one by one.
  private readonly turns = Effect.unsafeMakeSemaphore(1)

  constructor(private readonly settings: Checked, private readonly runtime: Runtime.Runtime<never>) {}

  get isEmbedded(): boolean {
    return this.settings.isEmbedded
  }

  /** What is notified of from now on, until the scope closes. The server listens when this ends. */
  subscribe(channel: string, onLost: "reconnect" | "fail"): Effect.Effect<Mailbox.ReadonlyMailbox<Event, SqlError.SqlError>, SqlError.SqlError, Scope.Scope> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen(this, function*() {
        const subscriber: Subscriber = { mailbox: yield* Mailbox.make<Event, SqlError.SqlError>(), onLost }
        yield* Effect.addFinalizer(() => this.leave(channel, subscriber))
        yield* restore(this.turns.withPermits(1)(Effect.suspend(() => this.enter(channel, subscriber))))
        return subscriber.mailbox
      })
    )
  }

  private enter(channel: string, subscriber: Subscriber): Effect.Effect<void, SqlError.SqlError> {
    if (this.isClosed) return SqlError.fail(closed())
    const known = this.channels.get(channel)
    const join = (): void => {
      if (known === undefined) this.channels.set(channel, new Set([subscriber]))
      else known.add(subscriber)
    }
    // Before LISTEN is sent: a notification may arrive in one packet with its answer.
    join()
    // Those who wait for a new session get it now, and this one is not told of it.
    if (this.wire === undefined) return this.connect(subscriber)
    if (known !== undefined) return Effect.void
    return Effect.asVoid(this.wire.text(`LISTEN ${quoted(channel)}`, "listen"))
  }

  private leave(channel: string, subscriber: Subscriber): Effect.Effect<void> {
    return Effect.suspend(() => {
      // At once: what comes from now on is nobody's.
      const subscribers = this.channels.get(channel)
      if (subscribers?.delete(subscriber) !== true || subscribers.size > 0) return Effect.void
      return Effect.asVoid(Effect.forkDaemon(Effect.interruptible(this.turns.withPermits(1)(Effect.suspend(() => this.forget(channel))))))
    })
  }

  // Someone may have come in the meantime.
  private forget(channel: string): Effect.Effect<void> {
    if (this.channels.get(channel)?.size !== 0) return Effect.void
    this.channels.delete(channel)
    if (this.channels.size === 0) return this.end()
    return this.wire === undefined ? Effect.void : Effect.ignore(this.wire.text(`UNLISTEN ${quoted(channel)}`, "listen"))
  }

  // ---- the session ----

  private connect(newcomer?: Subscriber): Effect.Effect<void, SqlError.SqlError> {
    const attempts = this.settings.places.map((place) => {
      const settings = at(this.settings, place, undefined)
      return Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(restore(Session.open(settings)), (wire) => {
          // Before LISTEN: what comes right behind its answer is heard.
          wire.notified = (channel, payload, processId) => this.tell(channel, { _tag: "Notification", channel, payload, processId })
          return restore(wire.text([...this.channels.keys()].map((channel) => `LISTEN ${quoted(channel)}`).join("; "), "listen")).pipe(
            Effect.onError(() => Effect.sync(() => wire.destroy())),
            Effect.zipRight(Effect.suspend(() => this.begun(wire, newcomer)))
          )
        }))
    })
    // A standby listens to nobody: the next of several hosts may be the primary.
    return Effect.firstSuccessOf(attempts)
  }

  private begun(wire: Wire, newcomer: Subscriber | undefined): Effect.Effect<void, SqlError.SqlError> {
    if (wire.isClosed || this.isClosed) {
      wire.destroy()
      return SqlError.fail(closed())
    }
    this.wire = wire
    const beat = this.fork(Effect.forever(Effect.zipRight(Effect.sleep(heartbeat), Effect.catchAll(
      Effect.timeoutFail(wire.text("", "listen"), { duration: patience, onTimeout: closed }),
      () => Effect.sync(() => wire.destroy())
    ))))
    wire.onEnd = () => {
      beat.unsafeInterruptAsFork(beat.id())
      this.lost(wire)
    }
    for (const subscribers of this.channels.values()) {
      for (const subscriber of subscribers) if (subscriber !== newcomer) subscriber.mailbox.unsafeOffer({ _tag: "Reconnected" })
    }
    return Effect.void
  }

  private tell(channel: string, event: Event): void {
    for (const { mailbox } of this.channels.get(channel) ?? []) mailbox.unsafeOffer(event)
  }

  private lost(wire: Wire): void {
    if (this.wire !== wire || this.isClosed) return
    this.wire = undefined
    for (const subscribers of this.channels.values()) {
      for (const { mailbox, onLost } of subscribers) if (onLost === "fail") mailbox.unsafeDone(Exit.fail(SqlError.make(missed())))
    }
    this.restoring ??= this.fork(Effect.ensuring(this.restore(shortest), Effect.sync(() => {
      this.restoring = undefined
    })))
  }

  private restore(pause: number): Effect.Effect<void> {
    return Effect.flatMap(Effect.sleep(pause * (0.5 + Math.random() / 2)), () =>
      Effect.flatMap(
        this.turns.withPermits(1)(Effect.suspend(() =>
          this.isClosed || this.wire !== undefined || this.channels.size === 0
            ? Effect.succeed(true)
            : Effect.match(this.connect(), { onSuccess: () => true, onFailure: () => false }))),
        (isOver) => isOver ? Effect.void : this.restore(Math.min(pause * 2, longest))
      ))
  }

  // A database may be made where nothing is interruptible, and the runtime is as its maker was.
  private fork<A>(effect: Effect.Effect<A>): Fiber.RuntimeFiber<A> {
    return Runtime.runFork(this.runtime)(Effect.interruptible(effect))
  }

  private end(): Effect.Effect<void> {
    const { wire } = this
    this.wire = undefined
    if (wire === undefined) return Effect.void
    wire.notified = undefined
    return Effect.zipRight(Effect.sync(() => wire.onEnd?.()), wire.quit)
  }

  /** With the database: who still subscribes is told so. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.isClosed = true
    for (const subscribers of this.channels.values()) {
      for (const { mailbox } of subscribers) mailbox.unsafeDone(Exit.fail(SqlError.make(closed())))
    }
    this.channels.clear()
    const stop = this.restoring === undefined ? Effect.void : Fiber.interrupt(this.restoring)
    return Effect.zipRight(stop, this.end())
  })
}

const all = new WeakMap<Dialect.Dialect, Listening>()

/** Gives a database its listening, which ends with the scope. Nothing is opened yet. */
export const attach = (dialect: Dialect.Dialect, settings: Checked): Effect.Effect<void, never, Scope.Scope> =>
  Effect.flatMap(Effect.runtime<never>(), (runtime) => {
    const listening = new Listening(settings, runtime)
    all.set(dialect, listening)
    return Effect.addFinalizer(() => listening.close)
  })

/** The one of a database; `undefined` where it is none of ours. */
export const of = (dialect: Dialect.Dialect): Listening | undefined => all.get(dialect)

const quoted = (channel: string): string => `"${channel.replaceAll("\"", "\"\"")}"`

const closed = (): Reason.ClosedError => new Reason.ClosedError({ message: "the database is closed", operation: "listen" })

const missed = (): Reason.ConnectionError =>
  new Reason.ConnectionError({ message: "the session that listens was lost: notifications may have been missed", operation: "listen", outcome: "not-applied" })
