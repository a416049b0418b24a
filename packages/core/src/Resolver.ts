/**
 * Resolver: what the resolvers of @effect/sql lack.
 *
 * They are the stock ones and are made as ever; this holds operators over them, and runs no statement. Called by users.
 *
 * @since 0.1.0
 */
import type { SqlRequest, SqlResolver } from "@effect/sql/SqlResolver"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Request from "effect/Request"
import * as RequestResolver from "effect/RequestResolver"

/**
 * The same resolver, which may be asked for one thing twice in a batch: it is asked for once, and every asker is
 * answered. The stock `findById` forgets all askers of an id but the last, and the others are interrupted.
 *
 * @example
 * ```ts
 * import { Database, Resolver } from "@sluice/core"
 * import { SqlResolver } from "@effect/sql"
 * import { Effect, Schema } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   const userById = Resolver.distinct(yield* SqlResolver.findById("UserById", {
 *     Id: Schema.Number,
 *     Result: Schema.Struct({ id: Schema.Number, name: Schema.String }),
 *     ResultId: (user) => user.id,
 *     execute: (ids) => db`SELECT id, name FROM users WHERE ${db.in("id", ids)}`
 *   }))
 *   return yield* Effect.forEach([1, 1, 2], (id) => userById.execute(id), { batching: true })
 * })
 * ```
 *
 * @category operators
 * @since 0.1.0
 */
export const distinct = <T extends string, I, A, E, R>(self: SqlResolver<T, I, A, E, R>): SqlResolver<T, I, A, E, R> => {
  const resolver = RequestResolver.makeWithEntry<SqlRequest<T, A, E>, never>((steps) =>
    Effect.forEach(steps, (entries) => {
      // Requests are equal by their tag and input.
      const firsts = MutableHashMap.empty<SqlRequest<T, A, E>, Request.Entry<SqlRequest<T, A, E>>>()
      const others: Array<readonly [first: Request.Entry<SqlRequest<T, A, E>>, asker: SqlRequest<T, A, E>]> = []
      for (const entry of entries) {
        const first = MutableHashMap.get(firsts, entry.request)
        if (first._tag === "Some") others.push([first.value, entry.request])
        else MutableHashMap.set(firsts, entry.request, entry)
      }
      return Effect.zipRight(
        self.runAll([[...MutableHashMap.values(firsts)]]),
        Effect.forEach(others, ([first, asker]) =>
          // One that was interrupted has no answer to share.
          first.state.completed
            ? Effect.flatMap(Effect.exit(Deferred.await(first.result)), (exit) => Request.complete(asker, exit))
            : Effect.void, { discard: true })
      )
    }, { discard: true })
  )
  return Object.assign(resolver, {
    execute: self.makeExecute(resolver),
    makeExecute: self.makeExecute,
    cachePopulate: self.cachePopulate,
    cacheInvalidate: self.cacheInvalidate,
    request: self.request
  })
}
