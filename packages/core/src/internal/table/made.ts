/**
 * A table as its users hold it: a description, with the verbs that take a database.
 *
 * @internal
 */
import type { Database } from "../../Database.js"
import { SourceId } from "../../Query.js"
import { insert } from "./insert.js"
import { type Model, referencesOf } from "./model.js"
import { select } from "./select.js"
import { clientOf } from "./sending.js"
import { remove, update } from "./write.js"

export const modelOf = (self: { readonly [SourceId]: { readonly model: unknown } }): Model => self[SourceId].model as Model

// A database is callable, and rows are not.
const isDatabase = (u: unknown): u is Database => typeof u === "function"

/** The table of a description. Its types are those from which the description was made. */
export const tableOf = (model: Model): never => {
  const columns = referencesOf(model, "qualified")
  const verbs = {
    [SourceId]: { model },
    columns,
    select: (db: Database) => select(clientOf(db), model),
    insert: (first: Database | object, rows?: object) =>
      isDatabase(first) ? insert(clientOf(first), model, rows as never) : (db: Database) => insert(clientOf(db), model, first as never),
    update: (first: Database | object, set?: object) =>
      isDatabase(first) ? update(clientOf(first), model, set as never) : (db: Database) => update(clientOf(db), model, first as never),
    delete: (db: Database) => remove(clientOf(db), model)
  }
  return { ...columns, ...verbs } as never
}
