/**
 * The one error of Sluice: a subclass of the stock `SqlError` of @effect/sql, with the same tag and a typed reason.
 *
 * It is not a tree of classes: what differs is its `reason` (see `Reason`). It is what every effect of a
 * `Database`, a `Statement`, a pool or a batcher fails with. Called by everything.
 *
 * @since 0.1.0
 */
import * as StockError from "@effect/sql/SqlError"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Reason from "./Reason.js"

/**
 * A failure of Sluice. `reason` says what; `isRetryable`, `connection` and `outcome` answer what to do about it.
 *
 * `catchTag("SqlError", …)` catches it, and `catchReason` only those with a given reason. The driver's own error
 * is in `reason.cause` and not in `cause`: a driver may quote values, and Effect's loggers print what is in `cause`.
 *
 * @example
 * ```ts
 * import { Reason, SqlError } from "@sluice/core"
 *
 * const error = new SqlError.SqlError({ reason: new Reason.ClosedError({ message: "the session is closed" }) })
 * error.message // "ClosedError: the session is closed"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class SqlError<out R extends Reason.Reason = Reason.Reason> extends StockError.SqlError {
  readonly reason: R

  constructor(options: { readonly reason: R }) {
    super({ message: `${options.reason._tag}: ${options.reason.message}` })
    this.reason = options.reason
  }

  /** Whether the same work may succeed when it is done again. */
  get isRetryable(): boolean {
    return this.reason.isRetryable
  }

  /** What became of the connection. */
  get connection(): Reason.ConnectionFate {
    return this.reason.connection
  }

  /** Whether the statement took effect. */
  get outcome(): Reason.Outcome {
    return this.reason.outcome
  }

  override toJSON(): unknown {
    return { _tag: this._tag, message: this.message, reason: this.reason.toJSON() }
  }

  override [NodeInspectSymbol](): unknown {
    return this.stack ?? this.message
  }
}

/**
 * Makes a `SqlError` of a reason.
 *
 * @example
 * ```ts
 * import { Reason, SqlError } from "@sluice/core"
 *
 * SqlError.make(new Reason.ConfigError({ message: "pool.max must be at least 1", field: "pool.max" }))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <R extends Reason.Reason>(reason: R): SqlError<R> => new SqlError({ reason })

/**
 * An effect that fails with a `SqlError` of this reason.
 *
 * @example
 * ```ts
 * import { Reason, SqlError } from "@sluice/core"
 *
 * const refused = SqlError.fail(new Reason.ClosedError({ message: "the cursor is closed" }))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fail = <R extends Reason.Reason>(reason: R): Effect.Effect<never, SqlError<R>> => Effect.fail(make(reason))

/**
 * Whether a value is a `SqlError` of ours, with a reason.
 *
 * @example
 * ```ts
 * import { SqlError } from "@sluice/core"
 *
 * SqlError.isSqlError(new Error("no")) // false
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isSqlError = (u: unknown): u is SqlError => u instanceof SqlError

/**
 * Lifts any value into a `SqlError`: ours stays as it is; a stock error, or anything else, becomes an
 * `UnknownError` with the value as its cause.
 *
 * @example
 * ```ts
 * import { SqlError } from "@sluice/core"
 * import { SqlError as Stock } from "@effect/sql/SqlError"
 *
 * SqlError.refine(new Stock({ message: "gone" })).reason._tag // "UnknownError"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const refine = (u: unknown): SqlError =>
  isSqlError(u) ? u : make(
    new Reason.UnknownError({
      message: u instanceof Error && u.message.length > 0 ? u.message : "a failure that is not of Sluice",
      cause: u
    })
  )

/**
 * Catches the `SqlError`s that have a given reason, and lets every other failure through.
 *
 * The handler gets the error, narrowed to that reason.
 *
 * @example
 * ```ts
 * import { Database, SqlError } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const insert = Effect.flatMap(Database.Database, (db) => db`INSERT INTO users (id) VALUES (${1})`.run).pipe(
 *   SqlError.catchReason("UniqueViolation", (e) => Effect.succeed(e.reason.constraint ?? "taken"))
 * )
 * ```
 *
 * @category operators
 * @since 0.1.0
 */
export const catchReason: {
  <const T extends Reason.Tag, A2, E2, R2>(
    tag: T,
    handler: (error: SqlError<Reason.WithTag<T>>) => Effect.Effect<A2, E2, R2>
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A | A2, E | E2, R | R2>
  <A, E, R, const T extends Reason.Tag, A2, E2, R2>(
    self: Effect.Effect<A, E, R>,
    tag: T,
    handler: (error: SqlError<Reason.WithTag<T>>) => Effect.Effect<A2, E2, R2>
  ): Effect.Effect<A | A2, E | E2, R | R2>
} = dual(3, <A, E, R, T extends Reason.Tag, A2, E2, R2>(
  self: Effect.Effect<A, E, R>,
  tag: T,
  handler: (error: SqlError<Reason.WithTag<T>>) => Effect.Effect<A2, E2, R2>
): Effect.Effect<A | A2, E | E2, R | R2> =>
  Effect.catchAll(self, (error): Effect.Effect<A2, E | E2, R2> => hasReason(error, tag) ? handler(error) : Effect.fail(error)))

/**
 * As `catchReason`, for several reasons at once: a record of handlers by tag.
 *
 * @example
 * ```ts
 * import { Database, SqlError } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const insert = Effect.flatMap(Database.Database, (db) => db`INSERT INTO users (id) VALUES (${1})`.run).pipe(
 *   Effect.as("inserted"),
 *   SqlError.catchReasons({
 *     UniqueViolation: () => Effect.succeed("was there"),
 *     LockTimeoutError: () => Effect.succeed("busy")
 *   })
 * )
 * ```
 *
 * @category operators
 * @since 0.1.0
 */
export const catchReasons: {
  <H extends Handlers>(
    handlers: H
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<
    A | Effect.Effect.Success<HandlerResult<H>>,
    E | Effect.Effect.Error<HandlerResult<H>>,
    R | Effect.Effect.Context<HandlerResult<H>>
  >
  <A, E, R, H extends Handlers>(
    self: Effect.Effect<A, E, R>,
    handlers: H
  ): Effect.Effect<
    A | Effect.Effect.Success<HandlerResult<H>>,
    E | Effect.Effect.Error<HandlerResult<H>>,
    R | Effect.Effect.Context<HandlerResult<H>>
  >
} = dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, handlers: Record<string, AnyHandler | undefined>) =>
  Effect.catchAll(self, (error): Effect.Effect<unknown, unknown, unknown> => {
    const handler = isSqlError(error) ? handlers[error.reason._tag] : undefined
    return handler === undefined ? Effect.fail(error) : handler(error)
  }))

type AnyHandler = (error: unknown) => Effect.Effect<unknown, unknown, unknown>

type Handlers = {
  readonly [T in Reason.Tag]?: ((error: SqlError<Reason.WithTag<T>>) => Effect.Effect<unknown, unknown, unknown>) | undefined
}

type HandlerResult<H> = {
  [T in keyof H]: H[T] extends (...args: Array<never>) => infer X ? Extract<X, Effect.Effect<unknown, unknown, unknown>> : never
}[keyof H]

/**
 * Replaces the `SqlError`s in the error channel by their reasons, so that `catchTag` sees those.
 *
 * @example
 * ```ts
 * import { Database, SqlError } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const names = Effect.flatMap(Database.Database, (db) => db<{ name: string }>`SELECT name FROM users`).pipe(
 *   SqlError.unwrapReason,
 *   Effect.catchTag("SqlSyntaxError", () => Effect.succeed([]))
 * )
 * ```
 *
 * @category operators
 * @since 0.1.0
 */
export const unwrapReason = <A, E, R>(
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, Exclude<E, StockError.SqlError> | ReasonOf<E>, R> =>
  Effect.mapError(self, (error) => (isSqlError(error) ? error.reason : error) as Exclude<E, StockError.SqlError> | ReasonOf<E>)

type ReasonOf<E> = E extends SqlError<infer R> ? R : never

const hasReason = <T extends Reason.Tag>(error: unknown, tag: T): error is SqlError<Reason.WithTag<T>> =>
  isSqlError(error) && error.reason._tag === tag
