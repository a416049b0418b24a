/**
 * Seeking: how one connection comes from several hosts. It tries them in order, asks each for its role, and keeps what
 * will do.
 *
 * Which host comes next is not its decision (that is `Known`). A host of which nothing good is known is asked by one
 * connecting at a time, and the others wait for the answer: a failover is no stampede. Called by `Hosts`.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Random from "effect/Random"
import type { Connection } from "../../Connection.js"
import type { Options, Role, TargetSessionAttrs } from "../../Hosts.js"
import * as Reason from "../../Reason.js"
import * as SqlError from "../../SqlError.js"
import { bounded } from "../../Bounded.js"
import type { Hosts, Known } from "./Known.js"

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

interface Place<E> {
  readonly host: Known<E>
  readonly epoch: number
}

/** What one host answered: a connection that will do, one that will not (or none, when another asked), or a failure. */
type Visit<C> =
  | { readonly _tag: "fit"; readonly connection: C }
  | { readonly _tag: "misfit"; readonly connection: C | undefined }
  | { readonly _tag: "failed"; readonly error: SqlError.SqlError }

export class Seeking<C extends Connection, E> {
  private readonly places = new WeakMap<C, Place<E>>()

  constructor(
    private readonly options: Pick<Options<C, E>, "name" | "connect" | "role">,
    private readonly hosts: Hosts<E>,
    /** Milliseconds for all hosts together; may be infinite. */
    private readonly budget: number,
    private readonly clock: Clock.Clock,
    /** Called when connections are out of date, with a sentence that says why. */
    private readonly outdated: (why: string) => void
  ) {}

  private get now(): number {
    return this.clock.unsafeCurrentTimeMillis()
  }

  /** Whether a connection's host is still what it was when it was opened. */
  isCurrent(connection: C): boolean {
    const place = this.places.get(connection)
    return place === undefined || place.epoch === place.host.epoch
  }

  /** One connection, to the first host that will do. `opened` gets it, too: what was chosen is not lost to an interruption. */
  readonly connect = (opened: (connection: C) => void): Effect.Effect<C, SqlError.SqlError> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const spares: Array<C> = []
        return Effect.onExit(Effect.tap(this.seek(restore, spares), (chosen) => Effect.sync(() => opened(chosen))), (exit) =>
          Effect.forEach(spares.filter((spare) => !Exit.isSuccess(exit) || exit.value !== spare), closed, { discard: true }))
      })
    )

  // A spare is what will do if nothing better is found: a primary where a standby is preferred.
  private seek(restore: Restore, spares: Array<C>): Effect.Effect<C, SqlError.SqlError> {
    const { hosts } = this
    return Effect.gen(this, function*() {
      const deadline = this.now + this.budget
      const order = hosts.order(hosts.spreads ? [...(yield* Random.shuffle(hosts.all))] : hosts.all, this.now)
      const said: Array<string> = []
      const failures: Array<SqlError.SqlError> = []
      for (const [index, host] of order.entries()) {
        if (spares.length > 0 && host.verdict === "failed" && host.isCooling(this.now)) continue
        // Each host gets its share of what is left, so that a mute one does not take the others' time.
        const visit = yield* this.visit(restore, host, (deadline - this.now) / (order.length - index))
        if (visit._tag === "fit") return visit.connection
        if (visit._tag === "failed") {
          const { message } = visit.error.reason
          if (!movesOn(visit.error)) return yield* Effect.fail(order.length === 1 ? visit.error : SqlError.make(Reason.prefixed(visit.error.reason, `${host.label}: `)))
          said.push(message.includes(host.label) ? message : `${host.label}: ${message}`)
          failures.push(visit.error)
          continue
        }
        said.push(`${host.label} is ${roles[hosts.target].found}`)
        if (visit.connection === undefined) continue
        if (hosts.target === "prefer-standby" && spares.length === 0) spares.push(visit.connection)
        else yield* closed(visit.connection)
      }
      const [spare] = spares
      if (spare !== undefined) return spare
      const [only] = failures
      return yield* only !== undefined && order.length === 1 ? Effect.fail(only) : SqlError.fail(
        new Reason.ConnectionError({
          message: `${this.options.name}: no host is ${roles[hosts.target].wanted}: ${said.join("; ")}`,
          operation: "connect",
          outcome: "not-applied",
          // One with the wrong role may be promoted; what no second attempt can mend on any host, it cannot mend at all.
          isRetryable: failures.length < order.length || failures.some((error) => error.isRetryable),
          cause: failures.length === 0 ? undefined : new AggregateError(failures, "what the hosts said")
        })
      )
    })
  }

  // To a host that is known to answer everybody goes at once; to any other one at a time.
  private visit(restore: Restore, host: Known<E>, limit: number): Effect.Effect<Visit<C>> {
    return Effect.suspend((): Effect.Effect<Visit<C>> => {
      if (this.hosts.answers(host)) return this.ask(restore, host, limit)
      const { probe } = host
      if (probe !== undefined) return this.wait(restore, host, probe, limit)
      const own = Deferred.unsafeMake<void>(FiberId.none)
      host.probe = own
      return Effect.ensuring(this.ask(restore, host, limit), Effect.sync(() => {
        host.probe = undefined
        Deferred.unsafeDone(own, Exit.void)
      }))
    })
  }

  private wait(restore: Restore, host: Known<E>, probe: Deferred.Deferred<void>, limit: number): Effect.Effect<Visit<C>> {
    const start = this.now
    const answered = Effect.either(bounded<void, SqlError.SqlError>(Deferred.await(probe), Math.max(1, limit), () => late(limit)))
    return Effect.flatMap(restore(answered), (answered) => {
      if (answered._tag === "Left") return Effect.succeed<Visit<C>>({ _tag: "failed", error: answered.left })
      if (host.isCooling(this.now) && !this.hosts.answers(host)) {
        if (host.verdict === "misfit") return Effect.succeed<Visit<C>>({ _tag: "misfit", connection: undefined })
        if (host.failure !== undefined) return Effect.succeed<Visit<C>>({ _tag: "failed", error: host.failure })
      }
      // It will do; or who asked was interrupted, and somebody else asks now.
      return this.visit(restore, host, limit - (this.now - start))
    })
  }

  private ask(restore: Restore, host: Known<E>, limit: number): Effect.Effect<Visit<C>> {
    const { epoch } = host
    let got: C | undefined
    const held = (connection: C): void => {
      got = connection
    }
    const asked = Effect.flatMap(
      // Held as soon as it is there: a timeout at the same moment must not lose it.
      Effect.uninterruptibleMask((inner) => Effect.tap(inner(this.options.connect(host.endpoint, this.demoted(host, epoch), held)), (connection) => Effect.sync(() => held(connection)))),
      (connection) => this.hosts.target === "any" ? Effect.succeed([connection, either] as const) : Effect.map(this.options.role(connection), (role) => [connection, role] as const)
    )
    // No `bounded`: a host that is given up is waited for, and a connection that it brings in its last step is closed.
    const timed = Number.isFinite(limit)
      ? Effect.timeoutFail(Effect.interruptible(asked), { duration: Math.max(1, limit), onTimeout: () => late(limit) })
      : asked
    return Effect.matchCauseEffect(restore(timed), {
      onSuccess: ([connection, role]) => Effect.sync(() => this.judged(host, epoch, connection, role)),
      onFailure: (cause) => {
        const given = got === undefined ? Effect.void : Effect.ignore(got.close("destroy"))
        if (Cause.isInterrupted(cause)) return Effect.zipRight(given, Effect.failCause(cause as Cause.Cause<never>))
        const error = failureOf(cause)
        this.hosts.fails(host, error, this.now)
        return Effect.as(given, { _tag: "failed", error } as const)
      }
    })
  }

  private judged(host: Known<E>, epoch: number, connection: C, role: Role): Visit<C> {
    const { hosts } = this
    this.places.set(connection, { host, epoch })
    if (!hosts.suits(role)) {
      if (hosts.misfits(host, this.now)) this.outdated(`${host.label} is ${roles[hosts.target].found}`)
      return { _tag: "misfit", connection }
    }
    const before = hosts.leader
    if (hosts.fits(host)) this.outdated(`${host.label} is the primary, ${before?.label ?? "another"} was it before`)
    return { _tag: "fit", connection }
  }

  // What a connection calls when a statement was refused because the server has become read-only.
  private demoted(host: Known<E>, epoch: number): (() => void) | undefined {
    return this.hosts.wantsWrites ? () => {
      if (host.epoch !== epoch) return
      if (this.hosts.misfits(host, this.now)) this.outdated(`${host.label} has become read-only`)
    } : undefined
  }
}

const closed = (connection: Connection): Effect.Effect<void> => Effect.ignore(connection.close("graceful"))

/** What is not asked is not held against it. */
const either: Role = { isReadOnly: false, isStandby: false }

const roles: Readonly<Record<TargetSessionAttrs, { readonly wanted: string; readonly found: string }>> = {
  any: { wanted: "there", found: "there" },
  "read-write": { wanted: "read-write", found: "read-only" },
  "read-only": { wanted: "read-only", found: "read-write" },
  primary: { wanted: "a primary", found: "a standby" },
  standby: { wanted: "a standby", found: "a primary" },
  "prefer-standby": { wanted: "there", found: "a primary" }
}

/**
 * Whether the next host may do better. A wrong password or a database that is not there it would say as well, and a
 * second refused login is one more towards the lock of an account: libpq's manual, "Specifying Multiple Hosts", does not try the rest either.
 */
const movesOn = (error: SqlError.SqlError): boolean => error.isRetryable || error.reason._tag === "ConnectionError"

const late = (limit: number): SqlError.SqlError =>
  SqlError.make(new Reason.ConnectionError({
    message: `no answer within ${Math.max(1, Math.round(limit))} ms, its share of acquireTimeout`,
    operation: "connect",
    outcome: "not-applied"
  }))

const failureOf = (cause: Cause.Cause<SqlError.SqlError>): SqlError.SqlError => {
  const failure = Cause.failureOption(cause)
  return failure._tag === "Some" ? failure.value : SqlError.refine(Cause.squash(cause))
}
