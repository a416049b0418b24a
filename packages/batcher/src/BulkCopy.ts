/**
 * A bulk copy: the rows of a query of one database into a table of another, as one stream.
 *
 * Rows are fetched as the other side takes them, so that memory does not grow with them; it makes no table. The load itself is `BulkSink`'s. Used by programs.
 *
 * @since 0.1.0
 */
import type { Database } from "@sluice/core/Database"
import * as Reason from "@sluice/core/Reason"
import type { Fragment } from "@sluice/core/Sql"
import * as SqlError from "@sluice/core/SqlError"
import * as Table from "@sluice/core/Table"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BatchError } from "./BatchError.js"
import type * as BulkSink from "./BulkSink.js"
import { sink } from "./internal/sink.js"

/**
 * Between which databases, and how.
 *
 * @example
 * ```ts
 * import type { BulkCopy } from "@sluice/batcher"
 * import type { Database } from "@sluice/core"
 *
 * const options = (from: Database.Database, to: Database.Database): BulkCopy.Options => ({
 *   from,
 *   query: from`SELECT id, name FROM users WHERE active`,
 *   to,
 *   table: "users"
 * })
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends BulkSink.Settings {
  /** The database that is read. */
  readonly from: Database
  /** What is read. Its columns are those of the table that are filled, by their names. */
  readonly query: Fragment
  /** The database that is written to. */
  readonly to: Database
  /** The table: its name, with its schema before a dot, or as it was described. By its name it is read from the catalog. */
  readonly table: string | Table.Any
}

/**
 * Copies the rows of a query into a table, types mapped.
 *
 * Each value is read in the form in which the one dialect sends it, and written as the other one's column holds it: 0 and 1 are booleans where the column is one, an
 * instant is one in both, a decimal keeps its digits, JSON is JSON. What the column cannot hold or would round is a DataError that names row and column, and never another value. Fails as
 * `BulkSink` does, with ConfigError for a column that the table does not have, and where the query fails with its SqlError: the chunks that
 * were written by then stay, unless `transaction` is `all`.
 *
 * @example
 * ```ts
 * import { BulkCopy } from "@sluice/batcher"
 * import type { Database } from "@sluice/core"
 *
 * const move = (from: Database.Database, to: Database.Database) =>
 *   BulkCopy.run({ from, query: from`SELECT * FROM flights`, to, table: "flights", transaction: "all" })
 * ```
 *
 * @category verbs
 * @since 0.1.0
 */
export const run = (options: Options): Effect.Effect<BulkSink.Report, BatchError | SqlError.SqlError> =>
  Effect.scoped(Effect.gen(function*() {
    const { from, query, table, to } = options
    const target = typeof table === "string" ? yield* reflected(to, table) : table
    // Exact, whatever the database was told to do with integers: the column decides what they are.
    const rows = yield* Stream.toPull(from<Record<string, unknown>>`${query}`.with({ integers: "bigint" }).stream)
    const first = yield* Effect.catchAll(rows, (end) => end._tag === "None" ? Effect.succeed(Chunk.empty<Record<string, unknown>>()) : Effect.fail(end.value))
    // A query without rows fills no column, and the sink is told of all of them.
    const head = Chunk.toReadonlyArray(first)[0]
    const adopter = yield* Table.adopter(to, target, from.dialect, head === undefined ? undefined : Object.keys(head))
    const all = Chunk.isEmpty(first) ? Stream.empty : Stream.concat(Stream.fromChunk(first), Stream.fromPull(Effect.succeed(rows)))
    return yield* Stream.run(all, sink(to, options, adopter))
  }))

const reflected = (db: Database, name: string): Effect.Effect<Table.Any, SqlError.SqlError> => {
  const dot = name.lastIndexOf(".")
  if (name.length === 0 || dot === name.length - 1) {
    return SqlError.fail(new Reason.ConfigError({ message: "table must be a table's name", field: "table", operation: "bulk" }))
  }
  return Table.reflect(db, name.slice(dot + 1), dot === -1 ? {} : { schema: name.slice(0, dot) })
}
