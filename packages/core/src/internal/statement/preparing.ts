/**
 * Preparing: from a statement, and the context that it runs in, to the query that is sent; or why nothing is.
 *
 * A call site's text is compiled once, where every argument of it is a plain parameter. Called by statements.
 *
 * @internal
 */
import * as StockClient from "@effect/sql/SqlClient"
import type * as Context from "effect/Context"
import * as Either from "effect/Either"
import type { Query } from "../../Connection.js"
import { count, millis } from "../../Options.js"
import * as Reason from "../../Reason.js"
import type { RowDecoder } from "../../RowDecoder.js"
import type * as Sql from "../../Sql.js"
import * as SqlError from "../../SqlError.js"
import type { Shape } from "../client.js"
import type { Prepared } from "../run.js"
import type { StatementImpl } from "../statement.js"
import { classify } from "./classify.js"
import { overLimits } from "./limits.js"

/** In which form the rows of a statement are asked for. */
export interface Mode {
  readonly rowMode: "object" | "array"
  readonly prepare: boolean
  readonly transform: boolean
  /** Its rows go through a RowDecoder, where there is one. */
  readonly decodes: boolean
  /** Who asks looks at the columns, too. */
  readonly describes?: boolean
}

type Own = Pick<StatementImpl<unknown>, "client" | "options" | "compiled" | "shaped">

type Compiled = Sql.Compiled & Pick<Shape, "classification">

const made = (self: Own, transform: boolean): Either.Either<Compiled, SqlError.SqlError> =>
  self.shaped(transform) ?? Either.map(self.compiled(transform), ({ params, sql }) => ({ sql, params, classification: classify(self.client, sql) }))

/** The query of a statement in a context; its rows are asked for as its decoder reads them. */
export const prepare = (
  self: Own,
  mode: Mode,
  context: Context.Context<never>,
  decoder: RowDecoder | undefined
): Either.Either<Prepared, SqlError.SqlError> => {
  const { client, options } = self
  const rowMode = options.rowMode ?? (decoder === undefined ? mode.rowMode : decoder.from === "bytes" ? "bytes" : "array")
  if (rowMode === "bytes" && !client.dialect.capabilities.bytes) return Either.left(noBytes(client.dialect.name))
  const compiled = made(self, mode.transform)
  if (Either.isLeft(compiled)) return Either.left(compiled.left)
  const { classification, params, sql } = compiled.right
  const problem = overLimits(client.dialect, sql, params)
  if (problem !== undefined) return Either.left(SqlError.make(problem))
  let timeout = client.settings.statementTimeout
  let fetchSize = client.settings.fetchSize
  if (options.timeout !== undefined) {
    const checked = millis("timeout", options.timeout, 0)
    if (Either.isLeft(checked)) return Either.left(checked.left)
    timeout = Number.isFinite(checked.right) ? checked.right : undefined
  }
  if (options.fetchSize !== undefined) {
    const checked = count("fetchSize", options.fetchSize, fetchSize, 1)
    if (Either.isLeft(checked)) return Either.left(checked.left)
    fetchSize = checked.right
  }
  const query: Query = {
    sql,
    params,
    rowMode,
    prepare: mode.prepare,
    readOnly: classification.readOnly,
    callsUnknown: classification.callsUnknown,
    returnsRows: classification.returnsRows,
    integers: options.integers ?? (context.unsafeMap.get(StockClient.SafeIntegers.key) === true ? "bigint" : client.settings.integers),
    duplicates: options.duplicates ?? client.settings.duplicates,
    fetchSize,
    timeout,
    describes: mode.describes
  }
  return Either.right({
    query,
    leavesState: classification.leavesState,
    timeout: options.timeout === undefined ? "database" : "statement",
    label: options.label
  })
}

const noBytes = (name: string): SqlError.SqlError =>
  SqlError.make(new Reason.UnsupportedError({ message: `${name} has no bytes of its own: its rows are values`, capability: "bytes" }))
