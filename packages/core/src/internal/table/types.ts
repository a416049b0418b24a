/**
 * Types: from a table's columns to those of its rows, its inserts and its key.
 *
 * @internal
 */
import type * as Schema from "effect/Schema"
import type * as Column from "../../Column.js"
import type { Reference } from "../../Expression.js"
import type { Fragment } from "../../Sql.js"

type Held<C> = C extends Column.Column<infer A, infer N, boolean, boolean> ? N extends true ? A | null : A : never

export type RowOf<C> = { readonly [K in keyof C]: Held<C[K]> }

type Needed<C> = { [K in keyof C]: C[K] extends Column.Column<unknown, false, false, boolean> ? K : never }[keyof C]

export type InsertOf<C> =
  & { readonly [K in Needed<C>]: Held<C[K]> | Fragment }
  & { readonly [K in Exclude<keyof C, Needed<C>>]?: Held<C[K]> | Fragment | undefined }

export type UpdateOf<C> = { readonly [K in keyof C]?: Held<C[K]> | Fragment | undefined }

type Keys<C> = { [K in keyof C]: C[K] extends Column.Column<unknown, boolean, boolean, infer P> ? true extends P ? K : never : never }[keyof C]

type IsUnion<T, U = T> = [T] extends [never] ? false : T extends unknown ? [U] extends [T] ? false : true : false

export type KeyOf<C> = string extends keyof C ? unknown
  : [Keys<C>] extends [never] ? undefined
  : IsUnion<Keys<C>> extends true ? { readonly [K in Keys<C>]: Held<C[K]> }
  : Held<C[Keys<C>]>

export type LocalName<N extends string> = N extends `${string}.${infer Rest}` ? LocalName<Rest> : N

export type ReferencesOf<N extends string, C> = {
  readonly [K in keyof C]: C[K] extends Column.Column<infer A, infer Nullable, boolean, boolean> ? Reference<A, Nullable, N> : never
}

type Types<F extends Schema.Struct.Fields> = Schema.Struct.Type<F>

export type SchemaColumns<F extends Schema.Struct.Fields> = {
  readonly [K in keyof Types<F>]-?: Column.Column<
    NonNullable<Types<F>[K]>,
    null extends Types<F>[K] ? true : undefined extends Types<F>[K] ? true : false,
    false,
    false
  >
}

export type Refinements<F extends Schema.Struct.Fields> = { readonly [K in keyof SchemaColumns<F>]?: (column: SchemaColumns<F>[K]) => Column.Any }

export type Refined<F extends Schema.Struct.Fields, R> = {
  readonly [K in keyof SchemaColumns<F>]: K extends keyof R ? R[K] extends (column: never) => infer C ? C : SchemaColumns<F>[K] : SchemaColumns<F>[K]
}
