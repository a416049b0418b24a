/**
 * The driver's own handle: what is done with it goes by the driver, on the connection that ours goes by as well.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Connection, RowDataPacket } from "mysql2"
import { onServers } from "./each.js"

const asked = (native: Connection, sql: string): Effect.Effect<ReadonlyArray<RowDataPacket>, Error> =>
  Effect.async((resume) => {
    native.query<Array<RowDataPacket>>(sql, (error, rows) => resume(error === null ? Effect.succeed(rows) : Effect.fail(error)))
  })

onServers("the driver's own handle", (on) => {
  for (const compress of [false, true]) {
    it.live(`serves between statements of ours${compress ? ", compressed" : ""}`, () =>
      on({ compress, pool: { max: 1 } }, (db) => Effect.scoped(Effect.gen(function*() {
        const session = yield* db.session
        const native = (yield* db.native(session)) as Connection
        for (let round = 1; round <= 3; round++) {
          assert.deepStrictEqual(yield* asked(native, `SELECT ${round} AS n, REPEAT('x', 100000) AS pad`), [{ n: round, pad: "x".repeat(100_000) } as RowDataPacket])
          assert.strictEqual(yield* session<number>`SELECT ${round} + 1`.scalar, round + 1)
        }
        // A row of several packets, and a failure.
        const [row] = yield* asked(native, "SELECT REPEAT('y', 12000000) AS a, REPEAT('z', 12000000) AS b")
        assert.deepStrictEqual(Object.values(row ?? {}).map((text: string) => [text.length, text[0], text.at(-1)]), [[12_000_000, "y", "y"], [12_000_000, "z", "z"]])
        assert.strictEqual((yield* Effect.flip(asked(native, "SELEC"))).name, "Error")
        assert.strictEqual(yield* session<number>`SELECT 5`.scalar, 5)
      }))), 60_000)
  }
})
