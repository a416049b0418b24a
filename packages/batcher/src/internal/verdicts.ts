/**
 * Verdicts: what a failure says about the statement that it came from.
 *
 * @internal
 */
import type * as Reason from "@sluice/core/Reason"
import type * as SqlError from "@sluice/core/SqlError"

const refusals: ReadonlySet<Reason.Tag> = new Set<Reason.Tag>([
  "UniqueViolation", "ConstraintError", "DataError", "SqlSyntaxError", "AuthorizationError", "LimitError", "UnsupportedError", "ConfigError", "ResultError"
])

/** The database refuses the statement itself, and would again. What a trigger raises has often no name. */
export const isRefusal = ({ reason }: SqlError.SqlError): boolean =>
  reason.connection === "usable" && !reason.isRetryable && (refusals.has(reason._tag) || reason._tag === "UnknownError")

export const isTimeout = ({ reason }: SqlError.SqlError): boolean => reason._tag === "StatementTimeoutError" || reason._tag === "LockTimeoutError"

/** An error inside of a savepoint has ended the transaction around it. */
export const saysTransactionIsOver = ({ reason }: SqlError.SqlError): boolean => reason._tag === "TransactionAbortedError" || reason._tag === "TransactionStateError"
