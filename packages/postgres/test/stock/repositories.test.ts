/**
 * Repositories, resolvers and queues of @effect/sql on `Postgres.layerStock`, with real tables.
 */
import * as PersistedQueue from "@effect/experimental/PersistedQueue"
import * as Model from "@effect/sql/Model"
import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlPersistedQueue from "@effect/sql/SqlPersistedQueue"
import * as SqlResolver from "@effect/sql/SqlResolver"
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { fresh, isMissing } from "../server.js"
import { stock } from "./stock.js"

class Person extends Model.Class<Person>("Person")({
  id: Model.Generated(Schema.Number),
  fullName: Schema.String,
  tags: Model.JsonFromString(Schema.Array(Schema.String)),
  createdAt: Model.DateTimeInsertFromDate,
  updatedAt: Model.DateTimeUpdateFromDate
}) {}

const names = {
  transformQueryNames: (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  transformResultNames: (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

const table = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  sql.unsafe("CREATE TABLE people (id SERIAL PRIMARY KEY, full_name VARCHAR(40) UNIQUE, tags TEXT, created_at TIMESTAMPTZ(3), updated_at TIMESTAMPTZ(3))"))

const repository = Effect.zipRight(table, Model.makeRepository(Person, { tableName: "people", spanPrefix: "people", idColumn: "id" }))

const ada = Person.insert.make({ fullName: "Ada; it's \\ `x`?", tags: ["a", "b;"] })

describe.skipIf(isMissing)("Model.makeRepository", () => {
  for (const [title, layer] of [["layerStock", stock(names)], ["layer", fresh({ ...names, dates: "date" })]] as const) {
    it.live(`inserts, reads back, updates, finds and deletes, with multi-statements off (${title})`, () =>
      Effect.gen(function*() {
        const people = yield* repository
        const sql = yield* SqlClient.SqlClient
        yield* people.insertVoid(Person.insert.make({ fullName: "Grace", tags: [] }))
        const inserted = yield* people.insert(ada)
        assert.deepStrictEqual([inserted.id, inserted.fullName, inserted.tags], [2, ada.fullName, ["a", "b;"]])
        assert.isTrue(DateTime.isDateTime(inserted.createdAt))
        const updated = yield* people.update(Person.update.make({ ...inserted, fullName: "Ada Lovelace", updatedAt: undefined }))
        assert.deepStrictEqual([updated.id, updated.fullName], [2, "Ada Lovelace"])
        yield* people.updateVoid(Person.update.make({ ...inserted, fullName: "Ada King", updatedAt: undefined }))
        assert.deepStrictEqual(Option.map(yield* people.findById(2), (person) => person.fullName), Option.some("Ada King"))
        assert.deepStrictEqual(yield* people.findById(99), Option.none())
        yield* people.delete(2)
        assert.deepStrictEqual(yield* sql`SELECT full_name FROM people`, [{ fullName: "Grace" }])
        const two = yield* Effect.either(sql`SELECT 1; SELECT 2`.unprepared)
        assert.strictEqual(two._tag, "Left", "a text of two statements is refused, as ever")
      }).pipe(Effect.provide(layer)))
  }

  it.live("writes and reads on one connection, in the transaction around it, which a failure rolls back", () =>
    Effect.gen(function*() {
      const people = yield* repository
      const db = yield* Database.Database
      // Sixteen at a time over three connections: each reads back the row of its own LAST_INSERT_ID.
      const all = yield* Effect.forEach(Array.from({ length: 64 }, (_, n) => `p${n}`), (fullName) =>
        Effect.map(people.insert(Person.insert.make({ fullName, tags: [] })), (person) => person.fullName === fullName), { concurrency: 16 })
      assert.deepStrictEqual(all.filter((own) => !own), [])
      yield* Effect.ignore(db.transaction(Effect.zipRight(people.insert(ada), Effect.fail("no"))))
      assert.strictEqual(yield* db<number>`SELECT COUNT(*)::INTEGER FROM people`.scalar, 64)
      // What the write breaks is its own failure, and nothing is read.
      const twice = yield* Effect.exit(people.insert(Person.insert.make({ fullName: "p1", tags: [] })))
      assert.isTrue(Exit.isFailure(twice))
    }).pipe(Effect.provide(stock({ ...names, statementTimeout: "20 seconds", pool: { max: 3 } }))))

  it.live("makeDataLoaders inserts and finds in batches", () =>
    Effect.gen(function*() {
      yield* table
      const people = yield* Model.makeDataLoaders(Person, { tableName: "people", spanPrefix: "people", idColumn: "id", window: 10 })
      const inserted = yield* Effect.forEach(["a", "b", "c"], (fullName) => people.insert(Person.insert.make({ fullName, tags: [] })), { concurrency: "unbounded" })
      assert.deepStrictEqual(inserted.map((person) => person.fullName), ["a", "b", "c"])
      const found = yield* Effect.forEach(inserted, (person) => people.findById(person.id), { concurrency: "unbounded" })
      assert.deepStrictEqual(found.map(Option.map((person) => person.fullName)), [Option.some("a"), Option.some("b"), Option.some("c")])
    }).pipe(Effect.scoped, Effect.provide(stock(names))))
})

const Row = Schema.Struct({ id: Schema.Number, team: Schema.Number, name: Schema.String })

const rows = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE players (id SERIAL PRIMARY KEY, team INTEGER, name VARCHAR(20))`
  yield* sql`INSERT INTO players ${sql.insert([{ team: 1, name: "a" }, { team: 1, name: "b" }, { team: 2, name: "c" }])}`
  return sql
})

describe.skipIf(isMissing)("SqlResolver", () => {
  it.live("findById answers each id, and None where there is no row", () =>
    Effect.gen(function*() {
      const sql = yield* rows
      const seen: Array<ReadonlyArray<number>> = []
      const byId = yield* SqlResolver.findById("Player", {
        Id: Schema.Number, Result: Row, ResultId: (row) => row.id,
        execute: (ids) => {
          seen.push(ids)
          return sql`SELECT * FROM players WHERE ${sql.in("id", ids)}`
        }
      })
      const found = yield* Effect.forEach([3, 9, 1], (id) => byId.execute(id), { batching: true })
      assert.deepStrictEqual(found.map(Option.map((row) => row.name)), [Option.some("c"), Option.none(), Option.some("a")])
      assert.deepStrictEqual(seen, [[3, 9, 1]])
    }).pipe(Effect.provide(stock())))

  it.live("grouped gives each key its rows; ordered gives each request its own", () =>
    Effect.gen(function*() {
      const sql = yield* rows
      const byTeam = yield* SqlResolver.grouped("Team", {
        Request: Schema.Number, RequestGroupKey: (team) => team, Result: Row, ResultGroupKey: (row) => row.team,
        execute: (teams) => sql`SELECT * FROM players WHERE ${sql.in("team", teams)} ORDER BY id`
      })
      const teams = yield* Effect.forEach([2, 1, 1, 5], (team) => byTeam.execute(team), { batching: true })
      assert.deepStrictEqual(teams.map((all) => all.map((row) => row.name)), [["c"], ["a", "b"], ["a", "b"], []])
      const add = yield* SqlResolver.ordered("Add", {
        Request: Schema.Struct({ team: Schema.Number, name: Schema.String }), Result: Row,
        execute: (requests) => sql`INSERT INTO players ${sql.insert(requests).returning("*")}`
      })
      const added = yield* Effect.forEach(["x", "y", "x"], (name) => add.execute({ team: 9, name }), { batching: true })
      assert.deepStrictEqual(added, [{ id: 4, team: 9, name: "x" }, { id: 5, team: 9, name: "y" }, { id: 6, team: 9, name: "x" }])
    }).pipe(Effect.provide(stock())))

  it.live("runs inside the transaction that its caller is in", () =>
    Effect.gen(function*() {
      const sql = yield* rows
      const remove = yield* SqlResolver.void("Remove", { Request: Schema.Number, execute: (ids) => sql`DELETE FROM players WHERE ${sql.in("id", ids)}` })
      yield* Effect.ignore(sql.withTransaction(Effect.zipRight(Effect.forEach([1, 2], (id) => remove.execute(id), { batching: true }), Effect.fail("no"))))
      assert.deepStrictEqual(yield* sql`SELECT COUNT(*)::INTEGER AS n FROM players`, [{ n: 3 }])
    }).pipe(Effect.provide(stock())))
})

describe.skipIf(isMissing)("SqlPersistedQueue", () => {
  const queue = PersistedQueue.make({ name: "mail", schema: Schema.Struct({ to: Schema.String }) })
  const layer = PersistedQueue.layer.pipe(
    Layer.provide(SqlPersistedQueue.layerStore({ pollInterval: 20 })),
    Layer.provideMerge(stock())
  )

  it.live("gives each element once, repeats a failed one, and drops an id that it has", () =>
    Effect.gen(function*() {
      const mail = yield* queue
      const sql = yield* SqlClient.SqlClient
      const done: Array<string> = []
      const take = Effect.forkScoped(Effect.forever(Effect.ignore(mail.take(({ to }, { attempts }) =>
        to === "flaky" && attempts === 0 ? Effect.fail("not yet") : Effect.sync(() => {
          done.push(to)
        })))))
      yield* take
      yield* take
      yield* Effect.forEach(["a", "flaky", "b", "c"], (to) => mail.offer({ to }))
      yield* mail.offer({ to: "once" }, { id: "one" })
      yield* mail.offer({ to: "twice" }, { id: "one" })
      yield* Effect.repeat(Effect.sleep(20), { until: () => done.length >= 5 })
      yield* Effect.repeat(sql<{ n: number }>`SELECT COUNT(*)::INTEGER AS n FROM effect_queue WHERE NOT completed`, { until: ([row]) => row?.n === 0 })
      assert.deepStrictEqual(done.toSorted(), ["a", "b", "c", "flaky", "once"])
    }).pipe(Effect.scoped, Effect.provide(layer)), 15_000)

  it.live("gives an interrupted element to the next who takes", () =>
    Effect.gen(function*() {
      const mail = yield* queue
      yield* mail.offer({ to: "a" })
      const first = yield* Effect.fork(mail.take(() => Effect.never))
      const sql = yield* SqlClient.SqlClient
      yield* Effect.repeat(sql<{ n: number }>`SELECT COUNT(*)::INTEGER AS n FROM effect_queue WHERE acquired_by IS NOT NULL`, { until: ([row]) => row?.n === 1 })
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* mail.take(({ to }) => Effect.succeed(to)), "a")
    }).pipe(Effect.scoped, Effect.provide(layer)), 15_000)
})
