/**
 * The merger: holds the rows of INSERTs that follow each other and say the same, until a statement comes that ends them.
 *
 * Pure and synchronous; it sends nothing. Only neighbours are merged: an INSERT into another table ends them as any other
 * statement does, since a foreign key or a trigger may tie the two. Whether a statement may be merged is read by
 * `Insert`. Called by `InsertMerge` and by the batcher.
 *
 * @internal
 */
import { ofParameter, utf8 } from "../bytes.js"
import { Insert, type Settings } from "./Insert.js"

export interface Limits {
  /** UTF-8 bytes of a merged statement. */
  readonly maxBytes: number
  /** Rows of a merged statement. */
  readonly maxRows: number
  /** Parameters of a merged statement. */
  readonly maxParameters: number
  /**
   * LAST_INSERT_ID() after a merged statement would be another: where statements follow, the last of a run goes by itself.
   */
  readonly lastIdIsFirst: boolean
}

/** A statement to be sent, and how many of those that were added it stands for. In order, they are all of them. */
export interface Merged {
  readonly text: string
  readonly params: ReadonlyArray<unknown>
  readonly statements: number
}

export class Merger {
  private readonly insert: Insert
  /** What was added first, as it was; and what was added last. */
  private first = ""
  private last = ""
  private lastParams: ReadonlyArray<unknown> = none
  /** The first without what follows its rows, then the rows of each: joined once, as a rope of them is slow to read. */
  private readonly parts: Array<string> = []
  private suffix = ""
  private key = ""
  private width = 0
  private bytes = 0
  private rows = 0
  private statements = 0
  private params: Array<unknown> = []
  private readonly isNumbered: boolean

  constructor(private readonly settings: Settings, private readonly limits: Limits) {
    this.insert = new Insert(settings)
    this.isNumbered = settings.placeholder(1) !== settings.placeholder(2)
  }

  private get endsAlone(): boolean {
    return this.insert.isCurious || this.limits.lastIdIsFirst
  }

  /**
   * Takes the next statement, and puts what it ends into `out`. Answers with -1, or with the place of the string, name or
   * comment that never ends: then the statement is not taken.
   */
  add(sql: string, out: Array<Merged>, params: ReadonlyArray<unknown> = none): number {
    const { insert } = this
    if (!insert.read(sql, params.length)) {
      if (insert.openAt >= 0) return insert.openAt
      this.flush(out, this.endsAlone)
      out.push({ text: sql, params, statements: 1 })
      return -1
    }
    if (this.statements > 0 && insert.key === this.key && insert.width === this.width && insert.suffix === this.suffix) {
      if (this.append(sql, params)) return -1
      this.flush(out, false)
    } else this.flush(out, this.endsAlone)
    this.first = sql
    this.last = sql
    this.lastParams = params
    this.parts.push(sql.slice(insert.start, insert.rowsEnd))
    this.params = [...params]
    this.key = insert.key
    this.width = insert.width
    this.suffix = insert.suffix
    this.bytes = utf8(sql, insert.start, insert.rowsEnd) + (this.suffix === "" ? 0 : utf8(this.suffix) + 1) + bytesOf(params)
    this.rows = insert.rows
    this.statements = 1
    return -1
  }

  private append(sql: string, params: ReadonlyArray<unknown>): boolean {
    const { insert, limits } = this
    const isRenumbered = params.length > 0 && this.isNumbered
    const rows = isRenumbered ? this.renumbered(sql) : undefined
    const bytes = (rows !== undefined ? utf8(rows) : insert.isAscii ? insert.rowsEnd - insert.rowsStart : utf8(sql, insert.rowsStart, insert.rowsEnd)) + 1 + bytesOf(params)
    if (this.bytes + bytes > limits.maxBytes || this.rows + insert.rows > limits.maxRows || this.params.length + params.length > limits.maxParameters) return false
    this.parts.push(rows ?? sql.slice(insert.rowsStart, insert.rowsEnd))
    for (const param of params) this.params.push(param)
    this.bytes += bytes
    this.rows += insert.rows
    this.statements++
    this.last = sql
    this.lastParams = params
    return true
  }

  /** The rows, their placeholders counted on from those that are there. */
  private renumbered(sql: string): string {
    const { places, rowsEnd, rowsStart } = this.insert
    let text = ""
    let at = rowsStart
    for (let i = 0; i < places.length; i += 2) {
      text += sql.slice(at, places[i]) + this.settings.placeholder(this.params.length + i / 2 + 1)
      at = places[i + 1]!
    }
    return text + sql.slice(at, rowsEnd)
  }

  /** Puts what is held into `out`; the last one by itself where somebody is about to ask what it did. */
  flush(out: Array<Merged>, isLastAlone: boolean): void {
    const { statements } = this
    if (statements === 0) return
    this.statements = 0
    const { params } = this
    if (statements === 1) out.push({ text: this.first, params, statements: 1 })
    else if (!isLastAlone) out.push({ text: this.whole(), params, statements })
    else {
      this.parts.pop()
      params.length -= this.lastParams.length
      out.push({ text: statements === 2 ? this.first : this.whole(), params, statements: statements - 1 })
      out.push({ text: this.last, params: this.lastParams, statements: 1 })
    }
    this.parts.length = 0
    this.params = []
  }

  private whole(): string {
    const text = this.parts.join(",")
    return this.suffix === "" ? text : `${text} ${this.suffix}`
  }
}

const none: ReadonlyArray<never> = []

const bytesOf = (params: ReadonlyArray<unknown>): number => {
  let bytes = 0
  for (const param of params) bytes += ofParameter(param)
  return bytes
}
