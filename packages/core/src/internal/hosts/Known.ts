/**
 * What is known of the hosts of one database: which will do, which cool down, and whose connections are out of date.
 *
 * It only decides: there is no effect and no clock in it, time comes in as an argument. `Seeking` acts on its answers.
 *
 * @internal
 */
import type * as Deferred from "effect/Deferred"
import type { Role, TargetSessionAttrs } from "../../Hosts.js"
import type { SqlError } from "../../SqlError.js"

/** One host. Its connections are of its epoch; those of an earlier one are not lent any more. */
export class Known<E> {
  /** `fit` and `misfit` by its role, `failed` where it could not be asked. */
  verdict: "unknown" | "fit" | "misfit" | "failed" = "unknown"
  /** Why it could not be asked. */
  failure: SqlError | undefined = undefined
  /** Until then it is asked after all others. */
  coolsUntil = Number.NEGATIVE_INFINITY
  epoch = 0
  /** A connection of it was handed out since its epoch began. */
  isUsed = false
  /** Somebody asks it, and whoever else wants to waits for that answer. */
  probe: Deferred.Deferred<void> | undefined = undefined

  constructor(readonly endpoint: E, readonly label: string) {}

  isCooling(now: number): boolean {
    return now < this.coolsUntil
  }
}

export class Hosts<E> {
  /** The host that answered last as the primary, where there is one primary only. */
  leader: Known<E> | undefined = undefined

  constructor(
    readonly all: ReadonlyArray<Known<E>>,
    readonly target: TargetSessionAttrs,
    /** Any of several may serve: one that answers says nothing about the others. */
    readonly spreads: boolean,
    readonly coolDown: number
  ) {}

  /** Whether a statement that is refused as read-only means that the host has lost the role it was chosen for. */
  get wantsWrites(): boolean {
    return this.target === "primary" || this.target === "read-write"
  }

  /**
   * The hosts in the order in which they are to be tried: as they are given, but the primary that serves before all, since
   * another that says so may be one that was cut off and does not know yet; and behind all others those that cool down.
   * Among those, one with the wrong role comes first: it answers at once, and it may have been promoted.
   */
  order(given: ReadonlyArray<Known<E>>, now: number): ReadonlyArray<Known<E>> {
    const rank = (host: Known<E>) =>
      host.isCooling(now) ? host.verdict === "misfit" ? 2 : 3 : host === this.leader && host.verdict === "fit" ? 0 : 1
    return [0, 1, 2, 3].flatMap((wanted) => given.filter((host) => rank(host) === wanted))
  }

  /** Whether a host is known to answer, so that many may go to it at once. */
  answers(host: Known<E>): boolean {
    return host.verdict === "fit" || (host.verdict === "misfit" && this.target === "prefer-standby")
  }

  /** Whether a server of this role will do. */
  suits(role: Role): boolean {
    return suits(this.target, role)
  }

  /** It was reached and will do. `true`: another was the primary before, and its connections are out of date. */
  fits(host: Known<E>): boolean {
    host.verdict = "fit"
    host.coolsUntil = Number.NEGATIVE_INFINITY
    host.isUsed = true
    if (!this.wantsWrites || this.spreads || this.leader === host) return false
    const isFailover = this.leader !== undefined
    this.leader = host
    if (!isFailover) return false
    for (const other of this.all) if (other !== host) this.retire(other)
    return true
  }

  /** It was reached and has the wrong role. `true`: connections to it are lent or idle, and out of date now. */
  misfits(host: Known<E>, now: number): boolean {
    const isSwitch = host.verdict === "fit"
    host.verdict = "misfit"
    host.coolsUntil = now + this.coolDown
    // A preference is no promise: a connection that serves stays.
    if (this.target === "prefer-standby") return false
    if (isSwitch) {
      // Roles are exchanged: what was known of the others' is out of date, too.
      for (const other of this.all) if (other !== host && other.verdict === "misfit") this.forget(other)
    }
    const wasUsed = host.isUsed
    this.retire(host)
    return wasUsed
  }

  /** It could not be reached, or not asked. Its connections may be good all the same. */
  fails(host: Known<E>, failure: SqlError, now: number): void {
    host.verdict = "failed"
    host.failure = failure
    host.coolsUntil = now + this.coolDown
  }

  private forget(host: Known<E>): void {
    host.verdict = "unknown"
    host.coolsUntil = Number.NEGATIVE_INFINITY
  }

  private retire(host: Known<E>): void {
    host.epoch++
    host.isUsed = false
    if (host.verdict === "fit") host.verdict = "unknown"
  }
}

/** Whether a server of this role will do. */
export const suits = (target: TargetSessionAttrs, role: Role): boolean => {
  switch (target) {
    case "any":
      return true
    case "read-write":
      return !role.isReadOnly
    case "read-only":
      return role.isReadOnly
    case "primary":
      return !role.isStandby
    case "standby":
    case "prefer-standby":
      return role.isStandby
  }
}
