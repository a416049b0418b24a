/**
 * Cases of Q1 for tables: what a column of each kind holds, compares and refuses.
 */
import { assert } from "@effect/vitest"
import * as Column from "@sluice/core/Column"
import type * as Condition from "@sluice/core/Condition"
import * as Table from "@sluice/core/Table"
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Case } from "../Case.js"
import { misuse } from "../internal/asking.js"

const Tags = Schema.Array(Schema.String)

const everything = Table.make("everything", {
  id: Column.integer().primaryKey(),
  whole: Column.integer(),
  big: Column.bigint(),
  float: Column.double(),
  exact: Column.decimal(38, 10),
  precise: Column.bigDecimal(30, 5),
  text: Column.text(),
  short: Column.text(10),
  truth: Column.boolean(),
  moment: Column.timestamp(),
  day: Column.date(),
  uuid: Column.uuid(),
  bytes: Column.bytes(),
  json: Column.json(),
  tags: Column.json(Tags),
  size: Column.text(5).schema(Schema.Literal("small", "large"))
})

const full: Table.Row<typeof everything> = {
  id: 1,
  whole: -2_147_483_648,
  big: 9_223_372_036_854_775_807n,
  float: 0.1,
  exact: "-1234567890123456789012345678.0123456789",
  precise: BigDecimal.unsafeFromString("12345678901234567890.12345"),
  text: "it's \"a\" \\ `test`; -- %_ 日本語 😀\r\n",
  short: "😀😀😀😀😀😀😀😀😀😀",
  truth: true,
  moment: new Date("2024-02-29T12:34:56.789Z"),
  day: "2024-02-29",
  uuid: "0188d8e8-7b6e-7000-8000-00805f9b34fb",
  bytes: Uint8Array.from({ length: 256 }, (_, i) => i),
  json: { b: [1, null, "x"], a: { c: false } },
  tags: ["a", "b"],
  size: "large"
}

const comparable = (row: Table.Row<typeof everything>) => ({ ...row, precise: row.precise === null ? null : BigDecimal.format(row.precise) })

export const columns: ReadonlyArray<Case> = [
  {
    law: "Q1",
    title: "every kind of a table's column comes back as it went in, and NULL of each",
    run: (bench) => Effect.gen(function*() {
      for (const integers of ["number", "bigint"] as const) {
        const db = yield* bench.open({ integers })
        yield* Table.create(db, everything)
        yield* everything.insert(db, full)
        yield* everything.insert(db, { id: 2 })
        const [first, second] = yield* everything.select(db).orderBy(everything.id)
        assert.deepStrictEqual(first && comparable(first), comparable(full))
        assert.deepStrictEqual(second, { ...full, ...Object.fromEntries(Object.keys(full).map((key) => [key, null])), id: 2 })
        yield* everything.update(db, { truth: false, moment: new Date(0), big: -1n, exact: "0" }).where(everything.id.eq(1))
        const { big, exact, moment, truth } = everything
        assert.deepStrictEqual(yield* everything.select(db).where(everything.id.eq(1)).columns({ truth, moment, big, exact }), [
          { truth: false, moment: new Date(0), big: -1n, exact: "0.0000000000" }
        ])
      }
    })
  },
  {
    law: "Q1",
    title: "a table's values are compared as they are stored: booleans, instants, decimals, bigints, texts of a Schema",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* Table.create(db, everything)
      yield* everything.insert(db, full)
      yield* everything.insert(db, { ...full, id: 2, exact: "-1234567890123456789012345678.0123456788", big: 9_223_372_036_854_775_806n, truth: false, size: "small", moment: new Date("2024-02-29T12:34:56.790Z") })
      const conditions: ReadonlyArray<Condition.Condition> = [
        everything.exact.eq("-1234567890123456789012345678.0123456789"),
        everything.big.eq(9_223_372_036_854_775_807n),
        everything.big.gt(9_223_372_036_854_775_806n),
        everything.truth.eq(true),
        everything.truth.ne(false),
        everything.size.eq("large"),
        everything.moment.eq(new Date("2024-02-29T12:34:56.789Z")),
        everything.moment.lt(new Date("2024-02-29T12:34:56.790Z")),
        everything.uuid.in(["0188d8e8-7b6e-7000-8000-00805f9b34fb"]).and(everything.id.lt(2))
      ]
      for (const condition of conditions) assert.deepStrictEqual(yield* everything.select(db).where(condition).column("id"), [1])
    })
  },
  {
    law: "Q1",
    title: "a value that is not what its column holds is refused with DataError that names the column, and nothing is sent",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* Table.create(db, everything)
      const wrong: ReadonlyArray<readonly [keyof typeof full, unknown]> = [
        ["whole", 1.5], ["whole", "1"], ["big", 1], ["exact", "1.00000000001"], ["exact", `1${"0".repeat(28)}`], ["exact", "many"], ["short", "12345678901"],
        ["truth", 1], ["moment", "2024-02-29"], ["moment", new Date(Number.NaN)], ["moment", new Date("+010000-01-01T00:00:00Z")], ["day", "2024-02-30"], ["uuid", "1"], ["bytes", "x"], ["json", () => 1],
        ["size", "medium"], ["tags", [1]]
      ]
      const { acquired } = yield* db.pool.stats
      for (const [column, value] of wrong) {
        const reason = yield* misuse(everything.insert(db, { id: 1, [column]: value }), "DataError")
        assert.strictEqual(reason.column, column)
        assert.notInclude(reason.message, String(value))
      }
      assert.strictEqual((yield* db.pool.stats).acquired, acquired, "no connection was asked for")
    })
  }
]
