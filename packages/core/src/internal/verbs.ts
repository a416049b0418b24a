/**
 * The database's verbs that are more than one statement: executeMany, batch, describe, a connection for an effect, and the
 * pools seen as one. A script is in a file of its own.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Column, Connection, Query, Result } from "../Connection.js"
import type { PoolView } from "../Database.js"
import type { Pool, Stats } from "../Pool.js"
import * as Reason from "../Reason.js"
import * as SqlError from "../SqlError.js"
import type { Run, Statement } from "../Statement.js"
import { type Client, currentScope, hooksOf, refused } from "./client.js"
import { heard } from "./heard.js"
import * as Named from "./named.js"
import { executeAll } from "./several.js"
import { StatementImpl } from "./statement.js"
import { transaction } from "./transaction.js"

type Rows = ReadonlyArray<ReadonlyArray<unknown>>
type Records = ReadonlyArray<Readonly<Record<string, unknown>>>

const raggedRow = (index: number, message: string) =>
  SqlError.make(new Reason.ConfigError({ message: `rows[${index}] ${message}`, field: `rows[${index}]` }))

const isArrays = (rows: Rows | Records): rows is Rows => Array.isArray(rows[0])

// All rows as arrays of one length, or the first that is not.
const aligned = (client: Client, sql: string, rows: Rows | Records): { readonly sql: string; readonly rows: Rows } | SqlError.SqlError => {
  if (isArrays(rows)) {
    const width = rows[0]?.length ?? 0
    const index = rows.findIndex((row) => !Array.isArray(row) || row.length !== width)
    return index < 0 ? { sql, rows } : raggedRow(index, `has ${Array.isArray(rows[index]) ? rows[index].length : "no"} values, rows[0] has ${width}`)
  }
  const named = Named.parse(sql, client.dialect)
  const out: Array<ReadonlyArray<unknown>> = []
  for (const [index, row] of rows.entries()) {
    // Rows come out of files and requests, too, where no type has looked at them.
    if (typeof row !== "object" || row === null) return raggedRow(index, "is no record")
    const missing = named.names.find((name) => !Object.hasOwn(row, name))
    if (missing !== undefined) return raggedRow(index, `has no value for :${missing}`)
    out.push(named.names.map((name) => row[name]))
  }
  return { sql: named.sql, rows: out }
}

export const executeMany = (client: Client) =>
(
  sql: string,
  rows: Rows | Records,
  options: { readonly atomic?: boolean | undefined; readonly onRow?: ((rowsAffected: number, index: number) => void) | undefined } = {}
): Effect.Effect<Run, SqlError.SqlError> =>
  Effect.withFiberRuntime((fiber) => {
    if (rows.length === 0) return Effect.succeed({ rowsAffected: 0, lastInsertId: undefined })
    const work = aligned(client, sql, rows)
    if (SqlError.isSqlError(work)) return refused(client, work)
    const { atomic, onRow } = options
    let index = 0
    const sent = (told?: (rowsAffected: number) => void) =>
      onConnection(client, statement(client, work.sql), (connection, query) => connection.executeMany(query, work.rows, told), rows.length)
    const send = onRow === undefined ? sent() : heard((affected: number) => onRow(affected, index++), sent)
    const isInside = atomic === false && currentScope(client, fiber.currentContext)?.held.connection.transaction === "open"
    return Effect.map(isInside ? send : transaction(client, {}, undefined)(send), (affected) => ({
      rowsAffected: affected.reduce((sum, n) => sum + n, 0),
      lastInsertId: undefined
    }))
  })

export const batch = (client: Client) =>
(
  statements: ReadonlyArray<Statement<unknown>>,
  options: { readonly atomic?: boolean | undefined; readonly onResult?: ((result: Result, index: number) => void) | undefined } = {}
): Effect.Effect<ReadonlyArray<Result>, SqlError.SqlError> => {
  if (statements.length === 0) return Effect.succeed([])
  const { onResult } = options
  const all = Effect.suspend(() => {
    const results: Array<Result> = []
    const answered = (result: Result): void => {
      results.push(result)
      onResult?.(result, results.length - 1)
    }
    return Effect.as(executeAll(client, statements, answered), results)
  })
  return options.atomic === false ? all : transaction(client, {}, undefined)(all)
}

export const describe = (client: Client) => (self: Statement<unknown>): Effect.Effect<ReadonlyArray<Column>, SqlError.SqlError> =>
  client.dialect.capabilities.describe
    ? onConnection(client, new StatementImpl(client, self, {}, undefined), (connection, query) => connection.describe(query))
    : refused(client, SqlError.make(new Reason.UnsupportedError({ message: `${client.dialect.name} cannot describe a statement`, capability: "describe" })))

export const statement = (client: Client, sql: string) =>
  new StatementImpl<object>(client, { segments: [{ _tag: "Literal", value: sql }] }, {}, undefined)

const onConnection = <A>(
  client: Client,
  self: StatementImpl<unknown>,
  send: (connection: Connection, query: Query) => Effect.Effect<A, SqlError.SqlError>,
  times = 1
): Effect.Effect<A, SqlError.SqlError> => self.send("array", send, times)

/** One connection for an effect: the fiber's own in a transaction or session, else one borrowed for it. */
export const withConnection = <A, E, R>(
  client: Client,
  use: (connection: Connection) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError.SqlError, R> =>
  Effect.withFiberRuntime((fiber) => {
    const scope = currentScope(client, fiber.currentContext)
    return scope === undefined
      ? Effect.scoped(Effect.flatMap((client.pools.session ?? client.pools.write).get, telling(client, use)))
      : scope.held.lend(scope, telling(client, use))
  })

// What a dialect's own verb fails with.
const telling = <A, E, R>(client: Client, use: (connection: Connection) => Effect.Effect<A, E, R>): typeof use => {
  const hooks = hooksOf(client)
  return hooks === undefined ? use : (connection) =>
    Effect.tapErrorCause(use(connection), (cause) => Effect.sync(() => hooks.failed(cause, { phase: "execute", connection })))
}

// Field by field, so that a count which is new does not compile until it is added up here.
const added = (a: Stats, b: Stats): Stats => ({
  size: a.size + b.size,
  idle: a.idle + b.idle,
  lent: a.lent + b.lent,
  connecting: a.connecting + b.connecting,
  waiting: a.waiting + b.waiting,
  retired: a.retired + b.retired,
  max: a.max + b.max,
  acquired: a.acquired + b.acquired,
  pipelined: a.pipelined + b.pipelined,
  waited: a.waited + b.waited,
  timeouts: a.timeouts + b.timeouts,
  opened: a.opened + b.opened,
  closed: a.closed + b.closed,
  connectFailures: a.connectFailures + b.connectFailures,
  closeFailures: a.closeFailures + b.closeFailures,
  resets: a.resets + b.resets,
  rolledBack: a.rolledBack + b.rolledBack,
  settled: a.settled + b.settled,
  leaks: a.leaks + b.leaks
})

export const poolView = (pools: ReadonlyArray<Pool>): PoolView => {
  const stats = Effect.map(Effect.all(pools.map((pool) => pool.stats)), (all) => all.reduce(added))
  return {
    stats,
    watch: (interval = 1_000) => Stream.repeatEffectWithSchedule(stats, Schedule.spaced(interval)),
    clear: Effect.all(pools.map((pool) => pool.clear), { discard: true })
  }
}
