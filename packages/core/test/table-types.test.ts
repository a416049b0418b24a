/**
 * The types of tables: what their rows, inserts, keys and joins are. The compiler is what tests them: the functions in here are
 * never called, as there is no database.
 */
import * as BigDecimal from "effect/BigDecimal"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { describe, expectTypeOf, it } from "vitest"
import * as Column from "../src/Column.js"
import type { Database } from "../src/Database.js"
import type { Unbounded } from "../src/Query.js"
import type { SqlError } from "../src/SqlError.js"
import * as Table from "../src/Table.js"

const teams = Table.make("teams", { id: Column.integer().primaryKey().autoIncrement(), title: Column.text(40).notNull() })

const users = Table.make("app.users", {
  id: Column.bigint().primaryKey(),
  name: Column.text().notNull(),
  age: Column.integer(),
  active: Column.boolean().notNull().default(true),
  pay: Column.bigDecimal(12, 2),
  size: Column.text().schema(Schema.Literal("small", "large")),
  select: Column.json(Schema.Struct({ a: Schema.Number }))
})

interface User {
  readonly id: bigint
  readonly name: string
  readonly age: number | null
  readonly active: boolean
  readonly pay: BigDecimal.BigDecimal | null
  readonly size: "small" | "large" | null
  readonly select: { readonly a: number } | null
}

interface Team {
  readonly id: number
  readonly title: string
}

type Rows<T> = T extends Effect.Effect<ReadonlyArray<infer A>, SqlError> ? A : never

describe("V7 the types of a table", () => {
  it("rows: what may be NULL, and what a Schema makes of a column", () => {
    expectTypeOf<Table.Row<typeof users>>().toEqualTypeOf<User>()
    expectTypeOf((db: Database) => {
      const query = users.select(db).where(users.age.gt(1)).orderBy(users.id).limit(1)
      expectTypeOf<Rows<typeof query>>().toEqualTypeOf<User>()
      expectTypeOf(query.first).toEqualTypeOf<Effect.Effect<Option.Option<User>, SqlError>>()
      expectTypeOf(query.column("age")).toEqualTypeOf<Effect.Effect<ReadonlyArray<number | null>, SqlError>>()
      expectTypeOf(query.count).toEqualTypeOf<Effect.Effect<number, SqlError>>()
      const decoded = query.decode(Schema.Struct({ n: Schema.NumberFromString }))
      expectTypeOf<Rows<typeof decoded>>().toEqualTypeOf<{ readonly n: number }>()
    }).toBeFunction()
  })

  it("inserts: what may be left out, and what must be there", () => {
    expectTypeOf((db: Database) => {
      users.insert(db, { id: 1n, name: "a" })
      users.insert(db, { id: 1n, name: db`upper(${"a"})`, age: null, pay: BigDecimal.unsafeFromString("1"), select: { a: 1 } })
      teams.insert(db, { title: "a" })
      // @ts-expect-error a column that is never NULL and has no default
      users.insert(db, { id: 1n })
      // @ts-expect-error another type
      users.insert(db, { id: 1n, name: 1 })
      // @ts-expect-error NULL where there is none
      users.insert(db, { id: 1n, name: null })
      // @ts-expect-error no such column
      users.insert(db, { id: 1n, name: "a", nmae: "b" })
      // @ts-expect-error not what the Schema allows
      users.insert(db, { id: 1n, name: "a", size: "medium" })
    }).toBeFunction()
  })

  it("keys: of one column, of several, of none; for one row and for many", () => {
    const seats = Table.make("seats", { hall: Column.integer().primaryKey(), seat: Column.text(3).primaryKey(), note: Column.text() })
    const logs = Table.make("logs", { line: Column.text() })
    expectTypeOf<Table.Key<typeof seats>>().toEqualTypeOf<{ readonly hall: number; readonly seat: string }>()
    expectTypeOf<Table.Key<typeof logs>>().toEqualTypeOf<undefined>()
    expectTypeOf((db: Database) => {
      expectTypeOf<Effect.Effect.Success<ReturnType<typeof one>>>().toEqualTypeOf<bigint>()
      const one = () => users.insert(db, { id: 1n, name: "a" })
      const many = () => teams.insert([{ title: "a" }])(db)
      expectTypeOf<Effect.Effect.Success<ReturnType<typeof many>>>().toEqualTypeOf<ReadonlyArray<number>>()
    }).toBeFunction()
  })

  it("joins: a record for each table, null where a left one may have no row", () => {
    expectTypeOf((db: Database) => {
      const inner = users.select(db).innerJoin(teams, teams.id.eq(users.age))
      expectTypeOf<Rows<typeof inner>>().toEqualTypeOf<{ readonly users: User; readonly teams: Team }>()
      const left = inner.leftJoin(Table.as(teams, "old"), teams.id.eq(1))
      expectTypeOf<Rows<typeof left>>().toEqualTypeOf<{ readonly users: User; readonly teams: Team; readonly old: Team | null }>()
      const old = Table.as(teams, "old")
      const flat = left.columns({ name: users.name, age: users.age, title: teams.title, before: old.title }).limit(1)
      expectTypeOf<Rows<typeof flat>>().toEqualTypeOf<
        { readonly name: string; readonly age: number | null; readonly title: string; readonly before: string | null }
      >()
    }).toBeFunction()
  })

  it("conditions: of the column's type, never of null, and LIKE of texts only", () => {
    expectTypeOf(() => {
      users.name.eq("a")
      users.age.in([1, 2])
      users.size.eq("small")
      users.size.startsWith("s")
      users.columns.select.isNull()
      // @ts-expect-error another type
      users.name.eq(1)
      // @ts-expect-error null is equal to nothing
      users.age.eq(null)
      // @ts-expect-error no text
      users.age.startsWith("1")
      // @ts-expect-error not what the Schema allows
      users.size.eq("medium")
    }).toBeFunction()
  })

  it("update and delete are no Effect before they say of which rows", () => {
    expectTypeOf((db: Database) => {
      expectTypeOf(users.delete(db)).toEqualTypeOf<Unbounded<Table.Row<typeof users>>>()
      expectTypeOf<ReturnType<typeof users.delete>>().not.toExtend<Effect.Effect<unknown, unknown, unknown>>()
      expectTypeOf<Effect.Effect.Success<ReturnType<Unbounded<User>["all"]>>>().toEqualTypeOf<number>()
      users.update(db, { age: null, name: "a" }).where(users.id.eq(1n))
      // @ts-expect-error no such column
      users.update(db, { nmae: "b" })
    }).toBeFunction()
  })

  it("a table of a Schema has the Schema's types", () => {
    class Member extends Schema.Class<Member>("members")({ id: Schema.Int, joined: Schema.Date, nick: Schema.NullOr(Schema.String), note: Schema.optional(Schema.String) }) {}
    const members = Table.fromSchema(Member, { name: "members", columns: { id: (id) => id.primaryKey().autoIncrement() } })
    expectTypeOf<Table.Row<typeof members>>().toEqualTypeOf<
      { readonly id: number; readonly joined: Date; readonly nick: string | null; readonly note: string | null }
    >()
    expectTypeOf<Table.Key<typeof members>>().toEqualTypeOf<number>()
    expectTypeOf((db: Database) => {
      members.insert(db, { joined: new Date() })
      // @ts-expect-error it is never NULL
      members.insert(db, {})
    }).toBeFunction()
  })
})
