/**
 * A table moves house: out of MySQL or MariaDB, into PostgreSQL, and on into SQLite, each row exact and none of them ever all in memory.
 *
 * `node examples/dist/copy.js <mysql url> <postgres url>` after `npm run check`. It makes a table `parcels` in each and drops it again. It exits with 1 and says where anything
 * differs.
 */
import { BulkCopy, BulkSink } from "@sluice/batcher"
import { Column, Database, Table } from "@sluice/core"
import { Mysql } from "@sluice/mysql"
import { Postgres } from "@sluice/postgres"
import { Sqlite } from "@sluice/sqlite"
import { Cause, Console, Context, Effect, Exit, Layer, Redacted, Stream } from "effect"
import { deepStrictEqual } from "node:assert"

const parcels = Table.make("parcels", {
  id: Column.bigint().primaryKey(),
  weight: Column.decimal(20, 6),
  label: Column.text(200),
  fragile: Column.boolean(),
  sent: Column.timestamp(),
  due: Column.date(),
  tracking: Column.uuid(),
  seal: Column.bytes(),
  route: Column.json()
})

const parcel = (n: number): Table.Row<typeof parcels> => ({
  id: 9_007_199_254_740_993n + BigInt(n),
  weight: n % 10 === 0 ? null : `${n}.000001`,
  label: n % 7 === 0 ? null : `№ ${n}: "fragile", 日本\n`,
  fragile: n % 11 === 0 ? null : n % 2 === 0,
  sent: new Date(1_700_000_000_000 + n * 61_001),
  due: n % 3 === 0 ? null : "2026-11-21",
  tracking: "6b1a3c2e-1111-4222-8333-444455556666",
  seal: new Uint8Array([n % 256, 0, 255]),
  route: { stops: [n, "Kyōto", null], express: n % 2 === 0 }
})

/** A database of an app that has several: each has the layer of its dialect, and here nobody asks for it by its tag. */
const opened = <E>(layer: Layer.Layer<Database.DatabaseId, E>) =>
  Effect.map(Layer.build(Layer.fresh(layer)), (context) => Context.get(context, Database.Database))

const made = (db: Database.Database) =>
  Effect.acquireRelease(Table.create(db, parcels), () => Effect.ignoreLogged(Table.drop(db, parcels)))

const count = 5_000

const main = (mysqlUrl: string, postgresUrl: string) =>
  Effect.gen(function*() {
    const mysql = yield* opened(Mysql.layer({ url: Redacted.make(mysqlUrl) }))
    const postgres = yield* opened(Postgres.layer({ url: Redacted.make(postgresUrl) }))
    const sqlite = yield* opened(Sqlite.layer({ filename: ":memory:" }))
    for (const db of [mysql, postgres, sqlite]) yield* made(db)

    yield* BulkSink.load(Stream.map(Stream.range(0, count - 1), parcel), { table: parcels }).pipe(Effect.provideService(Database.Database, mysql))

    const copy = (from: Database.Database, to: Database.Database) =>
      Effect.flatMap(BulkCopy.run({ from, query: from`SELECT * FROM parcels`, to, table: "parcels", transaction: "all" }), ({ rows }) =>
        Console.log(`${from.dialect.name} to ${to.dialect.name}: ${rows} rows`))
    yield* copy(mysql, postgres)
    yield* copy(postgres, sqlite)
    yield* parcels.delete(mysql).all()
    yield* copy(sqlite, mysql)

    for (const db of [mysql, postgres, sqlite]) {
      const rows = yield* parcels.select(db).orderBy(parcels.id)
      deepStrictEqual(rows, Array.from({ length: count }, (_, n) => parcel(n)))
      yield* Console.log(`${db.dialect.name}: every row is what it was`)
    }
  })

const [mysqlUrl = "", postgresUrl = ""] = process.argv.slice(2)
const exit = await Effect.runPromiseExit(Effect.scoped(main(mysqlUrl, postgresUrl)))
if (Exit.isFailure(exit)) {
  console.error(Cause.pretty(exit.cause))
  process.exitCode = 1
}
