/**
 * A model of @effect/sql with fields of each kind, and its table.
 *
 * @internal
 */
import * as Model from "@effect/sql/Model"
import * as Column from "@sluice/core/Column"
import * as Table from "@sluice/core/Table"
import * as Schema from "effect/Schema"

export class Person extends Model.Class<Person>("Person")({
  id: Model.Generated(Schema.Number),
  fullName: Schema.String,
  tags: Model.JsonFromString(Schema.Array(Schema.String)),
  age: Schema.NullOr(Schema.Number.pipe(Schema.between(0, 150))),
  secret: Model.Sensitive(Schema.NullOr(Schema.String)),
  createdAt: Model.DateTimeInsertFromNumber,
  updatedAt: Model.DateTimeUpdateFromNumber
}) {}

export const people = Table.make("people", {
  id: Column.integer().primaryKey().autoIncrement(),
  fullName: Column.text(40).notNull().unique(),
  tags: Column.text().notNull(),
  age: Column.integer(),
  secret: Column.text(40),
  createdAt: Column.double().notNull(),
  updatedAt: Column.double().notNull()
})

export const at = { tableName: "people", spanPrefix: "people", idColumn: "id" } as const

/** A person who is to be inserted. */
export const person = (fullName: string, more: { readonly tags?: ReadonlyArray<string>; readonly age?: number | null; readonly secret?: string } = {}) =>
  Person.insert.make({ fullName, tags: more.tags ?? [], age: more.age ?? null, secret: more.secret ?? null })
