/**
 * A primary and its replica, for tests that exchange their roles and kill them: MariaDB, replicated by GTID and
 * semi-synchronously, so that a commit that was answered is on the replica.
 *
 * A replica is read-only, and who tests is no administrator: `read_only` does not hold for those. Called by the tests of
 * hosts and of replicas.
 */
import type * as SqlError from "@sluice/core/SqlError"
import * as Mysql from "@sluice/mysql/Mysql"
import * as LocalServer from "@sluice/testkit/LocalServer"
import { mariadb } from "@sluice/testkit/servers/mariadb"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Members from "../../testkit/test/hosts/members.js"

type Member = Members.Member

/** Whether the tests cannot run; under CI they must. */
export const isMissing = mariadb === undefined && process.env["CI"] !== "true"

if (mariadb === undefined) process.stderr.write("\n!!! mariadbd is not installed: the tests of several hosts are SKIPPED\n\n")

const started = (id: number): Effect.Effect<Member, Error, Scope.Scope> =>
  Effect.gen(function*() {
    if (mariadb === undefined) return yield* Effect.fail(new Error("mariadbd is not installed"))
    const { serve } = mariadb
    const server = yield* LocalServer.make({
      ...mariadb,
      serve: (folder, port) => {
        const [program, args] = serve(folder, port)
        return [program, [
          ...args,
          `--server-id=${id}`,
          "--log-bin=binlog",
          "--log-slave-updates",
          "--gtid-strict-mode=1",
          "--rpl-semi-sync-master-enabled=1",
          "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
          "--rpl-semi-sync-master-timeout=60000",
          "--rpl-semi-sync-master-wait-no-slave=0",
          "--rpl-semi-sync-slave-enabled=1",
          "--slave-net-timeout=2"
        ]]
      }
    })
    return Members.member(server, Mysql.layer({ host: server.host, port: server.port, username: "root", pool: { max: 1 } }))
  })

/** How far a replica has fetched. */
const received = (replica: Member): Effect.Effect<string, SqlError.SqlError> =>
  replica.as((db) => Effect.map(db.unsafe<{ readonly Gtid_IO_Pos: string }>("SHOW SLAVE STATUS").unprepared, (rows) => rows[0]?.Gtid_IO_Pos ?? ""))

/** Says to a member whom it follows from now on. */
const follow = (replica: Member, primary: Member): Effect.Effect<void, SqlError.SqlError> =>
  replica.run(
    "SET GLOBAL read_only = 1",
    `CHANGE MASTER TO master_host = '${primary.host}', master_port = ${primary.port}, master_user = 'repl', master_use_gtid = slave_pos, master_connect_retry = 1`,
    "START SLAVE"
  )

/** Two members, the first of them the primary. The user `app` may read and write the database `app`. */
export const cluster: Effect.Effect<Members.Pair, Error, Scope.Scope> = Effect.gen(function*() {
  // The program that makes the data may be denied what another one uses at that moment.
  const [a, b] = yield* Effect.all([Effect.retry(started(1), { times: 2 }), Effect.retry(started(2), { times: 2 })])
  // What the making of the data wrote is each member's own.
  for (const one of [a, b]) yield* one.run("RESET MASTER")
  yield* follow(b, { ...a })
  yield* a.run(
    "CREATE USER repl@'%'",
    "GRANT REPLICATION SLAVE ON *.* TO repl@'%'",
    "CREATE DATABASE app CHARACTER SET utf8mb4",
    "CREATE USER app@'%'",
    "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP ON app.* TO app@'%'",
    "CREATE TABLE app.marks (id BIGINT PRIMARY KEY, port INT)"
  )
  yield* caughtUp(b, a)
  return [a, b]
})

const caughtUp = (replica: Member, primary: Member): Effect.Effect<void, SqlError.SqlError> =>
  Effect.gen(function*() {
    const position = yield* primary.ask<string>("SELECT @@gtid_binlog_pos")
    yield* replica.ask<number>(`SELECT MASTER_GTID_WAIT('${position}', 20)`)
  })

/** The replica applies all that it has got, and takes over. */
export const promote = (replica: Member): Effect.Effect<void, SqlError.SqlError> =>
  Effect.gen(function*() {
    yield* replica.run("STOP SLAVE IO_THREAD")
    yield* replica.ask<number>(`SELECT MASTER_GTID_WAIT('${yield* received(replica)}', 20)`)
    yield* replica.run("STOP SLAVE", "SET GLOBAL read_only = 0")
  })

/** The primary refuses to write, or writes again. */
export const setReadOnly = (primary: Member, isReadOnly: boolean): Effect.Effect<void, SqlError.SqlError> =>
  primary.run(`SET GLOBAL read_only = ${isReadOnly ? 1 : 0}`)

/** The two exchange their roles in good order. */
export const exchange = (from: Member, to: Member): Effect.Effect<void, SqlError.SqlError> =>
  Effect.gen(function*() {
    yield* from.run("SET GLOBAL read_only = 1")
    yield* caughtUp(to, from)
    yield* to.run("STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL read_only = 0")
    yield* follow(from, to)
  })
