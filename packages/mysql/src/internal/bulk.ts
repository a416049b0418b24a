/**
 * Bulk: rows into one table by INSERT statements of many rows, a write at a time.
 *
 * It gathers nothing (that is the batcher); each write is all or nothing, in a savepoint or in a transaction of its own
 * where it takes more than one statement. LOAD DATA is not used: LOCAL implies IGNORE, and what is wrong with a row
 * would be a warning. Called by `connection`.
 *
 * @since 0.1.0
 */
import type * as Bulk from "@sluice/core/Bulk"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Mysql } from "./connection.js"
import { dialect } from "./dialect.js"
import { literals, statements } from "./many.js"

/** A writer on an open connection. */
export const writer = (connection: Mysql, target: Bulk.Target): Effect.Effect<Bulk.Writer, SqlError.SqlError> => {
  const columns = target.columns.map(quoted)
  const first = columns[0]
  if (first === undefined) return SqlError.fail(new Reason.ConfigError({ message: "a bulk load needs at least one column", field: "columns", operation: "bulk" }))
  const head = `${target.onConflict === "replace" ? "REPLACE" : "INSERT"} INTO ${dialect.quoteIdentifier(target.table)} (${columns.join(", ")}) VALUES `
  // INSERT IGNORE would ignore what does not fit a column, too; a key that is set to itself ignores the key alone.
  const tail = target.onConflict === "ignore" ? ` ON DUPLICATE KEY UPDATE ${first} = ${first}` : ""
  let applied = 0
  let rejected = 0
  return Exit.succeed({
    write: (rows) =>
      Effect.suspend(() => {
        if (rows.length === 0) return Effect.void
        const ragged = rows.findIndex((row) => row.length !== columns.length)
        if (ragged !== -1) return Exit.fail(uneven(ragged, rows[ragged]?.length ?? 0, columns.length, head))
        const texts = literals(connection, rows, head)
        if (texts instanceof SqlError.SqlError) return Exit.fail(texts)
        return Effect.map(send(connection, [...statements(head, texts, connection.maxPacket, tail)]), (duplicates) => {
          const ignored = target.onConflict === "ignore" ? duplicates : 0
          applied += rows.length - ignored
          rejected += ignored
        })
      }),
    finish: Effect.sync(() => ({ rows: applied, rejected }))
  })
}

const quoted = (name: string): string => `\`${name.replaceAll("`", "``")}\``

const uneven = (row: number, found: number, expected: number, statement: string): SqlError.SqlError =>
  SqlError.make(new Reason.DataError({ message: `row ${row} has ${found} values for ${expected} columns`, operation: "bulk", statement }))

/** The number of duplicates, as the server tells it. */
const send = (connection: Mysql, texts: ReadonlyArray<string>): Effect.Effect<number, SqlError.SqlError> => {
  const all = Effect.reduce(texts, 0, (sum, sql) => Effect.map(connection.insert(sql), (duplicates) => sum + duplicates))
  if (texts.length === 1) return all
  const nested = connection.transaction !== "none"
  const name = "sluice bulk"
  const undo = Effect.suspend(() => {
    // A failure may have rolled everything back already.
    if (connection.transaction === "none") return Effect.void
    return nested ? Effect.zipRight(connection.rollbackTo(name), connection.release(name)) : connection.rollback
  })
  return Effect.uninterruptibleMask((restore) =>
    (nested ? connection.savepoint(name) : connection.begin({})).pipe(
      Effect.zipRight(restore(all)),
      Effect.tap(() => nested ? connection.release(name) : connection.commit),
      // After an interruption nothing is sent before the connection is settled.
      Effect.onError(() => Effect.ignore(Effect.zipRight(connection.settle, undo)))
    )
  )
}
