/**
 * Resolver: rows by their key, many askers in one query; and what the resolvers of @effect/sql lack.
 *
 * They are the stock ones: what is asked for in one step of `Effect.forEach` or `Effect.all` with `batching: true` is
 * gathered. What is asked for in different fibers is not, since each may be in a transaction of its own. Called by users.
 *
 * @since 0.1.0
 */
import type { Fragment } from "@effect/sql/Statement"
import * as SqlResolvers from "@effect/sql/SqlResolver"
import type { SqlRequest, SqlResolver } from "@effect/sql/SqlResolver"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as MutableHashMap from "effect/MutableHashMap"
import type * as Option from "effect/Option"
import * as Request from "effect/Request"
import * as RequestResolver from "effect/RequestResolver"
import * as Schema from "effect/Schema"
import type { Database } from "./Database.js"
import { Keys } from "./internal/resolver/Keys.js"
import { count } from "./Options.js"
import type { SqlError } from "./SqlError.js"
import type { Statement } from "./Statement.js"

/**
 * Whose rows are looked up, and by what.
 *
 * @example
 * ```ts
 * import { Resolver } from "@sluice/core"
 * import { Schema } from "effect"
 *
 * const options: Resolver.KeyOptions<number, number, never, { readonly id: number; readonly name: string }, { readonly id: number; readonly name: string }> = {
 *   table: "users",
 *   key: "id",
 *   Key: Schema.Number,
 *   Result: Schema.Struct({ id: Schema.Number, name: Schema.String })
 * }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface KeyOptions<K, KI, KR, A, I> {
  /**
   * The table, of which all columns are read; or a query, which puts the condition that it is given behind its WHERE and
   * whose rows have the key among their columns.
   */
  readonly table: string | ((condition: Fragment) => Statement<object>)
  /** The column that is looked up. A value of it is that of one row: of several rows the last one answers. */
  readonly key: string
  /** What is asked with. */
  readonly Key: Schema.Schema<K, KI, KR>
  /** What a row is. */
  readonly Result: Schema.Schema<A, I>
  /**
   * Keys of one query, at least 1, else ConfigError; more are asked for in several. Default and at most: what the server
   * takes as parameters, and 10,000 where it takes a list as one.
   */
  readonly maxKeys?: number | undefined
}

/**
 * Rows by their key: those who ask in one step are answered by one query. A key that is asked for twice is sent once; one
 * that no row has is None.
 *
 * The query is `key = ANY($1)` where the dialect has lists, and else `key IN (?, …)`, filled up with its last key to a power
 * of two: so a server sees, and prepares, a few texts and not one for every number of keys. Keys compare as the
 * server compares them, where it is not by case: then ask in one case.
 *
 * @example
 * ```ts
 * import { Database, Resolver } from "@sluice/core"
 * import { Effect, Schema } from "effect"
 *
 * class User extends Schema.Class<User>("User")({ id: Schema.Number, name: Schema.String }) {}
 *
 * const program = Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   const userById = yield* Resolver.byKey(db, "UserById", { table: "users", key: "id", Key: Schema.Number, Result: User })
 *   return yield* Effect.forEach([1, 2, 1], userById.execute, { batching: true })
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const byKey = <T extends string, K, KI, KR, A, I>(
  db: Database,
  tag: T,
  options: KeyOptions<K, KI, KR, A, I>
): Effect.Effect<SqlResolver<T, K, Option.Option<A>, SqlError, KR>, SqlError> =>
  Effect.flatMap(Effect.suspend(() => count("maxKeys", options.maxKeys, Number.MAX_SAFE_INTEGER, 1)), (maxKeys) => {
    const keys = new Keys(db, options.table, options.key, maxKeys)
    const resolver = SqlResolvers.ordered(tag, {
      Request: options.Key,
      Result: Schema.OptionFromNullOr(options.Result),
      execute: (wanted) => keys.rows(wanted)
    })
    // There are as many answers as keys: ResultLengthMismatch, which the type has beside SqlError, does not come.
    return resolver as Effect.Effect<SqlResolver<T, K, Option.Option<A>, SqlError, KR>>
  })

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
