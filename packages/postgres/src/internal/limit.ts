/**
 * Limit: a statement's timeout, kept by the server as well, in the same round trip.
 *
 * Core's own comes first, cancels, and says whose it was; the server's, a second later, is for a process that stands still or
 * is gone without a word. It ends with the statement: outside of a transaction with the one that the round trip is,
 * inside by a statement behind it, and what fails takes it along. A shorter one of the session's stays. Used by `run`.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import { messages } from "./messages.js"
import type { Statement, Statements } from "./statements.js"
import { mayBePortal } from "./transactions.js"

const key = "sluice.statement_timeout"

const begun = `SELECT set_config('${key}', s, true), CASE WHEN s = '0' OR s::interval > $1::text::interval THEN set_config('statement_timeout', $1::text, true) END FROM current_setting('statement_timeout') AS s`

const ended = `SELECT set_config('statement_timeout', current_setting('${key}'), true)`

export class Limit {
  /** It is not known to the server yet: its Parse goes with it. */
  readonly isParsedHere: boolean

  constructor(private readonly statement: Statement, private readonly value: string, private readonly isInTransaction: boolean) {
    this.isParsedHere = !statement.isParsed
  }

  /** What stands before the statement. */
  writeBegin(): void {
    const { name, sql, types } = this.statement
    if (this.isParsedHere) {
      this.statement.isPending = true
      messages.parse(name, sql, types)
    }
    messages.bind("", name, [this.value]).execute("", 0)
  }

  /** What stands behind it. */
  writeEnd(): void {
    if (this.isInTransaction) messages.run(ended)
  }

  parsed(): void {
    if (this.statement.name !== "") this.statement.isParsed = true
  }

  over(): void {
    this.statement.isPending = false
  }
}

/** The limit of a query, where it has one that the server can keep: what ends a transaction, or runs in none, has not. */
export const limitOf = (query: Connection.Query, statements: Statements, isNamed: boolean, isInTransaction: boolean): Limit | undefined => {
  if (query.timeout === undefined || !mayBePortal(query.sql)) return undefined
  // In whole seconds, so that the server is told few different things.
  const value = `${Math.ceil(query.timeout / 1_000) + 1}s`
  return new Limit(statements.get(begun, [value], isNamed, false), value, isInTransaction)
}
