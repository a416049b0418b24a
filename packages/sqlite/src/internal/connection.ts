/**
 * A connection to SQLite: the contract of core over a transport.
 *
 * It encodes parameters, refuses what SQLite lacks and builds rows; what runs, and on which thread, it does not know.
 * Called by the public module's pool.
 *
 * @since 0.1.0
 */
import type * as Bulk from "@sluice/core/Bulk"
import type * as Connection from "@sluice/core/Connection"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as BulkInsert from "./bulk.js"
import * as Cursor from "./cursor.js"
import { capabilities } from "./dialect.js"
import { toSqlError } from "./errors.js"
import { errorOf } from "./fault.js"
import * as Inline from "./inline.js"
import { Layouts } from "./layout.js"
import * as Many from "./many.js"
import type { Options, Settings } from "./options.js"
import type { Executed, Statement } from "./protocol.js"
import { settings } from "./settings.js"
import * as Thread from "./thread.js"
import type { Transport } from "./transport.js"
import { encode } from "./types.js"
import type { Value } from "./values.js"

export type { Options } from "./options.js"

/** A connection to SQLite, with what no other database has. */
export interface SqliteConnection extends Connection.Connection {
  readonly bulk: (target: Bulk.Target) => Effect.Effect<Bulk.Writer, SqlError.SqlError, Scope.Scope>
  /** Copies the database, as it is while others write, into a file. */
  readonly backup: (destination: string) => Effect.Effect<void, SqlError.SqlError>
  /** The bytes of the database: what a file of it would hold. */
  readonly serialize: Effect.Effect<Uint8Array, SqlError.SqlError>
  /** Loads an extension into this session. */
  readonly loadExtension: (path: string) => Effect.Effect<void, SqlError.SqlError>
}

/** Opens a connection. It is not bound to a scope: who opens it closes it, and knows it by `opened` even when interrupted. */
export const connect = (options: Options, opened?: (connection: SqliteConnection) => void): Effect.Effect<SqliteConnection, SqlError.SqlError> =>
  Effect.suspend(() => {
    const filled = settings(options)
    if (filled instanceof SqlError.SqlError) return Exit.fail(filled)
    return Effect.map(
      filled.threads ? Thread.connect(filled) : Inline.connect(filled),
      (transport) => {
        const connection = new Sqlite(transport, filled)
        opened?.(connection)
        return connection
      }
    )
  })

class Sqlite implements SqliteConnection {
  readonly capabilities = capabilities
  private readonly layouts = new Layouts()

  constructor(private readonly transport: Transport, private readonly settings: Settings) {}

  get id(): string | number {
    return this.transport.id
  }

  get endpoint(): string {
    return this.settings.filename
  }

  get isClosed(): boolean {
    return this.transport.isClosed
  }

  get native(): unknown {
    return this.transport.native
  }

  get transaction(): Connection.TransactionStatus {
    return this.transport.inTransaction ? "open" : "none"
  }

  execute(query: Connection.Query): Effect.Effect<Connection.Result, SqlError.SqlError> {
    const params = encode(query.params, query.sql)
    if (params instanceof SqlError.SqlError) return Exit.fail(params)
    return this.transport.call("execute", this.statement(query, params), query.sql, (reply) => this.result(reply, query.rowMode))
  }

  results(query: Connection.Query): Effect.Effect<ReadonlyArray<Connection.Result>, SqlError.SqlError> {
    return Effect.map(this.execute(query), (result) => [result])
  }

  rows(query: Connection.Query): Effect.Effect<Connection.Rows, SqlError.SqlError, Scope.Scope> {
    const params = encode(query.params, query.sql)
    if (params instanceof SqlError.SqlError) return Exit.fail(params)
    const size = Math.max(1, Math.trunc(query.fetchSize) || 1000)
    return Cursor.open(this.transport, this.layouts, this.statement(query, params), { size, rowMode: query.rowMode })
  }

  executeMany(
    query: Connection.Query,
    rows: ReadonlyArray<ReadonlyArray<unknown>>,
    answered?: (rowsAffected: number) => void
  ): Effect.Effect<ReadonlyArray<number>, SqlError.SqlError> {
    return Many.execute(this.transport, query, rows, answered)
  }

  executeAll(queries: ReadonlyArray<Connection.Query>, answered: (result: Connection.Result) => void): Effect.Effect<void, SqlError.SqlError> {
    const statements: Array<Statement> = []
    let refusal: SqlError.SqlError | undefined
    for (const query of queries) {
      const params = encode(query.params, query.sql)
      if (params instanceof SqlError.SqlError) {
        refusal = params
        break
      }
      statements.push(this.statement(query, params))
    }
    // Those before it are run, as they would be one by one.
    const sent = this.transport.call("executeAll", statements, undefined, ({ answers, fault }) => {
      for (let i = 0; i < answers.length; i++) answered(this.result(answers[i]!, queries[i]!.rowMode))
      if (fault !== undefined) return Either.left(toSqlError(fault, "execute", queries[answers.length]?.sql, errorOf(fault)))
      return refusal === undefined ? Either.void : Either.left(refusal)
    })
    return Many.joined(sent)
  }

  describe(query: Connection.Query): Effect.Effect<ReadonlyArray<Connection.Column>, SqlError.SqlError> {
    return this.transport.call("describe", query.sql, query.sql, (columns) => columns)
  }

  begin(options: Connection.BeginOptions): Effect.Effect<void, SqlError.SqlError> {
    if (options.isolation !== undefined && options.isolation !== "serializable") {
      return unsupported("isolation", `SQLite has no isolation level but serializable: ${options.isolation}`)
    }
    if (options.deferrable === true) return unsupported("deferrable", "SQLite has no deferrable transactions")
    const readOnly = options.readOnly === true
    // A writer that begins deferred finds out too late that another writes: it would fail where it could have waited.
    const access = options.access ?? (readOnly || this.settings.readOnly ? "deferred" : "immediate")
    return this.transport.call("begin", { access: access.toUpperCase(), readOnly }, undefined, nothing)
  }

  readonly commit = Effect.suspend(() => this.transport.call("commit", undefined, undefined, nothing))
  readonly rollback = Effect.suspend(() => this.transport.call("rollback", undefined, undefined, nothing))
  readonly ping = Effect.suspend(() => this.transport.call("ping", undefined, undefined, nothing))
  readonly settle = Effect.suspend(() => this.transport.settle)
  readonly serialize = Effect.suspend(() => this.transport.call("serialize", undefined, undefined, (bytes) => bytes))
  readonly reset = Effect.suspend(() =>
    this.transport.call("reset", undefined, undefined, nothing)
  )

  savepoint(name: string): Effect.Effect<void, SqlError.SqlError> {
    return this.transport.call("savepoint", name, undefined, nothing)
  }

  release(name: string): Effect.Effect<void, SqlError.SqlError> {
    return this.transport.call("release", name, undefined, nothing)
  }

  rollbackTo(name: string): Effect.Effect<void, SqlError.SqlError> {
    return this.transport.call("rollbackTo", name, undefined, nothing)
  }

  backup(destination: string): Effect.Effect<void, SqlError.SqlError> {
    return Effect.suspend(() => this.transport.call("backup", destination, undefined, nothing))
  }

  loadExtension(path: string): Effect.Effect<void, SqlError.SqlError> {
    return Effect.suspend(() => this.transport.call("loadExtension", path, undefined, nothing))
  }

  bulk(target: Bulk.Target): Effect.Effect<Bulk.Writer, SqlError.SqlError> {
    return BulkInsert.writer(this.transport, target)
  }

  close(how: "graceful" | "destroy"): Effect.Effect<void, SqlError.SqlError> {
    return this.transport.close(how)
  }

  private statement(query: Connection.Query, params: Array<Value>): Statement {
    return {
      sql: query.sql,
      params,
      bigints: (query.integers ?? this.settings.integers) === "bigint",
      distinct: query.duplicates === "error" && query.rowMode === "object",
      keep: query.prepare
    }
  }

  private result(reply: Executed, rowMode: Connection.Query["rowMode"]): Connection.Result {
    const layout = this.layouts.of(reply.shape)
    return {
      rows: reply.count === 0 ? [] : rowMode === "object" ? layout.objects(reply.values, reply.count) : layout.arrays(reply.values, reply.count),
      columns: layout.columns,
      rowsAffected: reply.affected,
      lastInsertId: reply.lastId,
      messages: [],
      outParameters: undefined
    }
  }
}

const nothing = (): void => {}

const unsupported = (capability: string, message: string): Effect.Effect<never, SqlError.SqlError> =>
  SqlError.fail(new Reason.UnsupportedError({ message, capability, operation: "begin" }))

/** Whether a connection is one of ours. */
export const isSqlite = (connection: Connection.Connection): connection is SqliteConnection => connection instanceof Sqlite
