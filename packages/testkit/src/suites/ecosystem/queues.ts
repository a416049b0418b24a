/**
 * Cases of V5: the queue and the journal that @effect/sql keeps in tables.
 */
import * as EventJournal from "@effect/experimental/EventJournal"
import * as PersistedQueue from "@effect/experimental/PersistedQueue"
import * as SqlEventJournal from "@effect/sql/SqlEventJournal"
import * as SqlPersistedQueue from "@effect/sql/SqlPersistedQueue"
import { assert } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

import * as Schema from "effect/Schema"
import type { Case } from "../../Case.js"
import { eventually } from "../../internal/asking.js"
import { on, total } from "./asking.js"

const queue = (db: Database.Database) =>
  PersistedQueue.make({ name: "mail", schema: Schema.Struct({ to: Schema.String }) }).pipe(
    Effect.provide(PersistedQueue.layer),
    // The queue polls in fibers of its store's scope, which is the case's.
    Effect.provideServiceEffect(PersistedQueue.PersistedQueueStore, on(db)(SqlPersistedQueue.make({ pollInterval: 20 })))
  )

const counted = (db: Database.Database, condition: string) =>
  Effect.map(db.unsafe(`SELECT COUNT(*) FROM effect_queue WHERE ${condition}`).scalar, Number)

export const queues: ReadonlyArray<Case> = [
  {
    law: "V5",
    title: "SqlPersistedQueue gives each element once, repeats a failed one, and drops an id that it has",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const mail = yield* queue(db)
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
      yield* eventually(Effect.sync(() => done.length >= 5), "five elements")
      yield* eventually(Effect.map(counted(db, "NOT completed"), (n) => n === 0), "five completions")
      assert.deepStrictEqual(done.toSorted(), ["a", "b", "c", "flaky", "once"])
    })
  },
  {
    law: "V5",
    title: "SqlPersistedQueue gives the element of one who was interrupted to the next who takes",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const mail = yield* queue(db)
      yield* mail.offer({ to: "a" })
      const first = yield* Effect.fork(mail.take(() => Effect.never))
      yield* eventually(Effect.map(counted(db, "acquired_by IS NOT NULL"), (n) => n === 1), "the element is taken")
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* mail.take(({ to }) => Effect.succeed(to)), "a")
    })
  },
  {
    law: "V5",
    title: "SqlEventJournal writes an event with its effect or neither, takes a remote's events once, and tells what a remote lacks",
    needs: ["eventJournal"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const journal = yield* on(db)(SqlEventJournal.make())
      const write = (primaryKey: string, effect: Effect.Effect<void, unknown>) =>
        journal.write({ event: "Named", primaryKey, payload: new TextEncoder().encode(primaryKey), effect: () => effect })
      yield* write("1", Effect.asVoid(db`INSERT INTO things (id, name) VALUES (1, 'one')`))
      yield* Effect.ignore(write("2", Effect.zipRight(db`INSERT INTO things (id, name) VALUES (2, 'two')`, Effect.fail("no"))))
      assert.strictEqual(yield* total(db, "things"), 1)
      assert.deepStrictEqual((yield* journal.entries).map(({ event, primaryKey }) => [event, primaryKey]), [["Named", "1"]])
      const remoteId = EventJournal.makeRemoteId()
      assert.deepStrictEqual(yield* journal.withRemoteUncommited(remoteId, (entries) => Effect.succeed(entries.map(({ primaryKey }) => primaryKey))), ["1"])
      const entry = new EventJournal.Entry({ id: EventJournal.makeEntryId(), event: "Named", primaryKey: "1", payload: new Uint8Array([1, 0, 255]) }, { disableValidation: true })
      const told: Array<number> = []
      const fromRemote = journal.writeFromRemote({
        remoteId,
        entries: [new EventJournal.RemoteEntry({ remoteSequence: 7, entry })],
        effect: ({ conflicts }) => Effect.sync(() => {
          told.push(conflicts.length)
        })
      })
      yield* fromRemote
      yield* fromRemote
      assert.strictEqual(told.length, 1)
      assert.strictEqual((yield* journal.entries).length, 2)
      assert.deepStrictEqual((yield* journal.entries)[1]?.payload, new Uint8Array([1, 0, 255]))
      assert.strictEqual(yield* journal.nextRemoteSequence(remoteId), 8)
      assert.deepStrictEqual(yield* journal.withRemoteUncommited(remoteId, (entries) => Effect.succeed(entries.length)), 1)
      yield* journal.destroy
    })
  }
]
