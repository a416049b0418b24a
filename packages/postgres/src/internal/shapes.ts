/**
 * Shapes: the columns of a result, and the reader of its rows that is compiled for them.
 *
 * A shape is made once for a RowDescription and shared by every connection of a database: a reader that is compiled anew
 * would never be optimised. Called by `run`, `cursor` and `connection`.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import { outcomeOf } from "@sluice/core/Connection"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import { copy, decoderOf, type Decoder, type Reading, type Registered } from "./decode.js"
import { type Bytes, int16, int32, textEnd } from "./frames.js"
import { names, Oid } from "./oids.js"

/** Makes a row of a DataRow's bytes; throws `Unfit`. */
export type Read = (bytes: Bytes, from: number) => unknown

/** A column, as RowDescription has it. */
export interface Field {
  readonly name: string
  readonly oid: number
  readonly modifier: number
  /** The table's number, 0 for what is no table's column, and the column's in it. */
  readonly table: number
  readonly attribute: number
}

const shapes = new WeakMap<ReadonlyArray<Connection.Column>, Shape>()

/** Whose columns these are. */
export const shapeOf = (columns: ReadonlyArray<Connection.Column>): Shape | undefined => shapes.get(columns)

export class Shape {
  private readonly readers = new Map<string, Read>()
  private described: ReadonlyArray<Connection.Column> | undefined
  /** Its columns with what the catalog says of them, where it was asked. */
  told: ReadonlyArray<Connection.Column> | undefined

  constructor(private readonly list: ReadonlyArray<Field>, private readonly settings: Omit<Reading, "bigints">) {}

  get columns(): ReadonlyArray<Connection.Column> {
    if (this.described !== undefined) return this.described
    const described = this.list.map(columnOf)
    shapes.set(described, this)
    return this.described = described
  }

  get fields(): ReadonlyArray<Field> {
    return this.list
  }


  /** The reader of rows in this mode. */
  reader(rowMode: Connection.Query["rowMode"], bigints: boolean): Read {
    const key = `${rowMode}${bigints}`
    const known = this.readers.get(key)
    if (known !== undefined) return known
    const reading: Reading = { ...this.settings, bigints }
    const read = rowMode === "bytes"
      ? compile(this.list, "array", this.list.map(() => copy))
      : compile(this.list, rowMode, this.list.map((field) => decoderOf(field.oid, field.name, reading)))
    this.readers.set(key, read)
    return read
  }

  /** A ResultError where two columns have one name. */
  duplicate(query: Connection.Query): SqlError.SqlError | undefined {
    const seen = new Set<string>()
    const twice = this.list.find(({ name }) => seen.size === seen.add(name).size)
    return twice === undefined ? undefined : SqlError.make(new Reason.ResultError({
      message: `two columns are named "${twice.name}", and a row can hold one: give them names, or read arrays`,
      expected: "columns of different names",
      found: 0,
      column: twice.name,
      statement: query.sql,
      outcome: outcomeOf(query, "answered")
    }))
  }
}

/** The shapes of one database's results. */
export class Shapes {
  private readonly known = new Map<string, Shape>()
  private readonly settings: Omit<Reading, "bigints">
  private readonly registered = new Map<number, Registered>()
  /** More was asked of some of them. */
  isTold = false
  /** How often a table was altered, as far as this process knows: what a connection has prepared before may answer otherwise. */
  changes = 0

  constructor(settings: Omit<Reading, "bigints" | "registered">) {
    this.settings = { ...settings, registered: this.registered }
  }

  /** A type's number is known now; in a database it stays what it is until the type is made anew. */
  register(oid: number, registered: Registered): void {
    if (this.registered.get(oid)?.decode === registered.decode) return
    this.registered.set(oid, registered)
    this.known.clear()
  }

  /** Tables may have changed: what their columns are is asked for again. */
  forget(): void {
    if (!this.isTold) return
    this.isTold = false
    for (const shape of this.known.values()) shape.told = undefined
  }

  /** The shape that a RowDescription tells. */
  of(bytes: Bytes, from: number, to: number): Shape {
    const key = bytes.latin1Slice(from, to)
    const known = this.known.get(key)
    if (known !== undefined) return known
    const list: Array<Field> = []
    let at = from + 2
    for (let count = int16(bytes, from); count > 0; count--) {
      const end = textEnd(bytes, at)
      list.push({ name: bytes.utf8Slice(at, end), oid: int32(bytes, end + 7) >>> 0, modifier: int32(bytes, end + 13), table: int32(bytes, end + 1) >>> 0, attribute: int16(bytes, end + 5) })
      at = end + 19
    }
    const shape = new Shape(list, this.settings)
    if (this.known.size >= 1_000) this.known.clear()
    this.known.set(key, shape)
    return shape
  }
}

const columnOf = ({ modifier, name, oid }: Field): Connection.Column => {
  const isDecimal = oid === Oid.numeric && modifier >= 4
  return {
    name,
    type: names.get(oid) ?? `oid ${oid}`,
    nullable: undefined,
    precision: isDecimal ? ((modifier - 4) >> 16) & 0xffff : undefined,
    scale: isDecimal ? (modifier - 4) & 0xffff : undefined,
    table: undefined
  }
}

// `d0(b,p,p+n)` for each column, and a literal of the row: an object that is filled field by field is slower to make.
const compile = (list: ReadonlyArray<Field>, rowMode: "object" | "array", decoders: ReadonlyArray<Decoder>): Read => {
  const cells = list.map((_, i) =>
    `n=b[p]<<24|b[p+1]<<16|b[p+2]<<8|b[p+3];p+=4;let c${i}=null;if(n>=0){c${i}=d${i}(b,p,p+n);p+=n}`)
  // A plain key __proto__ would set the prototype; a computed one is a property like any other.
  const row = rowMode === "array"
    ? `[${list.map((_, i) => `c${i}`).join(",")}]`
    : `{${list.map(({ name }, i) => `${name === "__proto__" ? "[\"__proto__\"]" : JSON.stringify(name)}:c${i}`).join(",")}}`
  try {
    return new Function(...decoders.map((_, i) => `d${i}`), `"use strict";return function(b,p){let n;p+=2;${cells.join("")}return ${row}}`)(...decoders) as Read
  } catch {
    // Code generation from strings is disallowed here.
    return loop(list, rowMode, decoders)
  }
}

const loop = (list: ReadonlyArray<Field>, rowMode: "object" | "array", decoders: ReadonlyArray<Decoder>): Read => (bytes, from) => {
  let at = from + 2
  const cells = decoders.map((decode) => {
    const length = int32(bytes, at)
    at += 4
    if (length < 0) return null
    at += length
    return decode(bytes, at - length, at)
  })
  return rowMode === "array" ? cells : Object.fromEntries(list.map(({ name }, i) => [name, cells[i]]))
}
