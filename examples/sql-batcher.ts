/**
 * SQL Batcher's own examples, translated: its async page from top to bottom, on SQLite.
 *
 * `node examples/dist/sql-batcher.js <file>` after `npm run check`; the file is made. What is an adapter there is a layer here, an
 * `async with` is a scope, a callback an Effect.
 */
import { Batcher, QueryCollector } from "@sluice/batcher"
import { Database } from "@sluice/core"
import { Sqlite } from "@sluice/sqlite"
import { Console, Effect, Stream } from "effect"

// adapter = AsyncTrinoAdapter(host=…, …): any dialect's layer, with its own options.
const database = Sqlite.layer({ filename: process.argv[2] ?? "sql-batcher.db" })

const statements = [
  "INSERT INTO table1 VALUES (1, 'a')",
  "INSERT INTO table1 VALUES (2, 'b')",
  "INSERT INTO table1 VALUES (3, 'one; two')"
]

// "Basic Usage": batcher.process_statements(statements, adapter.execute)
const basicUsage = Effect.gen(function*() {
  const batcher = yield* Batcher.make({ maxBytes: 500_000, batchMode: true, autoAdjustForColumns: true })
  const report = yield* batcher.process(statements)
  yield* Console.log(`${report.statements} statements in ${report.batches} batch`)
}).pipe(Effect.scoped)

// "Async Context Manager": what was added is flushed at the end, unless the block fails.
const contextManager = Effect.gen(function*() {
  const batcher = yield* Batcher.make()
  yield* batcher.add("INSERT INTO users (name) VALUES ('John')")
  yield* batcher.add("INSERT INTO users (name) VALUES ('Jane')")
}).pipe(Effect.scoped)

// "Generic Async Adapter": execute_func=my_async_execute_function
const genericAdapter = Effect.gen(function*() {
  const batcher = yield* Batcher.make({ mergeInserts: true, execute: (text) => Console.log(`my_async_execute_function: ${text}`) })
  yield* batcher.process(["INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)"])
}).pipe(Effect.scoped)

// "Async Methods": add_statement, flush, process_statements, process_batch, process_stream, with a query collector and metadata
const methods = Effect.gen(function*() {
  const collector = yield* QueryCollector.make
  const batcher = yield* Batcher.make({ maxStatements: 2, dryRun: true })
  for (const statement of statements) yield* Console.log(`add_statement: ${yield* batcher.add(statement)}`)
  yield* Console.log(`flush: ${yield* batcher.flush({ collector, metadata: { source: "example" } })}`)
  for (const record of yield* collector.all) yield* Console.log(`collected, ${record.outcome}: ${record.text} ${JSON.stringify(record.metadata)}`)
  const live = yield* Batcher.make()
  const results = yield* live.processBatch(["UPDATE table1 SET name = 'c'", "SELECT count(*) AS rows FROM table1"])
  yield* Console.log(`process_batch: ${results[0]?.rowsAffected} updated, then ${JSON.stringify(results[1]?.rows)}`)
  const [selected] = yield* live.processStream(Stream.make("SELECT name FROM users ORDER BY id"))
  yield* Console.log(`process_stream: ${JSON.stringify(selected?.rows)}`)
}).pipe(Effect.scoped)

// "Async Transaction Management", "Async Savepoints": a batcher in a transaction is a part of it.
const transactions = Effect.gen(function*() {
  const db = yield* Database.Database
  const fill = Effect.flatMap(Batcher.make({ onLeft: ({ statements }) => Console.log(`${statements.length} statement was not sent`) }), (batcher) =>
    batcher.add("INSERT INTO users (name) VALUES ('nobody')"))
  yield* Effect.ignore(db.transaction(Effect.scoped(Effect.zipRight(fill, Effect.fail("rolled back")))))
  yield* db.transaction(Effect.gen(function*() {
    yield* Effect.scoped(Effect.flatMap(Batcher.make(), (batcher) => batcher.add("INSERT INTO users (name) VALUES ('Ada')")))
    yield* Effect.ignore(db.transaction(Effect.fail("only the savepoint")))
  }))
  yield* Console.log(`users: ${(yield* db<{ name: string }>`SELECT name FROM users ORDER BY id`.column("name")).join(", ")}`)
})

const program = Effect.gen(function*() {
  const db = yield* Database.Database
  yield* db.script("CREATE TABLE table1 (id INTEGER, name TEXT); CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
  yield* basicUsage
  yield* contextManager
  yield* genericAdapter
  yield* methods
  yield* transactions
})

Effect.runPromise(Effect.provide(program, database)).catch((error: unknown) => {
  console.error(error)
  process.exitCode = 1
})
