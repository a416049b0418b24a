/**
 * Cases of V5: the stock repositories and data loaders over models, with real rows.
 */
import * as Model from "@effect/sql/Model"
import { assert } from "@effect/vitest"
import * as Table from "@sluice/core/Table"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Case } from "../../Case.js"
import { failure } from "../../internal/asking.js"
import { names, on, total } from "./asking.js"
import { at, people, Person, person } from "./people.js"

const repository = Model.makeRepository(Person, at)

export const models: ReadonlyArray<Case> = [
  {
    law: "V5",
    title: "Model.makeRepository inserts, reads back, updates, finds and deletes, and sends no two statements in one text otherwise",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open(names)
      yield* Table.create(db, people)
      const repo = yield* on(db)(repository)
      yield* repo.insertVoid(person("Grace"))
      const ada = person("Ada; it's \\ `x`?", { tags: ["a", "b;"], age: 36 })
      const inserted = yield* repo.insert(ada)
      assert.deepStrictEqual([inserted.id, inserted.fullName, inserted.tags, inserted.age], [2, ada.fullName, ["a", "b;"], 36])
      assert.isTrue(DateTime.isDateTime(inserted.createdAt))
      const updated = yield* repo.update(Person.update.make({ ...inserted, fullName: "Ada Lovelace", updatedAt: undefined }))
      assert.deepStrictEqual([updated.id, updated.fullName], [2, "Ada Lovelace"])
      yield* repo.updateVoid(Person.update.make({ ...inserted, fullName: "Ada King", updatedAt: undefined }))
      assert.deepStrictEqual(Option.map(yield* repo.findById(2), (found) => found.fullName), Option.some("Ada King"))
      assert.deepStrictEqual(yield* repo.findById(99), Option.none())
      yield* repo.delete(2)
      assert.deepStrictEqual(yield* db<{ fullName: string }>`SELECT full_name FROM people`.column("fullName"), ["Grace"])
      yield* failure(db`SELECT 1; SELECT 2`.unprepared)
    })
  },
  {
    law: "V5",
    title: "a stock repository writes in the transaction around it, and each of many at once reads back its own row",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open(names)
      yield* Table.create(db, people)
      const repo = yield* on(db)(repository)
      const wanted = Array.from({ length: 48 }, (_, n) => `p${n}`)
      const own = yield* Effect.forEach(wanted, (fullName) => Effect.map(repo.insert(person(fullName)), (found) => found.fullName), { concurrency: 16 })
      assert.deepStrictEqual(own, wanted)
      yield* Effect.ignore(db.transaction(Effect.zipRight(repo.insert(person("Ada")), Effect.fail("no"))))
      assert.strictEqual(yield* total(db, "people"), 48)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(repo.insert(person("p1")))))
      assert.strictEqual(yield* total(db, "people"), 48)
    })
  },
  {
    law: "V5",
    title: "Model.makeDataLoaders inserts, finds and deletes in batches",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open(names)
      yield* Table.create(db, people)
      const loaders = yield* on(db)(Model.makeDataLoaders(Person, { ...at, window: 10 }))
      const all = { concurrency: "unbounded" } as const
      const inserted = yield* Effect.forEach(["a", "b", "c"], (fullName) => loaders.insert(person(fullName)), all)
      assert.deepStrictEqual(inserted.map((found) => found.fullName), ["a", "b", "c"])
      const found = yield* Effect.forEach(inserted, (one) => loaders.findById(one.id), all)
      assert.deepStrictEqual(found.map(Option.map((one) => one.fullName)), [Option.some("a"), Option.some("b"), Option.some("c")])
      yield* Effect.forEach(inserted.slice(1), (one) => loaders.delete(one.id), all)
      assert.strictEqual(yield* total(db, "people"), 1)
    })
  }
]
