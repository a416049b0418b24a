/**
 * Cases of the laws B1, B4 and B6, over the batcher. Dead letters and its transactions are in `deadLetters`.
 */
import { assert } from "@effect/vitest"
import * as Batcher from "@sluice/batcher/Batcher"
import * as BatchError from "@sluice/batcher/BatchError"
import * as BulkSink from "@sluice/batcher/BulkSink"
import * as Database from "@sluice/core/Database"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Bench, Case } from "../Case.js"
import { add, eventually, ids, misuse, within } from "../internal/asking.js"

const insert = (db: Database.Database, id: number) => db`INSERT INTO things (id, name) VALUES (${id}, ${`n${id}`})`

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n)

/** A batcher over a database, in a scope of its own. */
const batcher = (db: Database.Database, options: Batcher.Options) => Batcher.make(options).pipe(Effect.provideService(Database.Database, db))

/** A database whose one connection somebody holds, and the batches up with it, until the gate is opened. */
const heldUp = (bench: Bench) =>
  Effect.gen(function*() {
    const db = yield* bench.open({ pool: { max: 1 } })
    const gate = yield* Deferred.make<void>()
    const held = yield* Deferred.make<void>()
    const writer = yield* Effect.fork(db.transaction(Effect.zipRight(Deferred.succeed(held, undefined), Deferred.await(gate))))
    yield* Deferred.await(held)
    return { db, gate, writer }
  })

export const batches: ReadonlyArray<Case> = [
  {
    law: "B1",
    title: "everything that was added is applied once, in order, and reported",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db`CREATE TABLE log (at INTEGER PRIMARY KEY, what INTEGER)`
      yield* Effect.scoped(Effect.gen(function*() {
        const batch = yield* batcher(db, { maxStatements: 7 })
        // Each row is numbered by those before it.
        for (const n of range(1, 100)) yield* batch.add(db`INSERT INTO log (at, what) SELECT COALESCE(MAX(at), 0) + 1, ${n} FROM log`)
        yield* batch.flush()
        const report = yield* batch.report
        assert.deepStrictEqual([report.statements, report.sent, report.batches], [100, 100, 15])
      }))
      assert.deepStrictEqual(yield* db`SELECT what FROM log ORDER BY at`.column("what"), range(1, 100))
    })
  },
  {
    law: "B1",
    title: "what was added is flushed when the scope closes",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* Effect.scoped(Effect.flatMap(batcher(db, {}), (batch) => Effect.forEach(range(1, 20), (n) => batch.add(insert(db, n)))))
      assert.deepStrictEqual(yield* ids(db), range(1, 20))
    })
  },
  {
    law: "B1",
    title: "after a failure nothing later is sent, and all that was not applied is reported back",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 5)
      const left: Array<Batcher.LeftStatement> = []
      const exit = yield* Effect.exit(Effect.scoped(Effect.gen(function*() {
        const batch = yield* batcher(db, {
          maxStatements: 3,
          onLeft: ({ statements }) => Effect.sync(() => void left.push(...statements))
        })
        return yield* batch.process(range(1, 9).map((n) => insert(db, n)))
      })))
      assert.isTrue(Exit.isFailure(exit))
      // The first batch is applied, the second one is not, not a part of it, and nothing after it.
      assert.deepStrictEqual(yield* ids(db), [1, 2, 3, 5])
      assert.isTrue(left.every((statement) => statement.outcome === "not-applied"))
    })
  },
  {
    law: "B1",
    title: "statements of one text that follow each other go together, and each is still one: in order, counted, blamed alone",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const priced = (n: number) => db`UPDATE things SET amount = ${n} WHERE id <= ${n}`
      const mixed = [...range(1, 20).map((n) => insert(db, n)), priced(30), ...range(21, 40).map((n) => insert(db, n)), ...range(1, 9).map(priced), db`DELETE FROM things WHERE id > ${35}`]
      yield* Effect.scoped(Effect.flatMap(batcher(db, {}), (batch) => batch.process(mixed)))
      const amounts = yield* db<{ amount: unknown }>`SELECT amount FROM things ORDER BY id`.column("amount")
      assert.deepStrictEqual(amounts, range(1, 35).map((n) => n <= 9 ? 9 : n <= 20 ? 30 : null))
      // A few of one text among others of as many parameters.
      const among = [priced(35), priced(34), ...range(1, 9).flatMap((n) => [db`UPDATE things SET amount = amount + ${n} WHERE id = ${n}`, db`UPDATE things SET amount = amount - ${n} WHERE id <= ${n}`])]
      yield* Effect.scoped(Effect.flatMap(batcher(db, {}), (batch) => batch.process(among)))
      const changed = yield* db<{ amount: unknown }>`SELECT amount FROM things ORDER BY id`.column("amount")
      assert.deepStrictEqual(changed, range(1, 35).map((n) => n > 34 ? 35 : n > 9 ? 34 : 34 + n - range(n, 9).reduce((sum, k) => sum + k, 0)))
      yield* db`DELETE FROM things WHERE id <> ${17}`
      const many = range(1, 30).map((n) => insert(db, n))
      const failed = yield* Effect.flip(Effect.scoped(Effect.flatMap(batcher(db, { onLeft: () => Effect.void }), (batch) => batch.process(many))))
      assert.isTrue(failed instanceof BatchError.BatchError)
      if (!(failed instanceof BatchError.BatchError)) return
      assert.strictEqual(failed.failed?.index, 16)
      assert.deepStrictEqual(failed.counts, { applied: 0, notApplied: 30, unknown: 0 })
      assert.deepStrictEqual(yield* ids(db), [17])
      const dead: Array<number> = []
      const deadLetter = (letters: ReadonlyArray<{ readonly index: number }>) => Effect.sync(() => void dead.push(...letters.map(({ index }) => index)))
      const report = yield* Effect.scoped(Effect.flatMap(batcher(db, { deadLetter }), (batch) => batch.process(many)))
      assert.deepStrictEqual([dead, report.sent, report.deadLettered], [[16], 29, 1])
      assert.deepStrictEqual(yield* ids(db), range(1, 30))
    })
  },
  {
    law: "B1",
    title: "a failed batch tells the statement, the counts and the reason",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 2)
      yield* Effect.scoped(Effect.gen(function*() {
        const batch = yield* batcher(db, { onLeft: () => Effect.void })
        yield* Effect.forEach([1, 2, 3], (n) => batch.add(insert(db, n)))
        const error = yield* Effect.flip(batch.flush())
        assert.isTrue(BatchError.isBatchError(error))
        if (!BatchError.isBatchError(error)) return
        assert.deepStrictEqual([error.error.reason._tag, error.failed?.index, error.outcome], ["UniqueViolation", 1, "not-applied"])
        assert.deepStrictEqual(error.counts, { applied: 0, notApplied: 3, unknown: 0 })
        assert.notInclude(JSON.stringify(error), "n2")
      }))
      assert.deepStrictEqual(yield* ids(db), [2])
    })
  },
  {
    law: "B1",
    title: "an interrupted scope reports what was left, and sends none of it",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const left: Array<number> = []
      const scope = yield* Scope.make()
      const batch = yield* Scope.extend(batcher(db, { onLeft: ({ statements }) => Effect.sync(() => void left.push(...statements.map(({ index }) => index))) }), scope)
      yield* batch.add(insert(db, 1))
      yield* batch.add(insert(db, 2))
      yield* Scope.close(scope, Exit.interrupt(yield* Effect.fiberId))
      assert.deepStrictEqual(left, [0, 1])
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "B1",
    title: "a bulk load writes every row once; a failing chunk leaves those before it and nothing of its own",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const rows = (from: number, to: number) => Stream.fromIterable(range(from, to).map((n) => [n, `n${n}`] as const))
      const load = (from: number, to: number, transaction: "chunk" | "all") =>
        BulkSink.load(rows(from, to), { table: "things", columns: ["id", "name"], chunkSize: 100, transaction }).pipe(
          Effect.provideService(Database.Database, db)
        )
      const report = yield* load(1, 950, "chunk")
      assert.deepStrictEqual([report.rows, report.rejected, report.chunks], [950, 0, 10])
      assert.deepStrictEqual(yield* ids(db), range(1, 950))
      yield* db`DELETE FROM things WHERE id <> 250`
      yield* Effect.flip(load(1, 950, "all"))
      assert.deepStrictEqual(yield* ids(db), [250])
      yield* Effect.flip(load(1, 950, "chunk"))
      assert.deepStrictEqual(yield* ids(db), [...range(1, 200), 250])
    })
  },
  {
    law: "B1",
    title: "a stream that fails leaves what it had given in the batcher, which sends it, or hands it over",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const broken = Stream.concat(Stream.rechunk(Stream.fromIterable(range(1, 8).map((id) => insert(db, id))), 3), Stream.fail("the source broke"))
      for (const sends of [true, false]) {
        yield* db`DELETE FROM things`
        const left: Array<number> = []
        const exit = yield* Effect.exit(Effect.scoped(Effect.gen(function*() {
          const batch = yield* batcher(db, { maxStatements: 3, onLeft: ({ statements }) => Effect.sync(() => void left.push(...statements.map(({ index }) => index))) })
          assert.strictEqual(yield* Effect.flip(batch.process(broken)), "the source broke")
          return yield* sends ? Effect.void : Effect.fail("no")
        })))
        assert.strictEqual(Exit.isSuccess(exit), sends)
        assert.deepStrictEqual([...(yield* ids(db)), ...left.map((index) => index + 1)], range(1, 8))
        if (sends) assert.deepStrictEqual(left, [])
        else assert.includeMembers(left, [6, 7])
      }
    })
  },
  {
    law: "B1",
    title: "a statement that commits by itself is told as it is, and so are those around it, whatever is refused behind them",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const statements = [insert(db, 1), "/* made here */ CREATE TABLE more (a INTEGER)", insert(db, 2), insert(db, 1), insert(db, 3)]
      for (const hasLetters of [false, true]) {
        const not: Array<number> = []
        const keep = (more: ReadonlyArray<Batcher.LeftStatement>) => Effect.sync(() => void not.push(...more.map(({ index }) => index)))
        yield* Effect.scoped(Effect.gen(function*() {
          const batch = yield* batcher(db, { onLeft: ({ statements }) => keep(statements), ...(hasLetters ? { deadLetter: keep } : {}) })
          const answer = yield* Effect.either(batch.process(statements))
          assert.strictEqual(answer._tag, hasLetters ? "Right" : "Left")
        }))
        if (hasLetters) assert.deepStrictEqual(not, [3])
        assert.deepStrictEqual(yield* ids(db), [1, 2, 3].filter((id) => !not.includes(id === 1 ? 0 : id === 2 ? 2 : 4)))
        assert.strictEqual(Exit.isSuccess(yield* Effect.exit(db`SELECT a FROM more`)), !not.includes(1))
        yield* db`DELETE FROM things`
        yield* Effect.ignore(db`DROP TABLE more`)
      }
    })
  },
  {
    law: "B1",
    title: "a text is sent as it is, whatever stands before its strings and in them",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const each = [
        db`INSERT INTO things (id, name) VALUES (CASE WHEN x'0A' IS NULL THEN 0 ELSE ${1} END, ${"one"})`,
        "INSERT INTO things (id, name) VALUES (CASE WHEN X'0a' IS NULL THEN 0 ELSE 2 END, 'two;') /* it's */;",
        "INSERT INTO things (id, name) VALUES (CASE WHEN x'00' IS NULL THEN 0 ELSE 3 END, '-- é') -- it's;",
        "INSERT INTO things (id, name) VALUES (4, 'é; it''s');"
      ]
      yield* Effect.scoped(Effect.flatMap(batcher(db, {}), (batch) => batch.process(each)))
      assert.deepStrictEqual(yield* db`SELECT name FROM things ORDER BY id`.column("name"), ["one", "two;", "-- é", "é; it's"])
    })
  },
  {
    law: "B1",
    title: "a statement that begins or ends a transaction is refused when it is added, and the others of its batch are applied",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const refused = ["BEGIN", "commit;", "ROLLBACK", "/* a *//* b */ START TRANSACTION", "-- c\n  Savepoint a", "RELEASE a", "rollback to savepoint a", "END -- d", ...(db.dialect.lexicon.nestedComments ? ["/* a /* b */ c */ COMMIT"] : [])]
      for (const transaction of ["none", "batch"] as const) {
        yield* Effect.scoped(Effect.gen(function*() {
          const batch = yield* batcher(db, { transaction })
          yield* batch.add(insert(db, 1))
          for (const sql of refused) yield* misuse(batch.add(sql), "TransactionStateError")
          yield* batch.add("UPDATE things SET name = 'begin; commit'")
          // Many comments take no time.
          yield* batch.add(`${"/**/".repeat(5_000)} DELETE FROM things WHERE id = 7`)
          assert.strictEqual(yield* batch.flush(), 3)
        }))
        assert.deepStrictEqual(yield* db`SELECT id, name FROM things`.values, [[1, "begin; commit"]])
        yield* db`DELETE FROM things`
      }
      yield* db.transaction(db.unsafe(`${"/**/".repeat(5_000)} DELETE FROM things WHERE id = 7`))
    })
  },
  {
    law: "B4",
    title: "a full buffer suspends its producers until it is sent, and loses nobody",
    run: (bench) => Effect.gen(function*() {
      const { db, gate, writer } = yield* heldUp(bench)
      yield* Effect.scoped(Effect.gen(function*() {
        const batch = yield* batcher(db, { maxStatements: 10 })
        const producer = yield* Effect.fork(Effect.forEach(range(1, 500), (n) => batch.add(insert(db, n)), { discard: true }))
        yield* eventually(Effect.map(batch.state, (state) => state.waiting === 1), "the producer's suspension")
        yield* Effect.sleep(50)
        const { pending, sending } = yield* batch.state
        assert.isBelow(pending + sending, 100, "what is in memory is bounded")
        assert.isNull(producer.unsafePoll())
        yield* Deferred.succeed(gate, undefined)
        yield* within(Fiber.join(producer), 10_000, "the producer")
        yield* batch.flush()
      }))
      yield* Fiber.join(writer)
      assert.deepStrictEqual(yield* ids(db), range(1, 500))
    })
  },
  {
    law: "B4",
    title: "a suspended producer can be interrupted, and has added nothing",
    run: (bench) => Effect.gen(function*() {
      const { db, gate, writer } = yield* heldUp(bench)
      const added: Array<number> = []
      yield* Effect.scoped(Effect.gen(function*() {
        const batch = yield* batcher(db, { maxStatements: 2 })
        const producer = yield* Effect.fork(Effect.forEach(range(1, 50), (n) => Effect.tap(batch.add(insert(db, n)), () => Effect.sync(() => added.push(n))), { discard: true }))
        yield* eventually(Effect.map(batch.state, (state) => state.waiting === 1), "the producer's suspension")
        yield* within(Fiber.interrupt(producer), 1_000, "the interruption")
        yield* Deferred.succeed(gate, undefined)
        yield* batch.flush()
      }))
      yield* Fiber.join(writer)
      assert.deepStrictEqual(yield* ids(db), added)
    })
  },
  {
    law: "B6",
    title: "no batch is above maxBytes or maxStatements, whichever is met first",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      for (const [maxBytes, maxStatements, least] of [[1_000, 1_000, 10], [1_000_000, 4, 25], [600, 3, 34]] as const) {
        yield* db`DELETE FROM things`
        const report = yield* Effect.scoped(Effect.flatMap(batcher(db, { maxBytes, maxStatements }), (batch) =>
          batch.process(range(1, 100).map((n) => db`INSERT INTO things (id, name) VALUES (${n}, ${`${n}${"é".repeat(50)}`})`))))
        assert.strictEqual(report.sent, 100)
        assert.isAtLeast(report.batches, least)
        assert.isAtMost(report.bytes / report.batches, maxBytes)
        assert.strictEqual((yield* ids(db)).length, 100)
      }
    })
  },
  {
    law: "B6",
    title: "a statement above the server's own limit, and limits that cannot work, are refused before anything is sent",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      for (const options of [{ maxStatements: 0 }, { maxBytes: -1 }, { linger: -5 }, { inFlight: 2 }]) {
        yield* misuse(Effect.scoped(batcher(db, options)), "ConfigError")
      }
      const { maxParameters } = db.dialect.limits
      if (!Number.isFinite(maxParameters)) return
      yield* Effect.scoped(Effect.gen(function*() {
        const batch = yield* batcher(db, {})
        yield* batch.add(insert(db, 1))
        yield* misuse(batch.add(db`DELETE FROM things WHERE id IN ${db.in(range(0, maxParameters))}`), "LimitError")
        yield* batch.flush()
      }))
      assert.deepStrictEqual(yield* ids(db), [1])
    })
  }
]
