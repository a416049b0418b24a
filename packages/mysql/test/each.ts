/**
 * What the tests of one topic share: every server that is here, a database of the test's own on it, and the reason of a
 * failure.
 */
import * as Database from "@sluice/core/Database"
import type * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import type * as Mysql from "@sluice/mysql/Mysql"
import * as Effect from "effect/Effect"
import { describe } from "vitest"
import { isMissing, type Server, servers } from "./server.js"

/** Runs a test's body with a database that is new, and dropped with it. */
export type On = <A, E>(config: Mysql.Config, body: (db: Database.Database) => Effect.Effect<A, E>) => Effect.Effect<A, E | SqlError.SqlError>

/** Tests that run on every server. */
export const onServers = (title: string, tests: (on: On, server: Server) => void): void =>
  describe.skipIf(isMissing).each(servers.map((server) => [server.name, server] as const))(`${title} on %s`, (_, server) => {
    tests((config, body) => Effect.flatMap(Database.Database, body).pipe(Effect.provide(server.fresh(config))), server)
  })

export const reasonOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Reason.Reason, Error, R> =>
  Effect.matchEffect(effect, {
    onSuccess: () => Effect.fail(new Error("expected a failure")),
    onFailure: (error) => SqlError.isSqlError(error) ? Effect.succeed(error.reason) : Effect.fail(new Error(`expected a SqlError, was ${String(error)}`))
  })
