/**
 * Several hosts behind one pool: which one is connected to, for how long one that failed is left alone, and what becomes
 * of the connections when the primary is another.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as EffectScope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as Hosts from "../src/Hosts.js"
import type * as Pool from "../src/Pool.js"
import * as Reason from "../src/Reason.js"
import * as SqlError from "../src/SqlError.js"
import { accounted, type FakeConnection, FakeServer, hold, query, reasonOf, refused, wrongPassword } from "./fake.js"

const primary: Hosts.Role = { isStandby: false, isReadOnly: false }
const standby: Hosts.Role = { isStandby: true, isReadOnly: true }
const readOnlyPrimary: Hosts.Role = { isStandby: false, isReadOnly: true }

/** A server with a role, and with what its connections call when it refuses to write. */
class Host extends FakeServer {
  asked = 0
  mute = false
  demoted: (() => void) | undefined = undefined

  constructor(readonly name: string, public role: Hosts.Role) {
    super()
  }
}

const [a, b, c] = ["a:1", "b:1", "c:1"] as const

const pool = (
  hosts: ReadonlyArray<Host>,
  config: Partial<Hosts.Options<FakeConnection, Host>> = {}
): Effect.Effect<Pool.Pool<FakeConnection>, SqlError.SqlError, EffectScope.Scope> =>
  Hosts.pool<FakeConnection, Host>({
    name: "orders",
    lazy: true,
    closeTimeout: 0,
    targetSessionAttrs: "primary",
    endpoints: hosts.map((host) => ({ label: host.name, endpoint: host })),
    connect: (host, demoted) => {
      host.demoted = demoted
      return host.mute ? Effect.zipRight(Effect.sync(() => host.attempts++), Effect.never) : host.connect
    },
    role: (connection) => Effect.sync(() => {
      const host = connection.server as Host
      host.asked++
      return host.role
    }),
    ...config
  })

/** What goes on in the background has its turn: resets, closings, sweeps. */
const calm = TestClock.adjust(1)

const hostOf = (connection: FakeConnection) => (connection.server as Host).name

const attempts = (hosts: ReadonlyArray<Host>) => hosts.map((host) => host.attempts)

/** So many connections at once, each to its host's name. */
const take = (pool: Pool.Pool<FakeConnection>, count: number) => Effect.all(Array.from({ length: count }, () => hold(pool)), { concurrency: "unbounded" })

const roleCases: ReadonlyArray<readonly [Hosts.TargetSessionAttrs, ReadonlyArray<Hosts.Role>, string]> = [
  ["any", [standby, primary], a],
  ["primary", [standby, primary], b],
  ["primary", [standby, readOnlyPrimary, primary], b],
  ["read-write", [standby, readOnlyPrimary, primary], c],
  ["read-only", [primary, readOnlyPrimary, standby], b],
  ["standby", [primary, readOnlyPrimary, standby], c],
  ["prefer-standby", [primary, standby], b],
  ["prefer-standby", [primary, readOnlyPrimary], a]
]

const named = (roles: ReadonlyArray<Hosts.Role>) => roles.map((role, index) => new Host([a, b, c][index]!, role))

describe("Hosts", () => {
  describe("which host is connected to", () => {
    for (const [target, roles, expected] of roleCases) {
      const words = roles.map((role) => role.isStandby ? "standby" : role.isReadOnly ? "read-only primary" : "primary").join(", ")
      it.scoped(`${target} among ${words} is ${expected}`, () =>
        Effect.gen(function*() {
          const hosts = named(roles)
          const orders = yield* pool(hosts, { targetSessionAttrs: target })
          const held = yield* hold(orders)
          assert.strictEqual(hostOf(held.connection), expected)
          yield* held.release
          // What was not wanted was closed again, in good order.
          assert.strictEqual(hosts.flatMap((host) => host.open).length, 1)
          for (const host of hosts) assert.deepStrictEqual(host.connections.flatMap((connection) => connection.closes).filter((how) => how !== "graceful"), [])
        }))
    }

    it.scoped("a server of whatever role is not asked for it", () =>
      Effect.gen(function*() {
        const hosts = named([standby, primary])
        const orders = yield* pool(hosts, { targetSessionAttrs: "any" })
        yield* hold(orders)
        assert.deepStrictEqual(hosts.map((host) => host.asked), [0, 0])
      }))

    it.scoped("loadBalanceHosts spreads the connections", () =>
      Effect.gen(function*() {
        const hosts = named([standby, standby, standby])
        const orders = yield* pool(hosts, { targetSessionAttrs: "standby", loadBalanceHosts: "random", max: 60 })
        yield* take(orders, 60)
        for (const host of hosts) assert.isAtLeast(host.open.length, 5)
        assert.strictEqual(hosts.reduce((sum, host) => sum + host.open.length, 0), 60)
      }))

    it.scoped("a host that refuses is passed over; a mute one takes its share of acquireTimeout and no more", () =>
      Effect.gen(function*() {
        const hosts = named([primary, primary, primary])
        hosts[0]!.down = refused
        hosts[1]!.mute = true
        const orders = yield* pool(hosts, { acquireTimeout: "20 seconds" })
        const fiber = yield* Effect.fork(hold(orders))
        yield* TestClock.adjust("8 seconds")
        assert.isNull(fiber.unsafePoll())
        yield* TestClock.adjust("1 second")
        assert.strictEqual(hostOf((yield* Fiber.join(fiber)).connection), c)
      }))

    it.scoped("a refused login is the answer: no other host is asked", () =>
      Effect.gen(function*() {
        const hosts = named([primary, primary])
        hosts[0]!.down = wrongPassword
        const orders = yield* pool(hosts)
        const reason = yield* reasonOf(hold(orders))
        assert.strictEqual(reason._tag, "AuthenticationError")
        assert.include(reason.message, a)
        assert.deepStrictEqual(attempts(hosts), [1, 0])
      }))

    it.scoped("when none will do, the error says what each host said", () =>
      Effect.gen(function*() {
        const hosts = named([standby, primary])
        hosts[1]!.down = refused
        const orders = yield* pool(hosts, { acquireTimeout: "1 second" })
        const fiber = yield* Effect.fork(reasonOf(hold(orders)))
        yield* TestClock.adjust("1 second")
        const reason = yield* Fiber.join(fiber)
        assert.strictEqual(reason._tag, "PoolTimeoutError")
        assert.include(reason.message, "no host is a primary: a:1 is a standby; b:1: connect ECONNREFUSED")
      }))

    it.scoped("what no second attempt can mend on any host fails at once", () =>
      Effect.gen(function*() {
        const hosts = named([primary, primary])
        for (const host of hosts) host.down = SqlError.make(new Reason.ConnectionError({ message: "certificate has expired", isRetryable: false }))
        const orders = yield* pool(hosts)
        const reason = yield* reasonOf(hold(orders))
        assert.strictEqual(reason._tag, "ConnectionError")
        assert.include(reason.message, "a:1: certificate has expired; b:1: certificate has expired")
      }))

    it.scoped("a host that dies while it is asked for its role is passed over and its connection destroyed", () =>
      Effect.gen(function*() {
        const hosts = named([primary, primary])
        const orders = yield* pool(hosts, {
          role: (connection) => (connection.server as Host).name === a ? Effect.fail(refused) : Effect.succeed(primary)
        })
        assert.strictEqual(hostOf((yield* hold(orders)).connection), b)
        assert.deepStrictEqual(hosts[0]!.connections.map((connection) => connection.closes), [["destroy"]])
      }))

    it.scoped("settings that cannot work are refused by name", () =>
      Effect.gen(function*() {
        const field = (config: Partial<Hosts.Options<FakeConnection, Host>>) => Effect.map(reasonOf(pool(named([primary]), config)), (reason) => reason._tag === "ConfigError" ? reason.field : reason._tag)
        // @ts-expect-error what JavaScript may say
        assert.strictEqual(yield* field({ targetSessionAttrs: "master" }), "targetSessionAttrs")
        // @ts-expect-error what JavaScript may say
        assert.strictEqual(yield* field({ loadBalanceHosts: true }), "loadBalanceHosts")
        assert.strictEqual(yield* field({ hostCoolDown: -1 }), "hostCoolDown")
        assert.strictEqual(yield* field({ endpoints: [] }), "hosts")
      }))

    it("a list of hosts is read, and what is none is refused by its place and not quoted", () => {
      assert.deepStrictEqual(Either.getOrThrow(Hosts.parse(["a", "b:3307", "[::1]:3308", "fe80::1", { host: "c" }, { host: "d", port: 1 }])), [
        { host: "a", port: undefined }, { host: "b", port: 3307 }, { host: "::1", port: 3308 }, { host: "fe80::1", port: undefined },
        { host: "c", port: undefined }, { host: "d", port: 1 }
      ])
      for (const wrong of ["", "a:", "a:b", "a:70000", "mysql://u:secret@a", "a,b", "a b", { host: "" }, { host: "a", port: 0.5 }]) {
        const read = Hosts.parse(["fine", wrong])
        assert.isTrue(Either.isLeft(read), JSON.stringify(wrong))
        if (Either.isLeft(read)) {
          assert.match(read.left.reason.message, /^hosts\[1\]/)
          assert.notInclude(read.left.message, "secret")
        }
      }
      assert.isTrue(Either.isLeft(Hosts.parse([])))
    })
  })

  describe("cool-down", () => {
    it.scoped("a host that failed is left alone for hostCoolDown, then tried first again", () =>
      Effect.gen(function*() {
        const hosts = named([standby, standby])
        hosts[0]!.down = refused
        const orders = yield* pool(hosts, { targetSessionAttrs: "standby", max: 10, hostCoolDown: "20 seconds" })
        yield* take(orders, 3)
        assert.deepStrictEqual(attempts(hosts), [1, 3])
        hosts[0]!.down = undefined
        yield* TestClock.adjust("19 seconds")
        yield* hold(orders)
        assert.deepStrictEqual(attempts(hosts), [1, 4])
        yield* TestClock.adjust("1 second")
        assert.strictEqual(hostOf((yield* hold(orders)).connection), a)
        assert.deepStrictEqual(attempts(hosts), [2, 4])
      }))

    it.scoped("it is 30 seconds by default", () =>
      Effect.gen(function*() {
        const hosts = named([standby, standby])
        hosts[0]!.refusals.push(refused)
        const orders = yield* pool(hosts, { targetSessionAttrs: "standby" })
        yield* take(orders, 2)
        yield* TestClock.adjust("29 seconds")
        yield* hold(orders)
        assert.strictEqual(hosts[0]!.attempts, 1)
        yield* TestClock.adjust("1 second")
        yield* hold(orders)
        assert.strictEqual(hosts[0]!.attempts, 2)
      }))

    it.scoped("when no other will do, a host that cools down is tried all the same", () =>
      Effect.gen(function*() {
        const hosts = named([primary, standby])
        hosts[0]!.refusals.push(refused)
        const orders = yield* pool(hosts)
        const fiber = yield* Effect.fork(hold(orders))
        // One backoff of the pool's, and no cool-down.
        yield* TestClock.adjust("1 second")
        assert.strictEqual(hostOf((yield* Fiber.join(fiber)).connection), a)
      }))

    it.scoped("a dead standby that is preferred does not delay those who take the primary", () =>
      Effect.gen(function*() {
        const hosts = named([standby, primary])
        hosts[0]!.mute = true
        const orders = yield* pool(hosts, { targetSessionAttrs: "prefer-standby", acquireTimeout: "10 seconds" })
        const first = yield* Effect.fork(hold(orders))
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(hostOf((yield* Fiber.join(first)).connection), b)
        // No time passes any more.
        const more = yield* take(orders, 3)
        assert.deepStrictEqual(more.map((held) => hostOf(held.connection)), [b, b, b])
        assert.strictEqual(hosts[0]!.attempts, 1)
      }))
  })

  describe("failover", () => {
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
})
