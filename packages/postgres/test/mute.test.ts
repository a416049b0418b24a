/**
 * Heartbeats: a peer that is gone without a word is found by who listens and by who holds a lock.
 *
 * The proxy falls silent, and the test's clock tells the seconds that nobody wants to wait for; bytes take real time.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Postgres from "@sluice/postgres/Postgres"
import * as TcpProxy from "@sluice/testkit/TcpProxy"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { on, reasonOf } from "./asking.js"
import { isMissing, url } from "./server.js"

/** Lets the network work for so many milliseconds of everybody's time. */
const pause = (milliseconds = 10) => Effect.promise(() => new Promise((resolve) => setTimeout(resolve, milliseconds)))

/** Real time passes until this is so, and with each step so much of the test's. */
const until = (is: () => boolean, step = 0) =>
  Effect.gen(function*() {
    for (let n = 0; n < 500 && !is(); n++) yield* Effect.zipRight(TestClock.adjust(step), pause())
    assert.isTrue(is(), "it came to pass in time")
  })

const target = new URL(url ?? "postgres://127.0.0.1:1")

const proxied = TcpProxy.make({ host: target.hostname, port: Number(target.port || 5432) })

describe.skipIf(isMissing)("Postgres, a peer that falls silent", () => {
  it.scoped("who listens on a mute connection is told after the heartbeat, and hears again what comes from then on", () =>
    Effect.flatMap(proxied, (proxy) =>
      on({ host: "127.0.0.1", port: proxy.port }, (db) => Effect.gen(function*() {
        const heard: Array<string> = []
        const fiber = yield* Effect.fork(Stream.runForEach(Postgres.notifications(db, "t"), (event) =>
          Effect.sync(() => heard.push(event._tag === "Notification" ? event.payload : event._tag))))
        yield* pause(100)
        yield* Postgres.notify(db, "t", "before")
        yield* until(() => heard.length === 1)
        yield* proxy.set({ kind: "silence" })
        // It goes to a server that is there, and from there to nobody.
        yield* TestClock.adjust("19 seconds")
        yield* pause(30)
        assert.deepStrictEqual(heard, ["before"])
        yield* TestClock.adjust("1 second")
        yield* pause(30)
        yield* TestClock.adjust("10 seconds")
        yield* proxy.set({ kind: "none" })
        yield* until(() => heard.length === 2, 100)
        yield* Postgres.notify(db, "t", "after")
        yield* until(() => heard.length === 3)
        assert.deepStrictEqual(heard, ["before", "Reconnected", "after"])
        yield* Fiber.interrupt(fiber)
      }))), 30_000)

  it.scoped("who holds an advisory lock on a mute connection is told, its work is interrupted, and another gets the lock", () =>
    Effect.flatMap(proxied, (proxy) =>
      on({ host: "127.0.0.1", port: proxy.port, pool: { max: 3 } }, (db) => Effect.gen(function*() {
        let isHeld = false
        let isInterrupted = false
        const work = Effect.onInterrupt(Effect.zipRight(Effect.sync(() => {
          isHeld = true
        }), Effect.never), () => Effect.sync(() => {
          isInterrupted = true
        }))
        const holder = yield* Effect.fork(reasonOf(Effect.scoped(Effect.flatMap(Postgres.advisoryLock(db, 7), (lock) => lock.whileHeld(work)))))
        yield* until(() => isHeld)
        yield* proxy.set({ kind: "silence" })
        yield* TestClock.adjust("20 seconds")
        yield* pause(30)
        assert.isFalse(isInterrupted)
        yield* TestClock.adjust("10 seconds")
        yield* pause(30)
        assert.isTrue(isInterrupted)
        yield* proxy.set({ kind: "none" })
        let reason: Exit.Exit<{ readonly _tag: string }, Error> | undefined
        yield* Effect.fork(Effect.map(Fiber.await(holder), (exit) => {
          reason = exit
        }))
        yield* until(() => reason !== undefined, 1_000)
        assert.strictEqual(reason !== undefined && Exit.isSuccess(reason) ? reason.value._tag : reason, "ConnectionError")
        let isTaken = false
        yield* Effect.fork(Effect.scoped(Effect.tap(Postgres.advisoryLock(db, 7), () => Effect.sync(() => {
          isTaken = true
        }))))
        yield* until(() => isTaken, 100)
      }))), 30_000)
})
