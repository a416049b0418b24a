/**
 * Opened: the database through each of the contenders, a pool of eight connections each, closed with the scope.
 *
 * Each gets what lets it do its best. All of them read a timestamp as its text, as ours does: to make a Date of it is what
 * costs the others most. Called by the measurements.
 */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as Stock from "@effect/sql-pg/PgClient"
import type { Database } from "@sluice/core"
import { Postgres } from "@sluice/postgres"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Driver from "pg"
import postgres from "postgres"
import type { Place } from "../Served.js"

export const size = 8

const timestamp = 1114

const login = ({ password, user, ...rest }: Place) => ({ ...rest, username: user, password: Redacted.make(password) })

// The driver's own parsers but for one: what it makes a text of, it asks nobody else about.
const types: Driver.CustomTypesConfig = {
  getTypeParser: (oid, format) => oid === timestamp ? (value: string) => value : Driver.types.getTypeParser(oid, format)
}

/** With `lanes`, single statements share so many of its connections. */
export const ours = (place: Place, lanes?: number): Effect.Effect<Database.Database, unknown, Scope.Scope> =>
  Effect.provide(
    Postgres.make({ ...login(place), pool: { max: size, min: size }, ...(lanes === undefined ? {} : { pipeline: { lanes } }) }),
    Reactivity.layer
  )

export const stock = (place: Place): Effect.Effect<Stock.PgClient, unknown, Scope.Scope> =>
  Effect.provide(Stock.make({ ...login(place), maxConnections: size, minConnections: size, types }), Reactivity.layer)

export const direct = (place: Place): Effect.Effect<Driver.Pool, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => new Driver.Pool({ ...place, max: size, types })),
    (pool) => Effect.promise(() => pool.end())
  )

export const other = (place: Place): Effect.Effect<postgres.Sql<{ date: string }>, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() =>
      postgres({
        ...place,
        max: size,
        types: { date: { to: timestamp, from: [timestamp], serialize: (value: string) => value, parse: (value: string) => value } }
      })
    ),
    (sql) => Effect.promise(() => sql.end())
  )
