/**
 * Keys: asks for the rows of many keys in as few queries as there may be, and tells which row is whose.
 *
 * It decodes no row and knows no request. Called by `Resolver.byKey`.
 *
 * @internal
 */
import type { Fragment } from "@effect/sql/Statement"
import * as Effect from "effect/Effect"
import * as Reason from "../../Reason.js"
import * as SqlError from "../../SqlError.js"
import type { Database } from "../../Database.js"
import type { Statement } from "../../Statement.js"

type Row = Readonly<Record<string, unknown>>

/** Where a list is one parameter, its length is bounded by sense alone. */
const longestList = 10_000

export class Keys {
  private most: number | undefined

  constructor(
    private readonly db: Database,
    private readonly table: string | ((condition: Fragment) => Statement<object>),
    private readonly column: string,
    private readonly maxKeys: number
  ) {}

  /** The row of each key, or null, in the order of the keys. */
  rows(keys: ReadonlyArray<unknown>): Effect.Effect<ReadonlyArray<unknown>, SqlError.SqlError> {
    return Effect.suspend(() => {
      const distinct = new Map(keys.map((key) => [exactly(key), key]))
      const wanted = [...distinct.values()]
      const most = this.mostKeys(wanted[0])
      const queries: Array<Statement<object>> = []
      for (let from = 0; from < wanted.length; from += most) queries.push(this.query(wanted.slice(from, from + most), most))
      return Effect.flatMap(Effect.forEach(queries, (query) => query), (answers) => {
        const rows = answers.flat() as ReadonlyArray<Row>
        const nameless = rows.find((row) => row[this.column] === undefined)
        if (nameless !== undefined) return Effect.fail(this.hasNoKey(nameless))
        return Effect.succeed(assigned(keys, distinct, rows, this.column))
      })
    })
  }

  private query(keys: ReadonlyArray<unknown>, most: number): Statement<object> {
    const { db, table } = this
    const condition = db.dialect.arrays === true
      ? db`${db(this.column)} = ANY(${keys})`
      : db.in(this.column, filled(keys, most))
    return typeof table === "string" ? db`SELECT * FROM ${db(table)} WHERE ${condition}` : table(condition)
  }

  // A query of the user's may have parameters of its own beside the keys.
  private mostKeys(key: unknown): number {
    const { dialect } = this.db
    if (this.most === undefined) {
      const others = typeof this.table === "string" ? 0 : this.query([key], 1).compile()[1].length - 1
      this.most = Math.max(1, Math.min(this.maxKeys, dialect.arrays === true ? longestList : Math.min(dialect.limits.maxParameters - others, longestList)))
    }
    return this.most
  }

  private hasNoKey(row: Row): SqlError.SqlError {
    return SqlError.make(new Reason.ConfigError({
      message: `key must be a column of the rows, which have ${Object.keys(row).join(", ")}: there is no ${this.column}`,
      field: "key"
    }))
  }
}

const filled = (keys: ReadonlyArray<unknown>, most: number): ReadonlyArray<unknown> => {
  const size = Math.min(most, 2 ** Math.ceil(Math.log2(keys.length)))
  return size === keys.length ? keys : [...keys, ...new Array<unknown>(size - keys.length).fill(keys.at(-1))]
}

const assigned = (
  keys: ReadonlyArray<unknown>,
  distinct: ReadonlyMap<string, unknown>,
  rows: ReadonlyArray<Row>,
  column: string
): ReadonlyArray<unknown> => {
  const found = new Map<string, Row>()
  const others = new Map<string, Row>()
  for (const row of rows) {
    const key = exactly(row[column])
    if (distinct.has(key)) found.set(key, row)
    // The server took it for one of the keys, and so it is: a uuid in capitals, 7 for '7.0'.
    else others.set(loosely(row[column]), row)
  }
  return keys.map((key) => found.get(exactly(key)) ?? others.get(loosely(key)) ?? null)
}

/** One text for one value, whatever type the driver gives it: 1, 1n and '1' are the same key. */
const exactly = (key: unknown): string =>
  key instanceof Date ? String(key.getTime()) : ArrayBuffer.isView(key) ? Array.from(new Uint8Array(key.buffer, key.byteOffset, key.byteLength)).join(" ") : String(key)

const loosely = (key: unknown): string => {
  const text = exactly(key).trim()
  return text !== "" && Number.isFinite(Number(text)) ? String(Number(text)) : text.toLowerCase()
}
