/**
 * A primary that is killed under load, and its standby promoted: what the pool does, and what whoever writes is told.
 */
import { assert, type Vitest } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import type * as Hosts from "@sluice/core/Hosts"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import type { Config, Options } from "./hosts.js"
import { type Member, Members, until, within } from "./members.js"

// The rows below are others'.
const first = 1_000_000

/** Rows that are written until the load is over, by what became of each. */
class Load {
  readonly committed = new Set<number>()
  readonly refused = new Set<number>()
  readonly unknown = new Set<number>()
  lastAt = 0
  isOver = false

  constructor(readonly db: Database.Database, readonly port: string) {}

  private writer(n: number): Effect.Effect<void> {
    return Effect.gen(this, function*() {
      for (let i = 0; !this.isOver; i++) {
        const id = first * (n + 1) + i
        const insert = this.db`INSERT INTO marks VALUES (${id}, ${this.db.literal(this.port)})`.run
        const exit = yield* Effect.exit(i % 2 === 0 ? insert : this.db.transaction(insert))
        if (Exit.isSuccess(exit)) {
          this.committed.add(id)
          this.lastAt = Date.now()
          continue
        }
        const error = exit.cause._tag === "Fail" ? exit.cause.error : undefined
        assert.isTrue(SqlError.isSqlError(error), String(exit.cause))
        if (error?.outcome === "not-applied") this.refused.add(id)
        else this.unknown.add(id)
        yield* Effect.sleep(5)
      }
    })
  }

  get run(): Effect.Effect<void> {
    return Effect.forEach(Array.from({ length: 16 }, (_, n) => n), (n) => this.writer(n), { concurrency: "unbounded", discard: true })
  }

  /** Ends when so many more rows are there. */
  more(rows: number): Effect.Effect<boolean, Error> {
    const before = this.committed.size
    return until(Effect.sync(() => this.committed.size > before + rows))
  }
}

export const promotion = (
  it: Vitest.MethodsNonLive<Members, true>,
  { beside = () => Effect.succeed(Effect.void), port, promote }: Options,
  on: (hosts: ReadonlyArray<Member>, target: Hosts.TargetSessionAttrs, config?: Config) => Layer.Layer<Database.DatabaseId, SqlError.SqlError>,
  portOf: (db: Database.Database) => Effect.Effect<number, SqlError.SqlError>
): void => {
  it.effect("a primary killed under load: the pool heals on the promoted one, nothing committed is lost, every failure is typed and none hangs", () =>
    Effect.gen(function*() {
      const { pair: [a, b] } = yield* Members
      const load = yield* within(on([a, b], "read-write", { pool: { max: 8, acquireTimeout: "5 seconds" } }), (db) => Effect.gen(function*() {
        const load = new Load(db, port)
        const writers = yield* Effect.fork(load.run)
        const isWell = yield* beside(db)
        // Readers of the standby stay where they are.
        yield* within(on([a, b], "prefer-standby", { pool: { max: 4 } }), (reads) => Effect.gen(function*() {
          assert.strictEqual(yield* portOf(reads), b.port)
          yield* load.more(500)
          yield* a.kill
          const killed = Date.now()
          yield* Effect.sleep(300)
          yield* promote(b)
          yield* until(Effect.sync(() => load.lastAt > killed))
          yield* load.more(500)
          assert.strictEqual(yield* portOf(reads), b.port)
        }))
        load.isOver = true
        yield* isWell
        yield* Fiber.join(writers).pipe(Effect.timeoutFail({ duration: "10 seconds", onTimeout: () => new Error("a writer hangs") }))
        assert.strictEqual(yield* portOf(db), b.port)
        yield* until(Effect.map(db.pool.stats, (stats) => stats.lent + stats.retired + stats.waiting + stats.connecting === 0))
        return load
      }))
      const ids = yield* within(on([b], "any"), (db) => db<{ readonly id: number }>`SELECT id FROM marks WHERE id >= ${first}`.column("id"))
      const rows = new Set(ids)
      const { committed, refused, unknown } = load
      assert.deepStrictEqual([...committed].filter((id) => !rows.has(id)), [], "committed and lost")
      assert.deepStrictEqual([...refused].filter((id) => rows.has(id)), [], "said not to be applied, and there")
      assert.deepStrictEqual(ids.filter((id) => !committed.has(id) && !unknown.has(id)), [], "there, and nobody was told")
      assert.isAbove(refused.size + unknown.size, 0)
    }).pipe(Effect.scoped), { timeout: 60_000 })
}
