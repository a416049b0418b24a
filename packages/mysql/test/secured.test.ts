/**
 * MariaDB and MySQL under the suite of TLS, each with servers of this file's own.
 */
import * as Database from "@sluice/core/Database"
import * as Mysql from "@sluice/mysql/Mysql"
import * as Secured from "@sluice/testkit/Secured"
import * as Effect from "effect/Effect"
import { describe } from "vitest"
import { kinds } from "./own.js"
import { isMissing } from "./server.js"

const at = ({ host, port, user }: Secured.Endpoint): Mysql.Config => ({ host, port, username: user === "admin" ? "root" : user })

describe.skipIf(isMissing)("TLS", () => {
  for (const { launch, name } of kinds) {
    Secured.secured(name, {
      launch: (certificate, ca) =>
        Effect.gen(function*() {
          const { files } = certificate ?? {}
          // MySQL makes itself a certificate where it is given none.
          const without = name === "mysql" ? ["--tls-version="] : []
          const server = yield* launch(files === undefined ? without : [`--ssl-ca=${ca}`, `--ssl-cert=${files.cert}`, `--ssl-key=${files.key}`])
          yield* Effect.flatMap(Database.Database, (db) => db.unsafe("CREATE USER certified@127.0.0.1 IDENTIFIED BY '' REQUIRE X509")).pipe(
            Effect.provide(Mysql.layer({ url: server.url, pool: { max: 1 } }))
          )
          return server
        }),
      layer: (endpoint, tls) => Mysql.layer({ ...at(endpoint), tls, pool: { acquireTimeout: 5_000 } }),
      doctor: (endpoint, tls) => Mysql.doctor({ ...at(endpoint), tls }),
      encrypted: "SELECT VARIABLE_VALUE <> '' FROM "
        + `${name === "mysql" ? "performance_schema.session_status" : "information_schema.SESSION_STATUS"} WHERE VARIABLE_NAME = 'Ssl_cipher'`
    })
  }
})
