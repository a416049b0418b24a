/**
 * Cases of V5: what the stock client does besides statements: reactive queries, transformers, 64-bit integers, names.
 */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Statement from "@effect/sql/Statement"
import { assert } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Case } from "../../Case.js"
import { add, eventually, ids } from "../../internal/asking.js"
import { names, on } from "./asking.js"

export const clients: ReadonlyArray<Case> = [
  {
    law: "V5",
    title: "a reactive query runs again when a write through the database invalidates its keys, after its COMMIT where that is asked for",
    run: (bench) => Effect.gen(function*() {
      const context = yield* bench.build()
      const db = Context.get(context, Database.Database)
      const { reactive, reactiveMailbox } = Context.get(context, SqlClient.SqlClient)
      const reactivity = Context.get(context, Reactivity.Reactivity)
      yield* db.unsafe(bench.profile.sql.things)
      const seen: Array<ReadonlyArray<number>> = []
      const watching = yield* Effect.fork(Stream.runForEach(reactive(["things"], ids(db)), (found) => Effect.sync(() => {
        seen.push(found)
      })))
      const saw = (count: number) => eventually(Effect.sync(() => seen.length === count), `answer ${count} of the reactive query`)
      yield* saw(1)
      yield* reactivity.mutation(["things"], add(db, 1))
      yield* saw(2)
      yield* reactivity.mutation(["others"], add(db, 2))
      yield* db.transaction(Effect.gen(function*() {
        yield* db.afterCommit(reactivity.invalidate(["things"]))
        yield* add(db, 3)
      }))
      yield* saw(3)
      yield* Effect.ignore(db.transaction(Effect.zipRight(db.afterCommit(reactivity.invalidate(["things"])), Effect.fail("no"))))
      yield* Fiber.interrupt(watching)
      assert.deepStrictEqual(seen, [[], [1], [1, 2, 3]])
      const mailbox = yield* reactiveMailbox({ things: [3] }, ids(db))
      assert.deepStrictEqual(yield* mailbox.take, [1, 2, 3])
      yield* reactivity.mutation({ things: [3] }, db`DELETE FROM things WHERE id = 3`)
      assert.deepStrictEqual(yield* mailbox.take, [1, 2])
      yield* reactivity.mutation(["things"], db`DROP TABLE things`)
    })
  },
  {
    law: "V5",
    title: "Statement.setTransformer changes every statement on its way, in transactions and streams too, and nothing where it is not provided",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const seen: Array<string> = []
      const tagged = Statement.setTransformer((statement, sql) =>
        Effect.sync(() => {
          seen.push(statement.compile()[0])
          return sql`${statement} /* by the app */`
        }))
      const sent = (program: Effect.Effect<unknown, unknown, SqlClient.SqlClient>) =>
        Effect.suspend(() => {
          seen.length = 0
          return Effect.map(on(db)(program), () => [...seen])
        })
      const program = Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        yield* sql.withTransaction(sql`INSERT INTO things ${sql.insert({ id: 1, name: "one" })}`)
        const rows = yield* Stream.runCollect(sql<{ id: number }>`SELECT id FROM things WHERE id = ${1}`.stream)
        assert.deepStrictEqual([...rows], [{ id: 1 }])
        assert.deepStrictEqual(yield* sql`SELECT name FROM things`.values, [["one"]])
        yield* sql`DELETE FROM things`
      })
      const texts = yield* Effect.provide(sent(program), tagged)
      assert.deepStrictEqual(texts.map((text) => text.split(" ")[0]), ["INSERT", "SELECT", "SELECT", "DELETE"])
      assert.deepStrictEqual(yield* sent(program), [])
      const echoed = sent(Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELEC 1`)).pipe(Effect.provide(tagged), Effect.flip)
      assert.include(JSON.stringify(yield* echoed), "by the app", "the error tells what was sent")
    })
  },
  {
    law: "V5",
    title: "SafeIntegers and the transforms of names hold for stock code: rows, streams, inserts and updates",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open(names)
      yield* db`CREATE TABLE camels (hump_count BIGINT, first_name VARCHAR(20))`
      yield* on(db)(Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        yield* sql`INSERT INTO camels ${sql.insert([{ humpCount: 1, firstName: "a" }, { firstName: "b", humpCount: 9007199254740993n }])}`
        const all = sql<{ humpCount: unknown }>`SELECT ${sql("humpCount")} FROM camels ORDER BY 1`
        const safe = Effect.provideService(SqlClient.SafeIntegers, true)
        assert.deepStrictEqual(yield* safe(all), [{ humpCount: 1n }, { humpCount: 9007199254740993n }])
        assert.deepStrictEqual([...yield* safe(Stream.runCollect(all.stream))], [{ humpCount: 1n }, { humpCount: 9007199254740993n }])
        assert.strictEqual((yield* Effect.flip(all))._tag, "SqlError")
        yield* sql`UPDATE camels SET ${sql.update({ humpCount: 2 })} WHERE first_name = ${"b"}`
        assert.deepStrictEqual(yield* sql`SELECT hump_count, first_name FROM camels ORDER BY 1`.withoutTransform.pipe(Effect.map((rows) => rows.length)), 2)
        assert.deepStrictEqual(yield* sql.withoutTransforms()<{ first_name: string }>`SELECT first_name FROM camels WHERE hump_count = 2`, [{ first_name: "b" }])
      }))
    })
  }
]
