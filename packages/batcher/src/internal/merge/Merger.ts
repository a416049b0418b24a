/**
 * The merger: holds the rows of INSERTs that follow each other and say the same, until a statement comes that ends them.
 *
 * Pure and synchronous; it sends nothing. Only neighbours are merged: an INSERT into another table ends them as any other
 * statement does, since a foreign key or a trigger may tie the two. Whether a statement may be merged is read by
 * `Insert`. Called by `InsertMerge` and by the batcher.
 *
 * @internal
 */
import { utf8 } from "../bytes.js"
import { Insert, type Settings } from "./Insert.js"

export interface Limits {
  /** UTF-8 bytes of a merged statement. */
  readonly maxBytes: number
  /** Rows of a merged statement. */
  readonly maxRows: number
  /**
   * LAST_INSERT_ID() after a merged statement would be another: where statements follow, the last of a run goes by itself.
   */
  readonly lastIdIsFirst: boolean
}

/** A statement to be sent, and how many of those that were added it stands for. In order, they are all of them. */
export interface Merged {
  readonly text: string
  readonly statements: number
}

export class Merger {
  private readonly insert: Insert
  /** What was added first, as it was; and what was added last. */
  private first = ""
  private last = ""
  /** The first without what follows its rows, then the rows of each: joined once, as a rope of them is slow to read. */
  private readonly parts: Array<string> = []
  private suffix = ""
  private key = ""
  private width = 0
  private bytes = 0
  private rows = 0
  private statements = 0

  constructor(settings: Settings, private readonly limits: Limits) {
    this.insert = new Insert(settings)
  }

  private get endsAlone(): boolean {
    return this.insert.isCurious || this.limits.lastIdIsFirst
  }

  /**
   * Takes the next statement, and puts what it ends into `out`. Answers with -1, or with the place of the string, name or
   * comment that never ends: then the statement is not taken.
   */
  add(sql: string, out: Array<Merged>): number {
    const { insert } = this
    if (!insert.read(sql)) {
      if (insert.openAt >= 0) return insert.openAt
      this.flush(out, this.endsAlone)
      out.push({ text: sql, statements: 1 })
      return -1
    }
    if (this.statements > 0 && insert.key === this.key && insert.width === this.width && insert.suffix === this.suffix) {
      const bytes = utf8(sql, insert.rowsStart, insert.rowsEnd) + 1
      if (this.bytes + bytes <= this.limits.maxBytes && this.rows + insert.rows <= this.limits.maxRows) {
        this.parts.push(sql.slice(insert.rowsStart, insert.rowsEnd))
        this.bytes += bytes
        this.rows += insert.rows
        this.statements++
        this.last = sql
        return -1
      }
      this.flush(out, false)
    } else this.flush(out, this.endsAlone)
    this.first = sql
    this.last = sql
    this.parts.push(sql.slice(insert.start, insert.rowsEnd))
    this.key = insert.key
    this.width = insert.width
    this.suffix = insert.suffix
    this.bytes = utf8(sql, insert.start, insert.rowsEnd) + (this.suffix === "" ? 0 : utf8(this.suffix) + 1)
    this.rows = insert.rows
    this.statements = 1
    return -1
  }

  /** Puts what is held into `out`; the last one by itself where somebody is about to ask what it did. */
  flush(out: Array<Merged>, isLastAlone: boolean): void {
    const { statements } = this
    if (statements === 0) return
    this.statements = 0
    if (statements === 1) out.push({ text: this.first, statements: 1 })
    else if (!isLastAlone) out.push({ text: this.whole(), statements })
    else {
      this.parts.pop()
      out.push({ text: statements === 2 ? this.first : this.whole(), statements: statements - 1 })
      out.push({ text: this.last, statements: 1 })
    }
    this.parts.length = 0
  }

  private whole(): string {
    const text = this.parts.join(",")
    return this.suffix === "" ? text : `${text} ${this.suffix}`
  }
}
