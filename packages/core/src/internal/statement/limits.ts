/**
 * Limits of one statement, by its dialect (law Q5): what the server would refuse is refused before anything is sent.
 *
 * @internal
 */
import type { Dialect } from "../../Dialect.js"
import * as Reason from "../../Reason.js"

const encoder = new TextEncoder()

/** Why a statement is too much for its dialect; `undefined` where it is not. */
export const overLimits = ({ limits, name }: Dialect, sql: string, params: ReadonlyArray<unknown>): Reason.Reason | undefined => {
  const { maxParameters, longestStatementBytes: maxStatementBytes = limits.maxStatementBytes } = limits
  if (params.length > maxParameters) {
    return new Reason.LimitError({
      message: `${name} takes ${maxParameters} parameters, the statement has ${params.length}`,
      limit: "maxParameters",
      maximum: maxParameters,
      actual: params.length
    })
  }
  // A UTF-16 unit is at most three bytes of UTF-8, so that a short text need not be encoded.
  if (sql.length * 3 <= maxStatementBytes) return undefined
  const bytes = encoder.encode(sql).length
  return bytes <= maxStatementBytes ? undefined : new Reason.LimitError({
    message: `${name} takes statements of ${maxStatementBytes} bytes, this one has ${bytes}`,
    limit: "maxStatementBytes",
    maximum: maxStatementBytes,
    actual: bytes
  })
}
