/**
 * Several: different statements sent behind each other without waiting, inside a transaction.
 *
 * Each has its own Sync, so that its answer is its own. After a failure the server runs none of the later ones, since the
 * transaction has failed; a text that would end the transaction, or a savepoint of it, is therefore never behind
 * another. Outside of a transaction what follows a failure would run: they go one by one. Called by `connection`.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Postgres } from "./connection.js"
import type { Encoded } from "./messages.js"
import { Status } from "./wire.js"

// What is under way at once. A text of 100 KB is a hundred times as much as a point query, so both are counted.
const mostQueries = 500
const mostCharacters = 524_288

/** Runs queries in order; `answered` gets the result of each. */
export const execute = (
  connection: Postgres,
  queries: ReadonlyArray<Connection.Query>,
  answered: (result: Connection.Result) => void
): Effect.Effect<void, SqlError.SqlError> => {
  const next = (from: number): Effect.Effect<void, SqlError.SqlError> =>
    Effect.suspend(() => {
      if (from >= queries.length) return Exit.void
      const to = connection.wire.status === Status.open && connection.alone.size === 0 && !connection.settings.statementSavepoints ? reach(queries, from) : from + 1
      if (to - from > 1) return Effect.flatMap(together(connection, queries.slice(from, to), answered), (count) => next(from + count))
      return Effect.flatMap(connection.execute(queries[from]!), (result) => {
        answered(result)
        return next(from + 1)
      })
    })
  return next(0)
}

const plain = /^\s*(?:INSERT|UPDATE|DELETE|MERGE|SELECT|VALUES|WITH)\b/i

const reach = (queries: ReadonlyArray<Connection.Query>, from: number): number => {
  let characters = 0
  let to = from
  for (; to < queries.length && to - from < mostQueries; to++) {
    const { sql } = queries[to]!
    characters += sql.length
    if (!plain.test(sql) || (to > from && characters > mostCharacters)) break
  }
  return Math.max(to, from + 1)
}

const together = (
  connection: Postgres,
  queries: ReadonlyArray<Connection.Query>,
  answered: (result: Connection.Result) => void
): Effect.Effect<number, SqlError.SqlError> =>
  Effect.suspend(() => {
    const encoded: Array<ReadonlyArray<Encoded>> = []
    let refusal: SqlError.SqlError | undefined
    for (const query of queries) {
      const params = connection.encoded(query)
      if (params instanceof SqlError.SqlError) {
        refusal = params
        break
      }
      encoded.push(params)
    }
    // Those before it are run, as they would be one by one.
    const sent = queries.slice(0, encoded.length)
    if (sent.length === 0 && refusal !== undefined) return Exit.fail(refusal)
    const texts = new Map<string, number>()
    for (const { sql } of sent) texts.set(sql, (texts.get(sql) ?? 0) + 1)
    return Effect.async((resume) => {
      let open = sent.length
      let failure: SqlError.SqlError | undefined
      const ended = (exit: Exit.Exit<Connection.Result, SqlError.SqlError>): void => {
        open--
        // What follows a failure fails because of it: the first one is the reason.
        if (failure === undefined) {
          if (Exit.isSuccess(exit)) answered(exit.value)
          else if (exit.cause._tag === "Fail") failure = exit.cause.error
        }
        if (open > 0) return
        const error = failure ?? refusal
        resume(error === undefined ? Exit.succeed(sent.length) : Exit.fail(error))
      }
      for (const [i, query] of sent.entries()) {
        // A text that comes once is most likely made by a program. Of more than the connection keeps, one would be closed
        // before it is bound.
        const isNamed = query.prepare && texts.get(query.sql)! > 1 && texts.size < connection.settings.maxPrepared / 2
        const named = isNamed ? query : { ...query, prepare: false }
        connection.behind(named, encoded[i]!, ended)
      }
    })
  })
