/**
 * The pool's state: who waits, what is idle, what is lent. It only decides.
 *
 * There is no effect, no clock and no connection work in it: every method is synchronous, and time comes in as an
 * argument. `Pool` acts on its answers, and the property tests drive this same object.
 *
 * @internal
 */

import type { SqlError } from "../../SqlError.js"

/** One connection's place in the pool. It is lent as it is: an idle hit allocates nothing. */
export class Entry<C> {
  status: "idle" | "lent" | "gone" = "lent"
  idleSince = 0
  /** When it last answered, to a borrower or to a ping. */
  checkedAt = 0
  lentAt = 0
  /** The session may not be as it was opened: it is reset before it is lent again. */
  dirty = false
  /** Where the borrower took it; filled only when leaks are looked for. */
  place: string | undefined = undefined
  reported = false
  /** Statements that share this lease. */
  riders = 0
  /** It takes more of them. */
  isLane = false

  constructor(
    readonly connection: C,
    readonly createdAt: number,
    readonly expiresAt: number,
    public generation: number
  ) {
    this.idleSince = createdAt
    this.checkedAt = createdAt
  }
}

/** A queued borrower. The pool fills `entry` before it wakes it, so that an interruption loses nothing. */
export class Waiter<C> {
  entry: Entry<C> | undefined = undefined
  /** Why it gets none; filled before it is woken. */
  failure: SqlError | undefined = undefined
  queue: Queue<C> | undefined = undefined
  before: Waiter<C> | undefined = undefined
  behind: Waiter<C> | undefined = undefined
  constructor(
    readonly deadline: number,
    public wake: () => void,
    /**
     * `impatient`: it has somewhere else to go, and waits for a connection that is being opened, and not for the next attempt.
     * `sharing`: it is a single statement, which a lane will do for.
     */
    readonly kind: "plain" | "impatient" | "sharing" = "plain"
  ) {}
}

/** Borrowers in their order, as a linked list: joining and leaving are what a contended pool does most. */
class Queue<C> {
  head: Waiter<C> | undefined = undefined
  private tail: Waiter<C> | undefined = undefined
  size = 0
  sharing = 0

  // By deadline, which is by arrival: one that has waited for another pool before stands where it would if it had come here.
  add(waiter: Waiter<C>): void {
    let before = this.tail
    while (before !== undefined && before.deadline > waiter.deadline) before = before.before
    const behind = before === undefined ? this.head : before.behind
    waiter.queue = this
    waiter.before = before
    waiter.behind = behind
    if (before === undefined) this.head = waiter
    else before.behind = waiter
    if (behind === undefined) this.tail = waiter
    else behind.before = waiter
    this.size++
    if (waiter.kind === "sharing") this.sharing++
  }

  delete(waiter: Waiter<C>): void {
    if (waiter.before === undefined) this.head = waiter.behind
    else waiter.before.behind = waiter.behind
    if (waiter.behind === undefined) this.tail = waiter.before
    else waiter.behind.before = waiter.before
    waiter.queue = waiter.before = waiter.behind = undefined
    this.size--
    if (waiter.kind === "sharing") this.sharing--
  }
}

export interface Limits {
  readonly max: number
  readonly min: number
  readonly minIdle: number
}

export class State<C> {
  readonly idle: Array<Entry<C>> = []
  readonly lent = new Set<Entry<C>>()
  /** Those who had been given a connection that turned out dead; they stand before all others. */
  private readonly first = new Queue<C>()
  private readonly queue = new Queue<C>()
  connecting = 0
  retired = 0
  generation = 0
  closed = false
  /** Lanes that may still be opened, and how many statements each of them takes. */
  lanes = 0
  laneRoom = 1

  constructor(readonly limits: Limits, private readonly isAlive: (connection: C) => boolean) {}

  get waiting(): number {
    return this.first.size + this.queue.size
  }

  get size(): number {
    return this.idle.length + this.lent.size + this.connecting
  }

  /** Whether this connection may still be lent. */
  isCurrent(entry: Entry<C>, now: number): boolean {
    return entry.generation === this.generation && now < entry.expiresAt && this.isAlive(entry.connection)
  }

  /** An idle connection, the last one used first; none while others wait (law P1). */
  take(now: number): Entry<C> | undefined {
    if (this.waiting > 0) return undefined
    const entry = this.idle.pop()
    if (entry === undefined) return undefined
    this.lend(entry, now)
    return entry
  }

  private lend(entry: Entry<C>, now: number): void {
    entry.status = "lent"
    entry.lentAt = now
    this.lent.add(entry)
  }

  /** `ahead`: it had been given a connection that turned out dead, and stands before all others. */
  wait(waiter: Waiter<C>, ahead: boolean): void {
    if (ahead) this.first.add(waiter)
    else this.queue.add(waiter)
  }

  leave(waiter: Waiter<C>): void {
    waiter.queue?.delete(waiter)
  }

  /** The earliest deadline of a waiting borrower. Whoever stands ahead has waited before, so both queues are in order. */
  nextDeadline(): number | undefined {
    const deadlines = [this.first.head, this.queue.head].flatMap((waiter) => waiter === undefined ? [] : [waiter.deadline])
    return deadlines.length === 0 ? undefined : Math.min(...deadlines)
  }

  /** Takes the borrowers whose deadline has passed out of the queue. */
  overdue(now: number): ReadonlyArray<Waiter<C>> {
    return this.leaving((waiter) => waiter.deadline <= now)
  }

  /** Takes every borrower out of the queue. */
  dismiss(): ReadonlyArray<Waiter<C>> {
    return this.leaving(() => true)
  }

  /** Takes those out of the queue who have somewhere else to go. */
  dismissImpatient(): ReadonlyArray<Waiter<C>> {
    const out: Array<Waiter<C>> = []
    for (const queue of [this.first, this.queue]) {
      for (let waiter = queue.head; waiter !== undefined; waiter = waiter.behind) if (waiter.kind === "impatient") out.push(waiter)
    }
    for (const waiter of out) this.leave(waiter)
    return out
  }

  private leaving(test: (waiter: Waiter<C>) => boolean): ReadonlyArray<Waiter<C>> {
    const out: Array<Waiter<C>> = []
    for (const queue of [this.first, this.queue]) {
      for (let waiter = queue.head; waiter !== undefined && test(waiter); waiter = queue.head) {
        queue.delete(waiter)
        out.push(waiter)
      }
    }
    return out
  }

  /**
   * How many connections to open now: as many as borrowers wait for beyond those being opened, or as `min` and
   * `minIdle` lack, and never above `max` (law P2).
   */
  demand(): number {
    if (this.closed) return 0
    const sharing = this.first.sharing + this.queue.sharing
    const fitting = this.lanes * this.laneRoom
    const forSharing = sharing <= fitting ? Math.ceil(sharing / this.laneRoom) : this.lanes + sharing - fitting
    const forWaiters = this.waiting - sharing + forSharing - this.connecting
    const forMin = this.limits.min - this.size
    const forIdle = this.limits.minIdle - (this.idle.length + this.connecting)
    // Connections that are taken out and do not end (a step that cannot be stopped) are replaced, but not for ever.
    const room = Math.min(this.limits.max, 2 * this.limits.max - this.retired) - this.size
    return Math.max(0, Math.min(Math.max(forWaiters, forMin, forIdle), room))
  }

  opening(): void {
    this.connecting++
  }

  openFailed(): void {
    this.connecting--
  }

  /** One that was opened is not to be lent: retired until `ended`. */
  openedInVain(): void {
    this.connecting--
    this.retired++
  }

  opened(connection: C, now: number, expiresAt: number, generation: number): Entry<C> {
    this.connecting--
    const entry = new Entry(connection, now, expiresAt, generation)
    this.lent.add(entry)
    return entry
  }

  /** Hands a lent connection to the first borrower in the queue, else to the idle ones. */
  give(entry: Entry<C>, now: number): Waiter<C> | undefined {
    const waiter = this.first.head ?? this.queue.head
    if (waiter === undefined) {
      this.lent.delete(entry)
      entry.status = "idle"
      entry.idleSince = now
      entry.checkedAt = now
      this.idle.push(entry)
      return undefined
    }
    this.leave(waiter)
    entry.lentAt = now
    waiter.entry = entry
    return waiter
  }

  /** Takes the first borrower out of the queue where a lane will do for it; nobody passes one that it will not do for. */
  nextSharing(): Waiter<C> | undefined {
    const waiter = this.first.head ?? this.queue.head
    if (waiter?.kind !== "sharing") return undefined
    this.leave(waiter)
    return waiter
  }

  /** Takes a connection out of the pool for good. It is counted as retired until `ended`. */
  remove(entry: Entry<C>): void {
    if (entry.status === "gone") return
    if (!this.lent.delete(entry)) this.idle.splice(this.idle.indexOf(entry), 1)
    entry.status = "gone"
    this.retired++
  }

  ended(): void {
    this.retired--
  }

  /** Idle connections that are to be closed: dead, too old, or idle for too long beyond `min` and `minIdle`. */
  stale(now: number, idleTimeout: number): ReadonlyArray<Entry<C>> {
    const out: Array<Entry<C>> = []
    let size = this.size
    let idle = this.idle.length
    for (const entry of this.idle) {
      const spare = size > this.limits.min && idle > this.limits.minIdle
      if (!this.isCurrent(entry, now) || (spare && now - entry.idleSince >= idleTimeout)) {
        out.push(entry)
        size--
        idle--
      }
    }
    return out
  }

  /** Takes the idle connections that were neither used nor pinged for `keepAlive`, to be pinged and given back. */
  quiet(now: number, keepAlive: number): ReadonlyArray<Entry<C>> {
    const out = this.idle.filter((entry) => now - entry.checkedAt >= keepAlive)
    for (const entry of out) {
      this.idle.splice(this.idle.indexOf(entry), 1)
      this.lend(entry, now)
    }
    return out
  }

  /** From here on this connection is not lent again. */
  outdate(entry: Entry<C>): void {
    entry.generation = past
  }

  /** From here on no connection opened before is lent again. */
  nextGeneration(): void {
    this.generation++
  }
}

/** A generation that never comes. */
const past = -1
