/**
 * What the tests of the drop-in share: the database under the stock tags, new for each test.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import * as Mysql from "@sluice/mysql/Mysql"
import type * as Layer from "effect/Layer"
import { freshAs } from "../server.js"

export { isMissing } from "../server.js"

export const stock = (
  config: Mysql.StockConfig = {}
): Layer.Layer<Database.DatabaseId | SqlClient.SqlClient | Mysql.StockClient, SqlError.SqlError> => freshAs(Mysql.layerStock, config)
