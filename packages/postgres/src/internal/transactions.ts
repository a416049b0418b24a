/**
 * Transactions of a connection: how one begins and commits, and the one that is begun for streams alone.
 *
 * A portal lives in a transaction. Outside of one, the first stream begins it and the last one commits it: to core there is
 * none. Reads may run beside such streams, each inside a savepoint; a write may not, since it would be committed with the
 * streams and not when it says so. Called by `connection`.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import { inTime } from "@sluice/core/Bounded"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as SqlScript from "@sluice/core/SqlScript"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Postgres } from "./connection.js"
import type { Cursor } from "./cursor.js"
import { capabilities, dialect } from "./dialect.js"
import { messages } from "./messages.js"
import { Simple } from "./task.js"
import { Status } from "./wire.js"

// A stream that ends early is waited for by its consumer's scope: no longer than this.
const endTimeout = 5_000

export const begin = (connection: Postgres, options: Connection.BeginOptions): Effect.Effect<void, SqlError.SqlError> => {
  const refusal = refused(options)
  if (refusal !== undefined) return Exit.fail(refusal)
  const { access: _, deferrable, isolation, readOnly } = options
  const text = [
    "BEGIN",
    ...(isolation === undefined ? [] : [`ISOLATION LEVEL ${isolation.toUpperCase().replace("-", " ")}`]),
    ...(readOnly === true ? ["READ ONLY"] : []),
    ...(deferrable === true ? ["DEFERRABLE"] : [])
  ].join(" ")
  return Effect.suspend(() => {
    if (connection.alone.size > 0) return Effect.zipRight(endAlone(connection), connection.command(text, "begin"))
    // The server only warns of it.
    return connection.wire.inTransaction ? Exit.fail(misplaced("a transaction is open already", "begin")) : connection.command(text, "begin")
  })
}

/** A COMMIT of a transaction that has failed is answered with ROLLBACK, and no error. */
export const commit = (connection: Postgres): Effect.Effect<void, SqlError.SqlError> =>
  connection.transaction === "none"
    ? Exit.fail(aborted("the transaction is over: the server ended it, or a statement in it did"))
    : Effect.flatMap(connection.command("COMMIT", "commit"), (tag) =>
      tag === "COMMIT" ? committed(connection) : Exit.fail(aborted("COMMIT was answered with ROLLBACK: a statement of the transaction had failed")))

// What the others have prepared since the table was altered, they have prepared as it was before.
const committed = ({ settings, wire }: Postgres): Exit.Exit<void> => {
  if (wire.hasAltered) settings.shapes.changes++
  wire.hasAltered = false
  return Exit.void
}

// Anything else may be what runs in no transaction, as VACUUM and CALL, and answers with few rows or none.
const portals = /^(?:[\s(]|--[^\n]*\n|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/)*(?:SELECT|WITH|VALUES|TABLE|INSERT|UPDATE|DELETE|MERGE|EXPLAIN|SHOW|FETCH)\b/i

/** Whether a statement's rows may come from a portal, in a transaction. */
export const mayBePortal = (sql: string): boolean => portals.test(sql)

const copies = /^(?:\s|--[^\n]*\n|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/)*COPY\b[^]*\b(?:FROM\s+STDIN|TO\s+STDOUT)\b/i

/** A COPY whose data goes beside the statement. What stood behind it in its round trip would end the session. */
export const copying = (sql: string): SqlError.SqlError | undefined =>
  copies.test(sql) ? SqlError.make(new Reason.UnsupportedError({
    message: "COPY FROM STDIN and COPY TO STDOUT carry data beside the statement, which goes by Postgres.copyFrom, Postgres.copyTo or bulk",
    capability: "copy",
    operation: "execute",
    statement: sql
  })) : undefined

const ends = /^(?:\s|--[^\n]*\n|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/)*(?:COMMIT|END|ROLLBACK|ABORT)\b/i
const chains = /^\w+(?: WORK| TRANSACTION)? AND CHAIN$/

/** A text that would end the transaction that is open and begin another: its status would show nothing (law T7). */
export const chained = ({ wire }: Postgres, sql: string): SqlError.SqlError | undefined => {
  if (!wire.inTransaction || !ends.test(sql)) return undefined
  const words = SqlScript.tokens(sql, dialect.lexicon).filter(({ kind }) => kind === "word").map(({ end, start }) => sql.slice(start, end).toUpperCase())
  return chains.test(words.join(" ")) ? SqlError.make(new Reason.TransactionStateError({
    message: "this text would end the transaction that is open and begin another, unseen",
    operation: "execute",
    statement: sql
  })) : undefined
}

/** The rows of what was run as a whole. */
export const gathered = (connection: Postgres, query: Connection.Query): Effect.Effect<Connection.Rows, SqlError.SqlError> =>
  Effect.map(connection.execute(query), ({ columns, rows }) => {
    let at = 0
    const next = Effect.sync(() => rows.slice(at, at += Math.max(1, query.fetchSize)))
    return { columns, next }
  })

/** A stream has come to its last row, or is given up: the last one of those that are alone ends their transaction. */
export const leave = (connection: Postgres, cursor: Cursor): Effect.Effect<void, SqlError.SqlError> =>
  Effect.suspend(() => connection.alone.delete(cursor) && connection.alone.size === 0 ? endOwn(connection) : Effect.void)

const endOwn = (connection: Postgres): Effect.Effect<void, SqlError.SqlError> => {
  const { wire } = connection
  if (wire.isClosed || wire.status === Status.idle) return Effect.void
  return Effect.asVoid(connection.command(wire.status === Status.failed ? "ROLLBACK" : "COMMIT", "stream"))
}

const endAlone = (connection: Postgres): Effect.Effect<void, SqlError.SqlError> =>
  Effect.suspend(() => {
    for (const cursor of connection.alone) cursor.drop()
    return Effect.zipRight(connection.settle, Effect.suspend(() => {
      connection.alone.clear()
      return endOwn(connection)
    }))
  })

/** A finalizer cannot fail; what cannot be stopped in time belongs to a connection that is given up. */
export const ended = (connection: Postgres, cursor: Cursor): Effect.Effect<void> => {
  const { wire } = connection
  const end = Effect.suspend(() => {
    const isAlone = connection.alone.has(cursor)
    const rest = Effect.suspend(() => isAlone ? leave(connection, cursor) : cursor.isOpen && wire.status === Status.open ? closePortal(connection, cursor) : Effect.void)
    return cursor.isUnderWay ? Effect.zipRight(connection.settle, rest) : rest
  })
  return Effect.suspend(() => {
    if (wire.isClosed) {
      connection.alone.delete(cursor)
      return Effect.void
    }
    return Effect.flatMap(inTime(end, endTimeout), (isEnded) => isEnded ? Effect.void : Effect.sync(() => {
      connection.alone.delete(cursor)
      wire.destroy()
    }))
  })
}

const closePortal = (connection: Postgres, cursor: Cursor): Effect.Effect<void> =>
  Effect.async((resume) => {
    messages.closePortal(cursor.portal).sync()
    connection.wire.send(new Simple(() => resume(Exit.void)))
  })

// Work that fails in a transaction dooms it, and where `statementSavepoints` says so it does not.
export const guarded = <A>(
  connection: Postgres,
  work: Effect.Effect<A, SqlError.SqlError>,
  isGuarded = connection.settings.statementSavepoints
): Effect.Effect<A, SqlError.SqlError> => {
  if (!isGuarded || connection.transaction !== "open") return work
  const undo = Effect.zipRight(connection.settle, Effect.zipRight(connection.rollbackTo(savepoint), connection.release(savepoint)))
  return Effect.uninterruptibleMask((restore) =>
    connection.savepoint(savepoint).pipe(
      Effect.zipRight(restore(work)),
      Effect.onError(() => Effect.ignore(undo)),
      Effect.tap(() => connection.release(savepoint))
    )
  )
}

const savepoint = "sluice_work"

/** Why a statement may not run now. */
export const besideStream = (connection: Postgres, query: Pick<Connection.Query, "sql" | "readOnly">): SqlError.SqlError | undefined =>
  connection.alone.size === 0 || query.readOnly ? undefined : SqlError.make(new Reason.UnsupportedError({
    message: "a statement that writes would be committed with the stream that is open beside it: begin a transaction for both",
    capability: "writesBesideStream",
    operation: "execute",
    statement: query.sql
  }))

const refused = (options: Connection.BeginOptions): SqlError.SqlError | undefined => {
  const lacking = (capability: string, message: string) => SqlError.make(new Reason.UnsupportedError({ message, capability, operation: "begin" }))
  if (options.isolation !== undefined && !capabilities.isolation.includes(options.isolation)) {
    return lacking("isolation", `PostgreSQL has no isolation level ${options.isolation}: repeatable-read is its snapshot isolation`)
  }
  return options.access === undefined ? undefined : lacking("access", "PostgreSQL's BEGIN takes no lock")
}

const misplaced = (message: string, operation: string): SqlError.SqlError => SqlError.make(new Reason.TransactionStateError({ message, operation }))

const aborted = (message: string): SqlError.SqlError => SqlError.make(new Reason.TransactionAbortedError({ message, operation: "commit" }))
