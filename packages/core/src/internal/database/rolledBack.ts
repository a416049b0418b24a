/**
 * A database that is one transaction, which is rolled back at its end: what a test may do to a database that others use.
 *
 * Its transaction is the scope of every fiber that is in none: so statements, streams and nested transactions find it as
 * they find any other, and what would be a transaction of its own is a savepoint. A session shares its connection; it has
 * BEGIN and COMMIT by a savepoint here. Called by `Database.rolledBack`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as EffectScope from "effect/Scope"
import type { BeginOptions, Connection } from "../../Connection.js"
import * as Reason from "../../Reason.js"
import type { Session } from "../../Session.js"
import * as SqlError from "../../SqlError.js"
import type * as Transaction from "../../Transaction.js"
import { type Client, currentScope, refused } from "../client.js"
import { constructor } from "../constructor.js"
import { Held, mapNow } from "../held.js"
import { Scope } from "../scope.js"
import { check, rollback, transaction } from "../transaction.js"

/** The scope of everything that runs in no transaction: open until the Effect scope closes. */
export const opened = (client: Client, options: BeginOptions): Effect.Effect<Scope, SqlError.SqlError, EffectScope.Scope> => {
  const problem = check(client.dialect, options, undefined) ?? (client.dialect.capabilities.savepoints ? undefined : new Reason.UnsupportedError({
    message: `${client.dialect.name} has no savepoints`,
    capability: "savepoints"
  }))
  if (problem !== undefined) return refused(client, SqlError.make(problem), "begin")
  const begun = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const { lending } = client.pools.write
      const entry = lending.take() ?? (yield* lending.acquire(restore))
      entry.dirty = true
      const held = new Held(lending, entry, client.settings.turnTimeout, client.settings.statementTimeout)
      const scope = new Scope("transaction", held, undefined, "")
      scope.root = options
      held.stack.push(scope)
      return yield* Effect.as(Effect.onError(held.runWith(restore, scope, () => held.begin(options)), () => {
        scope.leave("rolled back")
        return held.release
      }), scope)
    })
  )
  return Effect.acquireRelease(begun, ended)
}

// What a statement has committed, nothing takes back: that is told as loudly as a finalizer can.
const ended = (scope: Scope): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { held } = scope
    const { aborted } = held
    const told = aborted === undefined || aborted.reason.cause !== undefined ? Effect.void : Effect.die(SqlError.make(
      new Reason.TransactionAbortedError({
        message: "the transaction that is rolled back at its end was over before: a statement in it ended it, as DDL does on MySQL, " +
          "and what it did has stayed. Such a test needs a database of its own",
        operation: "rollback",
        outcome: "applied"
      })
    ))
    return Effect.zipRight(Effect.ignore(rollback(scope)), Effect.zipRight(held.release, told))
  })

/** A session on the one connection: as `Session.make`, but that nothing resets it. */
export const session = (client: Client, root: Scope): Effect.Effect<Session, never, EffectScope.Scope> => {
  const { held } = root
  let begun: string | undefined
  let isManual = false
  const savepoints: Array<string> = []
  const refuse = (operation: string, message: string) => held.refuse(SqlError.make(new Reason.TransactionStateError({ message, operation })))
  // In the scope that the fiber is in: what is open inside of it owns the connection.
  const send = (work: (connection: Connection) => Effect.Effect<void, SqlError.SqlError>) =>
    Effect.withFiberRuntime<void, SqlError.SqlError>((fiber) => {
      const refusal = held.besideStream()
      return refusal === undefined ? held.run(currentScope(client, fiber.currentContext) ?? root, work) : held.refuse(refusal)
    })
  const begin = Effect.suspend(() => {
    const name = `sluice_session_${++held.savepoints}`
    return send((connection) => mapNow(connection.savepoint(name), () => {
      begun = name
    }))
  })
  const inside = (operation: string, work: (name: string) => Effect.Effect<void, SqlError.SqlError>) =>
    Effect.suspend(() => begun === undefined ? refuse(operation, `${operation} without a transaction: the session is in autocommit`) : work(begun))
  const undo = (name: string) => (connection: Connection) =>
    Effect.zipRight(connection.rollbackTo(name), Effect.suspend(() => connection.release(name)))
  const end = (how: "commit" | "rollback") =>
    inside(how, (name) => {
      begun = undefined
      savepoints.length = 0
      const sent = send(how === "commit" ? (connection) => connection.release(name) : undo(name))
      return Effect.zipRight(sent, Effect.suspend(() => isManual ? begin : Effect.void))
    })
  const known = (operation: string, name: string, work: (connection: Connection) => Effect.Effect<void, SqlError.SqlError>) =>
    inside(operation, () => savepoints.includes(name) ? send(work) : refuse(operation, `there is no savepoint named ${name}`))
  const run: Transaction.Run = (first: Transaction.Options | Effect.Effect<unknown, unknown, unknown>): never =>
    (Effect.isEffect(first) ? transaction(client, {}, root)(first) : transaction(client, first, root)) as never
  const made = Object.assign(constructor(client, root), {
    begin: (_?: BeginOptions) => Effect.suspend(() => begun === undefined ? begin : refuse("begin", "the session is in a transaction already")),
    commit: end("commit"),
    rollback: end("rollback"),
    savepoint: (name: string) =>
      inside("savepoint", () => send((connection) => mapNow(connection.savepoint(name), () => {
        savepoints.push(name)
      }))),
    release: (name: string) =>
      known("release", name, (connection) => mapNow(connection.release(name), () => {
        savepoints.length = savepoints.lastIndexOf(name)
      })),
    rollbackTo: (name: string) =>
      known("rollbackTo", name, (connection) => mapNow(connection.rollbackTo(name), () => {
        savepoints.length = savepoints.lastIndexOf(name) + 1
      })),
    autocommit: (on: boolean) =>
      Effect.suspend(() => {
        isManual = !on
        return on && begun !== undefined ? end("commit") : !on && begun === undefined ? begin : Effect.void
      }),
    inTransaction: Effect.sync(() => begun !== undefined),
    ping: send((connection) => connection.ping),
    native: held.run(root, (connection) => Effect.succeed(connection.native)),
    transaction: run,
    provide: <A, E, R>(self: Effect.Effect<A, E, R>) => self
  }) as Session
  const closed = (exit: Exit.Exit<unknown, unknown>) =>
    Effect.suspend(() => {
      const commits = isManual && Exit.isSuccess(exit)
      isManual = false
      return begun === undefined ? Effect.void : Effect.ignore(end(commits ? "commit" : "rollback"))
    })
  return Effect.acquireRelease(Effect.succeed(made), (_, exit) => closed(exit))
}
