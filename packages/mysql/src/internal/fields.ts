/**
 * Fields: the columns of a result set, and what reading its rows takes, made when it is first asked for and kept.
 *
 * A server describes the columns of each answer anew. Definitions that were seen before are found by their bytes, so that
 * one statement's rows are read by one function on every connection. Called by `answer`.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import { fieldsOf } from "./columns.js"
import * as Decode from "./decode.js"
import type { Bytes } from "./place.js"
import * as Rows from "./rows.js"

/** Definitions of columns that were seen, by their bytes. */
export class Definitions {
  private readonly known = new Map<string, Fields>()

  /** `extended`: MariaDB says more of a type; `names`: what the columns' names are encoded in. */
  of(definitions: Bytes, extended: boolean, names: string): Fields {
    const key = (extended ? "+" : "") + (names === "utf8" ? "" : names) + definitions.latin1Slice(0, definitions.length)
    const found = this.known.get(key)
    if (found !== undefined) return found
    if (this.known.size >= most) this.known.clear()
    const fields = new Fields(definitions, fieldsOf(definitions, extended, names))
    this.known.set(key, fields)
    return fields
  }
}

const most = 1_000

export class Fields {
  private described: ReadonlyArray<Connection.Column> | undefined = undefined
  private readonly readers: Array<Rows.RowReader | undefined> = []
  private twice: string | undefined | null = null

  constructor(readonly definitions: Bytes, readonly list: ReadonlyArray<Decode.Field>) {}

  get columns(): ReadonlyArray<Connection.Column> {
    return this.described ??= Decode.columnsOf(this.list)
  }

  /** A name that two columns have. */
  get duplicate(): string | undefined {
    if (this.twice === null) {
      const names = this.list.map(({ name }) => name)
      this.twice = names.find((name, i) => names.indexOf(name) < i)
    }
    return this.twice
  }

  /** What reads a row, in this form. */
  reader(reading: Decode.Reading, form: Rows.Form): Rows.RowReader {
    return this.readers[keyOf(reading, form)] ??= Rows.readerOf(this.list, reading, form)
  }
}

// Decoders and zone are the same for all of a database's; our own statements have none.
const keyOf = ({ bigints, dates, decimals, decoders, rowMode }: Decode.Reading, form: Rows.Form): number =>
  (rowMode === "object" ? 1 : rowMode === "bytes" ? 64 : 0) | (bigints ? 2 : 0) | (form === "text" ? 0 : form === "binary" ? 4 : 128) | (decoders === undefined ? 0 : 8)
  | (dates === "date" ? 16 : 0) | (decimals === "BigDecimal" ? 32 : 0)
