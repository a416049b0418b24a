/**
 * The example runs on SQLite, and on every server that `npm test` has started, and its visitor sees what it should.
 */
import { Sluice } from "@sluice/core"
import { Mysql } from "@sluice/mysql"
import { Postgres } from "@sluice/postgres"
import { Redacted } from "effect"
import { expect, it } from "vitest"
import { run, said } from "./run.js"

const visited = [
  `  users: 200 [{"id":1,"name":"Ada"},{"id":2,"name":"Grace"}]`,
  `  user 2: 200 {"id":2,"name":"Grace"}`,
  "  user 9: 404",
  "  20000 visits as NDJSON",
  "  left in the middle of a report: the database works on nothing",
  "  left in the middle of the visits: the database works on nothing"
]
const expected = said("by HttpApi", ...visited, "by Hono", ...visited)

it("http-api on SQLite: a client that goes away cancels its query, by HttpApi and by Hono", { timeout: 40_000 }, () => {
  expect(run("http-api", [])).toEqual(expected)
})

const layers = { SLUICE_POSTGRES_URL: Postgres.layer, SLUICE_MYSQL_URL: Mysql.layer }

for (const [variable, layer] of Object.entries(layers)) {
  const url = process.env[variable]
  // Without a URL there is no server to ask: `npm test` says so, and fails under CI.
  it.runIf(url !== undefined)(`http-api on the server of ${variable}: nothing of a client that went away is left there`, { timeout: 60_000 }, async () => {
    await using server = await Sluice.open(layer({ url: Redacted.make(String(url)) }))
    await server.query`CREATE DATABASE sluice_http_api`.run()
    try {
      expect(run("http-api", [new URL("/sluice_http_api", url).href])).toEqual(expected)
    } finally {
      await server.query`DROP DATABASE sluice_http_api`.run()
    }
  })
}
