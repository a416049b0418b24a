/**
 * Query builders on `Mysql.layerStock`: Kysely and Drizzle, through Effect's own packages for them.
 */
import * as MysqlDrizzle from "@effect/sql-drizzle/Mysql"
import * as Kysely from "@effect/sql-kysely/Mysql"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as SqlError from "@sluice/core/SqlError"
import type * as StockError from "@effect/sql/SqlError"
import { count, eq } from "drizzle-orm"
import * as Drizzle from "drizzle-orm/mysql-core"
import type { MySqlRemoteDatabase } from "drizzle-orm/mysql-proxy"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Generated } from "kysely"
import { onServers } from "./stock.js"

interface Tables {
  readonly users: { readonly id: Generated<number>; readonly name: string }
}

onServers("Kysely", (stock) => {
  it.live("makes tables, writes, reads, and shares our transactions", () =>
    Effect.gen(function*() {
      const db = yield* Kysely.make<Tables>()
      yield* db.schema.createTable("users").addColumn("id", "integer", (column) => column.primaryKey().autoIncrement()).addColumn("name", "varchar(20)", (column) => column.unique())
      yield* db.insertInto("users").values([{ name: "Ada" }, { name: "Grace" }])
      assert.deepStrictEqual(yield* db.selectFrom("users").selectAll().where("name", "=", "Grace"), [{ id: 2, name: "Grace" }])
      yield* db.updateTable("users").set({ name: "Ada King" }).where("id", "=", 1)
      yield* Effect.ignore(db.withTransaction(Effect.zipRight(db.deleteFrom("users"), Effect.fail("no"))))
      assert.deepStrictEqual(yield* db.selectFrom("users").select("name").orderBy("id"), [{ name: "Ada King" }, { name: "Grace" }])
      const twice = yield* Effect.flip(db.insertInto("users").values({ name: "Grace" }))
      assert.isTrue(SqlError.isSqlError(twice) && twice.reason._tag === "UniqueViolation")
    }).pipe(Effect.provide(stock())))
})

const users = Drizzle.mysqlTable("users", {
  id: Drizzle.int("id").primaryKey().autoincrement(),
  name: Drizzle.varchar("name", { length: 20 }).notNull().unique(),
  price: Drizzle.decimal("price", { precision: 10, scale: 2 }),
  at: Drizzle.datetime("at", { mode: "string", fsp: 3 })
})

// Effect's package and a test see the two halves of Drizzle's types, its CommonJS and its ESM ones, which do not know each
// other; at run time they are one.
const drizzle = Effect.map(MysqlDrizzle.MysqlDrizzle, (db) => db as unknown as MySqlRemoteDatabase)
const run = <A>(query: PromiseLike<A>) => query as unknown as Effect.Effect<A, StockError.SqlError>

onServers("Drizzle", (stock) => {
  const layer = MysqlDrizzle.layer.pipe(Layer.provideMerge(stock({ dates: "string" })))

  it.live("writes, reads, joins, and shares our transactions", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE TABLE users (id INTEGER PRIMARY KEY AUTO_INCREMENT, name VARCHAR(20) NOT NULL UNIQUE, price DECIMAL(10, 2), at DATETIME(3))`
      const db = yield* drizzle
      const [header] = yield* run(db.insert(users).values([{ name: "Ada", price: "1.5" }, { name: "Grace", at: "2024-02-29 12:34:56.789" }]))
      assert.deepStrictEqual([header.affectedRows, header.insertId], [2, 1])
      assert.deepStrictEqual(yield* run(db.select().from(users).where(eq(users.name, "Ada"))), [{ id: 1, name: "Ada", price: "1.50", at: null }])
      assert.deepStrictEqual(yield* run(db.select({ at: users.at }).from(users).where(eq(users.id, 2))), [{ at: "2024-02-29 12:34:56.789" }])
      yield* run(db.update(users).set({ name: "Ada King" }).where(eq(users.id, 1)))
      yield* Effect.ignore(sql.withTransaction(Effect.gen(function*() {
        yield* run(db.delete(users))
        assert.deepStrictEqual(yield* run(db.select({ n: count() }).from(users)), [{ n: 0 }])
        return yield* Effect.fail("no")
      })))
      assert.deepStrictEqual(yield* run(db.select({ name: users.name }).from(users).orderBy(users.id)), [{ name: "Ada King" }, { name: "Grace" }])
    }).pipe(Effect.provide(layer)))

  it.live("a failure is a stock SqlError whose causes tell the server's code", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE TABLE users (id INTEGER PRIMARY KEY AUTO_INCREMENT, name VARCHAR(20) NOT NULL UNIQUE, price DECIMAL(10, 2), at DATETIME(3))`
      const db = yield* drizzle
      yield* run(db.insert(users).values({ name: "Ada" }))
      const error = yield* Effect.flip(run(db.insert(users).values({ name: "Ada" })))
      assert.strictEqual(error._tag, "SqlError")
      const cause: object = (error.cause as Error).cause ?? {}
      assert.deepInclude(cause, { code: "ER_DUP_ENTRY", errno: 1062, sqlState: "23000" })
      assert.strictEqual(yield* Effect.flatMap(Database.Database, (own) => own<number>`SELECT COUNT(*) FROM users`.scalar), 1)
    }).pipe(Effect.provide(layer)))
})
