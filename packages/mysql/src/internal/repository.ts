/**
 * Repository: the two texts of two statements that Effect's own packages send, answered without multi-statements.
 *
 * `Model.makeRepository` and `makeDataLoaders` of @effect/sql write a row and read it back in one unprepared text, and so does a
 * runner of @effect/cluster that registers itself; the stock driver can run them because it lets every text hold many
 * statements. Here these shapes alone are known, word for word, and their two statements are sent one after the other on one
 * connection; any other text of two statements is the server's syntax error, as ever. Called by `connection` for what is
 * not prepared.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import { pieces } from "./types.js"

/** The statement that writes, and the one that reads what it wrote. */
export interface Pair {
  readonly write: Connection.Query
  readonly read: Connection.Query
}

const name = "`(?:[^`]|``)+`"
const shapes = [
  { head: /^(?:insert into|update) `/, tail: new RegExp(`;\\n(select \\* from ${name}(?:\\.${name})* where ${name} = (?:LAST_INSERT_ID\\(\\)|\\?));$`) },
  {
    head: new RegExp(`^\\s*INSERT INTO ${name} \\(address, runner, last_heartbeat, healthy\\)\\s+VALUES \\(\\?, \\?, NOW\\(\\), \\?\\)\\s+ON DUPLICATE KEY UPDATE\\s`),
    tail: new RegExp(`;\\s+(SELECT machine_id FROM ${name} WHERE address = \\?);\\s*$`)
  }
]

/** The pair that a query is, if it is one. */
export const pairOf = (query: Connection.Query): Pair | undefined => {
  const { params, sql } = query
  const shape = shapes.find(({ head }) => head.test(sql))
  const found = shape?.tail.exec(sql) ?? null
  const text = found?.[1]
  if (found === null || text === undefined) return undefined
  const head = sql.slice(0, found.index)
  // By its placeholders the head is known to end where the tail begins: a string or a comment that ran on would hide them.
  const own = countOf(head)
  const rest = countOf(text)
  if (own === undefined || rest === undefined || own + rest !== params.length || countOf(sql) !== params.length) return undefined
  return {
    write: { ...query, sql: head, params: params.slice(0, own), returnsRows: false },
    read: { ...query, sql: text, params: params.slice(own), readOnly: true }
  }
}

const countOf = (sql: string): number | undefined => {
  const parts = pieces(sql, true)
  return parts === undefined ? undefined : parts.length - 1
}

/** Runs both, and answers as the stock driver does: the header of the one, the rows of the other. */
export const execute = (
  { read, write }: Pair,
  run: (query: Connection.Query) => Effect.Effect<Connection.Result, SqlError.SqlError>
): Effect.Effect<Connection.Result, SqlError.SqlError> =>
  Effect.flatMap(run(write), (written) =>
    Effect.map(run(read), (found) => ({
      ...found,
      rows: [{ affectedRows: written.rowsAffected, insertId: written.lastInsertId ?? 0 }, found.rows],
      rowsAffected: written.rowsAffected,
      lastInsertId: written.lastInsertId,
      messages: written.messages
    })))
