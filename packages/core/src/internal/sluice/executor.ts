/**
 * The verbs that an open database and its transactions have in common.
 *
 * Called by `opened`, and by itself for what is nested.
 *
 * @internal
 */
import type { SqlClient } from "@effect/sql/SqlClient"
import * as Effect from "effect/Effect"
import type { Database, DatabaseId } from "../../Database.js"
import type * as Sluice from "../../Sluice.js"
import type { Statement } from "../../Statement.js"
import { Query } from "./Query.js"
import { Rows } from "./Rows.js"
import { Work } from "./Work.js"

/** What every runtime here provides. */
export type Provided = DatabaseId | SqlClient

/** The verbs over a database, run as the work of one place. */
export const executor = (database: Database, work: Work<Provided>): Sluice.Executor => {
  const statement = <A, V>(first: TemplateStringsArray | Statement<A, V>, args: ReadonlyArray<unknown>): Statement<A, V> =>
    // What a template's rows are its caller has said, and no type can prove it. The overloads of `query` are those of `database`,
    // of which a call from here could only name one.
    isTemplate(first) ? database(first, ...args) as unknown as Statement<A, V> : first
  return {
    sql: database,
    query: <A, V>(first: TemplateStringsArray | Statement<A, V>, ...args: ReadonlyArray<unknown>) =>
      new Query(work, statement(first, args), undefined),
    stream: <A, V>(first: TemplateStringsArray | Statement<A, V>, ...args: ReadonlyArray<unknown>) =>
      new Rows(work, statement(first, args), undefined),
    transaction: (call, { signal, ...options } = {}) => work.promise(database.transaction(options)(called(database, call, signal === undefined ? work.outer : [signal, ...work.outer])), signal),
    run: (effect, options) => work.promise(effect, options?.signal)
  }
}

const isTemplate = (first: unknown): first is TemplateStringsArray => Array.isArray(first)

/** The function of a transaction as an effect. What it has begun and not awaited belongs to it, and ends before it does. */
const called = <A>(
  database: Database,
  call: (transaction: Sluice.Transaction) => PromiseLike<A> | A,
  signals: ReadonlyArray<AbortSignal>
): Effect.Effect<A, unknown, Provided> =>
  Effect.flatMap(Effect.runtime<Provided>(), (runtime) => {
    const work = new Work(runtime, signals)
    // What it throws is the failure: a SqlError among them is what `retry` looks at.
    const answer = Effect.tryPromise({ try: async () => await call(executor(database, work)), catch: (error) => error })
    return Effect.onError(Effect.zipLeft(answer, work.settled), () => work.stopped)
  })
