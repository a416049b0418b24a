/**
 * Write: UPDATE and DELETE, with the condition that they must have been given.
 *
 * @internal
 */
import type * as Stock from "@effect/sql/Statement"
import { isFragment } from "@effect/sql/Statement"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Either from "effect/Either"
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Reason from "../../Reason.js"
import * as Sql from "../../Sql.js"
import type * as SqlError from "../../SqlError.js"
import type { Client } from "../client.js"
import { bound, literal } from "../codec.js"
import { Decoded } from "../decoded.js"
import { nameOf, problem } from "../expression.js"
import { type ColumnModel, type Model, once, referencesOf, tableName } from "./model.js"
import { flatOf, integersOf, lazily, type Pick } from "./reading.js"
import { whereOf } from "./select.js"
import { guard, separated, statement } from "./sending.js"

type Segments = ReadonlyArray<Stock.Segment>

/** The parts of a statement, between which the words that answer with rows stand. */
interface Parts {
  /** Up to where OUTPUT stands. */
  readonly head: Segments
  readonly output: "INSERTED" | "DELETED"
  readonly tail: Segments
}

/** A statement that answers with columns, in the words of the dialect. */
export const answering = (client: Client, parts: () => Parts, columns: ReadonlyArray<ColumnModel>): StatementImplOfRows =>
  statement(client, () => {
    const { head, output, tail } = parts()
    const list = (before: string) => separated(columns.map(({ name, settings }) => [literal(before), nameOf(name, settings.exact)]), ", ")
    const words = (place: "suffix" | "output", word: string, before: string) =>
      Sql.byDialect((dialect) => {
        if (!dialect.capabilities.returning) {
          return Either.left(new Reason.UnsupportedError({ message: `${dialect.name} has no RETURNING`, capability: "returning" }))
        }
        return Either.right(dialect.returning === place ? [literal(word), ...list(before)] : [])
      })
    return [...head, words("output", " OUTPUT ", `${output}.`), ...tail, words("suffix", " RETURNING ", "")]
  }, integersOf(picksOf(columns)))

type StatementImplOfRows = ReturnType<typeof statement>

export const picksOf = once((columns: ReadonlyArray<ColumnModel>): ReadonlyArray<Pick> => {
  const references = referencesOf({ name: "t", local: "t", alias: undefined, exact: false, columns, constraints: [], problem: undefined }, "unqualified")
  return columns.map(({ key }) => ({ key, expression: references[key]!, optional: false }))
})

/** A statement's rows, read as the table's. */
export const rowsOf = (client: Client, parts: () => Parts, columns: ReadonlyArray<ColumnModel>): Decoded<Record<string, unknown>> =>
  new Decoded(answering(client, parts, columns), lazily(() => flatOf(picksOf(columns), client.dialect)))

export const plain = (client: Client, parts: () => Parts): Decoded<Record<string, unknown>> =>
  new Decoded(statement(client, () => {
    const { head, tail } = parts()
    return [...head, ...tail]
  }, {}), () => ({}))

export const update = (client: Client, model: Model, set: Readonly<Record<string, unknown>> = {}) =>
  unbounded(client, model, (where) => ({
    head: [guard(model), literal("UPDATE "), tableName(model), literal(" SET "), ...assignments(model, set)],
    output: "INSERTED",
    tail: where
  }))

export const remove = (client: Client, model: Model) =>
  unbounded(client, model, (where) => ({ head: [guard(model), literal("DELETE FROM "), tableName(model)], output: "DELETED", tail: where }))

const unbounded = (client: Client, model: Model, parts: (where: Segments) => Parts) => ({
  where: (condition: Sql.Fragment) => new WriteImpl(client, model, parts, [condition]),
  all: () => new WriteImpl(client, model, parts, [])
})

class WriteImpl extends Effectable.Class<number, SqlError.SqlError> {
  constructor(
    readonly client: Client,
    readonly model: Model,
    readonly parts: (where: Segments) => Parts,
    readonly conditions: ReadonlyArray<Sql.Fragment>
  ) {
    super()
  }

  override commit(): Effect.Effect<number, SqlError.SqlError> {
    return Effect.map(this.statement.run, ({ rowsAffected }) => rowsAffected)
  }

  where(condition: Sql.Fragment): WriteImpl {
    return new WriteImpl(this.client, this.model, this.parts, [...this.conditions, condition])
  }

  get statement(): Decoded<Record<string, unknown>> {
    return plain(this.client, () => this.parts(whereOf(this.conditions)))
  }

  toJSON(): unknown {
    return this.statement.toJSON()
  }

  // What it sets and compares are values of users, and are shown to nobody (law E4).
  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  get returning(): Decoded<Record<string, unknown>> {
    return rowsOf(this.client, () => this.parts(whereOf(this.conditions)), this.model.columns)
  }
}

const assignments = (model: Model, set: Readonly<Record<string, unknown>>): Segments => {
  const given = Object.entries(set).filter(([, value]) => value !== undefined)
  if (given.length === 0) return [problem(new Reason.ConfigError({ message: `update of ${model.local} was given no column`, field: "update" }))]
  return separated(given.map(([key, value]) => {
    const column = model.columns.find((column) => column.key === key)
    return column === undefined
      ? [unknownColumn(model, "update", key)]
      : [nameOf(column.name, column.settings.exact), literal(" = "), ...valueOf(model, column, value)]
  }), ", ")
}

/** A column's value: a parameter, or SQL of the user's. */
export const valueOf = (model: Model, { key, settings }: ColumnModel, value: unknown): Segments =>
  isFragment(value) ? [literal("("), ...value.segments, literal(")")] : [bound(settings, `${model.local}.${key}`, value, "store")]

export const unknownColumn = (model: Model, verb: string, key: string): Stock.Segment =>
  problem(new Reason.ConfigError({ message: `${model.local} has no column ${key}`, field: `${verb}.${key}` }))
