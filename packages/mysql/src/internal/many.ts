/**
 * Many: one statement for many rows of parameters, in few round trips, and which row failed.
 *
 * A plain INSERT becomes INSERTs of many rows: then each row counts one, since nothing else could have succeeded, where the
 * server refuses a value in company as it does alone. Any other statement that writes is sent for many rows in one text, a statement for each row, whose answers carry their
 * counts; the server stops at the first failure. What may answer with rows, and a text that only the server can read, is
 * executed row by row, prepared once. Core calls it in a transaction. Called by `connection`.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Mysql } from "./connection.js"
import { encoded } from "./encoders.js"
import type { Header } from "./header.js"
import { isStrict, isTransactional } from "./loading.js"
import * as Several from "./several.js"
import { textOf } from "./text.js"
import { isWhole, literal, miscounted, refuse } from "./types.js"

type Rows = ReadonlyArray<ReadonlyArray<unknown>>
type Counts = Effect.Effect<ReadonlyArray<number>, SqlError.SqlError>

/** Is told the count of each row as it comes. */
export type Answered = (rowsAffected: number) => void

/** The affected rows of each row of parameters. */
export const execute = (connection: Mysql, query: Connection.Query, rows: Rows, answered: Answered = ignore): Counts => {
  if (rows.length === 0) return Exit.succeed([])
  for (const row of rows) {
    const wrong = miscounted(query.sql, row.length, connection.wire.backslashes)
    // A text that does not parse is told as that.
    if (wrong !== undefined) return Effect.zipRight(connection.describe(query), Exit.fail(wrong))
  }
  if (rows.length > 1) {
    const [, head, table] = plain.exec(query.sql) ?? []
    const each = isSeverable(query, connection.wire.backslashes) ? severally(connection, query, rows, answered) : oneByOne(connection, query, rows, answered)
    if (head === undefined || table === undefined) return each
    // What does not fit is found before anything is sent, and told by its place in the row.
    const apart = Effect.suspend(() => {
      const values = literals(connection, rows, query.sql)
      return values instanceof SqlError.SqlError ? Exit.fail(values) : each
    })
    if (rows.length < fewest) return apart
    return Effect.flatMap(isStrict(connection, table.replaceAll("`", "")), (isStrict) => isStrict ? inserted(connection, query, rows, head, table, answered) : apart)
  }
  return oneByOne(connection, query, rows, answered)
}

/** Fewer rows are not worth asking how their table refuses a value. */
const fewest = 8

const ignore = (): void => {}

// INSERT INTO t (a, b) VALUES (?, ?): nothing but placeholders, and nothing after them.
const plain = /^\s*(INSERT\s+INTO\s+((?:[\w$.]|`[^`]*`)+)\s*(?:\((?:[\w$\s,]|`[^`]*`)*\))?)\s*VALUES?\s*\(\s*\?\s*(?:,\s*\?\s*)*\)\s*;?\s*$/i

// ---- one by one ----

const oneByOne = (connection: Mysql, query: Connection.Query, rows: Rows, answered: Answered): Counts =>
  Effect.suspend(() => {
    // What does not fit is found before anything is sent.
    const texts = literals(connection, rows, query.sql)
    return texts instanceof SqlError.SqlError ? Exit.fail(texts)
      : Effect.forEach(rows, (params, i) => Effect.mapBoth(connection.execute({ ...query, params }), {
        onSuccess: ({ rowsAffected }) => {
          answered(rowsAffected)
          return rowsAffected
        },
        onFailure: (error) => ofRow(error, i)
      }))
  })

const ofRow = (error: SqlError.SqlError, row: number): SqlError.SqlError => SqlError.make(Reason.prefixed(error.reason, `row ${row}: `))

// ---- a statement for each row ----

const writes = /^\s*(?:UPDATE|DELETE|INSERT|REPLACE)\b/i

/** A text with a semicolon in it might be two, and one whose string or comment has no end would swallow the next. */
export const isSeverable = (query: Connection.Query, backslashes: boolean): boolean =>
  !query.returnsRows && writes.test(query.sql) && !/;|\/\*/.test(bare(query.sql)) &&
  isWhole(query.sql, backslashes)

export const bare = (sql: string): string => sql.replace(/[;\s]+$/, "")

// A text of 10,000 statements took half as long again as ten of 1,000, and by 100 no longer than those.
export const statementsPerText = 500
export const bytesPerText = 262_144

const severally = (connection: Mysql, query: Connection.Query, rows: Rows, told: Answered, first = 0): Counts =>
  Effect.suspend(() => {
    const sql = bare(query.sql)
    const texts = new Array<string>(rows.length)
    for (let i = 0; i < rows.length; i++) {
      const text = textOf({ ...query, sql, params: rows[i]!, prepare: false }, connection)
      if (text instanceof SqlError.SqlError) return Exit.fail(ofRow(text, first + i))
      texts[i] = text.sql
    }
    const counts: Array<number> = []
    const all = each(connection, query.sql, texts, counts, told, first)
    return Effect.as(connection.settings.multipleStatements ? all : Several.during(connection.wire, all), counts)
  })

const each = (
  connection: Mysql,
  statement: string,
  texts: ReadonlyArray<string>,
  counts: Array<number>,
  told: Answered,
  first: number
): Effect.Effect<void, SqlError.SqlError> =>
  Effect.suspend(() => {
    const from = counts.length
    if (from >= texts.length) return Effect.void
    const most = Math.min(bytesPerText, connection.maxPacket - 1024)
    let to = from
    for (let bytes = 0; to < texts.length && to - from < statementsPerText; to++) {
      bytes += Buffer.byteLength(texts[to]!) + 3
      if (bytes > most && to > from) break
    }
    let answered = 0
    // The line ends a comment at the end of the statement before.
    const text = { sql: texts.slice(from, to).join("\n;\n") }
    const onHeader = (header: Header): void => {
      answered++
      const count = Number(header.affectedRows)
      counts.push(count)
      told(count)
    }
    return Effect.flatMap(
      Effect.mapError(connection.write(text, { operation: "execute", statement }, onHeader), (error) => ofRow(error, first + from + answered)),
      () => each(connection, statement, texts, counts, told, first)
    )
  })

// ---- INSERTs of many rows ----

const inserted = (connection: Mysql, query: Connection.Query, rows: Rows, head: string, table: string, answered: Answered): Counts =>
  Effect.suspend(() => {
    const values = literals(connection, rows, query.sql)
    if (values instanceof SqlError.SqlError) return Exit.fail(values)
    // Bytes are twice as long in a text as they are beside it.
    if (oversized(connection, head, values) !== undefined) return oneByOne(connection, query, rows, answered)
    const about = { operation: "execute", statement: query.sql }
    const send = ({ from, sql, to }: Part): Effect.Effect<unknown, SqlError.SqlError> =>
      Effect.matchEffect(connection.write({ sql }, about), {
        onSuccess: () => Effect.sync(() => {
          for (let i = from; i < to; i++) answered(1)
        }),
        onFailure: (error) => Effect.flatMap(mayRepeat(connection, error, table), (mayRepeat) =>
          mayRepeat ? severally(connection, query, rows.slice(from, to), answered, from) : Exit.fail(error))
      })
    return Effect.as(Effect.forEach(parted(`${head} VALUES `, values, connection.maxPacket), send, { discard: true }), rows.map(() => 1))
  })

// LAST_INSERT_ID() is the id of the first row of an INSERT, and ROW_COUNT() counts all of them. The last row goes by itself, so that what
// follows is told what it would be behind an INSERT for each row.
const parted = (head: string, values: ReadonlyArray<string>, maxPacket: number): ReadonlyArray<Part> => {
  const last = values.length - 1
  return [...statements(head, values.slice(0, last), maxPacket), { sql: head + values[last], from: last, to: last + 1 }]
}

/** Whether the rows of a failed INSERT may be sent again, a statement each, to see which of them it was. */
const mayRepeat = (connection: Mysql, error: SqlError.SqlError, table: string): Effect.Effect<boolean> =>
  connection.transaction === "none" || !ofValues.has(error.reason._tag) ? Effect.succeed(false) : isTransactional(connection, table.replaceAll("`", ""))

const ofValues: ReadonlySet<string> = new Set<Reason.Reason["_tag"]>(["UniqueViolation", "ConstraintError", "DataError"])

/** Each row as `(1,'a',NULL)`. */
export const literals = (connection: Mysql, rows: Rows, statement: string): Array<string> | SqlError.SqlError => {
  const { backslashes, charset } = connection.wire
  const { encoders, offset } = connection.settings
  const texts = new Array<string>(rows.length)
  for (let i = 0; i < rows.length; i++) {
    const row = encoded(rows[i]!, encoders, statement, (c) => `row ${i}, value ${c + 1}`)
    if (row instanceof SqlError.SqlError) return row
    let text = "("
    for (let c = 0; c < row.length; c++) {
      const value = literal(row[c], offset, backslashes)
      if (value === undefined) return refuse(row[c], `row ${i}, value ${c + 1}`, statement)
      text += c === 0 ? value : `,${value}`
    }
    if (charset?.foreign?.test(text) === true) {
      const message = `row ${i} holds a character that ${charset.name}, the session's character set, has no place for`
      return SqlError.make(new Reason.DataError({ message, operation: "encode", statement }))
    }
    texts[i] = `${text})`
  }
  return texts
}

/** A LimitError where a row is larger than a packet may be. */
export const oversized = (connection: Mysql, head: string, rows: ReadonlyArray<string>): SqlError.SqlError | undefined => {
  const most = connection.maxPacket - 1024 - head.length * 3
  for (let i = 0; i < rows.length; i++) {
    const text = rows[i]!
    const bytes = text.length * 3 <= most ? 0 : Buffer.byteLength(text)
    if (bytes <= most) continue
    return SqlError.make(new Reason.LimitError({
      message: `row ${i} takes ${bytes} bytes, and the server's max_allowed_packet is ${connection.maxPacket}`,
      limit: "max_allowed_packet",
      maximum: connection.maxPacket,
      actual: bytes,
      operation: "bulk",
      statement: head
    }))
  }
  return undefined
}

// Beyond a megabyte a statement gains nothing: 1,000 rows of 100 bytes are a tenth of that.
const enough = 1_000_000

/** An INSERT of the rows from one to another. */
export interface Part {
  readonly sql: string
  readonly from: number
  readonly to: number
}

/** Statements of many rows, each within the packet. No row is larger than it. */
export const statements = function*(head: string, rows: ReadonlyArray<string>, maxPacket: number, tail = ""): Generator<Part> {
  const most = Math.min(enough, maxPacket - 1024)
  let from = 0
  let bytes = Buffer.byteLength(head) + tail.length
  for (let i = 0; i < rows.length; i++) {
    const size = Buffer.byteLength(rows[i]!) + 1
    if (i > from && bytes + size > most) {
      yield { sql: head + rows.slice(from, i).join(",") + tail, from, to: i }
      from = i
      bytes = Buffer.byteLength(head) + tail.length
    }
    bytes += size
  }
  if (from < rows.length) yield { sql: head + rows.slice(from).join(",") + tail, from, to: rows.length }
}
