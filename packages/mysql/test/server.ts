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
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { afterAll } from "vitest"

/** The server of the tests that need one, whichever it is. */
export const url = process.env["SLUICE_MYSQL_URL"]

/** Whether the tests cannot run. */
export const isMissing = url === undefined && process.env["CI"] !== "true"

if (url === undefined) {
  process.stderr.write("\n!!! SLUICE_MYSQL_URL is not set: no MySQL or MariaDB server, its suites are SKIPPED (npm test starts one)\n\n")
}

const scope = Effect.runSync(Scope.make())
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

/** One administrator for every database of this file, who connects once. */
const adminAt = (at: string) => Layer.effectContext(Effect.runSync(Effect.cached(Layer.buildWithScope(Mysql.layer({ url: at, pool: { max: 1 } }), scope))))

/** A layer of a database on that server that is new each time the layer is built, and dropped with it. */
const freshAs = (at: string, admin = adminAt(at)) => <I>(layer: (config: Mysql.Config) => Layer.Layer<I, SqlError.SqlError>): Layer.Layer<I, SqlError.SqlError> =>
  TestDatabase.fresh({ admin, layer: (database) => layer({ url: at, database }) })

const freshAt = (at: string, own = freshAs(at)) => (config: Mysql.Config = {}): Layer.Layer<Database.DatabaseId | SqlClient, SqlError.SqlError> =>
  own((server) => Mysql.layer({ ...server, ...config }))

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

const ask = async (at: string): Promise<Server> => {
  const admin = adminAt(at)
  const own = freshAs(at, admin)
  const version = await Effect.runPromise(Effect.flatMap(Database.Database, (db) => db<string>`SELECT VERSION()`.scalar).pipe(Effect.provide(admin)))
  return { name: /mariadb/i.test(version) ? "mariadb" : "mysql", version, url: at, fresh: freshAt(at, own), freshAs: own }
}

/** Every server that is here. */
export const servers: ReadonlyArray<Server> = await Promise.all(
  [...new Set([url, process.env["SLUICE_REAL_MYSQL_URL"]])].flatMap((at) => at === undefined ? [] : [ask(at)])
)

/** The first one that is MySQL itself, or MariaDB. */
export const real = (name: Server["name"]): Server | undefined => servers.find((server) => server.name === name)
