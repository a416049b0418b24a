/**
 * DDL: CREATE TABLE, its indexes, DROP TABLE, and the order in which several tables must be made.
 *
 * DDL takes no parameters: defaults and the values of checks are written into the text, as literals of the dialect.
 *
 * @internal
 */
import type * as Stock from "@effect/sql/Statement"
import * as Either from "effect/Either"
import type { Dialect, Tables } from "../../Dialect.js"
import * as Reason from "../../Reason.js"
import * as Sql from "../../Sql.js"
import type { Client } from "../client.js"
import { literal, refused, writer } from "../codec.js"
import { Misfit } from "../decoded.js"
import { nameOf } from "../expression.js"
import type { StatementImpl } from "../statement.js"
import { type ColumnModel, foreignKeysOf, indexesOf, keyOf, localName, type Model, referenceTo, schemaOf, tableName, uniquesOf } from "./model.js"
import { byTables, guard, separated, statement } from "./sending.js"

type Segments = ReadonlyArray<Stock.Segment>
type Made = Either.Either<Segments, Reason.Reason>

/** CREATE TABLE, and CREATE INDEX for each index that does not stand inside of it. */
export const create = (client: Client, model: Model, ifNotExists: boolean): ReadonlyArray<StatementImpl<unknown>> => {
  const words = ifNotExists ? "IF NOT EXISTS " : ""
  const table = statement(client, () => [
    guard(model),
    literal(`CREATE TABLE ${words}`),
    tableName(model),
    literal(" (\n  "),
    byTables((tables, dialect) => Either.map(Either.all(partsOf(model, tables, dialect)), (parts) => separated(parts, ",\n  "))),
    literal("\n)")
  ], {})
  const { tables } = client.dialect
  if (tables === undefined || tables.inlineIndexes) return [table]
  const schema = schemaOf(model.name)
  const apart = tables.schemasAreApart
  return [table, ...indexesOf(model).map(({ columns, name }) => statement(client, () => [
    literal(`CREATE INDEX ${words}`),
    nameOf(apart && schema !== undefined ? `${schema}.${name}` : name, model.exact),
    literal(" ON "),
    nameOf(apart ? model.local : model.name, model.exact),
    literal(" ("),
    ...list(model, columns),
    literal(")")
  ], {}))]
}

export const drop = (client: Client, model: Model, ifExists: boolean): StatementImpl<unknown> =>
  statement(client, () => [guard(model), literal(`DROP TABLE ${ifExists ? "IF EXISTS " : ""}`), tableName(model)], {})

const partsOf = (model: Model, tables: Tables, dialect: Dialect): ReadonlyArray<Made> => {
  const key = keyOf(model)
  const whole = key.length === 1 && key[0]?.settings.identity === true && tables.identity(key[0].settings.type).isPrimaryKey
  const keyed = new Set([...key.map(({ name }) => name), ...[...uniquesOf(model), ...indexesOf(model), ...foreignKeysOf(model)].flatMap(({ columns }) => columns)])
  return [
    ...model.columns.map((column) => columnOf(model, column, keyed.has(column.name), whole, tables, dialect)),
    ...(key.length === 0 || whole ? [] : [several("PRIMARY KEY (", model, key.map(({ name }) => name))]),
    ...uniquesOf(model).map(({ columns, name }) => several("UNIQUE (", model, columns, name)),
    ...foreignKeysOf(model).map(({ actions, columns, name, table, targets }) =>
      Either.map(several("FOREIGN KEY (", model, columns, name), (parts): Segments => [
        ...parts,
        literal(" REFERENCES "),
        nameOf(tables.schemasAreApart ? localName(table) : table, model.exact),
        literal(" ("),
        ...separated(targets.map((target) => [nameOf(target, model.exact)]), ", "),
        literal(`)${actions.onDelete === undefined ? "" : ` ON DELETE ${actions.onDelete.toUpperCase()}`}${actions.onUpdate === undefined ? "" : ` ON UPDATE ${actions.onUpdate.toUpperCase()}`}`)
      ])),
    ...checksOf(model).map((check) => Either.map(inlined(check, tables, dialect), (parts): Segments => [literal("CHECK ("), ...parts, literal(")")])),
    ...(tables.inlineIndexes
      ? indexesOf(model).map(({ columns, name }): Made => Either.right([literal("INDEX "), nameOf(name, model.exact), literal(" ("), ...list(model, columns), literal(")")]))
      : [])
  ]
}

const columnOf = (model: Model, column: ColumnModel, isKey: boolean, isWhole: boolean, tables: Tables, dialect: Dialect): Made => {
  const { name, settings } = column
  const label = `${model.local}.${column.key}`
  const refuse = (message: string) => Either.left(new Reason.ConfigError({ message: `${label}: ${message}`, field: label }))
  if (settings.identity && tables.identity(settings.type).isPrimaryKey && !isWhole) {
    return refuse(`${dialect.name} counts only a column that is the whole primary key`)
  }
  const type = settings.native[dialect.name] ?? (settings.identity ? tables.identity(settings.type).type : tables.type(settings.type, isKey))
  if (typeof type !== "string") return refuse(type.refusal)
  const words = `${type}${settings.nullable ? "" : " NOT NULL"}${settings.identity ? ` ${tables.identity(settings.type).words}` : ""}`
  return Either.map(defaultOf(label, settings, tables), (text): Segments => [nameOf(name, settings.exact), literal(` ${words}${text}`)])
}

const defaultOf = (label: string, settings: ColumnModel["settings"], tables: Tables): Either.Either<string, Reason.Reason> => {
  const given = settings.default
  if (given === undefined) return Either.right("")
  if (given === "now") return Either.right(` DEFAULT (${tables.now})`)
  if ("sql" in given) return Either.right(` DEFAULT (${given.sql})`)
  const value = writer(settings)(given.value)
  if (value instanceof Misfit) return Either.left(refused(label, value))
  const text = value === null ? "NULL" : tables.literal(value)
  return text === undefined ? Either.left(refused(label, new Misfit(undefined, "has no literal"))) : Either.right(` DEFAULT (${text})`)
}

const several = (words: string, model: Model, columns: ReadonlyArray<string>, name?: string): Made =>
  Either.right([...(name === undefined ? [] : [literal("CONSTRAINT "), nameOf(name, model.exact), literal(" ")]), literal(words), ...list(model, columns), literal(")")])

const list = (model: Model, columns: ReadonlyArray<string>): Segments =>
  separated(columns.map((name) => [nameOf(name, model.columns.find((column) => column.name === name)?.settings.exact ?? model.exact)]), ", ")

const checksOf = (model: Model): ReadonlyArray<Segments> => [
  ...model.columns.flatMap((column) =>
    column.settings.checks.map((check) => typeof check === "string" ? [literal(check)] : check(referenceTo(model, column, "unqualified")).segments)),
  ...model.constraints.filter((one) => one._tag === "Check").map(({ condition }) => typeof condition === "string" ? [literal(condition)] : condition.segments)
]

/** The same text with its parameters written into it. */
const inlined = (segments: Segments, tables: Tables, dialect: Dialect): Made =>
  Either.flatMap(Either.all(segments.map((part) => Sql.chosen(part, dialect))), (parts) =>
    Either.all(parts.flat().map((part): Either.Either<Stock.Segment, Reason.Reason> => {
      if (part._tag !== "Parameter") return Either.right(part)
      const text = tables.literal(part.value)
      return text === undefined ? Either.left(refused("a check", new Misfit(undefined, "has no literal"))) : Either.right(literal(text))
    })))

/**
 * Tables in the order in which they can be made: one that another's foreign key names comes before it. A circle is a
 * ConfigError that tells it.
 */
export const inOrder = (models: ReadonlyArray<Model>): Either.Either<ReadonlyArray<Model>, Reason.ConfigError> => {
  const byName = new Map(models.map((model) => [model.name, model]))
  const done = new Set<Model>()
  const path: Array<Model> = []
  const visit = (model: Model): Reason.ConfigError | undefined => {
    if (done.has(model)) return undefined
    const at = path.indexOf(model)
    if (at >= 0) {
      const circle = [...path.slice(at), model].map(({ name }) => name).join(" -> ")
      return new Reason.ConfigError({ message: `the tables refer to each other in a circle: ${circle}`, field: "tables" })
    }
    path.push(model)
    for (const { table } of foreignKeysOf(model)) {
      const needed = byName.get(table)
      // A table may refer to itself.
      const problem = needed === undefined || needed === model ? undefined : visit(needed)
      if (problem !== undefined) return problem
    }
    path.pop()
    done.add(model)
    return undefined
  }
  for (const model of models) {
    const problem = visit(model)
    if (problem !== undefined) return Either.left(problem)
  }
  return Either.right([...done])
}
