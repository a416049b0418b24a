/**
 * The contract over a client's functions: promises become effects, rejections typed failures, interruptions an abort.
 *
 * It knows no database: what the client cannot do it does not claim. Made by `Generic`, one per statement that may be under
 * way at a time.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Column, Connection, Query, Result, Rows, TransactionStatus } from "../../Connection.js"
import type { Capabilities, Dialect } from "../../Dialect.js"
import type { Answer, Client, Context } from "../../Generic.js"
import * as Reason from "../../Reason.js"
import * as SqlError from "../../SqlError.js"
import * as SqlScript from "../../SqlScript.js"

type Run = (context: Context) => PromiseLike<unknown> | unknown

let last = 0

export class GenericConnection implements Connection {
  readonly id = ++last
  readonly endpoint: string
  readonly capabilities: Capabilities
  readonly isClosed = false
  transaction: TransactionStatus = "none"
  private running: { readonly controller: AbortController; readonly ended: Promise<void> } | undefined

  constructor(private readonly client: Client, private readonly dialect: Dialect) {
    this.endpoint = dialect.name
    this.capabilities = dialect.capabilities
  }

  get native(): Client {
    return this.client
  }

  execute(query: Query): Effect.Effect<Result, SqlError.SqlError> {
    const run: Run = ({ signal }) => this.client.execute(query.sql, query.params, { signal, integers: query.integers })
    return Effect.flatMap(this.send("execute", run, query), (answer) => {
      this.follow(query.sql)
      return resultOf(answer, query)
    })
  }

  results(query: Query): Effect.Effect<ReadonlyArray<Result>, SqlError.SqlError> {
    return Effect.map(this.execute(query), (result) => [result])
  }

  rows(query: Query): Effect.Effect<Rows, SqlError.SqlError> {
    return Effect.map(this.execute(query), ({ columns, rows }) => {
      let at = 0
      return { columns, next: Effect.sync(() => rows.slice(at, at += query.fetchSize)) }
    })
  }

  executeMany(query: Query, rows: ReadonlyArray<ReadonlyArray<unknown>>, answered?: (rowsAffected: number) => void): Effect.Effect<ReadonlyArray<number>, SqlError.SqlError> {
    return Effect.forEach(rows, (params) => Effect.map(this.execute({ ...query, params }), ({ rowsAffected }) => {
      answered?.(rowsAffected)
      return rowsAffected
    }))
  }

  describe(): Effect.Effect<ReadonlyArray<Column>, SqlError.SqlError> {
    return lacking("describe")
  }

  begin(): Effect.Effect<void, SqlError.SqlError> {
    return this.turning("begin", "open")
  }

  get commit(): Effect.Effect<void, SqlError.SqlError> {
    return this.turning("commit", "none")
  }

  get rollback(): Effect.Effect<void, SqlError.SqlError> {
    return this.turning("rollback", "none")
  }

  savepoint(name: string): Effect.Effect<void, SqlError.SqlError> {
    return this.say(`SAVEPOINT ${this.dialect.quoteIdentifier(name)}`)
  }

  release(name: string): Effect.Effect<void, SqlError.SqlError> {
    return this.say(`RELEASE SAVEPOINT ${this.dialect.quoteIdentifier(name)}`)
  }

  rollbackTo(name: string): Effect.Effect<void, SqlError.SqlError> {
    return this.say(`ROLLBACK TO SAVEPOINT ${this.dialect.quoteIdentifier(name)}`)
  }

  get ping(): Effect.Effect<void, SqlError.SqlError> {
    return this.say("SELECT 1")
  }

  get reset(): Effect.Effect<void, SqlError.SqlError> {
    return this.transaction === "none" ? Effect.void : this.rollback
  }

  // The client is told by its signal. Only when its promise has ended is it surely done.
  readonly settle: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() => {
    const { running } = this
    if (running === undefined) return Effect.void
    running.controller.abort()
    // It never rejects: whatever the client's own promise did was told to who waited for it.
    return Effect.promise(() => running.ended)
  })

  // The client itself is closed once, with its layer.
  close(): Effect.Effect<void, SqlError.SqlError> {
    return Effect.sync(() => this.running?.controller.abort())
  }

  // No protocol tells where the transaction stands: a text's own BEGIN and COMMIT are seen by their words (laws P4, T7).
  private follow(sql: string): void {
    if (!this.capabilities.transactions) return
    const [first, second] = words(sql, this.dialect)
    if (first === "BEGIN" || (first === "START" && second === "TRANSACTION")) this.transaction = "open"
    else if (first === "COMMIT" || first === "END" || (first === "ROLLBACK" && second !== "TO")) this.transaction = "none"
  }

  private say(sql: string): Effect.Effect<void, SqlError.SqlError> {
    return Effect.asVoid(this.send("execute", (context) => this.client.execute(sql, [], context), { sql, params: [] }))
  }

  private turning(verb: "begin" | "commit" | "rollback", to: TransactionStatus): Effect.Effect<void, SqlError.SqlError> {
    const run = this.client[verb]
    if (run === undefined) return lacking("transactions")
    return Effect.map(this.send(verb, (context) => run(context), undefined), () => {
      this.transaction = to
    })
  }

  private send(operation: string, run: Run, query: Pick<Query, "sql" | "params"> | undefined): Effect.Effect<unknown, SqlError.SqlError> {
    return Effect.async((resume) => {
      const controller = new AbortController()
      const failed = (cause: unknown) => resume(Exit.fail(this.failure(cause, operation, query)))
      let promise: Promise<unknown>
      try {
        promise = Promise.resolve(run({ signal: controller.signal }))
      } catch (cause) {
        return failed(cause)
      }
      const ended = promise.then((answer) => {
        this.running = undefined
        resume(Exit.succeed(answer))
      }, (cause: unknown) => {
        this.running = undefined
        failed(cause)
      })
      this.running = { controller, ended }
    })
  }

  // The user's own function: what it throws tells nothing of the failure, and must not keep it from who waits.
  private told(cause: unknown, sql: string | undefined): Reason.Reason | undefined {
    try {
      return this.client.reason?.(cause, sql)
    } catch {
      return undefined
    }
  }

  private failure(cause: unknown, operation: string, query: Pick<Query, "sql" | "params"> | undefined): SqlError.SqlError {
    if (SqlError.isSqlError(cause)) return cause
    const told = this.told(cause, query?.sql)
    if (told !== undefined) return SqlError.make(told)
    const message = cause instanceof Error ? cause.message : typeof cause === "string" ? cause : "the client rejected"
    return SqlError.make(new Reason.UnknownError({
      message: masked(message, query?.params ?? []),
      operation,
      statement: query?.sql,
      // What became of a session that is the client's own, only the client knows.
      connection: "usable",
      cause
    }))
  }
}

/** The first two words of a text. */
const words = (sql: string, dialect: Dialect): ReadonlyArray<string> => {
  const lexer = SqlScript.lexer(dialect.lexicon)
  const found: Array<string> = []
  for (let at = 0; found.length < 2 && lexer.read(sql, at); at = lexer.end) {
    if (lexer.kind === "word") found.push(sql.slice(lexer.start, lexer.end).toUpperCase())
    else if (lexer.kind !== "comment") break
  }
  return found
}

const lacking = (capability: string) =>
  SqlError.fail(new Reason.UnsupportedError({ message: `this client has no ${capability}`, capability }))

// What a client's message quotes is unknown: neither a parameter nor a text in quotes is let through (law E4).
const masked = (message: string, params: ReadonlyArray<unknown>): string => {
  let out = message.replaceAll(/'[^']*'/g, "'…'")
  for (const param of params) {
    const text = typeof param === "string" || typeof param === "number" || typeof param === "bigint" ? String(param) : ""
    if (text.length > 1) out = out.replaceAll(text, "…")
  }
  return out
}

const resultOf = (answer: unknown, query: Query): Effect.Effect<Result, SqlError.SqlError> => {
  const { columns, lastInsertId, rows = [], rowsAffected = 0 }: Answer = Array.isArray(answer)
    ? { rows: answer }
    : typeof answer === "object" && answer !== null ? answer : {}
  if (!Array.isArray(rows)) {
    return SqlError.fail(new Reason.UnknownError({
      message: `execute answered with rows that are no array but ${typeof rows}`,
      operation: "execute",
      statement: query.sql,
      connection: "usable",
      outcome: "applied"
    }))
  }
  const names = columns ?? Object.keys(rows[0] ?? {})
  const twin = query.rowMode === "object" && query.duplicates === "error" ? names.find((name, i) => names.indexOf(name) !== i) : undefined
  if (twin !== undefined) {
    return SqlError.fail(new Reason.ResultError({
      message: `the result has two columns ${twin}`,
      operation: "execute",
      statement: query.sql,
      expected: "columns of different names",
      found: names.length
    }))
  }
  return Exit.succeed({
    rows: query.rowMode === "object" ? rows.map((row) => recordOf(row, names)) : rows.map((row) => valuesOf(row, names)),
    columns: names.map((name) => ({ name, type: undefined, nullable: undefined, precision: undefined, scale: undefined, table: undefined })),
    rowsAffected,
    lastInsertId,
    messages: [],
    outParameters: undefined
  })
}

type Row = Readonly<Record<string, unknown>> | ReadonlyArray<unknown>

const isValues = (row: Row): row is ReadonlyArray<unknown> => Array.isArray(row)

const recordOf = (row: Row, names: ReadonlyArray<string>): Row =>
  isValues(row) ? Object.fromEntries(names.map((name, i) => [name, row[i]])) : row

const valuesOf = (row: Row, names: ReadonlyArray<string>): ReadonlyArray<unknown> => isValues(row) ? row : names.map((name) => row[name])
