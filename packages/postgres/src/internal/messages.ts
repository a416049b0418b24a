/**
 * Messages to the server, in the order of its protocol: one buffer that is written once per round trip.
 *
 * https://www.postgresql.org/docs/15/protocol-message-formats.html. It sends nothing; what the messages mean to a
 * statement is in `statements`. One writer serves the whole process, since a message is written and taken in one go.
 * Called by `wire`, `statements`, `cursor`, `many` and `copy`.
 *
 * @internal
 */

/** Type codes of messages that go to the server. */
const Code = { bind: 66, close: 67, copyData: 100, copyDone: 99, copyFail: 102, describe: 68, execute: 69, parse: 80, query: 81, sync: 83, terminate: 88 } as const

/** A parameter as it is sent: text, the bytes of the binary format, or NULL. */
export type Encoded = string | Uint8Array | null

/** The largest message that a server takes. */
export const largest = 0x3fffffff

export class Messages {
  private buffer = Buffer.allocUnsafeSlow(16_384)
  private at = 0
  private start = 0

  // ---- messages ----

  parse(name: string, sql: string, types: ReadonlyArray<number>): this {
    this.begin(Code.parse).text(name).text(sql).int16(types.length)
    for (let i = 0; i < types.length; i++) this.int32(types[i]!)
    return this.end()
  }

  /** Binds a statement to a portal; every column comes back as text. */
  bind(portal: string, statement: string, params: ReadonlyArray<Encoded>): this {
    this.begin(Code.bind).text(portal).text(statement)
    let binary = false
    for (let i = 0; i < params.length; i++) binary ||= typeof params[i] === "object" && params[i] !== null
    if (!binary) this.int16(0)
    else {
      this.int16(params.length)
      for (let i = 0; i < params.length; i++) this.int16(typeof params[i] === "object" && params[i] !== null ? 1 : 0)
    }
    this.int16(params.length)
    for (let i = 0; i < params.length; i++) this.value(params[i]!)
    return this.int16(0).end()
  }

  describeStatement(name: string): this {
    return this.begin(Code.describe).byte(83).text(name).end()
  }

  /** `rows` 0 is all of them. */
  execute(portal: string, rows: number): this {
    return this.begin(Code.execute).text(portal).int32(rows).end()
  }

  closeStatement(name: string): this {
    return this.begin(Code.close).byte(83).text(name).end()
  }

  closePortal(name: string): this {
    return this.begin(Code.close).byte(80).text(name).end()
  }

  /** A text in a portal of no name: what is a statement of our own among others. */
  run(sql: string): this {
    return this.parse("", sql, []).bind("", "", []).execute("", 0)
  }

  query(sql: string): this {
    return this.begin(Code.query).text(sql).end()
  }

  copyData(text: string): this {
    this.begin(Code.copyData)
    const { at } = this
    // Three bytes a unit is the most that UTF-8 takes.
    this.room(text.length * 3)
    this.at = at + this.buffer.write(text, at)
    return this.end()
  }

  copyBytes(bytes: Uint8Array): this {
    this.begin(Code.copyData).room(bytes.length)
    this.buffer.set(bytes, this.at)
    this.at += bytes.length
    return this.end()
  }

  copyDone(): this {
    return this.begin(Code.copyDone).end()
  }

  copyFail(why: string): this {
    return this.begin(Code.copyFail).text(why).end()
  }

  sync(): this {
    return this.begin(Code.sync).end()
  }

  terminate(): this {
    return this.begin(Code.terminate).end()
  }

  /** What was written, as a buffer of its own; the writer is empty then. */
  take(): Buffer {
    const bytes = Buffer.allocUnsafe(this.at)
    this.buffer.copy(bytes, 0, 0, this.at)
    this.clear()
    return bytes
  }

  /** Drops what was written. What one large message needed is given back. */
  clear(): void {
    this.at = 0
    if (this.buffer.length > 1_048_576) this.buffer = Buffer.allocUnsafeSlow(16_384)
  }

  get size(): number {
    return this.at
  }

  // ---- fields ----

  private begin(code: number): this {
    this.room(5)
    this.buffer[this.at] = code
    this.start = this.at + 1
    this.at += 5
    return this
  }

  private end(): this {
    this.buffer.writeInt32BE(this.at - this.start, this.start)
    return this
  }

  private byte(value: number): this {
    this.room(1)
    this.buffer[this.at++] = value
    return this
  }

  private int16(value: number): this {
    this.room(2)
    this.buffer[this.at++] = value >>> 8
    this.buffer[this.at++] = value
    return this
  }

  private int32(value: number): this {
    this.room(4)
    this.at = this.buffer.writeInt32BE(value | 0, this.at)
    return this
  }

  private text(value: string): this {
    this.room(value.length * 3 + 1)
    this.at += this.buffer.write(value, this.at)
    this.buffer[this.at++] = 0
    return this
  }

  private value(value: Encoded): void {
    if (value === null) {
      this.int32(-1)
    } else if (typeof value === "string") {
      this.room(value.length * 3 + 4)
      const length = this.buffer.write(value, this.at + 4)
      this.buffer.writeInt32BE(length, this.at)
      this.at += 4 + length
    } else {
      this.int32(value.length)
      this.room(value.length)
      this.buffer.set(value, this.at)
      this.at += value.length
    }
  }

  private room(bytes: number): void {
    const needed = this.at + bytes
    if (needed <= this.buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2))
    this.buffer.copy(grown, 0, 0, this.at)
    this.buffer = grown
  }
}

/** The one writer. */
export const messages = new Messages()
