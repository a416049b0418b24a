/**
 * Named parameters: `:name` in a text becomes the dialect's own placeholder.
 *
 * It knows nothing of values beyond whether there is one. Called by `unsafe` and by `executeMany`.
 *
 * @internal
 */
import type { Dialect } from "../Dialect.js"
import * as SqlScript from "../SqlScript.js"

export interface Named {
  readonly sql: string
  /** The names, in the order of the placeholders; a name that stands twice is here twice. */
  readonly names: ReadonlyArray<string>
}

export const parse = (text: string, dialect: Dialect): Named => {
  const names: Array<string> = []
  let sql = ""
  let at = 0
  for (const token of SqlScript.tokens(text, dialect.lexicon)) {
    if (token.kind !== "parameter" || text[token.start] !== ":") continue
    names.push(text.slice(token.start + 1, token.end))
    sql += text.slice(at, token.start) + dialect.placeholder(names.length)
    at = token.end
  }
  return { sql: sql + text.slice(at), names }
}
