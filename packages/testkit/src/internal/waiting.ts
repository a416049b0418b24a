/**
 * Waiting and weighing: what cases share with programs that run without vitest, which this file does not know.
 *
 * @internal
 */
import type * as SqlError from "@sluice/core/SqlError"
import type * as Statement from "@sluice/core/Statement"
import * as Effect from "effect/Effect"
import v8 from "node:v8"
import { runInNewContext } from "node:vm"

/** Inserts one row. */
export const add = (db: Statement.Constructor, id: number, name = `thing ${id}`): Effect.Effect<Statement.Run, SqlError.SqlError> =>
  db`INSERT INTO things (id, name) VALUES (${id}, ${name})`.run

/** Fails where an effect takes longer. It is interrupted then, but not waited for. */
export const within = <A, E, R>(effect: Effect.Effect<A, E, R>, ms: number, what: string): Effect.Effect<A, E | Error, R> =>
  Effect.disconnect(effect).pipe(Effect.timeoutFail({ duration: ms, onTimeout: () => new Error(`${what} took longer than ${ms} ms`) }))

/** Waits until a condition holds. */
export const eventually = <E = never>(condition: Effect.Effect<boolean, E>, what: string): Effect.Effect<void, E | Error> =>
  within(Effect.repeat(Effect.tap(condition, (is) => is ? Effect.void : Effect.sleep(5)), { until: (is) => is }), 15_000, what)

let collector: (() => void) | undefined

// Node has it behind a flag, which may be set while it runs; by who asks, and not by who imports this.
const collect = (): void => {
  if (collector === undefined) {
    v8.setFlagsFromString("--expose-gc")
    collector = runInNewContext("gc") as () => void
  }
  collector()
}

/** Bytes of the heap that are held, and not merely not collected yet. */
export const held: Effect.Effect<number> = Effect.sync(() => {
  collect()
  return process.memoryUsage().heapUsed
})
