/**
 * Several: statements in order on one connection, in as few round trips as it allows, a result each.
 *
 * It opens no transaction. Their limits of time are one for all of them, the sum: what is sent together is answered
 * together. Called by `verbs`.
 *
 * @internal
 */
import * as StockStatement from "@effect/sql/Statement"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import type { Connection, Query, Result } from "../Connection.js"
import type * as SqlError from "../SqlError.js"
import type { Statement } from "../Statement.js"
import * as Telemetry from "../Telemetry.js"
import { type Client, refused, scopeFor } from "./client.js"
import { heard } from "./heard.js"
import { type Prepared, runIn } from "./run.js"
import { StatementImpl } from "./statement.js"

/** Runs statements one after the other; `answered` gets the result of each as it comes. */
export const executeAll = (
  client: Client,
  statements: ReadonlyArray<Statement<unknown>>,
  answered: (result: Result) => void
): Effect.Effect<void, SqlError.SqlError> =>
  Effect.withFiberRuntime((fiber) => {
    const own = plain(client, statements, fiber.currentContext)
    // A transformer looks at each statement by itself, and so does the log.
    if (own === undefined || own.length === 1 || fiber.getFiberRef(StockStatement.currentTransformer)._tag === "Some" || client.log !== undefined) {
      return Effect.forEach(statements, (statement) => Effect.map(statement.result, answered), { discard: true })
    }
    const queries: Array<Query> = []
    let leavesState = false
    let readOnly = true
    let callsUnknown = false
    let timeout: number | undefined = 0
    for (const statement of own) {
      const prepared = statement.batched(fiber.currentContext)
      if (Either.isLeft(prepared)) return refused(client, prepared.left)
      const { query } = prepared.right
      queries.push(query)
      leavesState ||= prepared.right.leavesState
      readOnly &&= query.readOnly
      callsUnknown ||= query.callsUnknown === true
      timeout = timeout === undefined || query.timeout === undefined ? undefined : timeout + query.timeout
    }
    const first = queries[0]!
    const whole: Prepared = { query: { ...first, readOnly, callsUnknown, timeout }, leavesState, timeout: "database", label: undefined }
    let at = 0
    const scope = scopeFor(client, fiber.currentContext, own[0]!.scope)
    const run = heard((result: Result) => answered(own[at++]!.resultOf(result)), (told) =>
      runIn(client, scope, whole, (connection) => onConnection(connection, queries, told), identity))
    return Telemetry.isTraced(fiber) || client.measured
      ? Telemetry.statementSpan(client, { verb: "BATCH", sql: first.sql, label: undefined }, undefined, (span) => {
        span.attribute("db.operation.batch.size", queries.length)
        return run
      })
      : run
  })

// Those of another database, of another session, or with a decoder or a Schema behind them go their own way.
const plain = (
  client: Client,
  statements: ReadonlyArray<Statement<unknown>>,
  context: Context.Context<never>
): ReadonlyArray<StatementImpl<unknown>> | undefined => {
  const own: Array<StatementImpl<unknown>> = []
  for (const statement of statements) {
    if (!(statement instanceof StatementImpl) || statement.client !== client || statement.isDecoded(context) || (own.length > 0 && statement.scope !== own[0]!.scope)) return undefined
    own.push(statement)
  }
  return own
}

const onConnection = (
  connection: Connection,
  queries: ReadonlyArray<Query>,
  answered: (result: Result) => void
): Effect.Effect<void, SqlError.SqlError> =>
  connection.executeAll === undefined
    ? Effect.forEach(queries, (query) => Effect.map(connection.execute(query), answered), { discard: true })
    : connection.executeAll(queries, answered)
