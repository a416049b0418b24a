/**
 * How a database is put together from a client: every verb over it, and the same once more beside it, without transforms
 * of names or with replicas.
 *
 * What the verbs do is in the files that they come from. Called by `Database`.
 *
 * @internal
 */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as StockClient from "@effect/sql/SqlClient"
import * as StockStatement from "@effect/sql/Statement"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as EffectScope from "effect/Scope"
import type { BeginOptions, Connection } from "../Connection.js"
import type { Database, Options } from "../Database.js"
import { count, millis, refuse } from "../Options.js"
import type { Pool } from "../Pool.js"
import * as Reason from "../Reason.js"
import * as Session from "../Session.js"
import * as SqlError from "../SqlError.js"
import type { Constructor } from "../Statement.js"
import * as Telemetry from "../Telemetry.js"
import type * as Transaction from "../Transaction.js"
import { type Client, currentScope, refused, tag, writing } from "./client.js"
import { constructor } from "./constructor.js"
import * as RolledBack from "./database/rolledBack.js"
import { nothing, ofDatabase } from "./doctor/examine.js"
import { Replicas } from "./replicas.js"
import { script } from "./script.js"
import { adapter } from "./stock.js"
import { transaction, view } from "./transaction.js"
import * as Verbs from "./verbs.js"

/** The database of a dialect and its pools. */
export const make = (options: Options): Effect.Effect<Database, SqlError.SqlError, Reactivity.Reactivity> =>
  Effect.gen(function*() {
    const reactivity = yield* Reactivity.Reactivity
    const { dialect, pools } = options
    const timeout = yield* millis("statementTimeout", options.statementTimeout, Number.POSITIVE_INFINITY)
    const measured = yield* Telemetry.Metrics
    const log = yield* Telemetry.statementLog
    const client: Client = {
      dialect,
      pools,
      replicas: undefined,
      raw: options.raw,
      withTransaction: options.withTransaction ?? {},
      examination: options.examination,
      settings: {
        integers: options.integers,
        duplicates: options.duplicates ?? "last",
        fetchSize: yield* count("fetchSize", options.fetchSize, 1_000, 1),
        statementTimeout: Number.isFinite(timeout) ? timeout : undefined,
        turnTimeout: pools.write.lending.settings.acquireTimeout
      },
      transformName: options.transformQueryNames,
      transformRows: options.transformResultNames === undefined ? undefined : StockStatement.defaultTransforms(options.transformResultNames).array,
      attributes: Object.entries({ ...options.spanAttributes, "db.system.name": dialect.system, ...options.attributes }),
      root: undefined,
      measured,
      log,
      observed: measured || log !== undefined || pools.write.lending.hooks !== undefined,
      shapes: new WeakMap(),
      classifications: new Map(),
      stock: () => database,
      tag: tag(),
      adapters: new WeakMap()
    }
    const database: Database = assemble(client, reactivity)
    return database
  })

/** The database of a client: its verbs, and the callable that makes statements. */
export const assemble = (client: Client, reactivity: Reactivity.Reactivity.Service): Database => {
  const { pools, root } = client
  const all = [...new Set([pools.write, pools.read, pools.session, ...client.replicas?.pools ?? []])].filter((pool) => pool !== undefined)
  const pool = Verbs.poolView(all)
  const run: Transaction.Run = (first: Transaction.Options | Effect.Effect<unknown, unknown, unknown>): never =>
    (Effect.isEffect(first) ? transaction(client, {}, undefined)(first) : transaction(client, first, undefined)) as never
  // The transaction that a fiber is in. A session is none, nor is the one that a whole database is.
  const scope = Effect.withFiberRuntime<ReturnType<typeof currentScope>>((fiber) => {
    const scope = currentScope(client, fiber.currentContext)
    return Effect.succeed(scope?.kind === "session" || scope?.root !== undefined ? undefined : scope)
  })
  const currentTransaction = Effect.flatMap(scope, (scope) =>
    scope === undefined
      ? refused(client, SqlError.make(new Reason.TransactionStateError({ message: "the fiber is in no transaction of this database" })))
      : Effect.succeed(view(scope)))
  const members: Omit<Database, keyof Constructor | "safe" | "withoutTransforms"> = {
    [StockClient.TypeId]: StockClient.TypeId,
    dialect: client.dialect,
    pool,
    reserve: root === undefined ? Effect.map(Session.open(client), (scope) => adapter(client, scope)) : Effect.succeed(adapter(client, root)),
    withTransaction: transaction(client, client.withTransaction, undefined),
    reactive: reactivity.stream,
    reactiveMailbox: reactivity.query,
    transaction: run,
    currentTransaction,
    transactionOption: Effect.map(scope, (scope) => scope === undefined ? Option.none() : Option.some(view(scope))),
    beforeCommit: (effect: Effect.Effect<void, SqlError.SqlError>) => Effect.flatMap(currentTransaction, (transaction) => transaction.beforeCommit(effect)),
    afterCommit: (effect: Effect.Effect<void>) =>
      Effect.flatMap(scope, (scope) => scope === undefined ? effect : view(scope).afterCommit(effect)),
    session: root === undefined ? Session.make(client) : RolledBack.session(client, root),
    executeMany: Verbs.executeMany(client),
    batch: Verbs.batch(client),
    script: script(client),
    describe: Verbs.describe(client),
    native: (session: Session.Session) => session.native,
    withConnection: <A, E, R>(use: (connection: Connection) => Effect.Effect<A, E, R>) => writing(client, Verbs.withConnection(client, use)),
    ping: Verbs.withConnection(client, (connection) => connection.ping),
    doctor: ofDatabase(client.dialect.name, client.examination ?? nothing, { pools: all, stats: pool.stats })
  }
  const plain = client.transformName === undefined && client.transformRows === undefined
  const database: Database = Object.assign(constructor(client, undefined), members, {
    safe: undefined as never,
    withoutTransforms: (): never => (plain ? database : untransformed()) as never
  })
  // The same client but for the names: its scopes are this one's, so that a transaction holds for both.
  let bare: Database | undefined
  const untransformed = () => bare ??= assemble({ ...client, transformName: undefined, transformRows: undefined, shapes: new WeakMap() }, reactivity)
  Object.defineProperty(database, "safe", { value: database, enumerable: true })
  parts.set(database, { client, reactivity })
  return database
}

/**
 * A primary and its replicas, as `withReplicas` takes them.
 *
 * @example
 * ```ts
 * import type { Database } from "@sluice/core"
 *
 * const options = (primary: Database.Database, replica: Database.Database): Database.ReplicaOptions => ({
 *   primary, replicas: [replica], coolDown: "10 seconds", primaryAfterWrite: "5 seconds"
 * })
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface ReplicaOptions {
  /** What may write, and everything in a transaction or a session, goes there. */
  readonly primary: Database
  /** What only reads goes to one of these, in turn. At least one; of the primary's dialect and settings. */
  readonly replicas: ReadonlyArray<Database>
  /** How long a replica that cannot be reached is left alone, and then asked before it serves again. Default 30 seconds. */
  readonly coolDown?: Duration.DurationInput | undefined
  /** For so long after a write the same fiber reads from the primary. Default: for the rest of its life. */
  readonly primaryAfterWrite?: Duration.DurationInput | undefined
}

const parts = new WeakMap<Database, { readonly client: Client; readonly reactivity: Reactivity.Reactivity.Service }>()

/** A database beside the primary's, of the same client but for where its reads go. */
export const withReplicas = (options: ReplicaOptions): Effect.Effect<Database, SqlError.SqlError> =>
  Effect.gen(function*() {
    const { primary, replicas } = options
    const of = parts.get(primary)
    if (of === undefined) return yield* refuse("primary", "must be a database that a dialect's make has made")
    const pools: Array<Pool> = []
    const examination = of.client.examination ?? nothing
    const probes = [...examination.probes]
    for (const [index, replica] of replicas.entries()) {
      const other = parts.get(replica)
      if (other === undefined || other.client.dialect.name !== of.client.dialect.name) return yield* refuse(`replicas[${index}]`, `must be a database of ${of.client.dialect.name}, as the primary is`)
      pools.push(other.client.pools.read ?? other.client.pools.write)
      probes.push(...other.client.examination?.probes ?? [])
    }
    if (pools.length === 0) return yield* refuse("replicas", "must hold at least one database")
    const coolDown = yield* millis("coolDown", options.coolDown, 30_000)
    const sticky = yield* millis("primaryAfterWrite", options.primaryAfterWrite, Number.POSITIVE_INFINITY, "zero")
    const client: Client = {
      ...of.client,
      replicas: new Replicas(pools, coolDown, sticky, yield* Effect.clock),
      examination: { ...examination, probes },
      // Which server a statement goes to is not known when its span begins.
      attributes: of.client.attributes.filter(([name]) => !name.startsWith("server.")),
      stock: () => database
    }
    const database: Database = assemble(client, of.reactivity)
    return database
  })

/**
 * Whether a value is a database of Sluice.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 *
 * Database.isDatabase({}) // false
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isDatabase = (u: unknown): u is Database => typeof u === "function" && parts.has(u as Database)

/** The same database as one transaction. */
export const rolledBack = (database: Database, options: BeginOptions): Effect.Effect<Database, SqlError.SqlError, EffectScope.Scope> =>
  Effect.suspend(() => {
    const of = parts.get(database)
    if (of === undefined) return refuse("database", "must be a database that a dialect's make has made")
    return Effect.map(RolledBack.opened(of.client, options), (root) => {
      const made: Database = assemble({ ...of.client, root, replicas: undefined, stock: () => made }, of.reactivity)
      return made
    })
  })
