/**
 * The case of B1 over everything at once: random runs of a batcher with dead letters, merging, batches that overtake each
 * other, interruptions and a closing that is cut short. Each statement carries a number, by which it is found again.
 */
import { assert } from "@effect/vitest"
import * as Batcher from "@sluice/batcher/Batcher"
import type { Item } from "@sluice/batcher/Batch"
import * as Database from "@sluice/core/Database"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as fc from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Case } from "../Case.js"
import { accounted } from "../internal/asking.js"

type Kind = "text" | "parameters" | "select" | "twice" | "null" | "nowhere"

/** Statement number `n`: what it inserts has the number, what is refused tells it. */
const statementOf = (db: Database.Database, kind: Kind, n: number): Item => {
  switch (kind) {
    case "text":
      return `INSERT INTO things (id, name, amount) VALUES (${n}, 'it''s (${n});', ${n})`
    case "parameters":
      return db`INSERT INTO things (id, name, amount) VALUES (${n}, ${`n${n}`}, ${n})`
    case "select":
      return `INSERT INTO things (id, name, amount) SELECT ${n}, 'n${n}', ${n}`
    case "twice":
      return `INSERT INTO things (id, name, amount) VALUES (1, 'n${n}', ${n})`
    case "null":
      return db`INSERT INTO things (id, name, amount) VALUES (${n}, ${null}, ${n})`
    case "nowhere":
      return `INSERT INTO nowhere (amount) VALUES (${n})`
  }
}

const isGood = (kind: Kind) => kind === "text" || kind === "parameters" || kind === "select"

const numberOf = ({ params, text }: Pick<Batcher.LeftStatement, "params" | "text">): number =>
  params.length > 0 ? Number(params.at(-1)) : Number(/(\d+)\D*$/.exec(text)?.[1])

type Action =
  | { readonly do: "add" | "await"; readonly kind: Kind }
  | { readonly do: "process" | "stream" | "cut"; readonly kinds: ReadonlyArray<Kind> }
  | { readonly do: "flush" | "reset" | "yield" }

const kind = fc.oneof(
  { arbitrary: fc.constantFrom<Kind>("text", "text", "parameters", "select"), weight: 12 },
  { arbitrary: fc.constantFrom<Kind>("twice", "null", "nowhere"), weight: 2 }
)

const action: fc.Arbitrary<Action> = fc.oneof(
  { arbitrary: fc.record({ do: fc.constant("add" as const), kind }), weight: 8 },
  { arbitrary: fc.record({ do: fc.constant("await" as const), kind }), weight: 2 },
  { arbitrary: fc.record({ do: fc.constantFrom("process" as const, "stream" as const, "cut" as const), kinds: fc.array(kind, { maxLength: 12 }) }), weight: 3 },
  { arbitrary: fc.record({ do: fc.constantFrom("flush" as const, "reset" as const, "yield" as const) }), weight: 2 }
)

const runs = fc.record({
  actions: fc.array(action, { maxLength: 25 }),
  maxStatements: fc.integer({ min: 1, max: 7 }),
  inFlight: fc.integer({ min: 1, max: 3 }),
  transaction: fc.constantFrom("none" as const, "batch" as const, "batch" as const, "all" as const),
  linger: fc.option(fc.constant(1), { nil: undefined }),
  mergeInserts: fc.boolean(),
  autoFlush: fc.boolean(),
  /** After how many letters the dead letter fails; none where there is no dead letter. */
  letters: fc.option(fc.constantFrom(1, 1_000, 1_000), { nil: undefined }),
  closeTimeout: fc.constantFrom(1, 10_000, 10_000),
  ends: fc.constantFrom("well" as const, "well" as const, "failed" as const, "interrupted" as const)
})

type Run = typeof runs extends fc.Arbitrary<infer A> ? A : never

/** Runs it, and finds every statement again. */
const checked = (db: Database.Database, { actions, ends, letters, ...options }: Run) =>
  Effect.gen(function*() {
    yield* db`DELETE FROM things`
    yield* db`INSERT INTO things (id, name) VALUES (1, 'first')`
    const kinds = new Map<number, Kind>()
    const dead: Array<number> = []
    const left: Array<{ readonly n: number; readonly outcome: string }> = []
    const forgotten: Array<number> = []
    const awaited: Array<readonly [number, Fiber.RuntimeFiber<void, unknown>]> = []
    const scope = yield* Scope.make()
    const batch = yield* Batcher.make({
      ...options,
      transaction: options.transaction === "all" && !db.dialect.capabilities.sessions ? "batch" : options.transaction,
      ...(options.transaction === "all" ? { inFlight: 1 } : options.inFlight > 1 ? { ordered: false } : {}),
      ...(letters === undefined ? {} : {
        deadLetter: (more) => Effect.suspend(() => {
          if (dead.length + more.length > letters) return Effect.fail("full")
          dead.push(...more.map(numberOf))
          return Effect.void
        })
      }),
      onLeft: ({ statements }) => Effect.sync(() => void left.push(...statements.map((one) => ({ n: numberOf(one), outcome: one.outcome }))))
    }).pipe(Effect.provideService(Database.Database, db), Scope.extend(scope))
    const next = (kind: Kind): Item => {
      const n = 1_000 + kinds.size
      kinds.set(n, kind)
      return statementOf(db, kind, n)
    }
    for (const action of actions) {
      switch (action.do) {
        case "add":
          yield* Effect.exit(batch.add(next(action.kind)))
          break
        case "await": {
          const n = 1_000 + kinds.size
          awaited.push([n, yield* Effect.forkIn(batch.addAwait(next(action.kind)), scope)])
          break
        }
        case "process":
          yield* Effect.exit(batch.process(action.kinds.map(next)))
          break
        case "stream":
          yield* Effect.exit(Stream.run(Stream.rechunk(Stream.fromIterable(action.kinds.map(next)), 3), batch.sink))
          break
        case "cut": {
          const fiber = yield* Effect.fork(batch.processBatch(action.kinds.map(next)))
          yield* Effect.sleep(action.kinds.length % 3)
          yield* Fiber.interrupt(fiber)
          break
        }
        case "flush":
          yield* Effect.exit(batch.flush())
          break
        case "reset":
          forgotten.push(...(yield* batch.reset).map(numberOf))
          break
        case "yield":
          yield* Effect.sleep(1)
      }
    }
    yield* Scope.close(scope, ends === "well" ? Exit.void : ends === "failed" ? Exit.fail("no") : Exit.interrupt(yield* Effect.fiberId))
    // What was interrupted may still be on its way: the pool knows.
    yield* accounted(db, 30_000)
    const { deadLettered, sent, statements } = yield* batch.report
    const applied = (yield* db<{ amount: number }>`SELECT amount FROM things WHERE id <> 1 ORDER BY id`.column("amount")).map(Number)

    const unknown = new Set(left.filter(({ outcome }) => outcome === "unknown").map(({ n }) => n))
    const told = [...applied.filter((n) => !unknown.has(n)), ...dead, ...left.map(({ n }) => n), ...forgotten]
    assert.strictEqual(new Set(told).size, told.length, `once: ${told.toSorted((a, b) => a - b).join()}`)
    assert.strictEqual(told.length, statements, `all that was added is found again: ${told.join()}`)
    assert.deepStrictEqual(applied.filter((n) => !isGood(kinds.get(n)!)), [], "what must be refused")
    assert.deepStrictEqual([sent, deadLettered], [applied.filter((n) => !unknown.has(n)).length, dead.length])
    if (letters === 1_000) assert.deepStrictEqual(dead.filter((n) => isGood(kinds.get(n)!)), [], "a good statement is no dead letter")
    // Batches that go at once may be in each other's way: a deadlock is no matter of a statement.
    if (letters === 1_000 && ends === "well" && options.closeTimeout > 1 && options.inFlight === 1) assert.deepStrictEqual(left, [])
    const first = left[0]
    if (letters === undefined && forgotten.length === 0 && awaited.length === 0 && (options.inFlight === 1 || options.transaction === "all") && first !== undefined && !unknown.has(first.n) && options.transaction !== "none") {
      assert.isBelow(Math.max(0, ...applied), first.n, "in order: nothing is applied behind what is left")
    }
    for (const [n, fiber] of awaited) {
      const exit = yield* Fiber.await(fiber)
      // Closing interrupts who still waits; who was told, was told the truth.
      if (Exit.isSuccess(exit)) assert.include(applied, n)
      else if (!Exit.isInterrupted(exit) && !unknown.has(n)) assert.notInclude(applied, n)
    }
    return { dead: dead.length, applied: applied.length, left: left.length, merged: (yield* batch.report).rowsMerged }
  })

export const once: ReadonlyArray<Case> = [
  {
    law: "B1",
    title: "random runs with dead letters, merging, overtaking, interruptions and short closings: each statement is applied, a dead letter, left or discarded, once",
    within: 60_000,
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const sum = { dead: 0, applied: 0, left: 0, merged: 0 }
      for (const run of fc.sample(runs, 60)) {
        const one = yield* Effect.catchAllCause(checked(db, run), (cause) => Effect.zipRight(Effect.logError(JSON.stringify(run)), Effect.failCause(cause)))
        for (const key of ["dead", "applied", "left", "merged"] as const) sum[key] += one[key]
      }
      for (const key of ["dead", "applied", "left", "merged"] as const) assert.isAbove(sum[key], 0, `${key} in all runs`)
    })
  }
]
