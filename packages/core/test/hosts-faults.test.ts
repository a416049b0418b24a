/**
 * Several hosts under whatever happens: borrowers, interruptions, hosts that die, come back and exchange their roles, in any
 * order. Nobody hangs, no connection is lost, and the pool heals.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as EffectScope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as fc from "effect/FastCheck"
import type * as Hosts from "../src/Hosts.js"
import { query, refused } from "./fake.js"
import { named, pool as overHosts, primary, standby } from "./fake-hosts.js"

describe("Hosts, whatever happens", () => {
  type Step =
    | { readonly kind: "borrow"; readonly host: number; readonly ms: number }
    | { readonly kind: "interrupt" | "kill" | "start" | "promote" | "refuse"; readonly host: number; readonly ms: number }

  const steps: fc.Arbitrary<ReadonlyArray<Step>> = fc.array(
    fc.record({
      kind: fc.constantFrom("borrow", "borrow", "borrow", "interrupt", "kill", "start", "promote", "refuse"),
      host: fc.nat(2),
      ms: fc.nat(40)
    }),
    { minLength: 5, maxLength: 40 }
  )

  const walk = (program: ReadonlyArray<Step>, target: Hosts.TargetSessionAttrs, balance: "disable" | "random") =>
    Effect.gen(function*() {
      const hosts = named([primary, standby, standby])
      for (const [index, host] of hosts.entries()) {
        host.connectTime = 3 + index
        host.settleTime = 2
      }
      const scope = yield* EffectScope.make()
      const pool = yield* EffectScope.extend(overHosts(hosts, { targetSessionAttrs: target, loadBalanceHosts: balance, max: 4, acquireTimeout: 200, hostCoolDown: 50 }), scope)
      const fibers: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
      for (const { host, kind, ms } of program) {
        const one = hosts[host]!
        if (kind === "borrow") fibers.push(yield* Effect.fork(Effect.exit(pool.use((connection) => connection.execute(query(`sleep ${ms}`))))))
        else if (kind === "interrupt" && fibers.length > 0) yield* Fiber.interruptFork(fibers[host % fibers.length]!)
        else if (kind === "kill") {
          one.down = refused
          for (const connection of one.connections) connection.isDead = true
        } else if (kind === "start") one.down = undefined
        else if (kind === "promote") for (const other of hosts) other.role = other === one ? primary : standby
        else if (kind === "refuse") one.demoted?.()
        yield* TestClock.adjust(ms)
      }
      yield* TestClock.adjust("2 seconds")
      // Every borrower has its answer within acquireTimeout and its own work: none hangs.
      for (const fiber of fibers) assert.isNotNull(fiber.unsafePoll())
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.lent, stats.waiting, stats.retired], [0, 0, 0])
      assert.deepStrictEqual(hosts.flatMap((host) => host.violations), [])
      assert.strictEqual(stats.size - stats.connecting, hosts.reduce((sum, host) => sum + host.open.length, 0))
      // When the cluster is whole again, it serves.
      for (const [index, host] of hosts.entries()) {
        host.down = undefined
        host.role = index === 1 ? primary : standby
        host.demoted?.()
      }
      const after = yield* Effect.fork(Effect.exit(pool.use((connection) => Effect.succeed(connection.server))))
      yield* TestClock.adjust("2 seconds")
      const exit = yield* Fiber.join(after)
      assert.isTrue(Exit.isSuccess(exit), Exit.isFailure(exit) ? String(exit.cause) : "")
      if (target === "primary" && Exit.isSuccess(exit)) assert.strictEqual(exit.value, hosts[1])
      const closing = yield* Effect.fork(EffectScope.close(scope, Exit.void))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(hosts.flatMap((host) => host.open), [])
    })

  for (const [target, balance] of [["primary", "disable"], ["primary", "random"], ["standby", "random"], ["prefer-standby", "disable"]] as const) {
    it.effect.prop(`${target}, ${balance}: no borrower hangs, no connection is lost, and the pool heals`, [steps], ([program]) => walk(program, target, balance), {
      fastCheck: { numRuns: 10 }
    })
  }
})
