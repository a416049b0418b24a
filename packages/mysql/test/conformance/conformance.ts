/**
 * The conformance suite on each server of one kind, with the profile of that kind. A file for each: they run side by side.
 */
import * as Mysql from "@sluice/mysql/Mysql"
import * as Conformance from "@sluice/testkit/Conformance"
import type * as Profile from "@sluice/testkit/Profile"
import * as Redacted from "effect/Redacted"
import { assert, describe, it } from "vitest"
import { isMissing, servers } from "../server.js"

const secret = "s3cr3t-0f-a-user"

export const conformance = (kind: "mariadb" | "mysql", profile: Profile.Profile): void => {
  describe.skipIf(isMissing)("the conformance suite", () => {
    it(`has a server, ${kind} or the other`, () => assert.isNotEmpty(servers))
  })
  for (const { fresh, name, url, version } of servers.filter(({ name }) => name === kind)) {
    Conformance.conformance(`${name} ${version}`, {
      profile,
      layer: fresh,
      unreachable: [
        { title: "with a wrong password", reason: "AuthenticationError", layer: Mysql.layer({ url, username: "nobody", password: Redacted.make("wrong") }) },
        { title: "a database that is not there", reason: "ConfigError", layer: Mysql.layer({ url, database: "no_such_database" }) },
        { title: "a port where nobody listens", reason: "ConnectionError", layer: Mysql.layer({ host: "127.0.0.1", port: 1, pool: { acquireTimeout: 300 } }) },
        { title: "a host that has no address", reason: "ConnectionError", layer: Mysql.layer({ host: "host.invalid", pool: { acquireTimeout: 300 } }) },
        { title: "a url of another kind", reason: "ConfigError", layer: Mysql.layer({ url: "postgres://localhost/x" }) },
        { title: "a pool of nobody", reason: "ConfigError", layer: Mysql.layer({ url, pool: { max: 0 } }) }
      ],
      sick: [
        { title: "a server that is down", step: "TCP", hint: "nobody listens at 127.0.0.1:1", report: Mysql.doctor({ url: `mysql://nobody:${secret}@127.0.0.1:1/x` }), secret },
        { title: "a host that has no address", step: "DNS", hint: "check `host`", report: Mysql.doctor({ host: "host.invalid" }) },
        { title: "a socket that is not there", step: "socket", hint: "is the path right", report: Mysql.doctor({ unixSocket: "/no/such/socket" }) },
        { title: "a wrong password in the url", step: "login", hint: "check `username` and `password`", report: Mysql.doctor({ url: url.replace(/\/\/[^@]*@/, `//nobody:${secret}@`) }), secret },
        { title: "a database that is not there", step: "login", hint: "check `database`", report: Mysql.doctor({ url, database: "no_such_database" }) },
        { title: "a url that cannot be read", step: "config", hint: "check `url.port`", report: Mysql.doctor({ url: `mysql://nobody:${secret}@host:port/x` }), secret }
      ]
    })
  }
}
