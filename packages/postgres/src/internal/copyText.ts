/**
 * CopyText: rows in COPY's text format, to the server and from it.
 *
 * Values are separated by tabs and rows by line feeds; these, and the backslash, are written with one. NULL is `\N`.
 * https://www.postgresql.org/docs/15/sql-copy.html. It sends nothing. Called by `copy` and by the public verbs.
 *
 * @internal
 */
import type * as SqlError from "@sluice/core/SqlError"
import { messages } from "./messages.js"
import { refuse, textOf } from "./types.js"

/** Characters of one CopyData message. */
const enough = 65_536

// A text with none of them, no NUL and no half of a surrogate pair goes as it is.
const special = /[\\\n\r\t\0\ud800-\udfff]/
const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }

/** Writes rows as CopyData, or names the first value that does not fit. `first` is the index of the first of them. */
export const write = (rows: Iterable<ReadonlyArray<unknown>>, sql: string, first = 0): SqlError.SqlError | undefined => {
  let text = ""
  let i = first
  for (const row of rows) {
    for (let c = 0; c < row.length; c++) {
      const value = row[c]
      if (c > 0) text += "\t"
      // A template drops the sign of -0.
      if ((typeof value === "number" && value !== 0) || (typeof value === "string" && !special.test(value))) {
        text += value
        continue
      }
      const cell = textOf(value)
      if (cell === undefined) return refuse(value, `row ${i}, value ${c + 1}`, sql)
      if (cell === null) text += "\\N"
      else text += special.test(cell) ? cell.replace(/[\\\n\r\t]/g, (one) => escapes[one] ?? one) : cell
    }
    text += "\n"
    i++
    if (text.length >= enough) {
      messages.copyData(text)
      text = ""
    }
  }
  if (text !== "") messages.copyData(text)
  return undefined
}

const unescapes: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" }

const cellOf = (text: string): string | null =>
  text === "\\N" ? null : text.includes("\\") ? text.replace(/\\(.)/g, (_, one: string) => unescapes[one] ?? one) : text

/** Reads whole lines, each with its line feed. The server writes the empty row of no columns as an empty line. */
export const read = (bytes: Uint8Array): Array<ReadonlyArray<string | null>> => {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")
  const lines = text.split("\n")
  lines.pop()
  return lines.map((line) => line.split("\t").map(cellOf))
}
