/**
 * Cases of the law V9: who looks at statements and errors from beside them. Error hooks, the log of statements, previews.
 */
import { assert } from "@effect/vitest"
import * as ErrorHook from "@sluice/core/ErrorHook"
import * as Telemetry from "@sluice/core/Telemetry"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HashMap from "effect/HashMap"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Stream from "effect/Stream"
import type { Bench, Case } from "../Case.js"
import { add, failure, ids } from "../internal/asking.js"

const secret = "s3cr3t-0f-a-user"

/** A database, and what its hook has seen. */
const hooked = (bench: Bench) =>
  Effect.suspend(() => {
    const events: Array<ErrorHook.Event> = []
    const hook = ErrorHook.layer((event) => Effect.sync(() => events.push(event)))
    return Effect.map(Effect.provide(bench.open({ pool: { max: 2 } }), hook), (db) => ({ db, events }))
  })

export const looking: ReadonlyArray<Case> = [
  {
    law: "V9",
    title: "an error hook sees a failed statement once, with its text, masked, and its connection",
    run: (bench) => Effect.gen(function*() {
      const { db, events } = yield* hooked(bench)
      yield* add(db, 1, secret)
      const error = yield* failure(db`INSERT INTO things (id, name) VALUES (${2}, ${secret})`.with({ label: "things.add" }))
      assert.strictEqual(error.reason._tag, "UniqueViolation")
      assert.deepStrictEqual(events.map((event) => event.error), [error])
      const { connection, dialect, label, phase, pool, statement } = events[0]!
      assert.strictEqual(statement, `INSERT INTO things (id, name) VALUES (<int>, <text ${secret.length}>)`)
      assert.deepStrictEqual([phase, dialect, label, pool.lent], ["execute", db.dialect.name, "things.add", 1])
      assert.isDefined(connection?.id)
      assert.strictEqual(connection?.endpoint, yield* db.withConnection(({ endpoint }) => Effect.succeed(endpoint)))
      yield* failure(db.unsafe(bench.profile.sql.syntaxError))
      assert.strictEqual(events.length, 2)
      yield* failure(db`SELECT id FROM things WHERE 1 = 0`.one)
      yield* failure(db`INSERT INTO things ${db.insert([])}`)
      assert.deepStrictEqual(events.slice(2).map((event) => event.error.reason._tag), ["ResultError", "ConfigError"])
      assert.notInclude(JSON.stringify(events.map(({ statement }) => statement)), secret)
    })
  },
  {
    law: "V9",
    title: "an error hook sees what fails in a transaction, a savepoint and a stream, and the COMMIT that fails, each once",
    run: (bench) => Effect.gen(function*() {
      const { db, events } = yield* hooked(bench)
      yield* add(db, 1)
      for (const text of bench.profile.sql.deferred) yield* db.unsafe(text)
      yield* failure(db.transaction(add(db, 1)))
      yield* failure(db.transaction(db.transaction(add(db, 1))))
      assert.deepStrictEqual(events.map(({ error }) => error.reason._tag), ["UniqueViolation", "UniqueViolation"])
      assert.isTrue(events.every(({ connection }) => connection !== undefined))
      yield* failure(db.transaction(db`INSERT INTO children (id, parent) VALUES (1, 99)`.run))
      assert.deepStrictEqual(events.slice(2).map(({ error }) => error.reason._tag), ["ConstraintError"])
      if (bench.profile.has.has("deferredConstraints")) assert.strictEqual(events[2]!.phase, "commit")
      yield* failure(Stream.runDrain(db.unsafe(bench.profile.sql.failsAfterFive).stream))
      assert.strictEqual(events.length, 4)
      assert.isDefined(events[3]!.connection)
      assert.deepStrictEqual(yield* ids(db), [1])
    })
  },
  {
    law: "V9",
    title: "an error hook is not called for an interruption",
    needs: ["interruption"],
    run: (bench) => Effect.gen(function*() {
      const { db, events } = yield* hooked(bench)
      for (const effect of [db.unsafe(bench.profile.sql.endless), db.transaction(db.unsafe(bench.profile.sql.endless)), Stream.runDrain(db.unsafe(bench.profile.sql.endless).stream)]) {
        const fiber = yield* Effect.fork(effect)
        yield* Effect.sleep(60)
        yield* Fiber.interrupt(fiber)
      }
      yield* add(db, 1)
      assert.deepStrictEqual(events.map(({ error }) => error.message), [])
    })
  },
  {
    law: "V9",
    title: "the log of statements tells text, verb, rows and what failed, and shows no parameter",
    run: (bench) => Effect.gen(function*() {
      const lines: Array<{ readonly text: string; readonly annotations: Readonly<Record<string, unknown>> }> = []
      const logger = Logger.make(({ annotations, message }) => {
        lines.push({ text: String(message), annotations: Object.fromEntries(HashMap.toEntries(annotations)) })
      })
      const db = yield* Effect.provide(bench.open(), Telemetry.logStatements({ level: LogLevel.Info }))
      yield* Effect.gen(function*() {
        yield* add(db, 1, secret)
        yield* failure(add(db, 2, secret))
        yield* Stream.runDrain(db.unsafe(bench.profile.sql.rows(7)).with({ label: "seven" }).stream)
      }).pipe(Effect.provide(Logger.add(logger)))
      const told = lines.map(({ annotations: { label, operation, reason, rows } }) => [operation, rows, reason, label])
      assert.deepStrictEqual(told, [
        ["INSERT", 1, undefined, undefined],
        ["INSERT", undefined, "UniqueViolation", undefined],
        [told[2]?.[0], 7, undefined, "seven"]
      ])
      assert.isTrue(lines.every(({ annotations }) => typeof annotations["duration"] === "number" && annotations["database"] === db.dialect.name))
      assert.notInclude(JSON.stringify(lines), secret)
    })
  },
  {
    law: "V9",
    title: "a preview masks every parameter, and nothing that looks like one",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const statement = db`SELECT '? $1 :a' AS a, ${secret} AS b /* ? $1 */ FROM things WHERE id IN ${db.in([1, 2])} AND name = ${null}`
      assert.strictEqual(statement.preview(), `SELECT '? $1 :a' AS a, <text ${secret.length}> AS b /* ? $1 */ FROM things WHERE id IN (<int>,<int>) AND name = NULL`)
      // What is shown is nothing that a server runs.
      yield* failure(db.unsafe(statement.preview()))
    })
  }
]
