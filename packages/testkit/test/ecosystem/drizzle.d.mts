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

interface Verbs {
  readonly layer: Layer.Layer<Drizzle, never, SqlClient.SqlClient>
  readonly insert: (rows: User | ReadonlyArray<User>) => Query<{ readonly first: number; readonly count: number }>
  readonly named: (name: string) => Query<ReadonlyArray<Required<User> & { readonly id: number }>>
  readonly ats: Query<ReadonlyArray<Pick<Required<User>, "at">>>
  readonly names: Query<ReadonlyArray<Pick<User, "name">>>
  readonly total: Query<ReadonlyArray<{ readonly n: number }>>
  readonly rename: (id: number, name: string) => Query<unknown>
  readonly removeAll: Query<unknown>
}

export const builders: Readonly<Record<"mysql" | "pg" | "sqlite", Verbs>>
