/**
 * A primary and its standby, as the tests of several hosts see them: where each listens, how it is killed, and what its
 * administrator does there, past whatever is tested.
 *
 * It starts none: how two servers become such a pair is each dialect's own.
 */
import * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import type * as LocalServer from "@sluice/testkit/LocalServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"

type Layered = Layer.Layer<Database.DatabaseId, SqlError.SqlError>

export interface Member extends LocalServer.LocalServer {
  readonly endpoint: string
  /** As the administrator. */
  readonly as: <A, E>(use: (db: Database.Database) => Effect.Effect<A, E>) => Effect.Effect<A, E | SqlError.SqlError>
  /** Statements of the administrator's. */
  readonly run: (...statements: ReadonlyArray<string>) => Effect.Effect<void, SqlError.SqlError>
  /** What the administrator is answered with, one value. */
  readonly ask: <A extends string | number | boolean>(sql: string) => Effect.Effect<A, SqlError.SqlError>
}

export type Pair = readonly [primary: Member, standby: Member]

/** The pair of a file, which may exchange its roles on the way. */
export class Members extends Context.Tag("Members")<Members, { pair: Pair }>() {}

export const within = <A, E, R>(layer: Layered, body: (db: Database.Database) => Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError.SqlError, R> =>
  Effect.flatMap(Database.Database, body).pipe(Effect.provide(layer))

export const until = <E>(effect: Effect.Effect<boolean, E>): Effect.Effect<boolean, E | Error> =>
  Effect.repeat(Effect.tap(effect, (is) => is ? Effect.void : Effect.sleep(20)), { until: (is) => is }).pipe(
    Effect.timeoutFail({ duration: "25 seconds", onTimeout: () => new Error("it did not come to that") })
  )

/** A server, and the layer of its administrator. */
export const member = (server: LocalServer.LocalServer, administrator: Layered): Member => {
  const as: Member["as"] = (use) => within(administrator, use)
  return {
    ...server,
    endpoint: `${server.host}:${server.port}`,
    as,
    run: (...statements) => as((db) => Effect.forEach(statements, (sql) => db.unsafe(sql).unprepared, { discard: true })),
    ask: <A extends string | number | boolean>(sql: string) => as((db) => db.unsafe<{ readonly value: A }>(sql).scalar)
  }
}
