/**
 * A condition: what stands in WHERE, ON and CHECK. It is a fragment, so that it fits into any statement.
 *
 * It knows no table (columns make conditions, see `Expression`) and no database: what differs by dialect is chosen when the
 * statement around it is compiled. Taken by `where`, `innerJoin` and `leftJoin` of a query.
 *
 * @since 0.1.0
 */
import * as Stock from "@effect/sql/Statement"
import { identity } from "effect/Function"
import type { Fragment } from "./Sql.js"

/**
 * A condition.
 *
 * @example
 * ```ts
 * import { Column, Table } from "@sluice/core"
 *
 * const users = Table.make("users", { name: Column.text(), age: Column.integer() })
 * const minor = users.age.lt(18).and(users.name.startsWith("D"))
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Condition extends Fragment {
  /** @internal */
  readonly [TypeId]: typeof TypeId
  /** Both. */
  readonly and: (that: Fragment) => Condition
  /** One of both, or both. */
  readonly or: (that: Fragment) => Condition
  /** Its opposite. Of what is unknown, since a column is NULL, the opposite is unknown, too. */
  readonly not: () => Condition
}

/**
 * What tells a condition of ours from any fragment.
 *
 * @internal
 */
export const TypeId: unique symbol = Symbol.for("@sluice/core/Condition")

/**
 * A condition of segments, which bind at least as tight as a comparison.
 *
 * @internal
 */
export const make = (segments: ReadonlyArray<Stock.Segment>): Condition => ({
  [Stock.FragmentId]: identity,
  [TypeId]: TypeId,
  segments,
  and: (that) => and(make(segments), that),
  or: (that) => or(make(segments), that),
  not: () => not(make(segments))
})

/**
 * A condition that is SQL of your own.
 *
 * @example
 * ```ts
 * import { Condition, type Database } from "@sluice/core"
 *
 * const recent = (db: Database.Database) => Condition.of(db`created > CURRENT_DATE`).and(db`score > ${10}`)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = (fragment: Fragment): Condition => TypeId in fragment ? make(fragment.segments) : make([text("("), ...fragment.segments, text(")")])

/**
 * All of them; true where there is none.
 *
 * @example
 * ```ts
 * import { Column, Condition, Table } from "@sluice/core"
 *
 * const users = Table.make("users", { name: Column.text(), age: Column.integer() })
 * const all = Condition.and(users.age.gte(18), users.name.isNotNull())
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const and = (...conditions: ReadonlyArray<Fragment>): Condition => joined(conditions, " AND ", "1 = 1")

/**
 * Any of them; false where there is none.
 *
 * @example
 * ```ts
 * import { Column, Condition, Table } from "@sluice/core"
 *
 * const users = Table.make("users", { name: Column.text() })
 * const any = Condition.or(...["D", "N"].map((letter) => users.name.startsWith(letter)))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const or = (...conditions: ReadonlyArray<Fragment>): Condition => joined(conditions, " OR ", "1 = 0")

/**
 * The opposite.
 *
 * @example
 * ```ts
 * import { Column, Condition, Table } from "@sluice/core"
 *
 * const users = Table.make("users", { name: Column.text() })
 * const others = Condition.not(users.name.in(["Dan", "Dana"]))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const not = (condition: Fragment): Condition => make([text("NOT ("), ...condition.segments, text(")")])

const text = (value: string): Stock.Segment => ({ _tag: "Literal", value })

// Always in parentheses, and each that is not ours in its own: what stands beside it may bind tighter.
const joined = (conditions: ReadonlyArray<Fragment>, word: string, none: string): Condition =>
  make(
    conditions.length === 0
      ? [text(`(${none})`)]
      : [text("("), ...conditions.flatMap((condition, i) => i === 0 ? of(condition).segments : [text(word), ...of(condition).segments]), text(")")]
  )
