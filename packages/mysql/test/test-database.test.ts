/**
 * TestDatabase on MySQL and MariaDB.
 */
import * as Mysql from "@sluice/mysql/Mysql"
import { describe } from "vitest"
import { ownDatabase } from "../../testkit/test/own-database.js"
import { isMissing, url } from "./server.js"

const server: Mysql.Config = { url: url ?? "mysql://127.0.0.1:1/none" }

describe.skipIf(isMissing)("TestDatabase", () => {
  ownDatabase({
    admin: Mysql.layer({ ...server, pool: { max: 1 } }),
    layer: (config) => Mysql.layer({ ...server, ...config }),
    databases: "SELECT schema_name AS name FROM information_schema.schemata"
  })
})
