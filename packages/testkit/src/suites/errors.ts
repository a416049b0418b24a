/**
 * Cases of the laws E1 to E4: what fails is typed, tells the truth, and shows no secret.
 */
import { assert } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Database from "@sluice/core/Database"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as SqlError from "@sluice/core/SqlError"
import { inspect } from "node:util"
import type { Case } from "../Case.js"
import { add, failure, fails, ids } from "../internal/asking.js"

const secret = "s3cr3t-0f-a-user"

/** Every way in which an error may be printed. */
const printed = (error: unknown): string =>
  [
    JSON.stringify(error),
    JSON.stringify({ error }),
    String(error),
    inspect(error, { depth: null }),
    inspect({ nested: [error] }, { depth: null }),
    inspect(Exit.fail(error), { depth: null }),
    JSON.stringify(Exit.fail(error)),
    Cause.pretty(Cause.fail(error)),
    inspect(Cause.fail(error), { depth: null }),
    error instanceof Error ? error.stack : ""
  ].join("\n")

const showsNothing = (error: unknown): void => {
  const text = printed(error)
  assert.notInclude(text, secret)
  assert.isAbove(text.length, 50)
}

export const errors: ReadonlyArray<Case> = [
  {
    law: "E1",
    title: "a text that does not parse fails with SqlSyntaxError in every way to run it",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const { syntaxError } = bench.profile.sql
      const statement = db.unsafe(syntaxError)
      for (const effect of [statement, statement.values, statement.raw, statement.run, statement.result, statement.results, statement.first, statement.scalar]) {
        const reason = yield* fails(effect as Effect.Effect<unknown, SqlError.SqlError>, "SqlSyntaxError")
        assert.strictEqual(reason.statement, syntaxError)
      }
      yield* fails(statement.unprepared, "SqlSyntaxError")
      yield* fails(Stream.runDrain(statement.stream), "SqlSyntaxError")
      yield* fails(Effect.scoped(statement.cursor), "SqlSyntaxError")
      yield* fails(db.transaction(statement), "SqlSyntaxError")
      yield* fails(db.executeMany(syntaxError, [[1]]), "SqlSyntaxError")
      yield* fails(db.batch([statement]), "SqlSyntaxError")
      yield* fails(db.script(`${syntaxError};`), "SqlSyntaxError")
      yield* fails(db`SELECT * FROM no_such_table`, "SqlSyntaxError")
    })
  },
  {
    law: "E1",
    title: "many comments before a text hold nothing up, whether it parses or not",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const comments = "/* a */ ".repeat(60)
      const wrong = db.unsafe(`${comments}${bench.profile.sql.syntaxError}`)
      const [duration] = yield* Effect.timed(Effect.gen(function*() {
        for (const effect of [wrong, wrong.unprepared, Stream.runDrain(wrong.stream), db.transaction(wrong), db.script(wrong.compile()[0])]) yield* fails(effect as typeof wrong, "SqlSyntaxError")
        const right = db.unsafe<{ a: number }>(`${comments}SELECT 1 AS a`)
        for (const rows of [yield* right, [...(yield* Stream.runCollect(right.stream))], yield* db.transaction(right)]) assert.deepStrictEqual(rows, [{ a: 1 }])
      }))
      assert.isBelow(Duration.toMillis(duration), 5_000)
    })
  },
  {
    law: "E1",
    title: "a duplicate key is caught by its reason, with what the server names",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 1, "taken")
      const caught = yield* add(db, 2, "taken").pipe(
        Effect.as("added"),
        SqlError.catchReason("UniqueViolation", (error) => Effect.succeed(`${error.reason.table}.${error.reason.column}`))
      )
      assert.strictEqual(caught, "things.name")
      yield* fails(add(db, 1, "other"), "UniqueViolation")
      yield* fails(db`INSERT INTO things (id, name) VALUES (3, NULL)`, "ConstraintError")
      assert.deepStrictEqual(yield* ids(db), [1])
    })
  },
  {
    law: "E1",
    title: "a COMMIT that a deferred constraint refuses is a failure that can be caught, and nothing of it stays",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      for (const text of bench.profile.sql.deferred) yield* db.unsafe(text)
      const caught = yield* db.transaction(Effect.zipRight(add(db, 1), db`INSERT INTO children (id, parent) VALUES (1, 99)`.run)).pipe(
        Effect.as("committed"),
        SqlError.catchReason("ConstraintError", () => Effect.succeed("refused"))
      )
      assert.strictEqual(caught, "refused")
      assert.deepStrictEqual(yield* ids(db), [])
      assert.strictEqual(yield* db<number>`SELECT count(*) FROM children`.scalar, 0)
      // The connection serves the next transaction.
      yield* db.transaction(add(db, 2))
      assert.deepStrictEqual(yield* ids(db), [2])
    })
  },
  {
    law: "E1",
    title: "a BEGIN that the server refuses is a typed failure",
    needs: ["sessions"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const session = yield* db.session
      yield* session.unsafe(bench.profile.sql.begin)
      const error = yield* failure(session.begin())
      assert.strictEqual(error.reason._tag, "TransactionStateError")
      assert.strictEqual(error.reason.isRetryable, false)
    })
  },
  {
    law: "E1",
    title: "a failure in the middle of a stream comes after its rows, and the connection goes on",
    needs: ["streaming"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const seen: Array<number> = []
      const stream = db.unsafe<{ i: number }>(bench.profile.sql.failsAfterFive).with({ fetchSize: 1 }).stream
      yield* failure(Stream.runForEach(stream, ({ i }) => Effect.sync(() => seen.push(i))))
      assert.deepStrictEqual(seen, [1, 2, 3, 4, 5])
      yield* failure(db.unsafe(bench.profile.sql.failsAfterFive))
      assert.deepStrictEqual(yield* db`SELECT 1 AS one`, [{ one: 1 }])
    })
  },
  {
    law: "E1",
    title: "what cannot be compiled fails in the effect, and is no defect",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* fails(db`INSERT INTO things ${db.insert([])}`, "ConfigError")
      yield* fails(Stream.runDrain(db`INSERT INTO things ${db.insert([])}`.stream), "ConfigError")
      yield* fails(db.unsafe("SELECT :a", { b: 1 }), "ConfigError")
    })
  },
  {
    law: "E1",
    title: "a database that is closed fails with ClosedError",
    run: (bench) => Effect.gen(function*() {
      const scope = yield* Scope.make()
      const db = Context.get(yield* Scope.extend(bench.build(), scope), Database.Database)
      yield* db`SELECT 1`
      yield* Scope.close(scope, Exit.void)
      yield* fails(db`SELECT 1`, "ClosedError")
      yield* fails(db.transaction(Effect.void), "ClosedError")
      if (db.dialect.capabilities.sessions) yield* fails(Effect.scoped(db.session), "ClosedError")
      yield* fails(Stream.runDrain(db`SELECT 1`.stream), "ClosedError")
      yield* fails(db.ping, "ClosedError")
    })
  },
  {
    law: "E2",
    title: "a refused statement was not applied, and its connection serves the next one",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 1)
      const { opened } = yield* db.pool.stats
      for (const statement of [
        db`INSERT INTO things ${db.insert([{ id: 5, name: "five" }, { id: 1, name: "again" }])}`,
        db`UPDATE things SET name = NULL`,
        db.unsafe(bench.profile.sql.syntaxError)
      ]) {
        const { connection, isRetryable, outcome } = yield* failure(statement.run)
        assert.deepStrictEqual({ connection, isRetryable, outcome }, { connection: "usable", isRetryable: false, outcome: "not-applied" })
      }
      assert.deepStrictEqual(yield* ids(db), [1])
      assert.strictEqual((yield* db.pool.stats).closed, 0, "no connection was thrown away")
      assert.isAtMost((yield* db.pool.stats).opened, opened + 1)
    })
  },
  {
    law: "E2",
    title: "a procedure that failed may have done a part for good, and says so; in a transaction it has not",
    needs: ["procedures"],
    run: (bench) => Effect.gen(function*() {
      const { halfway } = bench.profile.sql
      assert(halfway !== undefined)
      const db = yield* bench.open()
      yield* Effect.acquireRelease(db.unsafe(halfway.create), () => Effect.ignore(db.unsafe("DROP PROCEDURE halfway")))
      const answers = <A>(effect: Effect.Effect<A, SqlError.SqlError>) => Effect.map(failure(effect), ({ connection, isRetryable, outcome }) => [connection, isRetryable, outcome])
      assert.deepStrictEqual(yield* answers(db.transaction(db.unsafe(halfway.call))), ["usable", false, "not-applied"])
      assert.deepStrictEqual(yield* ids(db), [])
      assert.deepStrictEqual(yield* answers(db.unsafe(halfway.call)), ["usable", false, "unknown"])
      assert.deepStrictEqual(yield* ids(db), [1])
      assert.deepStrictEqual(yield* answers(db.unsafe(halfway.call).run), ["usable", false, "unknown"])
      assert.strictEqual((yield* db.pool.stats).closed, 0)
    })
  },
  {
    law: "E2",
    title: "rows that do not fit what was asked for do not undo the statement: it says applied",
    needs: ["returning"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const reason = yield* fails(db`INSERT INTO things (id, name) VALUES (1, 'a'), (2, 'b') RETURNING id`.one, "ResultError")
      assert.deepStrictEqual(yield* ids(db), [1, 2])
      assert.strictEqual(reason.outcome, "applied")
      const none = yield* fails(db`UPDATE things SET amount = 1 WHERE id = 99 RETURNING id`.scalar, "ResultError")
      assert.strictEqual(none.found, 0)
      assert.strictEqual((yield* fails(db`SELECT id FROM things`.one, "ResultError")).outcome, "not-applied")
    })
  },
  {
    law: "E2",
    title: "in a transaction a failed statement leaves the others as they are",
    needs: ["failedStatement"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db.transaction(Effect.gen(function*() {
        yield* add(db, 1)
        yield* fails(add(db, 1), "UniqueViolation")
        yield* add(db, 2)
      }))
      assert.deepStrictEqual(yield* ids(db), [1, 2])
    })
  },
  {
    law: "E3",
    title: "the body's failure is told where the transaction is over already and ROLLBACK would fail",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const error = yield* Effect.flip(db.transaction(Effect.gen(function*() {
        yield* add(db, 1)
        yield* db.unsafe("ROLLBACK")
        return yield* Effect.fail("the body's own" as const)
      })))
      assert.strictEqual(error, "the body's own")
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "E3",
    title: "a defect and an interruption of the body stay what they are",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const died = yield* Effect.exit(db.transaction(Effect.zipRight(add(db, 1), Effect.die("defect"))))
      assert.isTrue(Exit.isFailure(died) && Cause.isDie(died.cause))
      const stopped = yield* Effect.exit(db.transaction(Effect.zipRight(add(db, 2), Effect.interrupt)))
      assert.isTrue(Exit.isInterrupted(stopped))
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "E4",
    title: "no printed error shows a parameter's value",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 1, secret)
      showsNothing(yield* failure(add(db, 2, secret)))
      showsNothing(yield* failure(db`INSERT INTO things ${db.insert([{ id: 1, name: secret }])}`))
      showsNothing(yield* failure(db`SELEC ${secret}`))
      showsNothing(yield* failure(db.unsafe("SELECT :name FROM nowhere", { name: secret })))
      showsNothing(yield* failure(db`SELECT ${`${secret}\ud800`}`))
      showsNothing(yield* failure(db`SELECT ${{ secret, n: 1n }}`))
      showsNothing(yield* failure(db.executeMany("INSERT INTO things (id, name) VALUES (:id, :name)", [{ id: 3, name: secret }])))
      showsNothing(yield* failure(db.transaction(add(db, 2, secret))))
      showsNothing(yield* failure(db`SELECT name FROM things WHERE name = ${secret} AND 1 = 0`.one))
    })
  },
  {
    law: "E4",
    title: "where the server itself quotes a value, neither the error nor Effect's loggers show it",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const { quotesValue } = bench.profile.sql
      if (quotesValue === undefined) return
      const error = yield* failure(db.unsafe(quotesValue, [secret]))
      showsNothing(error)
      assert.include(inspect(error.reason.cause, { showHidden: true }), secret, "the driver's own error is within reach")
      assert.notInclude(Cause.pretty(Cause.fail(error), { renderErrorCause: true }), secret)
    })
  },
  {
    law: "E4",
    title: "no log of a failure, no span and no printed statement shows a parameter's value",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 1, secret)
      const statement = db`INSERT INTO things (id, name) VALUES (${2}, ${secret})`
      assert.notInclude(JSON.stringify(statement), secret)
      assert.notInclude(inspect(statement, { depth: 3 }), secret)
      assert.notInclude(String(statement), secret)
      const spans: Array<unknown> = []
      const tracer = Tracer.make({
        span: (name, _parent, context, links, startTime, kind) => {
          spans.push(name)
          return {
            _tag: "Span", name, spanId: "1", traceId: "1", parent: _parent, context, links, kind, sampled: true,
            status: { _tag: "Started", startTime }, attributes: new Map(),
            attribute: (key, value) => void spans.push(key, value),
            event: (event, _, attributes) => void spans.push(event, attributes),
            addLinks: () => {},
            end: (_, exit) => void spans.push(Exit.isFailure(exit) ? printed(Cause.squash(exit.cause)) : "")
          }
        },
        context: (f) => f()
      })
      const logged: Array<string> = []
      const loggers = [Logger.jsonLogger, Logger.logfmtLogger, Logger.stringLogger].map((logger) =>
        Logger.add(Logger.map(logger, (line) => void logged.push(line))))
      yield* statement.pipe(
        Effect.tapErrorCause((cause) => Effect.logError("failed", cause)),
        Effect.exit,
        Effect.provide(loggers[0]!),
        Effect.provide(loggers[1]!),
        Effect.provide(loggers[2]!),
        Effect.withTracer(tracer)
      )
      assert.isAbove(spans.length, 3)
      assert.strictEqual(logged.length, 3)
      assert.notInclude(JSON.stringify(spans), secret)
      assert.notInclude(logged.join("\n"), secret)
    })
  }
]
