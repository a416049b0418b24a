/**
 * Columns: how many an INSERT fills, by its tokens.
 *
 * Its list of columns says so, and without one the first row of its VALUES: commas inside of parentheses, brackets, braces
 * and strings separate none. Called by the engine where `autoAdjustForColumns` is on.
 *
 * @internal
 */
import * as SqlScript from "@sluice/core/SqlScript"

/** The columns of an INSERT; `undefined` for any other statement, and where it does not say. */
export const columnsOf = (sql: string, lexicon: SqlScript.Lexicon): number | undefined => {
  let isInsert = false
  let depth = 0
  let items = 0
  let isCounting = false
  for (const token of SqlScript.tokens(sql, lexicon)) {
    if (token.kind === "comment") continue
    const text = sql.slice(token.start, token.end)
    if (!isInsert) {
      if (!/^(?:INSERT|REPLACE)$/i.test(text)) return undefined
      isInsert = true
      continue
    }
    if (isCounting) {
      if (text === "(" || text === "[" || text === "{") depth++
      else if (text === ")" || text === "]" || text === "}") {
        depth--
        if (depth === 0) return items
      } else if (text === "," && depth === 1) items++
      if (items === 0 && depth >= 1 && text !== "(") items = 1
      continue
    }
    if (/^(?:SELECT|WITH|SET|DEFAULT)$/i.test(text)) return undefined
    if (text === "(") {
      isCounting = true
      depth = 1
      items = 0
    }
  }
  return undefined
}

/** What `maxBytes` is multiplied by. */
export const factorOf = (columns: number, reference: number, least: number, most: number): number =>
  Math.min(most, Math.max(least, reference / columns))
