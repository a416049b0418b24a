/**
 * Wire: one socket that is logged in, and what is known of it: the server's status, what is under way, whether it has ended.
 *
 * The driver connected it and brings bytes through TLS and compression. Tasks are sent one after the other, each when the
 * answer to the one before is complete. What a statement means, and how it is cancelled, it does not know, and no Effect on
 * the path of a statement: packets in, packets out. Called by `connection`, `cursor` and `control`.
 *
 * @internal
 */
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { withdrawn } from "./answer.js"
import { type Charset, charsetBy } from "./charset.js"
import * as Driver from "./driver.js"
import * as Encodings from "./encodings.js"
import { isFatal, toSqlError } from "./errors.js"
import type { Definitions, Fields } from "./fields.js"
import { Frames, headerSize, longest } from "./frames.js"
import { type Charsets, Code, type Header, headerOf, longestEof, Status } from "./header.js"
import { login } from "./login.js"
import type { Settings } from "./options.js"
import * as Packet from "./packet.js"
import { type Bytes, Place } from "./place.js"
import { type Done, type Part, Run } from "./run.js"
import { failedCommand, refusedSetting } from "./session.js"
import * as Socket from "./socket.js"
import { type Prepared, Statements } from "./statements.js"
import { Foreign, Plain, type Task } from "./task.js"
import type { Text } from "./text.js"

export type { Part } from "./run.js"

export class Wire {
  /** The status of the last answer: bits of `Status`. */
  status: number = Status.autocommit
  warnings = 0
  /** The answer under way has a procedure's out parameters, as its last rows. */
  hasOuts = false
  /** What the session's texts are converted to. */
  charset: Charset | undefined = undefined
  /** What texts are sent in; `undefined` for UTF-8, unless somebody has set `character_set_client`. */
  encoding: Encodings.Encoding | undefined = undefined
  /** What the names of columns come in: UTF-8, unless somebody has set `character_set_results`. */
  names = "utf8"
  isClosed = false
  /** The server was told to run several statements of one text. */
  takesSeveral = false
  /** Statements that were begun before the last cancelling go no further. */
  cancels = 0
  /** Called before bytes that have come are read. */
  watcher: (() => void) | undefined = undefined
  /** Where a packet is read. */
  readonly place = new Place(Buffer.alloc(0) as Bytes, 0)
  readonly hasAttributes: boolean
  /** Affected rows are those that were found, and not those that were changed. */
  readonly countsFound: boolean
  readonly statements: Statements
  private readonly hasTracking: boolean
  readonly isCompressed: boolean
  private readonly theirs: Driver.Parser
  private tasks: Array<Task> = []
  private current: Task | undefined = undefined
  private waiting: (() => void) | undefined = undefined

  constructor(readonly raw: Driver.Raw, private readonly definitions: Definitions, mostStatements: number) {
    this.statements = new Statements(mostStatements)
    this.hasAttributes = Driver.hasAttributes(raw)
    this.countsFound = Driver.countsFound(raw)
    this.hasTracking = Driver.hasTracking(raw)
    const inflated = raw._inflatedPacketsParser
    this.isCompressed = inflated !== undefined
    this.theirs = inflated ?? raw.packetParser
    const frames = new Frames((bytes, from, to) => this.current === undefined ? this.unasked(bytes, from, to) : this.current.packet(bytes, from, to))
    const ours = (bytes: Buffer): void => {
      this.watcher?.()
      if (this.isClosed) return
      try {
        frames.push(bytes)
      } catch (error) {
        this.destroy(Object.assign(error as Error, { fatal: true, code: "PROTOCOL_ERROR" }))
      }
    }
    if (inflated !== undefined) {
      raw._inflatedPacketsParser = { execute: ours }
      // Compressed packets have numbers of their own, and the driver would print that those inside them are out of order.
      const handle = raw.handlePacket
      raw.handlePacket = (packet) => {
        if (packet !== undefined) raw.sequenceId = packet.sequenceId
        handle.call(raw, packet)
      }
    } else if (!Socket.take(raw.stream, ours)) raw.packetParser = { execute: ours }
    raw.on("error", (error) => this.lost(error))
    raw.stream.on("close", () => this.lost(ended("the server closed the connection")))
  }

  get id(): number {
    return this.raw.threadId
  }

  get inTransaction(): boolean {
    return (this.status & Status.inTransaction) !== 0
  }

  get backslashes(): boolean {
    return (this.status & Status.noBackslashEscapes) === 0
  }

  get isIdle(): boolean {
    return this.tasks.length === 0
  }

  // ---- what is under way ----

  /** Begins a task, or lets it wait for those before it. */
  send(task: Task): void {
    this.tasks.push(task)
    if (this.isClosed) task.lost(closedError())
    else if (this.current === undefined) this.begin(task)
  }

  private begin(task: Task): void {
    this.hasOuts = false
    this.current = task
    task.begin()
  }

  /** To be called when a task's answer is complete. `false`: it had ended already. */
  finish(task: Task): boolean {
    const at = this.tasks.indexOf(task)
    if (at === -1) return false
    if (this.tasks.length === 1) this.tasks = []
    else this.tasks.splice(at, 1)
    if (this.current === task) this.current = undefined
    return true
  }

  /** To be called when a task's consequences are under way, too. */
  settleIdle(): void {
    const [next] = this.tasks
    if (next !== undefined) {
      if (this.current === undefined) this.begin(next)
      return
    }
    const { waiting } = this
    this.waiting = undefined
    waiting?.()
  }

  /** To be called when a task has failed; `tell` tells it. */
  failed(error: Driver.DriverError, tell: () => void): void {
    if (isFatal(error)) this.lost(error)
    tell()
    this.settleIdle()
  }

  /** Runs a statement and gathers its whole answer; without a reading its rows are lists. */
  run(text: Text, prepared: boolean, done: Done, onHeader?: (header: Header) => void): void {
    this.send(new Run(this, text, prepared, done, onHeader))
  }

  /** Sends a command that is answered with one packet. */
  command(command: Buffer, done: (error: Driver.DriverError | undefined) => void): void {
    this.send(new Plain(this, command, done))
  }

  /** Runs a command of the driver's own. */
  foreign(run: (callback: (error: Driver.DriverError | null) => void) => void, done: (error: Driver.DriverError | undefined) => void): void {
    this.send(new Foreign(this, run, done))
  }

  /** A text of our own, in the text protocol: its first result set. */
  text(sql: string, operation: string): Effect.Effect<Part, SqlError.SqlError> {
    return Effect.async((resume) =>
      this.run({ sql }, false, (error, parts) =>
        resume(error === undefined
          ? Exit.succeed(parts[0] ?? { rows: [], fields: undefined, header: undefined, unfit: undefined })
          : Exit.fail(toSqlError(error, { operation, statement: sql, harmless: error.code === closedCode }))))
    )
  }

  // ---- packets ----

  /** Writes the packet of a command, or one that follows; sets its header, and answers with the number of the next one. */
  write(packet: Buffer, sequence?: number): number {
    // Compressed packets have numbers of their own.
    if (sequence === undefined && this.isCompressed) this.raw._resetSequenceId()
    const size = packet.length - headerSize
    let next = sequence ?? 0
    if (size < longest) {
      setHeader(packet, size, next)
      this.put(packet)
      return next + 1
    }
    for (let from = headerSize;; from += longest) {
      const part = packet.subarray(from, from + longest)
      const header = Buffer.alloc(headerSize)
      setHeader(header, part.length, next++)
      this.put(header)
      // Of no bytes it would be a compressed packet behind the command's end: MySQL takes it for a part of the next, and hangs up.
      if (part.length > 0) this.put(part)
      if (part.length < longest) return next
    }
  }

  /** The socket holds nothing that it has not handed on. */
  get hasSentAll(): boolean {
    return this.raw.stream.writableLength === 0
  }

  private put(bytes: Buffer): void {
    if (this.isCompressed) this.raw.write(bytes)
    else this.raw.stream.write(bytes)
  }

  /** Reads an OK packet. */
  header(bytes: Bytes, from: number, to: number): Header {
    const header = headerOf(bytes, from, to, this.hasTracking)
    this.status = header.status
    this.warnings = header.warnings
    if (header.charsets !== undefined) this.speaks(header.charsets)
    return header
  }

  private speaks({ client, connection, results }: Charsets): void {
    if (results !== undefined) this.names = Encodings.encodingNamed(results)
    if (client !== undefined) this.encoding = Encodings.of(client)
    if (connection !== undefined) this.charset = charsetBy(connection, this.charset)
  }

  /** Reads an EOF packet. */
  eof(bytes: Bytes, from: number): void {
    this.warnings = bytes[from + 1]! | bytes[from + 2]! << 8
    this.status = bytes[from + 3]! | bytes[from + 4]! << 8
  }

  /** The fields of these definitions. */
  described(definitions: Bytes): Fields {
    return this.definitions.of(definitions, this.raw._mariadbExtendedMetadata, this.names)
  }

  /** Keeps a statement that was prepared, and closes the one that is given up for it. */
  keep(sql: string, prepared: Prepared): void {
    const gone = this.statements.add(sql, prepared)
    if (gone !== undefined) this.write(Packet.close(gone.id))
  }

  /** Has the driver read a packet. */
  forward(bytes: Bytes, from: number, to: number): void {
    if (bytes[from] === Code.eof && to - from <= longestEof) this.eof(bytes, from)
    // A copy, since the driver may keep parts of it.
    if (from >= headerSize) return this.theirs.execute(Buffer.from(bytes.subarray(from - headerSize, to)))
    // It was put together of several.
    for (let at = from, sequence = this.raw.sequenceId;; at += longest) {
      const end = Math.min(to, at + longest)
      const part = Buffer.concat([Buffer.alloc(headerSize), bytes.subarray(at, end)])
      setHeader(part, end - at, sequence++)
      this.theirs.execute(part)
      if (end - at < longest) return
    }
  }

  // An answer to a command of the driver's own handle, or what the server says before it goes.
  private unasked(bytes: Bytes, from: number, to: number): number {
    if (this.isClosed) return to
    if (this.raw._command !== undefined && this.raw._command !== null) this.forward(bytes, from, to)
    else if (bytes[from] === Code.error) this.destroy(Object.assign(Driver.errorOf(bytes, from, to), { fatal: true }))
    else this.destroy(ended("the server answers what nobody has asked", "PROTOCOL_UNEXPECTED_PACKET"))
    return to
  }

  // ---- cancelling ----

  /** Nothing of what is under way is wanted any more: rows are dropped, and what was not sent is not sent. */
  abandon(): void {
    this.cancels++
    for (const task of [...this.tasks]) {
      task.drop()
      if (task !== this.current) task.lost(withdrawn)
    }
  }

  /** Waits until nothing is under way, or for so many milliseconds. */
  idleWithin(ms: number): Effect.Effect<void> {
    return Effect.async((resume) => {
      if (this.isIdle) return resume(Exit.void)
      const end = (): void => {
        clearTimeout(timer)
        this.waiting = undefined
        resume(Exit.void)
      }
      const timer = setTimeout(end, ms)
      this.waiting = end
    })
  }

  // ---- the end ----

  /** The connection has ended: everything under way fails with this. */
  lost(error: Driver.DriverError): void {
    if (!this.isClosed) {
      this.isClosed = true
      this.raw.stream.on("error", ignore)
    }
    for (const task of [...this.tasks]) task.lost(error)
  }

  /** Destroys the connection: nothing is sent any more. */
  destroy(error = ended("the connection was closed")): void {
    this.raw.destroy()
    this.raw.stream.destroy()
    this.lost(error)
  }

  /** Ends the session in good order, and without it where the server does not answer. */
  get quit(): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      if (this.raw.stream.destroyed) return resume(Exit.void)
      const timer = setTimeout(() => this.destroy(), quitTimeout)
      this.raw.stream.once("close", () => {
        clearTimeout(timer)
        resume(Exit.void)
      })
      if (this.isClosed || !this.isIdle) return this.destroy()
      this.isClosed = true
      this.raw.end()
    })
  }
}

const setHeader = (packet: Buffer, size: number, sequence: number): void => {
  packet[0] = size
  packet[1] = size >> 8
  packet[2] = size >> 16
  packet[3] = sequence
}

const quitTimeout = 1_000

const ignore = (): void => {}

const closedCode = "SLUICE_CLOSED"

/** The end of a connection, as an error of the driver's form. */
const ended = (message: string, code = "PROTOCOL_CONNECTION_LOST"): Driver.DriverError => Object.assign(new Error(message), { fatal: true, code })

/** It was known before anything was sent. */
const closedError = (): Driver.DriverError => ended("the connection is closed", closedCode)

/** Whether the statement was not sent. Where its writing failed, its last byte never left, and the server runs no part of it. */
export const isUnsent = (error: Driver.DriverError): boolean =>
  error.code === closedCode || error === withdrawn || error.unsent === true || error.syscall === "write"

/**
 * Connects, makes the session what the settings say, and reads what must be known of it: all of that within
 * `connectTimeout`. Interrupted, it leaves no socket behind.
 */
export const connect = <A>(settings: Settings, read: (wire: Wire) => Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> =>
  Effect.uninterruptibleMask((restore) => {
    const start = performance.now()
    return Effect.flatMap(restore(login(settings, (raw, status) => opened(raw, status, settings))), (wire) => {
      // The driver's own timeout is over with the login.
      const left = Math.min(longestTimer, Math.max(1, settings.connectTimeout - (performance.now() - start)))
      const timer = setTimeout(() => wire.destroy(ended(`connecting took longer than ${settings.connectTimeout} ms`, "ETIMEDOUT")), left)
      return restore(Effect.zipRight(prepareSession(wire, settings), Effect.suspend(() => read(wire)))).pipe(
        Effect.onError(() => Effect.sync(() => wire.destroy())),
        Effect.ensuring(Effect.sync(() => clearTimeout(timer)))
      )
    })
  })

// What a timer of Node can hold.
const longestTimer = 2_147_483_647

/** What the session is opened with, and what a reset must do again. */
export const prepareSession = (wire: Wire, settings: Settings): Effect.Effect<void, SqlError.SqlError> => {
  wire.charset = settings.charset
  const [first, ...own] = settings.session
  return first === undefined ? Effect.void : Effect.zipRight(
    Effect.mapError(wire.text(first, "connect"), refusedSetting),
    Effect.forEach(own, (sql, i) => Effect.mapError(wire.text(sql, "connect"), (error) => failedCommand(error, own.length === 1 ? "initCommand" : `initCommand[${i}]`)), { discard: true })
  )
}

const opened = (raw: Driver.Raw, status: number | undefined, settings: Settings): Wire => {
  const wire = new Wire(raw, settings.definitions, settings.maxPreparedStatements)
  if (status !== undefined) wire.status = status & ~Status.inTransaction
  wires.set(raw, wire)
  return wire
}

const wires = new WeakMap<object, Wire>()

/** The wire of a driver's handle; `undefined` where it is not one of ours. */
export const wireOf = (native: unknown): Wire | undefined => typeof native === "object" && native !== null ? wires.get(native) : undefined
