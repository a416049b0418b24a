/**
 * Several hosts behind one pool: which one is connected to, and for how long one that failed is left alone.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as Hosts from "../src/Hosts.js"
import * as Reason from "../src/Reason.js"
import * as SqlError from "../src/SqlError.js"
import { type FakeConnection, hold, reasonOf, refused, wrongPassword } from "./fake.js"
import { a, attempts, b, c, Host, hostOf, named, pool, primary, readOnlyPrimary, standby, take } from "./fake-hosts.js"

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
})
