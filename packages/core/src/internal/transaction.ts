/**
 * How a transaction begins and ends: BEGIN on a lease, SAVEPOINT inside another, and what each exit means.
 *
 * It gives no turns (that is `Held`). Called by `Database` and by `Session`.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import type { BeginOptions } from "../Connection.js"
import type { Dialect } from "../Dialect.js"
import * as Reason from "../Reason.js"
import * as Retry from "../Retry.js"
import * as SqlError from "../SqlError.js"
import * as Telemetry from "../Telemetry.js"
import type { Options, Transaction } from "../Transaction.js"
import { type Client, hooksOf, provideScope, refused, scopeFor, writing } from "./client.js"
import { attempt } from "./errorHook/Hooks.js"
import { Held, mapNow } from "./held.js"
import { millis } from "../Options.js"
import { bounded } from "../Bounded.js"
import { Scope } from "./scope.js"
import { adapter } from "./stock.js"

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** Runs an effect in a transaction of this client; in a savepoint where the fiber is in one already. */
export const transaction = (client: Client, options: Options, own: Scope | undefined) =>
<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError.SqlError, R> =>
  Telemetry.transactionSpan(client, Effect.withFiberRuntime<A, E | SqlError.SqlError, R>((fiber) => {
    const scope = scopeFor(client, fiber.currentContext, own)
    const problem = check(client.dialect, options, scope)
    if (problem !== undefined) return refused(client, SqlError.make(problem), "begin")
    const timeout = millis("transaction.timeout", options.timeout, Number.POSITIVE_INFINITY)
    if (Either.isLeft(timeout)) return refused(client, timeout.left, "begin")
    const body = within(self, timeout.right)
    const run = scope === undefined
      ? options.readOnly === true ? leased(client, options, body) : writing(client, leased(client, options, body))
      : isFree(scope)
      ? Effect.uninterruptibleMask((restore) => owned(client, scope.held, scope, options, body, restore))
      : nested(client, scope, body)
    return options.retry === undefined || (scope !== undefined && !isFree(scope))
      ? run
      : Effect.retry(hooksOf(client) === undefined ? run : counted(run), { schedule: options.retry, while: Retry.mayRepeat })
  }))

// Which attempt it is, an error hook is told.
const counted = <A, E, R>(run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  let n = 0
  return Effect.suspend(() => Effect.locally(run, attempt, ++n))
}

// A session that is in no transaction begins one of its own for a nested effect, and so does a transaction that goes on
// in autocommit.
const isFree = (scope: Scope): boolean => (scope.kind === "session" || isCommitted(scope)) && scope.held.connection.transaction === "none"

// A statement in it committed by itself, and that was allowed: nothing is left to commit or to roll back.
const isCommitted = (scope: Scope): boolean =>
  scope.survivesCommit && !scope.held.inTransaction && scope.held.aborted === undefined && scope.held.connection.transaction === "none"

const leased = <A, E, R>(client: Client, options: Options, self: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError.SqlError, R> =>
  Effect.uninterruptibleMask((restore) => {
    const pool = options.readOnly === true ? client.pools.read ?? client.pools.write : client.pools.write
    const entry = pool.lending.take()
    return Effect.flatMap(entry === undefined ? pool.lending.acquire(restore) : Effect.succeed(entry), (entry) => {
      pool.lending.leaks.track(entry)
      const held = new Held(pool.lending, entry, client.settings.turnTimeout, client.settings.statementTimeout)
      return Effect.ensuring(owned(client, held, undefined, options, self, restore), held.release)
    })
  })

/** A transaction of its own on a held connection. */
const owned = <A, E, R>(
  client: Client,
  held: Held,
  parent: Scope | undefined,
  options: BeginOptions,
  self: Effect.Effect<A, E, R>,
  restore: Restore
): Effect.Effect<A, E | SqlError.SqlError, R> => {
  const scope = new Scope("transaction", held, parent, "", options.implicitCommit === "autocommit")
  const begin = (parent === undefined ? pushed(scope) : Effect.void).pipe(
    Effect.zipRight(held.runWith(restore, parent ?? scope, () => mapNow(held.begin(options), () => {
      if (parent !== undefined) held.stack.push(scope)
    })))
  )
  return Effect.matchCauseEffect(begin, {
    onFailure: (cause) => {
      scope.leave("rolled back")
      return Effect.failCause(cause)
    },
    onSuccess: () => Effect.flatMap(Effect.exit(restore(provided(client, scope, self))), (exit) => ended(scope, exit))
  })
}

const pushed = (scope: Scope): Effect.Effect<void> => Effect.sync(() => {
  scope.held.stack.push(scope)
})

/** A savepoint in the innermost transaction. It owns the connection from its SAVEPOINT to its RELEASE (law T2). */
const nested = <A, E, R>(client: Client, parent: Scope, self: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError.SqlError, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const { held } = parent
      const refusal = held.besideStream()
      if (refusal !== undefined) return held.refuse(refusal, "savepoint")
      const scope = new Scope("savepoint", held, parent, `sluice_${++held.savepoints}`)
      const begin = held.runWith(restore, parent, (connection) => mapNow(connection.savepoint(scope.name), () => {
        held.stack.push(scope)
      }))
      return Effect.zipRight(begin, Effect.flatMap(Effect.exit(restore(provided(client, scope, self))), (exit) => ended(scope, exit)))
    })
  )

const provided = <A, E, R>(client: Client, scope: Scope, self: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError.SqlError, R> =>
  Effect.withFiberRuntime((fiber) =>
    Effect.locally(
      Effect.zipLeft(self, readied(scope)),
      FiberRef.currentContext,
      provideScope(client, fiber.currentContext, scope, adapter(client, scope))
    ))

// What was registered to run before COMMIT is a part of the body: it can be interrupted, and its failure rolls back. What
// runs there may register more.
const readied = (scope: Scope): Effect.Effect<void, SqlError.SqlError> =>
  Effect.suspend(() => {
    const first = scope.status === "open" ? scope.beforeCommit.shift() : undefined
    return first === undefined ? Effect.void : Effect.zipRight(first, readied(scope))
  })

// What a scope does at its end. One that was committed or rolled back early does nothing.
const ended = <A, E>(scope: Scope, exit: Exit.Exit<A, E>): Effect.Effect<A, E | SqlError.SqlError> => {
  if (Exit.isSuccess(exit)) return scope.status === "open" ? Effect.zipRight(commit(scope), exit) : exit
  if (scope.status !== "open") return exit
  const back = Effect.ignore(rollback(scope))
  if (!Cause.isInterrupted(exit.cause)) return Effect.zipRight(back, exit)
  // Who interrupts does not wait: the savepoint is rolled back behind, before the outer transaction's next statement;
  // an outermost transaction by the pool, before the connection is lent again.
  if (scope.kind === "savepoint" || scope.parent !== undefined) scope.held.lending.fork(back)
  else scope.leave("rolled back")
  return exit
}

/** Commits a scope: COMMIT for a transaction, RELEASE for a savepoint. */
export const commit = (scope: Scope): Effect.Effect<void, SqlError.SqlError> =>
  Effect.uninterruptible(Effect.suspend(() => {
    const { held, parent } = scope
    if (scope.kind === "savepoint") {
      const sent = held.run(scope, (connection) => {
        const release = mapNow(held.kept(connection.release(scope.name), "release"), () => {
          if (parent?.root === undefined) parent?.afterCommit.push(...scope.afterCommit.splice(0))
          scope.leave("committed")
        })
        return held.streams.size === 0 ? release : Effect.zipRight(held.endStreams(scope), release)
      })
      // To who is in no other transaction this was the outermost COMMIT; else there is nothing left here.
      const released = Effect.zipRight(sent, Effect.suspend(() => Effect.all(scope.afterCommit.splice(0), { discard: true })))
      return Effect.catchAll(parent?.root === undefined ? sent : released, (error) => Effect.zipRight(Effect.ignore(rollback(scope)), Effect.fail(error)))
    }
    const sent = held.run(scope, () => Effect.map(isCommitted(scope) ? held.endStreams(scope) : held.end(scope, "commit"), () => scope.leave("committed")))
    return Effect.matchEffect(sent, {
      onSuccess: () => Effect.all(scope.afterCommit.splice(0), { discard: true }),
      // A second COMMIT is never sent. What the server still holds open is rolled back, so that nothing lingers.
      onFailure: (error) => Effect.zipRight(Effect.ignore(abort(scope)), Effect.fail(error))
    })
  }))

/** Rolls a scope back: ROLLBACK for a transaction, ROLLBACK TO and RELEASE for a savepoint. */
export const rollback = (scope: Scope): Effect.Effect<void, SqlError.SqlError> =>
  Effect.uninterruptible(Effect.suspend(() => {
    const { held } = scope
    if (scope.kind !== "savepoint") return abort(scope)
    return Effect.ensuring(
      held.run(scope, (connection) => {
        const back = Effect.zipRight(connection.rollbackTo(scope.name), Effect.suspend(() => connection.release(scope.name)))
        const left = Effect.map(held.dropped(back, "rollbackTo"), () => scope.leave("rolled back"))
        return held.streams.size === 0 ? left : Effect.zipRight(held.endStreams(scope), left)
      }),
      Effect.sync(() => {
        if (scope.status === "open") scope.leave("rolled back")
      })
    )
  }))

const abort = (scope: Scope): Effect.Effect<void, SqlError.SqlError> => {
  const { held } = scope
  // The server has ended it already: there is nothing to send, and the connection is clean.
  if (held.lost !== undefined || held.connection.transaction === "none") {
    return Effect.sync(() => {
      held.inTransaction = false
      if (scope.parent !== undefined) held.aborted = undefined
      scope.leave("rolled back")
    })
  }
  held.aborted = undefined
  return Effect.ensuring(
    held.run(scope, () => Effect.map(held.end(scope, "rollback"), () => scope.leave("rolled back"))),
    Effect.sync(() => {
      if (scope.status === "open") scope.leave("rolled back")
    })
  )
}

/** The user's view of a scope: one for each. */
export const view = (scope: Scope): Transaction => {
  const known = views.get(scope) ?? viewOf(scope)
  views.set(scope, known)
  return known
}

const views = new WeakMap<Scope, Transaction>()

const viewOf = (scope: Scope): Transaction => ({
  depth: scope.depth,
  commit: Effect.suspend(() => stateProblem(scope, "commit") ?? Effect.zipRight(readied(scope), commit(scope))),
  rollback: Effect.suspend(() => stateProblem(scope, "rollback") ?? rollback(scope)),
  beforeCommit: (effect) => Effect.sync(() => {
    scope.beforeCommit.push(effect)
  }),
  afterCommit: (effect) => Effect.sync(() => {
    scope.afterCommit.push(effect)
  })
})

const stateProblem = (scope: Scope, operation: string): Effect.Effect<never, SqlError.SqlError> | undefined =>
  scope.status === "open" ? undefined : scope.held.refuse(
    SqlError.make(new Reason.TransactionStateError({ message: `the ${scope.kind} has been ${scope.status} already`, operation }))
  )

const within = <A, E, R>(self: Effect.Effect<A, E, R>, timeout: number): Effect.Effect<A, E | SqlError.SqlError, R> =>
  bounded<A, E | SqlError.SqlError, R>(self, timeout, () =>
    SqlError.make(
      new Reason.StatementTimeoutError({
        message: `the transaction took longer than ${timeout} ms, its own timeout; it was rolled back`,
        timeout: "statement",
        outcome: "not-applied"
      })
    ))

// Law T3: what the dialect lacks is refused, never left out in silence.
export const check = (dialect: Dialect, options: Options, scope: Scope | undefined): Reason.Reason | undefined => {
  const { capabilities, name } = dialect
  const lacks = (capability: string) => new Reason.UnsupportedError({ message: `${name} has no ${capability} transactions`, capability })
  const { access, deferrable, isolation, readOnly } = options
  if (!capabilities.transactions) return new Reason.UnsupportedError({ message: `${name} has no transactions`, capability: "transactions" })
  if (scope !== undefined && !isFree(scope)) {
    if (!capabilities.savepoints) return new Reason.UnsupportedError({ message: `${name} has no savepoints`, capability: "savepoints" })
    const { root } = scope
    // In a database that is one transaction this one would be the outermost: what the whole has been begun with it has, too.
    const fits = root === undefined
      ? isolation === undefined && readOnly !== true && deferrable !== true && access === undefined
      : (isolation === undefined || isolation === root.isolation || capabilities.isolation.length === 1) &&
        (readOnly ?? false) === (root.readOnly ?? false) && (deferrable ?? false) === (root.deferrable ?? false)
    return fits ? undefined : new Reason.TransactionStateError({
      message: "isolation, readOnly, deferrable and access are those of the outermost transaction" +
        (root === undefined ? "" : ": this database is one that is rolled back at its end, which was begun with others"),
      operation: "begin"
    })
  }
  if (isolation !== undefined && !capabilities.isolation.includes(isolation)) return lacks(isolation)
  if (readOnly === true && !capabilities.readOnlyTransactions) return lacks("readOnly")
  if (deferrable === true && !capabilities.deferrable) return lacks("deferrable")
  if (access !== undefined && !capabilities.access.includes(access)) return lacks(access)
  return undefined
}
