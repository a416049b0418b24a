/**
 * What a database's statements, transactions and sessions share: its dialect, its pools, its settings, and the keys
 * under which a fiber carries its transaction.
 *
 * It holds no verb. Made once by `Database.make`, read by everything that runs.
 *
 * @internal
 */
import * as StockClient from "@effect/sql/SqlClient"
import type * as StockConnection from "@effect/sql/SqlConnection"
import type * as StockStatement from "@effect/sql/Statement"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Connection from "../Connection.js"
import type { Dialect } from "../Dialect.js"
import type { Examination } from "../Examination.js"
import type { Pool } from "../Pool.js"
import type { Classification } from "../SqlScript.js"
import type * as SqlError from "../SqlError.js"
import { type Hooks, refuse } from "./errorHook/Hooks.js"
import type { Replicas } from "./replicas.js"
import type { Scope } from "./scope.js"
import type { Log } from "./telemetry/log.js"

/** The pools of a database. Where there is only `write`, it serves everything. */
export interface Pools {
  /** Statements that may write, and transactions. */
  readonly write: Pool
  /** Statements that only read, outside of transactions; and read-only transactions. */
  readonly read: Pool | undefined
  /** Sessions and reserved connections. */
  readonly session: Pool | undefined
}

export interface Settings {
  readonly integers: "number" | "bigint" | undefined
  readonly duplicates: "last" | "error"
  readonly fetchSize: number
  /** Milliseconds; `undefined` is without end. */
  readonly statementTimeout: number | undefined
  /** How long a statement waits for its turn on a shared connection, in milliseconds. */
  readonly turnTimeout: number
}

/** A call site's text, compiled once. */
export interface Shape {
  readonly sql: string
  readonly classification: Classification
  /** The columns of its arguments that are rows; `undefined` where all of them are plain parameters. */
  readonly columns: ReadonlyArray<ReadonlyArray<string> | undefined> | undefined
}

export interface Client {
  readonly dialect: Dialect
  readonly pools: Pools
  /** Where there are some, what only reads goes there. */
  readonly replicas: Replicas | undefined
  readonly raw: (result: Connection.Result) => unknown
  /** What the doctor looks at, beside the pools. */
  readonly examination?: Examination | undefined
  /** How the stock verb, which takes no options, begins. */
  readonly withTransaction: Connection.BeginOptions
  readonly settings: Settings
  readonly transformName: ((name: string) => string) | undefined
  readonly transformRows: (<A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined
  readonly attributes: ReadonlyArray<readonly [string, unknown]>
  /** The transaction that the whole database is, where it is one. */
  readonly root: Scope | undefined
  /** Metrics are on. */
  readonly measured: boolean
  /** Statements are logged. */
  readonly log: Log | undefined
  /** Somebody looks at statements: by metrics, by the log, or by an error hook. */
  readonly observed: boolean
  /** Keyed by the template's strings array, which is one object per call site. */
  readonly shapes: WeakMap<TemplateStringsArray, Shape>
  readonly classifications: Map<string, Classification>
  /** The database itself, as a stock transformer is given it. */
  readonly stock: () => StockStatement.Constructor
  /** Where a fiber's context carries this database's innermost transaction or session. */
  readonly tag: Context.Tag<Scope, Scope>
  /** The stock connections that stand for scopes of ours, in the stock transaction tag. */
  readonly adapters: WeakMap<StockConnection.Connection, Scope>
}

let count = 0

export const tag = (): Context.Tag<Scope, Scope> => Context.GenericTag<Scope>(`@sluice/core/Scope/${++count}`)

/**
 * The transaction or session of this database that a fiber is in.
 *
 * The stock tag comes first where its connection is ours: SqlResolver forwards only that one. Where it is another
 * database's (law T1), our own tag tells.
 */
export const currentScope = (client: Client, context: Context.Context<never>): Scope | undefined => {
  const stock = context.unsafeMap.get(StockClient.TransactionConnection.key) as
    | Context.Tag.Service<typeof StockClient.TransactionConnection>
    | undefined
  if (stock !== undefined) {
    const scope = client.adapters.get(stock[0])
    if (scope !== undefined) return scope
  }
  return (context.unsafeMap.get(client.tag.key) as Scope | undefined) ?? client.root
}

/**
 * The scope on which a statement runs: the fiber's; for a statement of a session that session's, or what is open inside
 * of it.
 */
export const scopeFor = (client: Client, context: Context.Context<never>, own: Scope | undefined): Scope | undefined => {
  const current = currentScope(client, context)
  return own === undefined || current?.held === own.held ? current : own
}

/** A context in which this database's statements, and stock code, find the scope. */
export const provideScope = (
  client: Client,
  context: Context.Context<never>,
  scope: Scope,
  adapter: StockConnection.Connection
): Context.Context<never> =>
  context.pipe(
    Context.add(client.tag, scope),
    Context.add(StockClient.TransactionConnection, [adapter, scope.depth] as const)
  ) as Context.Context<never>

/** Runs what may write, beyond a single statement: behind it the fiber reads from the primary. */
export const writing = <A, E, R>(client: Client, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  client.replicas === undefined ? effect : client.replicas.writing(effect)

/** The pool's read side where a statement only reads; else its write side. */
export const poolOf = (client: Client, query: Connection.Query): Pool =>
  query.readOnly && client.pools.read !== undefined ? client.pools.read : client.pools.write

/** Who is told of this client's errors; `undefined` where nobody is. */
export const hooksOf = (client: Client): Hooks | undefined => client.observed ? client.pools.write.lending.hooks : undefined

/** A failure of a verb of this client before anything is sent. */
export const refused = (client: Client, error: SqlError.SqlError, phase = "execute"): Effect.Effect<never, SqlError.SqlError> =>
  refuse(hooksOf(client), error, { phase })
