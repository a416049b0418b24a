/**
 * Lanes: leases that single statements share, each sent without waiting for the answers before it.
 *
 * A lane is an ordinary lease that others may join while it is out, and it goes back to the pool when the last of them is
 * answered: so age, failover, closing and those who need a connection for themselves find nothing special. Whoever waits in
 * the pool's queue comes first, a transaction as well as a statement (law P1). It cancels nothing itself: a lane that was
 * left early takes no more, and the connection is settled when nobody wants an answer of it. Made by `Lending`, called by the path
 * of every query.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { Connection } from "../../Connection.js"
import type { SqlError } from "../../SqlError.js"
import type { Hooks } from "../errorHook/Hooks.js"
import type { Lending, Restore } from "./Lending.js"
import type { Entry } from "./State.js"

/** Milliseconds without an answer, after which nobody more is sent behind whatever takes so long. */
const patience = 20

export class Lanes<C extends Connection> {
  private readonly open: Array<Entry<C>> = []
  /** What becomes of a lane when it comes back, where it was not left in good order. */
  private readonly doubts = new Map<Entry<C>, "settle" | "destroy">()

  constructor(private readonly lending: Lending<C>, private readonly most: number) {
    lending.state.lanes = most
  }

  /** Those of the pool. */
  get hooks(): Hooks | undefined {
    return this.lending.hooks
  }

  /** A place for a statement at once: a lane of its own where there may be one more, else behind others. */
  take(): Entry<C> | undefined {
    const { lending } = this
    if (lending.state.waiting > 0 || lending.state.closed) return undefined
    const entry = this.open.length < this.most ? lending.take() : undefined
    if (entry !== undefined) return this.begin(entry)
    const lane = this.roomiest()
    if (lane !== undefined) {
      this.join(lane)
      lending.counters.acquired++
      return lane
    }
    const spare = lending.take()
    return spare === undefined ? undefined : this.begin(spare)
  }

  /** The long way, as `Lending.acquire`. */
  acquire(restore: Restore): Effect.Effect<Entry<C>, SqlError> {
    // One that was let onto a lane is counted there already.
    return Effect.map(this.lending.acquire(restore, undefined, "sharing"), (entry) => entry.riders > 0 ? entry : this.begin(entry))
  }

  private begin(entry: Entry<C>): Entry<C> {
    const { lending } = this
    const room = roomOf(entry)
    entry.riders = 1
    entry.checkedAt = lending.now
    if (room > 1 && this.open.length < this.most) {
      entry.isLane = true
      this.open.push(entry)
      lending.state.lanes--
      lending.state.laneRoom = room
      this.admit(entry)
    }
    return entry
  }

  private join(lane: Entry<C>): void {
    lane.riders++
    this.lending.counters.pipelined++
  }

  /** Of the lanes that take more, the one with the fewest. Those that are not what they were are closed by the way. */
  private roomiest(): Entry<C> | undefined {
    const { now, state } = this.lending
    let best: Entry<C> | undefined
    for (let i = this.open.length - 1; i >= 0; i--) {
      const lane = this.open[i]!
      if (now - lane.checkedAt > patience || !state.isCurrent(lane, now)) this.close(lane)
      else if (lane.riders < roomOf(lane) && (best === undefined || lane.riders < best.riders)) best = lane
    }
    return best
  }

  // Those who wait, in their order, and nobody behind one who needs a connection alone: the lane runs dry for that one.
  private admit(lane: Entry<C>): void {
    const room = roomOf(lane)
    while (lane.riders < room) {
      const waiter = this.lending.state.nextSharing()
      if (waiter === undefined) return
      this.join(lane)
      waiter.entry = lane
      waiter.wake()
    }
  }

  private close(lane: Entry<C>): void {
    if (!lane.isLane) return
    const { lending } = this
    lane.isLane = false
    this.open.splice(this.open.indexOf(lane), 1)
    lending.state.lanes++
    // Those who wait may need another.
    if (lending.state.waiting > 0) lending.restock()
  }

  // ---- leaving ----

  /** A statement was answered. */
  release(entry: Entry<C>): void {
    const { lending } = this
    const now = lending.now
    entry.checkedAt = now
    if (--entry.riders === 0) return this.giveBack(entry)
    if (!entry.isLane) return
    if (lending.state.isCurrent(entry, now)) this.admit(entry)
    else this.close(entry)
  }

  /** Nobody waits for a statement's answer any more. Stopping it would stop the one behind it as well. */
  abandon(entry: Entry<C>): void {
    this.leave(entry, "settle")
  }

  /** A statement left the connection in doubt. */
  distrust(entry: Entry<C>): void {
    this.leave(entry, "destroy")
  }

  private leave(entry: Entry<C>, doubt: "settle" | "destroy"): void {
    if (this.doubts.get(entry) !== "destroy") this.doubts.set(entry, doubt)
    this.close(entry)
    if (--entry.riders === 0) this.giveBack(entry)
  }

  private giveBack(entry: Entry<C>): void {
    const { doubts, lending } = this
    this.close(entry)
    const doubt = doubts.get(entry)
    if (doubt === undefined) return lending.release(entry)
    doubts.delete(entry)
    if (doubt === "settle") lending.abandon(entry)
    else lending.distrust(entry)
  }
}

const roomOf = (entry: Entry<Connection>): number => entry.connection.maxInFlight ?? 1
