/**
 * Parts: neighbouring statements of a batch that are one text with other parameters, and so may be sent as the rows of one.
 *
 * In a prepared statement each parameter has one type for all rows, and what PostgreSQL makes of a value depends on it: 7 / 2 is 3, and
 * beside a row with 1.5 it would be 3.5; true as a text is `true`, and beside a row with 1 it would be `t`. So the values of one place
 * are of one kind. Called by `target`.
 *
 * @internal
 */
import * as BigDecimal from "effect/BigDecimal"
import type { Statement } from "../Batch.js"

/** Below it preparing them is not worth it. */
const fewest = 8

export interface Part {
  /** All of them have the text of the first, and values of its kinds. */
  readonly isAlike: boolean
  readonly statements: ReadonlyArray<Statement>
}

/** The parts of a batch, in order. */
export const partsOf = (statements: ReadonlyArray<Statement>): ReadonlyArray<Part> => {
  const parts: Array<Part> = []
  // Where those begin that are not alike.
  let from = 0
  for (let at = 0; at < statements.length;) {
    const to = endOfRun(statements, at)
    if (to - at >= fewest) {
      if (at > from) parts.push({ isAlike: false, statements: statements.slice(from, at) })
      parts.push({ isAlike: true, statements: statements.slice(at, to) })
      from = to
    }
    at = to
  }
  if (from < statements.length) parts.push({ isAlike: false, statements: statements.slice(from) })
  return parts
}

/** Behind the last one that is as this one is. */
const endOfRun = (statements: ReadonlyArray<Statement>, at: number): number => {
  const { params, text } = statements[at]!
  let to = at + 1
  if (params.length === 0 || statements[to]?.text !== text) return to
  const kinds = params.map(kindOf)
  // What is inserted as it is becomes its column's type, fraction or not.
  const isInsert = /^\s*INSERT\b/i.test(text)
  while (to < statements.length && statements[to]!.text === text && fits(statements[to]!.params, kinds, isInsert)) to++
  return to
}

const fits = (params: ReadonlyArray<unknown>, kinds: Array<Kind | undefined>, isInsert: boolean): boolean => {
  if (params.length !== kinds.length) return false
  for (let i = 0; i < kinds.length; i++) {
    const kind = kindOf(params[i])
    if (kind === undefined || kind === kinds[i]) continue
    if (kinds[i] !== undefined && !(isInsert && isNumber(kind) && isNumber(kinds[i]))) return false
    kinds[i] = kind
  }
  return true
}

type Kind = "whole" | "fraction" | "special" | "boolean" | "bytes" | "text"

const isNumber = (kind: Kind | undefined): boolean => kind === "whole" || kind === "fraction"

/** `undefined` is NULL, which has the type of the others. */
const kindOf = (value: unknown): Kind | undefined => {
  if (value === null || value === undefined) return undefined
  switch (typeof value) {
    case "number": return Number.isInteger(value) && !Object.is(value, -0) ? "whole" : Number.isFinite(value) && value !== 0 ? "fraction" : "special"
    case "bigint": return "whole"
    case "boolean": return "boolean"
    case "object": return ArrayBuffer.isView(value) || value instanceof ArrayBuffer ? "bytes" : BigDecimal.isBigDecimal(value) ? "fraction" : "text"
    default: return "text"
  }
}
