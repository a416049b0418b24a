/**
 * MySQL and MariaDB, beside mysql2, @effect/sql-mysql2 and the native client.
 *
 * The server is that of SLUICE_MYSQL_URL; `npm run bench` starts one where it is not set.
 */
import { served } from "../Loading.js"
import { versionOf } from "../Machine.js"
import type { Tables } from "../Served.js"
import * as Suite from "../Suite.js"
import { writing } from "../Writing.js"
import { bulkLoad } from "./BulkLoad.js"
import { open } from "./Data.js"
import * as Opened from "./Opened.js"
import { pointQuery } from "./PointQuery.js"
import { streaming } from "./Streaming.js"

const loaded = served(new URL("./load.js", import.meta.url))

const written = writing<Tables>(({ place }) => Opened.ours(place))

export const mysql = Suite.make({
  name: "mysql",
  head: { direct: "raw mysql2", stock: "@effect/sql-mysql2", native: "native client" },
  measurements: [pointQuery, streaming, bulkLoad, loaded, written],
  open: ({ folder, rows }) => open(folder, rows),
  versions: ({ version }) => [`server ${version}`, versionOf("mysql2"), versionOf("@effect/sql-mysql2")]
})
