/**
 * The quickstart: three million real flights into SQLite and back, a question asked of them, and an error caught by its
 * reason. It exits with 1 and says where anything differs.
 *
 * `npm run quickstart`, or `npm run quickstart -- --rows 100000`.
 */
import { NodeFileSystem } from "@effect/platform-node"
import { BulkSink } from "@sluice/batcher"
import { Database, SqlError } from "@sluice/core"
import { Sqlite } from "@sluice/sqlite"
import { Cause, Console, Data, Effect, Exit, Layer, Option, Stream } from "effect"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Flights from "./quickstart/Flights.js"
import * as Progress from "./quickstart/Progress.js"

class Problem extends Data.TaggedError("Problem")<{ readonly message: string }> {}

const rowLimit = Effect.suspend(() => {
  const at = process.argv.indexOf("--rows")
  if (at < 0) return Effect.succeed(Number.POSITIVE_INFINITY)
  const text = process.argv[at + 1] ?? ""
  return /^[1-9]\d*$/.test(text)
    ? Effect.succeed(Number(text))
    : Effect.fail(new Problem({ message: `--rows takes a whole number of at least 1, was "${text}"` }))
})

const columns = ["departure", "delay", "distance", "origin", "destination"] as const

const load = (limit: number) =>
  Effect.gen(function*() {
    const db = yield* Database.Database
    const total = yield* Flights.count(limit)
    yield* db`CREATE TABLE flights (
      departure INTEGER NOT NULL, delay INTEGER NOT NULL, distance INTEGER NOT NULL,
      origin TEXT NOT NULL, destination TEXT NOT NULL
    )`
    const tally = new Flights.Tally()
    const progress = Progress.make("loading", total)
    yield* BulkSink.load(
      Stream.mapChunks(Flights.read(total), (chunk) => {
        for (const flight of chunk) tally.add(flight)
        return chunk
      }),
      { table: "flights", columns, onProgress: progress }
    )
    return tally
  })

const readBack = (expected: Flights.Tally) =>
  Effect.gen(function*() {
    const db = yield* Database.Database
    const tally = new Flights.Tally()
    const progress = Progress.make("reading", expected.rows)
    yield* db<Flights.Flight>`SELECT departure, delay, distance, origin, destination FROM flights`.stream.pipe(
      Stream.runForEachChunk((chunk) => {
        for (const flight of chunk) tally.add(flight)
        return progress(tally.rows)
      })
    )
    const differences = expected.differences(tally)
    if (differences.length > 0) return yield* new Problem({ message: `what came back differs: ${differences.join("; ")}` })
    yield* Console.log(`every row came back: ${tally.rows.toLocaleString("en")} rows, the same sums`)
  })

interface Route {
  readonly route: string
  readonly flights: number
  readonly delay: number
}

const worstRoutes = (rows: number) =>
  Effect.gen(function*() {
    const db = yield* Database.Database
    // A route with a handful of flights has no mean worth telling.
    const least = Math.max(1, Math.min(100, Math.floor(rows / 10_000)))
    const routes = yield* db<Route>`
      SELECT origin || ' - ' || destination AS route, COUNT(*) AS flights, AVG(delay) AS delay
      FROM flights GROUP BY origin, destination HAVING COUNT(*) >= ${least}
      ORDER BY AVG(delay) DESC LIMIT 10`
    yield* Console.log(`\nthe ten routes with the worst mean delay (of those with ${least} flights or more)\n`)
    yield* Console.log(`  ${"route".padEnd(12)}${"flights".padStart(9)}${"mean delay".padStart(14)}`)
    for (const { delay, flights, route } of routes) {
      yield* Console.log(`  ${route.padEnd(12)}${String(flights).padStart(9)}${`${delay.toFixed(1)} min`.padStart(14)}`)
    }
  })

const typedError = Effect.gen(function*() {
  const db = yield* Database.Database
  yield* db`CREATE TABLE airports (code TEXT PRIMARY KEY)`
  yield* db`INSERT INTO airports SELECT DISTINCT origin FROM flights`
  const count = db<number>`SELECT COUNT(*) FROM airports`.scalar
  const before = yield* count
  const taken = yield* db<string>`SELECT MIN(code) FROM airports`.scalar
  const caught = yield* Effect.gen(function*() {
    yield* db`INSERT INTO airports ${db.insert({ code: "new one" })}`.run
    yield* db`INSERT INTO airports ${db.insert({ code: taken })}`.run
    return "nothing"
  }).pipe(
    db.transaction({ isolation: "serializable" }),
    SqlError.catchReason("UniqueViolation", (error) => Effect.succeed(`${error.reason._tag} of ${error.reason.constraint}`))
  )
  const after = yield* count
  yield* Console.log(`\na transaction inserted two airports, the second one a duplicate: caught ${caught}`)
  if (caught === "nothing") return yield* new Problem({ message: "the duplicate key was not refused" })
  if (after !== before) return yield* new Problem({ message: `the transaction left something: ${before} airports before, ${after} after` })
  yield* Console.log(`nothing of that transaction is left: ${after} airports before and after`)
})

const main = Effect.gen(function*() {
  const limit = yield* rowLimit
  const folder = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "sluice-"))),
    (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
  )
  yield* Effect.gen(function*() {
    const tally = yield* load(limit)
    yield* readBack(tally)
    yield* worstRoutes(tally.rows)
    yield* typedError
  }).pipe(Effect.provide([Layer.fresh(Sqlite.layer({ filename: join(folder, "flights.db") })), NodeFileSystem.layer]))
})

const words = (cause: Cause.Cause<{ readonly message: string }>): string =>
  Cause.isInterruptedOnly(cause) ? "interrupted" : `failed: ${
    Option.match(Cause.failureOption(cause), { onSome: (error) => error.message, onNone: () => Cause.pretty(cause) })
  }`

const fiber = Effect.runFork(Effect.scoped(main))
process.once("SIGINT", () => fiber.unsafeInterruptAsFork(fiber.id()))
fiber.addObserver((exit) => {
  if (Exit.isFailure(exit)) console.error(words(exit.cause))
  process.exitCode = Exit.isSuccess(exit) ? 0 : 1
  // A thread inside a step of SQLite cannot be ended from outside, and the process would wait for it.
  setTimeout(() => {
    const exitCode = Number(process.exitCode)
    console.error("a SQLite thread is still inside a step that cannot be stopped: ending this process by SIGKILL")
    const kill = () => process.kill(process.pid, "SIGKILL")
    if (process.send === undefined) kill()
    else process.send({ exitCode }, undefined, undefined, kill)
  }, 5_000).unref()
})
