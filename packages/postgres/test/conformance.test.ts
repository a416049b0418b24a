/**
 * PostgreSQL, or whatever server SLUICE_POSTGRES_URL names, against the conformance suite.
 */
import * as Postgres from "@sluice/postgres/Postgres"
import * as Conformance from "@sluice/testkit/Conformance"
import { postgres, postgresLanes, postgresSavepoints } from "@sluice/testkit/profiles/postgres"
import * as Redacted from "effect/Redacted"
import { describe } from "vitest"
import { fresh, isMissing, url } from "./server.js"

describe.skipIf(isMissing)("postgres", () => {
  Conformance.conformance("postgres", {
    profile: postgres,
    layer: fresh,
    unreachable: [
      { title: "with a wrong password", reason: "AuthenticationError", layer: Postgres.layer({ url, username: "scram", password: Redacted.make("wrong") }) },
      { title: "a database that is not there", reason: "ConfigError", layer: Postgres.layer({ url, database: "no_such_database" }) },
      { title: "a port where nobody listens", reason: "ConnectionError", layer: Postgres.layer({ host: "127.0.0.1", port: 1, pool: { acquireTimeout: 300 } }) },
      { title: "a host that has no address", reason: "ConnectionError", layer: Postgres.layer({ host: "host.invalid", pool: { acquireTimeout: 300 } }) },
      { title: "a url of another kind", reason: "ConfigError", layer: Postgres.layer({ url: "mysql://localhost/x" }) },
      { title: "a pool of nobody", reason: "ConfigError", layer: Postgres.layer({ url, pool: { max: 0 } }) }
    ]
  })
  Conformance.conformance("postgres, with statementSavepoints", {
    profile: postgresSavepoints,
    layer: (config) => fresh({ ...config, statementSavepoints: true })
  })
  Conformance.conformance("postgres, with lanes", {
    profile: postgresLanes,
    // A session that is reset after every use is shared by nobody.
    layer: (config) => fresh(config.pool?.reset === "always" ? config : { ...config, pipeline: { lanes: Math.min(2, config.pool?.max ?? 2) } })
  })
})
