/**
 * A session: one connection over many statements, with BEGIN, COMMIT and savepoints in the user's own hands.
 *
 * `db.transaction` is the usual way; a session is for what needs one connection by itself: temporary tables, session
 * settings, a protocol of savepoints. Made by `db.session`, closed with its scope; the connection is reset afterwards.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import type * as EffectScope from "effect/Scope"
import type { BeginOptions, Connection } from "./Connection.js"
import { type Client, provideScope, refused, writing } from "./internal/client.js"
import { constructor } from "./internal/constructor.js"
import { Held, mapNow } from "./internal/held.js"
import { Scope } from "./internal/scope.js"
import { adapter } from "./internal/stock.js"
import { transaction } from "./internal/transaction.js"
import * as Reason from "./Reason.js"
import * as SqlError from "./SqlError.js"
import type { Constructor } from "./Statement.js"
import type * as Transaction from "./Transaction.js"

/**
 * One connection. Its statements are made as a database's are: `` session`SELECT 1` ``.
 *
 * A verb that does not fit the state (COMMIT without BEGIN, an unknown savepoint) fails with TransactionStateError
 * and sends nothing. After the scope closed everything fails with ClosedError.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   const session = yield* db.session
 *   yield* session.begin()
 *   yield* session`INSERT INTO orders (id) VALUES (1)`.run
 *   yield* session.savepoint("before_lines")
 *   yield* session.rollbackTo("before_lines")
 *   yield* session.commit
 * }))
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Session extends Constructor {
  /** Begins a transaction; TransactionStateError in one. */
  readonly begin: (options?: BeginOptions) => Effect.Effect<void, SqlError.SqlError>
  /** Commits; TransactionStateError outside of a transaction. */
  readonly commit: Effect.Effect<void, SqlError.SqlError>
  /** Rolls back; TransactionStateError outside of a transaction. */
  readonly rollback: Effect.Effect<void, SqlError.SqlError>
  /** Sets a savepoint in the transaction. */
  readonly savepoint: (name: string) => Effect.Effect<void, SqlError.SqlError>
  /** Forgets a savepoint, and those set after it; what was done since stays. */
  readonly release: (name: string) => Effect.Effect<void, SqlError.SqlError>
  /** Undoes what was done since a savepoint, which stays set. */
  readonly rollbackTo: (name: string) => Effect.Effect<void, SqlError.SqlError>
  /**
   * On (default): each statement outside of a transaction commits by itself. Off: the next statement begins a
   * transaction; the scope commits it on success and rolls it back on failure. Switching on commits what is open. A
   * COMMIT that fails as the scope closes has no channel but the log: who must know commits explicitly.
   */
  readonly autocommit: (on: boolean) => Effect.Effect<void, SqlError.SqlError>
  /** Whether a transaction is open. */
  readonly inTransaction: Effect.Effect<boolean>
  /** A round trip on this connection. */
  readonly ping: Effect.Effect<void, SqlError.SqlError>
  /** The driver's own handle. What is changed through it is reset with the connection, as far as the dialect can. */
  readonly native: Effect.Effect<unknown, SqlError.SqlError>
  /** As `db.transaction`, on this connection. */
  readonly transaction: Transaction.Run
  /** Runs an effect in which every statement of the database goes to this session. */
  readonly provide: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/**
 * Opens a session on a connection of the pool.
 *
 * @internal
 */
export const make = (client: Client): Effect.Effect<Session, SqlError.SqlError, EffectScope.Scope> =>
  Effect.map(open(client), (scope) => session(client, scope))

/**
 * Holds a connection until the Effect scope closes: what `session` and `reserve` have in common.
 *
 * @internal
 */
export const open = (client: Client): Effect.Effect<Scope, SqlError.SqlError, EffectScope.Scope> =>
  client.dialect.capabilities.sessions ? hold(client) : refused(client, SqlError.make(new Reason.UnsupportedError({ message: `${client.dialect.name} has no sessions here`, capability: "sessions" })))

/**
 * The same for statements that are all known, as a script's: whether one of them needs a session, it says itself.
 *
 * @internal
 */
export const brief = (client: Client): Effect.Effect<Session, SqlError.SqlError, EffectScope.Scope> =>
  Effect.map(hold(client), (scope) => session(client, scope))

const hold = (client: Client): Effect.Effect<Scope, SqlError.SqlError, EffectScope.Scope> =>
  writing(client, Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const { lending } = client.pools.session ?? client.pools.write
      const entry = lending.take() ?? (yield* lending.acquire(restore))
      lending.leaks.track(entry)
      entry.dirty = true
      const held = new Held(lending, entry, client.settings.turnTimeout, client.settings.statementTimeout)
      const scope = new Scope("session", held, undefined, "")
      held.stack.push(scope)
      yield* Effect.addFinalizer((exit) => closed(scope, exit))
      return scope
    })
  ))

const closed = (scope: Scope, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
  const { held } = scope
  const commits = Exit.isSuccess(exit) && held.autoBegin && held.inTransaction
  const end = commits
    ? Effect.catchAllCause(held.run(scope, () => held.end(scope, "commit")), (cause) =>
      Effect.logError("a session's COMMIT failed as its scope closed; its transaction is rolled back", cause))
    // Who interrupts does not wait: what is open may be a transaction of ours, whose ROLLBACK is on its way.
    : !held.inTransaction && held.connection.transaction !== "none" && !Exit.isInterrupted(exit)
    ? Effect.logWarning("a session closed with a transaction that was begun by a text of its own; it is rolled back")
    : Effect.void
  // The pool rolls back what is still open before it lends the connection again.
  return end.pipe(
    Effect.zipRight(Effect.sync(() => {
      held.inTransaction = false
      scope.leave("closed")
    })),
    Effect.zipRight(held.release)
  )
}

const session = (client: Client, scope: Scope): Session => {
  const { held } = scope
  const savepoints: Array<string> = []
  const open = Effect.sync(() => held.inTransaction || held.connection.transaction !== "none")
  const refuse = (operation: string, message: string) => held.refuse(SqlError.make(new Reason.TransactionStateError({ message, operation })))
  const inside = (operation: string, effect: Effect.Effect<void, SqlError.SqlError>) =>
    Effect.flatMap(open, (isOpen) => {
      const closed = scope.status === "open" ? undefined : scope.refusal()
      return closed !== undefined
        ? held.refuse(closed)
        : isOpen
        ? effect
        : refuse(operation, `${operation} without a transaction: the session is in autocommit`)
    })
  const end = (how: "commit" | "rollback") =>
    inside(how, Effect.suspend(() => {
      // After the server ended the transaction ROLLBACK only acknowledges it, and COMMIT says what happened.
      const aborted = held.aborted
      savepoints.length = 0
      if (aborted === undefined) return Effect.uninterruptible(held.run(scope, () => held.end(scope, how)))
      held.aborted = undefined
      held.inTransaction = false
      return how === "commit" ? held.refuse(aborted) : Effect.void
    }))
  // Law S4, for what is no statement of the user's.
  const send = (work: (connection: Connection) => Effect.Effect<void, SqlError.SqlError>) =>
    Effect.suspend(() => {
      const refusal = held.besideStream()
      return refusal === undefined ? held.run(scope, work) : held.refuse(refusal)
    })
  const known = (operation: string, name: string, effect: Effect.Effect<void, SqlError.SqlError>) =>
    inside(operation, Effect.suspend(() => savepoints.includes(name) ? effect : refuse(operation, `there is no savepoint named ${name}`)))
  const run: Transaction.Run = (first: Transaction.Options | Effect.Effect<unknown, unknown, unknown>): never =>
    (Effect.isEffect(first) ? transaction(client, {}, scope)(first) : transaction(client, first, scope)) as never
  return Object.assign(constructor(client, scope), {
    begin: (options: BeginOptions = {}) =>
      Effect.suspend(() => held.inTransaction ? refuse("begin", "the session is in a transaction already") : send(() => held.begin(options))),
    commit: end("commit"),
    rollback: end("rollback"),
    savepoint: (name: string) =>
      inside("savepoint", send((connection) => mapNow(connection.savepoint(name), () => {
        savepoints.push(name)
      }))),
    release: (name: string) =>
      known("release", name, send((connection) => mapNow(connection.release(name), () => {
        savepoints.length = savepoints.lastIndexOf(name)
      }))),
    rollbackTo: (name: string) =>
      known("rollbackTo", name, send((connection) => mapNow(connection.rollbackTo(name), () => {
        savepoints.length = savepoints.lastIndexOf(name) + 1
      }))),
    autocommit: (on: boolean) =>
      Effect.suspend(() => {
        const pending = on && held.autoBegin && held.inTransaction
        held.autoBegin = !on
        return pending ? end("commit") : Effect.void
      }),
    inTransaction: open,
    ping: send((connection) => connection.ping),
    native: held.run(scope, (connection) => Effect.succeed(connection.native)),
    transaction: run,
    provide: <A, E, R>(self: Effect.Effect<A, E, R>) =>
      Effect.withFiberRuntime<A, E, R>((fiber) =>
        Effect.locally(self, FiberRef.currentContext, provideScope(client, fiber.currentContext, scope, adapter(client, scope))))
  }) as Session
}
