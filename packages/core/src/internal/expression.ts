/**
 * Expressions: how a column of a query, and what is compared with it, becomes a fragment.
 *
 * @internal
 */
import * as Stock from "@effect/sql/Statement"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Condition from "../Condition.js"
import type { Expression, Reference } from "../Expression.js"
import * as Reason from "../Reason.js"
import * as Sql from "../Sql.js"
import { bound, type Held, literal } from "./codec.js"

export const TypeId: unique symbol = Symbol.for("@sluice/core/Expression")

/** What an expression carries besides its text: how its value is read. */
export interface Carried<out A> {
  /** No value of it is there: only the type. */
  readonly _A?: () => A
  readonly held: Held | undefined
  readonly nullable: boolean
}

/** A column as a query names it. */
export interface Named<out T extends string = string> {
  /** The table's own name or alias, for the type; its name in the SQL is `qualifier`. */
  readonly table: T
  readonly qualifier: ReadonlyArray<Stock.Segment>
  readonly name: Stock.Segment
  /** For messages: `users.name`. */
  readonly label: string
  /** Where it stands in the database. */
  readonly source: { readonly table: string; readonly column: string }
  readonly held: Held
  readonly nullable: boolean
}

const untyped: Held = { type: { kind: "unknown" }, schema: undefined, schemaTakesNull: false }

/** SQL as it stands, of a value that is passed on as the server sends it. */
export const plain = <A>(segments: ReadonlyArray<Stock.Segment>): Expression<A> => ({
  [Stock.FragmentId]: identity,
  [TypeId]: { held: untyped, nullable: true },
  segments
})

/** A name as a segment: by the dialect's quotes, through the transform of names; `exact` ones as the server knows them. */
export const nameOf = (name: string, exact: boolean): Stock.Segment =>
  exact ? Sql.byDialect((dialect) => Either.right([literal(dialect.quoteIdentifier(name))])) : identifier(name)

const identifier = (value: string): Stock.Segment => Sql.helpers(value) as Stock.Segment

/** A column in a query. */
export const reference = <A, Nullable extends boolean, T extends string>(named: Named<T>): Reference<A, Nullable, T> =>
  new ReferenceImpl<Nullable extends true ? A | null : A, T>(named)

/** The table and the column that a reference is of. */
export const sourceOf = (self: Expression<unknown>): Named["source"] | undefined => self instanceof ReferenceImpl ? self.named.source : undefined

/** The name of a reference's table in its query. */
export const tableOf = (self: Expression<unknown>): string | undefined => self instanceof ReferenceImpl ? self.named.table : undefined

class ReferenceImpl<out V, out T extends string> {
  readonly segments: ReadonlyArray<Stock.Segment>

  constructor(readonly named: Named<T>) {
    this.segments = named.qualifier.length === 0 ? [named.name] : [...named.qualifier, literal("."), named.name]
  }

  get [Stock.FragmentId](): (_: never) => Stock.FragmentId {
    return identity
  }

  get [TypeId](): Carried<V> {
    return this.named
  }

  get table(): T {
    return this.named.table
  }

  eq(value: unknown) {
    return this.compare(" = ", "eq", value)
  }

  ne(value: unknown) {
    return this.compare(" <> ", "ne", value)
  }

  lt(value: unknown) {
    return this.compare(" < ", "lt", value, true)
  }

  lte(value: unknown) {
    return this.compare(" <= ", "lte", value, true)
  }

  gt(value: unknown) {
    return this.compare(" > ", "gt", value, true)
  }

  gte(value: unknown) {
    return this.compare(" >= ", "gte", value, true)
  }

  in(values: unknown) {
    return this.among(values, " IN (", "in", "(1 = 0)")
  }

  notIn(values: unknown) {
    return this.among(values, " NOT IN (", "notIn", "(1 = 1)")
  }

  like(pattern: string) {
    return Condition.make([...this.segments, literal(" LIKE "), { _tag: "Parameter", value: pattern }])
  }

  startsWith(text: string) {
    return this.matches("", text, "%")
  }

  endsWith(text: string) {
    return this.matches("%", text, "")
  }

  contains(text: string) {
    return this.matches("%", text, "%")
  }

  isNull() {
    return Condition.make([...this.segments, literal(" IS NULL")])
  }

  isNotNull() {
    return Condition.make([...this.segments, literal(" IS NOT NULL")])
  }

  asc(): Sql.Fragment {
    return this.ordered(" ASC")
  }

  desc(): Sql.Fragment {
    return this.ordered(" DESC")
  }

  private ordered(word: string): Sql.Fragment {
    return { [Stock.FragmentId]: identity, segments: [this.order, ...this.segments, literal(word)] }
  }

  private compare(operator: string, verb: string, value: unknown, byOrder = false) {
    return Condition.make([...(byOrder ? [this.order] : []), ...this.segments, literal(operator), ...this.operand(verb, value)])
  }

  private among(values: unknown, word: string, verb: string, none: string) {
    if (Stock.isFragment(values)) return Condition.make([...this.segments, literal(word), ...values.segments, literal(")")])
    const list = Array.isArray(values) ? values as ReadonlyArray<unknown> : []
    if (list.length === 0) return Condition.make([literal(none)])
    const operands = list.flatMap((value, i) => [...(i === 0 ? [] : [literal(", ")]), ...this.operand(verb, value)])
    return Condition.make([...this.segments, literal(word), ...operands, literal(")")])
  }

  private operand(verb: string, value: unknown): ReadonlyArray<Stock.Segment> {
    if (Stock.isFragment(value)) return value instanceof ReferenceImpl ? value.segments : [literal("("), ...value.segments, literal(")")]
    const { held, label } = this.named
    if ((value === null || value === undefined) && !held.schemaTakesNull) {
      return [problem(new Reason.ConfigError({ message: `${label} is compared with ${String(value)}, which is never true: say isNull() or isNotNull()`, field: `${label}.${verb}` }))]
    }
    return [bound(held, label, value, "compare")]
  }

  // `!` and not a backslash, which is an escape of strings, too, in some dialects and in some of their modes.
  private matches(before: string, text: string, after: string) {
    const pattern = Sql.byDialect((dialect) => {
      const special = new Set([...dialect.tables?.wildcards ?? "%_", "!"])
      const escaped = [...text].map((character) => special.has(character) ? `!${character}` : character).join("")
      return Either.right([{ _tag: "Parameter", value: before + escaped + after }, literal(" ESCAPE '!'")])
    })
    return Condition.make([...this.segments, literal(" LIKE "), pattern])
  }

  private get order(): Stock.Segment {
    const { held, label } = this.named
    return Sql.byDialect((dialect) =>
      dialect.tables?.isOrdered(held.type) === false
        ? Either.left(
          new Reason.UnsupportedError({
            message: `${dialect.name} keeps ${label} as a text, whose order is not that of a ${held.type.kind}`,
            capability: `order of a ${held.type.kind}`
          })
        )
        : Either.right([]))
  }
}

/** A part that cannot be compiled, and why. */
export const problem = (reason: Reason.Reason): Stock.Segment => Sql.byDialect(() => Either.left(reason))
