/**
 * The pool's own state object, driven by random commands beside a model.
 *
 * It is the object that the pool runs on, not a copy: what holds here for every order of events holds there. Commands
 * call it the way `Lending` does: a borrower queues only after it found nothing idle.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { type Entry, State, Waiter } from "../src/internal/pool/State.js"

interface Socket {
  alive: boolean
}

type Command =
  | { readonly kind: "borrow"; readonly ahead: boolean; readonly patience: number; readonly shares: boolean }
  | { readonly kind: "lanes"; readonly lanes: number; readonly room: number }
  | { readonly kind: "admit" | "leave" | "give" | "die" | "discard"; readonly pick: number }
  | { readonly kind: "opened" | "openFailed" | "ended" | "stale" | "quiet" | "overdue" | "clear" | "nextGeneration" | "dismiss" }
  | { readonly kind: "tick"; readonly by: number }

const pick = fc.nat({ max: 1_000 })
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("borrow" as const), ahead: fc.constant(false), patience: fc.integer({ min: 5, max: 60 }), shares: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("borrow" as const), ahead: fc.constant(true), patience: fc.integer({ min: 5, max: 60 }), shares: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lanes" as const), lanes: fc.integer({ min: 0, max: 2 }), room: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constantFrom("admit" as const, "leave" as const, "give" as const, "give" as const, "die" as const, "discard" as const), pick }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom("opened" as const, "opened" as const, "openFailed" as const, "ended" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("stale" as const, "quiet" as const, "overdue" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("clear" as const, "nextGeneration" as const, "dismiss" as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("tick" as const), by: fc.integer({ min: 1, max: 30 }) }) }
)

const limits = fc.integer({ min: 1, max: 5 }).chain((max) =>
  fc.record({ max: fc.constant(max), min: fc.integer({ min: 0, max }), minIdle: fc.integer({ min: 0, max }) })
)

const idleTimeout = 40
const keepAlive = 25
const lifetime = 100
const patience = 50

/** The state, and beside it what must be true: who waits in which order, and who holds what. */
class Model {
  now = 0
  readonly first: Array<Waiter<Socket>> = []
  readonly queue: Array<Waiter<Socket>> = []
  readonly held: Array<Entry<Socket>> = []
  readonly everything: Array<Entry<Socket>> = []
  readonly woken: Array<Waiter<Socket>> = []
  connecting = 0
  retired = 0
  readonly state: State<Socket>

  constructor(readonly limits: { readonly max: number; readonly min: number; readonly minIdle: number }) {
    this.state = new State<Socket>(limits, (socket) => socket.alive)
  }

  private at<A>(list: ReadonlyArray<A>, pick: number): A | undefined {
    return list.length === 0 ? undefined : list[pick % list.length]
  }

  private forget(waiter: Waiter<Socket>): void {
    for (const list of [this.first, this.queue]) if (list.includes(waiter)) list.splice(list.indexOf(waiter), 1)
  }

  /** What `Lending.connectOnDemand` does. */
  open(): void {
    const { state } = this
    const before = state.size
    const demand = state.demand()
    assert.isAtMost(before + demand, this.limits.max, "P2: size <= max")
    // Law P2: nothing is opened that nobody waits for, beyond what min and minIdle lack.
    const wanted = Math.max(
      state.waiting - state.connecting,
      this.limits.min - before,
      this.limits.minIdle - state.idle.length - state.connecting,
      0
    )
    assert.isAtMost(demand, wanted, "P2: nothing is opened without demand")
    for (let n = 0; n < demand; n++) {
      state.opening()
      this.connecting++
    }
  }

  private give(entry: Entry<Socket>): void {
    const { state } = this
    if (state.closed || !state.isCurrent(entry, this.now)) return this.remove(entry)
    const expected = this.first[0] ?? this.queue[0]
    const waiter = state.give(entry, this.now)
    assert.strictEqual(waiter, expected, "P1: first come, first served")
    if (waiter === undefined) {
      if (this.held.includes(entry)) this.held.splice(this.held.indexOf(entry), 1)
      return
    }
    assert.strictEqual(waiter.entry, entry)
    this.forget(waiter)
    this.woken.push(waiter)
    if (!this.held.includes(entry)) this.held.push(entry)
  }

  private remove(entry: Entry<Socket>): void {
    this.state.remove(entry)
    this.retired++
    if (this.held.includes(entry)) this.held.splice(this.held.indexOf(entry), 1)
    this.open()
  }

  run(command: Command): void {
    const { state } = this
    switch (command.kind) {
      case "borrow": {
        for (let entry = state.take(this.now); entry !== undefined; entry = state.take(this.now)) {
          assert.strictEqual(this.first.length + this.queue.length, 0, "P1: no newcomer passes a waiter")
          assert.isFalse(this.held.includes(entry), "no connection is lent twice")
          if (state.isCurrent(entry, this.now)) {
            this.held.push(entry)
            return
          }
          this.remove(entry)
        }
        const waiter = new Waiter<Socket>(this.now + patience, () => {}, command.shares ? "sharing" : "plain")
        const list = command.ahead ? this.first : this.queue
        list.push(waiter)
        state.wait(waiter, command.ahead)
        return this.open()
      }
      case "leave": {
        const waiter = this.at([...this.first, ...this.queue], command.pick)
        if (waiter === undefined) return
        this.forget(waiter)
        return state.leave(waiter)
      }
      case "lanes": {
        state.lanes = command.lanes
        state.laneRoom = command.room
        return
      }
      case "admit": {
        // A lane has room: the first in the queue gets it, and nobody who stands behind one that needs a connection alone.
        const lane = this.at(this.held, command.pick)
        const first = this.first[0] ?? this.queue[0]
        if (lane === undefined) return
        const waiter = state.nextSharing()
        assert.strictEqual(waiter, first?.kind === "sharing" ? first : undefined, "P1: first come, first served, on lanes, too")
        if (waiter === undefined) return
        this.forget(waiter)
        waiter.entry = lane
        this.woken.push(waiter)
        return
      }
      case "give": {
        const entry = this.at(this.held, command.pick)
        return entry === undefined ? undefined : this.give(entry)
      }
      case "discard": {
        const entry = this.at(this.held, command.pick)
        return entry === undefined ? undefined : this.remove(entry)
      }
      case "die": {
        const entry = this.at(this.everything, command.pick)
        if (entry !== undefined) entry.connection.alive = false
        return
      }
      case "opened": {
        if (this.connecting === 0) return
        this.connecting--
        const entry = state.opened({ alive: true }, this.now, this.now + lifetime, state.generation)
        this.everything.push(entry)
        this.give(entry)
        return this.open()
      }
      case "openFailed": {
        if (this.connecting === 0) return
        this.connecting--
        return state.openFailed()
      }
      case "ended": {
        if (this.retired === 0) return
        this.retired--
        state.ended()
        return this.open()
      }
      case "stale": {
        for (const entry of state.stale(this.now, idleTimeout)) {
          assert.strictEqual(entry.status, "idle")
          assert.isTrue(!state.isCurrent(entry, this.now) || this.now - entry.idleSince >= idleTimeout)
          this.remove(entry)
        }
        return this.open()
      }
      case "quiet": {
        for (const entry of state.quiet(this.now, keepAlive)) {
          assert.isFalse(this.held.includes(entry), "no connection is pinged that is lent")
          this.held.push(entry)
          this.give(entry)
        }
        return
      }
      case "overdue": {
        const late = state.overdue(this.now)
        const expected = [...this.first, ...this.queue].filter((waiter) => waiter.deadline <= this.now)
        assert.deepStrictEqual(late.map((waiter) => waiter.deadline).toSorted(), expected.map((waiter) => waiter.deadline).toSorted())
        for (const waiter of late) this.forget(waiter)
        const next = state.nextDeadline()
        const earliest = [...this.first, ...this.queue].map((waiter) => waiter.deadline)
        assert.strictEqual(next, earliest.length === 0 ? undefined : Math.min(...earliest))
        return
      }
      case "clear":
        state.nextGeneration()
        for (const entry of [...state.idle]) this.remove(entry)
        return
      case "nextGeneration":
        return state.nextGeneration()
      case "dismiss": {
        assert.deepStrictEqual(state.dismiss(), [...this.first, ...this.queue])
        this.first.length = 0
        this.queue.length = 0
        return
      }
      case "tick":
        this.now += command.by
        return
    }
  }

  check(): void {
    const { limits, state } = this
    assert.strictEqual(state.size, state.idle.length + state.lent.size + state.connecting)
    assert.isAtMost(state.size, limits.max, "P2: size <= max")
    assert.isAtMost(state.size + state.retired, 2 * limits.max, "retired connections are replaced, but not for ever")
    assert.strictEqual(state.connecting, this.connecting)
    assert.strictEqual(state.retired, this.retired)
    assert.strictEqual(state.waiting, this.first.length + this.queue.length)
    assert.deepStrictEqual(new Set(state.lent), new Set(this.held))
    if (state.waiting > 0) assert.strictEqual(state.idle.length, 0, "P1: nothing is idle while somebody waits")
    for (const entry of this.everything) {
      const places = Number(state.idle.includes(entry)) + Number(state.lent.has(entry))
      assert.strictEqual(places, entry.status === "gone" ? 0 : 1)
      assert.strictEqual(state.idle.includes(entry), entry.status === "idle")
    }
    // Somebody is on the way to whoever waits, unless too many connections do not end.
    if (state.waiting > 0 && state.size === 0) assert.isTrue(state.demand() > 0 || state.retired >= 2 * limits.max)
  }

  /** Everyone comes back, everything ends. */
  finish(): void {
    const { state } = this
    while (this.connecting > 0) this.run({ kind: "openFailed" })
    for (const waiter of [...this.first, ...this.queue]) {
      this.forget(waiter)
      state.leave(waiter)
    }
    state.closed = true
    assert.strictEqual(state.demand(), 0, "a closed pool opens nothing")
    for (const entry of [...this.held]) this.give(entry)
    for (const entry of [...state.idle]) this.remove(entry)
    while (this.retired > 0) this.run({ kind: "ended" })
    this.check()
    assert.deepStrictEqual([state.size, state.waiting, state.retired, state.connecting], [0, 0, 0, 0])
    assert.isTrue(this.everything.every((entry) => entry.status === "gone"))
  }
}

describe("the pool's state", () => {
  it("P1, P2, P9: every order of events keeps the order of the queue, the bounds and the counts", () => {
    let runs = 0
    fc.assert(
      fc.property(limits, fc.array(command, { maxLength: 120 }), (limits, commands) => {
        runs++
        const model = new Model(limits)
        model.open()
        for (const command of commands) {
          model.run(command)
          model.check()
        }
        model.finish()
      }),
      { numRuns: 2_000 }
    )
    assert.strictEqual(runs, 2_000)
  })

  it("P2: min and minIdle are restored, and no more is opened", () => {
    const state = new State<Socket>({ max: 4, min: 1, minIdle: 2 }, () => true)
    assert.strictEqual(state.demand(), 2)
    const opened = [0, 1].map(() => {
      state.opening()
      return state.opened({ alive: true }, 0, 100, 0)
    })
    for (const entry of opened) state.give(entry, 0)
    assert.strictEqual(state.demand(), 0)
    state.take(1)
    assert.strictEqual(state.demand(), 1, "one of the two idle ones is lent")
    state.opening()
    assert.strictEqual(state.demand(), 0)
  })

  it("P6: what idles beyond min and minIdle is stale, the one that idles longest first", () => {
    const state = new State<Socket>({ max: 4, min: 1, minIdle: 0 }, () => true)
    const entries = [0, 10, 20].map((at) => {
      state.opening()
      const entry = state.opened({ alive: true }, at, 1_000, 0)
      state.give(entry, at)
      return entry
    })
    assert.deepStrictEqual(state.stale(45, 40), entries.slice(0, 1))
    assert.deepStrictEqual(state.stale(60, 40), entries.slice(0, 2), "one stays for min")
    assert.deepStrictEqual(state.stale(1_000, 40), entries, "too old is too old, min or not")
  })

  it("connections that do not end are replaced up to twice max", () => {
    const state = new State<Socket>({ max: 2, min: 0, minIdle: 0 }, () => true)
    const stuck = () => {
      state.wait(new Waiter<Socket>(100, () => {}), false)
      for (let n = state.demand(); n > 0; n--) {
        state.opening()
        const entry = state.opened({ alive: true }, 0, 100, 0)
        state.give(entry, 0)
        state.remove(entry)
      }
    }
    for (let n = 0; n < 10; n++) stuck()
    assert.strictEqual(state.retired, 4)
    assert.strictEqual(state.demand(), 0)
    state.ended()
    assert.strictEqual(state.demand(), 1)
  })
})
