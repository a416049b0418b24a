/**
 * Codecs: how the values of a type that PostgreSQL is not built with are read and written.
 *
 * Types of extensions and of users come as their exact text, unless `Postgres.Config.types` names a codec for them; then
 * arrays of them are read by it, too. A parameter is written by calling `encode`, since a value does not tell its type.
 *
 * @since 0.1.0
 */

/**
 * Reads and writes the text form of a type.
 *
 * `decode` is called with the text that the server sends, never for NULL; what it throws is a DataError that names the
 * column. `encode` makes the text of a parameter.
 *
 * @example
 * ```ts
 * import type { Postgres } from "@sluice/postgres"
 *
 * const point: Postgres.Codec<{ x: number; y: number }> = {
 *   decode: (text) => {
 *     const [x, y] = text.slice(1, -1).split(",")
 *     return { x: Number(x), y: Number(y) }
 *   },
 *   encode: ({ x, y }) => `(${x},${y})`
 * }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Codec<A> {
  /** The value of a text. */
  readonly decode: (text: string) => A
  /** The text of a value. */
  readonly encode: (value: A) => string
}

/**
 * `hstore`, as a record of texts and nulls.
 *
 * @example
 * ```ts
 * import { Postgres } from "@sluice/postgres"
 *
 * const config: Postgres.Config = { types: { hstore: Postgres.hstore } }
 * const parameter: string = Postgres.hstore.encode({ colour: "red", size: null })
 * ```
 *
 * @category codecs
 * @since 0.1.0
 */
export const hstore: Codec<Readonly<Record<string, string | null>>> = {
  decode: (text) => {
    const out: Array<readonly [string, string | null]> = []
    for (const [, key = "", value] of text.matchAll(/"((?:[^"\\]|\\.)*)"=>(?:"((?:[^"\\]|\\.)*)"|NULL)/gs)) {
      out.push([unescaped(key), value === undefined ? null : unescaped(value)])
    }
    return Object.fromEntries(out)
  },
  encode: (value) => Object.entries(value).map(([key, one]) => `${quoted(key)}=>${one === null ? "NULL" : quoted(one)}`).join(",")
}

/**
 * `vector` of pgvector, as an array of numbers.
 *
 * @example
 * ```ts
 * import { Postgres } from "@sluice/postgres"
 *
 * const config: Postgres.Config = { types: { vector: Postgres.vector } }
 * const parameter: string = Postgres.vector.encode([0.1, 0.2, 0.3])
 * ```
 *
 * @category codecs
 * @since 0.1.0
 */
export const vector: Codec<ReadonlyArray<number>> = {
  decode: (text) => text === "[]" ? [] : text.slice(1, -1).split(",").map(Number),
  encode: (value) => `[${value.join(",")}]`
}

/**
 * A composite type, as a record of its fields' texts: `(1,"a b",)` is `{ id: "1", name: "a b", note: null }`.
 *
 * The fields are named in the order of the type; another number of them fails.
 *
 * @example
 * ```ts
 * import { Postgres } from "@sluice/postgres"
 *
 * const address = Postgres.composite("street", "city")
 * const config: Postgres.Config = { types: { address } }
 * const parameter: string = address.encode({ street: "1, Main", city: null })
 * ```
 *
 * @category codecs
 * @since 0.1.0
 */
export const composite = <const Names extends ReadonlyArray<string>>(...fields: Names): Codec<{ readonly [Name in Names[number]]: string | null }> => ({
  decode: (text) => {
    const cells = cellsOf(text)
    if (cells.length !== fields.length) throw new Error(`has ${cells.length} fields, and ${fields.length} were named`)
    // Every name of the type is among them.
    return Object.fromEntries(fields.map((field, i) => [field, cells[i] ?? null])) as { [Name in Names[number]]: string | null }
  },
  encode: (value) => `(${fields.map((field: Names[number]) => value[field] === null ? "" : quoted(value[field])).join(",")})`
})

const quoted = (text: string): string => `"${text.replace(/["\\]/g, "\\$&")}"`

const unescaped = (text: string): string => text.replace(/\\(.)/gs, "$1")

/** The fields of `(a,"b ""c""",)`: nothing between two commas is NULL, `""` is an empty text. */
const cellsOf = (text: string): ReadonlyArray<string | null> => {
  const cells: Array<string | null> = []
  let at = 1
  do {
    let cell: string | null = null
    while (at < text.length && text[at] !== "," && text[at] !== ")") {
      cell ??= ""
      if (text[at] !== "\"") {
        if (text[at] === "\\") at++
        cell += text[at++]
        continue
      }
      for (at++; at < text.length; at++) {
        if (text[at] === "\"") {
          if (text[at + 1] !== "\"") break
          at++
        } else if (text[at] === "\\") {
          at++
        }
        cell += text[at]
      }
      at++
    }
    cells.push(cell)
  } while (text[at++] === ",")
  return cells
}
