/**
 * Served: what the measurements on a server are given, the same for each of them. The visits are in a database of the run's own.
 *
 * How that is made, and what a row looks like to its driver, is each dialect's. Called by their `Data`.
 */
import type * as Effect from "effect/Effect"
import * as Visits from "./Visits.js"

/** Where the database is. */
export interface Place {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
}

/** What the measurements are given. */
export interface Tables {
  readonly place: Place
  readonly version: string
  /** The folder of the run, for files that a native tool reads. */
  readonly folder: string
  /** Writes the rows into the table `visits`, once. */
  readonly filled: Effect.Effect<void>
  /** Empties the table `arrivals`, by a connection that nobody measures. */
  readonly emptied: Effect.Effect<void>
}

export type Row = readonly [id: number, name: string, city: string, price: string, at: string, active: boolean, score: number]

/** A visit as a server takes it: the price is a decimal, the flag a boolean. */
export const row = (id: number): Row => {
  const [, name, city, price, at, active, score] = Visits.row(id)
  return [id, name, city, price.toFixed(2), at, active === 1, score]
}

/** A row as every contender returns it; a flag is what the dialect has for it. */
export interface Visit<Flag> {
  readonly id: number
  readonly name: string
  readonly city: string
  readonly price: string
  readonly at: string
  readonly active: Flag
  readonly score: number
}

/** Where a URL leads; what it does not say is as given. */
export const placeOf = (url: string, otherwise: { readonly port: number; readonly user: string; readonly database: string }): Place => {
  const { hostname, password, pathname, port, username } = new URL(url)
  return {
    host: hostname,
    port: Number(port || otherwise.port),
    user: decodeURIComponent(username) || otherwise.user,
    password: decodeURIComponent(password),
    database: pathname.slice(1) || otherwise.database
  }
}

/** The database of this run. */
export const database = `sluice_bench_${process.pid}`
