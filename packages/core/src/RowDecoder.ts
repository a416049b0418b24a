/**
 * RowDecoder: how the rows of a statement become values, for who wants others than records of the dialect's own.
 *
 * It is for one statement (`statement.decodeWith`), or, as a service, for everything that runs where it is provided; without
 * either rows are decoded as ever. It reads what the dialect has decoded, or the server's own bytes. What a row means is a
 * Schema's to say (`statement.decode`), and comes after it. Called by statements.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { Column } from "./Connection.js"

/**
 * Makes values of rows.
 *
 * @example
 * ```ts
 * import type { RowDecoder } from "@sluice/core"
 *
 * const utf8 = new TextDecoder()
 * const csv: RowDecoder.RowDecoder<string> = {
 *   from: "bytes",
 *   reader: () => (row) => row.map((field) => field instanceof Uint8Array ? utf8.decode(field) : "").join(",")
 * }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface RowDecoder<out A = unknown> {
  /**
   * What it reads: the values that the dialect has decoded (default), or the bytes of each field as the server sent them,
   * NULL as `null`. Bytes are UnsupportedError where the dialect has none (`dialect.capabilities.bytes`).
   */
  readonly from?: "values" | "bytes" | undefined
  /**
   * Called once for each result, with its columns; what it answers with is called for each row, with one value per column in
   * their order. What either throws is a DecodeError, which does not quote it.
   */
  readonly reader: (columns: ReadonlyArray<Column>) => (row: ReadonlyArray<unknown>) => A
}

/**
 * The identity of the `RowDecoder` tag.
 *
 * @example
 * ```ts
 * import type { RowDecoder } from "@sluice/core"
 * import type { Layer } from "effect"
 *
 * type Live = Layer.Layer<RowDecoder.RowDecoderId>
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface RowDecoderId {
  /** What no other tag has. */
  readonly _: unique symbol
}

/**
 * The tag of the decoder of everything that runs below it, but for `.values`, `.raw`, `.run`, `.scalar`, the queries of a `Table`, and
 * statements with a decoder of their own. No statement needs it: it is looked up where one runs, and it may be
 * provided to a part of a program. What reads records, as a Migrator does, is to be run with `standard`.
 *
 * @example
 * ```ts
 * import { Database, RowDecoder } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const rows = Effect.flatMap(Database.Database, (db) => db`SELECT id, name FROM users`).pipe(
 *   Effect.provideService(RowDecoder.RowDecoder, RowDecoder.arrays)
 * )
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export const RowDecoder: Context.Tag<RowDecoderId, RowDecoder> = Context.GenericTag<RowDecoderId, RowDecoder>("@sluice/core/RowDecoder")

/**
 * Provides a decoder to everything above it.
 *
 * @example
 * ```ts
 * import { RowDecoder } from "@sluice/core"
 * import { BigDecimal } from "effect"
 *
 * // Decimals of every statement as BigDecimal.
 * const exact = RowDecoder.layer(RowDecoder.records((column) =>
 *   column.type === "NUMERIC" ? (value) => BigDecimal.unsafeFromString(String(value)) : undefined))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (decoder: RowDecoder): Layer.Layer<RowDecoderId> => Layer.succeed(RowDecoder, decoder)

/** A row. */
type Fields = Readonly<Record<string, unknown>>

/**
 * Records by the columns' names. For each column a function may be given that its values go through; NULL stays null. Of two
 * columns of one name the last one wins.
 *
 * @example
 * ```ts
 * import { type Database, RowDecoder } from "@sluice/core"
 *
 * const events = (db: Database.Database) =>
 *   db`SELECT id, at FROM events`.decodeWith(RowDecoder.records(({ name }) => name === "at" ? (value) => new Date(String(value)) : undefined))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const records = (of: (column: Column) => ((value: unknown) => unknown) | undefined = () => undefined): RowDecoder<Fields> => ({
  reader: (columns) => {
    const cells = columns.map((column) => ({ name: column.name, read: of(column) }))
    return (row) =>
      Object.fromEntries(cells.map(({ name, read }, i) => {
        const value = row[i]
        return [name, read === undefined || value === null ? value : read(value)]
      }))
  }
})

/**
 * Rows as arrays, in the order of their columns.
 *
 * @example
 * ```ts
 * import { type Database, RowDecoder } from "@sluice/core"
 *
 * const pages = (db: Database.Database) => db`SELECT id, name FROM users`.decodeWith(RowDecoder.arrays).stream
 * ```
 *
 * @category decoders
 * @since 0.1.0
 */
export const arrays: RowDecoder<ReadonlyArray<unknown>> = { reader: () => (row) => row }

/**
 * Rows as they are without any decoder: for a part of a program in which another one is provided.
 *
 * @example
 * ```ts
 * import { RowDecoder } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const asEver = <A, E, R>(migrate: Effect.Effect<A, E, R>) => Effect.provideService(migrate, RowDecoder.RowDecoder, RowDecoder.standard)
 * ```
 *
 * @category decoders
 * @since 0.1.0
 */
export const standard: RowDecoder = records()
