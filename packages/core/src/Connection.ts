/**
 * A connection: one physical session of a database. The contract that a dialect of a session database implements.
 *
 * It does not decide who uses it (that is `Pool`) nor when a transaction begins (that is `Transaction`). It runs one
 * statement at a time; core serializes. Called by the pool, by transactions and by statements.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Bulk from "./Bulk.js"
import type * as Dialect from "./Dialect.js"
import type { Outcome } from "./Reason.js"
import type { SqlError } from "./SqlError.js"

/**
 * One query as a connection gets it: compiled, its parameters in the order of the placeholders.
 *
 * @example
 * ```ts
 * import type { Connection } from "@sluice/core"
 *
 * const query: Connection.Query = {
 *   sql: "SELECT 1", params: [], rowMode: "object", prepare: true, readOnly: true, returnsRows: true,
 *   integers: undefined, duplicates: "last", fetchSize: 1000, timeout: undefined
 * }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Query {
  /** The text, with the placeholders of the dialect. */
  readonly sql: string
  /** One value per placeholder. */
  readonly params: ReadonlyArray<unknown>
  /**
   * Rows as records, or as arrays in the order of the columns; `bytes` are arrays of the fields as the server sent them, in the
   * text format of its protocol, which is asked of dialects with the capability `bytes` alone.
   */
  readonly rowMode: "object" | "array" | "bytes"
  /** `false`: sent without preparing it and without caching it. */
  readonly prepare: boolean
  /** By its words this statement writes nothing. */
  readonly readOnly: boolean
  /** By its text it calls what may be a function of somebody's own, which may write all the same. Default false. */
  readonly callsUnknown?: boolean | undefined
  /** By its text this statement may answer with rows. */
  readonly returnsRows: boolean
  /** The type of 64-bit integers for this statement; `undefined` is the setting of the database. */
  readonly integers: "number" | "bigint" | undefined
  /** Two columns of one name in an object row: the last one wins, or the statement fails with ResultError. */
  readonly duplicates: "last" | "error"
  /** Rows per chunk of a stream. */
  readonly fetchSize: number
  /** Milliseconds after which the server shall stop the statement, where it can; core keeps it as well. */
  readonly timeout: number | undefined
  /** What a column is in its table (`table`, `nullable`) is wanted, also where the server must be asked for it. Default false. */
  readonly describes?: boolean | undefined
}

/**
 * What became of a statement whose answer cannot be told: of one that failed half-way, or was `answered` with what does not fit.
 * Only one that reads, and calls nothing that may write, has surely done nothing.
 *
 * @example
 * ```ts
 * import { Connection } from "@sluice/core"
 *
 * const lost = Connection.outcomeOf({ readOnly: true, callsUnknown: true }) // unknown
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export const outcomeOf = ({ callsUnknown, readOnly }: Pick<Query, "readOnly" | "callsUnknown">, answered?: "answered"): Outcome =>
  readOnly ? callsUnknown === true ? "unknown" : "not-applied" : answered === undefined ? "unknown" : "applied"

/**
 * A column of a result. `type` is the dialect's own name for it, `undefined` where the database does not say.
 *
 * @example
 * ```ts
 * import type { Connection } from "@sluice/core"
 *
 * const column: Connection.Column = {
 *   name: "id", type: "INTEGER", nullable: false, precision: undefined, scale: undefined, table: "users"
 * }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Column {
  /** Its name in the result. */
  readonly name: string
  /** The dialect's own name of its type. */
  readonly type: string | undefined
  /** Whether it may be NULL, where that is known. */
  readonly nullable: boolean | undefined
  /** Digits in all, for a decimal. */
  readonly precision: number | undefined
  /** Digits after the point, for a decimal. */
  readonly scale: number | undefined
  /** The table that it comes from, where the server tells. */
  readonly table: string | undefined
}

/**
 * A warning or notice of the server, as data.
 *
 * @example
 * ```ts
 * import type { Connection } from "@sluice/core"
 *
 * const message: Connection.Message = { severity: "warning", code: 1265, text: "Data truncated" }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Message {
  /** How grave the server takes it. */
  readonly severity: "notice" | "warning" | "error"
  /** The server's own code. */
  readonly code: string | number | undefined
  /** What it says. */
  readonly text: string
}

/**
 * The answer to one statement. `columns` is filled for zero rows too, and empty where the statement has no result.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const names = Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   const result = yield* db`SELECT * FROM users WHERE 1 = 0`.result
 *   return result.columns.map((column) => column.name)
 * })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Result<A = unknown> {
  /** The rows; empty for a statement without a result. */
  readonly rows: ReadonlyArray<A>
  /** Described for zero rows too. */
  readonly columns: ReadonlyArray<Column>
  /** Rows that the statement changed; 0 for a query. */
  readonly rowsAffected: number
  /** The key that the last INSERT generated, where the server tells. */
  readonly lastInsertId: number | bigint | undefined
  /** Warnings and notices. */
  readonly messages: ReadonlyArray<Message>
  /** A procedure's out parameters, by name. */
  readonly outParameters: Readonly<Record<string, unknown>> | undefined
}

/**
 * The rows of an open query. `next` answers with the next chunk and with an empty array at the end, again and again.
 *
 * @example
 * ```ts
 * import type { Connection } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const first = (rows: Connection.Rows) => Effect.map(rows.next, (chunk) => chunk[0])
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Rows {
  /** Known before the first row. */
  readonly columns: ReadonlyArray<Column>
  /** The next chunk; empty at the end. */
  readonly next: Effect.Effect<ReadonlyArray<unknown>, SqlError>
}

/**
 * How a transaction begins. What the server lacks is refused with UnsupportedError before anything is sent.
 *
 * @example
 * ```ts
 * import type { Connection } from "@sluice/core"
 *
 * const options: Connection.BeginOptions = { isolation: "serializable", readOnly: true }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface BeginOptions {
  /** The isolation level; the server's default where it is left out. */
  readonly isolation?: Dialect.IsolationLevel | undefined
  /** The server refuses to write. Default false. */
  readonly readOnly?: boolean | undefined
  /** PostgreSQL: waits until a serializable read-only transaction cannot fail. Default false. */
  readonly deferrable?: boolean | undefined
  /** SQLite: which lock BEGIN takes. Default immediate, deferred when read-only. */
  readonly access?: "deferred" | "immediate" | "exclusive" | undefined
  /** A name for the transaction, where the server knows names. */
  readonly name?: string | undefined
  /**
   * MySQL: what becomes of the transaction after a statement in it that commits by itself, as DDL does. `fail` (default,
   * law T7): every later statement of it fails with TransactionAbortedError. `autocommit`: what follows runs outside of a
   * transaction, as with the stock driver. Where DDL is a part of transactions it has no meaning.
   */
  readonly implicitCommit?: "fail" | "autocommit" | undefined
}

/**
 * Where a transaction stands, by the protocol's own status: `failed` admits nothing but ROLLBACK.
 *
 * @example
 * ```ts
 * import type { Connection } from "@sluice/core"
 *
 * const mustRollBack = (status: Connection.TransactionStatus) => status !== "none"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type TransactionStatus = "none" | "open" | "failed"

/**
 * One physical session.
 *
 * Every effect is interruptible and may be an `Exit` where its work is done synchronously: core then takes the
 * short way. After an interruption core calls `settle` before it uses the connection again.
 *
 * @example
 * ```ts
 * import type { Connection } from "@sluice/core"
 *
 * const isFree = (connection: Connection.Connection) => !connection.isClosed && connection.transaction === "none"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection {
  /** The server's own id of the session. */
  readonly id: string | number
  /** Where it is connected to: `host:port`, a file's path. */
  readonly endpoint: string
  /** What the server that was reached can do. */
  readonly capabilities: Dialect.Capabilities
  /** Where the transaction stands, by the protocol's own status. */
  readonly transaction: TransactionStatus
  /** Its end has reached us: it is never lent again. */
  readonly isClosed: boolean
  /**
   * How many single statements outside of a transaction may be under way at a time, each with an answer and a failure of its
   * own, in the order in which they were sent. Only a pool with `lanes` lends it to several at once. Default 1.
   */
  readonly maxInFlight?: number | undefined
  /** What holds the connection to its end, as a COPY does: whoever shares it is refused at once, and does not wait for it. */
  readonly occupied?: string | undefined
  /** Runs one statement and gathers its answer. */
  readonly execute: (query: Query) => Effect.Effect<Result, SqlError>
  /** Every result set of one statement. */
  readonly results: (query: Query) => Effect.Effect<ReadonlyArray<Result>, SqlError>
  /** Opens a query whose rows are fetched on demand; closing the scope ends it on the server. */
  readonly rows: (query: Query) => Effect.Effect<Rows, SqlError, Scope.Scope>
  /**
   * The same statement for many rows of parameters, in as few round trips as there may be: the affected rows of each, of
   * which `answered` is told as they come. After a failure nothing of it may stay applied but by a table without transactions,
   * and where it is known which row failed it is the one that `answered` waits for. Core calls it in a transaction.
   */
  readonly executeMany: (
    query: Query,
    rows: ReadonlyArray<ReadonlyArray<unknown>>,
    answered?: (rowsAffected: number) => void
  ) => Effect.Effect<ReadonlyArray<number>, SqlError>
  /**
   * Several statements, in order, in as few round trips as there may be: `answered` gets the result of each. After the
   * first failure nothing later takes effect; the one that failed is the one that `answered` waits for. Outside of a
   * transaction each is by itself. A connection without it gets them one by one.
   */
  readonly executeAll?: (queries: ReadonlyArray<Query>, answered: (result: Result) => void) => Effect.Effect<void, SqlError>
  /** The columns of a statement without running it. */
  readonly describe: (query: Query) => Effect.Effect<ReadonlyArray<Column>, SqlError>
  /** Begins a transaction. */
  readonly begin: (options: BeginOptions) => Effect.Effect<void, SqlError>
  /** Commits; fails with TransactionAbortedError where the server rolled back instead. */
  readonly commit: Effect.Effect<void, SqlError>
  /** Rolls back. */
  readonly rollback: Effect.Effect<void, SqlError>
  /** Sets a savepoint. */
  readonly savepoint: (name: string) => Effect.Effect<void, SqlError>
  /** Forgets a savepoint, and keeps what was done since. */
  readonly release: (name: string) => Effect.Effect<void, SqlError>
  /** Undoes what was done since a savepoint, which stays. */
  readonly rollbackTo: (name: string) => Effect.Effect<void, SqlError>
  /** A round trip to the server. */
  readonly ping: Effect.Effect<void, SqlError>
  /** Brings the session back to what it was when it was opened (law P4). An open transaction is rolled back first. */
  readonly reset: Effect.Effect<void, SqlError>
  /**
   * After an interruption: stops what still runs and ends when the server is surely done with it (law S5). Nothing
   * else is sent on this connection before.
   */
  readonly settle: Effect.Effect<void, SqlError>
  /**
   * Ends the session. `destroy` does not wait for the server's consent. The effect ends when nothing of the session
   * is left here, which may be long after (a thread in a step that cannot be stopped).
   */
  readonly close: (how: "graceful" | "destroy") => Effect.Effect<void, SqlError>
  /** The driver's own handle. */
  readonly native: unknown
  /** The server's own fast path for rows, where it has one. */
  readonly bulk?: (target: Bulk.Target) => Effect.Effect<Bulk.Writer, SqlError, Scope.Scope>
}
