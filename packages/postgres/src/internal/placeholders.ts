/**
 * Placeholders: how many parameters a text can have at most.
 *
 * The server takes more types than a text has placeholders, and never tells: too many parameters must be found here. Too
 * few it refuses itself. A `$1` inside a string counts as well, which only lets the server decide. Called by
 * `connection` and `many`.
 *
 * @internal
 */
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"

const known = new Map<string, number>()

/** Looked at once per text: a point query does not read its text twice. */
const highest = (sql: string): number => {
  const counted = known.get(sql)
  if (counted !== undefined) return counted
  let most = 0
  for (const [, digits] of sql.matchAll(/\$(\d{1,5})/g)) most = Math.max(most, Number(digits))
  if (known.size >= 1_000) known.clear()
  if (sql.length <= 10_000) known.set(sql, most)
  return most
}

/** A DataError where there are more parameters than placeholders. */
export const miscounted = (sql: string, count: number): SqlError.SqlError | undefined => {
  if (count === 0) return undefined
  const most = highest(sql)
  return count <= most ? undefined : SqlError.make(new Reason.DataError({
    message: `the statement has ${most} placeholders, and ${count} parameters were given`,
    operation: "encode",
    statement: sql
  }))
}
