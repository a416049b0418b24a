/**
 * Texts: what of a query is sent, its parameters beside its text or written into it, or why it is not.
 *
 * It refuses what the server could not read as it was meant: another number of parameters than of placeholders, a value
 * that no column holds, more than one packet. How a value is encoded is in `types`. Called by `connection`.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as SqlScript from "@sluice/core/SqlScript"
import * as Either from "effect/Either"
import { foreignTo, type Speech } from "./charset.js"
import type { Reading } from "./decode.js"
import { lexiconOf } from "./dialect.js"
import { encoded } from "./encoders.js"
import type { Source } from "./infile.js"
import { limited } from "./limit.js"
import type { Settings } from "./options.js"
import type { Value } from "./packet.js"
import type { Shapes } from "./shapes.js"
import { encode, inline, miscounted } from "./types.js"

/** A text as it is sent. */
export interface Text {
  readonly sql: string
  readonly values?: ReadonlyArray<Value>
  /** How its rows are read; lists without it. */
  readonly reading?: Reading
  /** What is sent when the server asks for a file; without it the server gets nothing. */
  readonly infile?: Source
}

/** What a text depends on beside its query. */
export interface Session {
  readonly wire: Speech & { readonly backslashes: boolean }
  readonly settings: Pick<Settings, "bigints" | "dates" | "decimals" | "decoders" | "encoders" | "offset">
  readonly maxPacket: number
  readonly isMariadb: boolean
  /** Where the server keeps the types of a prepared statement's first parameters. */
  readonly shapes: Shapes | undefined
}

/** Whether a text is several statements: those are not prepared. */
export const isSeveral = (sql: string, hasEscapes: boolean): boolean =>
  sql.includes(";") && Either.getOrElse(SqlScript.split(sql, lexiconOf(hasEscapes)), () => []).length > 1

/** What is sent of a query. */
export const textOf = (query: Connection.Query, session: Session): Text | SqlError.SqlError => {
  const params = encoded(query.params, session.settings.encoders, query.sql)
  if (params instanceof SqlError.SqlError) return params
  return textWith(params === query.params ? query : { ...query, params }, session)
}

const textWith = (query: Connection.Query, { isMariadb, maxPacket, settings, shapes, wire }: Session): Text | SqlError.SqlError => {
  const { backslashes } = wire
  const { offset } = settings
  const reading = readingOf(query, settings)
  const refusal = miscounted(query.sql, query.params.length, backslashes) ?? tooLarge(query, maxPacket) ?? misplaced(query, wire) ?? loading(query.sql)
  if (refusal !== undefined) return refusal
  if (query.prepare) {
    const values = encode(query.params, query.sql, offset)
    if (values instanceof SqlError.SqlError) return values
    const sql = limited(query.sql, query.timeout, isMariadb)
    return { sql: shapes === undefined ? sql : shapes.of(sql, query.params, wire.charset, backslashes), values, reading }
  }
  const sql = inline(query.sql, query.params, offset, backslashes)
  return sql instanceof SqlError.SqlError ? sql : { sql: limited(sql, query.timeout, isMariadb), reading }
}

const readingOf = ({ integers, rowMode }: Connection.Query, { bigints, dates, decimals, decoders, offset }: Session["settings"]): Reading =>
  ({ rowMode, bigints: integers === undefined ? bigints : integers === "bigint", dates, decimals, decoders, offset })

// The server would store question marks.
const misplaced = ({ params, sql }: Connection.Query, wire: Speech): SqlError.SqlError | undefined => {
  if (wire.charset?.foreign === undefined && wire.encoding === undefined) return undefined
  const found = foreignTo(wire, [sql, ...params])
  return found === undefined ? undefined : SqlError.make(new Reason.DataError({
    message: `${found.at === 0 ? "the statement" : `parameter ${found.at}`} holds a character that ${found.charset}, the session's character set, has no place for`,
    operation: "encode",
    statement: sql
  }))
}

const loadsLocal = /^\s*LOAD\s+(?:DATA|XML)\s+(?:LOW_PRIORITY\s+|CONCURRENT\s+)?LOCAL\b/i

// The server would ask for the file, and get none.
const loading = (sql: string): SqlError.SqlError | undefined =>
  loadsLocal.test(sql)
    ? SqlError.make(new Reason.UnsupportedError({
      message: "no file is ever read for LOAD DATA LOCAL: load rows by BulkSink, or by `bulk` of a connection",
      capability: "localInfile",
      operation: "execute",
      statement: sql
    }))
    : undefined

// The server closes a connection that sends it more than max_allowed_packet: refused here, it stays usable (law Q5).
const tooLarge = (query: Connection.Query, maxPacket: number): SqlError.SqlError | undefined => {
  let bytes = query.sql.length * 3
  for (const value of query.params) bytes += sizeOf(value, false)
  if (bytes < maxPacket) return undefined
  bytes = Buffer.byteLength(query.sql) + 64
  for (const value of query.params) bytes += sizeOf(value, true) * (query.prepare || typeof value === "string" ? 1 : 2)
  return bytes < maxPacket ? undefined : SqlError.make(new Reason.LimitError({
    message: `the statement and its parameters take ${bytes} bytes, and the server's max_allowed_packet is ${maxPacket}`,
    limit: "max_allowed_packet",
    maximum: maxPacket,
    actual: bytes,
    operation: "execute",
    statement: query.sql
  }))
}

const sizeOf = (value: unknown, exact: boolean): number => {
  if (typeof value === "string") return exact ? Buffer.byteLength(value) + 9 : value.length * 3 + 9
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return value.byteLength + 9
  return 24
}
