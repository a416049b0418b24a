/**
 * Cases of V10: repositories and data loaders over models, whose failures are typed.
 */
import * as Model from "@effect/sql/Model"
import { assert } from "@effect/vitest"
import * as Column from "@sluice/core/Column"
import * as Database from "@sluice/core/Database"
import * as ErrorHook from "@sluice/core/ErrorHook"
import * as Repository from "@sluice/core/Repository"
import * as Table from "@sluice/core/Table"
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"
import type { Bench, Case } from "../Case.js"
import { fails, misuse } from "../internal/asking.js"
import { names, total } from "./ecosystem/asking.js"
import { at, people, Person, person } from "./ecosystem/people.js"

const opened = (bench: Bench, config: Database.Config = {}) =>
  Effect.tap(bench.open({ ...names, ...config }), (db) => Table.create(db, people))

const all = { concurrency: "unbounded" } as const
const nameOf = (found: typeof Person.Type) => found.fullName

// A model whose ids are the app's, and bytes.
class Badge extends Model.Class<Badge>("Badge")({
  id: Model.UuidV4Insert(Schema.Uint8ArrayFromSelf.pipe(Schema.brand("BadgeId"))),
  label: Schema.NonEmptyString
}) {}
const badges = Table.make("badges", { id: Column.bytes().native({ mysql: "BINARY(16)" }).primaryKey(), label: Column.text(20).notNull().unique() })

export const repositories: ReadonlyArray<Case> = [
  {
    law: "V10",
    title: "a row is inserted, read back with its id, changed, found and deleted; one that is not there is None, and no failure but for update",
    run: (bench) => Effect.gen(function*() {
      const db = yield* opened(bench)
      const repo = Repository.make(db, Person, at)
      yield* repo.insertVoid(person("Grace"))
      const ada = yield* repo.insert(person("Ada", { tags: ["a", "b"], age: 36 }))
      assert.deepStrictEqual([ada.id, ada.fullName, ada.tags, ada.age], [2, "Ada", ["a", "b"], 36])
      assert.isTrue(DateTime.isDateTime(ada.createdAt))
      const changed = yield* repo.update(Person.update.make({ ...ada, fullName: "Ada Lovelace", updatedAt: undefined }))
      assert.deepStrictEqual([changed.id, changed.fullName, changed.tags], [2, "Ada Lovelace", ["a", "b"]])
      yield* repo.updateVoid(Person.update.make({ ...ada, fullName: "Ada King", updatedAt: undefined }))
      assert.deepStrictEqual(Option.map(yield* repo.findById(2), nameOf), Option.some("Ada King"))
      yield* repo.delete(2)
      assert.deepStrictEqual(yield* repo.findById(2), Option.none())
      yield* repo.delete(2)
      const gone = Person.update.make({ ...ada, updatedAt: undefined })
      yield* repo.updateVoid(gone)
      const reason = yield* misuse(repo.update(gone), "ResultError")
      assert.deepStrictEqual([reason.expected, reason.found], ["one row", 0])
      assert.strictEqual(yield* total(db, "people"), 1)
    })
  },
  {
    law: "V10",
    title: "each failure has its reason: what the database refuses, what the Schema refuses, what a row holds that does not fit",
    run: (bench) => Effect.gen(function*() {
      const db = yield* opened(bench)
      const repo = Repository.make(db, Person, at)
      const ada = yield* repo.insert(person("Ada", { secret: "s3cret" }))
      for (const insert of [repo.insert, repo.insertVoid]) {
        yield* fails(insert(person("Ada")), "UniqueViolation")
        const reason = yield* misuse(insert(Person.insert.make({ ...person("Bob"), age: 200 }, true)), "DataError")
        assert.deepStrictEqual(reason.column, "age")
      }
      yield* repo.insertVoid(person("Grace"))
      yield* fails(repo.update(Person.update.make({ ...ada, fullName: "Grace", updatedAt: undefined })), "UniqueViolation")
      // As it comes out of a request, where no type has looked at it.
      const unchecked: number = JSON.parse("\"one\"")
      assert.deepStrictEqual((yield* misuse(repo.findById(unchecked), "DataError")).column, "id")
      assert.strictEqual(yield* total(db, "people"), 2)

      yield* db`UPDATE people SET age = ${999}`
      const unfit = yield* misuse(repo.findById(ada.id), "DecodeError")
      assert.deepStrictEqual([unfit.column, unfit.row], ["age", 0])
      yield* db`UPDATE people SET tags = ${"s3cret, and no JSON"}`
      for (const failing of [Effect.asVoid(repo.findById(ada.id)), Effect.asVoid(Effect.repeatN(repo.insert(person("s3cret Ada")), 1))]) {
        const exit = yield* Effect.exit(failing)
        assert.isTrue(Exit.isFailure(exit))
        if (Exit.isFailure(exit)) {
          for (const shown of [Cause.pretty(exit.cause, { renderErrorCause: true }), inspect(exit, { depth: 9 }), JSON.stringify(exit)]) assert.notInclude(shown, "s3cret")
        }
      }
      yield* db`DROP TABLE people`
      const verbs = [Effect.asVoid(repo.findById(1)), repo.delete(1), repo.insertVoid(person("Ada")), repo.updateVoid(Person.update.make({ ...ada, updatedAt: undefined }))]
      for (const verb of verbs) yield* fails(verb, "SqlSyntaxError")
    })
  },
  {
    law: "V10",
    title: "a row that was written and then does not fit says applied, and is there",
    run: (bench) => Effect.gen(function*() {
      const db = yield* opened(bench)
      class Wrong extends Model.Class<Wrong>("Wrong")({ ...Model.fields(Person), id: Model.Generated(Schema.String) }) {}
      const repo = Repository.make(db, Wrong, at)
      const reason = yield* fails(repo.insert(Wrong.insert.make(person("Ada"))), "DecodeError")
      assert.deepStrictEqual([reason.column, reason.outcome], ["id", "applied"])
      assert.strictEqual(yield* total(db, "people"), 1)
    })
  },
  {
    law: "V10",
    title: "it writes in the transaction around it, and each of many at once reads back its own row",
    run: (bench) => Effect.gen(function*() {
      const db = yield* opened(bench)
      const repo = Repository.make(db, Person, at)
      const wanted = Array.from({ length: 48 }, (_, n) => `p${n}`)
      assert.deepStrictEqual((yield* Effect.forEach(wanted, (name) => repo.insert(person(name)), { concurrency: 16 })).map(nameOf), wanted)
      yield* Effect.ignore(db.transaction(Effect.gen(function*() {
        const ada = yield* repo.insert(person("Ada"))
        assert.deepStrictEqual(Option.map(yield* repo.findById(ada.id), nameOf), Option.some("Ada"))
        yield* repo.delete(1)
        return yield* Effect.fail("no")
      })))
      assert.strictEqual(yield* total(db, "people"), 48)
    })
  },
  {
    law: "V10",
    title: "an id that the app makes, of bytes, is written, found and read back, one by one and in batches",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* Table.create(db, badges)
      const options = { tableName: "badges", idColumn: "id" } as const
      const repo = Repository.make(db, Badge, options)
      const first = yield* repo.insert(Badge.insert.make({ label: "a" }))
      assert.deepStrictEqual(Option.map(yield* repo.findById(first.id), ({ label }) => label), Option.some("a"))
      assert.strictEqual((yield* repo.update(Badge.update.make({ id: first.id, label: "b" }))).label, "b")
      assert.strictEqual((yield* misuse(repo.insert({ label: "" } as typeof Badge.insert.Type), "DataError")).column, "label")
      const loaders = yield* Repository.makeDataLoaders(db, Badge, { ...options, window: 5 })
      const labels = ["z", "c", "y", "d"]
      const inserted = yield* Effect.forEach(labels, (label) => loaders.insert(Badge.insert.make({ label })), all)
      assert.deepStrictEqual(inserted.map(({ label }) => label), labels)
      const found = yield* Effect.forEach([inserted[3]!.id, first.id, inserted[3]!.id], loaders.findById, all)
      assert.deepStrictEqual(found.map(Option.map(({ label }) => label)), [Option.some("d"), Option.some("b"), Option.some("d")])
    })
  },
  {
    law: "V10",
    title: "data loaders send what many fibers ask for in one statement, answer everyone, and ask for one id once",
    run: (bench) => Effect.gen(function*() {
      const db = yield* opened(bench)
      const loaders = yield* Repository.makeDataLoaders(db, Person, { ...at, window: 5 })
      const inserted = yield* Effect.forEach(["c", "a", "b"], (name) => loaders.insert(person(name)), all)
      assert.deepStrictEqual(inserted.map(({ fullName, id }) => [id, fullName]), [[1, "c"], [2, "a"], [3, "b"]])
      yield* Effect.forEach(["x", "y"], (name) => loaders.insertVoid(person(name)), all)
      const { acquired } = yield* db.pool.stats
      const found = yield* Effect.forEach([3, 1, 99, 3, 99], loaders.findById, all)
      assert.deepStrictEqual(found.map(Option.map(nameOf)), [Option.some("b"), Option.some("c"), Option.none(), Option.some("b"), Option.none()])
      yield* Effect.forEach([1, 2, 2], loaders.delete, all)
      assert.strictEqual((yield* db.pool.stats).acquired - acquired, 2, "a statement for the finds, one for the deletes")
      assert.strictEqual(yield* total(db, "people"), 3)
    })
  },
  {
    law: "V10",
    title: "in a batch each is answered with its own row where the ids that the database makes do not ascend",
    needs: ["returning"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const scattered = db.onDialectOrElse({ pg: () => "(random() * 1000000)::INTEGER", orElse: () => "(abs(random()) % 1000000)" })
      yield* db.unsafe(`CREATE TABLE badges (id INTEGER UNIQUE DEFAULT ${scattered}, label VARCHAR(20) UNIQUE)`)
      class Scattered extends Model.Class<Scattered>("Scattered")({ id: Model.Generated(Schema.Number), label: Schema.String }) {}
      const loaders = yield* Repository.makeDataLoaders(db, Scattered, { tableName: "badges", idColumn: "id", window: 5 })
      for (const from of [0, 8]) {
        const labels = Array.from({ length: 8 }, (_, n) => `badge ${from + n}`)
        const inserted = yield* Effect.forEach(labels, (label) => loaders.insert(Scattered.insert.make({ label })), all)
        assert.deepStrictEqual(inserted.map(({ label }) => label), labels)
        const found = yield* Effect.forEach(inserted, ({ id }) => loaders.findById(id), all)
        assert.deepStrictEqual(found.map(Option.map(({ label }) => label)), labels.map(Option.some))
      }
      assert.strictEqual(yield* total(db, "badges"), 16)
    })
  },
  {
    law: "V10",
    title: "in a batch an id that the database spells otherwise is found as it is by itself",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      // Texts that are equal to this database whatever their case.
      const type = db.onDialectOrElse({ pg: () => "UUID", mysql: () => "VARCHAR(36) COLLATE utf8mb4_general_ci", orElse: () => "TEXT COLLATE NOCASE" })
      yield* db.unsafe(`CREATE TABLE tags (id ${type} PRIMARY KEY, label VARCHAR(20))`)
      class Tag extends Model.Class<Tag>("Tag")({ id: Model.GeneratedByApp(Schema.String), label: Schema.String }) {}
      const loaders = yield* Repository.makeDataLoaders(db, Tag, { tableName: "tags", idColumn: "id", window: 5 })
      const uuid = (n: number) => `0000000${n}-0000-4000-8000-00000000ABCD`
      const inserted = yield* Effect.forEach([2, 1, 3], (n) => loaders.insert(Tag.insert.make({ id: uuid(n), label: `tag ${n}` })), all)
      assert.deepStrictEqual(inserted.map(({ label }) => label), ["tag 2", "tag 1", "tag 3"])
      const asked = [uuid(1), uuid(2).toLowerCase(), uuid(9), uuid(3)]
      const found = yield* Effect.forEach(asked, loaders.findById, all)
      assert.deepStrictEqual(found.map(Option.map(({ label }) => label)), [Option.some("tag 1"), Option.some("tag 2"), Option.none(), Option.some("tag 3")])
    })
  },
  {
    law: "V10",
    title: "in a batch a row that the database or the Schema refuses fails alone, in a transaction too, and the others are written",
    run: (bench) => Effect.gen(function*() {
      const db = yield* opened(bench)
      const loaders = yield* Repository.makeDataLoaders(db, Person, { ...at, window: 5 })
      const outcomes = (names: ReadonlyArray<string>, verb: (row: typeof Person.insert.Type) => Effect.Effect<unknown, unknown>) =>
        Effect.map(
          Effect.forEach(names, (name) => Effect.either(fails(verb(person(name)), "UniqueViolation")), all),
          (all) => all.map((either) => either._tag === "Right" ? "refused" : "written")
        )
      assert.deepStrictEqual(yield* outcomes(["a", "b", "a", "c"], loaders.insert), ["written", "written", "refused", "written"])
      assert.deepStrictEqual(yield* outcomes(["d", "b", "e"], loaders.insertVoid), ["written", "refused", "written"])
      assert.deepStrictEqual(yield* db.transaction(outcomes(["f", "a", "g"], loaders.insert)), ["written", "refused", "written"])
      const [ok, misfit] = yield* Effect.all([loaders.insert(person("h")), Effect.flip(loaders.insert({ ...person("i"), age: -1 } as typeof Person.insert.Type))], all)
      assert.deepStrictEqual([ok.fullName, misfit.reason._tag], ["h", "DataError"])
      assert.strictEqual(yield* total(db, "people"), 8)
    })
  },
  {
    law: "V10",
    title: "what is asked for in a transaction shares no batch with what is not: nothing is written outside of it, nothing unseen is read",
    needs: ["concurrent"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* opened(bench)
      const loaders = yield* Repository.makeDataLoaders(db, Person, { ...at, window: 20 })
      const inside = Effect.flip(db.transaction(Effect.gen(function*() {
        const { id } = yield* loaders.insert(person("inside"))
        const seen = yield* loaders.findById(id)
        assert.isTrue(Option.isSome(seen))
        return yield* Effect.fail("no")
      })))
      yield* Effect.all([inside, Effect.yieldNow().pipe(Effect.zipRight(loaders.insert(person("outside"))))], all)
      const outside = yield* db<{ fullName: string }>`SELECT full_name FROM people`.column("fullName")
      assert.deepStrictEqual(outside, ["outside"])
    })
  },
  {
    law: "V10",
    title: "whoever is interrupted while a batch gathers is not sent; when the scope closes, whoever waits fails with ClosedError",
    run: (bench) => Effect.gen(function*() {
      const db = yield* opened(bench)
      const scope = yield* Scope.make()
      const loaders = yield* Scope.extend(Repository.makeDataLoaders(db, Person, { ...at, window: 50, maxBatchSize: 3 }), scope)
      const leaving = yield* Effect.fork(loaders.insert(person("leaving")))
      const staying = yield* Effect.fork(loaders.insert(person("staying")))
      yield* Effect.sleep(10)
      yield* Fiber.interrupt(leaving)
      assert.strictEqual((yield* Fiber.join(staying)).fullName, "staying")
      const start = performance.now()
      yield* Effect.forEach(["a", "b", "c"], (name) => loaders.insertVoid(person(name)), all)
      assert.isBelow(performance.now() - start, 5_000)
      const waiting = yield* Effect.fork(Effect.flip(loaders.insertVoid(person("late"))))
      yield* Effect.sleep(10)
      yield* Scope.close(scope, Exit.void)
      const { reason } = yield* Fiber.join(waiting)
      assert.deepStrictEqual([reason._tag, reason.outcome], ["ClosedError", "not-applied"])
      yield* misuse(loaders.findById(1), "ClosedError")
      assert.strictEqual(yield* total(db, "people"), 4)
      assert.strictEqual((yield* misuse(Effect.scoped(Repository.makeDataLoaders(db, Person, { ...at, window: -1 })), "ConfigError")).field, "window")
      assert.strictEqual((yield* misuse(Effect.scoped(Repository.makeDataLoaders(db, Person, { ...at, window: 1, maxBatchSize: 0 })), "ConfigError")).field, "maxBatchSize")
    })
  },
  {
    law: "V10",
    title: "with replicas, who has written through a data loader reads from the primary, and shares no batch with who has not",
    run: (bench) => Effect.gen(function*() {
      const primary = yield* opened(bench)
      const replica = yield* opened(bench)
      yield* Repository.make(replica, Person, at).insertVoid(person("of the replica"))
      const db = yield* Database.withReplicas({ primary, replicas: [replica] })
      const loaders = yield* Repository.makeDataLoaders(db, Person, { ...at, window: 20 })
      const written = yield* Deferred.make<void>()
      const writer = loaders.insert(person("of the primary")).pipe(
        Effect.zipLeft(Deferred.succeed(written, undefined)),
        Effect.flatMap(({ id }) => loaders.findById(id))
      )
      const reader = Effect.zipRight(Deferred.await(written), loaders.findById(1))
      const found = yield* Effect.all([Effect.fork(writer), Effect.fork(reader)]).pipe(Effect.flatMap(Effect.forEach((fiber) => fiber.await)))
      assert.deepStrictEqual(found.map((exit) => Exit.map(exit, Option.map(nameOf))), [Exit.succeed(Option.some("of the primary")), Exit.succeed(Option.some("of the replica"))])
    })
  },
  {
    law: "V9",
    title: "an error hook sees what a repository and its Schema refuse, each once",
    run: (bench) => Effect.gen(function*() {
      const seen: Array<string> = []
      const hook = ErrorHook.layer(({ error }) => Effect.sync(() => seen.push(error.reason._tag)))
      const db = yield* Effect.provide(opened(bench), hook)
      const repo = Repository.make(db, Person, at)
      const ada = yield* repo.insert(person("Ada"))
      yield* Effect.ignore(repo.insert({ ...person("Bob"), age: 200 } as typeof Person.insert.Type))
      yield* Effect.ignore(repo.insert(person("Ada")))
      yield* Effect.ignore(repo.update(Person.update.make({ ...ada, id: 99, updatedAt: undefined })))
      yield* db`UPDATE people SET age = ${999}`
      yield* Effect.ignore(repo.findById(ada.id))
      assert.deepStrictEqual(seen, ["DataError", "UniqueViolation", "ResultError", "DecodeError"])
    })
  },
  {
    law: "E4",
    title: "the spans of a repository and of data loaders hold no value",
    run: (bench) => Effect.gen(function*() {
      const db = yield* opened(bench)
      const spans: Array<Tracer.Span> = []
      const native = yield* Effect.tracer
      const tracer = Tracer.make({
        span: (name, ...more) => {
          const span = native.span(name, ...more)
          spans.push(span)
          return span
        },
        context: (f) => f()
      })
      yield* Effect.gen(function*() {
        const repo = Repository.make(db, Person, at)
        const loaders = yield* Repository.makeDataLoaders(db, Person, { ...at, spanPrefix: "loaded", window: 0 })
        const ada = yield* repo.insert(person("s3cret", { secret: "s3cret" }))
        yield* Effect.ignore(repo.insert(person("s3cret")))
        yield* loaders.insert(person("more s3cret"))
        yield* loaders.findById(ada.id)
      }).pipe(Effect.withTracer(tracer))
      assert.includeMembers(spans.map(({ name }) => name), ["people.insert", "loaded.insert", "loaded.findById"])
      for (const { attributes } of spans) assert.notInclude(JSON.stringify([...attributes]), "s3cret")
    })
  }
]
