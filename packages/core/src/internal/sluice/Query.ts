/**
 * A query as a Promise that is sent when somebody awaits it.
 *
 * Called by `executor`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Result } from "../../Connection.js"
import type * as Sluice from "../../Sluice.js"
import type { SqlError } from "../../SqlError.js"
import type { Run, Statement } from "../../Statement.js"
import type { Work } from "./Work.js"

export class Query<A, V, R> implements Sluice.Query<A, V> {
  readonly [Symbol.toStringTag] = "Query"
  private rows: Promise<ReadonlyArray<A>> | undefined

  constructor(
    private readonly work: Work<R>,
    private readonly statement: Statement<A, V>,
    private readonly signal: AbortSignal | undefined
  ) {}

  // Being thenable is what a query is here: it is not sent before one of its verbs, or `await`, says how.
  // oxlint-disable-next-line unicorn/no-thenable
  then<B = ReadonlyArray<A>, C = never>(
    onFulfilled?: ((rows: ReadonlyArray<A>) => B | PromiseLike<B>) | null,
    onRejected?: ((error: unknown) => C | PromiseLike<C>) | null
  ): Promise<B | C> {
    return this.sent().then(onFulfilled, onRejected)
  }

  catch<C = never>(onRejected?: ((error: unknown) => C | PromiseLike<C>) | null): Promise<ReadonlyArray<A> | C> {
    return this.sent().catch(onRejected)
  }

  finally(onFinally?: (() => void) | null): Promise<ReadonlyArray<A>> {
    return this.sent().finally(onFinally)
  }

  readonly first = (): Promise<A | undefined> => this.promise(Effect.map(this.statement.first, Option.getOrUndefined))

  readonly one = (): Promise<A> => this.promise(this.statement.one)

  readonly scalar = (): Promise<V> => this.promise(this.statement.scalar)

  readonly column = <K extends keyof A & string>(name: K): Promise<ReadonlyArray<A[K]>> => this.promise(this.statement.column(name))

  readonly run = (): Promise<Run> => this.promise(this.statement.run)

  readonly result = (): Promise<Result<A>> => this.promise(this.statement.result)

  readonly values = (): Promise<ReadonlyArray<ReadonlyArray<unknown>>> => this.promise(this.statement.values)

  readonly with = ({ signal = this.signal, ...options }: Sluice.QueryOptions): Query<A, V, R> => new Query(this.work, this.statement.with(options), signal)

  private sent(): Promise<ReadonlyArray<A>> {
    return this.rows ??= this.promise(this.statement)
  }

  private promise<B>(effect: Effect.Effect<B, SqlError>): Promise<B> {
    return this.work.promise(effect, this.signal)
  }
}
