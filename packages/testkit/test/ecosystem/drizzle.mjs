/**
 * A few queries of Drizzle in each of its dialects, through Effect's own package for it.
 *
 * JavaScript, with the types that the test needs beside it: Drizzle's declarations do not compile where libraries are
 * checked, too, as ours are. Called by `drizzle`.
 */
import * as MysqlDrizzle from "@effect/sql-drizzle/Mysql"
import * as PgDrizzle from "@effect/sql-drizzle/Pg"
import * as SqliteDrizzle from "@effect/sql-drizzle/Sqlite"
import { count, eq } from "drizzle-orm"
import * as Mysql from "drizzle-orm/mysql-core"
import * as Pg from "drizzle-orm/pg-core"
import * as Sqlite from "drizzle-orm/sqlite-core"
import * as Effect from "effect/Effect"

const inMysql = Mysql.mysqlTable("users", {
  id: Mysql.int("id").primaryKey().autoincrement(),
  name: Mysql.varchar("name", { length: 20 }).notNull().unique(),
  price: Mysql.decimal("price", { precision: 10, scale: 2 }),
  at: Mysql.datetime("at", { mode: "string", fsp: 3 })
})

const inPg = Pg.pgTable("users", {
  id: Pg.serial("id").primaryKey(),
  name: Pg.varchar("name", { length: 20 }).notNull().unique(),
  price: Pg.numeric("price", { precision: 10, scale: 2 }),
  at: Pg.timestamp("at", { mode: "string" })
})

const inSqlite = Sqlite.sqliteTable("users", {
  id: Sqlite.integer("id").primaryKey({ autoIncrement: true }),
  name: Sqlite.text("name").notNull().unique(),
  price: Sqlite.text("price"),
  at: Sqlite.text("at")
})

const returned = (query) => Effect.map(query.returning(), (rows) => ({ first: rows[0].id, count: rows.length }))

// MySQL has no RETURNING: what it tells is the header of the driver.
const told = (query) => Effect.map(query, ([{ affectedRows, insertId }]) => ({ first: insertId, count: affectedRows }))

const verbs = (tag, layer, users, answer) => {
  const query = (make) => Effect.flatMap(tag, make)
  return {
    layer,
    insert: (rows) => query((db) => answer(db.insert(users).values(rows))),
    named: (name) => query((db) => db.select().from(users).where(eq(users.name, name))),
    ats: query((db) => db.select({ at: users.at }).from(users).orderBy(users.id)),
    names: query((db) => db.select({ name: users.name }).from(users).orderBy(users.id)),
    total: query((db) => db.select({ n: count() }).from(users)),
    rename: (id, name) => query((db) => db.update(users).set({ name }).where(eq(users.id, id))),
    removeAll: query((db) => db.delete(users))
  }
}

export const builders = {
  mysql: verbs(MysqlDrizzle.MysqlDrizzle, MysqlDrizzle.layer, inMysql, told),
  pg: verbs(PgDrizzle.PgDrizzle, PgDrizzle.layer, inPg, returned),
  sqlite: verbs(SqliteDrizzle.SqliteDrizzle, SqliteDrizzle.layer, inSqlite, returned)
}
