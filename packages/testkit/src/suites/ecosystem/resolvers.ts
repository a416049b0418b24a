/**
 * Cases of V5: SqlSchema and SqlResolver, with ids that are asked for twice and ids that no row has.
 */
import * as SqlResolver from "@effect/sql/SqlResolver"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { assert } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import * as Resolver from "@sluice/core/Resolver"
import * as Table from "@sluice/core/Table"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Case } from "../../Case.js"
import { fails } from "../../internal/asking.js"
import { on, players, total, withPlayers } from "./asking.js"

const Player = Schema.Struct({ id: Schema.Number, team: Schema.Number, name: Schema.String })
const Ask = Schema.Struct({ team: Schema.Number, since: Schema.NumberFromString })
const batched = { batching: true } as const

const byId = (db: Database.Database, asked: Array<ReadonlyArray<number>>) =>
  SqlResolver.findById("Player", {
    Id: Schema.Number,
    Result: Player,
    ResultId: (player) => player.id,
    execute: (ids) => {
      asked.push(ids)
      return db`SELECT * FROM players WHERE ${db.in("id", ids)}`
    }
  })

export const resolvers: ReadonlyArray<Case> = [
  {
    law: "V5",
    title: "SqlSchema encodes what is asked and decodes the rows: findAll, findOne, single, void; and what does not fit is a ParseError",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* withPlayers(db)
      const execute = ({ since, team }: typeof Ask.Encoded) => db`SELECT * FROM players WHERE team = ${team} AND id >= ${Number(since)} ORDER BY id`
      const options = { Request: Ask, Result: Player, execute }
      const names = (found: ReadonlyArray<typeof Player.Type>) => found.map(({ name }) => name)
      assert.deepStrictEqual(names(yield* SqlSchema.findAll(options)({ team: 1, since: 0 })), ["a", "b"])
      assert.deepStrictEqual(Option.map(yield* SqlSchema.findOne(options)({ team: 1, since: 2 }), ({ name }) => name), Option.some("b"))
      assert.deepStrictEqual(yield* SqlSchema.findOne(options)({ team: 9, since: 0 }), Option.none())
      assert.strictEqual((yield* SqlSchema.single(options)({ team: 2, since: 0 })).name, "c")
      assert.strictEqual((yield* Effect.flip(SqlSchema.single(options)({ team: 9, since: 0 })))._tag, "NoSuchElementException")
      yield* SqlSchema.void({ Request: Schema.Number, execute: (id) => db`DELETE FROM players WHERE id = ${id}` })(3)
      assert.strictEqual(yield* total(db, "players"), 2)
      const wrong = SqlSchema.findAll({ Request: Schema.Void, Result: Schema.Struct({ id: Schema.String }), execute: () => db`SELECT id FROM players` })
      assert.strictEqual((yield* Effect.flip(wrong(undefined)))._tag, "ParseError")
      yield* fails(SqlSchema.findAll({ Request: Schema.Void, Result: Player, execute: () => db`SELECT none FROM players` })(undefined), "SqlSyntaxError")
    })
  },
  {
    law: "V5",
    title: "SqlResolver.findById asks once for many, answers each, and None where there is no row; with Resolver.distinct for one id twice",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* withPlayers(db)
      const asked: Array<ReadonlyArray<number>> = []
      const resolver = yield* byId(db, asked)
      const found = yield* Effect.forEach([3, 9, 1], (id) => resolver.execute(id), batched)
      assert.deepStrictEqual(found.map(Option.map(({ name }) => name)), [Option.some("c"), Option.none(), Option.some("a")])
      const distinct = Resolver.distinct(resolver)
      const twice = yield* Effect.forEach([3, 9, 3, 9, 1], (id) => distinct.execute(id), batched)
      assert.deepStrictEqual(twice.map(Option.map(({ name }) => name)), [Option.some("c"), Option.none(), Option.some("c"), Option.none(), Option.some("a")])
      assert.deepStrictEqual(asked, [[3, 9, 1], [3, 9, 1]])
      yield* Table.drop(db, players)
      const failed = yield* Effect.forEach([1, 1], (id) => Effect.flip(distinct.execute(id)), batched)
      assert.deepStrictEqual(failed.map((error) => error._tag), ["SqlError", "SqlError"])
    })
  },
  {
    law: "V5",
    title: "SqlResolver.grouped gives each key its rows, also a key that is asked for twice; ordered gives each request its own",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* withPlayers(db)
      const byTeam = yield* SqlResolver.grouped("Team", {
        Request: Schema.Number,
        RequestGroupKey: (team) => team,
        Result: Player,
        ResultGroupKey: (player) => player.team,
        execute: (teams) => db`SELECT * FROM players WHERE ${db.in("team", teams)} ORDER BY id`
      })
      const teams = yield* Effect.forEach([2, 1, 1, 5], (team) => byTeam.execute(team), batched)
      assert.deepStrictEqual(teams.map((all) => all.map(({ name }) => name)), [["c"], ["a", "b"], ["a", "b"], []])
      const add = yield* SqlResolver.ordered("Add", {
        Request: Player,
        Result: Player,
        execute: (rows) => db.transaction(Effect.zipRight(db`INSERT INTO players ${db.insert(rows)}`, db`SELECT * FROM players WHERE ${db.in("id", rows.map(({ id }) => id))} ORDER BY id`))
      })
      const rows = [4, 5, 6].map((id) => ({ id, team: 9, name: "x" }))
      assert.deepStrictEqual(yield* Effect.forEach(rows, (row) => add.execute(row), batched), rows)
      const failed = yield* Effect.forEach([6, 7], (id) => Effect.flip(add.execute({ id, team: 9, name: "y" })), batched)
      assert.deepStrictEqual(failed.map((error) => error._tag), ["SqlError", "SqlError"])
      assert.strictEqual(yield* total(db, "players"), 6)
    })
  },
  {
    law: "V5",
    title: "a SqlResolver runs inside the transaction that its caller is in, by the stock verb as well",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* withPlayers(db)
      const remove = yield* SqlResolver.void("Remove", { Request: Schema.Number, execute: (ids) => db`DELETE FROM players WHERE ${db.in("id", ids)}` })
      const asked: Array<ReadonlyArray<number>> = []
      const resolver = yield* byId(db, asked)
      for (const within of [db.withTransaction, db.transaction]) {
        yield* Effect.ignore(within(Effect.gen(function*() {
          yield* players.insert(db, { id: 4, team: 2, name: "d" })
          yield* Effect.forEach([1, 2], (id) => remove.execute(id), batched)
          const found = yield* on(db)(Effect.forEach([4, 1], (id) => resolver.execute(id), batched))
          assert.deepStrictEqual(found.map(Option.isSome), [true, false])
          return yield* Effect.fail("no")
        })))
        assert.strictEqual(yield* total(db, "players"), 3)
      }
    })
  }
]
