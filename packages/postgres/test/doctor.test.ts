/**
 * What the doctor says of PostgreSQL alone: a role that has used up its connections, a server that does not write, no rule that
 * lets a user in, several hosts, a session behind `hostaddr`.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Doctor from "@sluice/core/Doctor"
import * as Postgres from "@sluice/postgres/Postgres"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { instance, rules } from "./own.js"
import { asRoot, isMissing, url } from "./server.js"

const step = (report: Doctor.Report, name: string) => report.steps.find((one) => one.name === name)

const failed = (report: Doctor.Report) => report.steps.filter(({ status }) => status === "failed").map(({ hint, name }) => [name, hint])

describe.skipIf(isMissing)("Postgres, C2 the doctor", () => {
  it.scopedLive("a role without a connection left is told so, by `doctor` and by `db.doctor`", () =>
    Effect.gen(function*() {
      const role = `few_${process.pid}`
      yield* Effect.acquireRelease(asRoot((db) => db.unsafe(`CREATE ROLE ${role} LOGIN PASSWORD 'pw' CONNECTION LIMIT 1`)), () => Effect.orDie(asRoot((db) => db.unsafe(`DROP ROLE ${role}`))))
      const config: Postgres.Config = { url: url?.replace(/\/\/[^@]*@/, "//"), username: role, password: Redacted.make("pw"), pool: { max: 1 } }
      yield* Effect.flatMap(Database.Database, (db) => Effect.gen(function*() {
        const reports = [yield* Postgres.doctor(config), yield* db.doctor]
        for (const report of reports) {
          assert.strictEqual(failed(report)[0]?.[0], "login", Doctor.render(report))
          assert.include(failed(report)[0]?.[1], "`max_connections`, or lower `pool.max`")
        }
        // What the pool has is well.
        assert.strictEqual(step(reports[1]!, "pool")?.reason, undefined)
      })).pipe(Effect.provide(Postgres.layer(config)))
    }))

  it.live("a server that does not write is no failure, and said", () =>
    Effect.map(Postgres.doctor({ url, parameters: { default_transaction_read_only: "on" } }), (report) => {
      assert.deepStrictEqual(failed(report), [])
      assert.include(step(report, "permissions")?.detail, "the server is read-only")
      assert.include(step(report, "permissions")?.hint, "writes are refused")
    }))

  it.live("each of several hosts is examined, and one that is down is told beside one that is well", () =>
    Effect.map(Postgres.doctor({ hosts: ["127.0.0.1:1", new URL(url ?? "").host], username: "postgres" }), (report) => {
      assert.deepStrictEqual(report.steps.filter(({ name }) => name === "login").map(({ status }) => status === "skipped"), [true, false])
      assert.match(Doctor.render(report), /\n {2}127\.0\.0\.1:1\n {2}DNS .*\n {2}TCP +failed /)
    }))

  it.live("a name that is not looked up, as its address is given, is no step; a socket takes the place of DNS and TCP", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* instance()
      const address = yield* Postgres.doctor({ url: `host=db.invalid hostaddr=127.0.0.1 port=${server.port} user=postgres` })
      assert.deepStrictEqual([step(address, "DNS")?.status, step(address, "login")?.reason], ["skipped", undefined])
      const socket = yield* Postgres.doctor({ host: server.folder, port: server.port, username: "postgres" })
      assert.notStrictEqual(socket.status, "failed", Doctor.render(socket))
      assert.deepStrictEqual(socket.steps.slice(0, 4).map(({ name }) => name), ["config", "socket", "TLS", "login"])
      yield* rules(server, "hostssl all all all trust")
      const refused = yield* Postgres.doctor({ host: "127.0.0.1", port: server.port, username: "postgres" })
      assert.include(failed(refused)[0]?.[1], "pg_hba.conf")
    })), 30_000)
})
