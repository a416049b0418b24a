/**
 * Wire: one driver connection and what is known of it: the server's status, what is under way, whether it has ended.
 *
 * It knows no Effect on the path of a statement: callbacks in, callbacks out. What a statement means, and how it is
 * cancelled, it does not know. Called by `connection`, `cursor` and `control`.
 *
 * @internal
 */
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { decode, prepareFields, type Reading, type Unfit } from "./decode.js"
import * as Driver from "./driver.js"
import { isFatal, toSqlError } from "./errors.js"
import type { Charset } from "./charset.js"
import { Execution, type Sink } from "./execution.js"
import { Fields } from "./fields.js"
import { login } from "./login.js"
import type { Settings } from "./options.js"
import { failedCommand, refusedSetting } from "./session.js"
import { Statements } from "./statements.js"
import type { Text } from "./text.js"

/** A result set of an answer: rows with their fields, or the header of a statement without rows. */
export interface Part {
  readonly rows: ReadonlyArray<unknown>
  readonly fields: Fields | undefined
  /** The first value that could not be read. */
  readonly unfit: Unfit | undefined
  readonly header: Driver.Header | undefined
}

export type Done = (error: Driver.DriverError | undefined, parts: ReadonlyArray<Part>) => void

/** Something under way: how it ends when the connection does, and how it is made to want no more rows. */
export interface Task {
  readonly fail: (error: Driver.DriverError) => void
  readonly drop?: () => void
  /** The driver's command, once there is one: it may not have been sent yet. */
  command?: Driver.Command | undefined
}

const none: ReadonlyArray<Part> = []

const lists: Reading = { rowMode: "array", bigints: false, dates: "string", decimals: "string", decoders: undefined, offset: 0 }

export class Wire {
  /** The status of the last answer: bits of `Driver.Status`. */
  status: number = Driver.Status.autocommit
  warnings = 0
  /** The answer under way has a procedure's out parameters, as its last rows. */
  hasOuts = false
  /** What the session's texts are converted to. */
  charset: Charset | undefined = undefined
  isClosed = false
  /**
   * The rest of this result set is not even read: what is on its way when a stream is left may be a million rows, and
   * they keep everybody else waiting.
   */
  isSkipping = false
  /** The server was told to run several statements of one text. */
  takesSeveral = false
  /** Statements that were begun before the last cancelling go no further. */
  cancels = 0
  private readonly statements: Statements
  private readonly tasks = new Set<Task>()
  private waiting: (() => void) | undefined = undefined
  private closing: (() => void) | undefined = undefined

  constructor(readonly raw: Driver.Raw) {
    this.statements = new Statements(raw)
    const handle = raw.handlePacket
    // The driver keeps the status of a header, and drops that of the EOF after rows.
    raw.handlePacket = function(packet) {
      // Compressed packets have numbers of their own, and the driver would print that those inside them are out of order.
      if (raw.config.compress && packet !== undefined) raw.sequenceId = packet.sequenceId
      if (wire.isSkipping && packet !== undefined) {
        wire.isSkipping = !packet.isEOF() && !packet.isError()
        if (wire.isSkipping) return raw._bumpSequenceId(packet.numPackets)
      }
      if (packet !== undefined && packet.isEOF()) {
        wire.status = packet.eofStatusFlags()
        wire.warnings = packet.eofWarningCount()
        if (wire.hasOuts) Driver.goOn(packet)
        else if ((wire.status & Driver.Status.outParameters) !== 0) wire.hasOuts = true
      }
      handle.call(raw, packet)
    }
    // oxlint-disable-next-line typescript/no-this-alias
    const wire = this
    raw.on("error", (error) => this.lost(error))
    raw.stream.on("close", () => this.lost(ended("the server closed the connection")))
  }

  get id(): number {
    return this.raw.threadId
  }

  get inTransaction(): boolean {
    return (this.status & Driver.Status.inTransaction) !== 0
  }

  get backslashes(): boolean {
    return (this.status & Driver.Status.noBackslashEscapes) === 0
  }

  get isIdle(): boolean {
    return this.tasks.size === 0
  }

  // ---- what is under way ----

  begin(task: Task): void {
    this.hasOuts = false
    this.tasks.add(task)
  }

  /** To be called when a task's answer is complete. `false`: it had ended already. */
  finish(task: Task): boolean {
    return this.tasks.delete(task)
  }

  /** To be called when a task's consequences are under way, too. */
  settleIdle(): void {
    if (this.tasks.size > 0) return
    const waiting = this.waiting
    this.waiting = undefined
    waiting?.()
  }

  /**
   * Runs a statement and gathers its whole answer. Without a reading its rows are the driver's lists. `onHeader` sees each
   * header that came before a failure, too.
   */
  run(text: Text, prepared: boolean, done: Done, onHeader?: (row: unknown) => void): void {
    const task: Task = { fail: (error) => answer(error) }
    const answer: Driver.Callback = (error, rows, fields) => {
      if (!this.finish(task)) return
      if (error === null) {
        const parts = partsOf(text, rows, fields, execution)
        const header = parts[parts.length - 1]?.header
        if (header !== undefined) {
          this.status = header.serverStatus
          this.warnings = header.warningStatus
        }
        done(undefined, parts)
      } else {
        task.command?._unpipeStream?.()
        if (isFatal(error)) this.lost(error)
        if (prepared && error.errno === 1295 && task.command?.statement === undefined) unpreparable.add(error)
        done(isWaiting(task) && isFatal(error) ? unsent(error) : error, none)
      }
      this.settleIdle()
    }
    let execution: Execution | undefined
    this.begin(task)
    this.start(answer, () => {
      if (prepared) task.command = execution = this.execute(text, answer, answer)
      else {
        task.command = this.raw.query(text, answer).on("fields", prepareFields)
        if (onHeader !== undefined) task.command.on("result", onHeader)
      }
    })
  }

  /** Executes a text that is prepared first where it is not yet. */
  execute(text: Text, to: Driver.Callback | Sink, failed: (error: Driver.DriverError) => void): Execution {
    const execution = new Execution(text, text.reading ?? lists, to)
    const known = this.statements.get(text.sql)
    if (known !== undefined) this.raw.addCommand(execution.of(known))
    else this.statements.prepare(text.sql, (error, prepared) => {
      if (prepared === undefined) failed(error ?? closedError())
      else this.raw.addCommand(execution.of(prepared))
    })
    return execution
  }

  /** Begins a command that is no statement: a ping, a reset. */
  ask(begin: (callback: (error: Driver.DriverError | null) => void) => void, done: (error: Driver.DriverError | undefined) => void): void {
    const task: Task = { fail: (error) => answer(error) }
    const answer = (error: Driver.DriverError | null): void => {
      if (!this.finish(task)) return
      if (error !== null && error !== undefined && isFatal(error)) this.lost(error)
      done(error ?? undefined)
      this.settleIdle()
    }
    this.begin(task)
    this.start(answer, () => begin(answer))
  }

  // What the driver throws is a failure like any other; on a closed connection nothing is tried.
  private start(answer: (error: Driver.DriverError) => void, begin: () => void): void {
    if (this.isClosed) return answer(closedError())
    try {
      begin()
    } catch (error) {
      answer(error as Driver.DriverError)
    }
  }

  // ---- cancelling ----

  /** Nothing of what is under way is wanted any more: rows are dropped, and what was not sent is not sent. */
  abandon(): void {
    this.cancels++
    for (const task of this.tasks) {
      const { command } = task
      if (command !== undefined && isWaiting(task)) {
        command.start = () => {
          task.fail(withdrawn)
          return null
        }
      }
      skipRows(command)
      task.drop?.()
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
    for (const task of this.tasks) task.fail(error)
    this.closing?.()
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

  /** A text of our own, in the text protocol: its first result set. */
  text(sql: string, operation: string): Effect.Effect<Part, SqlError.SqlError> {
    return Effect.async((resume) =>
      this.run({ sql, rowsAsArray: true }, false, (error, parts) =>
        resume(error === undefined
          ? Exit.succeed(parts[0] ?? { rows: [], fields: undefined, header: undefined, unfit: undefined })
          : Exit.fail(toSqlError(error, { operation, statement: sql, harmless: error.code === closedCode }))))
    )
  }
}

const quitTimeout = 1_000

const ignore = (): void => {}

const closedCode = "SLUICE_CLOSED"

/** The end of a connection, as an error of the driver's form. */
const ended = (message: string, code = "PROTOCOL_CONNECTION_LOST"): Driver.DriverError => Object.assign(new Error(message), { fatal: true, code })

/** It was known before anything was sent. */
export const closedError = (): Driver.DriverError => ended("the connection is closed", closedCode)

// A row that nobody wants any more costs no object.
const skipping = { next: (): undefined => undefined }

/** Rows of a command go by unread from now on. */
const skipRows = (command: Driver.Command | undefined): void => {
  if (command instanceof Execution) command.isDropped = true
  else if (command !== undefined && command._rowParser !== null) command._rowParser = skipping
}

/** Whether the statement was not sent. Where its writing failed, its last byte never left, and the server runs no part of it. */
export const isUnsent = (error: Driver.DriverError): boolean =>
  error.code === closedCode || error === withdrawn || error.unsent === true || error.syscall === "write"

/** Whether no byte of a task has left: its statement is still being prepared. */
export const isWaiting = (task: Task): boolean => task.command !== undefined && task.command._connection === null

/** The end of the connection, for a task of which no byte has left. */
export const unsent = (error: Driver.DriverError): Driver.DriverError =>
  Object.assign(new Error(error.message), { fatal: true, unsent: true, ...(error.code === undefined ? {} : { code: error.code }) })

// MySQL prepares no CREATE PROCEDURE, LOCK TABLES and their like. A procedure may fail with the same number, and have run.
const unpreparable = new WeakSet<Driver.DriverError>()

/** Whether the server refused to prepare what it runs as a text; nothing of it was run. */
export const isUnpreparable = (error: Driver.DriverError): boolean => unpreparable.has(error)

// It is an answer to nobody: whoever waited for it was interrupted.
const withdrawn: Driver.DriverError = Object.assign(new Error("the statement was withdrawn before it was sent"), {
  errno: 1317, sqlState: "70100", sqlMessage: "the statement was withdrawn before it was sent"
})

const partsOf = (
  { reading }: Text,
  rows: Driver.Answered | undefined,
  fields: Driver.Fields,
  execution: Execution | undefined
): ReadonlyArray<Part> => {
  if (rows === undefined) return none
  const part = (rows: Driver.Answered, list: ReadonlyArray<Driver.Field> | undefined, i: number, known?: Fields): Part => {
    if (list === undefined) return { rows: [], fields: undefined, header: rows as Driver.Header, unfit: undefined }
    const own = known ?? new Fields(list)
    // An execution has read its rows already.
    const unfit = execution !== undefined ? execution.unfits[i] : reading === undefined ? undefined : decode(rows as Array<unknown>, own.text(reading))
    return { rows: rows as ReadonlyArray<unknown>, fields: own, header: undefined, unfit }
  }
  return fields === undefined || !isNested(fields)
    ? [part(rows, fields, 0, execution?.fields)]
    : fields.map((own, i) => part((rows as ReadonlyArray<Driver.Answered>)[i]!, own, i))
}

const isNested = (fields: NonNullable<Driver.Fields>): fields is ReadonlyArray<ReadonlyArray<Driver.Field> | undefined> =>
  fields.length > 0 && (fields[0] === undefined || Array.isArray(fields[0]))

/**
 * Connects, makes the session what the settings say, and reads what must be known of it: all of that within
 * `connectTimeout`. Interrupted, it leaves no socket behind.
 */
export const connect = <A>(settings: Settings, read: (wire: Wire) => Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> =>
  Effect.uninterruptibleMask((restore) => {
    const start = performance.now()
    return Effect.flatMap(restore(login(settings, opened)), (wire) => {
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

const opened = (raw: Driver.Raw, status: number | undefined): Wire => {
  const wire = new Wire(raw)
  if (status !== undefined) wire.status = status & ~Driver.Status.inTransaction
  wires.set(raw, wire)
  return wire
}

const wires = new WeakMap<object, Wire>()

/** The wire of a driver's handle; `undefined` where it is not one of ours. */
export const wireOf = (native: unknown): Wire | undefined => typeof native === "object" && native !== null ? wires.get(native) : undefined
