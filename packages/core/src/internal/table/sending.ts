/**
 * Sending: how a table's queries find the client of their database, and become statements of it.
 *
 * @internal
 */
import type * as Stock from "@effect/sql/Statement"
import * as Either from "effect/Either"
import type { Database } from "../../Database.js"
import type { Dialect, Tables } from "../../Dialect.js"
import * as Reason from "../../Reason.js"
import * as Sql from "../../Sql.js"
import type { Client } from "../client.js"
import { literal } from "../codec.js"
import { problem } from "../expression.js"
import { type OwnOptions, StatementImpl } from "../statement.js"
import type { Model } from "./model.js"

type Segments = ReadonlyArray<Stock.Segment>

/** The client of a database: its statements carry it. */
export const clientOf = (db: Database): Client => {
  const statement: unknown = db``
  if (statement instanceof StatementImpl) return statement.client
  throw new Error("this database is not one of this version of @sluice/core")
}

/** A statement of segments, made when it is first asked for, whose rows come as arrays. */
export const statement = (client: Client, make: () => Segments, options: OwnOptions): StatementImpl<unknown> => {
  let made: Segments | undefined
  const source = {
    get segments(): Segments {
      return made ??= make()
    }
  }
  return new StatementImpl<unknown>(client, source, { rowMode: "array", ...options }, undefined)
}

/** A dialect that has no tables yet, as a reason. */
export const lacking = (dialect: Dialect): Reason.UnsupportedError =>
  new Reason.UnsupportedError({ message: `${dialect.name} has no Table yet`, capability: "tables" })

/** What stands before every statement of a table: what is wrong with its definition, or with its dialect. */
export const guard = ({ problem: wrong }: Model): Stock.Segment =>
  wrong === undefined ? byTables(() => Either.right([])) : problem(wrong)

/** A part that needs what a dialect knows of tables. */
export const byTables = (choice: (tables: Tables, dialect: Dialect) => Either.Either<Segments, Reason.Reason>): Stock.Segment =>
  Sql.byDialect((dialect) => dialect.tables === undefined ? Either.left(lacking(dialect)) : choice(dialect.tables, dialect))

/** Segments with something between them. */
export const separated = (parts: ReadonlyArray<Segments>, between: string): Segments =>
  parts.flatMap((part, i) => i === 0 ? part : [literal(between), ...part])
