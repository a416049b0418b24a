/**
 * A few queries of Drizzle, through Effect's own package for it.
 *
 * JavaScript, with the types that the test needs beside it: Drizzle's declarations do not compile where libraries are
 * checked, too, as ours are. Called by `builders.test`.
 */
import * as PgDrizzle from "@effect/sql-drizzle/Pg"
import { count, eq } from "drizzle-orm"
import * as Drizzle from "drizzle-orm/pg-core"
import * as Effect from "effect/Effect"

const users = Drizzle.pgTable("users", {
  id: Drizzle.serial("id").primaryKey(),
  name: Drizzle.varchar("name", { length: 20 }).notNull().unique(),
  price: Drizzle.numeric("price", { precision: 10, scale: 2 }),
  at: Drizzle.timestamp("at", { mode: "string" })
})

const query = (make) => Effect.flatMap(PgDrizzle.PgDrizzle, (db) => make(db))

export const { layer } = PgDrizzle

export const insert = (rows) => query((db) => db.insert(users).values(rows).returning())

export const named = (name) => query((db) => db.select().from(users).where(eq(users.name, name)))

export const ats = query((db) => db.select({ at: users.at }).from(users).orderBy(users.id))

export const names = query((db) => db.select({ name: users.name }).from(users).orderBy(users.id))

export const total = query((db) => db.select({ n: count() }).from(users))

export const rename = (id, name) => query((db) => db.update(users).set({ name }).where(eq(users.id, id)))

export const removeAll = query((db) => db.delete(users))
