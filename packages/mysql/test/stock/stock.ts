/**
 * What the tests of the drop-in share: every server that is here, and on it the database under the stock tags, new for
 * each test.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import * as Mysql from "@sluice/mysql/Mysql"
import type * as Layer from "effect/Layer"
import { describe } from "vitest"
import { isMissing, type Server, servers } from "../server.js"

export type Stock = (
  config?: Mysql.StockConfig
) => Layer.Layer<Database.DatabaseId | SqlClient.SqlClient | Mysql.StockClient, SqlError.SqlError>

/** Tests that run on every server. */
export const onServers = (title: string, tests: (stock: Stock, server: Server) => void): void =>
  describe.skipIf(isMissing).each(servers.map((server) => [server.name, server] as const))(`${title} on %s`, (_, server) => {
    tests((config = {}) => server.freshAs((at) => Mysql.layerStock({ ...at, ...config })), server)
  })
