/**
 * A pool: lends connections, first come, first served, bounded and self-healing.
 *
 * It does not know SQL or transactions beyond rolling back what a borrower left open. What it decides is in
 * `internal/pool/State`, what it does in `internal/pool/Lending`. Made by a dialect's layer, used by `Database`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Connection } from "./Connection.js"
import type { Dialect } from "./Dialect.js"
import { applied } from "./internal/pool/applied.js"
import { check } from "./internal/pool/config.js"
import { Lending, type Restore } from "./internal/pool/Lending.js"
import type { Entry } from "./internal/pool/State.js"
import type * as Reason from "./Reason.js"
import type { SqlError } from "./SqlError.js"
import { Metrics, poolObserver } from "./Telemetry.js"

/**
 * Options of a pool. Durations are milliseconds where they are numbers; `Duration.infinity` is never. A value that
 * cannot work fails the layer with a ConfigError that names its field.
 *
 * @example
 * ```ts
 * import type { Pool } from "@sluice/core"
 *
 * const config: Pool.Config = { max: 20, min: 2, acquireTimeout: "5 seconds", leakAfter: "1 minute" }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Config {
  /** The most connections at a time, at least 1. Default 10, as HikariCP's `maximumPoolSize`. */
  readonly max?: number | undefined
  /** Connections that are kept open, in use or not. Default 0, as pgx's `MinConns`. */
  readonly min?: number | undefined
  /** Connections that are kept idle, ready for a burst. Default 0, as pgx's `MinIdleConns`. */
  readonly minIdle?: number | undefined
  /**
   * How long a borrower may wait before the acquisition fails with PoolTimeoutError. Counts the wait in the queue, the
   * connecting and the validating together. Default 30 seconds, as HikariCP's `connectionTimeout`.
   */
  readonly acquireTimeout?: Duration.DurationInput | undefined
  /** An idle connection beyond `min` and `minIdle` is closed after this. Default 10 minutes, as HikariCP's. */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /** A connection this old is not lent again. Default 30 minutes, as HikariCP's. */
  readonly maxLifetime?: Duration.DurationInput | undefined
  /** The share of `maxLifetime` by which lifetimes differ at random, 0 to 1. Default 0.025, as HikariCP's. */
  readonly jitter?: number | undefined
  /** An idle connection is pinged when it was neither used nor pinged for this long. Default 2 minutes, as HikariCP's. */
  readonly keepAlive?: Duration.DurationInput | undefined
  /** A connection that idled longer than this is pinged before it is lent. 0 pings always. Default 1 second, as pgx's. */
  readonly validateAfter?: Duration.DurationInput | undefined
  /** A connection held longer than this is reported with the place that took it. Default never, as HikariCP's. */
  readonly leakAfter?: Duration.DurationInput | undefined
  /** How long closing waits for borrowers before it destroys their connections. Default 10 seconds. */
  readonly closeTimeout?: Duration.DurationInput | undefined
  /**
   * How long a cancelled statement may take to end, a ROLLBACK, a ping or a reset. Past it the connection is destroyed
   * and replaced. Default 5 seconds.
   */
  readonly cancelTimeout?: Duration.DurationInput | undefined
  /**
   * When a returned connection is reset: `tracked` (default) after a session, and after a statement that may leave
   * something behind by its words; `always` after every use.
   */
  readonly reset?: "tracked" | "always" | undefined
  /** Opens no connection before the first borrower. Default false: at least one is opened, so that a wrong config shows. */
  readonly lazy?: boolean | undefined
}

/**
 * What `make` needs besides the config: how to connect.
 *
 * @example
 * ```ts
 * import { type Connection, Pool, type SqlError } from "@sluice/core"
 * import type { Effect } from "effect"
 *
 * const pool = (connect: Effect.Effect<Connection.Connection, SqlError.SqlError>) =>
 *   Pool.make({ name: "orders", connect, max: 4 })
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options<C extends Connection = Connection> extends Config {
  /** Names the pool in errors, logs and metrics. */
  readonly name: string
  /** The dialect of its connections, for `ErrorHook`. */
  readonly dialect?: Dialect | undefined
  /**
   * Opens one connection. Run once per physical connection, so that credentials in it are always fresh. It is interrupted
   * past `acquireTimeout` and when the pool closes.
   *
   * As a function it gets `opened`, to be called the moment the connection is there: whatever becomes of the effect after
   * that, the connection is closed or lent. An interruption that comes in the effect's very last step would drop it.
   */
  readonly connect: Effect.Effect<C, SqlError> | ((opened: (connection: C) => void) => Effect.Effect<C, SqlError>)
  /**
   * Says why a connection of this pool must not be replaced while it is busy (it holds a lock, or the data itself).
   * Past `cancelTimeout` such a one stays, and until it is free every borrower fails at once with
   * StatementTimeoutError and this sentence.
   */
  readonly irreplaceable?: string | undefined
  /** Its connections hold the data itself: none is ever closed for its age or by `clear`. Default false. */
  readonly pinned?: boolean | undefined
  /**
   * Whether a connection may still be lent, for more than its age: asked when it has been opened, and of every one when
   * the answers have changed (`Hosts`: a failover). Default: always.
   */
  readonly isCurrent?: ((connection: C) => boolean) | undefined
  /** Every effect of its connections is an `Exit`: the work is done when the effect is made. Default false. */
  readonly synchronous?: boolean | undefined
  /**
   * Leases that single statements may share at a time, each as many as its connection's `maxInFlight` says. Such a lease
   * goes back when the last of them is answered. Default 0.
   */
  readonly lanes?: number | undefined
}

/**
 * A pool's counts now, and what it has done since it was made.
 *
 * @example
 * ```ts
 * import type { Pool } from "@sluice/core"
 *
 * const busy = (stats: Pool.Stats) => stats.lent / stats.max
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats extends Reason.PoolCounts {
  /** The most connections at a time. */
  readonly max: number
  /** Leases given out, and places on a shared one. */
  readonly acquired: number
  /** Statements that were sent on a connection behind others, which were not answered yet. */
  readonly pipelined: number
  /** Leases for which the borrower had to queue. */
  readonly waited: number
  /** Acquisitions that ended in PoolTimeoutError. */
  readonly timeouts: number
  /** Connections opened. */
  readonly opened: number
  /** Connections closed. */
  readonly closed: number
  /** Attempts to connect that failed. */
  readonly connectFailures: number
  /** Connections whose closing failed; they are gone all the same. */
  readonly closeFailures: number
  /** Sessions that were reset before they were lent again. */
  readonly resets: number
  /** Transactions that a borrower left open and the pool rolled back. */
  readonly rolledBack: number
  /** Statements that were settled after an interruption. */
  readonly settled: number
  /** Connections held longer than `leakAfter`. */
  readonly leaks: number
}

/**
 * A pool of connections.
 *
 * @example
 * ```ts
 * import type { Pool } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const ping = (pool: Pool.Pool) => pool.use((connection) => connection.ping).pipe(Effect.timeout("1 second"))
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Pool<C extends Connection = Connection> {
  /** Its name in errors, logs and metrics. */
  readonly name: string
  /**
   * Borrows a connection for one effect. The connection is settled after an interruption, and rolled back when a
   * transaction is left open; a caller who changes the session uses `get` instead, which also resets it.
   */
  readonly use: <A, E, R>(f: (connection: C) => Effect.Effect<A, E, R>) => Effect.Effect<A, E | SqlError, R>
  /** Borrows a connection until the scope closes; it is reset before it is lent again. */
  readonly get: Effect.Effect<C, SqlError, Scope.Scope>
  /** The counts now. */
  readonly stats: Effect.Effect<Stats>
  /** The stats now, and again after every `interval` (default 1 second). */
  readonly watch: (interval?: Duration.DurationInput) => Stream.Stream<Stats>
  /** Closes idle connections, and those in use when they come back. */
  readonly clear: Effect.Effect<void>
  /** @internal */
  readonly lending: Lending<C>
}

/**
 * Makes a pool that is closed with its scope: it then waits `closeTimeout` for its borrowers and destroys what is left.
 *
 * Opens `min` connections in parallel, at least one, unless `lazy`; fails with what the connecting failed with, or
 * with PoolTimeoutError past `acquireTimeout`. A config that cannot work is a ConfigError.
 *
 * @example
 * ```ts
 * import { type Connection, Pool, type SqlError } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const once = (connect: Effect.Effect<Connection.Connection, SqlError.SqlError>) =>
 *   Effect.scoped(Effect.flatMap(Pool.make({ name: "one", connect, max: 1 }), (pool) => pool.stats))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <C extends Connection>(options: Options<C>): Effect.Effect<Pool<C>, SqlError, Scope.Scope> =>
  Effect.gen(function*() {
    const settings = yield* check(options)
    const runtime = yield* Effect.runtime<never>()
    const clock = yield* Effect.clock
    const observer = (yield* Metrics) ? poolObserver(options.name) : undefined
    const lending = yield* Effect.acquireRelease(
      Effect.sync(() => new Lending<C>(options, settings, runtime, clock, observer)),
      (lending) => lending.close
    )
    yield* lending.open
    const stats = Effect.sync(() => lending.stats())
    return {
      name: options.name,
      use: (f) => use(lending, f),
      get: get(lending),
      stats,
      watch: (interval = 1_000) => Stream.repeatEffectWithSchedule(stats, Schedule.spaced(interval)),
      clear: lending.clear,
      lending
    }
  })

const use = <C extends Connection, A, E, R>(
  lending: Lending<C>,
  f: (connection: C) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError, R> =>
  Effect.uninterruptibleMask((restore) => {
    const entry = lending.take()
    return entry === undefined
      ? Effect.flatMap(lending.acquire(restore), (entry) => lent(lending, entry, restore, f))
      : lent(lending, entry, restore, f)
  })

const lent = <C extends Connection, A, E, R>(
  lending: Lending<C>,
  entry: Entry<C>,
  restore: Restore,
  f: (connection: C) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  lending.leaks.track(entry)
  return Effect.matchCauseEffect(restore(applied(f, entry.connection)), {
    onSuccess: (value) => {
      lending.release(entry)
      return Effect.succeed(value)
    },
    onFailure: (cause) => {
      if (Cause.isInterrupted(cause)) lending.abandon(entry)
      else lending.release(entry)
      return Effect.failCause(cause)
    }
  })
}

const get = <C extends Connection>(lending: Lending<C>): Effect.Effect<C, SqlError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const entry = lending.take() ?? (yield* lending.acquire(restore))
      lending.leaks.track(entry)
      entry.dirty = true
      yield* Effect.addFinalizer((exit) => Effect.sync(() => Exit.isInterrupted(exit) ? lending.abandon(entry) : lending.release(entry)))
      return entry.connection
    })
  )
