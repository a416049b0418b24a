/**
 * Every server that is here against the conformance suite, with the profile of what it is.
 */
import * as Mysql from "@sluice/mysql/Mysql"
import * as Conformance from "@sluice/testkit/Conformance"
import { mariadb, mysql } from "@sluice/testkit/profiles/mysql"
import * as Redacted from "effect/Redacted"
import { assert, describe, it } from "vitest"
import { isMissing, servers } from "./server.js"

describe.skipIf(isMissing)("mysql", () => {
  it("has a server", () => assert.isNotEmpty(servers))

  for (const { fresh, name, url, version } of servers) {
    Conformance.conformance(`${name} ${version}`, {
      profile: name === "mysql" ? mysql : mariadb,
      layer: fresh,
      unreachable: [
        { title: "with a wrong password", reason: "AuthenticationError", layer: Mysql.layer({ url, username: "nobody", password: Redacted.make("wrong") }) },
        { title: "a database that is not there", reason: "ConfigError", layer: Mysql.layer({ url, database: "no_such_database" }) },
        { title: "a port where nobody listens", reason: "ConnectionError", layer: Mysql.layer({ host: "127.0.0.1", port: 1, pool: { acquireTimeout: 300 } }) },
        { title: "a host that has no address", reason: "ConnectionError", layer: Mysql.layer({ host: "host.invalid", pool: { acquireTimeout: 300 } }) },
        { title: "a url of another kind", reason: "ConfigError", layer: Mysql.layer({ url: "postgres://localhost/x" }) },
        { title: "a pool of nobody", reason: "ConfigError", layer: Mysql.layer({ url, pool: { max: 0 } }) }
      ]
    })
  }
})
