/**
 * The data in MySQL: a database of its own with the visits in it, dropped with the scope.
 *
 * Called by the suite and the measurements on MySQL. The server is that of SLUICE_MYSQL_URL.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Driver from "mysql2/promise"
import * as Served from "../Served.js"

/** A row as every contender returns it. */
export type Visit = Served.Visit<number>

const table = (name: string): string =>
  `CREATE TABLE ${name} (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL, city VARCHAR(40) NOT NULL, price DECIMAL(10,2) NOT NULL,
    at DATETIME NOT NULL, active BOOLEAN NOT NULL, score DOUBLE NOT NULL) CHARACTER SET utf8mb4`

const perInsert = 1_000

/** Opens the database, or says why not. */
export const open = (folder: string, rows: number): Effect.Effect<Served.Tables | string, never, Scope.Scope> =>
  Effect.gen(function*() {
    const url = process.env["SLUICE_MYSQL_URL"]
    if (url === undefined) return "there is no server: install mariadb-server (Debian), or set SLUICE_MYSQL_URL=mysql://user:password@host:port."
    const place = { ...Served.placeOf(url, { port: 3306, user: "root", database: "" }), database: Served.database }
    const run = yield* Effect.acquireRelease(
      Effect.promise(() => Driver.createConnection({ ...place, database: "" })),
      (connection) => Effect.promise(() => connection.query(`DROP DATABASE IF EXISTS ${place.database}`).then(() => connection.end()))
    )
    const [[version]] = yield* Effect.promise(() => run.query<Array<Driver.RowDataPacket>>("SELECT VERSION() AS version"))
    for (const sql of [`CREATE DATABASE ${place.database}`, `USE ${place.database}`, table("visits"), table("arrivals")]) {
      yield* Effect.promise(() => run.query(sql))
    }
    const filled = yield* Effect.cached(Effect.promise(async () => {
      for (let from = 1; from <= rows; from += perInsert) {
        const part = Array.from({ length: Math.min(perInsert, rows - from + 1) }, (_, i) => [...Served.row(from + i)])
        await run.query("INSERT INTO visits VALUES ?", [part])
      }
      await run.query("ANALYZE TABLE visits")
    }))
    const emptied = Effect.asVoid(Effect.promise(() => run.query("TRUNCATE TABLE arrivals")))
    return { place, version: String(version?.["version"]), folder, filled, emptied }
  })
