/**
 * Cases of Q1 over copies: what one database has answered with is in the other as it was, or is refused.
 *
 * The texts are those of any dialect: whoever reads a copy's source is not asked what it is.
 */
import { assert } from "@effect/vitest"
import * as BulkCopy from "@sluice/batcher/BulkCopy"
import * as Column from "@sluice/core/Column"
import type * as Database from "@sluice/core/Database"
import * as Table from "@sluice/core/Table"
import * as Effect from "effect/Effect"
import type { Bench, Case } from "../Case.js"

const kept = Table.make("kept", {
  id: Column.integer().primaryKey(),
  exact: Column.timestamp().native({ mysql: "DATETIME(6)", postgres: "TIMESTAMPTZ(6)" }),
  short: Column.timestamp(),
  data: Column.json(),
  whole: Column.integer()
})

/** Copies a value from one database into a column of another, and says with what it was refused, if it was. */
const copying = (bench: Bench) =>
  Effect.gen(function*() {
    const [from, to] = [yield* bench.open(), yield* bench.open()]
    yield* Table.create(to, kept)
    const copy = (column: string, value: unknown): Effect.Effect<string | undefined> =>
      Effect.match(Effect.zipRight(kept.delete(to).all(), BulkCopy.run({ from, query: from`SELECT 1 AS id, ${value} AS ${from.literal(column)}`, to, table: "kept" })), {
        onFailure: (error) => error._tag === "BatchError" ? error.error.reason._tag : error.reason._tag,
        onSuccess: () => undefined
      })
    return { copy, to }
  })

/** What the column holds, as its own dialect writes it. */
const text = (db: Database.Database, column: string) =>
  Effect.map(db.unsafe<{ t: string | null }>(`SELECT CAST(${column} AS CHAR(60)) AS t FROM kept`).one, ({ t }) => t?.trim().replace("T", " ") ?? null)

export const copies: ReadonlyArray<Case> = [
  {
    law: "Q1",
    title: "a copy keeps every digit of an instant, whatever zone its text names, or refuses what its column would round",
    run: (bench) => Effect.gen(function*() {
      const { copy, to } = yield* copying(bench)
      for (const [given, expected] of [
        ["2026-11-21 10:20:30.123456+00", "2026-11-21 10:20:30.123456"], ["2026-11-21T15:50:30.123456+05:30", "2026-11-21 10:20:30.123456"],
        ["1969-12-31 23:59:59.999999", "1969-12-31 23:59:59.999999"], ["2026-11-21 10:20:30+02", "2026-11-21 08:20:30"], ["2026-11-21T10:20:30.5Z", "2026-11-21 10:20:30.5"]
      ] as const) {
        assert.isUndefined(yield* copy("exact", given), given)
        assert.include(yield* text(to, "exact"), expected)
        const refusal = yield* copy("short", given)
        // A column of milliseconds holds no microseconds; a text holds any.
        if (refusal === undefined) assert.include(yield* text(to, "short"), expected)
        else assert.deepStrictEqual([refusal, /\.\d{4}/.test(given)], ["DataError", true])
      }
    })
  },
  {
    law: "Q1",
    title: "a copy keeps the digits of numbers in JSON and JSON's own null, and a whole number as long as its column holds it",
    run: (bench) => Effect.gen(function*() {
      const { copy, to } = yield* copying(bench)
      for (const given of [`{"n": 9007199254740993}`, "null", `"null"`]) {
        assert.isUndefined(yield* copy("data", given), given)
        assert.strictEqual((yield* text(to, "data"))?.replaceAll(" ", ""), given.replaceAll(" ", ""))
      }
      // MariaDB's JSON is a text with a CHECK.
      assert.include(["DataError", "ConstraintError"], yield* copy("data", "{"))
      const refusal = yield* copy("whole", 9_007_199_254_740_993n)
      if (refusal === undefined) assert.strictEqual(yield* text(to, "whole"), "9007199254740993")
      else assert.strictEqual(refusal, "DataError")
    })
  }
]
