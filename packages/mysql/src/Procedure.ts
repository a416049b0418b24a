/**
 * Procedure: calling one, with its parameters of every mode, and what it answers. And ending what another session runs.
 *
 * They are statements like any other: in a transaction or a session they run there, and they are cancelled, timed and
 * traced as statements are. Reached as `Mysql.callProcedure` and `Mysql.kill`.
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
import { dialect } from "./internal/dialect.js"

/**
 * What a procedure answered.
 *
 * @example
 * ```ts
 * import type { Mysql } from "@sluice/mysql"
 *
 * const total = (called: Mysql.Called) => called.outParameters["total"]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Called {
  /** Its result sets, in order; none where it has no SELECT of its own. */
  readonly results: ReadonlyArray<Connection.Result<Statement.Row>>
  /** The values of its OUT and INOUT parameters, by the names that the procedure gives them. */
  readonly outParameters: Readonly<Record<string, unknown>>
  /** Rows that it changed, as the server counts them. */
  readonly rowsAffected: number
  /** Its warnings. */
  readonly messages: ReadonlyArray<Connection.Message>
}

/**
 * Calls a stored procedure: one value for each of its parameters, in their order. What stands in the place of an OUT
 * parameter is not read: write null. The name may have its schema's before it, `shop.total`; each part is quoted.
 *
 * The values of OUT and INOUT parameters come back with their declared types, in the same round trip. MySQL sends a text of
 * another character set than utf8mb4 as its bytes, and does not say so: a DataError, unless it is ASCII. On a session it
 * runs inside of `session.provide`, in a transaction inside of that. Fails with SqlSyntaxError where there is no such
 * procedure or it has another number of parameters, and with whatever a statement of it fails with: outside of a transaction
 * what came before that may have been done for good, and the outcome is `unknown`.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Mysql } from "@sluice/mysql"
 * import { Effect } from "effect"
 *
 * // CREATE PROCEDURE total(IN customer BIGINT, OUT total DECIMAL(10, 2)) …
 * const total = Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   const { outParameters, results } = yield* Mysql.callProcedure(db, "shop.total", [42, null])
 *   return [outParameters["total"], results[0]?.rows]
 * })
 * ```
 *
 * @category procedures
 * @since 0.1.0
 */
export const callProcedure: {
  (name: string, params?: ReadonlyArray<unknown>): (db: Database.Database) => Effect.Effect<Called, SqlError.SqlError>
  (db: Database.Database, name: string, params?: ReadonlyArray<unknown>): Effect.Effect<Called, SqlError.SqlError>
} = dual(
  (args) => typeof args[0] !== "string",
  (db: Database.Database, name: string, params: ReadonlyArray<unknown> = []): Effect.Effect<Called, SqlError.SqlError> => {
    const refusal = foreign(db, "callProcedure") ?? (name.split(".").every((part) => part !== "") ? undefined : wrong("name", "must name a procedure, as name or schema.name"))
    if (refusal !== undefined) return Effect.fail(refusal)
    const call = db.unsafe(`CALL ${dialect.quoteIdentifier(name)}(${params.map(() => "?").join(", ")})`, params)
    return Effect.map(call.results, (results) => {
      const last = results[results.length - 1]
      return {
        results: results.filter((result) => result.columns.length > 0),
        outParameters: last?.outParameters ?? {},
        rowsAffected: last?.rowsAffected ?? 0,
        messages: last?.messages ?? []
      }
    })
  }
)

/**
 * Ends another session of the server by its id (`CONNECTION_ID()`), or the statement that runs in it. `false`: there is
 * no such session any more.
 *
 * Whose session it was sees a CancelledError (`query`) or a ConnectionError (`connection`). AuthorizationError where it
 * belongs to another user and the right is lacking. Statements of this database's own fibers are stopped by interrupting
 * them: that alone hits no other statement.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Mysql } from "@sluice/mysql"
 * import { Effect } from "effect"
 *
 * const stopLongest = Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   const [id] = yield* db<{ ID: number }>`SELECT ID FROM information_schema.PROCESSLIST ORDER BY TIME DESC LIMIT 1`.column("ID")
 *   return id === undefined ? false : yield* Mysql.kill(db, id, "query")
 * })
 * ```
 *
 * @category sessions
 * @since 0.1.0
 */
export const kill: {
  (id: number | bigint, what: "connection" | "query"): (db: Database.Database) => Effect.Effect<boolean, SqlError.SqlError>
  (db: Database.Database, id: number | bigint, what: "connection" | "query"): Effect.Effect<boolean, SqlError.SqlError>
} = dual(3, (db: Database.Database, id: number | bigint, what: "connection" | "query"): Effect.Effect<boolean, SqlError.SqlError> => {
  const isId = typeof id === "bigint" ? id > 0n : Number.isSafeInteger(id) && id > 0
  const refusal = foreign(db, "kill") ?? (isId ? undefined : wrong("id", "must be the id of a session"))
  if (refusal !== undefined) return Effect.fail(refusal)
  return Effect.as(db.unsafe(what === "query" ? `KILL QUERY ${id}` : `KILL CONNECTION ${id}`).unprepared, true).pipe(
    Effect.catchIf((error) => error.reason.code === noSuchThread, () => Effect.succeed(false))
  )
})

const noSuchThread = 1094

const wrong = (field: string, words: string): SqlError.SqlError => SqlError.make(new Reason.ConfigError({ message: `${field} ${words}`, field }))

const foreign = (db: Database.Database, capability: string): SqlError.SqlError | undefined =>
  db.dialect.name === dialect.name ? undefined : SqlError.make(new Reason.UnsupportedError({ message: `${db.dialect.name} is not MySQL, which has ${capability}`, capability }))
