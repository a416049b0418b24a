/**
 * Opened: the database through each of the contenders, a pool of eight connections each, closed with the scope.
 *
 * Each gets what lets it do its best. The raw driver reads dates as texts, as ours does (it is faster so). The stock
 * driver would destroy every connection that becomes idle; its `poolConfig` keeps them. Called by the measurements.
 */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as Stock from "@effect/sql-mysql2/MysqlClient"
import type { Database } from "@sluice/core"
import { Mysql } from "@sluice/mysql"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Driver from "mysql2"
import type { Place } from "../Served.js"

export const size = 8

const login = ({ password, user, ...rest }: Place) => ({ ...rest, username: user, password: Redacted.make(password) })

export const ours = (place: Place): Effect.Effect<Database.Database, unknown, Scope.Scope> =>
  Effect.provide(Mysql.make({ ...login(place), localInfile: true, pool: { max: size, min: size } }), Reactivity.layer)

export const stock = (place: Place): Effect.Effect<Stock.MysqlClient, unknown, Scope.Scope> =>
  Effect.provide(
    Stock.make({ ...login(place), maxConnections: size, poolConfig: { maxIdle: size, dateStrings: true } }),
    Reactivity.layer
  )

export const direct = (place: Place): Effect.Effect<Driver.Pool, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => Driver.createPool({ ...place, connectionLimit: size, dateStrings: true })),
    (pool) => Effect.async<void>((resume) => pool.end(() => resume(Effect.void)))
  )
