/**
 * A layout: how the flat values of a chunk become rows of one shape.
 *
 * Rows as objects are built by a function compiled for the column names: an object literal gives all rows one hidden
 * class. Where code may not be made of strings, a loop does the same. Called by `connection` and `cursor`.
 *
 * @since 0.1.0
 */
import type * as Connection from "@sluice/core/Connection"
import { type Shape } from "./protocol.js"
import { maxShapes } from "./statements.js"
import type { Value } from "./values.js"

type Build = (values: ReadonlyArray<Value>, count: number) => Array<unknown>

/** The rows of one shape. */
export interface Layout {
  readonly columns: ReadonlyArray<Connection.Column>
  readonly objects: Build
  readonly arrays: Build
}

/** Remembers the layouts of one handle by the ids of its shapes. */
export class Layouts {
  private readonly known = new Map<number, Layout>()

  of(shape: Shape | undefined): Layout {
    if (shape === undefined) return none
    const known = this.known.get(shape.id)
    if (known !== undefined || shape.columns === undefined) return known ?? none
    const layout = make(shape.columns)
    this.known.set(shape.id, layout)
    // The handle refers to its newest shapes only; not each of its numbers was told.
    for (const old of this.known.keys()) {
      if (old > shape.id - 2 * maxShapes) break
      this.known.delete(old)
    }
    return layout
  }
}

const make = (columns: ReadonlyArray<Connection.Column>): Layout => ({
  columns,
  objects: builderOf(columns.map((column) => column.name)),
  arrays: (values, count) => {
    const width = columns.length
    const rows = new Array<unknown>(count)
    for (let i = 0; i < count; i++) rows[i] = values.slice(i * width, (i + 1) * width)
    return rows
  }
})

const none: Layout = { columns: [], objects: () => [], arrays: () => [] }

const compiled = new Map<string, Build>()

const builderOf = (names: ReadonlyArray<string>): Build => {
  const key = JSON.stringify(names)
  const found = compiled.get(key)
  if (found !== undefined) return found
  const build = compile(names) ?? loop(names)
  if (compiled.size >= 1000) compiled.clear()
  compiled.set(key, build)
  return build
}

/** The compiled builder; `undefined` where code generation from strings is disallowed. */
export const compile = (names: ReadonlyArray<string>): Build | undefined => {
  // A plain key __proto__ would set the prototype; a computed one is a property like any other.
  const fields = names.map((name, i) => `${name === "__proto__" ? "[\"__proto__\"]" : JSON.stringify(name)}:v[o+${i}]`)
  try {
    const build = new Function(
      "v",
      "n",
      `const rows=new Array(n);for(let i=0,o=0;i<n;i++,o+=${names.length})rows[i]={${fields.join(",")}};return rows`
    )
    return (values, count) => build(values, count)
  } catch {
    return undefined
  }
}

/** The builder without code generation. */
export const loop = (names: ReadonlyArray<string>): Build => (values, count) => {
  const rows = new Array<unknown>(count)
  for (let i = 0; i < count; i++) {
    const row: Record<string, Value> = {}
    for (let c = 0; c < names.length; c++) {
      const name = names[c] ?? ""
      const value = values[i * names.length + c] ?? null
      if (name === "__proto__") Object.defineProperty(row, name, { value, enumerable: true, configurable: true, writable: true })
      else row[name] = value
    }
    rows[i] = row
  }
  return rows
}
