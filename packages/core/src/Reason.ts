/**
 * A reason: what went wrong, as a tagged value inside a `SqlError`.
 *
 * Every failure of Sluice is a `SqlError` that carries one of these. The names are those of Effect 4's SQL errors,
 * with ours beside them. A reason answers three questions: may the work be tried again, is the connection still
 * good, did the statement take effect. It holds no credentials and no parameter values; the driver's own error is
 * in the non-enumerable `cause`. Built by the dialects' error tables and by core; read by users.
 *
 * @since 0.1.0
 */
import { NodeInspectSymbol } from "effect/Inspectable"

/**
 * What became of the connection: `usable` may run the next statement, `broken` is gone, `unknown` is replaced.
 *
 * @example
 * ```ts
 * import type { Reason } from "@sluice/core"
 *
 * const fate: Reason.ConnectionFate = "usable"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type ConnectionFate = "usable" | "broken" | "unknown"

/**
 * Whether the statement took effect. `unknown` means that its bytes were sent and its answer never came, or that a part of it may
 * have been done for good: of a procedure that failed outside of a transaction.
 *
 * What only reads by its words was not applied, whatever became of its answer; but a SELECT that calls what may be somebody's own
 * function may have written, and is `unknown` then.
 *
 * @example
 * ```ts
 * import type { Reason } from "@sluice/core"
 *
 * const mayRepeat = (outcome: Reason.Outcome) => outcome === "not-applied"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = "not-applied" | "applied" | "unknown"

/**
 * The fields that every reason may carry. Only `message` is required; the three answers have a default per reason.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * const options: Reason.ReasonOptions = { message: "duplicate key", code: 1062, sqlState: "23000", table: "users" }
 * new Reason.UniqueViolation(options)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface ReasonOptions {
  /** A sentence that names what failed. */
  readonly message: string
  /** What was being done: `connect`, `execute`, `begin`, `commit`, … */
  readonly operation?: string | undefined
  /** The server's or driver's own code. */
  readonly code?: string | number | undefined
  /** The five characters of SQLSTATE, where the server sends them. */
  readonly sqlState?: string | undefined
  /** The statement's text, with placeholders, never with values. */
  readonly statement?: string | undefined
  /** The constraint or index that was violated. */
  readonly constraint?: string | undefined
  /** The table that it concerns. */
  readonly table?: string | undefined
  /** The column that it concerns. */
  readonly column?: string | undefined
  /** Characters from the start of the statement, counted from 1. */
  readonly position?: number | undefined
  /** The line of copied data that was refused, or of the script where its statement begins, counted from 1. */
  readonly line?: number | undefined
  /** The statement of a script that failed, counted from 0. */
  readonly index?: number | undefined
  /** The driver's error. Never enumerable, never printed. */
  readonly cause?: unknown
  /** Instead of the reason's own answer. */
  readonly isRetryable?: boolean | undefined
  /** Instead of the reason's own answer. */
  readonly connection?: ConnectionFate | undefined
  /** Instead of the reason's own answer. */
  readonly outcome?: Outcome | undefined
}

interface Answers {
  readonly isRetryable: boolean
  readonly connection: ConnectionFate
  readonly outcome: Outcome
}

const optionalFields = ["operation", "code", "sqlState", "statement", "constraint", "table", "column", "position", "line", "index"] as const

abstract class ReasonBase {
  abstract readonly _tag: string
  readonly message: string
  readonly isRetryable: boolean
  readonly connection: ConnectionFate
  readonly outcome: Outcome
  declare readonly operation?: string
  declare readonly code?: string | number
  declare readonly sqlState?: string
  declare readonly statement?: string
  declare readonly constraint?: string
  declare readonly table?: string
  declare readonly column?: string
  declare readonly position?: number
  declare readonly line?: number
  declare readonly index?: number
  declare readonly cause?: unknown

  constructor(options: ReasonOptions, answers: Answers) {
    this.message = options.message
    this.isRetryable = options.isRetryable ?? answers.isRetryable
    this.connection = options.connection ?? answers.connection
    this.outcome = options.outcome ?? answers.outcome
    for (const field of optionalFields) {
      if (options[field] !== undefined) Object.defineProperty(this, field, { value: options[field], enumerable: true })
    }
    Object.defineProperty(this, "cause", { value: options.cause, enumerable: false })
  }

  toJSON(): unknown {
    return { ...this }
  }

  toString(): string {
    return `${this._tag}: ${this.message}`
  }

  // Node prints an Error's `cause` even where it is not enumerable, and a driver's error may quote values.
  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }
}

const retryable: Answers = { isRetryable: true, connection: "usable", outcome: "not-applied" }
const refused: Answers = { isRetryable: false, connection: "usable", outcome: "not-applied" }

/**
 * The server cannot be reached, or the connection to it was lost. Retryable. The outcome is `unknown` unless the
 * dialect knows that no byte of the statement left.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.ConnectionError({ message: "connect ECONNREFUSED", outcome: "not-applied" }).isRetryable // true
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class ConnectionError extends ReasonBase {
  readonly _tag = "ConnectionError"
  constructor(options: ReasonOptions) {
    super(options, { isRetryable: true, connection: "broken", outcome: "unknown" })
  }
}

/**
 * The server refused the credentials. Not retryable.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.AuthenticationError({ message: "password authentication failed", sqlState: "28P01" })
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class AuthenticationError extends ReasonBase {
  readonly _tag = "AuthenticationError"
  constructor(options: ReasonOptions) {
    super(options, { isRetryable: false, connection: "broken", outcome: "not-applied" })
  }
}

/**
 * The user may not do this: a missing privilege, or a database opened read-only. Not retryable.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.AuthorizationError({ message: "attempt to write a readonly database", code: "SQLITE_READONLY" })
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class AuthorizationError extends ReasonBase {
  readonly _tag = "AuthorizationError"
  constructor(options: ReasonOptions) {
    super(options, refused)
  }
}

/**
 * The statement does not parse, or names a table or column that is not there. Not retryable.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.SqlSyntaxError({ message: 'near "SELEC": syntax error', statement: "SELEC 1" })
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class SqlSyntaxError extends ReasonBase {
  readonly _tag = "SqlSyntaxError"
  constructor(options: ReasonOptions) {
    super(options, refused)
  }
}

/**
 * A primary key or unique index holds this value already. Not retryable. `constraint` names the index or the
 * columns, as far as the server tells.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.UniqueViolation({ message: "UNIQUE constraint failed: users.email", constraint: "users.email" })
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class UniqueViolation extends ReasonBase {
  readonly _tag = "UniqueViolation"
  constructor(options: ReasonOptions) {
    super(options, refused)
  }
}

/**
 * A constraint other than uniqueness: foreign key, check, not null, a trigger's abort. Not retryable.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.ConstraintError({ message: "NOT NULL constraint failed: users.name", table: "users", column: "name" })
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class ConstraintError extends ReasonBase {
  readonly _tag = "ConstraintError"
  constructor(options: ReasonOptions) {
    super(options, refused)
  }
}

/**
 * The server chose this transaction as a deadlock's victim and rolled it back. Retryable, as a whole transaction.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.DeadlockError({ message: "deadlock detected", sqlState: "40P01" }).isRetryable // true
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class DeadlockError extends ReasonBase {
  readonly _tag = "DeadlockError"
  constructor(options: ReasonOptions) {
    super(options, retryable)
  }
}

/**
 * The transaction cannot be ordered beside the others (SQLSTATE 40001, SQLITE_BUSY_SNAPSHOT). Retryable, as a whole
 * transaction.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.SerializationError({ message: "could not serialize access", sqlState: "40001" }).isRetryable // true
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class SerializationError extends ReasonBase {
  readonly _tag = "SerializationError"
  constructor(options: ReasonOptions) {
    super(options, retryable)
  }
}

/**
 * A lock was not had in time (SQLite: the database was busy for `busyTimeout`). Retryable.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.LockTimeoutError({ message: "database is locked", code: "SQLITE_BUSY" }).isRetryable // true
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class LockTimeoutError extends ReasonBase {
  readonly _tag = "LockTimeoutError"
  constructor(options: ReasonOptions) {
    super(options, retryable)
  }
}

/**
 * A statement ran longer than it may. `timeout` says whose limit it was: `statement` (`.timeout(d)`), `database`
 * (`statementTimeout` of the config), `server`, or `worker` (an earlier step still holds the only connection).
 * Retryable.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.StatementTimeoutError({ message: "ran longer than 50 ms", timeout: "statement" }).timeout // "statement"
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class StatementTimeoutError extends ReasonBase {
  readonly _tag = "StatementTimeoutError"
  readonly timeout: "statement" | "database" | "server" | "worker"
  constructor(options: ReasonOptions & { readonly timeout: StatementTimeoutError["timeout"] }) {
    super(options, { isRetryable: true, connection: "usable", outcome: "unknown" })
    this.timeout = options.timeout
  }
}

/**
 * What no table knows. Not retryable; the connection is not trusted.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.UnknownError({ message: "disk I/O error", code: "SQLITE_IOERR" }).connection // "unknown"
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class UnknownError extends ReasonBase {
  readonly _tag = "UnknownError"
  constructor(options: ReasonOptions) {
    super(options, { isRetryable: false, connection: "unknown", outcome: "unknown" })
  }
}

/**
 * No connection was had within `acquireTimeout`. Carries the pool's counts at that moment and the last failure to
 * connect, if there was one. Retryable.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.PoolTimeoutError({
 *   message: "no connection within 30s",
 *   counts: { size: 10, idle: 0, lent: 10, connecting: 0, waiting: 3, retired: 0 }
 * }).counts.waiting // 3
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class PoolTimeoutError extends ReasonBase {
  readonly _tag = "PoolTimeoutError"
  readonly counts: PoolCounts
  readonly lastConnectFailure: string | undefined
  constructor(options: ReasonOptions & { readonly counts: PoolCounts; readonly lastConnectFailure?: string | undefined }) {
    super(options, retryable)
    this.counts = options.counts
    this.lastConnectFailure = options.lastConnectFailure
  }
}

/**
 * A pool's counts at one moment. `size` is idle + lent + connecting and never above `max`; `retired` connections are
 * out of the pool and end by themselves.
 *
 * @example
 * ```ts
 * import type { Reason } from "@sluice/core"
 *
 * const counts: Reason.PoolCounts = { size: 2, idle: 1, lent: 1, connecting: 0, waiting: 0, retired: 0 }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface PoolCounts {
  /** Idle, lent and connecting ones together; never above `max`. */
  readonly size: number
  /** Ready to be lent. */
  readonly idle: number
  /** With a borrower, or being cleaned after one. */
  readonly lent: number
  /** Being opened. */
  readonly connecting: number
  /** Borrowers in the queue. */
  readonly waiting: number
  /** Out of the pool, and not ended yet. */
  readonly retired: number
}

/**
 * A value that does not fit: NaN or a function as a parameter, an integer past 2^53 where numbers were asked for,
 * a string that is too long for its column. Not retryable.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.DataError({ message: "parameter 1 is NaN, which SQLite would store as NULL" })
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class DataError extends ReasonBase {
  readonly _tag = "DataError"
  constructor(options: ReasonOptions) {
    super(options, refused)
  }
}

/**
 * The server ended the transaction by itself: nothing of it is left, and every later statement of its scope, COMMIT
 * included, fails with this. Retryable only if what ended it was.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.TransactionAbortedError({ message: "COMMIT was answered with ROLLBACK", operation: "commit" })
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class TransactionAbortedError extends ReasonBase {
  readonly _tag = "TransactionAbortedError"
  constructor(options: ReasonOptions) {
    super(options, refused)
  }
}

/**
 * A verb that does not fit the state: COMMIT without BEGIN, an unknown savepoint, a statement after an early commit.
 * Not retryable.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.TransactionStateError({ message: "there is no savepoint named before_import", operation: "rollbackTo" })
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class TransactionStateError extends ReasonBase {
  readonly _tag = "TransactionStateError"
  constructor(options: ReasonOptions) {
    super(options, refused)
  }
}

/**
 * The database, session, cursor or batcher was used after its scope closed. Not retryable.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.ClosedError({ message: "the cursor is closed" })
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class ClosedError extends ReasonBase {
  readonly _tag = "ClosedError"
  constructor(options: ReasonOptions) {
    super(options, refused)
  }
}

/**
 * The statement was cancelled on the server. An operator did it, or an interruption of ours, which the interrupted fiber
 * itself never sees. Not retryable.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.CancelledError({ message: "canceling statement due to user request", sqlState: "57014" })
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class CancelledError extends ReasonBase {
  readonly _tag = "CancelledError"
  constructor(options: ReasonOptions) {
    super(options, refused)
  }
}

/**
 * The circuit breaker is open: nothing was sent. `retryAfter` is the time in milliseconds until it lets a probe
 * through. Not retryable by a plain schedule.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.CircuitOpenError({ message: "the circuit is open", retryAfter: 30_000 }).retryAfter
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class CircuitOpenError extends ReasonBase {
  readonly _tag = "CircuitOpenError"
  readonly retryAfter: number
  constructor(options: ReasonOptions & { readonly retryAfter: number }) {
    super(options, refused)
    this.retryAfter = options.retryAfter
  }
}

/**
 * This server or dialect lacks the capability. Refused before anything is sent. Not retryable.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.UnsupportedError({ message: "SQLite has no deferrable transactions", capability: "deferrable" })
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class UnsupportedError extends ReasonBase {
  readonly _tag = "UnsupportedError"
  readonly capability: string
  constructor(options: ReasonOptions & { readonly capability: string }) {
    super(options, refused)
    this.capability = options.capability
  }
}

/**
 * Too many parameters, too large a statement. Refused before anything is sent. Not retryable.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.LimitError({ message: "too many parameters", limit: "maxParameters", maximum: 32_766, actual: 40_000 })
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class LimitError extends ReasonBase {
  readonly _tag = "LimitError"
  readonly limit: string
  readonly maximum: number
  readonly actual: number
  constructor(options: ReasonOptions & { readonly limit: string; readonly maximum: number; readonly actual: number }) {
    super(options, refused)
    this.limit = options.limit
    this.maximum = options.maximum
    this.actual = options.actual
  }
}

/**
 * An option or argument cannot work. `field` names it by its path: `pool.max`, `fetchMany.n`. Not retryable.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.ConfigError({ message: "pool.max must be at least 1, was 0", field: "pool.max" }).field
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class ConfigError extends ReasonBase {
  readonly _tag = "ConfigError"
  readonly field: string
  constructor(options: ReasonOptions & { readonly field: string }) {
    super(options, refused)
    this.field = options.field
  }
}

/**
 * The result has another shape than was asked for: `.one` of no row, two columns of one name where that was refused.
 * `expected` is words, `found` the number of rows. Not retryable. The connection is good; whether the statement ran,
 * `outcome` tells: a column that stands twice is refused before it runs.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.ResultError({ message: "expected exactly one row, found 2", expected: "exactly one row", found: 2 })
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class ResultError extends ReasonBase {
  readonly _tag = "ResultError"
  readonly expected: string
  readonly found: number
  constructor(options: ReasonOptions & { readonly expected: string; readonly found: number }) {
    super(options, { isRetryable: false, connection: "usable", outcome: "not-applied" })
    this.expected = options.expected
    this.found = options.found
  }
}

/**
 * A row could not be decoded. `row` is its index in the result, from 0; `column` the column's name. Not retryable.
 *
 * @example
 * ```ts
 * import { Reason } from "@sluice/core"
 *
 * new Reason.DecodeError({ message: "expected a number", column: "age", row: 3 }).row // 3
 * ```
 *
 * @category reasons
 * @since 0.1.0
 */
export class DecodeError extends ReasonBase {
  readonly _tag = "DecodeError"
  readonly row: number | undefined
  constructor(options: ReasonOptions & { readonly row?: number | undefined }) {
    super(options, refused)
    this.row = options.row
  }
}

/**
 * Every reason, as one union. Narrow it by `_tag`.
 *
 * @example
 * ```ts
 * import type { Reason } from "@sluice/core"
 *
 * const isDuplicate = (reason: Reason.Reason) => reason._tag === "UniqueViolation"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Reason =
  | ConnectionError
  | AuthenticationError
  | AuthorizationError
  | SqlSyntaxError
  | UniqueViolation
  | ConstraintError
  | DeadlockError
  | SerializationError
  | LockTimeoutError
  | StatementTimeoutError
  | UnknownError
  | PoolTimeoutError
  | DataError
  | TransactionAbortedError
  | TransactionStateError
  | ClosedError
  | CancelledError
  | CircuitOpenError
  | UnsupportedError
  | LimitError
  | ConfigError
  | ResultError
  | DecodeError

/**
 * The tags of all reasons.
 *
 * @example
 * ```ts
 * import type { Reason } from "@sluice/core"
 *
 * const tag: Reason.Tag = "DeadlockError"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Tag = Reason["_tag"]

/**
 * The reason with a given tag.
 *
 * @example
 * ```ts
 * import type { Reason } from "@sluice/core"
 *
 * const field = (reason: Reason.WithTag<"ConfigError">): string => reason.field
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type WithTag<T extends Tag> = Extract<Reason, { readonly _tag: T }>

/**
 * The same reason with words before its message.
 *
 * @internal
 */
export const prefixed = <R extends Reason>(reason: R, words: string): R => changed(reason, { message: words + reason.message })

/**
 * The same reason of a statement in a script: which one it is, and the line where it begins.
 *
 * @internal
 */
export const inScript = <R extends Reason>(reason: R, index: number, line: number): R =>
  changed(reason, { index, line, message: `statement ${index + 1} of the script, line ${line}: ${reason.message}` })

/**
 * The same reason of a statement that took no effect, since the transaction around it is gone.
 *
 * @internal
 */
export const undone = <R extends Reason>(reason: R): R => changed(reason, { outcome: "not-applied" })

const changed = <R extends Reason>(reason: R, fields: Readonly<Record<string, string | number>>): R =>
  Object.create(Object.getPrototypeOf(reason) as object, {
    ...Object.getOwnPropertyDescriptors(reason),
    ...Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, { value, enumerable: true }]))
  }) as R
