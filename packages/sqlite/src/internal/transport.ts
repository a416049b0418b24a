/**
 * A transport: how the requests of a connection reach its handle.
 *
 * There are two: `thread` posts them to a worker, `inline` performs them at once. Both take the same requests to the
 * same verbs. Called by `connection`, `cursor` and `bulk`.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { SqlError } from "@sluice/core/SqlError"
import type { Verb, Verbs } from "./protocol.js"

/** What is done with the answer to a request that nobody waits for in an effect. */
export interface Receiver<A> {
  done(reply: A): void
  failed(error: SqlError): void
}

/** The way to one handle. */
export interface Transport {
  readonly id: string | number
  readonly native: unknown
  readonly isClosed: boolean
  readonly inTransaction: boolean
  /** Chunks that a stream may have under way or ready: with two, both threads work at once. */
  readonly window: number
  /** Sends a request; the effect is an Exit where the answer is there already. `finish` makes the result of the reply. */
  readonly call: <V extends Verb, A>(
    verb: V,
    arg: Verbs[V]["arg"],
    statement: string | undefined,
    finish: (reply: Verbs[V]["reply"]) => A
  ) => Effect.Effect<A, SqlError>
  /** Sends a request of an open query, whose answer is taken when it comes. */
  readonly send: <V extends Verb>(
    verb: V,
    arg: Verbs[V]["arg"],
    statement: string | undefined,
    owner: number,
    receiver: Receiver<Verbs[V]["reply"]>
  ) => void
  /** Stops what an open query still has under way, unless others would be stopped with it. */
  readonly abandon: (owner: number) => void
  readonly settle: Effect.Effect<void, SqlError>
  readonly close: (how: "graceful" | "destroy") => Effect.Effect<void, SqlError>
}
