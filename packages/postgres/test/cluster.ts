/**
 * A primary and its standby, for tests that exchange their roles and kill them: streaming replication from a base backup,
 * synchronous, so that a commit that was answered is on the standby.
 *
 * Who tests is no administrator. Called by the tests of hosts.
 */
import * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import * as Postgres from "@sluice/postgres/Postgres"
import * as LocalServer from "@sluice/testkit/LocalServer"
import { postgres } from "@sluice/testkit/servers/postgres"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Members from "../../testkit/test/hosts/members.js"

type Member = Members.Member

/** Whether the tests cannot run; under CI they must. */
export const isMissing = postgres === undefined && process.env["CI"] !== "true"

if (postgres === undefined) process.stderr.write("\n!!! PostgreSQL is not installed: the tests of several hosts are SKIPPED\n\n")

/** One that is made anew, or of the data of another. */
const started = (name: string, primary?: Member): Effect.Effect<Member, Error, Scope.Scope> =>
  Effect.gen(function*() {
    if (postgres === undefined) return yield* Effect.fail(new Error("PostgreSQL is not installed"))
    const { prepare, serve } = postgres
    const server = yield* LocalServer.make({
      name: postgres.name,
      prepare: (folder) => {
        const [initdb, args] = prepare(folder)
        if (primary === undefined) return [initdb, args]
        return [initdb.replace(/initdb$/, "pg_basebackup"), [
          "--host", primary.host, "--port", String(primary.port), "--username", "postgres", "--pgdata", `${folder}/data`, "--write-recovery-conf", "--checkpoint=fast", "--no-sync"
        ]]
      },
      serve: (folder, port) => {
        const [program, args] = serve(folder, port)
        // A standby says who it is by its cluster's name.
        return [program, [...args, "-c", `cluster_name=${name}`, "-c", "wal_receiver_status_interval=1", "-c", "hot_standby=on"]]
      }
    })
    return Members.member(server, Postgres.layer({ host: server.host, port: server.port, username: "postgres", parameters: { default_transaction_read_only: "off" }, pool: { max: 1 } }))
  })

/** Two members, the first of them the primary. The user `app` may read and write the database `app`. */
export const cluster: Effect.Effect<Members.Pair, Error, Scope.Scope> = Effect.gen(function*() {
  const a = yield* started("a")
  yield* a.run("CREATE ROLE app LOGIN", "CREATE DATABASE app OWNER app")
  yield* Effect.provide(
    Effect.flatMap(Database.Database, (db) => db`CREATE TABLE marks (id BIGINT PRIMARY KEY, port INTEGER)`),
    Postgres.layer({ host: a.host, port: a.port, username: "app", database: "app" })
  )
  const b = yield* started("b", a)
  yield* Effect.repeat(Effect.zipRight(Effect.sleep(20), a.ask<number>("SELECT count(*)::int FROM pg_stat_replication WHERE state = 'streaming'")), { until: (n) => n === 1 })
  // A commit is answered when the standby has it.
  yield* a.run("ALTER SYSTEM SET synchronous_standby_names = 'b'", "SELECT pg_reload_conf()")
  yield* Effect.repeat(Effect.zipRight(Effect.sleep(20), a.ask<string>("SELECT sync_state FROM pg_stat_replication")), { until: (state) => state === "sync" })
  return [a, b]
})

/** The standby takes over; ends when it can be written to. */
export const promote = (standby: Member): Effect.Effect<void, SqlError.SqlError> => standby.run("SELECT pg_promote()")

/** The primary refuses to write, or writes again. */
export const setReadOnly = (primary: Member, isReadOnly: boolean): Effect.Effect<void, SqlError.SqlError> =>
  primary.run(
    isReadOnly ? "ALTER SYSTEM SET default_transaction_read_only = on" : "ALTER SYSTEM RESET default_transaction_read_only",
    "SELECT pg_reload_conf()"
  )
