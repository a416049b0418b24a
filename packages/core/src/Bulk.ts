/**
 * Bulk: the server's own fast path for rows, behind one name.
 *
 * It is a capability of a `Connection`; it gathers nothing (that is the batcher) and picks no table's columns by
 * itself. Implemented by the dialects, called by the batcher's `BulkSink`.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { SqlError } from "./SqlError.js"

/**
 * Where bulk rows go: a table, and the columns in the order of each row's values.
 *
 * @example
 * ```ts
 * import type { Bulk } from "@sluice/core"
 *
 * const target: Bulk.Target = { table: "flights", columns: ["origin", "destination", "delay"], onConflict: "error" }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Target {
  /** A table's name; a dot separates schema and table. */
  readonly table: string
  /** The columns, in the order of the values of each row. */
  readonly columns: ReadonlyArray<string>
  /** What happens to a row whose key is there already. */
  readonly onConflict: "error" | "ignore" | "replace"
}

/**
 * What a bulk load did.
 *
 * @example
 * ```ts
 * import type { Bulk } from "@sluice/core"
 *
 * const all = (summary: Bulk.Summary) => summary.rows + summary.rejected
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Summary {
  /** Rows that are in the table now because of this load. */
  readonly rows: number
  /** Rows that the server left out, where it was told to. */
  readonly rejected: number
}

/**
 * An open bulk load on one connection, within whatever transaction is open there.
 *
 * `write` takes rows as arrays in the order of the target's columns and ends when the server may be given more. Each
 * write is applied as a whole or not at all; a failure of one comes out of it, of the next one, or of `finish`, which
 * ends when everything is applied.
 *
 * @example
 * ```ts
 * import type { Bulk } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const load = (writer: Bulk.Writer) => Effect.zipRight(writer.write([["JFK", "LAX", 12]]), writer.finish)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Writer {
  /** Values (rows times columns) that a write is best made of; where it is left out, the caller decides. */
  readonly valuesPerWrite?: number | undefined
  /** Hands these rows over; they are applied all or none. */
  readonly write: (rows: ReadonlyArray<ReadonlyArray<unknown>>) => Effect.Effect<void, SqlError>
  /** Ends the load and tells what it did. */
  readonly finish: Effect.Effect<Summary, SqlError>
}
