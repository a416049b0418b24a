/**
 * Settling: stops what an interruption left under way, and hits no innocent statement by it (law S5).
 *
 * KILL QUERY stops whatever runs in a session when it arrives: so it is sent only while something of the interrupted
 * work is under way, nothing else is sent before both the KILL and the victim are answered, and a KILL that came too
 * late is taken by a statement that does nothing. Called by `connection`, after an interruption and when a stream ends
 * early.
 *
 * @internal
 */
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Control } from "./control.js"
import type { Wire } from "./wire.js"

// Most statements are over by themselves before a KILL would be there.
const patience = 1

/** Ends when the server is surely done with everything that was under way. */
export const settle = (wire: Wire, control: Control, discardLimit: number): Effect.Effect<void, SqlError.SqlError> =>
  Effect.suspend(() => wire.isIdle || wire.isClosed ? Effect.void : Effect.acquireUseRelease(
    Effect.sync(() => limited(wire, discardLimit)),
    (limit) => Effect.zipRight(stopped(wire, control), Effect.suspend(() => limit.isExceeded ? killed(wire.id, control) : Effect.void)),
    (limit) => Effect.sync(limit.end)
  ))

const stopped = (wire: Wire, control: Control): Effect.Effect<void, SqlError.SqlError> =>
  Effect.gen(function*() {
    wire.abandon()
    yield* wire.idleWithin(patience)
    if (isDone(wire)) return
    // A KILL that arrives before its statement stops nothing: it is sent again until the victim has answered.
    for (let wait = 10; !isDone(wire); wait = Math.min(wait * 2, 320)) {
      yield* unread(wire, control.kill(wire.id, "statement"))
      yield* wire.idleWithin(wait)
    }
    yield* absorb(wire)
  })

/**
 * Reads nothing of the victim's while a KILL is on its way: on busy cores that takes longer than the server needs to send
 * more than any discardLimit. A full socket keeps no KILL away.
 */
const unread = <A, E>(wire: Wire, kill: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const { stream } = wire.raw
    stream.pause()
    return Effect.ensuring(kill, Effect.sync(() => stream.resume()))
  })

/** Gives the connection up when more than this is read before the answer is complete. */
const limited = (wire: Wire, discardLimit: number): { readonly isExceeded: boolean; readonly end: () => void } => {
  const { stream } = wire.raw
  const start = stream.bytesRead
  const limit = {
    isExceeded: false,
    end: () => {
      wire.watcher = undefined
    }
  }
  wire.watcher = () => {
    if (stream.bytesRead - start <= discardLimit || isDone(wire)) return
    limit.isExceeded = true
    wire.destroy()
  }
  return limit
}

const isDone = (wire: Wire): boolean => wire.isIdle || wire.isClosed

/** Takes a KILL that came after its statement's end. The answer also tells whether a transaction is open. */
const absorb = (wire: Wire): Effect.Effect<void, SqlError.SqlError> =>
  Effect.suspend(() => wire.isClosed ? Effect.void : Effect.asVoid(Effect.retry(wire.text("DO 0", "cancel"), {
    times: 3,
    while: (error) => error.reason._tag === "CancelledError"
  })))

/** Stops a session that is given up while something runs in it; whether that succeeds is not waited for by anyone. */
export const endSession = (wire: Wire, control: Control): Effect.Effect<void> => {
  if (wire.isIdle || wire.isClosed) return Effect.sync(() => wire.destroy())
  const { id } = wire
  return Effect.zipRight(Effect.sync(() => wire.destroy()), killed(id, control))
}

// A daemon, since an interruption of who closes would reach a timeout's child behind every mask, and nothing were killed.
const killed = (id: number, control: Control): Effect.Effect<void> =>
  Effect.flatMap(Effect.forkDaemon(Effect.interruptible(Effect.timeout(control.kill(id, "session"), 2_000))), (fiber) => Effect.asVoid(Fiber.await(fiber)))

// A stream that ends early is waited for by its consumer's scope: no longer than this.
const endTimeout = 5_000

/**
 * Ends a stream for the scope that it was opened in. It cannot fail: what cannot be stopped in time belongs to a
 * connection that is given up. Whoever waits for it may be interrupted; the settling is not, since half of one is worth
 * nothing (and `Effect.timeout` would run it in a child, which an interruption reaches behind every mask).
 */
export const endStream = (wire: Wire, settled: Effect.Effect<void, SqlError.SqlError>): Effect.Effect<void> =>
  Effect.flatMap(Effect.forkDaemon(Effect.interruptible(settled)), (fiber) =>
    Effect.async<void>((resume) => {
      const give = setTimeout(() => {
        wire.destroy()
        fiber.unsafeInterruptAsFork(fiber.id())
      }, endTimeout)
      fiber.addObserver((exit) => {
        clearTimeout(give)
        if (Exit.isFailure(exit)) wire.destroy()
        resume(Exit.void)
      })
    }))

/** A statement beside an open stream: the protocol has no room for it. */
export const besideStream = (): SqlError.SqlError =>
  SqlError.make(new Reason.UnsupportedError({
    message: "MySQL runs no statement on a connection while a stream is open there",
    capability: "statementsBesideStream",
    operation: "execute"
  }))
