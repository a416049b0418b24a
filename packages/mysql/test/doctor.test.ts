/**
 * What the doctor says of MySQL and MariaDB alone: a user that has used up its connections, a server that does not write, and
 * grants that are told without what stands beside them.
 */
import * as Reactivity from "@effect/experimental/Reactivity"
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Doctor from "@sluice/core/Doctor"
import * as Mysql from "@sluice/mysql/Mysql"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { inspect } from "node:util"
import { kinds } from "./own.js"
import { isMissing } from "./server.js"

const step = (report: Doctor.Report, name: string) => report.steps.find((one) => one.name === name)

const failed = (report: Doctor.Report) => report.steps.filter(({ status }) => status === "failed").map(({ hint, name }) => [name, hint])

describe.skipIf(isMissing)("C2 the doctor", () => {
  for (const { launch, name } of kinds) {
    it.scopedLive(`${name}: a user without a connection left, a server that does not write or is full, and grants`, () =>
      Effect.gen(function*() {
        const { url } = yield* launch(["--max-connections=10"])
        const run = (...statements: ReadonlyArray<string>) =>
          Effect.forEach(statements, (sql) => Effect.flatMap(Database.Database, (db) => db.unsafe(sql)), { discard: true }).pipe(Effect.provide(Mysql.layer({ url, pool: { max: 1 } })))
        yield* run("CREATE USER few@127.0.0.1 IDENTIFIED BY 's3cr3t' WITH MAX_USER_CONNECTIONS 1", "CREATE DATABASE shop", "GRANT SELECT, INSERT ON shop.* TO few@127.0.0.1", "CREATE USER many@127.0.0.1")
        const few: Mysql.Config = { url: url.replace("root", "few:s3cr3t"), database: "shop", pool: { max: 1 } }
        const report = yield* Mysql.doctor(few)
        assert.notStrictEqual(report.status, "failed", Doctor.render(report))
        assert.match(step(report, "permissions")?.detail ?? "", /^few@127\.0\.0\.1: SELECT, INSERT on shop\.\*; the server is read-write$/)
        // MariaDB shows the hash of the password beside the grants.
        assert.notMatch(inspect(report, { depth: null }), /s3cr3t|IDENTIFIED|\*[0-9A-F]{40}/)

        yield* Effect.flatMap(Database.Database, (db) => Effect.gen(function*() {
          const full = yield* db.doctor
          assert.strictEqual(failed(full)[0]?.[0], "login", Doctor.render(full))
          assert.match(failed(full)[0]?.[1] ?? "", /`max_user_connections`|MAX_CONNECTIONS_PER_HOUR/)
          assert.strictEqual(step(full, "pool")?.reason, undefined, "what the pool has is well")
        })).pipe(Effect.provide(Mysql.layer(few)))

        yield* run("SET GLOBAL read_only = 1")
        const reader = yield* Mysql.doctor(few)
        assert.deepStrictEqual(failed(reader), [])
        assert.include(step(reader, "permissions")?.detail, "the server is read-only")
        assert.include(step(reader, "permissions")?.hint, "writes are refused")

        yield* Effect.scoped(Effect.gen(function*() {
          const db = yield* Mysql.make({ url: url.replace("root", "many"), pool: { max: 10, min: 10 } })
          // One that is still being opened has taken no connection from anybody yet.
          yield* Effect.repeat(Effect.zipRight(Effect.sleep(5), db.pool.stats), { until: ({ idle }) => idle === 10 })
          const full = yield* Mysql.doctor({ ...few, tls: { mode: "prefer" } })
          assert.strictEqual(failed(full)[0]?.[0], "login", Doctor.render(full))
          assert.include(failed(full)[0]?.[1], "`max_connections`")
        })).pipe(Effect.provide(Reactivity.layer))

        const wrong = yield* Mysql.doctor({ ...few, password: Redacted.make("another s3cr3t") })
        assert.strictEqual(failed(wrong)[0]?.[0], "login")
        assert.notInclude(inspect(wrong, { depth: null }) + Doctor.render(wrong), "s3cr3t")
      }), 60_000)
  }
})
