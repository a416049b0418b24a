/**
 * PostgreSQL under the fault suite: a server of this file's own, since it is killed.
 */
import * as Postgres from "@sluice/postgres/Postgres"
import * as Faults from "@sluice/testkit/Faults"
import { postgres } from "@sluice/testkit/profiles/postgres"
import { postgres as server } from "@sluice/testkit/servers/postgres"

Faults.faults("postgres", {
  profile: postgres,
  server,
  layer: (endpoint, config) => Postgres.layer({ username: "postgres", ...endpoint, ...config })
})
