/**
 * The inline transport: the handle on the caller's own thread.
 *
 * Its answers are Exits, made when the verb is called; nothing can be interrupted. Called by `connection` where
 * `threads` is false.
 *
 * @since 0.1.0
 */
import type { SqlError } from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { toSqlError } from "./errors.js"
import { faultOf } from "./fault.js"
import { type Handle, open } from "./handle.js"
import type { Settings } from "./options.js"
import type { Verb, Verbs } from "./protocol.js"
import type { Receiver, Transport } from "./transport.js"
import { perform } from "./verbs.js"

let ids = 0

/** Opens a handle on this thread. */
export const connect = (settings: Settings): Effect.Effect<Transport, SqlError> =>
  Effect.map(
    Effect.tryPromise({
      try: () => open(settings, undefined),
      catch: (error) => toSqlError(faultOf(error, "open"), "connect", undefined, causeOf(error))
    }),
    (handle) => new Inline(handle, ++ids)
  )

class Inline implements Transport {
  readonly window = 1
  readonly settle = Effect.void

  constructor(private readonly handle: Handle, readonly id: number) {}

  get native(): unknown {
    return this.handle.db
  }

  get isClosed(): boolean {
    return !this.handle.db.open
  }

  get inTransaction(): boolean {
    return this.handle.inTransaction
  }

  call<V extends Verb, A>(
    verb: V,
    arg: Verbs[V]["arg"],
    statement: string | undefined,
    finish: (reply: Verbs[V]["reply"]) => A
  ): Effect.Effect<A, SqlError> {
    try {
      const reply = perform(this.handle, 0, verb, arg)
      if (!(reply instanceof Promise)) return Exit.succeed(finish(reply))
      // The work has begun; an interruption of the effect does not end it, so it is not offered.
      return Effect.uninterruptible(
        Effect.tryPromise({ try: () => reply.then(finish), catch: (error) => this.errorOf(error, verb, statement) })
      )
    } catch (error) {
      return Exit.fail(this.errorOf(error, verb, statement))
    }
  }

  send<V extends Verb>(
    verb: V,
    arg: Verbs[V]["arg"],
    statement: string | undefined,
    _owner: number,
    receiver: Receiver<Verbs[V]["reply"]>
  ): void {
    try {
      const reply = perform(this.handle, 0, verb, arg)
      if (reply instanceof Promise) reply.then((value) => receiver.done(value), (error: unknown) => receiver.failed(this.errorOf(error, verb, statement)))
      else receiver.done(reply)
    } catch (error) {
      receiver.failed(this.errorOf(error, verb, statement))
    }
  }

  abandon(): void {}

  close(): Effect.Effect<void, SqlError> {
    return Effect.suspend(() => this.isClosed ? Effect.void : this.call("close", undefined, undefined, () => undefined))
  }

  private errorOf(error: unknown, verb: Verb, statement: string | undefined): SqlError {
    return toSqlError(faultOf(error, this.handle.phase), verb, statement, causeOf(error))
  }
}

const causeOf = (error: unknown): unknown => error instanceof Error && error.cause !== undefined ? error.cause : error
