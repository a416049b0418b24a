/**
 * Classifying: what a text's words say of it, looked up where it was seen before.
 *
 * @internal
 */
import * as SqlScript from "../../SqlScript.js"
import type { Client } from "../client.js"

const cached = 1_000
const cachedLength = 10_000

// A write whose words say nothing else, and which is mostly another text each time: 0.2 µs where the lexer takes 2.
const plainWrite = /^(?:INSERT|UPDATE|DELETE)\s/i
const elsewhere = /RETURNING|OUTPUT|:=/i
const writes = { readOnly: false, callsUnknown: false, returnsRows: false, leavesState: false }

/** What the words of a text say, and what its dialect knows besides. */
export const classify = (client: Client, sql: string): SqlScript.Classification => {
  const known = client.classifications.get(sql)
  if (known !== undefined) return known
  const plain = plainWrite.test(sql) && !elsewhere.test(sql) ? { verb: sql.slice(0, 6).toUpperCase(), ...writes } : SqlScript.classify(sql, client.dialect.lexicon)
  const classification = !plain.leavesState && client.dialect.leavesState?.test(sql) === true ? { ...plain, leavesState: true } : plain
  if (sql.length <= cachedLength) {
    if (client.classifications.size >= cached) client.classifications.clear()
    client.classifications.set(sql, classification)
  }
  return classification
}
