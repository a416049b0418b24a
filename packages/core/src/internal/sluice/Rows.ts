/**
 * Rows as an async iterable: a stream's chunks, handed out one row at a time.
 *
 * One fiber an iteration holds the stream's scope and waits for demand between its chunks; a row of the chunk at hand costs
 * no effect. Called by `executor`.
 *
 * @internal
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Sluice from "../../Sluice.js"
import type { SqlError } from "../../SqlError.js"
import type { Statement } from "../../Statement.js"
import type { Work } from "./Work.js"

export class Rows<A, R> implements Sluice.Rows<A> {
  constructor(
    private readonly work: Work<R>,
    private readonly statement: Statement<A>,
    private readonly signal: AbortSignal | undefined
  ) {}

  [Symbol.asyncIterator](): AsyncIterator<A, undefined, undefined> {
    return new Iteration(this.work, this.statement.stream, this.signal)
  }

  readonly chunks = (): AsyncIterable<ReadonlyArray<A>, undefined, undefined> => ({
    [Symbol.asyncIterator]: () => new Iteration(this.work, Stream.map(Stream.chunks(this.statement.stream), Chunk.toReadonlyArray), this.signal)
  })

  readonly with = ({ signal = this.signal, ...options }: Sluice.QueryOptions): Rows<A, R> => new Rows(this.work, this.statement.with(options), signal)
}

type Step<A> = IteratorResult<A, undefined>

const over = { done: true, value: undefined } as const

class Iteration<A, R> implements AsyncIterator<A, undefined, undefined> {
  private rows: ReadonlyArray<A> = []
  private at = 0
  /** The calls of `next` that no row has been found for, in order. */
  private readonly waiting: Array<{ readonly resolve: (step: Step<A>) => void; readonly reject: (error: unknown) => void }> = []
  private fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined
  /** Wakes the fiber between two chunks: for another one, or to end in order. */
  private wake: ((wanted: boolean) => void) | undefined
  private state: "new" | "open" | "returned" | "ended" = "new"
  private failure: { readonly error: unknown } | undefined

  constructor(
    private readonly work: Work<R>,
    private readonly stream: Stream.Stream<A, SqlError>,
    private readonly signal: AbortSignal | undefined
  ) {}

  next(): Promise<Step<A>> {
    if (this.waiting.length === 0 && this.at < this.rows.length) return Promise.resolve(this.take())
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject })
      this.serve()
    })
  }

  return(): Promise<Step<A>> {
    const { fiber, state, wake } = this
    this.rows = []
    if (state !== "open" || fiber === undefined) {
      if (state === "new") this.state = "ended"
      return Promise.resolve(over)
    }
    this.state = "returned"
    // At work for a chunk it is interrupted: the chunk may never come. The next one at this connection waits until the server is done.
    if (wake === undefined) fiber.unsafeInterruptAsFork(fiber.id())
    else wake(false)
    return new Promise((resolve) => fiber.addObserver(() => resolve(over)))
  }

  private take(): Step<A> {
    return { done: false, value: this.rows[this.at++] as A }
  }

  private serve(): void {
    let served = 0
    for (const { reject, resolve } of this.waiting) {
      if (this.at < this.rows.length) resolve(this.take())
      else if (this.state !== "ended") break
      else if (this.failure === undefined) resolve(over)
      else {
        reject(this.failure.error)
        this.failure = undefined
      }
      served++
    }
    this.waiting.splice(0, served)
    if (this.waiting.length === 0) return
    if (this.state === "new") this.begin()
    else this.wake?.(true)
  }

  private begin(): void {
    this.state = "open"
    const chunks = Effect.scoped(Effect.gen(this, function*() {
      const pull = yield* Stream.toPull(this.stream)
      while (yield* this.wanted) {
        const chunk = yield* Effect.mapError(pull, Option.getOrUndefined)
        this.rows = Chunk.toReadonlyArray(chunk)
        this.at = 0
        this.serve()
      }
    }))
    const fiber = this.work.stream(Effect.catchIf(chunks, (end) => end === undefined, () => Effect.void), this.signal, (failure) => {
      // Who left the loop asked for its end. Who did not hears the failure before any row that was fetched ahead of it.
      this.failure = this.state === "returned" ? undefined : failure
      if (this.failure !== undefined) this.rows = []
      this.state = "ended"
      this.serve()
    })
    if (this.state === "open") this.fiber = fiber
  }

  private readonly wanted: Effect.Effect<boolean> = Effect.async((resume) => {
    if (this.waiting.length > 0) return resume(Effect.succeed(true))
    this.wake = (isWanted) => {
      this.wake = undefined
      resume(Effect.succeed(isWanted))
    }
  })
}
