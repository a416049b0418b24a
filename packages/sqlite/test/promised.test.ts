/**
 * The database without Effect, on files of SQLite: opening and closing it, and what no other dialect need be asked. What each
 * is asked stands in the conformance suite (law V8).
 */
import { Column, Database, Reason, Retry, Sluice, SqlError, Table } from "@sluice/core"
import { Sqlite } from "@sluice/sqlite"
import { Effect, ManagedRuntime, Schedule } from "effect"
import { getEventListeners } from "node:events"
import { describe, expect, expectTypeOf, it } from "vitest"
import { endless, newFile } from "./fixtures.js"

const open = (filename = newFile(), options?: Sluice.Options) => Sluice.open(Sqlite.layer({ filename, pool: { max: 3, closeTimeout: "2 seconds" } }), options)

const counting = (n: number) => `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${n}) SELECT i FROM n`

const stats = (db: Sluice.Sluice) => Effect.runPromise(db.sql.pool.stats)

const failure = async (promise: PromiseLike<unknown>): Promise<unknown> => {
  const settled = await Promise.allSettled([promise])
  return settled[0].status === "rejected" ? settled[0].reason : expect.fail("expected a rejection")
}

const reasonOf = async (promise: PromiseLike<unknown>): Promise<string> => {
  const error = await failure(promise)
  return SqlError.isSqlError(error) ? error.reason._tag : String(error)
}

describe("opening and closing", () => {
  it("await using opens a database and closes it behind the block, with every connection", async () => {
    let outside: Sluice.Sluice
    {
      await using db = await open()
      outside = db
      await db.query`CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)`
      await db.query`INSERT INTO users ${db.sql.insert([{ name: "Ada" }, { name: "Grace" }])}`.run()
      expect(await db.query<{ name: string }>`SELECT name FROM users ORDER BY id`).toEqual([{ name: "Ada" }, { name: "Grace" }])
      expect((await stats(db)).size).toBeGreaterThan(0)
    }
    const { closed, opened, size } = await stats(outside)
    expect([size, opened - closed]).toEqual([0, 0])
    expect(await reasonOf(outside.query`SELECT 1`)).toBe("ClosedError")
    expect(await reasonOf(outside.transaction(async () => 1))).toBe("ClosedError")
    expect(await reasonOf(outside.run(Effect.void))).toBe("ClosedError")
    expect(await reasonOf(outside.stream`SELECT 1`[Symbol.asyncIterator]().next())).toBe("ClosedError")
    await outside.close()
    await outside[Symbol.asyncDispose]()
  })

  it("what cannot be opened rejects with the SqlError that says why", async () => {
    const error = await failure(open("/nowhere/at/all.db"))
    expect(error).toBeInstanceOf(SqlError.SqlError)
    expect(SqlError.isSqlError(error) && error.reason._tag).toBe("ConnectionError")
  })

  it("opening ends with the signal's reason", async () => {
    const reason = new Error("changed my mind")
    expect(await failure(open(newFile(), { signal: AbortSignal.abort(reason) }))).toBe(reason)
    const controller = new AbortController()
    const opening = open(newFile(), { signal: controller.signal })
    controller.abort(reason)
    expect(await failure(opening)).toBe(reason)
  })

  it("closing waits for a query that runs, and ends a stream whose consumer went away", async () => {
    const db = await open()
    const query = db.query(db.sql.unsafe<{ i: number }>(`${counting(1_500_000)} WHERE i = 1500000`)).one()
    const rows = db.stream(db.sql.unsafe(endless))[Symbol.asyncIterator]()
    expect((await rows.next()).done).toBe(false)
    const start = performance.now()
    await db.close()
    expect(await query).toEqual({ i: 1_500_000 })
    expect(performance.now() - start).toBeLessThan(1_900)
    expect(await reasonOf(rows.next())).toBe("ClosedError")
    expect(await rows.next()).toEqual({ done: true, value: undefined })
    expect((await stats(db)).size).toBe(0)
  })

  it("beside an app's runtime it closes without closing that", async () => {
    const runtime = ManagedRuntime.make(Sqlite.layer({ filename: newFile() }))
    const db = await Sluice.fromRuntime(runtime)
    const same = await runtime.runPromise(Database.Database)
    expect(db.sql).toBe(same)
    await db.close()
    expect(await reasonOf(db.query`SELECT 1`)).toBe("ClosedError")
    expect(await runtime.runPromise(same<number>`SELECT 1`.scalar)).toBe(1)
    await runtime.dispose()
  })
})

describe("queries", () => {
  it("have the types of their rows and of their scalar", async () => {
    await using db = await open()
    const rows = await db.query<{ id: number; name: string }>`SELECT 1 AS id, 'Ada' AS name`
    expectTypeOf(rows).toEqualTypeOf<ReadonlyArray<{ id: number; name: string }>>()
    const scalar = await db.query<number>`SELECT 42`.scalar()
    expectTypeOf(scalar).toEqualTypeOf<number>()
    const first = await db.query<{ id: number }>`SELECT 1 AS id`.first()
    expectTypeOf(first).toEqualTypeOf<{ id: number } | undefined>()
    expect([rows, scalar, first]).toEqual([[{ id: 1, name: "Ada" }], 42, { id: 1 }])
  })

  it("are made of tables, and what has no verb of its own runs as an effect", async () => {
    const users = Table.make("users", { id: Column.integer().primaryKey().autoIncrement(), name: Column.text().notNull() })
    await using db = await open()
    await db.run(Table.createAll(db.sql, [users]))
    await db.transaction(async (tx) => {
      await tx.run(users.insert(tx.sql, [{ name: "Ada" }, { name: "Grace" }]))
      expect(await tx.query(users.select(tx.sql).where(users.name.startsWith("G")))).toEqual([{ id: 2, name: "Grace" }])
    })
    expect(await db.run(Effect.flatMap(Database.Database, (sql) => sql.executeMany("INSERT INTO users (name) VALUES (?)", [["Alan"], ["Edsger"]])))).toMatchObject({ rowsAffected: 2 })
    expect(await failure(db.run(Effect.fail("as it is")))).toBe("as it is")
  })

  it("leave no listener on a signal that lives on", async () => {
    await using db = await open()
    const { signal } = new AbortController()
    for (let n = 0; n < 30; n++) await db.query`SELECT 1`.with({ signal })
    await failure(db.query`SELEC`.with({ signal }))
    for await (const row of db.stream(db.sql.unsafe(counting(10))).with({ signal })) if (row !== undefined) break
    await db.transaction((tx) => tx.query`SELECT 1`, { signal })
    expect(getEventListeners(signal, "abort")).toEqual([])
  })

  it("two hundred of every kind, many of them aborted: the counts add up", async () => {
    await using db = await open()
    await db.query`CREATE TABLE things (id INTEGER PRIMARY KEY)`
    const rejections: Array<readonly [unknown, unknown]> = []
    await Promise.all(Array.from({ length: 200 }, async (_, n) => {
      const signal = n % 3 === 0 ? AbortSignal.timeout(n % 40) : undefined
      const kinds: ReadonlyArray<() => PromiseLike<unknown>> = [
        () => db.query(db.sql.unsafe(counting(20_000))).with({ signal }),
        async () => {
          for await (const row of db.stream(db.sql.unsafe<{ i: number }>(counting(20_000))).with({ signal })) if (row.i === 5_000) break
        },
        () => db.transaction((tx) => tx.query`INSERT INTO things ${tx.sql.insert({ id: n })}`.run(), { signal }),
        () => db.transaction(async (tx) => {
          await tx.query`INSERT INTO things ${tx.sql.insert({ id: n })}`.run()
          for await (const row of tx.stream(tx.sql.unsafe<{ i: number }>(counting(3_000)))) if (row.i === 2_000) break
        }, { signal })
      ]
      try {
        await kinds[n % kinds.length]?.()
      } catch (error) {
        rejections.push([error, signal?.reason])
      }
    }))
    expect(rejections.length).toBeGreaterThan(0)
    expect(rejections.filter(([error, reason]) => error !== reason)).toEqual([])
    await expect.poll(async () => (await stats(db)).lent).toBe(0)
    const { connecting, idle, retired, size, waiting } = await stats(db)
    expect([connecting, retired, waiting, size - idle]).toEqual([0, 0, 0, 0])
    await db.query`INSERT INTO things VALUES (1000)`.run()
  })
})

describe("rows", () => {
  it("asked for many at once come in order, and then the end", async () => {
    await using db = await open()
    const rows = db.stream(db.sql.unsafe<{ i: number }>(counting(5))).with({ fetchSize: 2 })[Symbol.asyncIterator]()
    const steps = await Promise.all(Array.from({ length: 7 }, () => rows.next()))
    expect(steps.map((step) => step.done === true ? "end" : step.value.i)).toEqual([1, 2, 3, 4, 5, "end", "end"])
  })

  it("come in chunks of fetchSize where that is asked for", async () => {
    await using db = await open()
    const sizes: Array<number> = []
    for await (const chunk of db.stream(db.sql.unsafe(counting(5))).with({ fetchSize: 2 }).chunks()) sizes.push(chunk.length)
    expect(sizes).toEqual([2, 2, 1])
  })

  it("are a web stream's, whose cancelling ends the server's work", async () => {
    await using db = await open()
    const reader = ReadableStream.from(db.stream(db.sql.unsafe<{ i: number }>(endless))).getReader()
    expect(await reader.read()).toEqual({ done: false, value: { i: 1 } })
    await reader.cancel()
    await expect.poll(async () => (await stats(db)).lent).toBe(0)
  })
})

describe("transactions", () => {
  it("call their function again where retry says so", async () => {
    await using db = await open()
    await db.query`CREATE TABLE things (id INTEGER PRIMARY KEY)`
    let calls = 0
    await db.transaction(async (tx) => {
      await tx.query`INSERT INTO things VALUES (${++calls})`.run()
      if (calls < 3) throw SqlError.make(new Reason.SerializationError({ message: "of a server that has them" }))
    }, { retry: Schedule.intersect(Retry.transient, Schedule.recurs(5)) })
    expect([calls, await db.query<{ id: number }>`SELECT id FROM things`]).toEqual([3, [{ id: 3 }]])
  })

  it("tell the statements of a nested one, too, why they were stopped", async () => {
    await using db = await open()
    const reason = new Error("enough")
    const controller = new AbortController()
    const said: Array<unknown> = []
    expect(await failure(db.transaction((tx) =>
      tx.transaction(async (inner) => {
        setTimeout(() => controller.abort(reason), 20)
        said.push(await failure(inner.query(inner.sql.unsafe(endless))))
      }), { signal: controller.signal }))).toBe(reason)
    await expect.poll(() => said).toEqual([reason])
  })

  it("that fail stop what they began and did not await, and say so there", async () => {
    await using db = await open()
    let left: Promise<unknown> = Promise.resolve()
    expect(await failure(db.transaction(async (tx) => {
      left = failure(tx.query(tx.sql.unsafe(endless)))
      throw new Error("first")
    }))).toMatchObject({ message: "first" })
    const error = await left
    expect(SqlError.isSqlError(error) && error.reason._tag).toBe("CancelledError")
    await expect.poll(async () => (await stats(db)).lent).toBe(0)
  })
})
