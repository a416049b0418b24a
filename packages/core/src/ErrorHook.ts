/**
 * ErrorHook: sees every SqlError of a database, with what it happened to. It changes none.
 *
 * Whoever gets an error handles it (`SqlError.catchReason`); a hook is for who counts and reports them, and for the errors
 * that nobody gets: a connection that cannot be opened in the background, one whose closing fails, a ROLLBACK that fails
 * behind the failure of its transaction. Called where errors are built: by pools, transactions and statements.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { keyOf } from "./internal/errorHook/Hooks.js"
import type * as Reason from "./Reason.js"
import type { SqlError } from "./SqlError.js"

/**
 * An error, and what it happened to.
 *
 * @example
 * ```ts
 * import type { ErrorHook } from "@sluice/core"
 *
 * const line = ({ connection, dialect, error, phase }: ErrorHook.Event) =>
 *   `${dialect} ${phase} on ${connection?.id ?? "no connection"}: ${error.message}`
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Event {
  /** The error itself, as its effect fails with it. */
  readonly error: SqlError
  /**
   * What was being done: `connect`, `acquire`, `execute`, `stream`, `begin`, `commit`, `rollback`, `savepoint`, `ping`, `reset`,
   * `cancel`, `close`, `decode`, … It is the error's own `operation` where it has one.
   */
  readonly phase: string
  /** The statement's text with masks in the place of its parameters (`Sql.preview`), where there is one. */
  readonly statement: string | undefined
  /** The statement's label, where it has one. */
  readonly label: string | undefined
  /** The dialect's name. */
  readonly dialect: string
  /** The connection that it happened on; `undefined` where there was none, or none yet. */
  readonly connection: { readonly id: string | number; readonly endpoint: string } | undefined
  /** The pool's name, and its counts now. */
  readonly pool: Reason.PoolCounts & { readonly name: string }
  /** Which attempt failed, from 1: of a transaction with `retry`, and of connecting since it last succeeded. */
  readonly attempt: number
}

/**
 * What is called with each error. What it fails with, or dies of, is logged at the debug level and reaches nobody else.
 *
 * @example
 * ```ts
 * import type { ErrorHook } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const toLog: ErrorHook.Hook = (event) => Effect.logWarning(event.error.message, event.phase, event.statement)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Hook<R = never> = (event: Event) => Effect.Effect<unknown, unknown, R>

/**
 * Calls a hook with every SqlError of the databases that are built with this layer below them, once for each error.
 * Several layers, merged or one below the other, are all called.
 *
 * The hook runs in a fiber of its own, with the annotations and the span of the one that failed: as far as it goes
 * without waiting it has run when that one goes on, and nobody waits for the rest. It runs in no transaction of theirs. An
 * interruption is no error. What fails inside of a hook is told to no hook, so that one may write to the database; but not of
 * what keeps it from connecting (`connect`, `acquire`), or each failure would ask for the next connection.
 *
 * @example
 * ```ts
 * import { ErrorHook } from "@sluice/core"
 * import { Sqlite } from "@sluice/sqlite"
 * import { Effect, Layer, Metric } from "effect"
 *
 * const failures = Metric.frequency("db.failures")
 * const database = Sqlite.layer({ filename: "app.db" }).pipe(
 *   Layer.provide(ErrorHook.layer(({ error }) => Metric.update(failures, error.reason._tag))),
 *   Layer.provide(ErrorHook.layer(({ error, phase }) => phase === "close" ? Effect.logWarning(error.message) : Effect.void))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <R = never>(hook: Hook<R>): Layer.Layer<never, never, R> => {
  // A key of its own, so that merging two layers loses neither.
  const key = keyOf()
  return Layer.effectContext(Effect.map(Effect.context<R>(), (context): Context.Context<never> => {
    const own: Hook = (event) => Effect.provide(hook(event), context)
    return Context.unsafeMake(new Map([[key, own]]))
  }))
}
