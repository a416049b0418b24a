/**
 * The log of statements: one line for each that is slow enough, or that failed.
 *
 * The line is the text with its placeholders, and no parameter (law E4). Called on the slow side of the path of a statement,
 * and there only where `Telemetry.logStatements` is on.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import type { Rows } from "../../Connection.js"
import * as SqlError from "../../SqlError.js"

/** What is logged, and how. */
export interface Log {
  readonly level: LogLevel.LogLevel
  /** Milliseconds. */
  readonly slowerThan: number
}

/** A statement as its line tells it. */
export interface Line {
  readonly sql: string
  readonly database: string
  readonly operation: string
  readonly label: string | undefined
  /** Filled while it runs. */
  rows: number | undefined
}

/** Logs how a statement ended. */
export const logged = <A, R>(log: Log, line: Line, effect: Effect.Effect<A, SqlError.SqlError, R>): Effect.Effect<A, SqlError.SqlError, R> =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.onExit(effect, (exit) => tell(log, line, performance.now() - start, exit))
  })

/** As `logged`, for a statement that goes on to the end of its scope. */
export const loggedScoped = <A, R>(log: Log, line: Line, effect: Effect.Effect<A, SqlError.SqlError, R>) =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.zipRight(Effect.addFinalizer((exit) => tell(log, line, performance.now() - start, exit)), effect)
  })

const tell = ({ level, slowerThan }: Log, { database, label, operation, rows, sql }: Line, milliseconds: number, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
  const reason = Exit.isFailure(exit) ? reasonOf(exit.cause) : undefined
  if (reason === undefined && milliseconds < slowerThan) return Effect.void
  return Effect.annotateLogs(Effect.logWithLevel(level, sql), {
    database,
    operation,
    duration: Math.round(milliseconds * 1000) / 1000,
    ...(rows === undefined ? {} : { rows }),
    ...(reason === undefined ? {} : { reason }),
    ...(label === undefined ? {} : { label })
  })
}

/** Rows, or the rows affected, of one answer or of several. */
export const rowsOf = (answer: unknown): number | undefined => {
  if (Array.isArray(answer)) return answer.reduce<number>((sum, one) => sum + (typeof one === "number" ? one : rowsOf(one) ?? 0), 0)
  if (typeof answer !== "object" || answer === null || !("rows" in answer && Array.isArray(answer.rows) && "rowsAffected" in answer)) return undefined
  return answer.rows.length > 0 ? answer.rows.length : Number(answer.rowsAffected)
}

/** Open rows that are counted as they come. */
export const counted = (rows: Rows, line: Line): Rows => {
  line.rows = 0
  return { columns: rows.columns, next: Effect.map(rows.next, (chunk) => {
    line.rows = (line.rows ?? 0) + chunk.length
    return chunk
  }) }
}

// A consumer's own failure ends a stream, and is none of the statement's.
const reasonOf = (cause: Cause.Cause<unknown>): string | undefined => {
  if (Cause.isInterrupted(cause)) return "interrupted"
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  return SqlError.isSqlError(failure) ? failure.reason._tag : Cause.isDie(cause) ? "defect" : undefined
}
