/**
 * Held: one connection that several statements share, as in a transaction or a session.
 *
 * It gives turns: one statement at a time (law T6), and only to the innermost open scope (law T2). It does not know
 * what a scope means (that is `Transaction` and `Session`), nor where the connection came from (that is the pool).
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as EffectScope from "effect/Scope"
import type { BeginOptions, Connection } from "../Connection.js"
import * as Reason from "../Reason.js"
import * as SqlError from "../SqlError.js"
import { type About, refuse } from "./errorHook/Hooks.js"
import { bounded } from "../Bounded.js"
import { applied } from "./pool/applied.js"
import type { Lending } from "./pool/Lending.js"
import { unanswered } from "./pool/refusals.js"
import type { Entry } from "./pool/State.js"
import type { Scope } from "./scope.js"

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** What an error of a statement is told with. */
type Statement = Pick<About, "query" | "label">

interface Turn {
  readonly scope: Scope
  /** `granted`: the turn is given; else the connection is gone and the turn never comes. */
  readonly resume: (granted: boolean) => void
}

export class Held {
  /** Open scopes, the innermost last: it owns the connection. */
  readonly stack: Array<Scope> = []
  /** The savepoints' names are unique on a connection. */
  savepoints = 0
  /** A transaction was begun here and has not been ended by us. */
  inTransaction = false
  /** The transaction's end by a statement that commits by itself is no failure: what follows runs in autocommit. */
  private survivesCommit = false
  /** Why the transaction is over, when it was not we who ended it (law T7). */
  aborted: SqlError.SqlError | undefined = undefined
  /** The connection is gone; nothing runs here any more. */
  lost: SqlError.SqlError | undefined = undefined
  /** A statement failed in a way that leaves the connection in doubt. */
  private suspect = false
  /** Open streams, each with the transaction, savepoint or session that it was opened in. */
  readonly streams = new Map<EffectScope.CloseableScope, Scope>()
  private busy = false
  private ended = false
  private given = false
  /** Statements outside of a transaction begin one first: a session with autocommit off. */
  autoBegin = false
  private readonly queue: Array<Turn> = []

  constructor(
    readonly lending: Lending<Connection>,
    readonly entry: Entry<Connection>,
    readonly turnTimeout: number,
    /** What bounds every statement bounds COMMIT, too. */
    readonly statementTimeout: number | undefined
  ) {}

  get connection(): Connection {
    return this.entry.connection
  }

  // ---- turns ----

  /** Whether the connection is free for this scope now; if so, it is taken. */
  private tryTurn(scope: Scope): boolean {
    if (this.busy || this.stack[this.stack.length - 1] !== scope) return false
    this.busy = true
    return true
  }

  private turn(scope: Scope, restore: Restore): Effect.Effect<void, SqlError.SqlError> {
    return Effect.suspend(() => {
      const refusal = scope.refusal()
      if (refusal !== undefined) return this.refuse(refusal)
      if (this.tryTurn(scope)) return Effect.void
      let turn: Turn | undefined
      let given = false
      const wait = Effect.async<void>((resume) => {
        // It may have become free since it was asked for, with nobody in the queue to give it to.
        if (this.tryTurn(scope)) {
          given = true
          return resume(Effect.void)
        }
        turn = {
          scope,
          resume: (granted) => {
            given = granted
            resume(Effect.void)
          }
        }
        this.queue.push(turn)
      })
      return restore(bounded<void, SqlError.SqlError>(wait, this.turnTimeout, () => SqlError.make(waitedReason(this.turnTimeout)))).pipe(
        Effect.catchAllCause((cause) => {
          this.lending.hooks?.failed(cause, { phase: "acquire", connection: this.connection })
          if (given) this.done()
          else if (turn !== undefined && this.queue.includes(turn)) this.queue.splice(this.queue.indexOf(turn), 1)
          return Effect.failCause(cause)
        }),
        Effect.zipRight(Effect.suspend(() => {
          const late = scope.refusal()
          if (late === undefined) return Effect.void
          if (given) this.done()
          return this.refuse(late)
        }))
      )
    })
  }

  /** A failure of a scope's before anything is sent. */
  refuse(error: SqlError.SqlError, phase = "execute"): Effect.Effect<never, SqlError.SqlError> {
    return refuse(this.lending.hooks, error, { phase, connection: this.connection })
  }

  /** Ends a turn, and gives the next one to the first in the queue that may have it. */
  done(): void {
    this.busy = false
    if (this.inTransaction && this.connection.transaction === "none" && this.aborted === undefined) {
      if (this.survivesCommit) this.inTransaction = false
      else this.aborted = SqlError.make(abortedReason(undefined))
    }
    if (this.connection.isClosed && this.lost === undefined) this.lost = SqlError.make(lostReason())
    if (this.ended) return this.giveBack()
    this.next()
  }

  /** To be called when the stack has changed. */
  next(): void {
    if (this.busy) return
    const innermost = this.stack[this.stack.length - 1]
    const index = this.queue.findIndex((turn) => turn.scope === innermost || turn.scope.refusal() !== undefined)
    const turn = this.queue[index]
    if (turn === undefined) return
    this.queue.splice(index, 1)
    this.busy = true
    turn.resume(true)
  }

  // ---- work ----

  /**
   * Runs one piece of work of a scope on the connection, in its turn. `revocable`: it ends no transaction, so that a lost
   * connection means that it took no effect. `statement` is what its failure is told with.
   */
  run<A>(
    scope: Scope,
    work: (connection: Connection) => Effect.Effect<A, SqlError.SqlError>,
    revocable = false,
    statement?: Statement
  ): Effect.Effect<A, SqlError.SqlError> {
    return Effect.uninterruptibleMask((restore) => this.runWith(restore, scope, work, revocable, statement))
  }

  /** Lends the connection in its turn to work that may fail otherwise and need more. */
  lend<A, E, R>(scope: Scope, use: (connection: Connection) => Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError.SqlError, R> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.zipRight(
        Effect.suspend(() => this.occupied === undefined ? this.turn(scope, restore) : this.refuse(this.occupied)),
        Effect.matchCauseEffect(restore(Effect.suspend(() => use(this.connection))), {
          onSuccess: (value) => {
            this.done()
            return Effect.succeed(value)
          },
          onFailure: (cause) => {
            if (Cause.isInterrupted(cause)) this.settle()
            else this.done()
            return Effect.failCause(cause)
          }
        })
      )
    )
  }

  /** As `run`, where interruption is masked already. */
  runWith<A>(
    restore: Restore,
    scope: Scope,
    work: (connection: Connection) => Effect.Effect<A, SqlError.SqlError>,
    revocable = false,
    statement?: Statement
  ): Effect.Effect<A, SqlError.SqlError> {
    return scope.refusal() === undefined && this.tryTurn(scope)
      ? this.perform(restore, work, revocable, statement)
      : Effect.zipRight(this.turn(scope, restore), Effect.suspend(() => this.perform(restore, work, revocable, statement)))
  }

  private perform<A>(
    restore: Restore,
    work: (connection: Connection) => Effect.Effect<A, SqlError.SqlError>,
    revocable: boolean,
    statement: Statement | undefined
  ): Effect.Effect<A, SqlError.SqlError> {
    const effect = applied(work, this.connection)
    const exit = exitOf(effect)
    if (exit !== undefined) {
      this.finish(exit, statement)
      return exit
    }
    return Effect.matchCauseEffect(restore(effect), {
      onSuccess: (value) => {
        this.done()
        return Effect.succeed(value)
      },
      onFailure: (cause) => {
        const known = revocable && (this.inTransaction || this.connection.transaction !== "none") ? Cause.map(cause, undone) : cause
        this.finish(Exit.failCause(known), statement)
        return Effect.failCause(known)
      }
    })
  }

  /** Begins a transaction; from then on its end is looked for after every statement. To be called in a turn. */
  begin(options: BeginOptions): Effect.Effect<void, SqlError.SqlError> {
    return mapNow(this.connection.begin(options), () => {
      this.inTransaction = true
      this.survivesCommit = options.implicitCommit === "autocommit"
      this.aborted = undefined
    })
  }

  /** A statement's work, behind a BEGIN where autocommit is off and no transaction is open. */
  begun<A>(work: (connection: Connection) => Effect.Effect<A, SqlError.SqlError>): typeof work {
    if (!this.autoBegin) return work
    return (connection) =>
      connection.transaction === "none" ? Effect.zipRight(this.begin({}), Effect.suspend(() => work(connection))) : work(connection)
  }

  /**
   * Sends COMMIT or ROLLBACK; whatever the answer, the transaction is not looked for any more. Streams of the scope that
   * are still open end before. To be called in a turn.
   */
  end(scope: Scope, how: "commit" | "rollback"): Effect.Effect<void, SqlError.SqlError> {
    const sent = Effect.suspend(() => {
      this.inTransaction = false
      return how === "commit" ? this.kept(this.connection.commit, how) : this.dropped(this.connection.rollback, how)
    })
    return this.streams.size === 0 ? sent : Effect.zipRight(this.endStreams(scope), sent)
  }

  /** What keeps a scope's work is bounded as every statement is. */
  kept(effect: Effect.Effect<void, SqlError.SqlError>, what: string): Effect.Effect<void, SqlError.SqlError> {
    return bounded(effect, this.statementTimeout, () => SqlError.make(unanswered(what, this.statementTimeout, "unknown")))
  }

  /** What drops a scope's work is not waited for longer than for a cancelling: without its connection it is dropped too. */
  dropped(effect: Effect.Effect<void, SqlError.SqlError>, what: string): Effect.Effect<void, SqlError.SqlError> {
    const { cancelTimeout } = this.lending.settings
    return bounded(effect, cancelTimeout, () => SqlError.make(unanswered(what, cancelTimeout)))
  }

  // ---- streams ----

  /** Law S4: what cannot run beside an open stream is refused at once; waiting for it would be a deadlock. */
  besideStream(): SqlError.SqlError | undefined {
    const { occupied } = this
    return occupied !== undefined || this.streams.size === 0 || this.connection.capabilities.statementsBesideStream ? occupied : beside("a stream is open")
  }

  /** Whether a turn would come only when what holds the connection has come to its end, which may wait for this very statement. */
  get occupied(): SqlError.SqlError | undefined {
    const { occupied } = this.connection
    return occupied === undefined ? undefined : beside(`${occupied} is under way`)
  }

  /** Ends the streams of a scope and of those inside it: who still pulls one fails. To be called in a turn. */
  endStreams(scope: Scope): Effect.Effect<void> {
    const own = [...this.streams].filter(([, opener]) => opener.depth >= scope.depth).map(([stream]) => stream)
    for (const stream of own) this.streams.delete(stream)
    return Effect.forEach(own, (stream) => EffectScope.close(stream, Exit.void), { discard: true })
  }

  private finish(exit: Exit.Exit<unknown, SqlError.SqlError>, statement: Statement | undefined): void {
    if (Exit.isSuccess(exit)) return this.done()
    this.lending.hooks?.failed(exit.cause, { phase: "execute", connection: this.connection, ...statement })
    if (mustSettle(exit.cause)) return this.settle()
    const failure = Cause.failureOption(exit.cause)
    if (failure._tag === "Some" && failure.value.connection !== "usable") this.suspect = true
    // DDL commits before it fails ("the table exists already"); whatever else ended the transaction rolled it back.
    const committed = failure._tag === "Some" && this.survivesCommit && failure.value.reason._tag === "SqlSyntaxError"
    if (failure._tag === "Some" && this.inTransaction && this.aborted === undefined && this.connection.transaction === "none" && !committed) {
      this.aborted = SqlError.make(abortedReason(failure.value))
    }
    this.done()
  }

  /** After an interruption the next turn comes when the server is surely done. The interrupted fiber does not wait. */
  private settle(): void {
    this.lending.fork(Effect.map(this.lending.settle(this.entry), (usable) => {
      if (!usable) this.lost = SqlError.make(lostReason())
      this.done()
    }))
  }

  // ---- the end ----

  /** Gives the connection back, when nothing of it runs any more. */
  get release(): Effect.Effect<void> {
    return Effect.suspend(() =>
      Effect.forEach([...this.streams.keys()], (stream) => EffectScope.close(stream, Exit.void), { discard: true })
    ).pipe(Effect.zipRight(Effect.sync(() => {
      this.ended = true
      if (!this.busy) this.giveBack()
    })))
  }

  private giveBack(): void {
    if (this.given) return
    this.given = true
    this.lost ??= SqlError.make(new Reason.ClosedError({ message: "the transaction or session has ended", operation: "execute" }))
    for (const turn of this.queue.splice(0)) turn.resume(false)
    if (this.suspect && this.connection.transaction === "none") this.lending.distrust(this.entry)
    else this.lending.release(this.entry)
  }
}

/** The exit of an effect that is done already. */
export const exitOf = <A, E>(effect: Effect.Effect<A, E>): Exit.Exit<A, E> | undefined =>
  Exit.isExit(effect) ? (effect as Exit.Exit<A, E>) : undefined

/** Maps at once what is done already. */
export const mapNow = <A, B, E>(effect: Effect.Effect<A, E>, f: (a: A) => B): Effect.Effect<B, E> => {
  const exit = exitOf(effect)
  return exit === undefined ? Effect.map(effect, f) : Exit.map(exit, f)
}

/** Whether a statement that failed so may still be running: it was interrupted, or a timeout of ours gave it up. */
export const mustSettle = (cause: Cause.Cause<SqlError.SqlError>): boolean => {
  if (Cause.isInterrupted(cause)) return true
  const failure = Cause.failureOption(cause)
  return failure._tag === "Some" && failure.value.reason._tag === "StatementTimeoutError" &&
    (failure.value.reason.timeout === "statement" || failure.value.reason.timeout === "database")
}

// Law T5: `unknown` is said of a COMMIT only. What was sent before it is rolled back with its connection.
const undone = (error: SqlError.SqlError): SqlError.SqlError =>
  error.outcome === "unknown" && error.reason._tag === "ConnectionError" ? SqlError.make(Reason.undone(error.reason)) : error

const waitedReason = (timeout: number): Reason.TransactionStateError =>
  new Reason.TransactionStateError({
    message: `waited ${timeout} ms for the transaction's connection, which an inner transaction or another statement of it holds`,
    operation: "execute"
  })

const beside = (what: string): SqlError.SqlError =>
  SqlError.make(
    new Reason.UnsupportedError({
      message: `while ${what} in a transaction or session, this database runs no other statement there`,
      capability: "statementsBesideStream"
    })
  )

const lostReason = (): Reason.ConnectionError =>
  new Reason.ConnectionError({
    message: "the connection of this transaction or session is gone",
    operation: "execute",
    outcome: "not-applied"
  })

const abortedReason = (by: SqlError.SqlError | undefined): Reason.TransactionAbortedError =>
  new Reason.TransactionAbortedError({
    message: by === undefined
      ? "the transaction is over: a statement in it ended it, or the server did"
      : `the transaction was rolled back by the server: ${by.message}`,
    isRetryable: by?.isRetryable,
    operation: "execute",
    cause: by
  })
