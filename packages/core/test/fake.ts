/**
 * A fake server: connections that do what no embedded server does on demand. They die, hang, refuse and take their time.
 *
 * It runs no SQL: a statement is a word or two (`sleep 100`, `fail unique`). Two statements at once on one connection, or one
 * on a closed connection, are written down as `violations`, and every test asks for them. Time is the fiber's own
 * clock, so that TestClock moves it. Called by the tests of the pool and of transactions.
 */
import { assert } from "@effect/vitest"
import * as Reactivity from "@effect/experimental/Reactivity"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as EffectScope from "effect/Scope"
import type { BeginOptions, Column, Connection, Query, Result, Rows, TransactionStatus } from "../src/Connection.js"
import * as Database from "../src/Database.js"
import * as Dialect from "../src/Dialect.js"
import * as Pool from "../src/Pool.js"
import * as Reason from "../src/Reason.js"
import * as SqlError from "../src/SqlError.js"
import * as SqlScript from "../src/SqlScript.js"

export const capabilities: Dialect.Capabilities = {
  transactions: true,
  savepoints: true,
  isolation: ["serializable"],
  readOnlyTransactions: true,
  deferrable: false,
  access: [],
  sessions: true,
  cancel: "server",
  streaming: true,
  statementsBesideStream: true,
  returning: true,
  multipleResultSets: false,
  describe: true,
  lastInsertId: true,
  bulk: false,
  unprepared: false,
  bytes: false
}

export const dialect: Dialect.Dialect = {
  name: "fake",
  stock: undefined,
  system: "other_sql",
  quoteIdentifier: Dialect.quoteWith("\""),
  placeholder: (index) => `$${index}`,
  defaultKeyword: "DEFAULT",
  returning: "suffix",
  updateValues: ({ alias, columns, rows }) => `(values ${rows.map((row) => `(${row.join(",")})`).join(",")}) as ${alias}(${columns.join(",")})`,
  lexicon: { ...SqlScript.ansi, dollarQuotes: true, nestedComments: true },
  limits: { maxParameters: 10, maxStatementBytes: 1_000, maxInsertRows: 3 },
  capabilities,
  leavesState: /lock_me/
}

export const refused = SqlError.make(new Reason.ConnectionError({ message: "connect ECONNREFUSED", operation: "connect", outcome: "not-applied" }))
export const wrongPassword = SqlError.make(new Reason.AuthenticationError({ message: "password authentication failed" }))

const lost = () => SqlError.make(new Reason.ConnectionError({ message: "read ECONNRESET" }))

/** What a statement, or a verb, answers with. */
export const failures: Readonly<Record<string, () => SqlError.SqlError>> = {
  unique: () => SqlError.make(new Reason.UniqueViolation({ message: "duplicate key" })),
  serialization: () => SqlError.make(new Reason.SerializationError({ message: "could not serialize access", sqlState: "40001" })),
  deadlock: () => SqlError.make(new Reason.DeadlockError({ message: "deadlock detected", sqlState: "40P01" })),
  lost
}

export class FakeServer {
  readonly connections: Array<FakeConnection> = []
  readonly violations: Array<string> = []
  /** What was sent, in order: `1 begin`, `1 INSERT …`. */
  readonly log: Array<string> = []
  attempts = 0
  peak = 0
  /** The next connects fail with these, one after the other. */
  readonly refusals: Array<SqlError.SqlError> = []
  /** Every connect fails with this. */
  down: SqlError.SqlError | undefined = undefined
  connectTime = 0
  lastStep = 0
  settleTime = 0
  resetTime = 0
  /** Settling takes until this is done. */
  stuck: Deferred.Deferred<void> | undefined = undefined
  closeFails = false
  /** Closing ends when this is done: a thread in a step that cannot be stopped. */
  lingers: Deferred.Deferred<void> | undefined = undefined
  pingTime = 0
  commitTime = 0
  /** Single statements that a connection takes at once. */
  maxInFlight = 1
  /** The next run of a verb fails so: `commit`, `begin`, `rollback`, `reset`, … */
  readonly failing = new Map<string, () => SqlError.SqlError>()

  get open(): ReadonlyArray<FakeConnection> {
    return this.connections.filter((connection) => connection.closes.length === 0)
  }

  private readonly connected: Effect.Effect<FakeConnection, SqlError.SqlError> = Effect.suspend(() => {
    const refusal = this.refusals.shift() ?? this.down
    if (refusal !== undefined) return Effect.fail(refusal)
    const connection = new FakeConnection(this, this.connections.length + 1)
    this.connections.push(connection)
    this.peak = Math.max(this.peak, this.open.length)
    return Effect.succeed(connection)
  })

  readonly connect: Effect.Effect<FakeConnection, SqlError.SqlError> = Effect.suspend(() => {
    this.attempts++
    return this.connectTime > 0 ? Effect.zipRight(Effect.sleep(this.connectTime), this.connected) : this.connected
  })

  /** As `connect`, and then a step that nothing interrupts: at its end the connection is there. */
  readonly connectInSteps = (opened: (connection: FakeConnection) => void): Effect.Effect<FakeConnection, SqlError.SqlError> =>
    Effect.suspend(() => {
      this.attempts++
      const last = Effect.zipRight(Effect.sleep(this.lastStep), Effect.tap(this.connected, (connection) => Effect.sync(() => opened(connection))))
      return Effect.zipRight(Effect.sleep(this.connectTime), Effect.uninterruptible(last))
    })

  pool(config: Pool.Config & { readonly irreplaceable?: string } = {}): Effect.Effect<Pool.Pool<FakeConnection>, SqlError.SqlError, EffectScope.Scope> {
    return Pool.make({ name: "fake", connect: this.connect, ...config })
  }

  database(config: Database.Config = {}, lanes?: number): Effect.Effect<Database.Database, SqlError.SqlError, EffectScope.Scope> {
    return Effect.flatMap(Pool.make<Connection>({ name: "fake", dialect, connect: this.connect, lanes, ...config.pool }), (write) =>
      Database.make({ ...config, dialect, raw: (result) => result, pools: { write, read: undefined, session: undefined }, attributes: {} })
    ).pipe(Effect.provide(Reactivity.layer))
  }
}

/** Holds a connection until it is released. */
export const hold = (pool: Pool.Pool<FakeConnection>) =>
  Effect.gen(function*() {
    const scope = yield* EffectScope.make()
    const connection = yield* EffectScope.extend(pool.get, scope)
    return { connection, release: EffectScope.close(scope, Exit.void) }
  })

/** The reason that an effect must fail with. */
export const reasonOf = <A, E extends { readonly reason: Reason.Reason }, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Reason.Reason, never, R> =>
  Effect.matchEffect(effect, {
    onSuccess: () => Effect.die(new Error("expected a failure")),
    onFailure: (error) => Effect.succeed(error.reason)
  })

/** One query, as a connection gets it. */
export const query = (sql: string): Query => ({
  sql, params: [], rowMode: "object", prepare: true, readOnly: false, returnsRows: true, integers: undefined,
  duplicates: "last", fetchSize: 1_000, timeout: undefined
})

/** Nothing is lent, nobody waits, every connection is accounted for, and no two statements met on one. */
export const accounted = (server: FakeServer, pool: { readonly stats: Effect.Effect<Pool.Stats> }) =>
  Effect.map(pool.stats, (stats) => {
    assert.deepStrictEqual(server.violations, [])
    assert.deepStrictEqual([stats.lent, stats.waiting, stats.connecting, stats.retired], [0, 0, 0, 0])
    assert.strictEqual(stats.size, stats.idle)
    assert.strictEqual(stats.opened - stats.closed, stats.size)
    assert.strictEqual(server.open.length, stats.size)
    assert.isAtMost(stats.size, stats.max)
    return stats
  })

export class FakeConnection implements Connection {
  readonly endpoint = "fake:1"
  readonly capabilities = capabilities
  transaction: TransactionStatus = "none"
  isClosed = false
  /** The server is gone, and nobody here knows it yet. */
  isDead = false
  running: string | undefined = undefined
  /** How many statements run, where it takes several at once; 0 where what runs must be alone. */
  private sharing = 0
  pings = 0
  resets = 0
  rollbacks = 0
  settles = 0
  readonly closes: Array<"graceful" | "destroy"> = []

  constructor(readonly server: FakeServer, readonly id: number) {}

  get maxInFlight(): number {
    return this.server.maxInFlight
  }

  get native(): unknown {
    return this
  }

  private send<A>(what: string, work: Effect.Effect<A, SqlError.SqlError>, shares = false): Effect.Effect<A, SqlError.SqlError> {
    return Effect.suspend(() => {
      const { server } = this
      server.log.push(`${this.id} ${what}`)
      const isLet = shares && this.transaction === "none" && this.sharing > 0 && this.sharing < server.maxInFlight
      if (this.running !== undefined && !isLet) server.violations.push(`${what} was sent while ${this.running} ran on ${this.id}`)
      if (this.closes.length > 0) server.violations.push(`${what} was sent to ${this.id}, which is closed`)
      if (this.isDead) {
        this.isClosed = true
        return Effect.fail(lost())
      }
      const failing = server.failing.get(what)
      if (failing !== undefined) {
        server.failing.delete(what)
        return Effect.fail(failing())
      }
      // An interruption leaves it running: only `settle` knows when it has ended.
      this.running = what
      if (shares) this.sharing++
      const end = Effect.sync(() => {
        if (!shares || --this.sharing <= 0) this.running = undefined
      })
      return Effect.matchEffect(work, {
        onSuccess: (value) => Effect.as(end, value),
        onFailure: (error) => Effect.zipRight(end, Effect.fail(error))
      })
    })
  }

  private answer(query: Query): Effect.Effect<Result, SqlError.SqlError> {
    const result: Result = {
      rows: [query.rowMode === "array" ? [this.id] : { id: this.id }],
      columns: [{ name: "id", type: undefined, nullable: undefined, precision: undefined, scale: undefined, table: undefined }],
      rowsAffected: 1,
      lastInsertId: undefined,
      messages: [],
      outParameters: undefined
    }
    // Behind SELECT it is a statement that leaves nothing in its session.
    const [verb, what] = query.sql.replace(/^SELECT /, "").split(" ")
    if (verb === "sleep") return Effect.as(Effect.sleep(Number(what)), result)
    if (verb === "yield") return Effect.as(Effect.repeatN(Effect.yieldNow(), Number(what)), result)
    if (verb === "fail") return Effect.fail((failures[what ?? ""] ?? lost)())
    // The server rolls the whole transaction back, as MySQL and SQL Server do to a deadlock's victim.
    if (verb === "doom") {
      return Effect.suspend(() => {
        this.transaction = "none"
        return Effect.fail(failures["deadlock"]!())
      })
    }
    if (verb === "BEGIN") this.transaction = "open"
    if (verb === "CREATE") this.transaction = "none"
    return Effect.succeed(result)
  }

  execute(query: Query): Effect.Effect<Result, SqlError.SqlError> {
    return this.send(query.sql, Effect.suspend(() => this.answer(query)), true)
  }

  results(query: Query): Effect.Effect<ReadonlyArray<Result>, SqlError.SqlError> {
    return Effect.map(this.execute(query), (result) => [result])
  }

  rows(query: Query): Effect.Effect<Rows, SqlError.SqlError, EffectScope.Scope> {
    let left = Number(query.sql.split(" ")[1] ?? 1)
    return Effect.as(this.send(query.sql, Effect.void), {
      columns: [],
      next: Effect.suspend(() => left-- > 0 ? this.send("fetch", Effect.as(Effect.sleep(10), [{ left }])) : Effect.succeed([]))
    })
  }

  executeMany(query: Query, rows: ReadonlyArray<ReadonlyArray<unknown>>): Effect.Effect<ReadonlyArray<number>, SqlError.SqlError> {
    return this.send(query.sql, Effect.succeed(rows.map(() => 1)))
  }

  describe(query: Query): Effect.Effect<ReadonlyArray<Column>, SqlError.SqlError> {
    return Effect.map(this.execute(query), (result) => result.columns)
  }

  private verb(what: string, status: TransactionStatus): Effect.Effect<void, SqlError.SqlError> {
    return this.send(what, Effect.sync(() => {
      this.transaction = status
    }))
  }

  begin(_: BeginOptions): Effect.Effect<void, SqlError.SqlError> {
    return this.verb("begin", "open")
  }

  readonly commit = Effect.suspend(() => {
    const done = Effect.sync(() => {
      this.transaction = "none"
    })
    return this.send("commit", this.server.commitTime > 0 ? Effect.zipRight(Effect.sleep(this.server.commitTime), done) : done)
  })
  readonly rollback = Effect.suspend(() => {
    this.rollbacks++
    return this.verb("rollback", "none")
  })

  savepoint(name: string): Effect.Effect<void, SqlError.SqlError> {
    return this.verb(`savepoint ${name}`, "open")
  }

  release(name: string): Effect.Effect<void, SqlError.SqlError> {
    return this.verb(`release ${name}`, "open")
  }

  rollbackTo(name: string): Effect.Effect<void, SqlError.SqlError> {
    return this.verb(`rollbackTo ${name}`, "open")
  }

  readonly ping = Effect.suspend(() => {
    this.pings++
    const answer = Effect.suspend(() => this.isDead ? Effect.fail(lost()) : Effect.void)
    return this.send("ping", this.server.pingTime > 0 ? Effect.zipRight(Effect.sleep(this.server.pingTime), answer) : answer)
  })

  readonly reset = Effect.suspend(() => {
    this.resets++
    return this.send("reset", this.server.resetTime > 0 ? Effect.sleep(this.server.resetTime) : Effect.void)
  })

  readonly settle = Effect.suspend(() => {
    this.settles++
    const { settleTime, stuck } = this.server
    const wait = stuck !== undefined ? Deferred.await(stuck) : settleTime > 0 ? Effect.sleep(settleTime) : Effect.void
    return Effect.zipRight(wait, Effect.sync(() => {
      this.running = undefined
      this.sharing = 0
    }))
  })

  close(how: "graceful" | "destroy"): Effect.Effect<void, SqlError.SqlError> {
    return Effect.suspend(() => {
      this.closes.push(how)
      this.isClosed = true
      if (this.closes.length > 1) this.server.violations.push(`${this.id} was closed twice`)
      const { closeFails, lingers } = this.server
      const end = lingers === undefined ? Effect.void : Deferred.await(lingers)
      return closeFails ? Effect.zipRight(end, Effect.fail(lost())) : end
    })
  }
}
