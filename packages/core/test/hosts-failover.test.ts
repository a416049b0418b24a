/**
 * Several hosts behind one pool: what becomes of the connections when the primary is another.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as EffectScope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { accounted, hold, query, refused } from "./fake.js"
import { a, attempts, b, c, calm, hostOf, named, pool, primary, standby, take } from "./fake-hosts.js"

describe("Hosts, failover", () => {
  const asleep = query("sleep 100")

  it.scoped("a server that refuses to write empties its pool, and the promoted one is found", () =>
    Effect.gen(function*() {
      const hosts = named([primary, standby])
      const orders = yield* pool(hosts, { max: 10 })
      const held = yield* take(orders, 4)
      yield* Effect.all([held[0]!.release, held[1]!.release])
      ;[hosts[0]!.role, hosts[1]!.role] = [standby, primary]
      hosts[0]!.demoted?.()
      yield* calm
      // Idle ones are gone at once, lent ones when they come back.
      assert.strictEqual(hosts[0]!.open.length, 2)
      assert.strictEqual((yield* orders.stats).idle, 0)
      const moved = yield* take(orders, 3)
      assert.deepStrictEqual(moved.map((one) => hostOf(one.connection)), [b, b, b])
      // The demoted one was not even asked: it cools down.
      assert.strictEqual(hosts[0]!.attempts, 4)
      yield* Effect.all([held[2]!.release, held[3]!.release])
      yield* calm
      assert.strictEqual(hosts[0]!.open.length, 0)
      for (const one of moved) yield* one.release
      yield* calm
      assert.strictEqual((yield* orders.stats).idle, 3)
    }))

  it.scoped("a late refusal of the server of before changes nothing", () =>
    Effect.gen(function*() {
      const hosts = named([primary, standby])
      const orders = yield* pool(hosts)
      const before = yield* hold(orders)
      const late = hosts[0]!.demoted
      hosts[0]!.demoted?.()
      yield* before.release
      // It is the primary all the same: the refusal was one of a moment.
      const fiber = yield* Effect.fork(hold(orders))
      yield* TestClock.adjust("1 second")
      const held = yield* Fiber.join(fiber)
      assert.strictEqual(hostOf(held.connection), a)
      yield* held.release
      late?.()
      yield* calm
      assert.strictEqual((yield* orders.stats).idle, 1)
    }))

  it.scoped("a primary that cannot be reached any more loses its idle connections when another has taken over", () =>
    Effect.gen(function*() {
      const hosts = named([primary, standby])
      const orders = yield* pool(hosts, { max: 4 })
      const held = yield* take(orders, 3)
      yield* held[0]!.release
      hosts[0]!.down = refused
      hosts[1]!.role = primary
      // The one that is idle serves as long as nobody knows better.
      const idle = yield* hold(orders)
      assert.strictEqual(hostOf(idle.connection), a)
      yield* idle.release
      const [again, moved] = yield* take(orders, 2)
      assert.strictEqual(hostOf(again!.connection), a)
      assert.strictEqual(hostOf(moved!.connection), b)
      for (const one of [again, held[1], held[2]]) yield* one!.release
      yield* calm
      assert.strictEqual(hosts[0]!.open.length, 0)
      assert.strictEqual(hosts[1]!.open.length, 1)
    }))

  it.scoped("one that comes back as a primary, too, is not gone to while the new one serves", () =>
    Effect.gen(function*() {
      const hosts = named([primary, standby])
      hosts[0]!.down = refused
      hosts[1]!.role = primary
      const orders = yield* pool(hosts)
      yield* hold(orders)
      hosts[0]!.down = undefined
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(hostOf((yield* hold(orders)).connection), b)
      assert.strictEqual(hosts[0]!.attempts, 1)
    }))

  it.scoped("several primaries that are balanced do not empty each other's pool", () =>
    Effect.gen(function*() {
      const hosts = named([primary, primary])
      const orders = yield* pool(hosts, { loadBalanceHosts: "random", max: 40 })
      const held = yield* take(orders, 40)
      for (const one of held) yield* one.release
      yield* calm
      assert.strictEqual((yield* orders.stats).idle, 40)
      hosts[0]!.demoted?.()
      yield* calm
      assert.strictEqual((yield* orders.stats).idle, hosts[1]!.open.length)
      assert.isAtLeast(hosts[1]!.open.length, 5)
    }))

  it.scoped("a standby that was promoted is found by the next connection, and those to it are closed", () =>
    Effect.gen(function*() {
      const hosts = named([standby, standby])
      const orders = yield* pool(hosts, { targetSessionAttrs: "standby" })
      const held = yield* take(orders, 2)
      yield* held[0]!.release
      hosts[0]!.role = primary
      yield* hold(orders)
      assert.strictEqual(hostOf((yield* hold(orders)).connection), b)
      yield* held[1]!.release
      yield* calm
      // The one that was idle when the promotion was found out is lent: it is closed when it comes back.
      assert.strictEqual(hosts[0]!.open.length, 1)
    }))

  it.scoped("a connecting that was under way while its server lost the role is not lent", () =>
    Effect.gen(function*() {
      const hosts = named([primary, standby])
      const orders = yield* pool(hosts)
      const held = yield* hold(orders)
      hosts[0]!.connectTime = 100
      const fiber = yield* Effect.fork(hold(orders))
      yield* TestClock.adjust(50)
      ;[hosts[0]!.role, hosts[1]!.role] = [standby, primary]
      hosts[0]!.demoted?.()
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(hostOf((yield* Fiber.join(fiber)).connection), b)
      yield* held.release
      yield* calm
      assert.strictEqual(hosts[0]!.open.length, 0)
    }))

  it.scoped("twenty borrowers at once ask each host once, and wait for no more than its answer", () =>
    Effect.gen(function*() {
      const hosts = named([standby, standby, primary])
      for (const host of hosts) host.connectTime = 10
      const orders = yield* pool(hosts, { max: 20 })
      const fiber = yield* Effect.fork(take(orders, 20))
      yield* TestClock.adjust(40)
      const held = yield* Fiber.join(fiber)
      assert.deepStrictEqual(held.map((one) => hostOf(one.connection)), held.map(() => c))
      assert.deepStrictEqual(attempts(hosts), [1, 1, 20])
    }))

  it.scoped("borrowers that are interrupted while a host is asked leave nothing behind, and the next one is served", () =>
    Effect.gen(function*() {
      const hosts = named([primary, standby])
      hosts[0]!.connectTime = 100
      const orders = yield* pool(hosts, { max: 5 })
      const fibers = yield* Effect.all(Array.from({ length: 5 }, () => Effect.fork(orders.use((connection) => connection.execute(asleep)))))
      yield* TestClock.adjust(50)
      yield* Fiber.interruptAll(fibers)
      yield* TestClock.adjust("1 second")
      yield* Effect.fork(orders.use((connection) => connection.ping))
      yield* TestClock.adjust("1 second")
      yield* accounted(hosts[0]!, orders)
      assert.strictEqual(hosts[1]!.attempts, 0)
    }))

  it.scoped("a pool that closes while a host is asked closes what it had got", () =>
    Effect.gen(function*() {
      const hosts = named([primary, standby])
      hosts[1]!.mute = true
      const scope = yield* EffectScope.make()
      const orders = yield* EffectScope.extend(pool(hosts, { targetSessionAttrs: "prefer-standby", cancelTimeout: 100 }), scope)
      const borrower = yield* Effect.fork(Effect.exit(Effect.scoped(orders.get)))
      yield* calm
      // A primary is there already, and the standby is waited for.
      assert.deepStrictEqual(hosts.map((host) => host.open.length), [1, 0])
      const closing = yield* Effect.fork(EffectScope.close(scope, Exit.void))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(borrower)))
      assert.deepStrictEqual(hosts.flatMap((host) => host.open), [])
    }))
})
