/**
 * Opened: one SQLite file through each of the contenders, closed with the scope.
 *
 * All three use write-ahead logging with `synchronous = NORMAL` and enforce foreign keys: those are the defaults of
 * each. Called by the measurements on SQLite.
 */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as Stock from "@effect/sql-sqlite-node/SqliteClient"
import type { Database } from "@sluice/core"
import { Sqlite } from "@sluice/sqlite"
import Driver from "better-sqlite3"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export const ours = (filename: string, threads: boolean): Effect.Effect<Database.Database, unknown, Scope.Scope> =>
  Effect.provide(Sqlite.make({ filename, threads }), Reactivity.layer)

export const stock = (filename: string): Effect.Effect<Stock.SqliteClient, unknown, Scope.Scope> =>
  Effect.provide(Stock.make({ filename }), Reactivity.layer)

export const direct = (filename: string): Effect.Effect<Driver.Database, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const db = new Driver(filename)
      db.pragma("journal_mode = WAL")
      return db
    }),
    (db) => Effect.sync(() => db.close())
  )
