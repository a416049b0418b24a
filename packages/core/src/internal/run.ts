/**
 * Run: the path of every query. Finds the connection (the fiber's transaction, else a lease), sends, hands back.
 *
 * The path is the product: one mask, one fold, no allocation for the lease, and nothing built for a tracer that does
 * not listen. Called by `Statement` and by the stock adapter.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { type Connection, outcomeOf, type Query, type Rows } from "../Connection.js"
import * as Reason from "../Reason.js"
import * as SqlError from "../SqlError.js"
import { type Client, poolOf, scopeFor, writing } from "./client.js"
import { exitOf, mapNow, mustSettle } from "./held.js"
import { applied } from "./pool/applied.js"
import { bounded } from "../Bounded.js"
import type { Lending } from "./pool/Lending.js"
import type { Entry } from "./pool/State.js"
import type { Replicas } from "./replicas.js"
import type { Scope as OwnScope } from "./scope.js"

type Work<A> = (connection: Connection) => Effect.Effect<A, SqlError.SqlError>
type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** A query ready to be sent, with what the pool must know of it. */
export interface Prepared {
  readonly query: Query
  readonly leavesState: boolean
  /** Whose limit `query.timeout` is. */
  readonly timeout: "statement" | "database"
  /** What logs, spans and error hooks call it. */
  readonly label: string | undefined
}

/** A query that stands for so many statements: the limits of time of all of them are one, their sum. */
export const lasting = (prepared: Prepared, times: number): Prepared => {
  const { query } = prepared
  return query.timeout === undefined ? prepared : { ...prepared, query: { ...query, timeout: query.timeout * times } }
}

/** Runs work on a connection for one query: on the scope's, else on a lease that goes back before the answer is projected. */
export const runIn = <A, B>(
  client: Client,
  scope: OwnScope | undefined,
  prepared: Prepared,
  work: Work<A>,
  project: (answer: A) => B
): Effect.Effect<B, SqlError.SqlError> => {
  const { query } = prepared
  const timed: Work<A> = query.timeout === undefined ? work : (connection) => withTimeout(work(connection), prepared, query.timeout)
  if (scope !== undefined) {
    if (prepared.leavesState) scope.held.entry.dirty = true
    const refusal = scope.held.besideStream()
    if (refusal !== undefined) return scope.held.refuse(refusal)
    const run = scope.held.run(scope, scope.held.begun((connection: Connection) => mapNow(timed(connection), project)), !prepared.leavesState, prepared)
    return client.replicas === undefined || query.readOnly ? run : writing(client, run)
  }
  const lending = poolOf(client, query).lending
  const { lanes } = lending
  if (lanes !== undefined && !prepared.leavesState && client.replicas === undefined) {
    const timed: Work<A> = query.timeout === undefined ? work : (connection) => withTimeout(work(connection), prepared, query.timeout, onLane)
    return Effect.uninterruptibleMask((restore) => {
      const entry = lanes.take()
      return entry === undefined
        ? Effect.flatMap(lanes.acquire(restore), (entry) => runLeased(lanes, entry, prepared, timed, project, restore))
        : runLeased(lanes, entry, prepared, timed, project, restore)
    })
  }
  if (client.replicas !== undefined) return runRouted(client, client.replicas, prepared, timed, project)
  if (lending.options.synchronous === true) {
    const entry = lending.take()
    if (entry !== undefined) return runNow(lending, entry, prepared, (connection) => mapNow(work(connection), project))
  }
  return Effect.uninterruptibleMask((restore) => {
    const entry = lending.take()
    return entry === undefined
      ? Effect.flatMap(lending.acquire(restore), (entry) => runLeased(lending, entry, prepared, timed, project, restore))
      : runLeased(lending, entry, prepared, timed, project, restore)
  })
}

const runRouted = <A, B>(
  client: Client,
  replicas: Replicas,
  prepared: Prepared,
  work: Work<A>,
  project: (answer: A) => B
): Effect.Effect<B, SqlError.SqlError> => {
  const run = Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(replicas.lease(poolOf(client, prepared.query).lending, prepared, restore), ({ entry, lending }) =>
      runLeased(lending, entry, prepared, work, project, restore)))
  return prepared.query.readOnly ? run : writing(client, run)
}

// A synchronous connection has answered when its effect is made: no interruption can come between.
const runNow = <A>(
  lending: Lending<Connection>,
  entry: Entry<Connection>,
  prepared: Prepared,
  work: Work<A>
): Effect.Effect<A, SqlError.SqlError> => {
  if (prepared.leavesState) entry.dirty = true
  const effect = applied(work, entry.connection)
  const exit = exitOf(effect)
  if (exit !== undefined && Exit.isFailure(exit)) handBack(lending, entry, exit.cause, prepared)
  else lending.release(entry)
  return effect
}

/** Who is told how a statement has left its connection: the pool, or the lane that it shared. */
type Lender = Pick<Lending<Connection>, "release" | "abandon" | "distrust" | "hooks">

const runLeased = <A, B>(
  lender: Lender,
  entry: Entry<Connection>,
  prepared: Prepared,
  work: Work<A>,
  project: (answer: A) => B,
  restore: Restore
): Effect.Effect<B, SqlError.SqlError> => {
  if (prepared.leavesState) entry.dirty = true
  return Effect.matchCauseEffect(restore(applied(work, entry.connection)), {
    onSuccess: (value) => {
      lender.release(entry)
      return Exit.succeed(project(value))
    },
    onFailure: (cause) => {
      handBack(lender, entry, cause, prepared)
      return Effect.failCause(cause)
    }
  })
}

/** Gives a connection back after a failure: settled if it may still be at work, destroyed if it is not to be trusted. */
const handBack = (lender: Lender, entry: Entry<Connection>, cause: Cause.Cause<SqlError.SqlError>, prepared: Prepared): void => {
  tell(lender, entry, cause, prepared, "execute")
  if (mustSettle(cause)) return lender.abandon(entry)
  const failure = Cause.failureOption(cause)
  if (failure._tag === "Some" && failure.value.connection !== "usable") lender.distrust(entry)
  else lender.release(entry)
}

const tell = (lender: Lender, { connection }: Entry<Connection>, cause: Cause.Cause<unknown>, { label, query }: Prepared, phase: string): void =>
  lender.hooks?.failed(cause, { phase, connection, query, label })

/**
 * Opens a query's rows in the current Effect scope: the rows are closed first, then the connection goes back. In a
 * transaction each chunk takes a turn on the shared connection.
 */
export const openRows = (
  client: Client,
  prepared: Prepared,
  own: OwnScope | undefined
): Effect.Effect<Rows, SqlError.SqlError, Scope.Scope> =>
  Effect.withFiberRuntime((fiber) => {
    const scope = scopeFor(client, fiber.currentContext, own)
    if (scope === undefined && !prepared.query.readOnly) return writing(client, openLeased(client, prepared))
    return scope === undefined ? openLeased(client, prepared) : openHeld(client, scope, prepared)
  })

const openLeased = (client: Client, prepared: Prepared): Effect.Effect<Rows, SqlError.SqlError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const outer = yield* Effect.scope
      const first = poolOf(client, prepared.query).lending
      const { entry, lending } = client.replicas === undefined
        ? { lending: first, entry: first.take() ?? (yield* first.acquire(restore)) }
        : yield* client.replicas.lease(first, prepared, restore)
      lending.leaks.track(entry)
      if (prepared.leavesState) entry.dirty = true
      const inner = yield* Scope.make()
      let pulling: Cause.Cause<SqlError.SqlError> | undefined
      const guard = <A>(effect: Effect.Effect<A, SqlError.SqlError>) =>
        Effect.onError(effect, (cause) => Effect.sync(() => {
          pulling = cause
          tell(lending, entry, cause, prepared, "stream")
        }))
      yield* Scope.addFinalizerExit(outer, (exit) => Effect.suspend(() => {
        const cause = pulling
        const close = Scope.close(inner, Exit.void)
        // Nothing is sent to a connection that may still be at work, and who interrupts does not wait for that: be it
        // that a chunk was waited for, or that the consumer was at work.
        if (Exit.isInterrupted(exit) || (cause !== undefined && mustSettle(cause))) return Effect.sync(() => lending.abandon(entry, close))
        return Effect.ensuring(
          close,
          Effect.sync(() => cause === undefined ? lending.release(entry) : handBack(lending, entry, cause, prepared))
        )
      }))
      const rows = yield* restore(guard(Scope.extend(withTimeout(entry.connection.rows(prepared.query), prepared, prepared.query.timeout), inner)))
      return { columns: rows.columns, next: guard(demanded(rows, prepared)) }
    })
  )

const openHeld = (client: Client, scope: OwnScope, prepared: Prepared): Effect.Effect<Rows, SqlError.SqlError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const { held } = scope
      const refusal = held.besideStream()
      if (refusal !== undefined) return yield* held.refuse(refusal, "stream")
      if (prepared.leavesState) held.entry.dirty = true
      const outer = yield* Effect.scope
      const inner = yield* Scope.make()
      held.streams.set(inner, scope)
      const close = Effect.suspend(() =>
        held.streams.delete(inner) ? Effect.ignore(held.run(scope, () => Scope.close(inner, Exit.void))) : Effect.void
      )
      yield* Scope.addFinalizerExit(outer, (exit) =>
        Exit.isInterrupted(exit) ? Effect.sync(() => held.lending.fork(close)) : close)
      const open = (connection: Connection) =>
        Scope.extend(withTimeout(connection.rows(prepared.query), prepared, prepared.query.timeout), inner)
      const rows = yield* held.runWith(restore, scope, held.begun(open), !prepared.leavesState, prepared)
      // Without this, the end of the transaction would look like that of the rows.
      const next = () => held.streams.has(inner) ? demanded(rows, prepared) : Effect.fail(ended())
      const chunk = held.run(scope, next, !prepared.leavesState, prepared)
      return { columns: rows.columns, next: Effect.suspend(() => held.occupied === undefined ? chunk : held.refuse(held.occupied, "stream")) }
    })
  )

const ended = (): SqlError.SqlError =>
  SqlError.make(new Reason.TransactionStateError({ message: "the stream was ended by the COMMIT or ROLLBACK of its transaction", operation: "stream" }))

const onLane = ", those before it on its lane included; it is cancelled when nobody else's is on that lane"

// Law S3: a stream's timeout is the server's time for each chunk. The consumer's own is not counted.
const demanded = (rows: Rows, prepared: Prepared) => withTimeout(rows.next, prepared, prepared.query.timeout)

const withTimeout = <A, R>(
  effect: Effect.Effect<A, SqlError.SqlError, R>,
  prepared: Prepared,
  timeout: number | undefined,
  where = "; it was cancelled"
): Effect.Effect<A, SqlError.SqlError, R> =>
  bounded(effect, timeout, () =>
    SqlError.make(
      new Reason.StatementTimeoutError({
        message: `the statement ran longer than ${timeout} ms, the ${prepared.timeout === "statement" ? "statement's own timeout" : "database's statementTimeout"}${where}`,
        statement: prepared.query.sql,
        operation: "execute",
        timeout: prepared.timeout,
        outcome: outcomeOf(prepared.query)
      })
    ))
