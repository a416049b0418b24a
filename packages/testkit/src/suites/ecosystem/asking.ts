/**
 * What the cases of the ecosystem have in common: a program of stock code, its tables, and names in two spellings.
 *
 * @internal
 */
import * as SqlClient from "@effect/sql/SqlClient"
import * as Column from "@sluice/core/Column"
import * as Database from "@sluice/core/Database"
import * as Table from "@sluice/core/Table"
import * as Effect from "effect/Effect"

/** Stock code, which finds the database by the stock tag. */
export const on = (db: Database.Database) => <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, SqlClient.SqlClient>> =>
  Effect.provideService(program, SqlClient.SqlClient, db)

/** Names as JavaScript has them outside, and as SQL has them inside. */
export const names: Database.Config = {
  transformQueryNames: (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  transformResultNames: (name) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/** Players of teams: three of them. */
export const players = Table.make("players", { id: Column.integer().primaryKey(), team: Column.integer().notNull(), name: Column.text(20).notNull() })

export const withPlayers = (db: Database.Database) =>
  Effect.zipRight(
    Table.create(db, players),
    players.insert(db, [{ id: 1, team: 1, name: "a" }, { id: 2, team: 1, name: "b" }, { id: 3, team: 2, name: "c" }])
  )

/** How many rows a table has, whatever type the database counts in. */
export const total = (db: Database.Database, table: string) => Effect.map(db`SELECT COUNT(*) FROM ${db(table)}`.scalar, Number)
