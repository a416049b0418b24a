/**
 * A connection to MySQL or MariaDB: the contract of core over a wire.
 *
 * It knows after every answer whether a transaction is open: by the status that the answer carries, and after a failure,
 * which carries none, by asking (law T7). What is sent is in `text`, what an answer says in `result`, how a statement is
 * stopped in `settle`, how rows are paced in `cursor`. Called by the public module's pool.
 *
 * @since 0.1.0
 */
import type * as Bulk from "@sluice/core/Bulk"
import type * as Connection from "@sluice/core/Connection"
import { outcomeOf } from "@sluice/core/Connection"
import type * as Dialect from "@sluice/core/Dialect"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as BulkWriter from "./bulk.js"
import { chained } from "./chained.js"
import type { Control, Controls } from "./control.js"
import { isUnpreparable } from "./answer.js"
import { Cursor } from "./cursor.js"
import { Describe } from "./describe.js"
import { capabilities, dialect } from "./dialect.js"
import type * as Driver from "./driver.js"
import { type About, isFatal, toSqlError } from "./errors.js"
import { type Header, Status } from "./header.js"
import * as Joined from "./joined.js"
import * as Many from "./many.js"
import { command } from "./packet.js"
import type { Settings } from "./options.js"
import * as Repository from "./repository.js"
import * as Servers from "./server.js"
import { duplicate, readAll, readFirst, unread, warned } from "./result.js"
import * as Several from "./several.js"
import type { Part } from "./run.js"
import { besideStream, endSession, endStream, settle } from "./settle.js"
import { Shapes } from "./shapes.js"
import { isSeveral, type Text, textOf } from "./text.js"
import * as Wires from "./wire.js"

export type { Settings } from "./options.js"

type Resume<A> = (effect: Effect.Effect<A, SqlError.SqlError>) => void

/** Opens a connection. It is not bound to a scope: who opens it closes it, and knows it by `opened` even when interrupted. */
export const connect = (settings: Settings, controls: Controls, opened: (connection: Mysql) => void): Effect.Effect<Mysql, SqlError.SqlError> =>
  Wires.connect(settings, (wire) =>
    Effect.map(Servers.ask(wire), (server) => {
      const connection = new Mysql(wire, settings, controls.of(wire, settings, server), server)
      opened(connection)
      return connection
    }))

export class Mysql implements Connection.Connection {
  readonly capabilities: Dialect.Capabilities
  readonly shapes: Shapes | undefined
  readonly isMariadb: boolean
  /** The server has said that it takes no file from a client. */
  refusesInfile = false

  constructor(
    readonly wire: Wires.Wire,
    readonly settings: Settings,
    private readonly control: Control,
    readonly server: Servers.Server
  ) {
    this.isMariadb = /mariadb/i.test(server.version)
    this.capabilities = this.isMariadb ? { ...capabilities, returning: true } : capabilities
    this.shapes = this.isMariadb ? undefined : new Shapes()
  }

  get id(): number {
    return this.wire.id
  }

  get maxPacket(): number {
    return this.server.maxPacket
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

  get transaction(): Connection.TransactionStatus {
    return this.wire.inTransaction ? "open" : "none"
  }

  // ---- statements ----

  execute(given: Connection.Query): Effect.Effect<Connection.Result, SqlError.SqlError> {
    const query = asText(given)
    const pair = query.prepare ? undefined : Repository.pairOf(query)
    return pair === undefined ? this.one(query) : Repository.execute(pair, (query) => this.one(query))
  }

  private one(query: Connection.Query): Effect.Effect<Connection.Result, SqlError.SqlError> {
    return this.run(query, (parts) => readFirst(query, parts, this.wire.hasOuts), warned)
  }

  results(given: Connection.Query): Effect.Effect<ReadonlyArray<Connection.Result>, SqlError.SqlError> {
    const query = asText(given)
    return this.run(query, (parts) => readAll(query, this.settings, parts, this.wire.hasOuts), (results, rows) =>
      results.map((result, i) => i === results.length - 1 ? warned(result, rows) : result))
  }

  private run<A>(
    given: Connection.Query,
    parse: (parts: ReadonlyArray<Part>) => A | SqlError.SqlError,
    warn?: (result: A, rows: ReadonlyArray<unknown>) => A
  ): Effect.Effect<A, SqlError.SqlError> {
    const query = this.preparable(given)
    const text = textOf(query, this)
    if (text instanceof SqlError.SqlError) return Exit.fail(text)
    const refusal = this.refused(query.sql)
    if (refusal !== undefined) return Exit.fail(refusal)
    return Effect.async((resume) => {
      if (!this.wire.isIdle) return resume(Exit.fail(besideStream()))
      const { cancels } = this.wire
      const send = (text: Text, prepare: boolean): void =>
        this.wire.run(text, prepare, (error, parts) => {
          if (error !== undefined) {
            const plain = isUnpreparable(error) && cancels === this.wire.cancels ? textOf({ ...query, prepare: false }, this) : error
            return plain instanceof Error ? this.failed(error, query, resume) : send(plain, false)
          }
          const result = parse(parts)
          if (result instanceof SqlError.SqlError) return resume(Exit.fail(result))
          if (this.wire.warnings === 0 || warn === undefined || cancels !== this.wire.cancels) return resume(Exit.succeed(result))
          this.wire.run(warnings, false, (lost, more) => resume(Exit.succeed(lost === undefined ? warn(result, more[0]?.rows ?? []) : result)))
        })
      send(text, query.prepare)
    })
  }

  private refused(sql: string): SqlError.SqlError | undefined {
    return this.wire.inTransaction ? chained(sql, this.wire.backslashes, this.settings.multipleStatements) : undefined
  }

  // Several statements are no prepared one.
  private preparable(query: Connection.Query): Connection.Query {
    return this.settings.multipleStatements && query.prepare && isSeveral(query.sql, this.settings.hasEscapes) ? { ...query, prepare: false } : query
  }

  private reason(error: Driver.DriverError, about: About): SqlError.SqlError {
    return toSqlError(error, { ...about, demoted: this.settings.demoted })
  }

  // ERR packets carry no status: where a transaction may have begun or ended, the server is asked, once (law T7).
  private failed<A>(error: Driver.DriverError, query: Connection.Query, resume: Resume<A>): void {
    const unsent = Wires.isUnsent(error)
    const failure = this.reason(error, { operation: "execute", statement: query.sql, harmless: unsent || outcomeOf(query) === "not-applied" })
    this.told(Exit.fail(failure), unsent || isFatal(error) || !this.isDoubtful(query.sql), resume)
  }

  private told<A>(exit: Exit.Exit<A, SqlError.SqlError>, isCertain: boolean, resume: Resume<A>): void {
    if (isCertain || this.wire.isClosed) return resume(exit)
    this.wire.run({ sql: "DO 0" }, false, () => resume(exit))
  }

  private isDoubtful(sql: string): boolean {
    return this.wire.inTransaction || (this.wire.status & Status.autocommit) === 0 || !plain.test(sql)
  }

  // ---- rows ----

  rows(given: Connection.Query): Effect.Effect<Connection.Rows, SqlError.SqlError, Scope.Scope> {
    const query = this.preparable(asText(given))
    // A stream's time is its consumer's: the server would count the pauses, too.
    const text = textOf({ ...query, timeout: undefined }, this)
    if (text instanceof SqlError.SqlError) return Exit.fail(text)
    const refusal = this.refused(query.sql)
    if (refusal !== undefined) return Exit.fail(refusal)
    let cursor = this.cursor(query, text, query.prepare)
    const opened = Effect.catchIf(Effect.suspend(() => cursor.open), () => cursor.wasUnpreparable, () => {
      const plain = textOf({ ...query, timeout: undefined, prepare: false }, this)
      if (plain instanceof SqlError.SqlError) return Exit.fail(plain)
      cursor = this.cursor(query, plain, false)
      return cursor.open
    })
    // Known to the scope before it is sent: an interruption between the two would leave it open.
    return Effect.flatMap(Effect.scope, (scope) =>
      Effect.suspend(() => {
        if (!this.wire.isIdle) return Exit.fail(besideStream())
        return Effect.zipRight(Scope.addFinalizer(scope, this.ended(() => cursor)), this.doubted(opened, query.sql))
      }))
  }

  private cursor(query: Connection.Query, text: Text, isPrepared: boolean): Cursor {
    return new Cursor(this.wire, text, isPrepared, {
      size: Math.max(1, Math.trunc(query.fetchSize) || 1000),
      failure: (error) => this.reason(error, { operation: "stream", statement: query.sql, harmless: Wires.isUnsent(error) || outcomeOf(query) === "not-applied" }),
      unread: (unfit) => unread(unfit, query),
      columns: (fields) => {
        const twice = query.duplicates === "error" && query.rowMode === "object" ? duplicate(fields, query) : undefined
        return twice ?? fields.columns
      }
    })
  }

  // A failure of a stream may have ended the transaction, too.
  private doubted<A>(effect: Effect.Effect<A, SqlError.SqlError>, sql: string): Effect.Effect<A, SqlError.SqlError> {
    return Effect.tapError(effect, () => Effect.suspend(() => this.wire.isIdle && !this.wire.isClosed && this.isDoubtful(sql) ? Effect.ignore(this.wire.text("DO 0", "stream")) : Effect.void))
  }

  private ended(cursor: () => Cursor): Effect.Effect<void> {
    return Effect.suspend(() => cursor().isDone || this.wire.isClosed ? Effect.void : endStream(this.wire, this.settle))
  }

  executeMany(query: Connection.Query, rows: ReadonlyArray<ReadonlyArray<unknown>>, answered?: Many.Answered): Effect.Effect<ReadonlyArray<number>, SqlError.SqlError> {
    return Many.execute(this, query, rows, answered)
  }

  executeAll(queries: ReadonlyArray<Connection.Query>, answered: (result: Connection.Result) => void): Effect.Effect<void, SqlError.SqlError> {
    return Joined.execute(this, queries, answered)
  }

  describe(query: Connection.Query): Effect.Effect<ReadonlyArray<Connection.Column>, SqlError.SqlError> {
    return Effect.async((resume) => {
      this.wire.send(new Describe(this.wire, query.sql, (error, fields) =>
        error === undefined ? resume(Exit.succeed(fields?.columns ?? [])) : this.failed(error, query, resume)))
    })
  }

  /** A text that writes rows of ours: its headers, or why it failed. The error shows the statement that it is told, and no value. */
  write(
    text: Pick<Text, "sql" | "infile">,
    about: { readonly operation: string; readonly statement: string },
    onHeader?: (header: Header) => void
  ): Effect.Effect<ReadonlyArray<Header | undefined>, SqlError.SqlError> {
    return Effect.async((resume) => {
      if (!this.wire.isIdle) return resume(Exit.fail(besideStream()))
      this.wire.run(text, false, (error, parts) => {
        if (error === undefined) return resume(Exit.succeed(parts.map((part) => part.header)))
        const isUnsent = Wires.isUnsent(error)
        this.told(Exit.fail(this.reason(error, { ...about, harmless: isUnsent || this.wire.inTransaction })), isUnsent || isFatal(error), resume)
      }, onHeader)
    })
  }

  // ---- transactions ----

  begin(options: Connection.BeginOptions): Effect.Effect<void, SqlError.SqlError> {
    const refusal = refused(options) ?? (this.wire.inTransaction ? misplaced("BEGIN would commit the transaction that is open", "begin") : undefined)
    if (refusal !== undefined) return Exit.fail(refusal)
    const start = this.command(options.readOnly === true ? "START TRANSACTION READ ONLY" : "START TRANSACTION", "begin")
    // It holds for the next transaction only.
    return options.isolation === undefined ? start : Effect.zipRight(
      this.command(`SET TRANSACTION ISOLATION LEVEL ${options.isolation.toUpperCase().replace("-", " ")}`, "begin"),
      start
    )
  }

  readonly commit: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() => this.wire.inTransaction ? this.command("COMMIT", "commit") : Exit.fail(gone("commit")))
  readonly rollback: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() => this.command("ROLLBACK", "rollback"))

  savepoint(name: string): Effect.Effect<void, SqlError.SqlError> {
    return this.inside(`SAVEPOINT ${quote(name)}`, "savepoint")
  }

  release(name: string): Effect.Effect<void, SqlError.SqlError> {
    return this.inside(`RELEASE SAVEPOINT ${quote(name)}`, "release")
  }

  rollbackTo(name: string): Effect.Effect<void, SqlError.SqlError> {
    return this.inside(`ROLLBACK TO SAVEPOINT ${quote(name)}`, "rollbackTo")
  }

  // SAVEPOINT outside of a transaction is no error to the server, and no savepoint.
  private inside(sql: string, operation: string): Effect.Effect<void, SqlError.SqlError> {
    return Effect.suspend(() => this.wire.inTransaction ? this.command(sql, operation) : Exit.fail(gone(operation)))
  }

  /** A statement of our own. A stream that is still open ends first: no row of it would come after a COMMIT. */
  command(sql: string, operation: string): Effect.Effect<void, SqlError.SqlError> {
    return Effect.suspend(() => this.wire.isIdle ? this.send(sql, operation) : Effect.zipRight(this.settle, this.send(sql, operation)))
  }

  private send(sql: string, operation: string): Effect.Effect<void, SqlError.SqlError> {
    return Effect.async((resume) => {
      this.wire.run({ sql }, false, (error) => {
        if (error === undefined) return resume(Exit.void)
        this.told(Exit.fail(this.reason(error, { operation, harmless: Wires.isUnsent(error) || operation !== "commit" })), isFatal(error), resume)
      })
    })
  }

  // ---- the session ----

  readonly ping: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() => this.asked((done) => this.wire.command(command(0x0e), done), "ping"))

  readonly reset: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() => {
    const { database } = this.settings
    // A session without a database can only be brought back to none by COM_CHANGE_USER, which logs in again: the driver's.
    const reset = database === undefined
      ? this.asked((done) => this.wire.foreign((callback) => this.wire.raw.changeUser({}, callback), done), "reset")
      : Effect.zipRight(this.asked((done) => this.wire.command(command(0x1f), done), "reset"), Effect.suspend(() => this.command(`USE ${quote(database)}`, "reset")))
    // The server has dropped them.
    this.wire.statements.clear()
    // It drops the charset, the mode and the time zone as well.
    return Effect.zipRight(reset, Effect.suspend(() => Wires.prepareSession(this.wire, this.settings)))
  })

  private asked(ask: (done: (error: Driver.DriverError | undefined) => void) => void, operation: string): Effect.Effect<void, SqlError.SqlError> {
    return Effect.async((resume) => {
      if (!this.wire.isIdle) return resume(Exit.fail(besideStream()))
      ask((error) => resume(error === undefined ? Exit.void : Exit.fail(this.reason(error, { operation, harmless: true }))))
    })
  }

  readonly settle: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() =>
    Effect.zipRight(settle(this.wire, this.control, this.settings.discardLimit), Several.forbid(this.wire)))

  bulk(target: Bulk.Target): Effect.Effect<Bulk.Writer, SqlError.SqlError, Scope.Scope> {
    return BulkWriter.writer(this, target)
  }

  close(how: "graceful" | "destroy"): Effect.Effect<void, SqlError.SqlError> {
    return how === "graceful" ? this.wire.quit : endSession(this.wire, this.control)
  }
}

// The binary protocol has another form for each type: bytes are those of the text protocol, as the server prints them.
const asText = (query: Connection.Query): Connection.Query => query.rowMode === "bytes" ? { ...query, prepare: false } : query

const warnings: Text = { sql: "SHOW WARNINGS LIMIT 64" }

// Without a transaction, a failure of one of these leaves none open; a procedure or a compound statement may.
const plain = /^\s*(?:SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH|VALUES|TABLE|DO|SHOW|DESCRIBE|EXPLAIN)\b/i

/** A name of ours is one name: a dot in it separates nothing. */
const quote = (name: string): string => `\`${name.replaceAll("`", "``")}\``

const refused = (options: Connection.BeginOptions): SqlError.SqlError | undefined => {
  const lacking = (capability: string, message: string) => SqlError.make(new Reason.UnsupportedError({ message, capability, operation: "begin" }))
  if (options.isolation !== undefined && !dialect.capabilities.isolation.includes(options.isolation)) {
    return lacking("isolation", `MySQL has no isolation level ${options.isolation}`)
  }
  if (options.deferrable === true) return lacking("deferrable", "MySQL has no deferrable transactions")
  return options.access === undefined ? undefined : lacking("access", "MySQL's BEGIN takes no lock")
}

const misplaced = (message: string, operation: string): SqlError.SqlError => SqlError.make(new Reason.TransactionStateError({ message, operation }))

const gone = (operation: string): SqlError.SqlError =>
  SqlError.make(new Reason.TransactionAbortedError({ message: "the transaction is over: the server ended it", operation }))

/** What the connection's server was when it was connected to. */
export const role = (connection: Connection.Connection) =>
  Servers.roleOf(isMysql(connection) ? connection.server : undefined)

/** Whether a connection is one of ours. */
export const isMysql = (connection: Connection.Connection): connection is Mysql => connection instanceof Mysql
