/**
 * What the tests of the drop-in share: the database under the stock tags, new for each test; and the stock driver itself.
 */
import { PgClient } from "@effect/sql-pg"
import type * as SqlClient from "@effect/sql/SqlClient"
import type * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import * as Postgres from "@sluice/postgres/Postgres"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { freshAs } from "../server.js"

/** The database of a test by `layerStock`. */
export const stock = (
  config: Postgres.StockConfig = {}
): Layer.Layer<Database.DatabaseId | SqlClient.SqlClient | Postgres.StockClient, SqlError.SqlError> =>
  freshAs((at) => Postgres.layerStock({ ...at, ...config }))

/** The stock driver on a database of the test's own. */
export const driver = freshAs(({ database, url }) => {
  const reached = new URL(String(url))
  reached.pathname = `/${String(database)}`
  return Layer.orDie(PgClient.layer({ url: Redacted.make(reached.href), maxConnections: 2 }))
})
