import type * as SqlClient from "@effect/sql/SqlClient"
import type * as StockError from "@effect/sql/SqlError"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"

interface Drizzle {
  readonly _: unique symbol
}

type Query<A> = Effect.Effect<A, StockError.SqlError, Drizzle>

interface User {
  readonly name: string
  readonly price?: string | null
  readonly at?: string | null
}

export const layer: Layer.Layer<Drizzle, never, SqlClient.SqlClient>
export const insert: (rows: User | ReadonlyArray<User>) => Query<ReadonlyArray<Required<User> & { readonly id: number }>>
export const named: (name: string) => Query<ReadonlyArray<Required<User> & { readonly id: number }>>
export const ats: Query<ReadonlyArray<Pick<Required<User>, "at">>>
export const names: Query<ReadonlyArray<Pick<User, "name">>>
export const total: Query<ReadonlyArray<{ readonly n: number }>>
export const rename: (id: number, name: string) => Query<unknown>
export const removeAll: Query<unknown>
