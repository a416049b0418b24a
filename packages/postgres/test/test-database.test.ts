/**
 * TestDatabase on PostgreSQL.
 */
import * as Postgres from "@sluice/postgres/Postgres"
import { describe } from "vitest"
import { ownDatabase } from "../../testkit/test/own-database.js"
import { isMissing, url } from "./server.js"

const server: Postgres.Config = { url: url ?? "postgres://127.0.0.1:1/none" }

describe.skipIf(isMissing)("TestDatabase", () => {
  ownDatabase({
    admin: Postgres.layer({ ...server, pool: { max: 1 } }),
    layer: (config) => Postgres.layer({ ...server, ...config, statementSavepoints: true }),
    databases: "SELECT datname AS name FROM pg_database"
  })
})
