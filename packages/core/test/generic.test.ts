/**
 * Generic: a database of any async functions (SB-36), with a client that answers from a table of promises.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as Database from "../src/Database.js"
import * as Generic from "../src/Generic.js"
import * as Reason from "../src/Reason.js"
import * as SqlError from "../src/SqlError.js"
import { reasonOf } from "./fake.js"

type Execute = Generic.Client["execute"]

/** A client that writes down what it is asked. */
const recording = (answer: Execute = async () => []) => {
  const log: Array<string> = []
  const client: Generic.Client = {
    execute: (sql, params, context) => {
      log.push(params.length === 0 ? sql : `${sql} ${JSON.stringify(params)}`)
      return answer(sql, params, context)
    },
    close: async () => void log.push("close")
  }
  const verb = (name: string) => async () => void log.push(name)
  return { log, client, session: { ...client, begin: verb("begin"), commit: verb("commit"), rollback: verb("rollback") } }
}

const using = <A, E>(config: Generic.Config, use: (db: Database.Database) => Effect.Effect<A, E>) =>
  Effect.provide(Effect.flatMap(Database.Database, use), Generic.layer(config))

describe("SB-36 a database of any async functions", () => {
  it.live("runs statements with their parameters, and closes the client once", () =>
    Effect.gen(function*() {
      const { client, log } = recording(async (sql) => sql.startsWith("SELECT") ? [{ id: 1, name: "a" }] : { rowsAffected: 2, lastInsertId: 7 })
      yield* using(client, (db) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* db`SELECT id, name FROM ${db("t")} WHERE id = ${1}`, [{ id: 1, name: "a" }])
          assert.deepStrictEqual(yield* db`SELECT id, name FROM t`.values, [[1, "a"]])
          assert.deepStrictEqual(yield* db`INSERT INTO t ${db.insert({ id: 1 })}`.run, { rowsAffected: 2, lastInsertId: 7 })
          assert.deepStrictEqual([...(yield* Stream.runCollect(db`SELECT id FROM t`.stream))], [{ id: 1, name: "a" }])
        }))
      assert.deepStrictEqual(log, [
        `SELECT id, name FROM "t" WHERE id = ? [1]`, "SELECT id, name FROM t", `INSERT INTO t ("id") VALUES (?) [1]`, "SELECT id FROM t", "close"
      ])
    }))

  it.live("reads every form of an answer", () =>
    Effect.gen(function*() {
      const answers: Record<string, Awaited<ReturnType<Execute>>> = {
        none: undefined,
        records: [{ a: 1 }],
        arrays: { rows: [[1, 2]], columns: ["a", "b"] },
        empty: { rows: [], columns: ["a", "b"] },
        count: { rowsAffected: 3 }
      }
      yield* using({ execute: async (sql) => answers[sql] }, (db) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* db.unsafe("none"), [])
          assert.deepStrictEqual(yield* db.unsafe("records"), [{ a: 1 }])
          assert.deepStrictEqual(yield* db.unsafe("arrays"), [{ a: 1, b: 2 }])
          assert.deepStrictEqual(yield* db.unsafe("arrays").values, [[1, 2]])
          assert.deepStrictEqual((yield* db.unsafe("empty").result).columns.map(({ name }) => name), ["a", "b"])
          assert.strictEqual((yield* db.unsafe("count").run).rowsAffected, 3)
        }))
      const odd = { execute: async () => ({ rows: 7 }) } as unknown as Generic.Client
      assert.strictEqual((yield* reasonOf(using(odd, (db) => db.unsafe("SELECT 1"))))._tag, "UnknownError")
    }))

  it.live("a rejection and a throw are an UnknownError, without what they quote; a reason of the client's own is taken", () =>
    Effect.gen(function*() {
      const cause = new Error("no row 'secret' for s3cret")
      const { client } = recording((sql) => {
        if (sql === "throw") throw cause
        return Promise.reject(sql === "text" ? "just a text" : cause)
      })
      yield* using({ ...client, reason: (error, sql) => sql === "unique" ? new Reason.UniqueViolation({ message: "twice", cause: error }) : undefined }, (db) =>
        Effect.gen(function*() {
          for (const sql of ["throw", "reject"]) {
            const exit = yield* Effect.exit(db.unsafe(sql, ["s3cret"]))
            const error = Exit.isFailure(exit) ? Cause.failureOption(exit.cause) : undefined
            assert.isTrue(error?._tag === "Some" && error.value.reason._tag === "UnknownError" && error.value.reason.cause === cause)
            assert.notInclude(JSON.stringify(exit), "s3cret")
            assert.notInclude(JSON.stringify(exit), "'secret'")
          }
          assert.include((yield* reasonOf(db.unsafe("text"))).message, "just a text")
          assert.strictEqual((yield* reasonOf(db.unsafe("unique")))._tag, "UniqueViolation")
        }))
    }))

  it.live("an interruption aborts the client's signal, and waits for its promise before the next statement", () =>
    Effect.gen(function*() {
      const events: Array<string> = []
      const execute: Execute = (sql, _, { signal }) =>
        sql !== "long" ? Promise.resolve(void events.push(sql)) : new Promise((_, reject) => {
          events.push("begun")
          signal.addEventListener("abort", () => {
            events.push("aborted")
            setTimeout(() => {
              events.push("ended")
              reject(signal.reason)
            }, 30)
          })
        })
      yield* using({ execute, pool: { max: 1 } }, (db) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(db.unsafe("long"))
          yield* Effect.sleep(20)
          yield* Fiber.interrupt(fiber)
          yield* db.unsafe("next")
          assert.deepStrictEqual(events, ["begun", "aborted", "ended", "next"])
          const late = yield* reasonOf(db.unsafe("long").timeout("20 millis"))
          assert.deepStrictEqual([late._tag, late.outcome], ["StatementTimeoutError", "unknown"])
        }))
    }))

  it.live("without begin, commit and rollback a transaction is UnsupportedError, and nothing is sent", () =>
    Effect.gen(function*() {
      const { client, log, session } = recording()
      const reasons = yield* using(client, (db) => Effect.all([reasonOf(db.transaction(db`SELECT 1`)), reasonOf(Effect.scoped(db.session)), reasonOf(db.describe(db`SELECT 1`))]))
      assert.deepStrictEqual(reasons.map(({ _tag }) => _tag), ["UnsupportedError", "UnsupportedError", "UnsupportedError"])
      assert.deepStrictEqual(log, ["close"])
      const half: Generic.Config = { execute: session.execute, begin: session.begin }
      const reason = yield* reasonOf(Layer.build(Generic.layer(half)).pipe(Effect.scoped))
      assert.strictEqual(reason._tag === "ConfigError" ? reason.field : reason._tag, "commit")
    }))

  it.live("with them a transaction commits, rolls back, and is one session", () =>
    Effect.gen(function*() {
      const { log, session } = recording(async (sql) => sql === "bad" ? Promise.reject(new Error("bad")) : [])
      yield* using({ ...session, dialect: { capabilities: { ...Generic.ansi.capabilities, savepoints: true } } }, (db) =>
        Effect.gen(function*() {
          yield* db.transaction(db.unsafe("one"))
          yield* reasonOf(db.transaction(Effect.zipRight(db.unsafe("two"), db.unsafe("bad"))))
          yield* db.transaction(Effect.zipRight(Effect.ignore(db.transaction(db.unsafe("bad"))), db.unsafe("three")))
          assert.strictEqual((yield* db.pool.stats).max, 1)
        }))
      assert.deepStrictEqual(log.filter((line) => !line.includes("SAVEPOINT")), [
        "begin", "one", "commit", "begin", "two", "bad", "rollback", "begin", "bad", "three", "commit", "close"
      ])
      assert.isTrue(log.some((line) => line.startsWith("SAVEPOINT \"")) && log.some((line) => line.startsWith("ROLLBACK TO SAVEPOINT \"")))
      const two = yield* reasonOf(Effect.scoped(Layer.build(Generic.layer({ ...session, pool: { max: 2 } }))))
      assert.strictEqual(two._tag === "ConfigError" ? two.field : two._tag, "pool.max")
      const savepoints = yield* using(session, (db) => reasonOf(db.transaction(db.transaction(db.unsafe("one")))))
      assert.strictEqual(savepoints._tag, "UnsupportedError")
    }))

  it.live("a statement above 500,000 bytes, or maxBytes, is LimitError before anything is sent", () =>
    Effect.gen(function*() {
      const { client, log } = recording()
      const wide = (bytes: number) => `SELECT '${"é".repeat((bytes - 9) / 2)}'`
      yield* using(client, (db) =>
        Effect.gen(function*() {
          yield* db.unsafe(wide(499_999))
          const reason = yield* reasonOf(db.unsafe(wide(500_001)))
          assert.deepStrictEqual(reason._tag === "LimitError" ? [reason.maximum, reason.actual] : reason, [500_000, 500_001])
        }))
      assert.strictEqual(log.length, 2)
      assert.strictEqual((yield* reasonOf(using({ ...client, maxBytes: 10 }, (db) => db.unsafe("SELECT 12345"))))._tag, "LimitError")
      assert.strictEqual((yield* reasonOf(Effect.scoped(Layer.build(Generic.layer({ ...client, maxBytes: 0 })))))._tag, "ConfigError")
    }))

  it.live("speaks the dialect that it is given, under a tag of the user's", () =>
    Effect.gen(function*() {
      class Lake extends Context.Tag("Lake")<Lake, Database.Database>() {}
      const { client, log } = recording()
      yield* Effect.provide(
        Effect.flatMap(Lake, (db) => db`SELECT * FROM ${db("a.b")} WHERE x = ${1} AND y = ${"z"}`),
        Generic.layerAs(Lake, { ...client, dialect: { name: "duckdb", placeholder: (n) => `$${n}` } })
      )
      assert.deepStrictEqual(log, [`SELECT * FROM "a"."b" WHERE x = $1 AND y = $2 [1,"z"]`, "close"])
    }))

  it.live("a close that rejects, throws or is not there ends the layer all the same", () =>
    Effect.gen(function*() {
      let closes = 0
      const closers: ReadonlyArray<Generic.Client["close"]> = [
        undefined,
        () => Promise.reject(new Error(`no ${++closes}`)),
        () => {
          throw new Error(`no ${++closes}`)
        },
        () => void closes++
      ]
      for (const close of closers) yield* using({ execute: async () => [], close }, (db) => Effect.all([db.unsafe("1"), db.unsafe("2")], { concurrency: 2 }))
      assert.strictEqual(closes, 3)
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger))))

  it.live("a reason of the user's that throws is no defect: the failure is told without it, whether the client rejects or throws", () =>
    Effect.gen(function*() {
      const cause = new Error("no")
      const reason = () => {
        throw new Error("the reason's own")
      }
      const executes: ReadonlyArray<Execute> = [() => Promise.reject(cause), () => {
        throw cause
      }]
      for (const execute of executes) {
        const found = yield* reasonOf(using({ execute, reason }, (db) => db.unsafe("1")))
        assert.deepStrictEqual([found._tag, found.message, found.cause], ["UnknownError", "no", cause])
      }
    }))

  it.live("whoever is interrupted while the client closes waits for it all the same", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const close = async () => {
        log.push("closing")
        await new Promise((resolve) => setTimeout(resolve, 100))
        log.push("closed")
      }
      const user = yield* Effect.fork(using({ execute: async () => [], close }, (db) => db.unsafe("1")))
      yield* Effect.repeat(Effect.sleep(1), { until: () => log.length === 1 })
      yield* Fiber.interrupt(user)
      assert.deepStrictEqual(log, ["closing", "closed"])
    }))

  it.live("a rejection with a SqlError stays what it is", () =>
    Effect.gen(function*() {
      const error = SqlError.make(new Reason.DeadlockError({ message: "again" }))
      const found = yield* Effect.flip(using({ execute: () => Promise.reject(error) }, (db) => db.unsafe("1")))
      assert.strictEqual(found, error)
    }))
})
