/**
 * What the server says of itself and of its plans. Exported through `Postgres`.
 *
 * @since 0.1.0
 */
import type * as Connection from "@sluice/core/Connection"
import type * as Database from "@sluice/core/Database"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import type * as Statement from "@sluice/core/Statement"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import { isPostgres } from "./internal/connection.js"

/**
 * How a statement is explained.
 *
 * @example
 * ```ts
 * import type { Postgres } from "@sluice/postgres"
 *
 * const options: Postgres.ExplainOptions = { analyze: true, buffers: true }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface ExplainOptions {
  /** Runs the statement, too, and shows what it took; what it wrote is rolled back. Default false. */
  readonly analyze?: boolean | undefined
  /** Shows the blocks that were read, which needs `analyze`. Default false. */
  readonly buffers?: boolean | undefined
  /** Shows each node's output columns and more. Default false. */
  readonly verbose?: boolean | undefined
}

/**
 * The plan of a statement, as the lines that EXPLAIN answers with.
 *
 * It is the plan for these very parameters. With `analyze` the statement runs inside a transaction, or a savepoint of the
 * fiber's own, that is rolled back. Fails as the statement would; UnsupportedError where the database is no PostgreSQL.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Postgres } from "@sluice/postgres"
 * import { Effect } from "effect"
 *
 * const usesIndex = Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   const plan = yield* Postgres.explain(db, db`SELECT * FROM users WHERE email = ${"ada@x.org"}`)
 *   return plan.some((line) => line.includes("Index Scan"))
 * })
 * ```
 *
 * @category verbs
 * @since 0.1.0
 */
export const explain: {
  (statement: Statement.Statement<unknown>, options?: ExplainOptions): (db: Database.Database) => Effect.Effect<ReadonlyArray<string>, SqlError.SqlError>
  (db: Database.Database, statement: Statement.Statement<unknown>, options?: ExplainOptions): Effect.Effect<ReadonlyArray<string>, SqlError.SqlError>
} = dual(
  (args) => typeof args[0] === "function",
  (db: Database.Database, statement: Statement.Statement<unknown>, options: ExplainOptions = {}): Effect.Effect<ReadonlyArray<string>, SqlError.SqlError> =>
    Effect.suspend(() => {
      const { analyze = false, buffers = false, verbose = false } = options
      if (buffers && !analyze) return SqlError.fail(new Reason.ConfigError({ message: "explain.buffers needs explain.analyze", field: "explain.buffers" }))
      const chosen = [...(analyze ? ["ANALYZE"] : []), ...(buffers ? ["BUFFERS"] : []), ...(verbose ? ["VERBOSE"] : [])]
      const compiled = compile(statement)
      if (SqlError.isSqlError(compiled)) return Effect.fail(compiled)
      const [sql, params] = compiled
      const ask = Effect.map(
        db.unsafe<{ readonly "QUERY PLAN": string }>(`EXPLAIN ${chosen.length === 0 ? "" : `(${chosen.join(", ")}) `}${sql}`, params).unprepared,
        (rows) => rows.map((row) => row["QUERY PLAN"])
      )
      const asked = Effect.zipRight(isOurs(db, "explain"), ask)
      return analyze ? undone(db, asked) : asked
    })
)

// What cannot be compiled throws there.
const compile = (statement: Statement.Statement<unknown>): readonly [sql: string, params: ReadonlyArray<unknown>] | SqlError.SqlError => {
  try {
    return statement.compile(true)
  } catch (error) {
    return SqlError.refine(error)
  }
}

const undone = <A>(db: Database.Database, self: Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> =>
  db.transaction(Effect.zipLeft(self, Effect.flatMap(db.currentTransaction, (transaction) => transaction.rollback)))

/**
 * The server's version as it tells it: `15.18 (Debian 15.18-0+deb12u1)`.
 *
 * It is known since the session began: the server is not asked. UnsupportedError where the database is no PostgreSQL.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Postgres } from "@sluice/postgres"
 * import { Effect } from "effect"
 *
 * const major = Effect.flatMap(Database.Database, Postgres.serverVersion).pipe(Effect.map((version) => Number.parseInt(version)))
 * ```
 *
 * @category verbs
 * @since 0.1.0
 */
export const serverVersion = (db: Database.Database): Effect.Effect<string, SqlError.SqlError> =>
  db.withConnection((connection) => isPostgres(connection) ? Effect.succeed(connection.version) : foreign("serverVersion"))

const isOurs = (db: Database.Database, verb: string): Effect.Effect<void, SqlError.SqlError> =>
  db.withConnection((connection: Connection.Connection) => isPostgres(connection) ? Effect.void : foreign(verb))

const foreign = (verb: string): Effect.Effect<never, SqlError.SqlError> =>
  SqlError.fail(new Reason.UnsupportedError({ message: `${verb} needs a database of PostgreSQL`, capability: verb }))
