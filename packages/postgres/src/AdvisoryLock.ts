/**
 * Advisory locks, held by a session until a scope closes, or by a transaction until its end. Exported through `Postgres`.
 *
 * The server keeps them, and knows nothing of what they protect: a lock is as good as everybody's asking for it.
 *
 * @since 0.1.0
 */
import * as Database from "@sluice/core/Database"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { isPostgres } from "./internal/connection.js"
import { dialect } from "./internal/dialect.js"
import { foreign } from "./internal/holding.js"
import { withSettings } from "./Settings.js"

/**
 * What is locked: a 64-bit integer, or two of 32 bits, which are a space of their own.
 *
 * @example
 * ```ts
 * import type { Postgres } from "@sluice/postgres"
 *
 * const key: Postgres.LockKey = [7, 42]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type LockKey = number | bigint | readonly [first: number, second: number]

/**
 * How a lock is asked for.
 *
 * @example
 * ```ts
 * import type { Postgres } from "@sluice/postgres"
 *
 * const options: Postgres.LockOptions = { shared: true, wait: "2 seconds" }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface LockOptions {
  /** Others may hold it shared, too. Default false. */
  readonly shared?: boolean | undefined
  /** Whether another holder is waited for: as long as it takes (`true`, default), not at all, or so long; then LockTimeoutError. */
  readonly wait?: boolean | Duration.DurationInput | undefined
}

/**
 * A lock that is held until its scope closes.
 *
 * @example
 * ```ts
 * import type { Postgres } from "@sluice/postgres"
 * import { Effect } from "effect"
 *
 * const work = (lock: Postgres.AdvisoryLock, job: Effect.Effect<void>) => lock.whileHeld(job)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface AdvisoryLock {
  /** Fails with ConnectionError when the session is lost, and the lock with it: another may hold it from then on. */
  readonly lost: Effect.Effect<never, SqlError.SqlError>
  /** Runs an effect, and interrupts it when the lock is lost: it fails with ConnectionError then. */
  readonly whileHeld: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SqlError.SqlError, R>
}

/**
 * Takes an advisory lock and holds it until the scope closes, in a session of its own, which is one of the pool's
 * connections.
 *
 * Interrupted while it waits, it leaves nothing behind. A session that is lost has lost the lock: run what it protects with
 * `whileHeld`. LockTimeoutError where another holds it for too long; UnsupportedError where there are no sessions.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Postgres } from "@sluice/postgres"
 * import { Effect } from "effect"
 *
 * const alone = (job: Effect.Effect<void>) =>
 *   Effect.scoped(Effect.gen(function*() {
 *     const db = yield* Database.Database
 *     const lock = yield* Postgres.advisoryLock(db, 42, { wait: false })
 *     yield* lock.whileHeld(job)
 *   }))
 * ```
 *
 * @category verbs
 * @since 0.1.0
 */
export const advisoryLock = (db: Database.Database, key: LockKey, options: LockOptions = {}): Effect.Effect<AdvisoryLock, SqlError.SqlError, Scope.Scope> =>
  Effect.gen(function*() {
    const { call, params } = yield* asked(db, key, options, "")
    const session = yield* db.session
    const lost = yield* Deferred.make<never, SqlError.SqlError>()
    const end = () => Deferred.unsafeDone(lost, SqlError.fail(new Reason.ConnectionError({
      message: "the session that holds the advisory lock was lost", operation: "advisoryLock", outcome: "not-applied"
    })))
    // Unlocked at once, and not only when the pool resets the session: the next one waits for it.
    yield* Effect.addFinalizer(() =>
      Effect.ignore(session.unsafe(`SELECT pg_advisory_unlock${options.shared === true ? "_shared" : ""}(${params.length === 1 ? "$1::bigint" : "$1::int, $2::int"})`, params)))
    yield* session.provide(take(db, call, params, options))
    const wire = yield* session.provide(db.withConnection((connection) => isPostgres(connection) ? Effect.succeed(connection.wire) : foreign("advisoryLock")))
    wire.onEnd = end
    yield* Effect.addFinalizer(() => Effect.sync(() => {
      wire.onEnd = undefined
    }))
    if (wire.isClosed) end()
    // A peer that is gone without a word is not there to be heard of.
    const beating = Effect.forever(Effect.zipRight(Effect.sleep(heartbeat), Effect.catchAll(Effect.timeout(session.ping, patience), () => Effect.sync(end))))
    // A fiber begins as its maker is, and whoever takes a lock may be masked: its scope would wait for the heartbeat forever.
    yield* Effect.forkScoped(Effect.interruptible(beating))
    return { lost: Deferred.await(lost), whileHeld: (self) => Effect.raceFirst(self, Deferred.await(lost)) }
  })

const [heartbeat, patience] = [20_000, 10_000]

/**
 * Takes an advisory lock that the fiber's transaction holds until its end.
 *
 * Where another holds it for too long this fails with LockTimeoutError, and the transaction goes on. TransactionStateError where
 * the fiber is in no transaction.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Postgres } from "@sluice/postgres"
 * import { Effect } from "effect"
 *
 * const next = Effect.flatMap(Database.Database, (db) =>
 *   db.transaction(Effect.zipRight(Postgres.transactionLock(db, [1, 7]), db`UPDATE counters SET n = n + 1 WHERE id = 7`)))
 * ```
 *
 * @category verbs
 * @since 0.1.0
 */
export const transactionLock = (db: Database.Database, key: LockKey, options: LockOptions = {}): Effect.Effect<void, SqlError.SqlError> =>
  Effect.flatMap(asked(db, key, options, "xact_"), ({ call, params }) => Effect.zipRight(db.currentTransaction, take(db, call, params, options)))

const take = (db: Database.Database, call: string, params: ReadonlyArray<unknown>, { wait = true }: LockOptions): Effect.Effect<void, SqlError.SqlError> => {
  const ask = Database.onPrimary(db.unsafe(`SELECT ${call}`, params).values)
  if (wait === true) return Effect.asVoid(ask)
  if (wait === false) {
    return Effect.flatMap(ask, ([row]) => row?.[0] === true ? Effect.void : SqlError.fail(new Reason.LockTimeoutError({
      message: "another session holds the advisory lock", operation: "advisoryLock"
    })))
  }
  const milliseconds = Duration.toMillis(wait)
  if (!Number.isFinite(milliseconds)) return Effect.asVoid(ask)
  // 0 would be for ever. A savepoint: that it took too long is no failure of the transaction.
  return Effect.asVoid(withSettings(db, { lock_timeout: String(Math.max(1, Math.ceil(milliseconds))) })(ask))
}

const asked = (
  db: Database.Database,
  key: LockKey,
  { shared = false, wait = true }: LockOptions,
  level: "" | "xact_"
): Effect.Effect<{ readonly call: string; readonly params: ReadonlyArray<number | bigint> }, SqlError.SqlError> => {
  if (db.dialect.name !== dialect.name) return foreign("advisoryLock")
  const isPair = typeof key === "object"
  const fits = isPair
    ? key.every((half) => Number.isInteger(half) && half >= -(2 ** 31) && half < 2 ** 31)
    : typeof key === "bigint" ? BigInt.asIntN(64, key) === key : Number.isSafeInteger(key)
  if (!fits) {
    return SqlError.fail(new Reason.ConfigError({ message: `key must be ${isPair ? "two integers of 32 bits" : "an integer of 64 bits"}`, field: "key", operation: "advisoryLock" }))
  }
  const name = `pg_${wait === false ? "try_" : ""}advisory_${level}lock${shared ? "_shared" : ""}`
  return Effect.succeed(isPair ? { call: `${name}($1::int, $2::int)`, params: [...key] } : { call: `${name}($1::bigint)`, params: [key] })
}
