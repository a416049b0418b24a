/**
 * Holding: one connection until a scope closes, whoever's it is: the fiber's own in a transaction or a session, else a
 * lease of the pool.
 *
 * Work that is left before its end is interrupted, so that core settles the connection as after any interruption. In a
 * transaction its other statements are refused meanwhile (law S4): what this waits for may be one of them. Called by the
 * public verbs.
 *
 * @internal
 */
import type * as Database from "@sluice/core/Database"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { isPostgres, type Postgres } from "./connection.js"

/** Work on a connection, and whether it has come to its end in good order. */
export interface Work {
  readonly isDone: boolean
}

/** Opens work on a connection that is held until the scope closes; `within` is what goes around it. */
export const hold = <A extends Work>(
  db: Database.Database,
  verb: string,
  open: (connection: Postgres) => Effect.Effect<A, SqlError.SqlError>,
  within: <B>(connection: Postgres, work: Effect.Effect<B, SqlError.SqlError>) => Effect.Effect<B, SqlError.SqlError> = (_, work) => work
): Effect.Effect<A, SqlError.SqlError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const opened = yield* Deferred.make<A, SqlError.SqlError>()
      const left = yield* Deferred.make<void>()
      const held = db.withConnection((connection) =>
        isPostgres(connection)
          ? occupied(connection, verb, within(connection, Effect.flatMap(open(connection), (work) => Effect.zipRight(Deferred.succeed(opened, work), Deferred.await(left)))))
          : foreign(verb))
      const fiber = yield* Effect.forkDaemon(Effect.interruptible(Effect.onError(held, (cause) => Deferred.failCause(opened, cause))))
      yield* Effect.addFinalizer(() =>
        Effect.flatMap(Deferred.poll(opened), (exit) => exit._tag === "None" ? Effect.succeed(false) : Effect.match(exit.value, {
          onSuccess: (work) => work.isDone,
          onFailure: () => false
        })).pipe(Effect.flatMap((isDone) =>
          isDone ? Effect.zipRight(Deferred.succeed(left, undefined), Fiber.await(fiber)) : Fiber.interrupt(fiber))))
      return yield* restore(Deferred.await(opened))
    })
  )

const occupied = <A>(connection: Postgres, verb: string, work: Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> =>
  Effect.suspend(() => {
    connection.occupied = verb
    return Effect.ensuring(work, Effect.sync(() => {
      connection.occupied = undefined
    }))
  })

/** A verb of PostgreSQL's on another database. */
export const foreign = (verb: string): Effect.Effect<never, SqlError.SqlError> =>
  SqlError.fail(new Reason.UnsupportedError({ message: `${verb} needs a database of PostgreSQL`, capability: verb }))
