/**
 * Reading: from the cells of a row, in the order in which they were asked for, to the row that a table promises.
 *
 * Rows come as arrays: no name of a column is looked up, and no transform of names can come between. Called by the queries
 * of a table.
 *
 * @internal
 */
import type { Dialect } from "../../Dialect.js"
import type { Expression } from "../../Expression.js"
import { reader } from "../codec.js"
import { type Decoder, Misfit } from "../decoded.js"
import { TypeId } from "../expression.js"
import { once } from "./model.js"

/** One column of a row: its key, what it is, and whether its table may have no row. */
export interface Pick {
  readonly key: string
  readonly expression: Expression<unknown>
  readonly optional: boolean
}

type Row = Record<string, unknown>

/** A flat row of these columns. */
export const flat = (picks: ReadonlyArray<Pick>, dialect: Dialect): Decoder<Row> => {
  const readers = picks.map(({ expression, key, optional }) => {
    const { held, nullable } = expression[TypeId]
    const read = held === undefined ? (value: unknown) => value : reader(held, nullable || optional, dialect)
    return { key, read: optional ? (value: unknown) => value === null ? null : read(value) : read }
  })
  return (cells) => {
    const row: Row = {}
    for (let i = 0; i < readers.length; i++) {
      const { key, read } = readers[i]!
      const value = read((cells as ReadonlyArray<unknown>)[i])
      if (value instanceof Misfit) return new Misfit(key, value.why, value.cause)
      row[key] = value
    }
    return row
  }
}

/** A table's part of a row; null where it may have none and all of its columns are NULL. */
export interface Group {
  readonly name: string
  readonly picks: ReadonlyArray<Pick>
  readonly optional: boolean
}

/** A row of rows, one for each table. */
export const nested = (groups: ReadonlyArray<Group>, dialect: Dialect): Decoder<Row> => {
  let from = 0
  const parts = groups.map(({ name, optional, picks }) => {
    const part = { name, optional, from, to: from + picks.length, read: flat(picks.map((pick) => ({ ...pick, optional: false })), dialect) }
    from = part.to
    return part
  })
  return (cells) => {
    const row: Row = {}
    for (const part of parts) {
      const own = (cells as ReadonlyArray<unknown>).slice(part.from, part.to)
      const value = part.optional && own.every((cell) => cell === null) ? null : part.read(own)
      if (value instanceof Misfit) return new Misfit(`${part.name}.${value.column}`, value.why, value.cause)
      row[part.name] = value
    }
    return row
  }
}

/** The type of 64-bit integers that a statement must be read with, so that none is rounded. */
export const integersOf = once((picks: ReadonlyArray<Pick>): { readonly integers?: "bigint" } =>
  picks.some(({ expression }) => expression[TypeId].held?.type.kind === "bigint") ? { integers: "bigint" } : {})

/** A decoder that is made when the first row comes: most queries of a chain are never run. */
export const lazily = <A>(make: () => Decoder<A>): Decoder<A> => {
  let made: Decoder<A> | undefined
  return (row) => (made ??= make())(row)
}

const decoders = once((_: ReadonlyArray<Pick>) => new WeakMap<Dialect, Decoder<Row>>())

/** As `flat`: for the columns of a table, which are always the same ones, it is made once for each dialect. */
export const flatOf = (picks: ReadonlyArray<Pick>, dialect: Dialect): Decoder<Row> => {
  const known = decoders(picks)
  const decoder = known.get(dialect) ?? flat(picks, dialect)
  known.set(dialect, decoder)
  return decoder
}
