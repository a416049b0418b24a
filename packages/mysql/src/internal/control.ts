/**
 * Control: the connection beside the pool by which statements are stopped, to the same endpoint.
 *
 * It is opened when the first statement is to be stopped, kept, and opened again when it was lost. It does not know when
 * a statement may be stopped without hitting another: that is `settle`. One per database, made by the public module.
 *
 * @internal
 */
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Settings } from "./options.js"
import { connect, type Wire } from "./wire.js"

export interface Control {
  /** Ends when the server has taken note: `statement` stops what runs in that session, `session` ends it. */
  readonly kill: (id: number, what: "statement" | "session") => Effect.Effect<void, SqlError.SqlError>
}

/** A control that is closed with its scope. */
export const make = (settings: Settings): Effect.Effect<Control, never, Scope.Scope> =>
  Effect.gen(function*() {
    let wire: Wire | undefined
    const opening = yield* Effect.makeSemaphore(1)
    yield* Effect.addFinalizer(() => Effect.suspend(() => wire === undefined ? Effect.void : wire.quit))
    const opened = opening.withPermits(1)(Effect.suspend(() =>
      wire !== undefined && !wire.isClosed ? Effect.succeed(wire) : Effect.tap(connect({ ...settings, session: [] }, Effect.succeed), (fresh) =>
        Effect.sync(() => {
          wire = fresh
        }))
    ))
    const kill: Control["kill"] = (id, what) =>
      Effect.flatMap(opened, (wire) =>
        // Whoever gave up waiting saw it mute: the next one gets another.
        Effect.onInterrupt(wire.text(what === "session" ? `KILL ${id}` : `KILL QUERY ${id}`, "cancel"), () => Effect.sync(() => wire.destroy()))
      ).pipe(
        // A session that is gone already runs nothing.
        Effect.catchIf((error) => error.reason.code === noSuchThread, () => Effect.void),
        Effect.asVoid
      )
    // An idle control may have been closed by the server's wait_timeout: one more attempt opens another.
    return { kill: (id, what) => Effect.catchIf(kill(id, what), (error) => error.connection === "broken", () => kill(id, what)) }
  })

const noSuchThread = 1094
