/**
 * Sql: fragments, and how they become one text and its parameters. Pure.
 *
 * It runs nothing (that is `Statement`). The fragments are those of @effect/sql, so that a fragment made by its
 * helpers or by ours fits into either. Compiling depends on the dialect and on the name transform only, and nothing
 * is cached on the fragment itself: a fragment may be used with two databases (law Q4).
 *
 * @since 0.1.0
 */
import * as Stock from "@effect/sql/Statement"
import * as Either from "effect/Either"
import type { Dialect } from "./Dialect.js"
import * as Preview from "./internal/sql/preview.js"
import * as Reason from "./Reason.js"
import * as SqlError from "./SqlError.js"

/**
 * A part of a SQL text: the stock fragment.
 *
 * @example
 * ```ts
 * import { Database, type Sql } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const active = Effect.map(Database.Database, (db): Sql.Fragment => db`active = ${true}`)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Fragment = Stock.Fragment

/**
 * A text with placeholders and its parameters, in order.
 *
 * @example
 * ```ts
 * import type { Sql } from "@sluice/core"
 *
 * const compiled: Sql.Compiled = { sql: "SELECT ?", params: [1] }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Compiled {
  /** The text. */
  readonly sql: string
  /** One value per placeholder. */
  readonly params: ReadonlyArray<unknown>
}

type Helper =
  | Stock.ArrayHelper
  | Stock.RecordInsertHelper
  | Stock.RecordUpdateHelper
  | Stock.RecordUpdateHelperSingle
  | Stock.Identifier

// The constructor of the helpers is on no database: what it is asked to run fails, before anything is sent.
const nowhere = SqlError.fail(new Reason.UnsupportedError({ message: "the constructor of the helpers is on no database", capability: "statements" }))

/**
 * The stock helpers: `in`, `insert`, `update`, `updateValues`, `and`, `or`, `csv`, `join`, `literal`.
 *
 * @internal
 */
export const helpers: Stock.Constructor = Stock.make(
  nowhere,
  Stock.makeCompilerSqlite(),
  [],
  undefined
)

// A helper is told by its class and never by its `_tag`: a record out of a request's body may have any `_tag`.
const classes = new Set<unknown>([
  helpers.in([]).constructor,
  helpers.insert({}).constructor,
  helpers.update({}).constructor,
  helpers.updateValues([], "x").constructor,
  helpers("x").constructor
])

const isHelper = (u: object): u is Helper => classes.has(u.constructor)

const insertClass = helpers.insert({}).constructor

/**
 * The row of an `insert` of one row that answers with none.
 *
 * @internal
 */
export const rowOf = (u: unknown): Readonly<Record<string, unknown>> | undefined => {
  if (typeof u !== "object" || u === null || u.constructor !== insertClass) return undefined
  const part = u as Stock.RecordInsertHelper
  return part.value.length === 1 && returningOf(part) === undefined ? part.value[0] : undefined
}

/**
 * Whether a template's argument is a plain parameter: neither a fragment nor a helper.
 *
 * @internal
 */
export const isParameter = (u: unknown): boolean =>
  typeof u !== "object" || u === null || !(Stock.isFragment(u) || isHelper(u))

/**
 * The segments of a template: its strings as literals, its arguments as fragments, helpers or parameters.
 *
 * @internal
 */
export const segments = (strings: ReadonlyArray<string>, args: ReadonlyArray<unknown>): ReadonlyArray<Stock.Segment> => {
  const out: Array<Stock.Segment> = []
  for (let i = 0; i < strings.length; i++) {
    const text = strings[i]
    if (text !== undefined && text.length > 0) out.push(literal(text))
    if (i < args.length) {
      const arg = args[i]
      if (Stock.isFragment(arg)) out.push(...arg.segments)
      else if (typeof arg === "object" && arg !== null && isHelper(arg)) out.push(arg)
      else out.push({ _tag: "Parameter", value: arg })
    }
  }
  return out
}

const literal = (value: string): Stock.Literal => ({ _tag: "Literal", value })

/**
 * Compiles a fragment for a dialect, or says why it cannot be: rows of an insert with nothing in them, an update of
 * many rows where the dialect has none, a custom segment of another driver.
 *
 * `transformName` is applied to identifiers before they are quoted.
 *
 * @example
 * ```ts
 * import { Database, Sql } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const text = Effect.map(Database.Database, (db) => Sql.compile(db`SELECT ${1}`, db.dialect))
 * ```
 *
 * @category compiling
 * @since 0.1.0
 */
export const compile = (
  self: Fragment,
  dialect: Dialect,
  transformName?: ((name: string) => string) | undefined
): Either.Either<Compiled, SqlError.SqlError> => {
  const compiler = new Compiler(dialect, transformName)
  const problem = compiler.append(self.segments) ?? compiler.problem
  return problem === undefined
    ? Either.right({ sql: compiler.sql, params: compiler.params })
    : Either.left(SqlError.make(problem))
}

/**
 * How a preview shows parameters.
 *
 * @example
 * ```ts
 * import type { Sql } from "@sluice/core"
 *
 * const numbersOnly: Sql.PreviewOptions = { mask: (value, position) => typeof value === "number" ? String(value) : `<${position}>` }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface PreviewOptions {
  /** What stands for a parameter, whose position counts from 1. A `Redacted` is always `<redacted>`, and never given to it. */
  readonly mask?: ((value: unknown, position: number) => string) | undefined
}

/**
 * A compiled text to look at: a mask stands in the place of each placeholder, `<text 12>`, `<int>`, `<float>`, `<bytes 3>`,
 * `<date>`, `<array 2>`, NULL. It holds no value, and no server would run it. Of a statement it is `statement.preview()`.
 *
 * @example
 * ```ts
 * import { Database, Sql } from "@sluice/core"
 * import { Effect, Either } from "effect"
 *
 * const shown = Effect.map(Database.Database, (db) => {
 *   const compiled = Sql.compile(db`SELECT * FROM users WHERE name = ${"Ada"} AND age > ${36}`, db.dialect)
 *   // SELECT * FROM users WHERE name = <text 3> AND age > <int>
 *   return Either.map(compiled, (compiled) => Sql.preview(compiled, db.dialect))
 * })
 * ```
 *
 * @category compiling
 * @since 0.1.0
 */
export const preview = ({ params, sql }: Compiled, dialect: Dialect, options: PreviewOptions = {}): string =>
  Preview.preview(sql, params, dialect, options.mask)

class Compiler {
  sql = ""
  readonly params: Array<unknown> = []
  /** What is wrong inside of a value. */
  problem: Reason.Reason | undefined = undefined

  constructor(readonly dialect: Dialect, readonly transformName: ((name: string) => string) | undefined) {}

  append(parts: ReadonlyArray<Stock.Segment>): Reason.Reason | undefined {
    for (const part of parts) {
      const problem = this.segment(part)
      if (problem !== undefined) return problem
    }
    return undefined
  }

  private segment(part: Stock.Segment): Reason.Reason | undefined {
    switch (part._tag) {
      case "Literal":
        this.sql += part.value
        if (part.params !== undefined) this.params.push(...part.params)
        return undefined
      case "Identifier":
        this.sql += this.name(part.value)
        return undefined
      case "Parameter":
        this.sql += this.bind(part.value)
        return undefined
      case "ArrayHelper":
        // `IN ()` is no SQL; a list of no value matches no row.
        this.sql += part.value.length === 0 ? "(SELECT NULL WHERE 1 = 0)" : `(${part.value.map((value) => this.value(value)).join(",")})`
        return undefined
      case "RecordInsertHelper":
        return this.insert(part)
      case "RecordUpdateHelperSingle":
        return this.update(part)
      case "RecordUpdateHelper":
        return this.updateValues(part)
      case "Custom":
        if (part instanceof ByDialect) return Either.match(part.choice(this.dialect), { onLeft: (problem) => problem, onRight: (parts) => this.append(parts) })
        return new Reason.UnsupportedError({
          message: `${this.dialect.name} does not know the segment ${part.kind}`,
          capability: `custom segment ${part.kind}`
        })
    }
  }

  private name(name: string): string {
    return this.dialect.quoteIdentifier(this.transformName === undefined ? name : this.transformName(name))
  }

  private bind(value: unknown): string {
    this.params.push(value)
    return this.dialect.placeholder(this.params.length)
  }

  // A fragment inside a row is compiled in its place; what is lacking is NULL.
  private value(value: unknown): string {
    if (!Stock.isFragment(value)) return this.bind(value === undefined ? null : value)
    const before = this.sql
    this.sql = ""
    this.inner(value)
    const text = this.sql
    this.sql = before
    return text
  }

  private inner(fragment: Fragment): void {
    const problem = this.append(fragment.segments)
    this.problem ??= problem
  }

  private missing(): string {
    return this.dialect.defaultKeyword ?? this.bind(null)
  }

  private insert(part: Stock.RecordInsertHelper): Reason.Reason | undefined {
    const keys = columnsOf(part.value)
    if (keys.length === 0) return nothingGiven("insert", part.value.length)
    if (part.value.length > this.dialect.limits.maxInsertRows) {
      return new Reason.LimitError({
        message: `one INSERT takes ${this.dialect.limits.maxInsertRows} rows, was given ${part.value.length}`,
        limit: "maxInsertRows",
        maximum: this.dialect.limits.maxInsertRows,
        actual: part.value.length
      })
    }
    this.sql += `(${keys.map((key) => this.name(key)).join(",")})`
    if (this.dialect.returning === "output") this.returning(returningOf(part), " OUTPUT ")
    this.sql += " VALUES "
    for (let i = 0; i < part.value.length; i++) {
      const row = part.value[i] ?? {}
      this.sql += i === 0 ? "(" : ",("
      this.sql += keys.map((key) => Object.hasOwn(row, key) ? this.value(row[key]) : this.missing()).join(",") + ")"
    }
    if (this.dialect.returning === "suffix") this.returning(returningOf(part), " RETURNING ")
    return undefined
  }

  private update(part: Stock.RecordUpdateHelperSingle): Reason.Reason | undefined {
    const keys = Object.keys(part.value).filter((key) => !part.omit.includes(key))
    if (keys.length === 0) return nothingGiven("update", 1)
    this.sql += keys.map((key) => `${this.name(key)} = ${this.value(part.value[key])}`).join(", ")
    this.returning(returningOf(part), this.dialect.returning === "suffix" ? " RETURNING " : " OUTPUT ")
    return undefined
  }

  private updateValues(part: Stock.RecordUpdateHelper): Reason.Reason | undefined {
    const values = this.dialect.updateValues
    if (values === undefined) {
      return new Reason.UnsupportedError({
        message: `${this.dialect.name} has no UPDATE of many rows by values`,
        capability: "updateValues"
      })
    }
    const keys = columnsOf(part.value)
    if (keys.length === 0) return nothingGiven("updateValues", part.value.length)
    this.sql += values({
      rows: part.value.map((row) => keys.map((key) => this.value(row[key]))),
      alias: part.alias,
      columns: keys.map((key) => this.name(key))
    })
    this.returning(returningOf(part), " RETURNING ")
    return undefined
  }

  private returning(what: string | Fragment | undefined, keyword: string): void {
    if (what === undefined) return
    this.sql += keyword
    if (typeof what !== "string") this.inner(what)
    else this.sql += this.dialect.returning === "output" && what === "*" ? "INSERTED.*" : what
  }
}

/** What a part is for a dialect, or why that dialect has none. */
type Choice = (dialect: Dialect) => Either.Either<ReadonlyArray<Stock.Segment>, Reason.Reason>

/**
 * A part of a text that is chosen when it is compiled, by the dialect that it is compiled for: so a fragment knows
 * nothing of a database, and still has each one's words (law Q4).
 *
 * @internal
 */
export const byDialect = (choice: Choice): Stock.Segment => new ByDialect(choice)

// A field of its own: the stock union says of a custom segment's fields that they are void.
class ByDialect implements Stock.Custom {
  readonly _tag = "Custom"
  readonly kind = "@sluice/core/byDialect"
  readonly i0 = undefined
  readonly i1 = undefined
  readonly i2 = undefined

  constructor(readonly choice: Choice) {}
}

/**
 * What a part is for a dialect; the part itself where every dialect has the same.
 *
 * @internal
 */
export const chosen = (part: Stock.Segment, dialect: Dialect): Either.Either<ReadonlyArray<Stock.Segment>, Reason.Reason> =>
  part instanceof ByDialect
    ? Either.flatMap(part.choice(dialect), (parts) => Either.map(Either.all(parts.map((inner) => chosen(inner, dialect))), (all) => all.flat()))
    : Either.right([part])

// Law Q3: the columns are the keys of all rows, not those of the first.
const columnsOf = (rows: ReadonlyArray<Record<string, unknown>>): ReadonlyArray<string> => rows.length === 1 ? Object.keys(rows[0]!) : [
  ...new Set(rows.flatMap((row) => Object.keys(row)))
]

const nothingGiven = (what: string, rows: number): Reason.Reason =>
  new Reason.ConfigError({ message: `${what} was given no ${rows === 0 ? "row" : "column"}`, field: what })

// The stock types leave this field out of their public side, and every stock compiler reads it.
const returningOf = (part: { readonly returningIdentifier?: string | Fragment | undefined } | object): string | Fragment | undefined =>
  "returningIdentifier" in part ? part.returningIdentifier : undefined
