/**
 * SqlError: its operators, what it prints, and what the types say.
 */
import * as StockClient from "@effect/sql/SqlClient"
import * as StockError from "@effect/sql/SqlError"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { inspect } from "node:util"
import * as Database from "../src/Database.js"
import * as Reason from "../src/Reason.js"
import * as SqlError from "../src/SqlError.js"
import type { Statement } from "../src/Statement.js"

const duplicate = new Reason.UniqueViolation({ message: "duplicate key", constraint: "users.email" })

const sqlFails: Effect.Effect<number, SqlError.SqlError> = SqlError.fail(duplicate)

describe("catchReason", () => {
  it.effect("catches its own reason, data-first and data-last", () => Effect.gen(function*() {
    assert.strictEqual(yield* SqlError.catchReason(sqlFails, "UniqueViolation", (error) => Effect.succeed(error.reason.constraint)), "users.email")
    assert.strictEqual(yield* sqlFails.pipe(SqlError.catchReason("UniqueViolation", () => Effect.succeed("caught"))), "caught")
  }))

  it.effect("lets others pass: reasons, stock errors, failures of another kind, defects", () => Effect.gen(function*() {
    const caught = SqlError.catchReason("DeadlockError", () => Effect.succeed("caught"))
    assert.strictEqual((yield* Effect.flip(caught(sqlFails))).reason, duplicate)
    const stock = new StockError.SqlError({ message: "stock" })
    assert.strictEqual(yield* Effect.flip(caught(Effect.fail(stock))), stock)
    assert.strictEqual(yield* Effect.flip(caught(Effect.fail("other"))), "other")
    assert.isTrue(Cause.isDie(yield* Effect.flip(Effect.sandbox(caught(Effect.die("defect"))))))
  }))

  it.effect("catchReasons takes a handler each", () => Effect.gen(function*() {
    const handled = SqlError.catchReasons({
      UniqueViolation: (error) => Effect.succeed(`unique ${error.reason.constraint}`),
      ResultError: (error) => Effect.succeed(error.reason.found)
    })
    assert.strictEqual(yield* handled(sqlFails), "unique users.email")
    assert.strictEqual(yield* handled(SqlError.fail(new Reason.ResultError({ message: "", expected: "one", found: 2 }))), 2)
    assert.strictEqual((yield* Effect.flip(handled(SqlError.fail(new Reason.DeadlockError({ message: "" }))))).reason._tag, "DeadlockError")
  }))

  it.effect("unwrapReason leaves the reason; catchTag of the stock error catches ours", () => Effect.gen(function*() {
    assert.strictEqual(yield* Effect.flip(SqlError.unwrapReason(sqlFails)), duplicate)
    assert.strictEqual(yield* Effect.catchTag(sqlFails, "SqlError", (error) => Effect.succeed(error.message)), "UniqueViolation: duplicate key")
    assert.isTrue(SqlError.make(duplicate) instanceof StockError.SqlError)
  }))

  it("refine lifts what is not ours", () => {
    const own = SqlError.make(duplicate)
    assert.strictEqual(SqlError.refine(own), own)
    assert.strictEqual(SqlError.refine(new Error("of a driver")).reason._tag, "UnknownError")
    assert.isFalse(SqlError.isSqlError(new StockError.SqlError({ message: "stock" })))
  })
})

describe("E4 what is printed", () => {
  const driver = Object.assign(new Error("Key (email)=(s3cr3t) already exists"), { detail: "s3cr3t", parameters: ["s3cr3t"] })
  const error = SqlError.make(new Reason.UniqueViolation({ message: "duplicate key", cause: driver, code: 23505 }))

  it("leads to the driver's error without printing it", () => {
    assert.isUndefined(error.cause)
    assert.strictEqual(error.reason.cause, driver)
    for (const text of [
      JSON.stringify(error), String(error), inspect(error, { depth: null }), inspect(error.reason), JSON.stringify(error.reason),
      String(error.reason), inspect({ a: [error] }, { depth: null }), inspect(Cause.fail(error), { depth: null }),
      Object.entries(error).join(), JSON.stringify({ ...error }), JSON.stringify({ ...error.reason })
    ]) assert.notInclude(text, "s3cr3t")
    assert.include(JSON.stringify(error), "23505")
  })

  // Effect's own loggers print a cause in this way.
  it("Cause.pretty with the errors' causes, as Effect's loggers call it, shows no value", () => {
    assert.notInclude(Cause.pretty(Cause.fail(error)), "s3cr3t")
    assert.notInclude(Cause.pretty(Cause.fail(error), { renderErrorCause: true }), "s3cr3t")
  })

  it("a reason with a longer message keeps its class, its answers and its cause", () => {
    const longer = Reason.prefixed(error.reason, "statement 2: ")
    assert.strictEqual(longer.message, "statement 2: duplicate key")
    assert.instanceOf(longer, Reason.UniqueViolation)
    assert.strictEqual(longer.cause, driver)
    assert.notInclude(inspect(longer) + JSON.stringify(longer), "s3cr3t")
  })
})

describe("E2 the three answers by default", () => {
  const answers = (reason: Reason.Reason) => [reason.isRetryable, reason.connection, reason.outcome]
  it("are those of the design's table", () => {
    const message = ""
    assert.deepStrictEqual(answers(new Reason.ConnectionError({ message })), [true, "broken", "unknown"])
    assert.deepStrictEqual(answers(new Reason.AuthenticationError({ message })), [false, "broken", "not-applied"])
    assert.deepStrictEqual(answers(new Reason.UniqueViolation({ message })), [false, "usable", "not-applied"])
    assert.deepStrictEqual(answers(new Reason.DeadlockError({ message })), [true, "usable", "not-applied"])
    assert.deepStrictEqual(answers(new Reason.LockTimeoutError({ message })), [true, "usable", "not-applied"])
    assert.deepStrictEqual(answers(new Reason.StatementTimeoutError({ message, timeout: "server" })), [true, "usable", "unknown"])
    assert.deepStrictEqual(answers(new Reason.UnknownError({ message })), [false, "unknown", "unknown"])
    assert.deepStrictEqual(answers(new Reason.UniqueViolation({ message, outcome: "applied", connection: "broken", isRetryable: true })), [true, "broken", "applied"])
  })
})

describe("types", () => {
  it("a handler sees the reason narrowed", () => {
    SqlError.catchReason(sqlFails, "UniqueViolation", (error) => {
      expectTypeOf(error.reason).toEqualTypeOf<Reason.UniqueViolation>()
      return Effect.void
    })
    SqlError.catchReasons(sqlFails, {
      StatementTimeoutError: (error) => {
        expectTypeOf(error.reason.timeout).toEqualTypeOf<"statement" | "database" | "server" | "worker">()
        return Effect.succeed(1)
      }
    })
    // @ts-expect-error: there is no such reason
    SqlError.catchReason(sqlFails, "NoSuchReason", () => Effect.void)
    expectTypeOf(SqlError.unwrapReason(sqlFails)).toEqualTypeOf<Effect.Effect<number, Reason.Reason>>()
  })

  it("our error is a stock error; a stock error in a union stays", () => {
    expectTypeOf<SqlError.SqlError>().toExtend<StockError.SqlError>()
    expectTypeOf<SqlError.SqlError<Reason.UniqueViolation>>().toExtend<SqlError.SqlError>()
    const mixed = SqlError.catchReason(Effect.fail(new StockError.SqlError({ message: "" })), "UniqueViolation", () => Effect.void)
    expectTypeOf(mixed).toEqualTypeOf<Effect.Effect<void, StockError.SqlError>>()
  })

  it("a database is a stock client, and a stock layer provides no Database", () => {
    expectTypeOf<Database.Database>().toExtend<StockClient.SqlClient>()
    const provided = (program: Effect.Effect<void, never, Database.DatabaseId>, stock: Layer.Layer<StockClient.SqlClient>) =>
      Effect.provide(program, stock)
    expectTypeOf<ReturnType<typeof provided>>().toEqualTypeOf<Effect.Effect<void, never, Database.DatabaseId>>()
  })

  it("rows and scalars have two call signatures", () => {
    const typed = (db: Database.Database) => ({
      rows: db<{ id: number }>`SELECT id FROM t`,
      scalar: db<number>`SELECT 1`.scalar,
      column: db<{ id: number; name: string }>`SELECT id, name FROM t`.column("name")
    })
    expectTypeOf<ReturnType<typeof typed>["rows"]>().toExtend<Effect.Effect<ReadonlyArray<{ id: number }>, SqlError.SqlError>>()
    expectTypeOf<ReturnType<typeof typed>["rows"]>().toExtend<Statement<{ id: number }>>()
    expectTypeOf<ReturnType<typeof typed>["scalar"]>().toEqualTypeOf<Effect.Effect<number, SqlError.SqlError>>()
    expectTypeOf<ReturnType<typeof typed>["column"]>().toEqualTypeOf<Effect.Effect<ReadonlyArray<string>, SqlError.SqlError>>()
  })
})
