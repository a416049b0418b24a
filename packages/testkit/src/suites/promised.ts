/**
 * Cases of the law V8: a database without Effect. What Promises, `for await` and an AbortSignal do to the server.
 */
import { assert } from "@effect/vitest"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Database from "@sluice/core/Database"
import * as Sluice from "@sluice/core/Sluice"
import * as SqlError from "@sluice/core/SqlError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Bench, Case } from "../Case.js"
import { accounted, ids, within } from "../internal/asking.js"

interface Asked {
  readonly db: Database.Database
  readonly sluice: Sluice.Sluice
  readonly bench: Bench
}

/** A case whose body is written as a user without Effect would write it. */
const promised = (title: string, needs: Required<Case>["needs"], body: (asked: Asked) => Promise<void>): Case => ({
  law: "V8",
  title,
  needs,
  run: (bench) =>
    Effect.gen(function*() {
      const db = yield* bench.open()
      const layer = Layer.succeedContext(Context.make(Database.Database, db).pipe(Context.add(SqlClient.SqlClient, db)))
      const sluice = yield* Effect.acquireRelease(Effect.promise(() => Sluice.open(layer)), (sluice) => Effect.promise(sluice.close))
      yield* Effect.tryPromise({ try: () => body({ db, sluice, bench }), catch: (error) => error })
    })
})

const rejection = async (promise: PromiseLike<unknown>): Promise<unknown> => {
  try {
    await promise
  } catch (error) {
    return error
  }
  return assert.fail("expected a rejection")
}

const idle = (db: Database.Database): Promise<void> => Effect.runPromise(within(accounted(db), 3_000, "the end of the work"))

const idsOf = (db: Database.Database): Promise<ReadonlyArray<number>> => Effect.runPromise(ids(db))

const isAborted = (error: unknown): boolean => error instanceof DOMException && error.name === "AbortError"

const add = (db: Sluice.Executor, id: number) => db.query`INSERT INTO things (id, name) VALUES (${id}, ${`thing ${id}`})`.run()

export const promises: ReadonlyArray<Case> = [
  promised("rows, one, first, scalar, column, run and values are promises of what their names say", [], async ({ sluice }) => {
    assert.strictEqual((await add(sluice, 1)).rowsAffected, 1)
    await add(sluice, 2)
    assert.deepStrictEqual(await sluice.query<{ id: number }>`SELECT id FROM things ORDER BY id`, [{ id: 1 }, { id: 2 }])
    assert.deepStrictEqual(await sluice.query<{ id: number }>`SELECT id FROM things WHERE ${sluice.sql.in("id", [2, 3])}`.one(), { id: 2 })
    assert.deepStrictEqual(await sluice.query<{ id: number }>`SELECT id FROM things WHERE id = ${9}`.first(), undefined)
    assert.strictEqual(Number(await sluice.query<number>`SELECT COUNT(*) FROM things`.scalar()), 2)
    assert.deepStrictEqual(await sluice.query<{ name: string }>`SELECT name FROM things ORDER BY id`.column("name"), ["thing 1", "thing 2"])
    assert.deepStrictEqual(await sluice.query`SELECT id, name FROM things WHERE id = 1`.values(), [[1, "thing 1"]])
  }),
  promised("a query is sent once when it is awaited twice, and not at all when it is not", [], async ({ db, sluice }) => {
    const insert = sluice.query`INSERT INTO things (id, name) VALUES (1, 'once')`
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.deepStrictEqual(await idsOf(db), [])
    await Promise.all([insert, insert])
    await insert
    assert.deepStrictEqual(await idsOf(db), [1])
  }),
  promised("what rejects is the SqlError itself, with its reason", [], async ({ bench, sluice }) => {
    await add(sluice, 1)
    const duplicate = await rejection(add(sluice, 1))
    assert.isTrue(SqlError.isSqlError(duplicate) && duplicate.reason._tag === "UniqueViolation", String(duplicate))
    const syntax = await rejection(sluice.query(sluice.sql.unsafe(bench.profile.sql.syntaxError)))
    assert.isTrue(SqlError.isSqlError(syntax) && syntax.reason._tag === "SqlSyntaxError", String(syntax))
  }),
  promised("an aborted query rejects at once with the signal's reason, and the server is done with it", ["interruption"], async ({ bench, db, sluice }) => {
    const controller = new AbortController()
    const query = sluice.query(sluice.sql.unsafe(bench.profile.sql.endless)).with({ signal: controller.signal })
    setTimeout(() => controller.abort(), 50)
    const start = performance.now()
    assert.isTrue(isAborted(await rejection(query)))
    assert.isBelow(performance.now() - start, 1_000)
    await idle(db)
    await add(sluice, 1)
  }),
  promised("what is aborted before it is sent is not sent", [], async ({ db, sluice }) => {
    const reason = new Error("too late")
    const insert = sluice.query`INSERT INTO things (id, name) VALUES (1, 'never')`.with({ signal: AbortSignal.abort(reason) })
    assert.strictEqual(await rejection(insert), reason)
    assert.strictEqual(await rejection(insert.run()), reason)
    assert.deepStrictEqual(await idsOf(db), [])
  }),
  promised("for await gives every row once and in order", ["streaming"], async ({ bench, db, sluice }) => {
    for (const n of [1, 9, 10, 11, 2_500]) {
      const found: Array<number> = []
      for await (const { i } of sluice.stream(sluice.sql.unsafe<{ i: number }>(bench.profile.sql.rows(n))).with({ fetchSize: 10 })) found.push(Number(i))
      assert.deepStrictEqual(found, Array.from({ length: n }, (_, i) => i + 1))
    }
    for await (const row of sluice.stream`SELECT id FROM things WHERE 1 = 0`) assert.fail(`a row of none: ${String(row)}`)
    await idle(db)
  }),
  promised("leaving for await by break, return or an exception ends the server's work and gives the connection back", ["streaming"], async ({ bench, db, sluice }) => {
    const rows = sluice.stream(sluice.sql.unsafe<{ i: number }>(bench.profile.sql.endless)).with({ fetchSize: 2 })
    let seen = 0
    for await (const row of rows) if (row !== undefined && ++seen === 3) break
    await idle(db)
    const returned = async () => {
      let seen = 0
      for await (const row of rows) if (row !== undefined && ++seen === 3) return "the third"
      return "none"
    }
    assert.strictEqual(await returned(), "the third")
    await idle(db)
    const thrown = new Error("of the loop")
    assert.strictEqual(await rejection((async () => {
      for await (const row of rows) if (row !== undefined) throw thrown
    })()), thrown)
    await idle(db)
    await add(sluice, 1)
  }),
  promised("an iterator that is returned while it waits for a row ends at once, and so does what the server does", ["streaming", "interruption"], async ({ bench, db, sluice }) => {
    const iterator = sluice.stream(sluice.sql.unsafe(bench.profile.sql.endless))[Symbol.asyncIterator]()
    // More than there are until then.
    const waits = Array.from({ length: 20_000 }, () => iterator.next())
    await new Promise((resolve) => setTimeout(resolve, 30))
    const start = performance.now()
    assert.deepStrictEqual(await iterator.return?.(), { done: true, value: undefined })
    assert.deepStrictEqual((await Promise.all(waits)).at(-1), { done: true, value: undefined })
    assert.isBelow(performance.now() - start, 1_000)
    await idle(db)
    assert.deepStrictEqual(await iterator.next(), { done: true, value: undefined })
  }),
  promised("a signal ends a for await while its consumer is at work", ["streaming"], async ({ bench, db, sluice }) => {
    const controller = new AbortController()
    const rows = sluice.stream(sluice.sql.unsafe(bench.profile.sql.endless)).with({ fetchSize: 2, signal: controller.signal })
    const reading = (async () => {
      for await (const row of rows) {
        assert.isDefined(row)
        controller.abort()
        await idle(db)
      }
    })()
    assert.isTrue(isAborted(await rejection(reading)))
    await idle(db)
  }),
  promised("a failure in the middle of the rows rejects, behind the rows before it", ["streaming"], async ({ bench, db, sluice }) => {
    const found: Array<unknown> = []
    const error = await rejection((async () => {
      for await (const row of sluice.stream(sluice.sql.unsafe(bench.profile.sql.failsAfterFive)).with({ fetchSize: 1 })) found.push(row)
    })())
    assert.isTrue(SqlError.isSqlError(error), String(error))
    assert.isAtMost(found.length, 5)
    await idle(db)
  }),
  promised("a transaction commits what its function answers, and rolls back what it throws", [], async ({ db, sluice }) => {
    assert.strictEqual(await sluice.transaction(async (tx) => {
      await add(tx, 1)
      return (await tx.query`SELECT id FROM things`).length
    }), 1)
    const thrown = new Error("of the function")
    assert.strictEqual(await rejection(sluice.transaction(async (tx) => {
      await add(tx, 2)
      throw thrown
    })), thrown)
    assert.deepStrictEqual(await idsOf(db), [1])
  }),
  promised("a nested transaction that throws undoes its own work only", ["savepoints"], async ({ db, sluice }) => {
    await sluice.transaction(async (tx) => {
      await add(tx, 1)
      await tx.transaction(async (inner) => {
        await add(inner, 2)
        throw new Error("undone")
      }).catch(() => {})
      await tx.transaction((inner) => add(inner, 3))
    })
    assert.deepStrictEqual(await idsOf(db), [1, 3])
  }),
  promised("an aborted transaction is rolled back, and what it ran is stopped", ["interruption"], async ({ bench, db, sluice }) => {
    const controller = new AbortController()
    let statement: unknown
    const transaction = sluice.transaction(async (tx) => {
      await add(tx, 1)
      setTimeout(() => controller.abort(), 50)
      const nested = (inner: Sluice.Executor) => inner.query(inner.sql.unsafe(bench.profile.sql.endless))
      statement = await rejection(bench.profile.has.has("savepoints") ? tx.transaction(nested) : nested(tx))
    }, { signal: controller.signal })
    assert.isTrue(isAborted(await rejection(transaction)))
    await idle(db)
    assert.isTrue(isAborted(statement), String(statement))
    assert.deepStrictEqual(await idsOf(db), [])
  }),
  promised("what a transaction's function began and did not await is done before COMMIT", [], async ({ db, sluice }) => {
    let late: PromiseLike<unknown> | undefined
    const transaction: { current?: Sluice.Transaction } = {}
    await sluice.transaction(async (tx) => {
      transaction.current = tx
      late = add(tx, 1)
    })
    assert.deepStrictEqual(await idsOf(db), [1])
    await late
    const { current } = transaction
    const error = await rejection(current === undefined ? Promise.resolve() : add(current, 2))
    assert.isTrue(SqlError.isSqlError(error) && error.reason._tag === "TransactionStateError", String(error))
    assert.deepStrictEqual(await idsOf(db), [1])
  })
]
