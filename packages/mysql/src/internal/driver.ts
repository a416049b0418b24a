/**
 * The driver, as this package sees it: mysql2's callback connection, narrowed to what is used.
 *
 * It connects, logs in, and brings bytes through TLS and compression; what is said after the login is `wire`'s own.
 * `packetParser`, `write` and their like are not in mysql2's types: they are the seams at which the driver hands its packets
 * over. Whoever has the driver's own handle runs commands of the driver there. Used by `wire` and `login`.
 *
 * @internal
 */
import mysql2 from "mysql2"
import type { NetConnectOpts } from "node:net"
import type { ConnectionOptions as TlsOptions } from "node:tls"
import * as Socket from "./socket.js"
import { speak } from "./tls.js"

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
  /** Ours: what was sent is several statements, or a procedure, and outside of a transaction a part of it may have been done. */
  readonly partly?: boolean
}

/** Cuts the bytes that it gets into packets, and has the driver's commands read them. */
export interface Parser {
  execute: (bytes: Buffer) => void
}

interface OwnParser extends Parser {
  readonly _reusablePacket: { readonly clone: () => Packet }
}

/** One connection of mysql2. */
export interface Raw {
  readonly threadId: number
  stream: import("node:net").Socket
  readonly config: { readonly clientFlags: number; readonly compress: boolean }
  sequenceId: number
  readonly serverCapabilityFlags: number
  /** MariaDB says more of a column's type. */
  readonly _mariadbExtendedMetadata: boolean
  /** The command of the driver that is under way. */
  readonly _command: unknown
  /** Called with the bytes of the socket. */
  packetParser: Parser
  /** The same behind the decompression, where there is one. */
  _inflatedPacketsParser?: Parser
  handlePacket: (packet: { readonly sequenceId: number } | undefined) => void
  startTLS: (done: (error?: DriverError) => void) => void
  _handleNetworkError: (error: Error) => void
  _resetSequenceId(): void
  /** Compresses, where that is agreed. */
  write(bytes: Buffer): void
  on(event: "error", listener: (error: DriverError) => void): this
  connect(callback: (error: DriverError | null, handshake?: { readonly statusFlags: number }) => void): void
  changeUser(options: object, callback: (error: DriverError | null) => void): void
  end(): void
  destroy(): void
}

// What mysql2's types know nothing of is looked for: a later version may not have it.
const seams = ["stream", "config", "packetParser", "handlePacket", "startTLS", "write", "_handleNetworkError", "_resetSequenceId"]

const isRaw = (connection: object): connection is Raw => seams.every((name) => name in connection)

const isOwn = (parser: object): parser is OwnParser => "_reusablePacket" in parser

/**
 * Begins to connect. Throws where an option cannot work. `secured` is told what TLS has agreed on. `undefined` where this version
 * of mysql2 has not what this package needs.
 */
export const open = (options: mysql2.ConnectionOptions, tls: false | TlsOptions, secured: (detail: string) => void): Raw | undefined => {
  const stream = options.stream ?? (tls === false ? () => Socket.connect(whereOf(options)) : undefined)
  const connection = mysql2.createConnection({ ...options, ...(stream === undefined ? {} : { stream }), ...(tls === false ? {} : { ssl: {} }) })
  const raw: object = connection
  if (!isRaw(raw) || !isOwn(raw.packetParser)) {
    connection.on("error", () => {})
    connection.destroy()
    return undefined
  }
  scratch ??= raw.packetParser._reusablePacket.clone()
  if (tls !== false) speak(raw, options.host ?? "localhost", tls, secured)
  return raw
}

// As the driver connects by itself.
const whereOf = ({ host, keepAliveInitialDelay, port, socketPath }: mysql2.ConnectionOptions): NetConnectOpts =>
  socketPath === undefined ? { host: host ?? "localhost", port: port ?? 3306, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveInitialDelay ?? 0 } : { path: socketPath }

/** Capabilities that both ends have agreed on. */
const has = (raw: Raw, flag: number): boolean => (raw.config.clientFlags & raw.serverCapabilityFlags & flag) !== 0

/** Whether an execution carries attributes: MySQL from 8.0.23 on. */
export const hasAttributes = (raw: Raw): boolean => has(raw, 0x0800_0000)

/** Whether affected rows are those that were found: CLIENT_FOUND_ROWS. */
export const countsFound = (raw: Raw): boolean => has(raw, 0x0002)

/** Whether the server tells when the session's state changes. */
export const hasTracking = (raw: Raw): boolean => has(raw, 0x0080_0000)

// ---- texts ----

/** The driver's packet: what knows the server's character sets, and the names of its errors. */
interface Packet {
  buffer: Buffer
  start: number
  offset: number
  end: number
  readString(length: number, encoding: string): string
  writeNullTerminatedString(text: string, encoding: string): void
  asError(encoding: string): DriverError
}

/** The driver's packet, which it exports nowhere: one that belongs to no connection. */
let scratch: Packet | undefined

const at = (buffer: Buffer, start: number, end: number): Packet => {
  // Bytes to read, and texts to write, are there only once a connection was opened, which made it.
  if (scratch === undefined) throw new Error("no connection was opened")
  return Object.assign(scratch, { buffer, start: start - 4, offset: start, end })
}

/** The driver's name for the character set of a collation. */
export const encodingOf = (collation: number): string | undefined => mysql2.CharsetToEncoding[collation]

/** A collation of a character set. */
export const collationOf = (charset: string): number | undefined => {
  const prefix = `${charset.toUpperCase()}_`
  return Object.entries<number>({ ...mysql2.Charsets }).find(([name]) => name.startsWith(prefix))?.[1]
}

/** Throws where the driver's converter does not have the encoding. */
export const decodeText = (bytes: Buffer, from: number, to: number, encoding: string): string => at(bytes, from, to).readString(to - from, encoding)

/** Throws where the driver's converter does not have the encoding. */
export const encodeText = (text: string, encoding: string): Buffer => {
  const packet = at(Buffer.allocUnsafe(text.length * 4 + 1), 0, 0)
  packet.writeNullTerminatedString(text, encoding)
  return packet.buffer.subarray(0, packet.offset - 1)
}

/** An ERR packet, as an error of the driver's. */
export const errorOf = (bytes: Buffer, from: number, to: number): DriverError => at(bytes, from, to).asError("utf8")
