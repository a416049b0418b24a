/**
 * Objects: rows as records, made of the driver's arrays by a literal that is compiled per shape.
 *
 * The driver's own records begin empty and have room for four columns: those of one column weigh twice as much, which a
 * stream of many rows shows. Called by `decode`; `binary` writes its own literal.
 *
 * @internal
 */

export type Build = (row: ReadonlyArray<unknown>) => unknown

const compiled = new Map<string, Build>()

/** What makes a record of an array of these columns. Of two columns of one name the last one wins. */
export const builderOf = (names: ReadonlyArray<string>): Build => {
  const key = JSON.stringify(names)
  const found = compiled.get(key)
  if (found !== undefined) return found
  const build = compile(names) ?? loop(names)
  if (compiled.size >= 1000) compiled.clear()
  compiled.set(key, build)
  return build
}

// `undefined` where code generation from strings is disallowed.
const compile = (names: ReadonlyArray<string>): Build | undefined => {
  const fields = names.map((name, i) => `${propertyOf(name)}:a[${i}]`)
  try {
    return new Function("a", `return {${fields.join(",")}}`) as Build
  } catch {
    return undefined
  }
}

/** A key in a literal's text. A plain `__proto__` would set the prototype; a computed one is a property like any other. */
export const propertyOf = (name: string): string => name === "__proto__" ? "[\"__proto__\"]" : JSON.stringify(name)

const loop = (names: ReadonlyArray<string>): Build => (row) => Object.fromEntries(names.map((name, i) => [name, row[i]]))
