/**
 * The threaded transport: the handle in a worker thread of its own.
 *
 * A request costs a round trip of two messages (about 75 µs); chunks of rows cross, never rows. An idle thread does
 * not keep the process alive, a pending request does. Called by `connection`.
 *
 * @since 0.1.0
 */
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Worker } from "node:worker_threads"
import { toSqlError } from "./errors.js"
import { errorOf, type Fault } from "./fault.js"
import type { Settings } from "./options.js"
import type { Answer, Request, Verb, Verbs } from "./protocol.js"
import type { Receiver, Transport } from "./transport.js"
import type { Start } from "./worker.js"

/** Starts a thread and opens the database there. */
export const connect = (settings: Settings): Effect.Effect<Transport, SqlError.SqlError> =>
  Effect.async<Transport, SqlError.SqlError>((resume) => {
    const cell = new Int32Array(new SharedArrayBuffer(4))
    const started = start({ settings, cell })
    if (started instanceof SqlError.SqlError) return resume(Exit.fail(started))
    const thread = new Thread(started, cell, {
      done: () => resume(Exit.succeed(thread)),
      // The failure is told when the thread is gone, so that none is left behind.
      failed: (error) => resume(Effect.zipRight(thread.close("destroy"), Exit.fail(error)))
    })
    return Effect.ignore(thread.close("destroy"))
  })

const start = (data: Start): Worker | SqlError.SqlError => {
  try {
    return new Worker(new URL("./worker.js", import.meta.url), { workerData: data, name: "sluice sqlite", ...inherited() })
  } catch (cause) {
    return SqlError.make(new Reason.ConnectionError({ message: "the worker thread cannot be started", operation: "connect", outcome: "not-applied", cause }))
  }
}

// `node --input-type=module -e …`: a thread that inherits that flag refuses its own entry. The other flags of such a
// process are not all allowed to a thread, so only those that load modules are handed on.
const inherited = (): { readonly execArgv?: Array<string> } =>
  process.execArgv.some((flag) => flag.startsWith("--input-type"))
    ? { execArgv: process.execArgv.filter((flag) => /^--(import|require|loader|experimental-loader|conditions)=/.test(flag)) }
    : {}

interface Pending {
  readonly operation: string
  readonly statement: string | undefined
  readonly owner: number
  done(reply: unknown): void
  failed(error: SqlError.SqlError): void
}

class Thread implements Transport {
  readonly window = 2
  readonly id: number
  isClosed = false
  inTransaction = false
  private readonly pending = new Map<number, Pending>()
  private readonly idle = new Set<() => void>()
  private last = 0
  private ended: Promise<unknown> | undefined
  private exited = false

  constructor(private readonly worker: Worker, private readonly cell: Int32Array, opened: Receiver<unknown>) {
    this.id = worker.threadId
    this.pending.set(0, { operation: "connect", statement: undefined, owner: 0, done: opened.done, failed: opened.failed })
    worker.on("message", (answer: Answer) => this.receive(answer))
    worker.on("messageerror", (cause) => this.die("an answer of the worker thread cannot be read", cause))
    worker.on("error", (cause) => this.die("the worker thread failed", cause))
    worker.on("exit", (code) => {
      this.exited = true
      this.die(`the worker thread has ended with code ${code}`, undefined)
    })
  }

  get native(): unknown {
    return this.worker
  }

  readonly call = <V extends Verb, A>(
    verb: V,
    arg: Verbs[V]["arg"],
    statement: string | undefined,
    finish: (reply: Verbs[V]["reply"]) => A
  ): Effect.Effect<A, SqlError.SqlError> =>
    // No canceller: core settles the connection after an interruption, and a canceller costs 3.7 µs on every call.
    Effect.async<A, SqlError.SqlError>((resume) =>
      this.send(verb, arg, statement, 0, {
        done: (reply) => resume(Exit.succeed(finish(reply))),
        failed: (error) => resume(Exit.fail(error))
      })
    )

  send<V extends Verb>(
    verb: V,
    arg: Verbs[V]["arg"],
    statement: string | undefined,
    owner: number,
    receiver: Receiver<Verbs[V]["reply"]>
  ): void {
    if (this.isClosed) return receiver.failed(closed(verb, statement))
    const id = this.nextId()
    try {
      this.worker.postMessage([id, verb, arg] satisfies Request<V>)
    } catch (cause) {
      return receiver.failed(SqlError.make(new Reason.DataError({ message: "a value cannot cross to the worker thread", operation: verb, statement, cause })))
    }
    if (this.pending.size === 0) this.worker.ref()
    this.pending.set(id, { operation: verb, statement, owner, done: receiver.done.bind(receiver), failed: receiver.failed.bind(receiver) })
  }

  abandon(owner: number): void {
    let newest: number | undefined
    for (const [id, pending] of this.pending) {
      if (pending.owner === owner) newest = id
      else if (newest === undefined) return
    }
    if (newest !== undefined) this.cancel(newest)
  }

  readonly settle = Effect.async<void>((resume) => {
    if (this.pending.size === 0) return resume(Exit.void)
    const done = (): void => resume(Exit.void)
    this.idle.add(done)
    this.cancel(this.last)
    return Effect.sync(() => void this.idle.delete(done))
  })

  close(how: "graceful" | "destroy"): Effect.Effect<void, SqlError.SqlError> {
    if (how === "destroy") return this.destroy
    return Effect.suspend(() =>
      this.isClosed ? this.destroy : Effect.ensuring(this.call("close", undefined, undefined, () => undefined), this.destroy)
    )
  }

  // terminate() waits for a native call that is under way: this ends when the thread has really ended.
  private readonly destroy: Effect.Effect<void> = Effect.suspend(() => {
    this.cancel(this.last)
    if (!this.exited) this.worker.ref()
    this.ended ??= this.worker.terminate()
    const ended = this.ended
    this.die("the connection was closed", undefined)
    return Effect.promise(() => ended)
  })

  private cancel(id: number): void {
    Atomics.store(this.cell, 0, id)
    Atomics.notify(this.cell, 0)
  }

  private nextId(): number {
    this.last = (this.last + 1) | 0
    if (this.last === 0) this.last = 1
    // The thread compares ids by their distance; the cell must not fall so far behind that it would seem ahead.
    if ((this.last & 0xfffffff) === 0) Atomics.store(this.cell, 0, (this.last - 0x100000) | 0)
    return this.last
  }

  private receive([id, fault, reply, inTransaction]: Answer): void {
    this.inTransaction = inTransaction
    const pending = this.pending.get(id)
    if (pending === undefined) return
    this.pending.delete(id)
    if (this.pending.size === 0) this.rest()
    if (fault === undefined) pending.done(reply)
    else pending.failed(failure(fault, pending.operation, pending.statement))
  }

  private rest(): void {
    this.worker.unref()
    for (const done of this.idle) done()
    this.idle.clear()
  }

  private die(message: string, cause: unknown): void {
    this.isClosed = true
    this.inTransaction = false
    const all = [...this.pending.values()]
    this.pending.clear()
    for (const { failed, operation, statement } of all) {
      failed(SqlError.make(new Reason.ConnectionError({
        message,
        operation,
        statement,
        cause,
        ...(operation === "connect" ? { outcome: "not-applied" as const } : {})
      })))
    }
    for (const done of this.idle) done()
    this.idle.clear()
  }
}

const failure = (fault: Fault, operation: string, statement: string | undefined): SqlError.SqlError =>
  toSqlError(fault, operation, statement, errorOf(fault))

const closed = (verb: Verb, statement: string | undefined): SqlError.SqlError =>
  SqlError.make(new Reason.ConnectionError({ message: "the connection is closed", operation: verb, statement, outcome: "not-applied" }))
