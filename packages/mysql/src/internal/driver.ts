/**
 * The driver, as this package sees it: mysql2's callback connection, narrowed to what is used.
 *
 * It runs nothing by itself. `handlePacket`, `_connection`, a command's `start` and `_rowParser` are not in mysql2's types; they are
 * what the status of the transaction and the withdrawing of a statement need. Used by `wire` and `control`.
 *
 * @internal
 */
import mysql2 from "mysql2"
import type { ConnectionOptions as TlsOptions } from "node:tls"
import { Decimal, isInteger, type Packet as OwnPacket, type Value } from "./packet.js"
import { speak } from "./tls.js"

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
  readonly encoding: string
  /** `json` where MariaDB says so. */
  readonly extendedFormat: string | undefined
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
  /** OpenSSL's or Node's, where a handshake failed. */
  readonly tls?: string | undefined
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
  start(packet: Packet | undefined, connection: Raw): Step | null
  /** Reads a row out of its packet. */
  _rowParser: { readonly next: () => unknown } | null
  /** Lets go of a file's stream; the driver forgets to where the server answers with an error. */
  readonly _unpipeStream?: () => void
  on(event: "fields", listener: (fields: Array<Field> | undefined) => void): this
  on(event: "result", listener: (row: unknown) => void): this
  on(event: "error", listener: (error: DriverError) => void): this
  on(event: "end", listener: () => void): this
}

export interface Statement {
  readonly id: number
  readonly columns: ReadonlyArray<Field>
  close: () => Command
}

export interface Text {
  readonly sql: string
  /** Records are made by `decode`: the driver's begin empty and grow. */
  readonly rowsAsArray: true
  readonly values?: ReadonlyArray<unknown>
  /** Its rows are not parsed: each field is a Buffer, or null. */
  readonly typeCast?: false
  /** Answers the server that asks for a file; without it the server gets nothing. */
  readonly infileStreamFactory?: (name: string) => NodeJS.EventEmitter
}

/** A packet that is read, from its offset on. */
export interface Packet {
  readonly buffer: Buffer
  readonly start: number
  offset: number
  readonly end: number
  readonly clone: () => Packet
  readonly readTimeString: () => string
  readonly readLengthCodedString: (encoding: string) => string
  readonly readLengthCodedBuffer: () => Buffer
  readonly asError: (encoding: string) => DriverError
  readonly isEOF: () => boolean
  readonly eofStatusFlags: () => number
  readonly eofWarningCount: () => number
  readonly isError: () => boolean
  readonly numPackets: number
  readonly sequenceId: number
}

/** A command of our own, run by the driver as one of its own: first without a packet, then with each of the answer. */
export interface OwnCommand {
  readonly execute: (packet: Packet | undefined, connection: Output) => boolean
  readonly onResult: (error: DriverError) => void
}

/** What a command writes to. */
export interface Output {
  _resetSequenceId(): void
  _bumpSequenceId(packets: number): void
  write(bytes: Buffer): void
}

/** One connection of mysql2. */
export interface Raw {
  readonly threadId: number
  stream: import("node:net").Socket
  readonly config: { readonly charsetNumber: number; readonly clientFlags: number; readonly compress: boolean }
  sequenceId: number
  readonly serverCapabilityFlags: number
  readonly constructor: { readonly statementKey: (text: Text) => string }
  /** Prepared statements, the one last used last. */
  readonly _statements: { readonly get: (key: string) => Statement | undefined }
  handlePacket: (packet: Packet | undefined) => void
  readonly packetParser: { readonly execute: (bytes: Buffer) => void }
  startTLS: (done: (error?: DriverError) => void) => void
  _handleNetworkError: (error: Error) => void
  _bumpSequenceId: (packets: number) => void
  on(event: "error", listener: (error: DriverError) => void): this
  connect(callback: (error: DriverError | null, handshake?: { readonly statusFlags: number }) => void): void
  query(text: Text, callback?: Callback): Command
  protocolError(message: string): null
  addCommand(command: Command | OwnCommand): void
  writePacket(packet: OwnPacket): void
  prepare(text: Text, callback: (error: DriverError | null, statement?: Statement) => void): Command
  ping(callback: (error: DriverError | null) => void): void
  reset(callback: (error: DriverError | null) => void): void
  changeUser(options: object, callback: (error: DriverError | null) => void): void
  end(): void
  destroy(): void
}

/** Begins to connect. Throws where an option cannot work. */
export const open = (options: mysql2.ConnectionOptions, tls: false | TlsOptions): Raw => {
  if (tls === false) return mysql2.createConnection(options) as unknown as Raw
  const raw = mysql2.createConnection({ ...options, ssl: {} }) as unknown as Raw
  speak(raw, options.host ?? "localhost", tls)
  return raw
}

// ---- executions ----

/** What a command does with the next packet. */
export type Step = (packet: Packet, connection: Raw) => Step | null

/** The driver's command that executes a prepared statement. */
interface Execute extends Command {
  statement: Statement | undefined
  parameters: ReadonlyArray<unknown>
  _connection: Raw | null
  _fieldCount: number
  _receivedFieldsCount: number
  _resultIndex: number
  _fields: Array<Array<Field> | undefined>
  _rows: Array<Answered>
  _currentRows: Array<unknown>
  readField(packet: Packet, connection: Raw): Step | null
  fieldsEOF(packet: Packet, connection: Raw): Step | null
  readonly resultsetHeader: Step
  row(packet: Packet, connection: Raw): Step | null
  done(): null
  emit(event: "fields", fields: ReadonlyArray<Field>): void
}

type MakeExecute = new(options: { readonly sql: string; readonly values: ReadonlyArray<unknown> | undefined; readonly rowsAsArray: true }, callback?: Callback) => Execute

const internals = mysql2 as unknown as {
  readonly CharsetToEncoding: ReadonlyArray<string>
  readonly Connection: { readonly prototype: { readonly execute: Function } }
  readonly TypedParameter: {
    readonly BIGINT: ((value: unknown) => unknown) & { readonly unsigned: (value: unknown) => unknown }
    readonly NEWDECIMAL: (value: unknown) => unknown
  }
}

/** The driver's class of executions. It exports it nowhere, so that one is made, for a connection that is none. */
export const Execute: MakeExecute = (internals.Connection.prototype.execute.call(
  { config: {}, addCommand: () => {}, _resolveNamedPlaceholders: () => {} },
  { sql: "", values: [] },
  () => {}
) as { readonly constructor: MakeExecute }).constructor

/** Whether texts are sent as UTF-8. */
export const isUtf8 = (raw: Raw): boolean => internals.CharsetToEncoding[raw.config.charsetNumber] === "utf8"

const queryAttributes = 0x08000000

/** Whether an execution carries attributes: MySQL from 8.0.23 on. */
export const hasAttributes = (raw: Raw): boolean => (raw.config.clientFlags & raw.serverCapabilityFlags & queryAttributes) !== 0

/** A value as the driver's own packet takes it: a whole number would go in as a double. */
export const typed = (value: Value): unknown => {
  const { BIGINT, NEWDECIMAL } = internals.TypedParameter
  if (typeof value === "number") return isInteger(value) ? BIGINT(value) : value
  if (value instanceof Decimal) return NEWDECIMAL(value.text)
  return typeof value !== "bigint" ? value : value > 2n ** 63n - 1n ? BIGINT.unsigned(value) : BIGINT(value)
}

/** A packet that stays as it is when the next one is read. */
export const copied = (packet: Packet): Packet =>
  Object.assign(packet.clone(), {
    buffer: Buffer.from(packet.buffer.subarray(packet.start, packet.end)),
    start: 0,
    offset: packet.offset - packet.start,
    end: packet.end - packet.start
  })

/** Bits of the status that every answer of the server carries. */
export const Status = { inTransaction: 1, autocommit: 2, moreResults: 8, noBackslashEscapes: 512, outParameters: 4096 } as const

/** After out parameters the answer goes on; MariaDB says so in their EOF, MySQL does not, and the driver would stop there. */
export const goOn = (packet: Packet): void => {
  packet.buffer[packet.offset + 3]! |= Status.moreResults
}
