/**
 * The servers of these tests: SLUICE_MYSQL_URL and SLUICE_REAL_MYSQL_URL, which `npm test` sets to instances of its own.
 *
 * Each of them may be MySQL or MariaDB: it is asked. A test gets a database of its own. Without the first server the suites
 * are skipped with a loud line, but not under CI; the second may be absent.
 */
import type { SqlClient } from "@effect/sql/SqlClient"
import * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import * as Mysql from "@sluice/mysql/Mysql"
import * as TestDatabase from "@sluice/testkit/TestDatabase"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"

/** The server of the tests that need one, whichever it is. */
export const url = process.env["SLUICE_MYSQL_URL"]

/** Whether the tests cannot run. */
export const isMissing = url === undefined && process.env["CI"] !== "true"

if (url === undefined) {
  process.stderr.write("\n!!! SLUICE_MYSQL_URL is not set: no MySQL or MariaDB server, its suites are SKIPPED (npm test starts one)\n\n")
}

/** One administrator for every database of this file. */
const asRoot = <A>(at: string, use: (db: Database.Database) => Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> =>
  // A pool that is made where interruption is masked has housekeeping that nothing can end.
  Effect.interruptible(Effect.flatMap(Database.Database, use).pipe(Effect.provide(Mysql.layer({ url: at, pool: { max: 1 } }))))

/** A layer of a database on that server that is new each time the layer is built, and dropped with it. */
const freshAs = (at: string) => <I>(layer: (config: Mysql.Config) => Layer.Layer<I, SqlError.SqlError>): Layer.Layer<I, SqlError.SqlError> =>
  TestDatabase.fresh({ admin: Mysql.layer({ url: at, pool: { max: 1 } }), layer: (database) => layer({ url: at, database }) })

const freshAt = (at: string) => (config: Mysql.Config = {}): Layer.Layer<Database.DatabaseId | SqlClient, SqlError.SqlError> =>
  freshAs(at)((server) => Mysql.layer({ ...server, ...config }))

/** The same on the server of SLUICE_MYSQL_URL. */
export const fresh = freshAt(url ?? "mysql://127.0.0.1:1/none")

/** A server that was found, and which one it is. */
export interface Server {
  readonly name: "mariadb" | "mysql"
  readonly version: string
  readonly url: string
  readonly fresh: typeof fresh
  /** As `fresh`, by a layer of the test's own. */
  readonly freshAs: ReturnType<typeof freshAs>
}

const ask = (at: string): Promise<Server> =>
  Effect.runPromise(Effect.map(asRoot(at, (db) => db<string>`SELECT VERSION()`.scalar), (version) => ({
    name: /mariadb/i.test(version) ? "mariadb" : "mysql",
    version,
    url: at,
    fresh: freshAt(at),
    freshAs: freshAs(at)
  })))

/** Every server that is here. */
export const servers: ReadonlyArray<Server> = await Promise.all(
  [...new Set([url, process.env["SLUICE_REAL_MYSQL_URL"]])].flatMap((at) => at === undefined ? [] : [ask(at)])
)

/** The first one that is MySQL itself, or MariaDB. */
export const real = (name: Server["name"]): Server | undefined => servers.find((server) => server.name === name)
