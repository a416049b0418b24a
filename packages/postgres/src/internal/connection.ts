/**
 * A connection to PostgreSQL: the contract of core over a wire.
 *
 * It sends statements and says what their answers mean to core; where a transaction stands, ReadyForQuery tells after each
 * of them. How one is stopped is in `settle`, how rows are paced in `cursor`, how a session begins and is reset in
 * `session`. Called by the public module's pool.
 *
 * @internal
 */
import type * as Bulk from "@sluice/core/Bulk"
import type * as Connection from "@sluice/core/Connection"
import { outcomeOf } from "@sluice/core/Connection"
import type * as Dialect from "@sluice/core/Dialect"
import type * as Hosts from "@sluice/core/Hosts"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as BulkLoad from "./bulk.js"
import { Cursor } from "./cursor.js"
import { Describe } from "./describe.js"
import { capabilitiesOf } from "./dialect.js"
import type { DriverError } from "./driver.js"
import { isOutdated, toSqlError } from "./errors.js"
import { limitOf } from "./limit.js"
import * as Many from "./many.js"
import { type Encoded, messages } from "./messages.js"
import type { Settings } from "./options.js"
import { columnsOf } from "./origins.js"
import { miscounted } from "./placeholders.js"
import { keepsSession } from "./pooler.js"
import { answer, unfit } from "./result.js"
import { isDemoted, roleOf } from "./role.js"
import { guard, Run } from "./run.js"
import * as Session from "./session.js"
import * as Several from "./several.js"
import { endSession, settle } from "./settle.js"
import { type Statement, Statements } from "./statements.js"
import * as Transactions from "./transactions.js"
import { encode } from "./types.js"
import { isUnsent, Status, tooLarge, type Wire } from "./wire.js"

type Resume<A> = (effect: Effect.Effect<A, SqlError.SqlError>) => void

/** Opens a connection. It is not bound to a scope: who opens it closes it, and knows it by `opened` even when interrupted. */
export const connect = (settings: Settings, opened: (connection: Postgres) => void): Effect.Effect<Postgres, SqlError.SqlError> =>
  Effect.map(Session.open(settings), (wire) => {
    const connection = new Postgres(wire, settings)
    opened(connection)
    return connection
  })

/** The role of a connection's server. */
export const role = (connection: Connection.Connection): Effect.Effect<Hosts.Role, SqlError.SqlError> =>
  isPostgres(connection) ? roleOf(connection.wire) : Exit.succeed({ isStandby: false, isReadOnly: false })

export class Postgres implements Connection.Connection {
  readonly capabilities: Dialect.Capabilities
  readonly maxInFlight: number
  readonly statements: Statements
  /** Streams in a transaction that was begun for them, and not by the user. */
  readonly alone = new Set<Cursor>()
  occupied: string | undefined = undefined
  /** The changes of tables that its prepared statements know of. */
  private changes: number
  /** A statement inside its savepoint was interrupted: the savepoint is rolled back when the server is done. */
  private isGuardOpen = false

  constructor(readonly wire: Wire, readonly settings: Settings) {
    this.capabilities = capabilitiesOf(settings)
    this.maxInFlight = settings.maxInFlight
    this.statements = new Statements(settings.maxPrepared)
    this.changes = settings.shapes.changes
  }

  get id(): number {
    return this.wire.id
  }

  get endpoint(): string {
    return this.settings.endpoint
  }

  get isClosed(): boolean {
    return this.wire.isClosed
  }

  get native(): unknown {
    return this.wire.raw
  }

  /** What the server says that it is: `15.18 (Debian 15.18-0+deb12u1)`. */
  get version(): string {
    return this.wire.parameters.get("server_version") ?? ""
  }

  get transaction(): Connection.TransactionStatus {
    const { status } = this.wire
    return status === Status.idle || this.alone.size > 0 ? "none" : status === Status.open ? "open" : "failed"
  }

  // ---- statements ----

  execute(query: Connection.Query): Effect.Effect<Connection.Result, SqlError.SqlError> {
    const params = this.encoded(query)
    if (params instanceof SqlError.SqlError) return Exit.fail(params)
    const run = Effect.async<Connection.Result, SqlError.SqlError>((resume) => this.run(query, params, 1, resume))
    return query.describes === true ? Effect.flatMap(run, (result) => Effect.map(this.told(result.columns, query.sql), (columns) => ({ ...result, columns }))) : run
  }

  // The statement was answered: what its columns are is not worth a failure.
  private told(columns: ReadonlyArray<Connection.Column>, sql: string): Effect.Effect<ReadonlyArray<Connection.Column>> {
    return this.wire.status === Status.failed ? Exit.succeed(columns)
      : Effect.catchAll(columnsOf(columns, sql, this.settings.shapes, (query) => this.execute(query)), () => Exit.succeed(columns))
  }

  results(query: Connection.Query): Effect.Effect<ReadonlyArray<Connection.Result>, SqlError.SqlError> {
    return Effect.map(this.execute(query), (result) => [result])
  }

  /** The parameters of a query as they are sent, or why it is not. */
  encoded(query: Connection.Query): Array<Encoded> | SqlError.SqlError {
    return (query.params.length === 0 ? Transactions.copying(query.sql) : miscounted(query.sql, query.params.length)) ?? Transactions.besideStream(this, query) ?? Transactions.chained(this, query.sql) ?? this.kept(query) ?? encode(query.params, query.sql)
  }

  private kept(query: Connection.Query): SqlError.SqlError | undefined {
    return this.settings.isPooled ? keepsSession(query.sql) : undefined
  }

  private run(query: Connection.Query, params: ReadonlyArray<Encoded>, retries: number, resume: Resume<Connection.Result>): void {
    const { wire } = this
    const { cancels, inTransaction } = wire
    const statement = this.statement(query)
    const isGuarded = wire.status === Status.open && (this.alone.size > 0 || (this.settings.statementSavepoints && !ending.test(query.sql)))
    const limit = query.timeout === undefined || this.settings.isEmbedded ? undefined
      : limitOf(query, this.statements, statement.name !== "" && this.settings.maxPrepared >= fewest, wire.status === Status.open)
    const task = new Run(query, statement, this.settings.shapes, this.bigints(query), isGuarded, (run, error) => {
      if (error === undefined) return resume(resultOf(run))
      const again = retries > 0 && isStale(error, statement)
      if (again) this.outdated(error, statement)
      const end = (): void => {
        if (again && cancels === wire.cancels && !wire.isClosed && wire.status !== Status.failed) this.run(query, params, retries - 1, resume)
        else resume(Exit.fail(this.failure(error, query, "execute", inTransaction)))
      }
      if (isGuarded) this.undo(cancels, end)
      else end()
    }, false, limit)
    this.statements.writeClosing()
    task.write(params)
    const large = tooLarge(query.sql)
    if (large !== undefined) {
      statement.isPending = false
      limit?.over()
      return resume(Exit.fail(large))
    }
    wire.send(task)
  }

  /** Rolls back to the savepoint of a statement that failed. */
  private undo(cancels: number, then: () => void): void {
    const { wire } = this
    if (wire.status !== Status.failed || wire.isClosed) return then()
    if (cancels === wire.cancels) return wire.query(unguard, then)
    // A cancelling that is under way would hit what is sent now: `settle` does it.
    this.isGuardOpen = true
    then()
  }

  /** Sends a query in a transaction without waiting for those before it. */
  behind(query: Connection.Query, params: ReadonlyArray<Encoded>, done: (exit: Exit.Exit<Connection.Result, SqlError.SqlError>) => void): void {
    const statement = this.statement(query, true)
    const follows = statement.isPending
    const task = new Run(query, statement, this.settings.shapes, this.bigints(query), false, (run, error) => {
      if (error === undefined) return done(resultOf(run))
      if (isStale(error, statement)) this.outdated(error, statement)
      done(Exit.fail(this.failure(error, query, "execute", true)))
    }, follows)
    this.statements.writeClosing()
    task.write(params)
    this.wire.send(task)
  }

  private outdated(error: DriverError, statement: Statement): void {
    if (error.code === unknownName) return this.statements.stop()
    this.statements.forget(statement)
    // The other connections will not have to be told, each in a transaction of somebody's.
    this.settings.shapes.changes++
  }

  private statement(query: Connection.Query, follows = false): Statement {
    if (this.wire.areNamesGone) {
      this.wire.areNamesGone = false
      this.statements.clear()
    }
    // Outside of a transaction a stale plan is an error that is answered with another attempt; inside, it would end it.
    const { changes } = this.settings.shapes
    if (this.wire.isSchemaChanged || this.changes !== changes) {
      this.wire.isSchemaChanged = false
      this.changes = changes
      this.statements.forgetAll()
    }
    return this.statements.get(query.sql, query.params, query.prepare, follows)
  }

  private bigints(query: Connection.Query): boolean {
    return query.integers === undefined ? this.settings.bigints : query.integers === "bigint"
  }

  /** The failure of a statement. What was sent inside a transaction and did not commit it has left nothing. */
  failure(error: DriverError, query: Pick<Connection.Query, "sql" | "readOnly" | "callsUnknown">, operation: string, inTransaction: boolean): SqlError.SqlError {
    const harmless = isUnsent(error) || outcomeOf(query) === "not-applied" || (inTransaction && !ending.test(query.sql))
    const demoted = error.code === "25006" && isDemoted(this.wire, inTransaction) ? this.settings.demoted : undefined
    const partly = !inTransaction && !isUnsent(error) && commits.test(query.sql)
    return toSqlError(error, { operation, statement: query.sql, harmless, partly, demoted })
  }

  // ---- rows ----

  rows(query: Connection.Query): Effect.Effect<Connection.Rows, SqlError.SqlError, Scope.Scope> {
    const params = this.encoded(query)
    if (params instanceof SqlError.SqlError) return Exit.fail(params)
    if (!query.returnsRows || !Transactions.mayBePortal(query.sql)) return Transactions.gathered(this, query)
    return Effect.flatMap(Effect.scope, (scope) => this.opened(query, params, scope, 1))
  }

  private opened(query: Connection.Query, params: ReadonlyArray<Encoded>, scope: Scope.Scope, retries: number): Effect.Effect<Connection.Rows, SqlError.SqlError> {
    return Effect.suspend(() => {
      const { wire } = this
      const begin = wire.status === Status.idle
      const isAlone = begin || this.alone.size > 0
      const isGuarded = !isAlone && this.settings.statementSavepoints
      const statement = this.statement(query)
      let stale: DriverError | undefined
      const cursor: Cursor = new Cursor(wire, {
        query,
        statement,
        shapes: this.settings.shapes,
        bigints: this.bigints(query),
        isAlone,
        isGuarded,
        undo: (cancels, then) => this.undo(cancels, then),
        failure: (error) => {
          if (isStale(error, statement)) stale = error
          return this.failure(error, query, "stream", true)
        },
        over: Effect.suspend(() => Transactions.leave(this, cursor))
      })
      if (isAlone) this.alone.add(cursor)
      // Known to the scope before it is sent: an interruption between the two would leave it open.
      const open = Effect.zipRight(Scope.addFinalizer(scope, Transactions.ended(this, cursor)), cursor.open(params, begin, this.statements))
      return Effect.catchAll(open, (error) => {
        if (stale === undefined) return Effect.fail(error)
        this.outdated(stale, statement)
        // A transaction that has failed by it is the user's, who alone may begin it anew.
        return (begin || isGuarded) && retries > 0 ? Effect.zipRight(Transactions.leave(this, cursor), this.opened(query, params, scope, retries - 1)) : Effect.fail(error)
      })
    })
  }

  executeMany(query: Connection.Query, rows: ReadonlyArray<ReadonlyArray<unknown>>, answered?: Many.Answered): Effect.Effect<ReadonlyArray<number>, SqlError.SqlError> {
    const refusal = Transactions.copying(query.sql) ?? Transactions.besideStream(this, query) ?? this.kept(query)
    return refusal === undefined ? Transactions.guarded(this, Many.execute(this, query, rows, answered)) : Exit.fail(refusal)
  }

  executeAll(queries: ReadonlyArray<Connection.Query>, answered: (result: Connection.Result) => void): Effect.Effect<void, SqlError.SqlError> {
    return Several.execute(this, queries, answered)
  }

  describe(query: Connection.Query): Effect.Effect<ReadonlyArray<Connection.Column>, SqlError.SqlError> {
    return Effect.async((resume) => {
      const { inTransaction } = this.wire
      const task = new Describe(this.settings.shapes, (columns, error) =>
        resume(error === undefined ? this.told(columns, query.sql) : Exit.fail(this.failure(error, query, "describe", inTransaction))))
      messages.parse("", query.sql, []).describeStatement("").sync()
      this.wire.send(task)
    })
  }

  bulk(target: Bulk.Target): Effect.Effect<Bulk.Writer, SqlError.SqlError> {
    return BulkLoad.writer(this, target)
  }

  // ---- transactions ----

  begin(options: Connection.BeginOptions): Effect.Effect<void, SqlError.SqlError> {
    return Transactions.begin(this, options)
  }

  readonly commit: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() => Transactions.commit(this))
  readonly rollback: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() => this.command("ROLLBACK", "rollback"))

  savepoint(name: string): Effect.Effect<void, SqlError.SqlError> {
    return this.command(`SAVEPOINT ${quote(name)}`, "savepoint")
  }

  release(name: string): Effect.Effect<void, SqlError.SqlError> {
    return this.command(`RELEASE SAVEPOINT ${quote(name)}`, "release")
  }

  rollbackTo(name: string): Effect.Effect<void, SqlError.SqlError> {
    return this.command(`ROLLBACK TO SAVEPOINT ${quote(name)}`, "rollbackTo")
  }

  /** A statement of our own; ends with its tag. */
  command(sql: string, operation: string): Effect.Effect<string, SqlError.SqlError> {
    return Effect.async((resume) =>
      this.wire.query(sql, (error, { tag }) =>
        resume(error === undefined
          ? Exit.succeed(tag)
          : Exit.fail(toSqlError(error, { operation, harmless: isUnsent(error) || operation !== "commit" })))))
  }

  // ---- the session ----

  readonly ping: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() => this.command("", "ping"))
  readonly reset: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() => Effect.zipRight(Session.reset(this.wire, this.settings), Effect.sync(() => {
    if (this.wire.areNamesGone) this.statements.clear()
    this.wire.areNamesGone = false
  })))

  readonly settle: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() =>
    Effect.zipRight(settle(this.wire, this.settings), Effect.suspend(() => {
      const isOpen = this.isGuardOpen
      this.isGuardOpen = false
      return isOpen && this.wire.status === Status.failed ? this.command(unguard, "cancel") : Effect.void
    }))
  )

  close(how: "graceful" | "destroy"): Effect.Effect<void, SqlError.SqlError> {
    return how === "graceful" ? this.wire.quit : endSession(this.wire, this.settings)
  }
}

// With less room the limit's own statement would push out the one that it is for.
const fewest = 4

const unguard = `ROLLBACK TO SAVEPOINT ${guard}; RELEASE SAVEPOINT ${guard}`

// Procedures and blocks may commit what they have done so far.
const commits = /^(?:\s|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/|--[^\n]*\n)*(?:CALL\b|DO\b[^]*\bCOMMIT\b)/i

// These end the transaction, or the savepoint, that a savepoint of ours would be in.
const ending = /^\s*(?:BEGIN|START|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE\s+TRANSACTION)\b/i

/** A name of ours is one name: a dot in it separates nothing. */
const quote = (name: string): string => `"${name.replaceAll("\"", "\"\"")}"`

const resultOf = (run: Run): Exit.Exit<Connection.Result, SqlError.SqlError> =>
  run.refusal !== undefined ? Exit.fail(run.refusal) : run.unfit !== undefined ? Exit.fail(unfit(run.unfit, run.query)) : Exit.succeed(answer(run))

const unknownName = "26000"

// The name is unknown to the server, or its table has changed since: nothing was run, and it may be prepared again.
const isStale = (error: DriverError, statement: Statement): boolean =>
  statement.name !== "" && (error.code === unknownName || isOutdated(error))

/** Whether a connection is one of ours. */
export const isPostgres = (connection: Connection.Connection): connection is Postgres => connection instanceof Postgres
