/**
 * PostgreSQL, beside pg, @effect/sql-pg, postgres.js and psql.
 *
 * The server is that of SLUICE_POSTGRES_URL; `npm run bench` starts one where it is not set.
 */
import { served } from "../Loading.js"
import { versionOf } from "../Machine.js"
import type { Tables } from "../Served.js"
import * as Suite from "../Suite.js"
import { writing } from "../Writing.js"
import { bulkLoad } from "./BulkLoad.js"
import { open } from "./Data.js"
import * as Opened from "./Opened.js"
import { inFlight, pointQuery } from "./PointQuery.js"
import { memory, streaming } from "./Streaming.js"

const loaded = served(new URL("./load.js", import.meta.url))

const written = writing<Tables>(({ place }) => Opened.ours(place))

export const postgres = Suite.make({
  name: "postgres",
  head: { direct: "raw pg", stock: "@effect/sql-pg", other: "postgres.js", native: "psql" },
  measurements: [pointQuery, inFlight, streaming, memory, bulkLoad, loaded, written],
  open: ({ folder, rows }) => open(folder, rows),
  versions: ({ version }) => [`server ${version}`, ...["pg", "pg-cursor", "pg-copy-streams", "@effect/sql-pg", "postgres"].map(versionOf)]
})
