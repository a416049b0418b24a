/**
 * Cases of the law V9: what an error hook sees when a session is ended and when the server is away.
 */
import { assert } from "@effect/vitest"
import * as ErrorHook from "@sluice/core/ErrorHook"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Case } from "../../Case.js"
import type { Bench } from "../../Faults.js"
import { add, eventually, failure, ids, within } from "../../internal/asking.js"

export const hooks: ReadonlyArray<Case<Bench>> = [
  {
    law: "V9",
    title: "an error hook sees the connection that was lost, once, and each attempt to connect while the server is away",
    needs: ["server"],
    within: 40_000,
    run: (bench) => Effect.gen(function*() {
      const events: Array<ErrorHook.Event> = []
      const hook = ErrorHook.layer((event) => Effect.sync(() => events.push(event)))
      const db = yield* Effect.provide(bench.open("directly", { pool: { max: 1 } }), hook)
      const session = Number(yield* db.unsafe(bench.texts.session).scalar)
      const fiber = yield* Effect.fork(db.unsafe(bench.texts.sleep(30)))
      yield* eventually(Effect.map(bench.sessions, (all) => all.get(session) === true), "the statement")
      yield* bench.side.unsafe(bench.texts.terminate(session))
      const error = yield* within(failure(Fiber.join(fiber)), 2_000, "the failure")
      assert.deepStrictEqual(events.map((event) => event.error), [error])
      assert.strictEqual(events[0]?.statement, bench.texts.sleep(30))
      assert.strictEqual(Number(events[0]?.connection?.id), session)
      yield* bench.server.kill
      events.length = 0
      const writing = yield* Effect.fork(add(db, 1))
      yield* eventually(Effect.sync(() => events.filter(({ phase }) => phase === "connect").length >= 2), "attempts to connect")
      const attempts = events.filter(({ phase }) => phase === "connect").map(({ attempt }) => attempt)
      assert.deepStrictEqual(attempts, attempts.map((_, i) => attempts[0]! + i))
      yield* bench.server.start
      yield* within(Fiber.join(writing), 20_000, "the statement")
      assert.deepStrictEqual(yield* ids(bench.side), [1])
    })
  }
]
