/**
 * An open query: its rows, a chunk per demand.
 *
 * With threads one chunk is made while another is used, and no more: memory does not grow with the result. It does
 * not know SQL. Called by `connection`.
 *
 * @since 0.1.0
 */
import type * as Connection from "@sluice/core/Connection"
import type { SqlError } from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Layouts } from "./layout.js"
import type { Chunk, Statement } from "./protocol.js"
import type { Transport } from "./transport.js"
import type { Value } from "./values.js"

let cursors = 0

/** Opens a query; closing the scope ends it in the handle. */
export const open = (
  transport: Transport,
  layouts: Layouts,
  statement: Statement,
  options: { readonly size: number; readonly rowMode: Connection.Query["rowMode"] }
): Effect.Effect<Connection.Rows, SqlError, Scope.Scope> => {
  const id = ++cursors
  // Known to the scope before it is opened: an interruption between the two would leave it open.
  return Effect.flatMap(Effect.scope, (scope) => {
    let cursor: Cursor | undefined
    const finish = Effect.suspend(() => cursor?.isDone === true || transport.isClosed ? Effect.void : shut(transport, id))
    return Effect.zipRight(
      Scope.addFinalizer(scope, finish),
      Effect.suspend(() =>
        transport.call("open", { ...statement, cursor: id, size: options.size }, statement.sql, (reply): Connection.Rows => {
          const layout = layouts.of(reply.shape)
          const opened = new Cursor(transport, id, statement.sql, options.size, options.rowMode === "object" ? layout.objects : layout.arrays)
          opened.done(reply)
          cursor = opened
          return { columns: layout.columns, next: opened.next }
        })
      )
    )
  })
}

// Effects of a finalizer cannot fail; a query that cannot be closed belongs to a connection that is gone.
const shut = (transport: Transport, id: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    transport.abandon(id)
    return Effect.ignore(transport.call("shut", id, undefined, () => undefined))
  })

class Cursor {
  isDone = false
  private readonly ready: Array<Chunk> = []
  private underway = 0
  private error: SqlError | undefined
  private waiter: (() => void) | undefined

  constructor(
    private readonly transport: Transport,
    private readonly id: number,
    private readonly sql: string,
    private readonly size: number,
    private readonly build: (values: ReadonlyArray<Value>, count: number) => Array<unknown>
  ) {}

  readonly next: Effect.Effect<ReadonlyArray<unknown>, SqlError> = Effect.suspend(() => this.take())

  done(chunk: Chunk): void {
    this.isDone ||= chunk.done
    // A chunk is empty when it was cancelled, and at the end.
    if (chunk.count > 0) this.ready.push(chunk)
    this.wake()
  }

  private take(): Effect.Effect<ReadonlyArray<unknown>, SqlError> {
    if (this.ready.length === 0) this.readAhead()
    const chunk = this.ready.shift()
    if (chunk !== undefined) {
      if (this.transport.window > 1) this.readAhead()
      return Exit.succeed(this.build(chunk.values, chunk.count))
    }
    if (this.error !== undefined) return Exit.fail(this.error)
    if (this.isDone) return Exit.succeed([])
    // Woken, it looks again: a chunk that comes after an interruption stays for the next demand.
    return Effect.async((resume) => {
      this.waiter = () => resume(Effect.suspend(() => this.take()))
    })
  }

  private readAhead(): void {
    while (!this.isDone && this.error === undefined && this.underway + this.ready.length < this.transport.window) {
      this.underway++
      this.transport.send("pull", { cursor: this.id, size: this.size }, this.sql, this.id, {
        done: (chunk) => {
          this.underway--
          this.done(chunk)
        },
        failed: (error) => {
          this.underway--
          this.error ??= error
          this.wake()
        }
      })
    }
  }

  private wake(): void {
    const waiter = this.waiter
    this.waiter = undefined
    waiter?.()
  }
}
