/**
 * Joined: different statements in one text, for the length of a call of our own (law Q2).
 *
 * Only INSERT, UPDATE, DELETE and REPLACE without a semicolon of their own are joined: each answers with one header, and
 * none can be two. The server stops at the first failure. What else there is goes by itself, in its place. Warnings of
 * what was joined are not asked for. Called by `connection`.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Mysql } from "./connection.js"
import type { Header } from "./header.js"
import { bare, bytesPerText, isSeverable, statementsPerText } from "./many.js"
import { answer } from "./result.js"
import * as Several from "./several.js"
import { textOf } from "./text.js"

type Answered = (result: Connection.Result) => void

/** Runs queries in order; `answered` gets the result of each. */
export const execute = (connection: Mysql, queries: ReadonlyArray<Connection.Query>, answered: Answered): Effect.Effect<void, SqlError.SqlError> => {
  const next = (from: number): Effect.Effect<void, SqlError.SqlError> =>
    Effect.suspend(() => {
      const query = queries[from]
      if (query === undefined) return Exit.void
      const part = joined(connection, queries, from)
      return part.to - from > 1
        ? Effect.flatMap(send(connection, part, queries, from, answered), () => next(part.to))
        : Effect.flatMap(connection.execute(query), (result) => {
          answered(result)
          return next(from + 1)
        })
    })
  const all = next(0)
  return connection.settings.multipleStatements || queries.length < 2 ? all : Several.during(connection.wire, all)
}

interface Part {
  readonly sql: string
  /** The first query that is not in it. */
  readonly to: number
}

/** As many of the next queries as go in one text. One that cannot be written is left to fail by itself. */
const joined = (connection: Mysql, queries: ReadonlyArray<Connection.Query>, from: number): Part => {
  const most = Math.min(bytesPerText, connection.maxPacket - 1024)
  const texts: Array<string> = []
  let bytes = 0
  let to = from
  for (; to < queries.length && to - from < statementsPerText; to++) {
    const query = queries[to]!
    if (!isSeverable(query, connection.wire.backslashes)) break
    const text = textOf({ ...query, sql: bare(query.sql), prepare: false }, connection)
    if (text instanceof SqlError.SqlError) break
    bytes += Buffer.byteLength(text.sql) + 3
    if (bytes > most) break
    texts.push(text.sql)
  }
  // The line ends a comment at the end of the statement before.
  return { sql: texts.join("\n;\n"), to: Math.max(to, from + 1) }
}

const send = (connection: Mysql, { sql, to }: Part, queries: ReadonlyArray<Connection.Query>, from: number, answered: Answered): Effect.Effect<void, SqlError.SqlError> =>
  Effect.suspend(() => {
    let at = from
    const onHeader = (header: Header): void => {
      at++
      answered(answer([], undefined, header))
    }
    // Read where it failed: the statement is the one that has no header.
    const about = {
      operation: "execute",
      get statement() {
        return queries[Math.min(at, to - 1)]!.sql
      }
    }
    return Effect.asVoid(connection.write({ sql }, about, onHeader))
  })
