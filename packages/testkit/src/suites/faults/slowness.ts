/**
 * Cases of the laws P7 and S1: networks that are slow, or deliver byte by byte, change nothing but the time.
 */
import { assert } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Case } from "../../Case.js"
import type { Bench } from "../../Faults.js"
import { add, eventually, fails, ids, interrupted, within } from "../../internal/asking.js"
import type * as TcpProxy from "../../TcpProxy.js"

/** Something of everything: whatever is read in pieces must be put together again. */
const everything = (bench: Bench, db: Database.Database) =>
  Effect.gen(function*() {
    const text = "Grüße 日本語 😀 ".repeat(1_500)
    assert.strictEqual(yield* db<string>`SELECT ${text} AS t`.scalar, text)
    assert.strictEqual(
      yield* Stream.runFold(db.unsafe<{ i: number }>(bench.profile.sql.rows(1_500)).with({ fetchSize: 100 }).stream, 0, (sum, { i }) => sum + Number(i)),
      1_125_750
    )
    assert.strictEqual(yield* Stream.runCount(Stream.take(db.unsafe(bench.profile.sql.endless).with({ fetchSize: 2 }).stream, 4)), 4)
    yield* db.transaction(Effect.zipRight(add(db, 1), add(db, 2)))
    yield* fails(add(db, 1), "UniqueViolation")
    yield* fails(db.unsafe(bench.profile.sql.syntaxError), "SqlSyntaxError")
    yield* fails(db.transaction(Effect.zipRight(add(db, 3), add(db, 2))), "UniqueViolation")
    yield* db.executeMany("INSERT INTO things (id, name) VALUES (:id, :name)", Array.from({ length: 50 }, (_, n) => ({ id: 100 + n, name: `row ${n}` })))
    const sleeping = yield* Effect.fork(db.unsafe(bench.texts.sleep(20)))
    yield* Effect.sleep(60)
    yield* interrupted(sleeping)
    assert.strictEqual((yield* within(ids(db), 3_000, "the next statement")).length, 52)
    yield* bench.side.unsafe("DELETE FROM things")
  })

const faults: ReadonlyArray<TcpProxy.Fault> = [{ kind: "latency", milliseconds: 8 }, { kind: "slices" }]

export const slowness: ReadonlyArray<Case<Bench>> = [
  {
    law: "S1",
    title: "through a slow network, and one that delivers byte by byte, everything works as through a fast one",
    needs: ["server", "streaming", "interruption"],
    within: 40_000,
    run: (bench) => Effect.gen(function*() {
      const proxy = yield* bench.proxy
      for (const fault of faults) {
        yield* proxy.set(fault)
        yield* Effect.scoped(Effect.flatMap(bench.open(proxy, { pool: { max: 2 } }), (db) => everything(bench, db)))
      }
    })
  },
  {
    law: "P7",
    title: "what runs when the database is closed is stopped on the server, also where the network takes longer for it than closing may",
    needs: ["server", "concurrent", "interruption"],
    run: (bench) => Effect.gen(function*() {
      const proxy = yield* bench.proxy
      yield* proxy.set({ kind: "latency", milliseconds: 30 })
      const running = Effect.map(bench.sessions, (sessions) => [...sessions.values()].filter((is) => is).length)
      yield* Effect.scoped(Effect.gen(function*() {
        const db = yield* bench.open(proxy, { pool: { max: 3, closeTimeout: 1, cancelTimeout: 1 } })
        yield* Effect.forEach([1, 2, 3], () => Effect.forkDaemon(Effect.exit(db.unsafe(bench.texts.sleep(20)))))
        yield* eventually(Effect.map(running, (n) => n === 3), "three statements on the server")
      }))
      yield* eventually(Effect.map(running, (n) => n === 0), "the end of what ran")
    })
  }
]
