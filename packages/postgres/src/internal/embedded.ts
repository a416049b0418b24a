/**
 * Embedded: PGlite as a server with one session, behind a socket that is none.
 *
 * What pg and `wire` write to it is gathered to the end of a round trip, handed to PGlite, and its answer is what they read:
 * so an embedded database runs through the same code as a server. A COPY is gathered with its data, since PGlite ends the
 * process where it would have to wait for them. Called by the public module.
 * https://pglite.dev/docs/api#execprotocolrawstream
 *
 * @internal
 */
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import { Duplex } from "node:stream"
import type { EmbeddedServer } from "../Embedded.js"
import { int32 } from "./frames.js"
import { messages } from "./messages.js"

/** Type codes of messages that end what is gathered. */
const Code = { query: 81, sync: 83, flush: 72, copyDone: 99, copyFail: 102, terminate: 88 } as const

const takesData = /^(?:\s|--[^\n]*\n|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/)*COPY\b[^]*\bFROM\s+STDIN\b/i

/** CopyInResponse: text, of no columns that anybody asks for. */
const copyIn = Buffer.from([71, 0, 0, 0, 7, 0, 0, 0])

const none = Buffer.alloc(0)

/** What PGlite does, one thing after the other; and the one socket that it is lent to. */
export class Backend {
  private last: Promise<unknown> = Promise.resolve()
  private socket: Duplex | undefined = undefined

  private constructor(private readonly server: EmbeddedServer) {}

  /** One for each PGlite, however many databases are made of it. */
  static of(server: EmbeddedServer): Backend {
    const backend = backends.get(server) ?? new Backend(server)
    backends.set(server, backend)
    return backend
  }

  /** By `execProtocolRawStream`: `execProtocolRaw` of 0.5.16 keeps every row that it ever answered with, parsed. */
  run(bytes: Buffer, answer: (data: Uint8Array) => void): Promise<void> {
    const done = this.last.then(() => this.server.execProtocolRawStream(bytes, { onRawData: answer }))
    this.last = done.catch(() => {})
    return done
  }

  take(socket: Duplex): boolean {
    if (this.socket !== undefined) return false
    this.socket = socket
    return true
  }

  /** The session of the socket has ended: the next one begins as if the server had opened it. */
  leave(socket: Duplex): Promise<void> {
    if (this.socket !== socket) return Promise.resolve()
    this.socket = undefined
    const end = (sql: string) => this.run(messages.query(sql).take(), () => {})
    return Promise.all([end("ROLLBACK"), end("DISCARD ALL")]).then(() => {}, () => {})
  }
}

const backends = new WeakMap<EmbeddedServer, Backend>()

/** A socket to it, as pg wants one. */
export class EmbeddedSocket extends Duplex {
  /** Whole messages of a round trip that is not complete, and the beginning of one. */
  private gathered: Array<Buffer> = []
  private partial: Buffer = none
  private hasBegun = false
  private isCopying = false
  /** What it answers with first was told already, so that the data came. */
  private isCopyTold = false

  constructor(private readonly backend: Backend) {
    super()
  }

  connect(): this {
    queueMicrotask(() => {
      // Interrupted before: it would never give back what it takes.
      if (this.destroyed) return
      if (this.backend.take(this)) this.emit("connect")
      else this.destroy(Object.assign(new Error("PGlite has one session, and it is in use"), { code: "ECONNREFUSED" }))
    })
    return this
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const bytes = this.partial.length === 0 ? chunk : Buffer.concat([this.partial, chunk])
    const [end, whole] = this.cut(bytes)
    this.partial = bytes.subarray(whole)
    const trips = end === 0 ? none : Buffer.concat([...this.gathered, bytes.subarray(0, end)])
    if (end > 0) this.gathered = []
    if (whole > end) this.gathered.push(bytes.subarray(end, whole))
    if (this.isCopying && !this.isCopyTold) {
      this.isCopyTold = true
      this.push(copyIn)
    }
    if (end === 0) return done()
    const skipsCopyIn = this.isCopyTold && !this.isCopying
    if (skipsCopyIn) this.isCopyTold = false
    const parts: Array<Buffer> = []
    // What it shows is its own memory.
    this.backend.run(trips, (data) => parts.push(Buffer.from(data))).then(() => {
      if (this.destroyed) return done()
      const all = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
      const from = skipsCopyIn && all[0] === copyIn[0] ? 1 + int32(all, 1) : 0
      if (from < all.length) this.push(all.subarray(from))
      done()
    }, (error: unknown) => done(Object.assign(new Error(`PGlite ended: ${error instanceof Error ? error.message : String(error)}`), { code: "ECONNRESET" })))
  }

  override _final(done: (error?: Error | null) => void): void {
    void this.backend.leave(this).then(() => {
      this.push(null)
      done()
    })
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    void this.backend.leave(this).then(() => done(error))
  }

  /** Where the last round trip ends that is complete, and the last message. */
  private cut(bytes: Buffer): readonly [end: number, whole: number] {
    let end = 0
    let at = 0
    while (at < bytes.length) {
      // The first message has no type.
      const head = this.hasBegun ? 1 : 0
      if (at + head + 4 > bytes.length) break
      const next = at + head + int32(bytes, at + head)
      if (next > bytes.length) break
      const code = bytes[at]!
      // A session ends with its socket: PGlite would end the process.
      if (this.hasBegun && code === Code.terminate) return [end, bytes.length]
      if (this.hasBegun ? this.isComplete(code, bytes, at, next) : true) end = next
      this.hasBegun = true
      at = next
    }
    return [end, at]
  }

  private isComplete(code: number, bytes: Buffer, at: number, next: number): boolean {
    if (this.isCopying) {
      this.isCopying = code !== Code.copyDone && code !== Code.copyFail
      return !this.isCopying
    }
    this.isCopying = code === Code.query && takesData.test(bytes.toString("utf8", at + 5, next - 1))
    return !this.isCopying && (code === Code.query || code === Code.sync || code === Code.flush)
  }
}

/** The package is no dependency: whoever wants it installs it. Its name is not written as an import, so that no bundler looks for it. */
const packageName: string = "@electric-sql/pglite"

const lacking = (message: string, cause?: unknown): SqlError.SqlError =>
  SqlError.make(new Reason.ConfigError({ message, field: "server", operation: "connect", cause }))

interface Module {
  readonly PGlite: { readonly create: (options: { readonly dataDir?: string }) => Promise<EmbeddedServer> }
}

const isModule = (loaded: unknown): loaded is Module =>
  typeof loaded === "object" && loaded !== null && "PGlite" in loaded && typeof loaded.PGlite === "function" && "create" in loaded.PGlite

/** A PGlite of its own in this folder, or in memory. */
export const start = (dataDir: string | undefined): Effect.Effect<EmbeddedServer, SqlError.SqlError> =>
  Effect.tryPromise({
    try: async () => {
      const loaded: unknown = await import(packageName)
      if (!isModule(loaded)) throw new Error("it exports no PGlite")
      return loaded
    },
    catch: (cause) => lacking(`${packageName} cannot be loaded: it is to be installed, as it is no dependency of this package`, cause)
  }).pipe(Effect.flatMap(({ PGlite }) =>
    Effect.tryPromise({
      try: () => PGlite.create(dataDir === undefined ? {} : { dataDir }),
      catch: (cause) =>
        SqlError.make(new Reason.ConnectionError({
          message: `PGlite does not start: ${cause instanceof Error ? cause.message : String(cause)}`, operation: "connect", outcome: "not-applied", cause
        }))
    })))
