/**
 * PostgreSQL, or whatever server SLUICE_POSTGRES_URL names, against the conformance suite.
 */
import type * as Doctor from "@sluice/core/Doctor"
import * as Postgres from "@sluice/postgres/Postgres"
import * as Conformance from "@sluice/testkit/Conformance"
import { postgres, postgresLanes, postgresSavepoints } from "@sluice/testkit/profiles/postgres"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { describe } from "vitest"
import { fresh, isMissing, url } from "./server.js"

const secret = "s3cr3t-0f-a-user"

/** The next step is tried all the same: the connection is usable. */
const upTo = (name: string) => (report: Doctor.Report): Doctor.Report => ({ ...report, steps: report.steps.slice(0, report.steps.findIndex((step) => step.name === name) + 1) })

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
    ],
    sick: [
      { title: "a server that is down", step: "TCP", hint: "nobody listens at 127.0.0.1:1", report: Postgres.doctor({ url: `postgres://nobody:${secret}@127.0.0.1:1/x` }), secret },
      { title: "a host that has no address", step: "DNS", hint: "check `host`", report: Postgres.doctor({ host: "host.invalid" }) },
      { title: "a socket that is not there", step: "socket", hint: "is the path right", report: Postgres.doctor({ host: "/no/such/folder" }) },
      { title: "a wrong password in the url", step: "login", hint: "check `username` and `password`", report: Postgres.doctor({ url: url?.replace(/\/\/[^@]*@/, `//scram:${secret}@`) }), secret },
      { title: "a database that is not there", step: "login", hint: "check `database`", report: Postgres.doctor({ url, database: "no_such_database" }) },
      { title: "a url that cannot be read", step: "config", hint: "check `url.port`", report: Postgres.doctor({ url: `postgres://nobody:${secret}@host:port/x` }), secret },
      { title: "a user without a schema", step: "permissions", hint: "GRANT USAGE", report: Effect.map(Postgres.doctor({ url, parameters: { search_path: "no_such_schema" } }), upTo("permissions")) }
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
