/**
 * Hooks: the error hooks of one pool, and the calling of them.
 *
 * An error is told once, however many hands it goes through: the first one that knows it tells it, and knows the most of
 * it. There is none where nobody listens, and nothing here is on the path of what succeeds. Made by `Pool`, called by whoever
 * builds an error or sees one first.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Tracer from "effect/Tracer"
import type { Dialect } from "../../Dialect.js"
import type { Event, Hook } from "../../ErrorHook.js"
import type * as Reason from "../../Reason.js"
import type { SqlError } from "../../SqlError.js"
import { isSqlError } from "../../SqlError.js"
import { preview } from "../sql/preview.js"

const prefix = "@sluice/core/ErrorHook/"

let count = 0

/** A key that no other layer has. */
export const keyOf = (): string => `${prefix}${++count}`

/** Which attempt of a transaction with `retry` a fiber is in. */
export const attempt: FiberRef.FiberRef<number> = FiberRef.unsafeMake(1)

/** A fiber that runs a hook: its own failures are told to nobody. */
const isHook: FiberRef.FiberRef<boolean> = FiberRef.unsafeMake(false)

const told = new WeakSet<SqlError>()

/** What of a pool its hooks are told. */
interface Subject {
  readonly name: string
  readonly counts: () => Reason.PoolCounts
}

/** What is known of an error besides itself. */
export interface About {
  /** What was being done, where the error does not say. */
  readonly phase: string
  readonly connection?: { readonly id: string | number; readonly endpoint: string } | undefined
  readonly query?: { readonly sql: string; readonly params: ReadonlyArray<unknown> } | undefined
  readonly label?: string | undefined
  readonly attempt?: number | undefined
}

/** A failure that is told as it comes. */
export const refuse = <E extends SqlError>(hooks: Hooks | undefined, error: E, about: About): Effect.Effect<never, E> =>
  Effect.suspend(() => {
    hooks?.tell(error, about)
    return Effect.fail(error)
  })

export class Hooks {
  private constructor(
    private readonly all: ReadonlyArray<Hook>,
    private readonly subject: Subject,
    private readonly dialect: Dialect | undefined,
    private readonly runtime: Runtime.Runtime<never>
  ) {}

  /** The hooks of a runtime; `undefined` where it has none. */
  static of(subject: Subject, dialect: Dialect | undefined, runtime: Runtime.Runtime<never>): Hooks | undefined {
    const all = [...runtime.context.unsafeMap].filter(([key]) => key.startsWith(prefix)).map(([, hook]) => hook as Hook)
    return all.length === 0 ? undefined : new Hooks(all, subject, dialect, runtime)
  }

  /** Tells why something failed, unless it was interrupted, or failed with what is no SqlError. */
  failed(cause: Cause.Cause<unknown>, about: About): void {
    if (Cause.isInterrupted(cause)) return
    const failure = Cause.failureOption(cause)
    if (Option.isSome(failure) && isSqlError(failure.value)) this.tell(failure.value, about)
  }

  /** Tells an error. */
  tell(error: SqlError, { attempt: nth, connection, label, phase, query }: About): void {
    if (told.has(error)) return
    const fiber = Option.getOrUndefined(Fiber.getCurrentFiber())
    if (fiber?.getFiberRef(isHook) === true) return
    told.add(error)
    const { dialect } = this
    const event: Event = {
      error,
      phase: error.reason.operation ?? phase,
      get statement() {
        const { statement } = error.reason
        // Of statements that are sent together the error knows which one it was.
        const isOther = statement !== undefined && statement !== query?.sql
        return query === undefined || dialect === undefined || isOther ? statement : preview(query.sql, query.params, dialect, undefined)
      },
      label,
      dialect: dialect?.name ?? "unknown",
      connection: connection === undefined ? undefined : { id: connection.id, endpoint: connection.endpoint },
      pool: { name: this.subject.name, ...this.subject.counts() },
      attempt: nth ?? fiber?.getFiberRef(attempt) ?? 1
    }
    const run = Runtime.runFork(fiber === undefined ? this.runtime : this.beside(fiber))
    for (const hook of this.all) {
      run(Effect.locally(Effect.catchAllCause(Effect.suspend(() => hook(event)), (cause) => Effect.logDebug("an ErrorHook failed", cause)), isHook, true))
    }
  }

  // The fiber's annotations and its span, and not its context, which holds its transaction.
  private beside(fiber: Fiber.RuntimeFiber<unknown, unknown>): Runtime.Runtime<never> {
    const { context, runtimeFlags } = this.runtime
    const span = fiber.currentSpan
    return Runtime.make({
      context: span === undefined ? context : Context.add(context, Tracer.ParentSpan, span) as Context.Context<never>,
      fiberRefs: fiber.getFiberRefs(),
      runtimeFlags
    })
  }
}
