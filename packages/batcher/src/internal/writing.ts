/**
 * Writing: chunks of rows onto a connection, by its own fast path or by INSERTs of many rows.
 *
 * It opens no transaction (that is `loading`). Called by `loading`.
 *
 * @internal
 */
import type * as Bulk from "@sluice/core/Bulk"
import type { Connection } from "@sluice/core/Connection"
import type { Database } from "@sluice/core/Database"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import { utf8 } from "./bytes.js"
import type { Values } from "./rows.js"

/** The way of a database to write chunks into a target; it runs in whatever transaction the fiber is in. */
export interface Way {
  /** Writes one chunk. */
  readonly chunk: (rows: ReadonlyArray<Values>) => Effect.Effect<Bulk.Summary, SqlError.SqlError>
  /**
   * Writes every chunk that `use` hands over, and keeps the connection meanwhile. One may be under way while the next is
   * handed over: the failure of a chunk comes out of that or of the end.
   */
  readonly chunks: (use: (write: Write) => Effect.Effect<void, SqlError.SqlError>) => Effect.Effect<Bulk.Summary, SqlError.SqlError>
}

export type Write = (rows: ReadonlyArray<Values>) => Effect.Effect<void, SqlError.SqlError>

export const way = (db: Database, target: Bulk.Target): Effect.Effect<Way, SqlError.SqlError> =>
  db.dialect.capabilities.bulk ? Effect.succeed(bulk(db, target)) : inserts(db, target)

const bulk = (db: Database, target: Bulk.Target): Way => {
  const chunks: Way["chunks"] = (use) =>
    db.withConnection((connection: Connection) =>
      connection.bulk === undefined
        ? SqlError.fail(new Reason.UnsupportedError({ message: "this connection has no bulk path", capability: "bulk", operation: "bulk" }))
        : Effect.scoped(Effect.flatMap(connection.bulk(target), (open) => {
          const writes = new Writes(open, Math.max(1, Math.floor((open.valuesPerWrite ?? valuesPerWrite) / target.columns.length)))
          return use(writes.add).pipe(Effect.zipRight(writes.rest), Effect.zipRight(open.finish))
        }))
    )
  return { chunks, chunk: (rows) => chunks((write) => write(rows)) }
}

// A write's values are one array for the writer and one message for its thread: below 128 KiB V8 keeps it among the young
// objects, which is some 10 to 20 % of a load into SQLite (on a busy machine).
const valuesPerWrite = 10_000

/** Chunks as writes of the size that the writer likes. The first goes as soon as there is one, and each of the next is twice as large. */
class Writes {
  private held: Array<Values> = []
  private size = 0

  constructor(private readonly open: Bulk.Writer, private readonly largest: number) {}

  readonly add: Write = (rows) =>
    Effect.suspend(() => {
      if (this.size === 0) this.size = Math.min(this.largest, Math.max(1, rows.length))
      // A whole chunk as it came is not copied.
      if (this.held.length === 0 && rows.length === this.size) return this.write(rows)
      for (const row of rows) this.held.push(row)
      return this.full
    })

  readonly rest: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() => this.held.length === 0 ? Effect.void : this.write(this.held.splice(0)))

  private readonly full: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() =>
    this.held.length < this.size ? Effect.void : Effect.zipRight(this.write(this.held.splice(0, this.size)), this.full))

  private write(rows: ReadonlyArray<Values>): Effect.Effect<void, SqlError.SqlError> {
    this.size = Math.min(this.largest, this.size * 2)
    return this.open.write(rows)
  }
}

const inserts = (db: Database, { columns, onConflict, table }: Bulk.Target): Effect.Effect<Way, SqlError.SqlError> => {
  const { limits, name, placeholder, quoteIdentifier } = db.dialect
  if (onConflict !== "error") {
    return SqlError.fail(new Reason.UnsupportedError({ message: `${name} has no bulk path, and no other knows onConflict: "${onConflict}"`, capability: "bulk" }))
  }
  const width = columns.length
  // A column is one name, even with a dot in it; the dialect quotes a dotted name in parts.
  const head = `INSERT INTO ${quoteIdentifier(table)} (${columns.map(quoteIdentifier).join(", ")}) VALUES `
  const rowBytes = columns.length * (placeholder(limits.maxParameters === Number.POSITIVE_INFINITY ? 1e6 : limits.maxParameters).length + 1) + 2
  const most = Math.floor(Math.min(
    limits.maxParameters / width,
    limits.maxInsertRows,
    (limits.maxStatementBytes - utf8(head)) / rowBytes,
    1_000
  ))
  if (most < 1) {
    return SqlError.fail(new Reason.LimitError({ message: `a row of ${width} columns`, limit: "maxParameters", maximum: limits.maxParameters, actual: width }))
  }
  const textOf = (rows: number): string => {
    let parameter = 0
    const row = () => `(${columns.map(() => placeholder(++parameter)).join(",")})`
    return head + Array.from({ length: rows }, row).join(",")
  }
  const full = textOf(most)
  const chunk: Way["chunk"] = (rows) => {
    const starts = Array.from({ length: Math.ceil(rows.length / most) }, (_, i) => i * most)
    const all = Effect.forEach(starts, (from) => {
      const part = rows.slice(from, from + most)
      return db.unsafe(part.length === most ? full : textOf(part.length), part.flat()).run
    })
    return Effect.map(all, (runs) => ({ rows: runs.reduce((sum, run) => sum + run.rowsAffected, 0), rejected: 0 }))
  }
  return Effect.succeed({
    chunk,
    chunks: (use) =>
      Effect.suspend(() => {
        let sum = 0
        const write: Write = (rows) => Effect.map(chunk(rows), (summary) => {
          sum += summary.rows
        })
        return Effect.map(use(write), () => ({ rows: sum, rejected: 0 }))
      })
  })
}
