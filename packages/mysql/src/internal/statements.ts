/**
 * Statements: what a connection has prepared, found by its text, as many as may be, the least recently used given up first.
 *
 * It sends nothing: what is to be closed is told to whoever prepares another. Called by `answer` and `wire`.
 *
 * @internal
 */
import * as Driver from "./driver.js"
import type { Fields } from "./fields.js"
import { headerSize } from "./frames.js"
import { Code } from "./header.js"
import type { Bytes } from "./place.js"

// A longer text is most likely made by a program, and never the same again. V8 hashes such texts by their length alone: a map
// of many that are of one length compares them all.
const longest = 10_000

/** A statement that the server has prepared, and what the columns of its last answer were. */
export class Prepared {
  fields: Fields | undefined = undefined
  constructor(readonly id: number) {}
}

export class Statements {
  private readonly known = new Map<string, Prepared>()
  /** Of those that are long the last one alone. */
  private long: { readonly sql: string; readonly prepared: Prepared } | undefined = undefined

  constructor(private readonly maximum: number) {}

  get(sql: string): Prepared | undefined {
    if (sql.length > longest) return this.long?.sql === sql ? this.long.prepared : undefined
    const found = this.known.get(sql)
    // Only a full cache has an order that matters.
    if (found !== undefined && this.known.size * 2 > this.maximum) {
      this.known.delete(sql)
      this.known.set(sql, found)
    }
    return found
  }

  /** Keeps a statement; answers with the one that is given up for it. */
  add(sql: string, prepared: Prepared): Prepared | undefined {
    if (sql.length > longest) {
      const before = this.long
      this.long = { sql, prepared }
      return before?.prepared
    }
    const before = this.known.get(sql)
    this.known.set(sql, prepared)
    if (before !== undefined) return before
    if (this.known.size <= this.maximum) return undefined
    const [oldest] = this.known
    if (oldest === undefined) return undefined
    this.known.delete(oldest[0])
    return oldest[1]
  }

  /** The server has dropped all of them. */
  clear(): void {
    this.known.clear()
    this.long = undefined
  }
}

/**
 * The answer to COM_STMT_PREPARE: a header, the parameters with an EOF where there are any, and the columns likewise.
 *
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_prepare.html
 */
export class Preparing {
  prepared: Prepared | undefined = undefined
  error: Driver.DriverError | undefined = undefined
  private left = 0
  private columns = 0
  private readonly columnPackets: Array<Buffer> = []

  /** Whether this was its last packet. */
  packet(bytes: Bytes, from: number, to: number): boolean {
    if (this.prepared === undefined) {
      if (bytes[from] === Code.error) {
        this.error = Driver.errorOf(bytes, from, to)
        return true
      }
      this.prepared = new Prepared(bytes.readUInt32LE(from + 1))
      this.columns = bytes.readUInt16LE(from + 5)
      const parameters = bytes.readUInt16LE(from + 7)
      this.left = (this.columns > 0 ? this.columns + 1 : 0) + (parameters > 0 ? parameters + 1 : 0)
      return this.left === 0
    }
    // Behind the columns is their EOF.
    if (this.left <= this.columns + 1 && this.left > 1) this.columnPackets.push(Buffer.from(bytes.subarray(from - headerSize, to)))
    return --this.left === 0
  }

  /** Of the columns that its rows will have. */
  get definitions(): Bytes {
    return Buffer.concat(this.columnPackets) as Bytes
  }
}
