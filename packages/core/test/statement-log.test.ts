/**
 * The log of statements: which lines it writes, and that none shows a parameter.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HashMap from "effect/HashMap"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type * as Database from "../src/Database.js"
import * as Telemetry from "../src/Telemetry.js"
import { FakeServer, reasonOf } from "./fake.js"

interface Line {
  readonly level: string
  readonly text: string
  readonly annotations: Readonly<Record<string, unknown>>
}

/** Runs an effect over a database whose statements are logged, and answers with the lines. */
const logged = <A, E>(options: Telemetry.LogOptions | undefined, use: (db: Database.Database, server: FakeServer) => Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const lines: Array<Line> = []
    const logger = Logger.make(({ annotations, logLevel, message }) => {
      lines.push({ level: logLevel.label, text: String(message), annotations: Object.fromEntries(HashMap.toEntries(annotations)) })
    })
    const server = new FakeServer()
    const opened = options === undefined ? server.database() : Effect.provide(server.database(), Telemetry.logStatements(options))
    yield* Effect.flatMap(opened, (db) => use(db, server)).pipe(
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Logger.withMinimumLogLevel(LogLevel.Debug)
    )
    return lines
  })

describe("V9 the log of statements", () => {
  it.scoped("is off unless it is asked for", () => Effect.gen(function*() {
    assert.deepStrictEqual(yield* logged(undefined, (db) => db`SELECT ${1}`), [])
  }))

  it.scoped("tells the text, the verb, the time and the rows, and no parameter", () => Effect.gen(function*() {
    const lines = yield* logged({ level: LogLevel.Info }, (db) => db`SELECT ${"s3cret"}`.with({ label: "users.all" }))
    assert.strictEqual(lines.length, 1)
    const [{ annotations, level, text }] = lines as [Line]
    assert.deepStrictEqual([level, text], ["INFO", "SELECT $1"])
    const { duration, ...rest } = annotations
    assert.deepStrictEqual(rest, { database: "fake", operation: "SELECT", rows: 1, label: "users.all" })
    assert.isNumber(duration)
    assert.notInclude(JSON.stringify(lines), "s3cret")
  }))

  it.scoped("with slowerThan only what is slow, and whatever failed or was interrupted", () => Effect.gen(function*() {
    const lines = yield* logged({ slowerThan: "1 hour" }, (db) => Effect.gen(function*() {
      yield* db`SELECT`
      yield* reasonOf(db`fail unique`)
      const fiber = yield* Effect.fork(db`sleep 100`)
      yield* TestClock.adjust(1)
      yield* Fiber.interrupt(fiber)
    }))
    assert.deepStrictEqual(lines.map(({ annotations, level, text }) => [level, text, annotations["reason"]]), [
      ["DEBUG", "fail unique", "UniqueViolation"],
      ["DEBUG", "sleep 100", "interrupted"]
    ])
  }))

  it.scoped("logs a stream when it has ended, with all of its rows", () => Effect.gen(function*() {
    const lines = yield* logged({}, (db) => Effect.gen(function*() {
      const fiber = yield* Effect.fork(Stream.runDrain(db`rows 3`.stream))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
    }))
    assert.deepStrictEqual(lines.map(({ annotations, text }) => [text, annotations["rows"]]), [["rows 3", 3]])
  }))

  it.scoped("counts what several statements changed, and logs those of a transaction, but not its BEGIN", () => Effect.gen(function*() {
    const lines = yield* logged({}, (db) => Effect.gen(function*() {
      yield* db.transaction(db`INSERT`)
      yield* db.executeMany("INSERT $1", [[1], [2]])
    }))
    assert.deepStrictEqual(lines.map(({ annotations, text }) => [text, annotations["rows"]]), [["INSERT", 1], ["INSERT $1", 2]])
  }))

  it.scoped("what cannot work is a ConfigError that names its field", () => Effect.gen(function*() {
    const reason = yield* reasonOf(Effect.provide(new FakeServer().database(), Telemetry.logStatements({ slowerThan: "soon" as never })))
    assert.strictEqual(reason._tag, "ConfigError")
    assert.include(reason.message, "logStatements.slowerThan")
  }))
})
