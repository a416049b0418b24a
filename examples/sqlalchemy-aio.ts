/**
 * What the page of sqlalchemy_aio shows, in Effect: a table described once, made, filled, asked and dropped. Then what its
 * reference lists besides: keys and counts of writes, cursors, transactions inside of transactions, what tables there are.
 *
 * `node examples/dist/sqlalchemy-aio.js [file]` after `npm run check`. It exits with 1 and says where anything differs.
 */
import { Column, Database, SqlError, Table } from "@sluice/core"
import { Sqlite } from "@sluice/sqlite"
import { Cause, Console, Effect, Exit, Option, Stream } from "effect"
import { strictEqual } from "node:assert"

export const users = Table.make("users", {
  id: Column.integer().primaryKey().autoIncrement(),
  name: Column.text()
})

/** users.select(users.c.name.startswith(prefix)) */
export const named = (db: Database.Database, prefix: string) => users.select(db).where(users.name.startsWith(prefix))

const seed = Effect.gen(function*() {
  const db = yield* Database.Database

  // Create the table: await engine.execute(CreateTable(users))
  yield* Table.create(db, users)

  // One connection, closed with its scope: conn = await engine.connect()
  const found = yield* Effect.scoped(Effect.gen(function*() {
    const session = yield* db.session
    return yield* session.provide(Effect.gen(function*() {
      for (const name of ["Jeremy Goodwin", "Natalie Hurley", "Dan Rydell", "Casey McCall", "Dana Whitaker"]) {
        yield* users.insert(db, { name })
      }
      return yield* named(db, "D")
    }))
  }))

  // `user.name` is a string or null, and a misspelt column does not compile.
  for (const user of found) yield* Console.log(`Username: ${user.name}`)

  // async with conn.begin(): it commits, or rolls back where the body fails.
  yield* db.transaction(Effect.gen(function*() {
    strictEqual(yield* db<number>`SELECT 1`.scalar, 1)
  }))
})

const reference = Effect.gen(function*() {
  const db = yield* Database.Database
  yield* Console.log(`tables: ${(yield* Table.names(db)).join(", ")}; is there a table of teams? ${yield* Table.exists(db, "teams")}`)

  // result.inserted_primary_key, result.rowcount
  const id = yield* users.insert(db, { name: "Isaac Jaffe" })
  const renamed = yield* users.update(db, { name: "Isaac" }).where(users.id.eq(id))
  yield* Console.log(`user ${id} was added, ${renamed} renamed, ${yield* users.select(db).count} are there`)

  // fetchone, fetchmany, fetchall: one position for all of them.
  yield* Effect.scoped(Effect.gen(function*() {
    const cursor = yield* users.select(db).orderBy(users.id).cursor
    const first = Option.getOrThrow(yield* cursor.fetchOne)
    const two = yield* cursor.fetchMany(2)
    const rest = yield* cursor.fetchAll
    yield* Console.log(`${first.name}, then ${two.length}, then ${rest.length}`)
  }))

  // async for row in result
  const letters = yield* users.select(db).stream.pipe(Stream.runFold(0, (sum, user) => sum + (user.name ?? "").length))
  yield* Console.log(`${letters} letters`)

  // conn.begin_nested(): the inner one alone is undone.
  yield* db.transaction(Effect.gen(function*() {
    yield* users.delete(db).where(users.id.eq(id))
    yield* db.transaction(Effect.zipRight(users.delete(db).all(), Effect.fail("undo"))).pipe(Effect.ignore)
  }))
  yield* Console.log(`${yield* users.select(db).count} users are left`)

  // metadata.reflect(): what is there already needs no description.
  const read = yield* Table.reflect(db, "users")
  yield* Console.log(`read back: ${Table.describe(read).columns.map(({ name, type }) => `${name} ${type.kind}`).join(", ")}`)

  const again = yield* Table.create(db, users).pipe(
    Effect.as("made twice"),
    SqlError.catchReason("SqlSyntaxError", (error) => Effect.succeed(error.reason.message))
  )
  yield* Console.log(again)
})

const main = Effect.gen(function*() {
  const db = yield* Database.Database
  yield* seed
  yield* reference
  // await engine.execute(DropTable(users))
  yield* Table.drop(db, users)
  strictEqual(yield* Table.exists(db, users), false)
}).pipe(Effect.provide(Sqlite.layer({ url: `sqlite:///${process.argv[2] ?? "test.db"}` })))

Effect.runFork(main).addObserver((exit) => {
  if (Exit.isFailure(exit)) {
    console.error(Cause.pretty(exit.cause))
    process.exitCode = 1
  }
})
