/**
 * Large values: twenty megabytes as a parameter and as a row, plain and compressed, commands and rows that end where a
 * packet does, and what the server's max_allowed_packet forbids.
 *
 * On servers of this file's own, since the limit is the server's.
 */
import { assert, describe, it } from "@effect/vitest"
import * as BulkSink from "@sluice/batcher/BulkSink"
import * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import * as Mysql from "@sluice/mysql/Mysql"
import * as LocalServer from "@sluice/testkit/LocalServer"
import { mariadb } from "@sluice/testkit/servers/mariadb"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { vi } from "vitest"
import { kinds } from "./own.js"

const server = Effect.suspend(() => {
  if (mariadb === undefined) return Effect.dieMessage("MariaDB is not installed")
  const { serve } = mariadb
  return LocalServer.make({
    ...mariadb,
    serve: (folder, port) => {
      const [program, args] = serve(folder, port)
      // InnoDB takes no value beyond a tenth of its log.
      return [program, [...args, "--max-allowed-packet=64M", "--innodb-log-file-size=512M"]]
    }
  })
})

const bytes = Uint8Array.from({ length: 20_000_000 }, (_, n) => (n * 2_654_435_761) >>> 24)
const text = "grün 日本 😀 '\\\n".repeat(1_000_000)

const limit = <A>(effect: Effect.Effect<A, SqlError.SqlError>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => assert.deepInclude(reason, { _tag: "LimitError", outcome: "not-applied", connection: "usable" }))

describe.skipIf(mariadb === undefined)("large values", () => {
  for (const compress of [false, true]) {
    it.scopedLive(`Q1 twenty megabytes go in and come out, ${compress ? "compressed" : "as they are"}, and what is beyond the limit is not sent`, () =>
      Effect.flatMap(server, ({ host, port }) =>
        Effect.flatMap(Database.Database, (db) => Effect.gen(function*() {
          const printed = yield* Effect.acquireRelease(
            Effect.sync(() => vi.spyOn(console, "error")),
            (spy) => Effect.sync(() => spy.mockRestore())
          )
          yield* db`CREATE TABLE large (id INT PRIMARY KEY, b LONGBLOB, t LONGTEXT) CHARACTER SET utf8mb4`
          yield* db`INSERT INTO large VALUES (1, ${bytes}, NULL)`
          yield* db`INSERT INTO large VALUES (2, NULL, ${text})`
          yield* db`INSERT INTO large VALUES (3, ${bytes}, NULL)`.unprepared
          yield* db`INSERT INTO large VALUES (4, NULL, ${text})`.unprepared
          yield* BulkSink.load(Stream.make([5, bytes, null], [6, null, text]), { table: "large", columns: ["id", "b", "t"] })
          // Equality of so much is asked without printing it.
          for (const id of [1, 3, 5]) {
            assert.isTrue(Buffer.from(bytes).equals(yield* db<never>`SELECT b FROM large WHERE id = ${id}`.scalar), `${id}`)
          }
          for (const id of [2, 4, 6]) assert.isTrue((yield* db<string>`SELECT t FROM large WHERE id = ${id}`.scalar) === text, `${id}`)
          const [row] = yield* Stream.runCollect(db<{ b: Uint8Array }>`SELECT b FROM large WHERE id = 1`.stream).pipe(Effect.map((rows) => [...rows]))
          assert.isTrue(Buffer.from(bytes).equals(row!.b))
          assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM large WHERE MD5(b) = MD5(${bytes})`.scalar, 3)
          const beyond = new Uint8Array(68_000_000)
          const id = yield* db`SELECT CONNECTION_ID()`.scalar
          yield* limit(db`INSERT INTO large VALUES (7, ${beyond}, NULL)`)
          // The same of a text: what this server takes is more than what every server does.
          for (const way of [(sql: string) => db.unsafe<{ n: number }>(sql), (sql: string) => db.unsafe<{ n: number }>(sql).unprepared]) {
            assert.strictEqual((yield* way(`SELECT LENGTH('${"a".repeat(20_000_000)}') AS n`))[0]?.n, 20_000_000)
            yield* limit(way(`SELECT LENGTH('${"a".repeat(68_000_000)}') AS n`))
          }
          yield* limit(db.executeMany("INSERT INTO large VALUES (?, ?, NULL)", [[7, null], [8, beyond]]))
          assert.strictEqual(yield* db`SELECT CONNECTION_ID()`.scalar, id)
          assert.strictEqual(yield* db<number>`SELECT COUNT(*) FROM large`.scalar, 6)
          assert.deepStrictEqual(printed.mock.calls, [], "the driver prints nothing")
        })).pipe(Effect.provide(Mysql.layer({ host, port, database: "test", compress, pool: { max: 1 } })))), 60_000)
  }
})

/** What one packet holds. */
const packet = 2 ** 24 - 1

describe.skipIf(kinds.length === 0).each(kinds.map((kind) => [kind.name, kind] as const))("packets that are full, on %s", (name, kind) => {
  // Before the value: the command, the statement's id, the form of its parameters and the value's length.
  const before = name === "mysql" ? 25 : 22
  it.scopedLive("Q1 commands and rows that end where a packet does come whole, and what follows them too", () =>
    Effect.gen(function*() {
      const { url } = yield* kind.launch(["--max-allowed-packet=64M"])
      for (const compress of [false, true]) {
        yield* Effect.flatMap(Database.Database, (db) => Effect.gen(function*() {
          const id = yield* db`SELECT CONNECTION_ID()`.scalar
          // MySQL takes an empty compressed packet for one of the next command, now and then: so more than once.
          for (const packets of [1, 2, 2]) {
            for (const beyond of [-1, 0, 1]) {
              const value = new Uint8Array(packets * packet - before + beyond).fill(97)
              assert.strictEqual(Number(yield* db`SELECT LENGTH(${value})`.scalar), value.length, `${packets} packets and ${beyond}`)
            }
          }
          for (const packets of [1, 2]) {
            for (const beyond of [-1, 0, 1]) {
              for (const prepared of [true, false]) {
                // The value's length, and the one byte of the other column with its own.
                const bytes = packets * packet - (prepared ? 2 : 0) - (packets === 1 ? 4 : 9) - 2 + beyond
                const statement = db.unsafe<{ a: string; b: string }>("SELECT REPEAT('a', ?) AS a, 'b' AS b", [bytes])
                const [row] = yield* prepared ? statement : statement.unprepared
                assert.deepStrictEqual([row?.a.length, row?.b], [bytes, "b"], `${packets} packets and ${beyond}`)
              }
            }
          }
          assert.strictEqual(yield* db`SELECT CONNECTION_ID()`.scalar, id)
        })).pipe(Effect.provide(Mysql.layer({ url, compress, pool: { max: 1 } })))
      }
    }), 120_000)
})
