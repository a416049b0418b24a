/**
 * Wire: one connected socket and what is known of it: the transaction's status, what is under way, whether it has ended.
 *
 * Each task is one round trip that ends with ReadyForQuery; several may be under way, answered in their order. What a
 * task means, and how it is cancelled, it does not know. It knows no Effect on the path of a statement: messages in,
 * messages out. Called by `connection`, `cursor`, `many` and `copy`.
 *
 * @internal
 */
import type { Message } from "@sluice/core/Connection"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Duplex } from "node:stream"
import type * as Driver from "./driver.js"
import { serverError } from "./driver.js"
import { toSqlError } from "./errors.js"
import { type Bytes, Code, errorOf, Frames, int32, textEnd } from "./frames.js"
import { largest, messages } from "./messages.js"
import { Simple, type Task } from "./task.js"

/** ReadyForQuery's byte: idle, in a transaction, in a failed one. */
export const Status = { idle: 73, open: 84, failed: 69 } as const

export class Wire {
  /** As the last ReadyForQuery said it. */
  status: number = Status.idle
  isClosed = false
  /** Statements that were begun before the last cancelling go no further. */
  cancels = 0
  /** SQL of the user's has dropped every prepared statement, ours among them. */
  areNamesGone = false
  /** In a transaction, SQL of the user's may have changed what a prepared statement answers with. */
  isSchemaChanged = false
  /** The transaction has altered a table, which the others see when it is committed. */
  hasAltered = false
  /** SQL of the user's has prepared statements by names of its own. */
  hasForeignNames = false
  /** Where it is connected to; a socket that has ended does not know it any more. */
  readonly remote: { readonly address: string | undefined; readonly port: number | undefined }
  /** Who listens to what other sessions notify of. */
  notified: ((channel: string, payload: string, processId: number) => void) | undefined = undefined
  /** Who is told that the connection has ended. */
  onEnd: (() => void) | undefined = undefined
  private readonly tasks: Array<Task> = []
  /** How many of them wait for the end of this turn, in which they are sent together. */
  private gathered = 0
  private waiting: (() => void) | undefined = undefined
  private readonly socket: Duplex

  /** `parameters` are what the server reports of its settings, the version among them. */
  constructor(readonly raw: Driver.Raw, readonly parameters: Map<string, string>) {
    this.socket = raw.connection.stream
    this.remote = { address: raw.connection.stream.remoteAddress, port: raw.connection.stream.remotePort }
    const theirs = this.socket.listeners("data") as Array<(chunk: Buffer) => void>
    this.socket.removeAllListeners("data")
    const forward = (chunk: Buffer): void => theirs.forEach((listener) => listener(chunk))
    let isForeign = false
    const frames = new Frames((code, bytes, from, to) => {
      const task = this.tasks[0]
      if (task !== undefined) {
        if (code === Code.dataRow) return task.row(bytes, from)
        if (code === Code.copyData) return task.copied(bytes, from, to)
        if (code === Code.notification) {
          this.notification(bytes, from)
          return forward(bytes.subarray(from - 5, to))
        }
        return this.answered(task, code, bytes, from, to)
      }
      this.unasked(code, bytes, from, to)
      if (code === Code.notification) this.notification(bytes, from)
      // Whoever has the driver's own handle gets what is theirs, to ReadyForQuery: after an error its query is over before.
      isForeign ||= raw._getActiveQuery() !== null
      if (isForeign || code === Code.notification) forward(bytes.subarray(from - 5, to))
      if (code === Code.ready) isForeign = false
    })
    this.socket.on("data", (chunk: Buffer) => frames.push(chunk))
    raw.on("error", (error) => this.lost(error))
    this.socket.on("end", () => this.lost(ended("the server closed the connection")))
    this.socket.on("close", () => this.lost(ended("the connection was closed")))
  }

  get id(): number {
    return this.raw.processID ?? 0
  }

  get isIdle(): boolean {
    return this.tasks.length === 0
  }

  get inTransaction(): boolean {
    return this.status !== Status.idle
  }

  // ---- what is under way ----

  /** Sends what stands in `messages`, which ends with a Sync, or is a simple query. */
  send(task: Task): void {
    if (this.isClosed) {
      messages.clear()
      return task.lost(closedError())
    }
    this.tasks.push(task)
    if (this.tasks.length > 1) this.gather()
    this.socket.write(messages.take())
  }

  // What is sent behind others in one turn leaves in one packet: 100 statements by 1 call of the system instead of 100.
  private gather(): void {
    if (this.gathered++ > 0) return
    this.socket.cork()
    queueMicrotask(() => {
      this.gathered = 0
      this.socket.uncork()
    })
  }

  /** Sends what stands in `messages` as more of the task that is under way: data of a COPY. */
  push(): void {
    if (this.isClosed) messages.clear()
    else this.socket.write(messages.take())
  }

  /** Calls back once when what was pushed is on its way; `undefined` where it is already. Ends with what it returns. */
  whenDrained(wake: () => void): (() => void) | undefined {
    const { socket } = this
    if (!socket.writableNeedDrain) return undefined
    socket.once("drain", wake)
    return () => socket.off("drain", wake)
  }

  /** Reads no more of what comes, or goes on: the server waits meanwhile. */
  read(how: "pause" | "resume"): void {
    this.socket[how]()
  }

  /** A text of our own by the simple protocol, which may hold several statements. */
  query(sql: string, done: (error: Driver.DriverError | undefined, task: Simple) => void): void {
    messages.query(sql)
    this.send(new Simple(done))
  }

  private answered(task: Task, code: number, bytes: Bytes, from: number, to: number): void {
    switch (code) {
      case Code.commandComplete:
        return this.completed(task, bytes.latin1Slice(from, to - 1))
      case Code.ready:
        this.status = bytes[from]!
        this.tasks.shift()
        task.ready()
        return this.settleIdle()
      case Code.error: {
        const error = errorOf(bytes, from, to)
        if (isFatal(error)) return this.lost(error)
        task.fault ??= error
        return
      }
      case Code.notice:
        task.messages ??= []
        if (task.messages.length < mostNotices) task.messages.push(noticeOf(errorOf(bytes, from, to)))
        return
      case Code.rowDescription:
        return task.fields(bytes, from, to)
      case Code.suspended:
        return task.suspended()
      case Code.parseComplete:
        return task.parsed()
      case Code.bindComplete:
        return task.bound()
      case Code.parameters:
        return task.described(bytes, from)
      case Code.parameterStatus:
        return this.parameter(bytes, from)
      case Code.copyOut:
      case Code.copyIn:
        return task.takesCopy ? task.copyBegun() : this.refuseCopy(task, code)
      default:
        return
    }
  }

  private completed(task: Task, tag: string): void {
    if (tag === "DISCARD ALL" || tag === "DEALLOCATE ALL") this.areNamesGone = true
    else if (tag === "PREPARE") this.hasForeignNames = true
    else if (this.inTransaction && changing.test(tag)) {
      this.isSchemaChanged = true
      this.hasAltered ||= tag.startsWith("ALTER")
    }
    task.completed(tag)
  }

  // A COPY among statements of the config's would wait for data for ever.
  private refuseCopy(task: Task, code: number): void {
    task.fault ??= copyError()
    if (code === Code.copyOut) return
    messages.copyFail("a statement carries no data")
    // The server skipped the Sync that stood behind it.
    if (!(task instanceof Simple)) messages.sync()
    this.socket.write(messages.take())
  }

  private notification(bytes: Bytes, from: number): void {
    if (this.notified === undefined) return
    const end = textEnd(bytes, from + 4)
    this.notified(bytes.utf8Slice(from + 4, end), bytes.utf8Slice(end + 1, textEnd(bytes, end + 1)), int32(bytes, from))
  }

  // Nobody of ours waits: what the server says by itself, or an answer to the driver's own handle.
  private unasked(code: number, bytes: Bytes, from: number, to: number): void {
    if (code === Code.ready) this.status = bytes[from]!
    else if (code === Code.parameterStatus) this.parameter(bytes, from)
    else if (code === Code.error) {
      const error = errorOf(bytes, from, to)
      if (isFatal(error)) this.lost(error)
    }
  }

  private parameter(bytes: Bytes, from: number): void {
    const end = textEnd(bytes, from)
    const name = bytes.utf8Slice(from, end)
    const value = bytes.utf8Slice(end + 1, textEnd(bytes, end + 1))
    this.parameters.set(name, value)
    // Read as UTF-8, every text in it would be another one.
    if (name === "client_encoding" && value !== "UTF8") this.lost(ended(`the session's client_encoding became ${value}, and only UTF8 can be read`))
  }

  // ---- cancelling ----

  /** Nothing of what is under way is wanted any more: rows are dropped. */
  abandon(): void {
    this.cancels++
    for (const task of this.tasks) task.drop()
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
      return Effect.sync(() => {
        clearTimeout(timer)
        this.waiting = undefined
      })
    })
  }

  private settleIdle(): void {
    if (this.waiting !== undefined && this.isIdle) this.waiting()
  }

  // ---- the end ----

  /** The connection has ended: everything under way fails with this. */
  lost(error: Driver.DriverError): void {
    if (!this.isClosed) {
      this.isClosed = true
      this.socket.on("error", ignore)
      this.socket.destroy()
    }
    const tasks = this.tasks.splice(0)
    const sent = tasks.length - this.gathered
    for (const [index, task] of tasks.entries()) task.lost(index > 0 && (index >= sent || isFatal(error)) ? unbegun(error) : error)
    this.settleIdle()
    const { onEnd } = this
    this.onEnd = undefined
    onEnd?.()
  }

  /** Destroys the connection: nothing is sent any more. */
  destroy(): void {
    this.lost(ended("the connection was closed"))
  }

  /** Ends the session in good order, and without it where the server does not answer. */
  get quit(): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      if (this.isClosed || !this.isIdle) {
        this.destroy()
        return resume(Exit.void)
      }
      this.isClosed = true
      const timer = setTimeout(() => this.socket.destroy(), quitTimeout)
      this.socket.on("error", ignore)
      this.socket.once("close", () => {
        clearTimeout(timer)
        resume(Exit.void)
      })
      this.socket.end(messages.terminate().take())
    })
  }

  /** A text of our own: the first row of its last result, as texts. */
  text(sql: string, operation: string): Effect.Effect<ReadonlyArray<string | null>, SqlError.SqlError> {
    return Effect.async((resume) =>
      this.query(sql, (error, task) =>
        resume(error === undefined
          ? Exit.succeed(task.first)
          : Exit.fail(toSqlError(error, { operation, statement: sql, harmless: true }))))
    )
  }
}

// What a procedure or a block does, no tag tells.
const changing = /^(?:ALTER|DROP|CREATE|DO|CALL)\b/

const quitTimeout = 1_000

// A loop that raises notices raises millions.
const mostNotices = 1_000

const ignore = (): void => {}

const closedCode = "SLUICE_CLOSED"

/** The end of a connection, as an error of the driver's form. */
const ended = (message: string, code = "ECONNRESET"): Driver.DriverError => Object.assign(new Error(message), { code })

const copyError = (): Driver.DriverError =>
  serverError("a COPY waits for data, which a statement does not carry", 0, { severity: "ERROR", code: "0A000" })

// Statements are run in their order: what stood behind the one in which the server ended the session it has not begun.
const unbegun = (error: Driver.DriverError): Driver.DriverError =>
  ended(`the session ended before the statement was begun: ${error.message}`, closedCode)

/** It was known before anything was sent. */
export const closedError = (): Driver.DriverError => ended("the connection is closed", closedCode)

/** Whether nothing was sent, or nothing of it was begun. */
export const isUnsent = (error: Driver.DriverError): boolean => error.code === closedCode

const isFatal = (error: Driver.DriverError): boolean => error.severity === "FATAL" || error.severity === "PANIC"

const noticeOf = (notice: Driver.DriverError): Message => ({
  severity: notice.severity === "WARNING" ? "warning" : "notice",
  code: notice.code,
  text: notice.message
})

/** Refuses what `messages` holds where the server would not take it, and drops it. */
export const tooLarge = (statement: string, maximum: number = largest): SqlError.SqlError | undefined => {
  const actual = messages.size
  if (actual <= maximum) return undefined
  messages.clear()
  return SqlError.make(new Reason.LimitError({
    message: `the statement and its parameters take ${actual} bytes, and a message of PostgreSQL's protocol ${maximum}`,
    limit: "message", maximum, actual, operation: "execute", statement
  }))
}
