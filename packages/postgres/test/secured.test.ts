/**
 * PostgreSQL under the suite of TLS, with servers of this file's own.
 */
import * as Postgres from "@sluice/postgres/Postgres"
import * as Secured from "@sluice/testkit/Secured"
import * as Effect from "effect/Effect"
import { describe } from "vitest"
import { admin, instance, rules, serving } from "./own.js"
import { isMissing } from "./server.js"

const at = ({ host, port, user }: Secured.Endpoint): Postgres.Config => ({ host, port, database: "postgres", username: user === "admin" ? "postgres" : user })

describe.skipIf(isMissing)("TLS", () => {
  Secured.secured("postgres", {
    launch: (certificate, ca) =>
      Effect.gen(function*() {
        const server = certificate === undefined ? yield* instance() : yield* serving(certificate, ca)
        yield* admin(server, "CREATE ROLE certified LOGIN")
        yield* rules(server, ...(certificate === undefined ? [] : ["hostssl all certified all cert"]), "host all postgres all trust")
        return server
      }),
    layer: (endpoint, tls) => Postgres.layer({ ...at(endpoint), tls, pool: { acquireTimeout: 5_000 } }),
    doctor: (endpoint, tls) => Postgres.doctor({ ...at(endpoint), tls }),
    encrypted: "SELECT ssl::int FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
  })
})
