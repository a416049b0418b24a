/**
 * Replicas: where a statement goes that only reads. To a replica that is well, in turn; to the primary where none is, where
 * the fiber has written, and where it is told to.
 *
 * It runs nothing: it lends. What a statement's words say is known before (`SqlScript`), and a transaction never comes
 * here. Made by `Database.withReplicas`, called by `run`.
 *
 * @internal
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import type { Connection } from "../Connection.js"
import type { Pool } from "../Pool.js"
import type { SqlError } from "../SqlError.js"
import type { Lending, Restore } from "./pool/Lending.js"
import type { Entry } from "./pool/State.js"

/** A connection, and the pool that it goes back to. */
export interface Lease {
  readonly lending: Lending<Connection>
  readonly entry: Entry<Connection>
}

/** What is known of a statement that is to be sent. */
interface Statement {
  readonly query: { readonly readOnly: boolean }
  readonly leavesState: boolean
}

/** Whether a fiber's reads are to go to the primary, of whatever database. */
export const onPrimary: FiberRef.FiberRef<boolean> = globalValue("@sluice/core/onPrimary", () => FiberRef.unsafeMake(false))

class Replica {
  coolsUntil = Number.NEGATIVE_INFINITY
  isAsked = false

  constructor(readonly pool: Pool) {}
}

export class Replicas {
  private readonly all: ReadonlyArray<Replica>
  private next = 0
  /** When a fiber wrote last. What a child wrote its parent must see, once they have joined. */
  private readonly wroteAt = FiberRef.unsafeMake(Number.NEGATIVE_INFINITY, { join: (own, child) => Math.max(own, child) })

  constructor(
    readonly pools: ReadonlyArray<Pool>,
    private readonly coolDown: number,
    /** For so long after a write a fiber reads from the primary. */
    private readonly sticky: number,
    private readonly clock: Clock.Clock
  ) {
    this.all = pools.map((pool) => new Replica(pool))
  }

  private get now(): number {
    return this.clock.unsafeCurrentTimeMillis()
  }

  /** Runs what may write; from then on the fiber reads from the primary. */
  writing<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const wrote = Effect.suspend(() => FiberRef.set(this.wroteAt, this.now))
    return Effect.zipRight(wrote, Number.isFinite(this.sticky) ? Effect.ensuring(effect, wrote) : effect)
  }

  /** Whether a fiber's reads go to the primary: it says so, or it has written. */
  isBound(fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean {
    return fiber.getFiberRef(onPrimary) || this.now - fiber.getFiberRef(this.wroteAt) < this.sticky
  }

  /** A connection for a statement outside of a transaction: of a replica, else of the primary. One deadline for both. */
  lease(primary: Lending<Connection>, statement: Statement, restore: Restore): Effect.Effect<Lease, SqlError> {
    return Effect.withFiberRuntime((fiber) => {
      const deadline = this.now + primary.settings.acquireTimeout
      // One that leaves something on its session (a lock, a variable) is no plain read.
      const mayRead = statement.query.readOnly && !statement.leavesState && !this.isBound(fiber)
      return this.attempt(mayRead ? this.all.length : 0, primary, deadline, restore)
    })
  }

  private attempt(left: number, primary: Lending<Connection>, deadline: number, restore: Restore): Effect.Effect<Lease, SqlError> {
    const replica = left === 0 ? undefined : this.choose()
    if (replica === undefined) return leased(primary, restore, deadline, "plain")
    return Effect.catchIf(leased(replica.pool.lending, restore, deadline, "impatient"), (error) => this.isDead(replica, error), (error) => {
      this.cool(replica, error)
      return this.attempt(left - 1, primary, deadline, restore)
    })
  }

  /** The next one that is well. One whose cool-down is over is asked first, and not by somebody's read. */
  private choose(): Replica | undefined {
    const { length } = this.all
    for (let i = 0; i < length; i++) {
      const replica = this.all[(this.next + i) % length]!
      if (replica.coolsUntil === Number.NEGATIVE_INFINITY) {
        this.next = (this.next + i + 1) % length
        return replica
      }
      if (this.now >= replica.coolsUntil && !replica.isAsked) this.ask(replica)
    }
    return undefined
  }

  private ask(replica: Replica): void {
    replica.isAsked = true
    const { lending } = replica.pool
    const asked = Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(leased(lending, restore, this.now + lending.settings.acquireTimeout, "impatient"), ({ entry }) =>
        Effect.onExit(restore(entry.connection.ping), (exit) =>
          Effect.sync(() => Exit.isSuccess(exit) ? lending.release(entry) : lending.discard(entry, "destroy")))))
    lending.fork(Effect.map(Effect.exit(asked), (exit) => {
      replica.isAsked = false
      replica.coolsUntil = Exit.isSuccess(exit) ? Number.NEGATIVE_INFINITY : this.now + this.coolDown
    }))
  }

  // A busy replica is not dead: its reads would bring down the primary as well. A wrong password is nobody's cool-down.
  private isDead(replica: Replica, error: SqlError): boolean {
    const { state } = replica.pool.lending
    const { _tag } = error.reason
    return _tag === "ConnectionError" || _tag === "ClosedError" || (_tag === "PoolTimeoutError" && state.size === state.connecting)
  }

  private cool(replica: Replica, error: SqlError): void {
    if (replica.coolsUntil === Number.NEGATIVE_INFINITY) {
      replica.pool.lending.fork(Effect.logWarning(`${replica.pool.name}: the replica cannot be reached, reads go elsewhere: ${error.reason.message}`))
    }
    replica.coolsUntil = this.now + this.coolDown
  }
}

const leased = (lending: Lending<Connection>, restore: Restore, deadline: number, kind: "plain" | "impatient"): Effect.Effect<Lease, SqlError> => {
  const entry = lending.take()
  return entry === undefined ? Effect.map(lending.acquire(restore, deadline, kind), (entry) => ({ lending, entry })) : Exit.succeed({ lending, entry })
}
