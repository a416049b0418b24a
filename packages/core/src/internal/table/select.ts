/**
 * Select: a query of rows. A record of what was asked for, a text made of it, and a decoder for its rows.
 *
 * @internal
 */
import type * as Stock from "@effect/sql/Statement"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Option from "effect/Option"
import * as Condition from "../../Condition.js"
import type { Expression } from "../../Expression.js"
import { SourceId } from "../../Query.js"
import * as Reason from "../../Reason.js"
import type { Fragment } from "../../Sql.js"
import type * as SqlError from "../../SqlError.js"
import type { Client } from "../client.js"
import { literal } from "../codec.js"
import { Decoded } from "../decoded.js"
import { problem, tableOf } from "../expression.js"
import { type Model, once, referencesOf, tableName } from "./model.js"
import { flatOf, type Group, integersOf, lazily, nested, type Pick } from "./reading.js"
import { byTables, guard, separated, statement } from "./sending.js"

interface Join {
  readonly model: Model
  readonly on: Fragment
  readonly left: boolean
}

interface State {
  readonly model: Model
  readonly joins: ReadonlyArray<Join>
  readonly picks: ReadonlyArray<Pick> | undefined
  readonly wheres: ReadonlyArray<Fragment>
  readonly order: ReadonlyArray<Fragment>
  readonly limit: number | undefined
  readonly offset: number | undefined
  readonly distinct: boolean
}

type Segments = ReadonlyArray<Stock.Segment>

export const select = (client: Client, model: Model): SelectImpl =>
  new SelectImpl(client, { model, joins: [], picks: undefined, wheres: [], order: [], limit: undefined, offset: undefined, distinct: false })

export class SelectImpl extends Decoded<Record<string, unknown>> {
  constructor(readonly client: Client, readonly state: State) {
    const picks = picksOf(state)
    super(
      statement(client, () => segmentsOf(state, columnsOf(picks)), integersOf(picks)),
      lazily(() => state.picks === undefined && state.joins.length > 0 ? nested(groupsOf(state), client.dialect) : flatOf(picks, client.dialect))
    )
  }

  private but(change: Partial<State>): SelectImpl {
    return new SelectImpl(this.client, { ...this.state, ...change })
  }

  innerJoin(source: { readonly [SourceId]: { readonly model: unknown } }, on: Fragment): SelectImpl {
    return this.joined(source, on, false)
  }

  leftJoin(source: { readonly [SourceId]: { readonly model: unknown } }, on: Fragment): SelectImpl {
    return this.joined(source, on, true)
  }

  private joined(source: { readonly [SourceId]: { readonly model: unknown } }, on: Fragment, left: boolean): SelectImpl {
    return this.but({ joins: [...this.state.joins, { model: source[SourceId].model as Model, on, left }] })
  }

  columns(picks: Readonly<Record<string, Expression<unknown>>>): SelectImpl {
    const optional = new Set(this.state.joins.filter(({ left }) => left).map(({ model }) => nameIn(model)))
    return this.but({
      picks: Object.entries(picks).map(([key, expression]) => ({ key, expression, optional: optional.has(tableOf(expression) ?? "") }))
    })
  }

  where(condition: Fragment): SelectImpl {
    return this.but({ wheres: [...this.state.wheres, condition] })
  }

  orderBy(...terms: ReadonlyArray<Fragment>): SelectImpl {
    return this.but({ order: [...this.state.order, ...terms.map((term) => isColumn(term) ? term.asc() : term)] })
  }

  limit(limit: number): SelectImpl {
    return this.but({ limit })
  }

  offset(offset: number): SelectImpl {
    return this.but({ offset })
  }

  distinct(): SelectImpl {
    return this.but({ distinct: true })
  }

  // One row is read of a large result, and the server is told so.
  override get first(): Effect.Effect<Option.Option<Record<string, unknown>>, SqlError.SqlError> {
    return this.state.limit === undefined ? this.limit(1).first : super.first
  }

  get count(): Effect.Effect<number, SqlError.SqlError> {
    const { distinct, limit, offset } = this.state
    const plain = !distinct && limit === undefined && offset === undefined
    const counted = statement(this.client, () =>
      plain
        ? segmentsOf({ ...this.state, order: [] }, [literal("COUNT(*)")])
        : [
          literal("SELECT COUNT(*) FROM ("),
          ...segmentsOf(this.state, distinct ? aliased(picksOf(this.state)) : [literal("1 AS c")]),
          literal(") AS counted")
        ], {})
    return Effect.map(counted.values, (rows) => Number(rows[0]?.[0]))
  }
}

const isColumn = (term: Fragment): term is Fragment & { readonly asc: () => Fragment } => "asc" in term && typeof term.asc === "function"

const nameIn = (model: Model): string => model.alias ?? model.local

const columnsOfModel = once((model: Model): ReadonlyArray<Pick> =>
  Object.entries(referencesOf(model, "qualified")).map(([key, expression]) => ({ key, expression, optional: false })))

const groupsOf = ({ joins, model }: State): ReadonlyArray<Group> =>
  [{ model, left: false }, ...joins].map(({ left, model }) => ({ name: nameIn(model), optional: left, picks: columnsOfModel(model) }))

const picksOf = (state: State): ReadonlyArray<Pick> =>
  state.picks ?? (state.joins.length === 0 ? columnsOfModel(state.model) : groupsOf(state).flatMap(({ picks }) => picks))

const columnsOf = once((picks: ReadonlyArray<Pick>): Segments =>
  picks.length === 0 ? [refusal("columns", "columns was given no column")] : separated(picks.map(({ expression }) => expression.segments), ", "))

const aliased = (picks: ReadonlyArray<Pick>): Segments =>
  separated(picks.map(({ expression }, i) => [...expression.segments, literal(` AS c${i}`)]), ", ")

const refusal = (field: string, message: string): Stock.Segment => problem(new Reason.ConfigError({ message, field }))

const from = once((model: Model): Segments =>
  model.alias === undefined ? [guard(model), tableName(model)] : [guard(model), tableName(model), literal(" AS "), aliasOf(model)])

const aliasOf = (model: Model): Stock.Segment => tableName({ ...model, name: nameIn(model), exact: model.exact })

/** The WHERE of all conditions together; nothing where there is none. */
export const whereOf = (conditions: ReadonlyArray<Fragment>): Segments =>
  conditions.length === 0 ? [] : [literal(" WHERE "), ...(conditions.length === 1 ? conditions[0]! : Condition.and(...conditions)).segments]

const segmentsOf = ({ distinct, joins, limit, model, offset, order, wheres }: State, columns: Segments): Segments => {
  const names = [model, ...joins.map((join) => join.model)].map(nameIn)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  return [
    ...(twice === undefined ? [] : [refusal("join", `${twice} stands twice in the query: give one of them another name by Table.as`)]),
    literal(distinct ? "SELECT DISTINCT " : "SELECT "),
    ...columns,
    literal(" FROM "),
    ...from(model),
    ...joins.flatMap((join) => [literal(join.left ? " LEFT JOIN " : " INNER JOIN "), ...from(join.model), literal(" ON "), ...join.on.segments]),
    ...whereOf(wheres),
    ...(order.length === 0 ? [] : [literal(" ORDER BY "), ...separated(order.map(({ segments }) => segments), ", ")]),
    ...counting("limit", limit),
    ...counting("offset", offset),
    byTables((tables) => Either.right(tables.page(limit, offset).map((part) => typeof part === "string" ? literal(part) : { _tag: "Parameter" as const, value: part })))
  ]
}

const counting = (field: string, value: number | undefined): Segments =>
  value === undefined || (Number.isSafeInteger(value) && value >= 0) ? [] : [refusal(field, `${field} takes a whole number of at least 0, was ${value}`)]
