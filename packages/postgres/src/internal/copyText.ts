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

/** Characters of one CopyData message: a text is a tree of its pieces until it is written, and a smaller one is quicker to write. */
const enough = 4_096

/** Bytes that are handed on at once. */
const burst = 65_536

// A text with none of them, no NUL and no half of a surrogate pair goes as it is.
const special = /[\\\n\r\t\0\ud800-\udfff]/
const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }

/**
 * Writes rows as CopyData, or names the first value that does not fit, before anything is written. `first` is the index of
 * the first of them. `push` is called whenever there is enough to be sent: the server is at work while the rest is written.
 */
export const write = (rows: Iterable<ReadonlyArray<unknown>>, sql: string, first = 0, push?: () => void): SqlError.SqlError | undefined => {
  const plain = checked(rows, sql, first)
  if (!Array.isArray(plain)) return plain
  let text = ""
  let i = 0
  for (const row of rows) {
    const isPlain = plain[i++] === true
    for (let c = 0; c < row.length; c++) {
      const value = row[c]
      if (c > 0) text += "\t"
      text += typeof value === "boolean" ? (value ? "t" : "f") : isPlain ? value : escaped(value)
    }
    text += "\n"
    if (text.length >= enough) {
      messages.copyData(text)
      text = ""
      if (push !== undefined && messages.size >= burst) push()
    }
  }
  if (text !== "") messages.copyData(text)
  return undefined
}

/** Whether a row is numbers, booleans and texts that go as they are, for each; or the first value that does not fit. */
const checked = (rows: Iterable<ReadonlyArray<unknown>>, sql: string, first: number): Array<boolean> | SqlError.SqlError => {
  const plain: Array<boolean> = []
  for (const row of rows) {
    let isPlain = true
    for (let c = 0; c < row.length; c++) {
      const value = row[c]
      // A template drops the sign of -0.
      if ((typeof value === "number" && value !== 0) || typeof value === "boolean" || (typeof value === "string" && !special.test(value))) continue
      isPlain = false
      if (textOf(value) === undefined) return refuse(value, `row ${first + plain.length}, value ${c + 1}`, sql)
    }
    plain.push(isPlain)
  }
  return plain
}

const escaped = (value: unknown): string => {
  const cell = textOf(value) ?? null
  return cell === null ? "\\N" : special.test(cell) ? cell.replace(/[\\\n\r\t]/g, (one) => escapes[one] ?? one) : cell
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
