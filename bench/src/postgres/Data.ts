/**
 * The data in PostgreSQL: a database of its own with the visits in it, dropped with the scope.
 *
 * Called by the suite and the measurements on PostgreSQL. The server is that of SLUICE_POSTGRES_URL.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Driver from "pg"
import { from as copyFrom } from "pg-copy-streams"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import * as Served from "../Served.js"

/** A row as every contender returns it. */
export type Visit = Served.Visit<boolean>

/** Rows as COPY's text format has them: none of these values needs an escape. */
export const text = (rows: ReadonlyArray<Served.Row>): string => {
  let out = ""
  for (const row of rows) out += `${row.join("\t")}\n`
  return out
}

const table = (name: string): string =>
  `CREATE TABLE ${name} (id int4 PRIMARY KEY, name varchar(40) NOT NULL, city varchar(40) NOT NULL, price numeric(10,2) NOT NULL,
    at timestamp NOT NULL, active bool NOT NULL, score float8 NOT NULL)`

const perChunk = 1_000

function* chunks(rows: number): Generator<string> {
  for (let from = 1; from <= rows; from += perChunk) {
    yield text(Array.from({ length: Math.min(perChunk, rows - from + 1) }, (_, i) => Served.row(from + i)))
  }
}

const connected = (place: Served.Place, before: Effect.Effect<unknown> = Effect.void): Effect.Effect<Driver.Client, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new Driver.Client(place)
      await client.connect()
      return client
    }),
    (client) => Effect.zipRight(before, Effect.promise(() => client.end()))
  )

/** Opens the database, or says why not. */
export const open = (folder: string, rows: number): Effect.Effect<Served.Tables | string, never, Scope.Scope> =>
  Effect.gen(function*() {
    const url = process.env["SLUICE_POSTGRES_URL"]
    if (url === undefined) return "there is no server: install postgresql (Debian), or set SLUICE_POSTGRES_URL=postgres://user:password@host:port/database."
    const given = Served.placeOf(url, { port: 5432, user: "postgres", database: "postgres" })
    const place = { ...given, database: Served.database }
    const admin = yield* connected(given)
    yield* Effect.acquireRelease(
      Effect.promise(() => admin.query(`CREATE DATABASE ${place.database}`)),
      () => Effect.promise(() => admin.query(`DROP DATABASE ${place.database} WITH (FORCE)`))
    )
    const run = yield* connected(place)
    const { rows: [version] } = yield* Effect.promise(() => run.query<{ server_version: string }>("SHOW server_version"))
    for (const name of ["visits", "arrivals"]) yield* Effect.promise(() => run.query(table(name)))
    const filled = yield* Effect.cached(Effect.promise(async () => {
      await pipeline(Readable.from(chunks(rows)), run.query(copyFrom("COPY visits FROM STDIN")))
      await run.query("VACUUM ANALYZE visits")
    }))
    const emptied = Effect.asVoid(Effect.promise(() => run.query("TRUNCATE TABLE arrivals")))
    return { place, version: String(version?.server_version), folder, filled, emptied }
  })
