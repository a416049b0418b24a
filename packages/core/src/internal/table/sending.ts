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
import { type Client, tag } from "../client.js"
import { literal } from "../codec.js"
import { problem } from "../expression.js"
import { type OwnOptions, StatementImpl } from "../statement.js"
import type { Model } from "./model.js"

type Segments = ReadonlyArray<Stock.Segment>

/** The client of a database: its statements carry it. A database of another copy of this package has one that sends nothing. */
export const clientOf = (db: Database): Client => {
  const statement: unknown = db``
  return statement instanceof StatementImpl ? statement.client : foreignClient(db)
}

const foreign = new WeakSet<Dialect>()

// Every statement of a table asks for the dialect's tables first, and fails where there are none.
const foreignClient = ({ dialect: theirs }: Database): Client => {
  const dialect: Dialect = { ...theirs, tables: undefined, capabilities: { ...theirs.capabilities, returning: true } }
  foreign.add(dialect)
  return {
    dialect,
    // Nobody looks for a pool before the dialect's tables: a statement compiles first, and a transaction of tables asks for them, too.
    get pools(): never {
      throw new Error("unreachable: no statement of this client compiles")
    },
    replicas: undefined,
    raw: () => undefined,
    withTransaction: {},
    settings: { integers: undefined, duplicates: "last", fetchSize: 1, statementTimeout: undefined, turnTimeout: 0 },
    transformName: undefined,
    transformRows: undefined,
    attributes: [],
    root: undefined,
    measured: false,
    log: undefined,
    observed: false,
    shapes: new WeakMap(),
    classifications: new Map(),
    stock: () => Sql.helpers,
    tag: tag(),
    adapters: new WeakMap()
  }
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

/** Why a dialect has no tables, as a reason: it has none yet, or its database knows nothing of this Table. */
export const lacking = (dialect: Dialect): Reason.UnsupportedError | Reason.ConfigError =>
  foreign.has(dialect)
    ? new Reason.ConfigError({ message: "this database was made by another copy of @sluice/core than this Table: install one copy only", field: "db" })
    : new Reason.UnsupportedError({ message: `${dialect.name} has no Table yet`, capability: "tables" })

/** What stands before every statement of a table: what is wrong with its definition, or with its dialect. */
export const guard = ({ problem: wrong }: Model): Stock.Segment =>
  wrong === undefined ? byTables(() => Either.right([])) : problem(wrong)

/** A part that needs what a dialect knows of tables. */
export const byTables = (choice: (tables: Tables, dialect: Dialect) => Either.Either<Segments, Reason.Reason>): Stock.Segment =>
  Sql.byDialect((dialect) => dialect.tables === undefined ? Either.left(lacking(dialect)) : choice(dialect.tables, dialect))

/** Segments with something between them. */
export const separated = (parts: ReadonlyArray<Segments>, between: string): Segments =>
  parts.flatMap((part, i) => i === 0 ? part : [literal(between), ...part])
