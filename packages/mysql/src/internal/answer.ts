/**
 * Answer: a statement under way, and what comes of it: a header, or columns and rows, and that again where there are
 * several result sets.
 *
 * A prepared statement is prepared first where it is not yet. Columns that are described as they were the last time are
 * not read again: seven of them would take longer than their row. What is done with the rows is said by who extends it,
 * `run` and `cursor`.
 *
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response.html
 *
 * @internal
 */
import type { Reading, Unfit } from "./decode.js"
import * as Driver from "./driver.js"
import { isFatal } from "./errors.js"
import type { Fields } from "./fields.js"
import { headerSize } from "./frames.js"
import { Code, type Header, longestEof, Status } from "./header.js"
import * as Packet from "./packet.js"
import { type Bytes, Place } from "./place.js"
import type { RowReader } from "./rows.js"
import { type Prepared, Preparing } from "./statements.js"
import { Task } from "./task.js"
import type { Text } from "./text.js"
import type { Wire } from "./wire.js"

/** What the next packet is. */
const Next = { prepared: 0, head: 1, column: 2, columnsEnd: 3, row: 4 } as const

/** Statements of our own: lists, in which nothing is unfit. */
const lists: Reading = { rowMode: "array", bigints: true, dates: "string", decimals: "string", decoders: undefined, offset: 0 }

export abstract class Answer extends Task {
  /** Rows are wanted no more: they are not read. */
  protected isDropped = false
  /** Those of this result set. */
  protected isSkipped = false
  /** Which result set it is; -1 before the first. */
  protected set = -1
  private expected: number = Next.head
  private preparing: Preparing | undefined = undefined
  private prepared: Prepared | undefined = undefined
  /** Columns that are still to come, and those that have. */
  private left = 0
  private definitions: Array<Buffer> = []
  private fields: Fields | undefined = undefined
  /** Each part of it is a transaction of its own. */
  private isAlone = false
  /** One of several statements was answered. */
  private hasAnswered = false
  /** Why the server is not trusted any further. */
  private breach: Driver.DriverError | undefined = undefined
  private read: RowReader | undefined = undefined

  constructor(wire: Wire, protected readonly text: Text, private readonly isPrepared: boolean) {
    super(wire)
  }

  /** The header of a statement without rows, and of a procedure's end. */
  protected abstract header(header: Header): void
  /** A result set begins. */
  protected abstract columns(fields: Fields): void
  protected abstract row(row: unknown): void
  /** A value that cannot be read; rows of this result set go by from now on. */
  protected abstract unfit(unfit: Unfit): void
  /** The end; an error is the server's, or that of the connection. */
  protected abstract ended(error: Driver.DriverError | undefined): void

  // ---- what is sent ----

  begin(): void {
    const { text, wire } = this
    this.isAlone = (wire.status & (Status.inTransaction | Status.autocommit)) === Status.autocommit
    if (wire.encoding?.holds(text.sql) === false) return this.lost(foreign(wire.encoding.name))
    if (!this.isPrepared) {
      this.isSent = true
      wire.write(Packet.query(text.sql, wire))
      return
    }
    const known = wire.statements.get(text.sql)
    if (known !== undefined) return this.execute(known)
    this.preparing = new Preparing()
    this.expected = Next.prepared
    wire.write(Packet.prepare(text.sql, wire))
  }

  private execute(prepared: Prepared): void {
    this.prepared = prepared
    this.isSent = true
    this.expected = Next.head
    this.wire.write(Packet.execution(prepared.id, this.text.values ?? [], this.wire))
  }

  // ---- what comes ----

  packet(bytes: Bytes, from: number, to: number): number {
    switch (this.expected) {
      case Next.row:
        this.onRow(bytes, from, to)
        return to
      case Next.head:
        return this.onHead(bytes, from, to)
      case Next.columnsEnd:
        this.onColumnsEnd(bytes, from)
        return to
      case Next.column:
        this.onColumn(bytes, from, to)
        return to
      default:
        this.onPrepared(bytes, from, to)
        return to
    }
  }

  private onPrepared(bytes: Bytes, from: number, to: number): void {
    const preparing = this.preparing!
    if (!preparing.packet(bytes, from, to)) return
    const { error, prepared } = preparing
    this.preparing = undefined
    if (prepared === undefined) {
      if (error?.errno === notPreparable) unpreparable.add(error)
      return this.lost(error ?? new Error("nothing was prepared"))
    }
    this.wire.keep(this.text.sql, prepared)
    if (this.isDropped) this.lost(withdrawn)
    else this.execute(prepared)
  }

  private onHead(bytes: Bytes, from: number, to: number): number {
    switch (bytes[from]) {
      case Code.ok: {
        const header = this.wire.header(bytes, from, to)
        if (this.breach !== undefined) {
          this.lost(this.breach)
          return to
        }
        this.set++
        this.header(header)
        if ((header.status & Status.moreResults) === 0) this.over()
        else this.hasAnswered = true
        return to
      }
      case Code.error:
        this.lost(this.breach ?? Driver.errorOf(bytes, from, to))
        return to
      case Code.infile:
        this.onInfile(bytes, from, to)
        return to
      default: {
        this.set++
        const count = new Place(bytes, from).length()
        const known = this.set === 0 ? this.prepared?.fields : undefined
        if (known !== undefined && known.list.length === count) {
          const { definitions } = known
          const end = to + definitions.length
          if (end <= bytes.length && definitions.compare(bytes, to, end) === 0) {
            this.fields = known
            this.expected = Next.columnsEnd
            return end
          }
        }
        this.left = count
        this.expected = Next.column
        return to
      }
    }
  }

  private onColumn(bytes: Bytes, from: number, to: number): void {
    this.definitions.push(Buffer.from(bytes.subarray(from - headerSize, to)))
    if (--this.left > 0) return
    this.fields = this.wire.described(Buffer.concat(this.definitions) as Bytes)
    this.definitions = []
    if (this.set === 0 && this.prepared !== undefined) this.prepared.fields = this.fields
    this.expected = Next.columnsEnd
  }

  private onColumnsEnd(bytes: Bytes, from: number): void {
    const { wire } = this
    if (bytes[from] !== Code.eof) throw new Error("the server's columns have no end")
    wire.eof(bytes, from)
    if ((wire.status & Status.outParameters) !== 0) wire.hasOuts = true
    this.isSkipped = this.isDropped
    this.read = this.fields!.reader(this.text.reading ?? lists, !this.isPrepared ? "text" : wire.hasOuts ? "outs" : "binary")
    this.expected = Next.row
    this.columns(this.fields!)
  }

  private onRow(bytes: Bytes, from: number, to: number): void {
    const first = bytes[from]!
    if (first >= Code.eof) {
      if (first === Code.error) return this.lost(Driver.errorOf(bytes, from, to))
      if (to - from <= longestEof) return this.onRowsEnd(bytes, from)
    }
    if (this.isSkipped) return
    const { place } = this.wire
    place.buffer = bytes
    place.offset = from
    let row: unknown
    try {
      row = this.read!(place)
    } catch (unfit) {
      this.isSkipped = true
      return this.unfit(unfit as Unfit)
    }
    this.row(row)
  }

  private onRowsEnd(bytes: Bytes, from: number): void {
    const { wire } = this
    wire.eof(bytes, from)
    // After out parameters the answer goes on; MariaDB says so in their EOF, MySQL does not.
    if ((wire.status & Status.moreResults) !== 0 || wire.hasOuts) {
      this.hasAnswered = true
      this.expected = Next.head
    } else this.over()
  }

  // A server that asks unasked, or for something else, gets nothing, and is not trusted any further.
  private onInfile(bytes: Bytes, from: number, to: number): void {
    const name = bytes.utf8Slice(from + 1, to)
    const sequence = bytes[from - 1]! + 1
    const source = this.text.infile
    if (source !== undefined && source.name === name) return source.begin(this.wire, sequence)
    const what = source === undefined ? "a file, and none" : "another file than the one that"
    this.breach = Object.assign(new Error(`the server asked for ${what} was offered`), { fatal: true })
    this.wire.write(Buffer.alloc(headerSize), sequence)
  }

  // ---- the end ----

  private over(): void {
    if (!this.wire.finish(this)) return
    this.ended(undefined)
    this.wire.settleIdle()
  }

  protected failed(error: Driver.DriverError): void {
    this.ended(this.isSent ? error : unsentOf(error))
  }

  /** The failure of a text that a user wrote: of several statements, and of a procedure, some may have been done for good. */
  protected parted(error: Driver.DriverError): Driver.DriverError {
    const mayBe = this.isSent && this.isAlone && !isFatal(error) && (this.hasAnswered || ofSeveral.test(this.text.sql))
    return mayBe ? Object.assign(error, { partly: true }) : error
  }

  override drop(): void {
    this.isDropped = this.isSkipped = true
  }
}

// Texts that run statements of their own.
const ofSeveral = /^(?:\s|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/|(?:--\s|#)[^\n]*\n)*(?:CALL|EXECUTE|BEGIN\s+NOT\s+ATOMIC|IF|CASE|LOOP|REPEAT|WHILE|FOR)\b/i

const notPreparable = 1295

// MySQL prepares no CREATE PROCEDURE, LOCK TABLES and their like. A procedure may fail with the same number, and have run.
const unpreparable = new WeakSet<Driver.DriverError>()

/** Whether the server refused to prepare what it runs as a text; nothing of it was run. */
export const isUnpreparable = (error: Driver.DriverError): boolean => unpreparable.has(error)

/** It is an answer to nobody: whoever waited for it was interrupted. */
export const withdrawn: Driver.DriverError = Object.assign(new Error("the statement was withdrawn before it was sent"), {
  errno: 1317, sqlState: "70100", sqlMessage: "the statement was withdrawn before it was sent"
})

/** A text that would arrive as another one, as the server's own error of a value that does not fit. */
const foreign = (charset: string): Driver.DriverError => {
  const message = `the text holds a character that ${charset}, the session's character set, has no place for`
  return Object.assign(new Error(message), { errno: 1366, sqlState: "HY000", sqlMessage: message, unsent: true })
}

// The end of the connection, for a statement of which no byte has left.
const unsentOf = (error: Driver.DriverError): Driver.DriverError =>
  !isFatal(error) ? error : Object.assign(new Error(error.message), { fatal: true, unsent: true, ...(error.code === undefined ? {} : { code: error.code }) })
