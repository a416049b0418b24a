/**
 * A text that makes several indexes and does nothing else: the one kind of text of several statements that is taken apart and
 * sent, one by one, without being a script. @effect/cluster migrates its tables by it.
 *
 * @internal
 */
import * as Either from "effect/Either"
import * as SqlScript from "../../SqlScript.js"
import type { Client } from "../client.js"
import type { Prepared } from "../run.js"

const makesIndex = /^\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s/i

/** Its statements; `undefined` for any other text. */
export const indexStatements = (client: Client, prepared: Prepared): ReadonlyArray<Prepared> | undefined => {
  const { query } = prepared
  if (!makesIndex.test(query.sql) || query.params.length > 0) return undefined
  const pieces = Either.getOrElse(SqlScript.split(query.sql, client.dialect.lexicon), () => [])
  return pieces.length > 1 && pieces.every(({ text }) => makesIndex.test(text))
    ? pieces.map(({ text }) => ({ ...prepared, query: { ...query, sql: text } }))
    : undefined
}
