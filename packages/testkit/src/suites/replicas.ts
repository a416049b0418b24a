/**
 * Cases of V6: reads on replicas. The replica of these cases is another database of the same dialect with rows of its
 * own, so that each answer tells where it came from.
 */
import { assert } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Bench, Case } from "../Case.js"
import { add, ids } from "../internal/asking.js"

/** A primary with the row 1, and a replica with the row 2. */
const pair = (bench: Bench) =>
  Effect.gen(function*() {
    const primary = yield* bench.open()
    const replica = yield* bench.open()
    yield* add(primary, 1)
    yield* add(replica, 2)
    return { primary, replica, db: yield* Database.withReplicas({ primary, replicas: [replica] }) }
  })

/** In a fiber that has written nothing. */
const afresh = <A>(effect: Effect.Effect<A, SqlError.SqlError>) => Effect.flatMap(Effect.forkDaemon(effect), Fiber.join)

export const replicas: ReadonlyArray<Case> = [
  {
    law: "V6",
    title: "rows, streams and cursors of what only reads come from the replica",
    run: (bench) => Effect.gen(function*() {
      const { db } = yield* pair(bench)
      assert.deepStrictEqual(yield* ids(db), [2])
      const all = db<{ readonly id: number }>`SELECT id FROM things`
      assert.deepStrictEqual([...yield* Stream.runCollect(all.stream)], [{ id: 2 }])
      assert.deepStrictEqual(yield* Effect.scoped(Effect.flatMap(all.cursor, (cursor) => cursor.fetchAll)), [{ id: 2 }])
      assert.deepStrictEqual(yield* db.unsafe("SELECT id FROM things WHERE id = :id", { id: 2 }).values, [[2]])
    })
  },
  {
    law: "V6",
    title: "writes go to the primary, and the fiber that wrote reads there; another one does not",
    run: (bench) => Effect.gen(function*() {
      const { db, primary, replica } = yield* pair(bench)
      yield* afresh(Effect.gen(function*() {
        yield* add(db, 3)
        assert.deepStrictEqual(yield* ids(db), [1, 3])
        assert.deepStrictEqual((yield* Effect.all([ids(db), ids(db)], { concurrency: 2 })), [[1, 3], [1, 3]])
      }))
      assert.deepStrictEqual(yield* afresh(Effect.zipRight(db.executeMany(`INSERT INTO things (id, name) VALUES (:id, 'many')`, [{ id: 4 }]), ids(db))), [1, 3, 4])
      assert.deepStrictEqual(yield* ids(primary), [1, 3, 4])
      assert.deepStrictEqual(yield* ids(replica), [2])
    })
  },
  {
    law: "V6",
    title: "everything in a transaction is on the primary, reads of a read-only one as well",
    run: (bench) => Effect.gen(function*() {
      const { db, primary } = yield* pair(bench)
      assert.deepStrictEqual(yield* db.transaction({ readOnly: bench.profile.has.has("readOnlyTransactions") })(ids(db)), [1])
      assert.deepStrictEqual(yield* afresh(db.transaction(Effect.zipRight(add(db, 3), ids(db)))), [1, 3])
      // A transaction of the primary is one of both.
      assert.deepStrictEqual(yield* afresh(primary.transaction(ids(db))), [1, 3])
    })
  },
  {
    law: "V6",
    title: "a session is on the primary",
    needs: ["sessions"],
    run: (bench) => Effect.gen(function*() {
      const { db } = yield* pair(bench)
      assert.deepStrictEqual(yield* afresh(Effect.scoped(Effect.flatMap(db.session, (session) => ids(session)))), [1])
    })
  },
  {
    law: "V6",
    title: "onPrimary reads from the primary, and leaves no trace behind it",
    run: (bench) => Effect.gen(function*() {
      const { db } = yield* pair(bench)
      assert.deepStrictEqual(yield* Database.onPrimary(ids(db)), [1])
      assert.deepStrictEqual(yield* ids(db), [2])
    })
  },
  {
    law: "V6",
    title: "when the replica is gone, the primary answers",
    run: (bench) => Effect.gen(function*() {
      const primary = yield* bench.open()
      yield* add(primary, 1)
      const scope = yield* Scope.make()
      const replica = Context.get(yield* Scope.extend(bench.build(), scope), Database.Database)
      const db = yield* Database.withReplicas({ primary, replicas: [replica] })
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* ids(db), [1])
      assert.strictEqual((yield* db.pool.stats).waiting, 0)
    })
  }
]
