/**
 * The driver, as this package sees it: mysql2's callback connection, narrowed to what is used.
 *
 * It runs nothing by itself. `handlePacket`, `_connection`, a command's `start` and `_rowParser` are not in mysql2's types; they are
 * what the status of the transaction and the withdrawing of a statement need. Used by `wire` and `control`.
 *
 * @internal
 */
import mysql2 from "mysql2"
import { isIP } from "node:net"

/** A column's definition, as the protocol sends it. */
export interface Field {
  readonly name: string
  readonly orgTable: string
  readonly table: string
  readonly flags: number
  readonly decimals: number
  readonly columnLength: number
  /** As the server said it; `columnType` is what the parser is chosen by. */
  readonly type: number
  characterSet: number
  columnType: number
}

/** An OK packet. Large numbers come as strings. */
export interface Header {
  readonly affectedRows: number | string
  readonly insertId: number | string
  readonly info: string
  readonly serverStatus: number
  readonly warningStatus: number
  readonly changedRows: number
}

/** What the driver calls back with; `errno` is the server's, `code` the driver's or the network's. */
export interface DriverError extends Error {
  readonly errno?: number
  readonly code?: string
  readonly sqlState?: string
  readonly sqlMessage?: string
  readonly fatal?: boolean
  /** The network's: what failed there, `read` or `write`. */
  readonly syscall?: string
  /** Ours: no byte of the statement had left. */
  readonly unsent?: boolean
}

/** The rows of one result set, or the header of a statement without one; an array of those where there are several. */
export type Answered = ReadonlyArray<unknown> | Header
export type Fields = ReadonlyArray<Field> | ReadonlyArray<ReadonlyArray<Field> | undefined> | undefined
export type Callback = (error: DriverError | null, rows?: Answered, fields?: Fields) => void

/** A command under way. */
export interface Command {
  /** Null until its first byte was written. */
  readonly _connection: unknown
  /** Of a prepared statement, once it is prepared. */
  readonly statement?: unknown
  start: () => null
  /** Reads a row out of its packet. */
  _rowParser: { readonly next: () => unknown } | null
  on(event: "fields", listener: (fields: Array<Field> | undefined) => void): this
  on(event: "result", listener: (row: unknown) => void): this
  on(event: "error", listener: (error: DriverError) => void): this
  on(event: "end", listener: () => void): this
}

export interface Statement {
  readonly columns: ReadonlyArray<Field>
}

export interface Text {
  readonly sql: string
  readonly rowsAsArray: boolean
  readonly values?: ReadonlyArray<unknown>
}

interface Packet {
  readonly buffer: Buffer
  readonly offset: number
  readonly isEOF: () => boolean
  readonly eofStatusFlags: () => number
  readonly eofWarningCount: () => number
  readonly isError: () => boolean
  readonly numPackets: number
}

/** One connection of mysql2. */
export interface Raw {
  readonly threadId: number
  readonly stream: import("node:net").Socket
  handlePacket: (packet: Packet | undefined) => void
  _bumpSequenceId: (packets: number) => void
  on(event: "error", listener: (error: DriverError) => void): this
  connect(callback: (error: DriverError | null, handshake?: { readonly statusFlags: number }) => void): void
  query(text: Text, callback?: Callback): Command
  execute(text: Text, callback?: Callback): Command
  prepare(text: Text, callback: (error: DriverError | null, statement?: Statement) => void): Command
  ping(callback: (error: DriverError | null) => void): void
  reset(callback: (error: DriverError | null) => void): void
  changeUser(options: object, callback: (error: DriverError | null) => void): void
  end(): void
  destroy(): void
}

/** Begins to connect. Throws where an option cannot work. */
export const open = (options: mysql2.ConnectionOptions): Raw => {
  const raw = mysql2.createConnection(options) as unknown as Raw
  // The driver tells Node no name for an address, and Node would hold the certificate against "localhost".
  if (options.ssl !== undefined && options.host !== undefined && isIP(options.host) !== 0) Object.assign(raw.stream, { _host: options.host })
  return raw
}

/** A parameter that the server gets as a 64-bit integer; the driver would send a double, or a text. */
export const integer = (value: number | bigint, unsigned: boolean): unknown => {
  const { BIGINT } = (mysql2 as unknown as { TypedParameter: { BIGINT: ((v: unknown) => unknown) & { unsigned: (v: unknown) => unknown } } }).TypedParameter
  return unsigned ? BIGINT.unsigned(value) : BIGINT(value)
}

/** A parameter that the server gets as a DECIMAL: beside a text it would compare as a double. */
export const decimal = (text: string): unknown =>
  (mysql2 as unknown as { TypedParameter: { NEWDECIMAL: (v: unknown) => unknown } }).TypedParameter.NEWDECIMAL(text)

/** Bits of the status that every answer of the server carries. */
export const Status = { inTransaction: 1, autocommit: 2, moreResults: 8, noBackslashEscapes: 512, outParameters: 4096 } as const

/** After out parameters the answer goes on; MariaDB says so in their EOF, MySQL does not, and the driver would stop there. */
export const goOn = (packet: Packet): void => {
  packet.buffer[packet.offset + 3]! |= Status.moreResults
}
